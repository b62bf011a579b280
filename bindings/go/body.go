package wsgiserver

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"sync"
	"sync/atomic"
	"time"

	"wsgiserver/internal/native"
)

var errBadBody = errors.New("http: invalid request body")

// body is a request's body: read from the client as the handler asks for it. The first read sends
// "100 Continue" to a client that waits for it.
type body struct {
	exchange *exchange
	request  *http.Request // for its trailers
	closed   atomic.Bool   // by the handler
	ended    atomic.Bool   // the handler has returned

	mu  sync.Mutex // one read at a time
	err error      // what all further reads return
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed.Load():
		return 0, http.ErrBodyReadAfterClose
	case b.ended.Load():
		return 0, ErrRequestEnded
	}
	return b.read(p)
}

// read is Read with the lock held.
func (b *body) read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	x := b.exchange
	count := 0
	status, err := x.until(&x.readDeadline, false, func() (status native.Status) {
		count, status = x.engine.native.Read(x.id, p)
		return status
	})
	if err != nil {
		return 0, x.late("read", err) // a deadline may be moved
	}
	if count > 0 {
		return count, nil
	}
	b.err = b.reason(status)
	return 0, b.err
}

// reason why there is nothing more.
func (b *body) reason(status native.Status) error {
	switch status {
	case native.OK:
		b.takeTrailers()
		return io.EOF
	case native.ClientGone:
		b.exchange.context.end()
		return io.ErrUnexpectedEOF
	case native.BodyTooLarge:
		return &http.MaxBytesError{Limit: b.exchange.engine.maxBody}
	case native.BadBody:
		return errBadBody
	}
	return b.exchange.problem("read", status)
}

func (b *body) takeTrailers() {
	if b.request.ContentLength >= 0 {
		return
	}
	x := b.exchange
	var found [][2]string
	x.call(func() (status native.Status) {
		found, status = x.engine.native.Trailers(x.id)
		return status
	})
	for _, field := range found {
		if b.request.Trailer == nil {
			b.request.Trailer = http.Header{}
		}
		name := textproto.CanonicalMIMEHeaderKey(field[0])
		b.request.Trailer[name] = append(b.request.Trailer[name], field[1])
	}
}

// Close ends the reading, also a Read that waits; what is left of the body is the library's to read or to
// refuse.
func (b *body) Close() error {
	b.closed.Store(true)
	b.exchange.readDeadline.end(http.ErrBodyReadAfterClose)
	return nil
}

// takeBack is when the handler has returned.
func (b *body) takeBack() {
	b.ended.Store(true)
	b.exchange.readDeadline.end(ErrRequestEnded)
}

// leftTime is how long an answer waits for the rest of a chunked body that the handler has left.
const leftTime = 500 * time.Millisecond

// discard reads the rest of a chunked body that the handler has left, so that the connection can be
// kept, as net/http does: only a little of it, none of one that the client still holds back, and none if
// the connection closes anyway. One of known length is thrown away by the library when it comes. False if
// more is to come: then the answer says that the connection ends.
func (b *body) discard() bool {
	const most = 256 << 10
	if b.request.ContentLength >= 0 || b.request.Close || hasToken(b.request.Header["Expect"], "100-continue") {
		return true
	}
	b.takeBack()
	b.mu.Lock() // a Read that waited has returned
	defer b.mu.Unlock()
	b.exchange.readDeadline.reopen()
	b.exchange.readDeadline.bound(time.Now().Add(leftTime))
	_, err := io.CopyN(io.Discard, readerFunc(b.read), most)
	return err == io.EOF
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
