package wsgiserver

import (
	"net/http"
	"strings"

	"wsgiserver/internal/native"
)

// pieceSize bounds what the library keeps of an answer whose client is slow.
const pieceSize = 256 << 10

// push sends the buffer and what does not fit in it.
func (w *response) push(p []byte) error {
	if w.isHead {
		return w.pushHead(p)
	}
	if len(w.buffers.body) > 0 {
		fits := bufferSize - len(w.buffers.body)
		w.buffers.body = append(w.buffers.body, p[:fits]...)
		p = p[fits:]
		if err := w.sendBuffer(); err != nil {
			return err
		}
	}
	for len(p) >= bufferSize {
		piece := p
		if len(piece) > pieceSize {
			piece = piece[:pieceSize]
		}
		if err := w.send(piece); err != nil {
			return err
		}
		p = p[len(piece):]
	}
	w.buffers.body = append(w.buffers.body, p...)
	return nil
}

// pushHead: the answer to HEAD keeps as much as it takes to guess the type.
func (w *response) pushHead(p []byte) error {
	w.buffers.body = append(w.buffers.body, p[:bufferSize-len(w.buffers.body)]...)
	return nil
}

func (w *response) sendBuffer() error {
	if w.isHead || len(w.buffers.body) == 0 {
		return w.start()
	}
	err := w.send(w.buffers.body)
	w.buffers.body = w.buffers.body[:0]
	return err
}

// start gives the library the head, without a piece of the body.
func (w *response) start() error {
	if w.started || w.err != nil {
		return w.err
	}
	if w.isLate() {
		return w.err
	}
	w.guessType()
	w.started = true
	x := w.exchange
	return w.note(x.call(func() native.Status { return x.engine.native.Start(x.id, w.buffers.head, false) }))
}

// send sends a piece of the body; waits while the client does not take it.
func (w *response) send(data []byte) error {
	if w.err != nil {
		return w.err
	}
	x := w.exchange
	if !w.started {
		if w.isLate() {
			return w.err
		}
		if len(w.buffers.body) == 0 {
			w.guessTypeOf(data)
		} else {
			w.guessType()
		}
		w.started = true
		status := x.call(func() native.Status {
			return x.engine.native.StartAndWrite(x.id, w.buffers.head, data)
		})
		if status != native.Again {
			return w.note(status)
		}
	}
	status, err := x.until(&x.writeLimit, true, func() native.Status {
		return x.engine.native.Write(x.id, data)
	})
	if err != nil {
		w.err = x.late("write", err)
		x.context.end()
		return w.err
	}
	return w.note(status)
}

// isLate notes that the deadline has passed; then not even a head is sent.
func (w *response) isLate() bool {
	if err := w.exchange.writeLimit.passed(); err != nil {
		w.err = w.exchange.late("write", err)
		w.exchange.context.end()
		return true
	}
	return false
}

// note keeps what went wrong: all that comes later fails with it.
func (w *response) note(status native.Status) error {
	if status == native.OK {
		return nil
	}
	w.err = w.exchange.problem("write", status)
	if status == native.BadHeader {
		w.exchange.engine.server.logf("http: the head of a response cannot be sent: %q", w.buffers.head)
	}
	return w.err
}

func (w *response) guessType() { w.guessTypeOf(w.buffers.body) }

// guessTypeOf completes the head with a Content-Type, as net/http does.
func (w *response) guessTypeOf(data []byte) {
	if w.facts.hasType || w.facts.hasEncoding || len(data) == 0 || !bodyAllowed(w.status) {
		return
	}
	w.facts.hasType = true
	w.buffers.head = appendField(w.buffers.head, "Content-Type", http.DetectContentType(data))
}

// finish completes the answer when the handler has returned.
func (w *response) finish() {
	if w.hijacked || w.finished {
		return
	}
	x := w.exchange
	if !w.wroteHeader {
		w.writeHeader(http.StatusOK)
	}
	w.finished = true
	if w.facts.closes && x.engine.server.ConnState != nil {
		x.engine.forget(x.id) // it is never idle
	}
	trailers := w.trailers()
	library := x.engine.native
	small := w.written <= smallAnswer && !w.facts.isUnsized || w.facts.contentLength >= 0
	switch {
	case w.err != nil || x.writeLimit.passed() != nil:
		x.cut()
	case w.started || len(trailers) > 0 || len(w.facts.trailers) > 0:
		w.finishStream(trailers)
	case !bodyAllowed(w.status) || w.isHead && (w.written == 0 || !small):
		if w.start() != nil {
			x.abort()
			return
		}
		x.finally(func() native.Status { return library.Finish(x.id) })
	case small:
		w.guessType()
		status := x.finally(func() native.Status {
			return library.Respond(x.id, w.buffers.head, w.buffers.body)
		})
		if status == native.BadHeader {
			w.note(status)
		}
	default:
		w.finishChunked()
	}
}

// finishChunked sends an answer that is in the buffer as a whole, but too long for a length.
func (w *response) finishChunked() {
	x := w.exchange
	w.guessType()
	status := x.finally(func() native.Status {
		return x.engine.native.StartWriteAndFinish(x.id, w.buffers.head, w.buffers.body)
	})
	if status == native.Again {
		w.started = true
		w.finishStream(nil)
	}
}

func (w *response) finishStream(trailers [][2]string) {
	x := w.exchange
	if w.sendBuffer() != nil {
		x.abort()
		return
	}
	for _, field := range trailers {
		x.call(func() native.Status {
			return x.engine.native.AddTrailer(x.id, field[0], field[1])
		})
	}
	x.finally(func() native.Status { return x.engine.native.Finish(x.id) })
}

// trailers: those that were announced and have got a value, and those with http.TrailerPrefix.
func (w *response) trailers() [][2]string {
	var all [][2]string
	add := func(name string, values []string) {
		for _, value := range values {
			all = append(all, [2]string{name, string(appendValue(nil, value))})
		}
	}
	for _, name := range w.facts.trailers {
		add(name, w.header[name])
	}
	for name, values := range w.header {
		if rest := strings.TrimPrefix(name, http.TrailerPrefix); rest != name {
			add(rest, values)
		}
	}
	return all
}

// Flush is http.Flusher's.
func (w *response) Flush() { w.FlushError() }

// FlushError is Flush for http.ResponseController. What the client does not take now goes out by
// itself.
func (w *response) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.left || w.finished:
		return ErrRequestEnded
	}
	if !w.wroteHeader {
		w.writeHeader(http.StatusOK)
	}
	if err := w.sendBuffer(); err != nil {
		return err
	}
	if w.isLate() {
		return w.err
	}
	x := w.exchange
	status := x.call(func() native.Status { return x.engine.native.Flush(x.id) })
	if status == native.Again {
		return nil
	}
	return w.note(status)
}
