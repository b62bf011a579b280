package wsgiserver

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
)

// response is the http.ResponseWriter. As in net/http one goroutine uses it at a time; the body may be
// read at the same time, and after the handler's return its methods return errors.
type response struct {
	exchange *exchange

	// The handler's calls hold it. When left is set only the exchange's own goroutine uses the rest, and
	// does not lock.
	mu      sync.Mutex
	left    bool
	isHead  bool
	header  http.Header
	buffers *buffers // from WriteHeader to the handler's return

	status      int
	wroteHeader bool
	facts       headFacts
	written     int64 // what the handler has written
	started     bool  // the library has the head
	finished    bool  // nothing more may come
	hijacked    bool
	err         error // of an earlier write
}

func (w *response) prepare(r *http.Request) {
	w.isHead = r.Method == "HEAD"
	w.header = make(http.Header)
}

// takeBack is when the handler has returned: a call of it that waits for the client returns, and later
// ones are errors.
func (w *response) takeBack() {
	limit := &w.exchange.writeLimit
	waits := !w.mu.TryLock()
	if waits {
		limit.end(ErrRequestEnded)
		w.mu.Lock()
	}
	w.left = true
	w.mu.Unlock()
	if waits {
		limit.reopen()
	}
}

// release gives back the buffers.
func (w *response) release() {
	w.finished = true
	if buffers := w.buffers; buffers != nil {
		w.buffers = nil
		buffers.head, buffers.body = buffers.head[:0], buffers.body[:0]
		spareBuffers.Put(buffers)
	}
}

// Header is http.ResponseWriter's.
func (w *response) Header() http.Header { return w.header }

// WriteHeader is http.ResponseWriter's: what is in the header now is sent with the first piece of the
// body. A code of 1xx is sent at once.
func (w *response) WriteHeader(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		w.complain("response.WriteHeader on hijacked connection")
	case w.left || w.finished:
		w.complain("response.WriteHeader after the end of the request")
	case w.wroteHeader:
		w.complain("superfluous response.WriteHeader call")
	case code < 100 || code > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", code))
	case code < 200 && code != http.StatusSwitchingProtocols:
		w.exchange.inform(code, w.header)
	default:
		w.writeHeader(code)
	}
}

func (w *response) writeHeader(code int) {
	w.wroteHeader = true
	w.status = code
	w.buffers = spareBuffers.Get().(*buffers)
	w.buffers.head = writeHead(w.buffers.head, code, w.header, &w.facts, w.exchange.engine.server.logf)
	if !w.facts.closes && code != http.StatusSwitchingProtocols && w.exchange.engine.server.keepsNone.Load() {
		w.facts.closes = true
		w.buffers.head = appendField(w.buffers.head, "Connection", "close")
	}
}

// announceEnd: the connection is not kept, which the head says if it can still say something.
func (w *response) announceEnd() {
	if w.hijacked || w.finished || w.started {
		return
	}
	if !w.wroteHeader {
		w.writeHeader(http.StatusOK)
	}
	if w.status != http.StatusSwitchingProtocols {
		w.buffers.head = appendField(w.buffers.head, "Connection", "close")
	}
}

// complain says who did it.
func (w *response) complain(what string) {
	from := "?"
	var callers [8]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "wsgiserver.") {
			from = fmt.Sprintf("%s (%s:%d)", frame.Function, frame.File, frame.Line)
			break
		}
		if !more {
			break
		}
	}
	w.exchange.engine.server.logf("http: %s from %s", what, from)
}

// Write is http.ResponseWriter's.
func (w *response) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ok, err := w.mayWrite(len(p)); !ok {
		return 0, err
	}
	if len(w.buffers.body)+len(p) <= bufferSize {
		w.buffers.body = append(w.buffers.body, p...)
		return len(p), nil
	}
	if err := w.push(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString is io.StringWriter's.
func (w *response) WriteString(s string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ok, err := w.mayWrite(len(s)); !ok {
		return 0, err
	}
	if len(w.buffers.body)+len(s) <= bufferSize {
		w.buffers.body = append(w.buffers.body, s...)
		return len(s), nil
	}
	if err := w.push([]byte(s)); err != nil {
		return 0, err
	}
	return len(s), nil
}

// mayWrite: false if nothing is to be written; the error says why, if there is a reason.
func (w *response) mayWrite(length int) (bool, error) {
	switch {
	case w.hijacked:
		return false, http.ErrHijacked
	case w.left || w.finished:
		return false, ErrRequestEnded
	}
	if !w.wroteHeader {
		w.writeHeader(http.StatusOK)
	}
	if length == 0 {
		return false, nil
	}
	if !bodyAllowed(w.status) {
		return false, http.ErrBodyNotAllowed
	}
	w.written += int64(length)
	if w.facts.contentLength >= 0 && w.written > w.facts.contentLength {
		return false, http.ErrContentLength
	}
	return w.err == nil, w.err
}
