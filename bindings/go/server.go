package wsgiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// ErrServerClosed is what Serve and its like return after Shutdown or Close: net/http's.
var ErrServerClosed = http.ErrServerClosed

// A Server serves a Handler. The fields that net/http's Server has mean the same here; what is
// different is said. They must not be changed once it serves. Its methods may be called from any
// goroutine.
type Server struct {
	// Addr is the address for ListenAndServe: "host:port", ":http" if it is empty, or "unix:/path",
	// "/path", "@name" for a UNIX socket.
	Addr string

	// Handler is http.DefaultServeMux if it is nil.
	Handler http.Handler

	// DisableGeneralOptionsHandler passes "OPTIONS *" to the Handler.
	DisableGeneralOptionsHandler bool

	// TLSConfig is for ServeTLS and ListenAndServeTLS. README.md says which of its fields are used; one
	// that is set and cannot be used is an error.
	TLSConfig *tls.Config

	// ReadTimeout bounds the reading of a request, its body included; ReadHeaderTimeout that of the
	// head. Zero: the library's bounds hold, ten seconds for a head and ten without progress of a
	// body. Negative: no bound.
	ReadTimeout       time.Duration
	ReadHeaderTimeout time.Duration

	// WriteTimeout bounds the answering of a request, from its head on. Zero or less: no bound, but
	// that of the library for a client that takes nothing for ten seconds.
	WriteTimeout time.Duration

	// IdleTimeout is how long a connection is kept for another request. Zero: ReadTimeout, and if
	// that is zero too, ten seconds. Negative: no bound.
	IdleTimeout time.Duration

	// MaxHeaderBytes bounds a request's head. Zero: 64 KiB, 8 KiB for one line.
	MaxHeaderBytes int

	// MaxHeaderValueCount bounds the fields of a request's head. Zero, or more: 128.
	MaxHeaderValueCount int

	// TLSNextProto must be empty: the protocol is HTTP/1.
	TLSNextProto map[string]func(*http.Server, *tls.Conn, http.Handler)

	// HTTP2, and DisableClientPriority, which is about HTTP/2 too, have no effect.
	HTTP2                 *http2Config
	DisableClientPriority bool

	// Protocols, with Go 1.24 and newer an *http.Protocols, must include HTTP/1 if it is set; no other
	// is spoken.
	Protocols *protocols

	// ConnState is told what connections are doing; one is StateNew with its first request. The
	// net.Conn has addresses, and nothing else works.
	ConnState func(net.Conn, http.ConnState)

	// ErrorLog is where handlers' panics and the library's messages go; log's standard logger if nil.
	ErrorLog *log.Logger

	// BaseContext gives the context of all requests of a listener.
	BaseContext func(net.Listener) context.Context

	// ConnContext changes it for one connection, before its first request. The net.Conn is as above.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	// Options are options of the library by their names, like "max_in_flight": "100"; docs/options.md
	// lists them. They win over what the fields above say.
	Options map[string]string

	mu          sync.Mutex
	engines     map[*engine]struct{}
	firstServes chan struct{} // made when it is needed, closed when the first engine serves
	closed      chan struct{} // made when it is needed, closed by Shutdown or Close
	isClosed    bool
	onShutdown  []func()

	keepsNone atomic.Bool // SetKeepAlivesEnabled(false)
}

// ListenAndServe listens on addr and serves handler; see Server.
func ListenAndServe(addr string, handler http.Handler) error {
	server := &Server{Addr: addr, Handler: handler}
	return server.ListenAndServe()
}

// Serve serves handler on a listener; see Server.Serve.
func Serve(l net.Listener, handler http.Handler) error {
	server := &Server{Handler: handler}
	return server.Serve(l)
}

// ListenAndServe listens on Addr and serves until Shutdown or Close, then it returns ErrServerClosed.
// An address that cannot be listened on is an error at once.
func (s *Server) ListenAndServe() error {
	return s.listenAndServe(nil, ":http")
}

// Serve serves the connections of a listener, which must have a file descriptor as net's TCP and UNIX
// listeners do. It returns ErrServerClosed after Shutdown or Close, which close the listener. When the
// listener is closed by others it returns Accept's error, within a tenth of a second: then each connection
// ends with its next answer, and the Server can serve again.
func (s *Server) Serve(l net.Listener) error {
	return s.serveListener(l, true, nil)
}

func (s *Server) listenAndServe(security *security, defaultAddr string) error {
	if s.shuttingDown() {
		return ErrServerClosed
	}
	addr := s.Addr
	if isUnix(addr) {
		return s.serve(source{address: addr}, security)
	}
	if addr == "" {
		addr = defaultAddr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.serveListener(l, false, security)
}

// isUnix: the library's way of naming UNIX sockets, which tidies up after a crash.
func isUnix(addr string) bool {
	return len(addr) > 0 && (addr[0] == '/' || addr[0] == '@' ||
		len(addr) > 5 && addr[:5] == "unix:")
}

func (s *Server) serveListener(l net.Listener, isCallers bool, security *security) error {
	if l == nil {
		return errNoListener
	}
	defer l.Close()
	return s.serve(source{listener: l, isCallers: isCallers}, security)
}

// lookAgain is how often Serve looks whether its listener has been closed: the descriptor that the library
// has does not notice, and no event tells of it.
const lookAgain = 100 * time.Millisecond

// serve runs one more engine until the server is closed, the engine has ended, or the caller's listener is
// closed.
func (s *Server) serve(from source, security *security) error {
	var look <-chan time.Time
	if from.isCallers {
		ticker := time.NewTicker(lookAgain)
		defer ticker.Stop()
		look = ticker.C
	}
	var last *engine
	defer func() {
		if last != nil {
			close(last.succeeded)
		}
	}()
	for {
		engine, err := newEngine(s, from, security)
		if err != nil {
			if s.shuttingDown() {
				return ErrServerClosed
			}
			return err
		}
		if !s.add(engine) {
			engine.close()
			return ErrServerClosed
		}
		if last != nil {
			close(last.succeeded)
		}
		last = engine
		if restart, err := s.await(engine, look); !restart {
			return err
		}
	}
}

func (s *Server) await(e *engine, look <-chan time.Time) (restart bool, err error) {
	for {
		select {
		case <-s.closing():
			return false, ErrServerClosed
		case <-e.freed:
			return e.restarts.Load(), ErrServerClosed
		case <-look:
			if l := e.source.listener; isClosed(l) && !s.shuttingDown() {
				e.leave()
				_, err := l.Accept() // what net/http's Serve returns
				return false, err
			}
		}
	}
}

// SetKeepAlivesEnabled says whether connections are kept for another request, which they are by default. After
// false each answer says "Connection: close"; connections that are idle then end with their next answer or
// after IdleTimeout.
func (s *Server) SetKeepAlivesEnabled(enabled bool) { s.keepsNone.Store(!enabled) }

// checkProtocols returns an error for fields that ask for another protocol than HTTP/1.
func (s *Server) checkProtocols() error {
	for name := range s.TLSNextProto {
		return fmt.Errorf("wsgiserver: Server.TLSNextProto: %q is not spoken", name)
	}
	if s.Protocols != nil && !hasHTTP1(s.Protocols) {
		return errors.New("wsgiserver: Server.Protocols: HTTP/1 is the only one that is spoken")
	}
	return nil
}

func (s *Server) handler() http.Handler {
	if s.Handler == nil {
		return http.DefaultServeMux
	}
	return s.Handler
}

func (s *Server) logf(format string, values ...any) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf(format, values...)
	} else {
		log.Printf(format, values...)
	}
}
