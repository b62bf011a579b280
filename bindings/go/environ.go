package wsgiserver

import (
	"context"
	"io"
	"net/http"

	"wsgiserver/internal/native"
)

// Environ is WSGI's environ, and what belongs to it. It is good for the call of the application, until
// the Body's end.
type Environ struct {
	exchange *exchange
	request  *http.Request
	pairs    [][2]string
	index    map[string]int
}

// Get gives the value of a key, "" if it has none.
func (e *Environ) Get(key string) string {
	value, _ := e.Lookup(key)
	return value
}

// Lookup gives the value of a key, and whether it has one.
func (e *Environ) Lookup(key string) (string, bool) {
	e.build()
	at, ok := e.index[key]
	if !ok {
		return "", false
	}
	return e.pairs[at][1], true
}

// Pairs are all keys and values, in the library's order. wsgi.input and wsgi.errors are Input and
// Errors.
func (e *Environ) Pairs() [][2]string {
	e.build()
	return append([][2]string(nil), e.pairs...)
}

// Input is wsgi.input: the request's body.
func (e *Environ) Input() io.Reader { return e.request.Body }

// Trailer gives the fields behind a chunked body that has been read to its end.
func (e *Environ) Trailer() http.Header { return e.request.Trailer }

// Errors is wsgi.errors: each write is a message for the server's ErrorLog.
func (e *Environ) Errors() io.Writer { return environErrors{e.exchange} }

// Context ends with the request, when the client leaves, and when the server is closed.
func (e *Environ) Context() context.Context { return e.request.Context() }

// ID names the request in logs.
func (e *Environ) ID() string {
	x := e.exchange
	id := ""
	x.call(func() native.Status {
		found, err := x.engine.native.ID(x.id)
		if err == nil {
			id = found
		}
		return native.OK
	})
	return id
}

// Inform sends an interim answer now, like "103 Early Hints" with its headers.
func (e *Environ) Inform(status string, headers []Header) error {
	head := append([]byte(status), "\r\n"...)
	for _, header := range headers {
		head = appendField(head, header.Name, header.Value)
	}
	x := e.exchange
	return x.problem("write", x.call(func() native.Status { return x.engine.native.Inform(x.id, head) }))
}

// AddTrailer adds a field behind the body, after the start of the answer and before its end.
func (e *Environ) AddTrailer(name, value string) error {
	x := e.exchange
	return x.problem("write", x.call(func() native.Status {
		return x.engine.native.AddTrailer(x.id, name, value)
	}))
}

func (e *Environ) build() {
	if e.index != nil {
		return
	}
	x := e.exchange
	x.call(func() (status native.Status) {
		e.pairs, status = x.engine.native.Environ(x.id)
		return status
	})
	e.index = make(map[string]int, len(e.pairs))
	for i, pair := range e.pairs {
		e.index[pair[0]] = i
	}
	e.shift(x.script)
}

// shift moves so many bytes of the path to SCRIPT_NAME.
func (e *Environ) shift(count int) {
	script, hasScript := e.index["SCRIPT_NAME"]
	path, hasPath := e.index["PATH_INFO"]
	if count == 0 || !hasScript || !hasPath || len(e.pairs[path][1]) < count {
		return
	}
	e.pairs[script][1] += e.pairs[path][1][:count]
	e.pairs[path][1] = e.pairs[path][1][count:]
}

// environErrors writes through the library, so that it stands among its messages.
type environErrors struct{ exchange *exchange }

func (w environErrors) Write(p []byte) (int, error) {
	const levelError = 40
	x := w.exchange
	status := x.call(func() native.Status { return x.engine.native.Log(x.id, levelError, p) })
	if err := x.problem("write", status); err != nil {
		return 0, err
	}
	return len(p), nil
}
