package wsgiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"

	"wsgiserver/internal/native"
)

// conn is what is known of a client's connection for all its requests.
type conn struct {
	remote   string
	context  context.Context
	tlsOnce  sync.Once
	tls      *tls.ConnectionState
	view     *connView
	hijacked bool // the engine's lock guards it
}

func (e *engine) opened(record native.Record) {
	text := record.Text()
	peer, local := text.Pair()
	view := &connView{local: address(local), remote: address(peer)}
	c := &conn{remote: view.remote.String(), view: view, context: e.base}
	c.context = context.WithValue(c.context, http.LocalAddrContextKey, view.local)
	if change := e.server.ConnContext; change != nil {
		c.context = change(c.context, view)
		if c.context == nil {
			panic("wsgiserver: ConnContext returned nil")
		}
	}
	number := record.Connection()
	e.mu.Lock()
	_, closed := e.early[number]
	delete(e.early, number)
	if !closed {
		e.connections[number] = c
	}
	e.mu.Unlock()
	e.tellState(c, http.StateNew)
	if closed {
		e.tellState(c, http.StateClosed)
	}
}

func (e *engine) closed(number uint64) {
	e.mu.Lock()
	c := e.connections[number]
	delete(e.connections, number)
	if c == nil {
		e.early[number] = struct{}{}
	}
	hijacked := c != nil && c.hijacked
	e.mu.Unlock()
	if c != nil && !hijacked {
		e.tellState(c, http.StateClosed)
	}
}

// connection of a request that has come. One that closed at the same moment has a stand-in.
func (e *engine) connection(number uint64) *conn {
	e.mu.Lock()
	c := e.connections[number]
	e.mu.Unlock()
	if c == nil {
		c = &conn{view: &connView{local: address(""), remote: address("")}, context: e.base}
	}
	return c
}

func (e *engine) tellState(c *conn, state http.ConnState) {
	if tell := e.server.ConnState; tell != nil {
		tell(c.view, state)
	}
}

// remember has ConnState told when the request is answered and its connection idle.
func (e *engine) remember(c *conn, id native.Request) {
	e.mu.Lock()
	e.answering[id] = c
	e.mu.Unlock()
}

// forget undoes remember.
func (e *engine) forget(id native.Request) {
	e.mu.Lock()
	delete(e.answering, id)
	e.mu.Unlock()
}

// released: a request's answer is out, so that its connection waits for another one.
func (e *engine) released(id native.Request, code int) {
	e.mu.Lock()
	c := e.answering[id]
	delete(e.answering, id)
	e.mu.Unlock()
	if c != nil && code == 0 {
		e.tellState(c, http.StateIdle)
	}
}

// makeBase makes the context of all requests.
func (e *engine) makeBase(from source) error {
	s := e.server
	l := from.listener
	if l == nil {
		l = addressOnly{address(from.address)}
	}
	base := context.Background()
	if s.BaseContext != nil {
		if base = s.BaseContext(l); base == nil {
			return errors.New("wsgiserver: BaseContext returned a nil context")
		}
	}
	e.shadow = shadowOf(s)
	e.base = context.WithValue(base, http.ServerContextKey, e.shadow)
	return nil
}

// shadowOf has all fields of a Server that net/http's has too, for what looks into http.ServerContextKey:
// net/http/pprof reads WriteTimeout.
func shadowOf(s *Server) *http.Server {
	shadow := &http.Server{}
	to, from := reflect.ValueOf(shadow).Elem(), reflect.ValueOf(s).Elem()
	for i := 0; i < to.NumField(); i++ {
		field := to.Type().Field(i)
		value := from.FieldByName(field.Name)
		if field.IsExported() && value.IsValid() && value.Type() == field.Type {
			to.Field(i).Set(value)
		}
	}
	return shadow
}

// address of a text of the library's; a client of a UNIX socket has none.
func address(text string) net.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return net.TCPAddrFromAddrPort(at)
	}
	if text == "" {
		text = "@"
	}
	return &net.UnixAddr{Name: text, Net: "unix"}
}

// connView is what hooks are given of a connection.
type connView struct{ local, remote net.Addr }

var errConnView = errors.New("wsgiserver: the connection is the library's")

func (v *connView) LocalAddr() net.Addr              { return v.local }
func (v *connView) RemoteAddr() net.Addr             { return v.remote }
func (v *connView) Read([]byte) (int, error)         { return 0, errConnView }
func (v *connView) Write([]byte) (int, error)        { return 0, errConnView }
func (v *connView) Close() error                     { return errConnView }
func (v *connView) SetDeadline(time.Time) error      { return errConnView }
func (v *connView) SetReadDeadline(time.Time) error  { return errConnView }
func (v *connView) SetWriteDeadline(time.Time) error { return errConnView }

// addressOnly stands for a listener that is the library's.
type addressOnly struct{ at net.Addr }

func (l addressOnly) Addr() net.Addr            { return l.at }
func (l addressOnly) Accept() (net.Conn, error) { return nil, errConnView }
func (l addressOnly) Close() error              { return errConnView }

var errNoListener = errors.New("wsgiserver: no listener")

// fileOf gives a listener's descriptor.
func fileOf(l net.Listener) (*os.File, error) {
	filer, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("wsgiserver: a listener of type %T has no file descriptor to give; "+
			"those of net do", l)
	}
	return filer.File()
}

// isClosed looks at listeners like those of net; of another it is not known.
func isClosed(l net.Listener) bool {
	connection, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := connection.SyscallConn()
	return err != nil || raw.Control(func(uintptr) {}) != nil
}

// duplicate leaves the file as it is.
func duplicate(file *os.File) (fd int, err error) {
	connection, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = connection.Control(func(from uintptr) { fd, failed = duplicateFD(int(from)) })
	if err == nil {
		err = failed
	}
	return fd, err
}

// duplicateFD: closed on exec.
func duplicateFD(from int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(from)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, os.NewSyscallError("dup", err)
}
