package wsgiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"wsgiserver/internal/native"
)

// App is a WSGI application (PEP 3333) in Go, and an http.Handler: it looks at the environ, begins the
// answer with start, and returns the body, which is sent piece by piece and then closed. It can only be
// served by this package, also behind middleware for net/http.
type App func(env *Environ, start StartResponse) Body

// Header is one header of a WSGI response.
type Header struct{ Name, Value string }

// StartResponse begins the answer: a status like "200 OK" and headers, checked by the library. A
// restart (WSGI's exc_info) is the error because of which another answer takes the place of the one
// that was begun; once the head was sent it is returned. The Write sends a piece at once, and an
// application that can, returns a Body instead.
type StartResponse func(status string, headers []Header, restart ...error) (Write, error)

// Write sends a piece of the body.
type Write func(piece []byte) error

// Body is what an App returns, WSGI's iterable: Next gives the pieces, then io.EOF. Any other error is
// the application's failure: the client gets 500 if nothing was sent, else it is cut. A Body that is an
// io.Closer is closed in any case. nil is an empty one.
type Body interface {
	Next() ([]byte, error)
}

// ErrInterrupt as a Body's error asks the server to shut down; so does one that wraps it.
var ErrInterrupt = errors.New("wsgiserver: the application asks for the end")

// ServeHTTP runs the application.
func (a App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, ok := r.Context().Value(exchangeKey).(*exchange)
	if !ok {
		panic("wsgiserver: an App can only be served by this package")
	}
	x.isApp = true
	x.writer.takeBack() // the answer does not go through net/http's writer
	x.writer.finished = true
	call := &appCall{exchange: x}
	body := a(&Environ{exchange: x, request: r}, call.start)
	call.end(call.serve(body))
}

// takesAnyTarget: WSGI has no notion of a target that is no URL, so its applications get all.
func takesAnyTarget(handler http.Handler) bool {
	switch handler.(type) {
	case App, *PathInfoDispatcher:
		return true
	}
	return false
}

// appCall is one call of an application.
type appCall struct {
	exchange *exchange
	head     []byte
	begun    bool // a piece was sent
}

func (c *appCall) start(status string, headers []Header, restart ...error) (Write, error) {
	head := append([]byte(status), "\r\n"...)
	for _, header := range headers {
		if strings.ContainsAny(header.Name+header.Value, "\r\n") {
			return nil, fmt.Errorf("wsgiserver: a line end in the header %q", header.Name)
		}
		head = append(head, header.Name...)
		head = append(head, ": "...)
		head = append(head, header.Value...)
		head = append(head, "\r\n"...)
	}
	again := len(restart) > 0 && restart[0] != nil
	if result := c.begin(head, again); result != native.OK {
		if again {
			return nil, restart[0]
		}
		return nil, &native.Error{Status: result, Message: "start_response: " + result.Name()}
	}
	c.head = head
	return c.write, nil
}

func (c *appCall) begin(head []byte, again bool) native.Status {
	x := c.exchange
	return x.call(func() native.Status { return x.engine.native.Start(x.id, head, again) })
}

// serve sends the body and closes it.
func (c *appCall) serve(body Body) (err error) {
	if body == nil {
		return nil
	}
	if closer, ok := body.(io.Closer); ok {
		defer func() {
			if closeErr := closer.Close(); err == nil {
				err = closeErr
			}
		}()
	}
	if err := c.declare(body); err != nil {
		return err
	}
	for {
		piece, err := body.Next()
		if writeErr := c.write(piece); writeErr != nil {
			return writeErr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// declare: as PEP 3333 has it, the length of a body of one piece is told, if the application has not.
func (c *appCall) declare(body Body) error {
	only, ok := body.(interface{ only() (length int, ok bool) })
	if !ok || c.begun || c.head == nil {
		return nil
	}
	length, ok := only.only()
	if !ok || strings.Contains(strings.ToLower(string(c.head)), "\ncontent-length:") {
		return nil
	}
	c.head = appendField(c.head, "Content-Length", strconv.Itoa(length))
	if c.begin(c.head, true) == native.BadHeader {
		return errors.New("wsgiserver: this answer can have no body")
	}
	return nil
}

func (c *appCall) write(piece []byte) error {
	x := c.exchange
	for len(piece) > 0 {
		part := piece
		if len(part) > pieceSize {
			part = part[:pieceSize]
		}
		c.begun = true
		status, err := x.until(&x.writeLimit, true, func() native.Status {
			return x.engine.native.Write(x.id, part)
		})
		if err == nil {
			err = x.problem("write", status)
		}
		if err != nil {
			return err
		}
		piece = piece[len(part):]
	}
	return nil
}

// end completes the answer, or gives it up.
func (c *appCall) end(err error) {
	x := c.exchange
	if err == nil {
		if !x.discardBody() && !c.begun && c.head != nil {
			c.begin(appendField(c.head, "Connection", "close"), true)
		}
		x.finally(func() native.Status { return x.engine.native.Finish(x.id) })
		return
	}
	x.abort()
	if errors.Is(err, ErrInterrupt) {
		go x.engine.server.Shutdown(context.Background())
		return
	}
	if !isClients(err) {
		x.engine.server.logf("wsgiserver: an application failed for %s: %v", x.conn.remote, err)
	}
}

// isClients: it is the client's fault, who has left or sent a body that is not in order.
func isClients(err error) bool {
	var lost *net.OpError
	var tooLarge *http.MaxBytesError
	return errors.As(err, &lost) || errors.As(err, &tooLarge) || errors.Is(err, errBadBody) ||
		errors.Is(err, ErrRequestEnded) || errors.Is(err, io.ErrUnexpectedEOF)
}
