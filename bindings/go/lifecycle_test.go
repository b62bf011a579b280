package wsgiserver_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wsgiserver"
)

func TestBusyAddress(t *testing.T) {
	first := serve(t, http.NotFoundHandler())
	address := first.Listener.Addr().String()
	err := wsgiserver.ListenAndServe(address, nil)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), address) {
		t.Error(err)
	}
	// a second time on the same server it is no different
	first.Config.Addr = address
	if err := first.Config.ListenAndServe(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	get(t, first, "/")
}

func TestTwoListenersOfOneServer(t *testing.T) {
	server := serve(t, handle(text("both")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Config.Serve(l) }()
	c := dialAt(t, l.Addr())
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	if _, body := c.answer("GET"); body != "both" {
		t.Error(body)
	}
	get(t, server, "/")
	if count := len(server.Config.Addrs()); count != 2 {
		t.Error(count, "addresses")
	}
	if err := server.Config.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := receive(t, ended, "Serve's end"); err != wsgiserver.ErrServerClosed {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestUseAfterClose(t *testing.T) {
	for _, end := range []func(*wsgiserver.Server) error{
		(*wsgiserver.Server).Close,
		func(s *wsgiserver.Server) error { return s.Shutdown(context.Background()) },
	} {
		server := serve(t, http.NotFoundHandler())
		for i := 0; i < 2; i++ {
			if err := end(server.Config); err != nil {
				t.Error(err)
			}
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Config.Serve(l); err != wsgiserver.ErrServerClosed {
			t.Error(err)
		}
		if err := server.Config.ListenAndServe(); err != wsgiserver.ErrServerClosed {
			t.Error(err)
		}
		if stats := server.Config.Stats(); stats != (wsgiserver.Stats{}) {
			t.Error(stats)
		}
		if all := server.Config.Addrs(); len(all) > 0 {
			t.Error(all)
		}
	}
	unused := &wsgiserver.Server{}
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if err := unused.ListenAndServe(); err != wsgiserver.ErrServerClosed {
		t.Error(err)
	}
}

func init() { http.HandleFunc("/of-the-default-mux", text("found")) }

func TestNilHandlerIsDefaultServeMux(t *testing.T) {
	server := serve(t, nil)
	if _, body := get(t, server, "/of-the-default-mux"); body != "found" {
		t.Error(body)
	}
}

func TestWhatCannotBeServed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for want, serve := range map[string]func(s *wsgiserver.Server) error{
		"has no file descriptor": func(s *wsgiserver.Server) error { return s.Serve(noFile{l}) },
		"no listener":            func(s *wsgiserver.Server) error { return s.Serve(nil) },
		"no_such_option": func(s *wsgiserver.Server) error {
			s.Options = map[string]string{"no_such_option": "1"}
			return s.ListenAndServe()
		},
		"a whole number": func(s *wsgiserver.Server) error {
			s.Options = map[string]string{"max_in_flight": "many"}
			return s.ListenAndServe()
		},
		"BaseContext": func(s *wsgiserver.Server) error {
			s.BaseContext = func(net.Listener) context.Context { return nil }
			return s.ListenAndServe()
		},
		"missing port": func(s *wsgiserver.Server) error { s.Addr = "127.0.0.1"; return s.ListenAndServe() },
		"no/such/folder": func(s *wsgiserver.Server) error {
			s.Addr = "unix:/no/such/folder/socket"
			return s.ListenAndServe()
		},
		"TLSNextProto": func(s *wsgiserver.Server) error {
			s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": nil}
			return s.ListenAndServe()
		},
	} {
		err := serve(&wsgiserver.Server{Addr: "127.0.0.1:0"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

type noFile struct{ net.Listener }

func TestShutdownWaits(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	hook := make(chan struct{})
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		if err := r.Context().Err(); err != nil {
			io.WriteString(w, err.Error())
		}
		io.WriteString(w, "done")
	}))
	server.Config.RegisterOnShutdown(func() { close(hook) })
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	receive(t, entered, "the request")
	ended := make(chan error, 1)
	go func() { ended <- server.Config.Shutdown(context.Background()) }()
	receive(t, hook, "the hook")
	select {
	case err := <-ended:
		t.Fatal("it did not wait: ", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(leave)
	if response, body := c.answer("GET"); body != "done" || !response.Close {
		t.Error(response, body)
	}
	if err := receive(t, ended, "Shutdown's end"); err != nil {
		t.Error(err)
	}
}

func TestHooksOfConnections(t *testing.T) {
	type key string
	var mu sync.Mutex
	var states []http.ConnState
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		local := ctx.Value(http.LocalAddrContextKey).(net.Addr).String()
		_, isServer := ctx.Value(http.ServerContextKey).(*http.Server)
		if local != r.Host || !isServer || ctx.Value(key("base")) != 1 || ctx.Value(key("conn")) != r.RemoteAddr {
			t.Errorf("%q %v %v %v", local, isServer, ctx.Value(key("base")), ctx.Value(key("conn")))
		}
	}), func(s *wsgiserver.Server) {
		s.BaseContext = func(l net.Listener) context.Context {
			return context.WithValue(context.Background(), key("base"), 1)
		}
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, key("conn"), c.RemoteAddr().String())
		}
		s.ConnState = func(c net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, state)
		}
	})
	seen := func() []http.ConnState {
		mu.Lock()
		defer mu.Unlock()
		return append([]http.ConnState(nil), states...)
	}
	get(t, server, "/")
	want := []http.ConnState{http.StateNew, http.StateActive, http.StateIdle}
	eventually(t, "idle", func() bool { return reflect.DeepEqual(seen(), want) })
	server.Client().CloseIdleConnections()
	want = append(want, http.StateClosed)
	eventually(t, "closed", func() bool { return reflect.DeepEqual(seen(), want) })
}

// A connection that ends with its answer is never idle.
func TestConnStateOfAConnectionThatCloses(t *testing.T) {
	states := make(chan http.ConnState, 9)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
	}), func(s *wsgiserver.Server) { s.ConnState = func(_ net.Conn, state http.ConnState) { states <- state } })
	for _, request := range []string{
		"GET /close HTTP/1.1\r\n" + usual + "\r\n",
		"GET / HTTP/1.1\r\n" + usual + "Connection: close\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
	} {
		c := dial(t, server)
		c.send(request)
		c.answer("GET")
		for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateClosed} {
			if got := receive(t, states, want.String()); got != want {
				t.Errorf("%q: %v instead of %v", request, got, want)
			}
		}
	}
}

func TestSetKeepAlivesEnabled(t *testing.T) {
	server := serve(t, handle(text("x")))
	ask := func(c *client) bool {
		c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
		response, _ := c.answer("GET")
		return response.Close
	}
	c := dial(t, server)
	if ask(c) {
		t.Error("not kept")
	}
	server.Config.SetKeepAlivesEnabled(false)
	if !ask(c) {
		t.Error("kept")
	}
	c.ends()
	server.Config.SetKeepAlivesEnabled(true)
	if c = dial(t, server); ask(c) || ask(c) {
		t.Error("not kept")
	}
}

func TestMaxHeaderValueCount(t *testing.T) {
	server := serve(t, handle(text("x")), func(s *wsgiserver.Server) { s.MaxHeaderValueCount = 5 })
	for count, want := range map[int]int{4: 200, 5: 431} {
		c := dial(t, server)
		c.send("GET / HTTP/1.1\r\n" + usual + strings.Repeat("X-A: 1\r\n", count) + "\r\n")
		if response, _ := c.answer("GET"); response.StatusCode != want {
			t.Errorf("%d fields: %s", count+1, response.Status)
		}
	}
	large := serve(t, handle(text("x")), func(s *wsgiserver.Server) { s.MaxHeaderValueCount = 5000 })
	get(t, large, "/")
}

// What net/http's Server has in common with ours is in the one that a handler finds in its context.
func TestServerInTheContext(t *testing.T) {
	found := make(chan *http.Server, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		found <- r.Context().Value(http.ServerContextKey).(*http.Server)
	}), func(s *wsgiserver.Server) {
		s.ReadTimeout, s.ReadHeaderTimeout, s.WriteTimeout, s.IdleTimeout = 11*time.Second, 12*time.Second, 13*time.Second, 14*time.Second
		s.MaxHeaderBytes = 15000
	})
	get(t, server, "/")
	theirs, ours := reflect.ValueOf(<-found).Elem(), reflect.ValueOf(server.Config).Elem()
	for i := 0; i < theirs.NumField(); i++ {
		field := theirs.Type().Field(i)
		value := ours.FieldByName(field.Name)
		if kind := field.Type.Kind(); !field.IsExported() || !value.IsValid() || kind == reflect.Func || kind == reflect.Interface {
			continue
		}
		if !reflect.DeepEqual(theirs.Field(i).Interface(), value.Interface()) {
			t.Errorf("%s is %v, want %v", field.Name, theirs.Field(i), value)
		}
	}
	if theirs.FieldByName("WriteTimeout").Int() != int64(13*time.Second) {
		t.Error("no WriteTimeout")
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	server := &wsgiserver.Server{Addr: "unix:" + path, Handler: handle(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.RemoteAddr)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	eventually(t, "it listens", func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	c := dialAt(t, &net.UnixAddr{Name: path, Net: "unix"})
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	if _, body := c.answer("GET"); body != "@" {
		t.Errorf("RemoteAddr is %q", body)
	}
	server.Close()
	if err := receive(t, ended, "the end"); err != wsgiserver.ErrServerClosed {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
}

func TestStats(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(inside)
			<-leave
		}
	}), func(s *wsgiserver.Server) { s.Options = map[string]string{"statistics": "1"} })
	for i := 0; i < 5; i++ {
		get(t, server, "/")
	}
	c := dial(t, server)
	c.send("GET /wait HTTP/1.1\r\n" + usual + "\r\n")
	receive(t, inside, "the request")
	stats := server.Config.Stats()
	if !stats.Enabled || stats.Accepts != 2 || stats.RequestsInWork != 1 || stats.Connections != 2 ||
		stats.BytesRead == 0 || stats.BytesWritten == 0 || stats.RunTime == 0 {
		t.Errorf("%+v", stats)
	}
	told, metrics := server.Config.StatsJSON(), server.Config.StatsPrometheus()
	if len(told) != 1 || !json.Valid([]byte(told[0])) || !strings.Contains(told[0], `"accepts":2,`) {
		t.Errorf("%q", told)
	}
	if len(metrics) != 1 || !strings.Contains(metrics[0], "\nwsgiserver_accepts_total 2\n") {
		t.Errorf("%q", metrics)
	}
	close(leave)
	c.answer("GET")
}

// As many goroutines as before, also after requests that were cut.
func TestNothingIsLeftBehind(t *testing.T) {
	before := goroutines()
	for i := 0; i < 20; i++ {
		server := wsgiserver.NewServer(handle(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				<-r.Context().Done()
			}
		}))
		c := dial(t, server)
		c.send("GET /wait HTTP/1.1\r\n" + usual + "\r\n")
		get(t, server, "/")
		server.Client().CloseIdleConnections()
		server.Config.Close()
		c.Conn.Close()
	}
	eventually(t, "all goroutines have ended", func() bool { return goroutines() <= before })
}

func TestMaxInFlight(t *testing.T) {
	entered, leave := make(chan struct{}, 9), make(chan struct{})
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-leave
	}), func(s *wsgiserver.Server) { s.Options = map[string]string{"max_in_flight": "2"} })
	for i := 0; i < 3; i++ {
		dial(t, server).send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	}
	receive(t, entered, "the first")
	receive(t, entered, "the second")
	select {
	case <-entered:
		t.Error("a third one is in work")
	case <-time.After(20 * time.Millisecond):
	}
	close(leave)
	receive(t, entered, "the third")
}

// inWork starts a request that stays in work until the function that it returns is called.
func inWork(t *testing.T, address net.Addr, entered <-chan struct{}, leave chan<- struct{}) (finish func()) {
	t.Helper()
	c := dialAt(t, address)
	c.send("GET /stay HTTP/1.1\r\n" + usual + "\r\n")
	receive(t, entered, "the request")
	return func() {
		t.Helper()
		leave <- struct{}{}
		if response, body := c.answer("GET"); response.StatusCode != 200 || body != "done" {
			t.Error(response.Status, body)
		}
	}
}

func isRefused(address net.Addr) bool {
	conn, err := net.Dial(address.Network(), address.String())
	if err == nil {
		conn.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}

// Clients are refused as soon as Shutdown is called, also while it waits for a request.
func TestShutdownStopsListening(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := handle(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-leave
		io.WriteString(w, "done")
	})
	listen := func(network, address string) net.Listener {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	folder := t.TempDir()
	free := listen("tcp", "127.0.0.1:0")
	free.Close()
	for name, serve := range map[string]func(s *wsgiserver.Server) (net.Addr, func() error){
		"Serve": func(s *wsgiserver.Server) (net.Addr, func() error) {
			l := listen("tcp", "127.0.0.1:0")
			return l.Addr(), func() error { return s.Serve(l) }
		},
		"Serve, UNIX": func(s *wsgiserver.Server) (net.Addr, func() error) {
			l := listen("unix", filepath.Join(folder, "first"))
			return l.Addr(), func() error { return s.Serve(l) }
		},
		"ListenAndServe": func(s *wsgiserver.Server) (net.Addr, func() error) {
			s.Addr = free.Addr().String()
			return free.Addr(), s.ListenAndServe
		},
		"ListenAndServe, UNIX": func(s *wsgiserver.Server) (net.Addr, func() error) {
			s.Addr = "unix:" + filepath.Join(folder, "second")
			return &net.UnixAddr{Name: filepath.Join(folder, "second"), Net: "unix"}, s.ListenAndServe
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &wsgiserver.Server{Handler: handler}
			address, run := serve(server)
			ended, shut := make(chan error, 1), make(chan error, 1)
			go func() { ended <- run() }()
			receive(t, server.Serving(), "serving")
			finish := inWork(t, address, entered, leave)
			go func() { shut <- server.Shutdown(context.Background()) }()
			if err := receive(t, ended, "Serve's end"); err != wsgiserver.ErrServerClosed {
				t.Error(err)
			}
			eventually(t, "clients are refused", func() bool { return isRefused(address) })
			select {
			case err := <-shut:
				t.Error("Shutdown did not wait:", err)
			default:
			}
			finish()
			if err := receive(t, shut, "Shutdown's end"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Serve returns when its listener is closed, as net/http's; what is in work is answered, and the server
// serves again.
func TestListenerThatIsClosed(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	server := &wsgiserver.Server{Handler: handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stay" {
			entered <- struct{}{}
			<-leave
		}
		io.WriteString(w, "done")
	})}
	for i := 0; i < 2; i++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		kept := dialAt(t, l.Addr())
		kept.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
		kept.answer("GET")
		finish := inWork(t, l.Addr(), entered, leave)
		l.Close()
		if err := receive(t, ended, "Serve's end"); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		eventually(t, "clients are refused", func() bool { return isRefused(l.Addr()) })
		kept.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
		if response, body := kept.answer("GET"); body != "done" || !response.Close {
			t.Error(response, body)
		}
		finish()
		eventually(t, "its engine has ended", func() bool { return len(server.Addrs()) == 0 })
	}
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// What asks a server for its figures while it ends may be what frees it.
func TestFiguresWhileItEnds(t *testing.T) {
	for i := 0; i < 30; i++ {
		server := wsgiserver.NewServer(handle(text("x")))
		ended, asked := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(asked)
			for {
				server.Config.Addrs()
				server.Config.StatsJSON()
				server.Config.Stats()
				select {
				case <-ended:
					return
				default:
				}
			}
		}()
		server.Close()
		close(ended)
		receive(t, asked, "the last answer")
	}
}

// Close and Shutdown do not wait for the clients of a listener that was closed before.
func TestCloseAfterAListenerThatIsClosed(t *testing.T) {
	for _, end := range []func(*wsgiserver.Server) error{
		(*wsgiserver.Server).Close,
		func(s *wsgiserver.Server) error { return s.Shutdown(context.Background()) },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server, ended := &wsgiserver.Server{Handler: handle(text("x"))}, make(chan error, 2)
		go func() { ended <- server.Serve(l) }()
		idle := dialAt(t, l.Addr())
		idle.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
		idle.answer("GET")
		l.Close()
		receive(t, ended, "Serve's end")
		go func() { ended <- end(server) }()
		if err := receive(t, ended, "the end"); err != nil {
			t.Error(err)
		}
		idle.ends()
	}
}
