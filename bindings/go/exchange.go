package wsgiserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"wsgiserver/internal/native"
)

// ErrRequestEnded is what a ResponseWriter or a body returns after its handler has returned, or when
// the server has stopped and cut the request.
var ErrRequestEnded = errors.New("wsgiserver: the request has ended")

// exchange is a request that is out at its handler, until it is answered.
type exchange struct {
	engine  *engine
	conn    *conn
	id      native.Request
	record  native.Record
	began   time.Time // only if there are timeouts
	context requestContext

	// The library lets one thread at a time use a request.
	mu      sync.Mutex
	ended   bool
	listens bool // it is in engine.waiting

	readable, writable       chan struct{} // made by listen
	readDeadline, writeLimit deadline

	body   *body // nil: none
	isApp  bool
	script int // so much of the path has gone to SCRIPT_NAME
	writer response
}

func newExchange(e *engine, c *conn, record native.Record) *exchange {
	x := &exchange{engine: e, conn: c, id: record.Request(), record: record.Copy()}
	x.context.exchange = x
	x.writer.exchange = x
	return x
}

// serve runs the handler, on a goroutine of its own.
func (x *exchange) serve() {
	e := x.engine
	defer x.end()
	x.setTimeouts()
	request, err := x.request()
	if e.server.ConnState != nil {
		e.tellState(x.conn, http.StateActive)
		if err == nil && !request.Close { // else its connection is never idle
			e.remember(x.conn, x.id)
			x.call(func() native.Status { return e.native.WatchReleased(x.id) })
		}
	}
	if err != nil {
		x.refuse()
		return
	}
	w := &x.writer
	w.prepare(request)
	defer x.removeFiles(request)
	defer x.recover()
	x.chooseHandler(request).ServeHTTP(w, request)
	x.takeBack()
	if !x.isApp {
		if !x.discardBody() {
			w.announceEnd()
		}
		w.finish()
	}
}

func (x *exchange) chooseHandler(r *http.Request) http.Handler {
	e := x.engine
	if r.RequestURI == "*" && r.Method == "OPTIONS" && !e.takesAnyTarget &&
		!e.server.DisableGeneralOptionsHandler {
		return generalOptions
	}
	return e.handler
}

// takeBack is when the handler has returned: what it has left waiting for the client in a Read or Write
// returns with an error, and nothing but the exchange itself uses the request from then on.
func (x *exchange) takeBack() {
	if x.body != nil {
		x.body.takeBack()
	}
	x.writer.takeBack()
}

// removeFiles removes what ParseMultipartForm has put on the disk, as net/http does. After Hijack there is
// no end of the request that would be known here.
func (x *exchange) removeFiles(r *http.Request) {
	if r.MultipartForm != nil && !x.writer.hijacked {
		r.MultipartForm.RemoveAll()
	}
}

// discardBody: false if the connection cannot be kept.
func (x *exchange) discardBody() bool {
	return x.body == nil || x.body.discard()
}

func (x *exchange) setTimeouts() {
	limits := &x.engine.timeouts
	if limits.read == 0 && limits.write == 0 {
		return
	}
	now := time.Now()
	if limits.read > 0 {
		x.readDeadline.set(now.Add(limits.read))
	}
	if limits.write > 0 {
		x.writeLimit.set(now.Add(limits.write))
	}
}

// refuse answers a target that is no URL as net/http does.
func (x *exchange) refuse() {
	head := []byte("400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n")
	x.finally(func() native.Status { return x.engine.native.Respond(x.id, head, []byte("400 Bad Request")) })
}

// recover is for the end of a handler: one that panics cuts the connection, as in net/http.
func (x *exchange) recover() {
	reason := recover()
	if reason == nil {
		if !x.writer.finished {
			x.takeBack()
			x.cut() // runtime.Goexit
		}
		return
	}
	x.takeBack()
	if reason != http.ErrAbortHandler {
		stack := make([]byte, 64<<10)
		stack = stack[:runtime.Stack(stack, false)]
		x.engine.server.logf("http: panic serving %v: %v\n%s", x.conn.remote, reason, stack)
	}
	x.cut()
}

// cut ends the connection without (the rest of) an answer. The library's own way would be a 500 where
// nothing was sent, which is what a WSGI application that fails gets.
func (x *exchange) cut() {
	if x.writer.hijacked {
		return
	}
	if !x.writer.started && !x.isApp {
		if stream, status := x.hijack(); status == native.OK {
			stream.Free()
			return
		}
	}
	x.abort()
}

func (x *exchange) abort() {
	x.finally(func() native.Status { return x.engine.native.Abort(x.id) })
}

func (x *exchange) hijack() (*native.Stream, native.Status) {
	var stream *native.Stream
	status := x.call(func() (status native.Status) {
		if stream, status = x.engine.native.Hijack(x.id); status == native.OK {
			x.ended = true
		}
		return status
	})
	return stream, status
}

// end is when the handler has returned: nothing may be done with the request any more. One that could
// not be answered is given up.
func (x *exchange) end() {
	x.abort()
	x.mu.Lock()
	x.ended = true
	listens := x.listens
	x.mu.Unlock()
	x.writer.release()
	x.context.end()
	if listens {
		x.readDeadline.end(ErrRequestEnded)
		x.writeLimit.end(ErrRequestEnded)
		x.engine.mu.Lock()
		delete(x.engine.waiting, x.id)
		x.engine.mu.Unlock()
	}
}

// call calls the library for this request: the others wait meanwhile.
func (x *exchange) call(f func() native.Status) native.Status {
	const spins, pause = 64, 20 * time.Microsecond
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.engine.use() {
		return native.Gone
	}
	defer x.engine.unuse()
	for tries := 0; ; tries++ {
		if x.ended {
			return native.Gone
		}
		native.Collect()
		status := f()
		native.Collect()
		if status != native.Busy {
			return status
		}
		// The library looks at the connection, which takes no longer than a system call or two.
		if tries < spins {
			runtime.Gosched()
		} else {
			time.Sleep(pause)
		}
	}
}

// finally is a call that ends the request if it succeeds.
func (x *exchange) finally(f func() native.Status) native.Status {
	return x.call(func() native.Status {
		status := f()
		if status == native.OK || status == native.Gone {
			x.ended = true
		}
		return status
	})
}

// listen sees to it that events come. What has happened before is lost, so the call that said Again is
// to be made once more.
func (x *exchange) listen() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.listens || x.ended {
		return
	}
	x.readable, x.writable = make(chan struct{}, 1), make(chan struct{}, 1)
	x.listens = true
	x.engine.mu.Lock()
	x.engine.waiting[x.id] = x
	x.engine.mu.Unlock()
}

// until makes a call as often as it says Again, waiting for the event in between.
func (x *exchange) until(limit *deadline, writes bool, f func() native.Status) (native.Status, error) {
	for first := true; ; first = false {
		if err := limit.passed(); err != nil {
			return native.TimedOut, err
		}
		status := x.call(f)
		if status != native.Again {
			return status, nil
		}
		if first {
			x.listen()
			continue
		}
		ready := x.readable
		if writes {
			ready = x.writable
		}
		if err := limit.wait(ready, x.engine.stopped); err != nil {
			return native.TimedOut, err
		}
	}
}

// problem makes an error of what a call has returned while the client was read from ("read") or
// written to ("write").
func (x *exchange) problem(doing string, status native.Status) error {
	switch status {
	case native.OK:
		return nil
	case native.Gone, native.Stopping, native.BadState:
		return ErrRequestEnded
	case native.ClientGone:
		x.context.end()
		return x.opError(doing, os.NewSyscallError(doing, syscall.EPIPE))
	case native.BadLength:
		return http.ErrContentLength
	case native.TimedOut:
		x.context.end() // the library cuts a client that makes no progress
		return x.opError(doing, os.ErrDeadlineExceeded)
	}
	return fmt.Errorf("wsgiserver: %s: %w", doing, status.Err())
}

// opError is what net gives for a connection.
func (x *exchange) opError(doing string, err error) error {
	view := x.conn.view
	return &net.OpError{Op: doing, Net: view.remote.Network(), Source: view.local, Addr: view.remote, Err: err}
}

// late is the error of what has not come about by its deadline, or by the request's end.
func (x *exchange) late(doing string, err error) error {
	if err == os.ErrDeadlineExceeded {
		return x.opError(doing, err)
	}
	return err
}

var generalOptions = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "0")
	if r.ContentLength != 0 {
		// As net/http does: a body here has no meaning, and a little of it is read.
		const most = 4 << 10
		io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, most))
	}
})
