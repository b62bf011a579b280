package wsgiserver_test

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wsgiserver"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// logged is an ErrorLog to look into.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *log.Logger { return log.New(l, "", 0) }

// serve starts a server for the test; it is closed at its end, and then no request may be in work.
func serve(t *testing.T, handler http.Handler, change ...func(*wsgiserver.Server)) *wsgiserver.TestServer {
	t.Helper()
	server := wsgiserver.NewUnstartedServer(handler)
	var log logged
	server.Config.ErrorLog = log.logger()
	for _, change := range change {
		change(server.Config)
	}
	server.Start()
	t.Cleanup(func() {
		server.Client().CloseIdleConnections()
		server.Config.Close()
		if strings.Contains(log.String(), "could not be freed") {
			t.Error(log.String())
		}
	})
	return server
}

func handle(f func(w http.ResponseWriter, r *http.Request)) http.Handler { return http.HandlerFunc(f) }

// client is a connection to talk over by hand.
type client struct {
	t *testing.T
	net.Conn
	*bufio.Reader
}

func dial(t *testing.T, server *wsgiserver.TestServer) *client {
	t.Helper()
	return dialAt(t, server.Listener.Addr())
}

func dialAt(t *testing.T, address net.Addr) *client {
	t.Helper()
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads the next one with its body.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	response, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		body = append(body, " and then: "+err.Error()...)
	}
	return response, string(body)
}

// ends: the other side has closed, and nothing more was to come.
func (c *client) ends() {
	c.t.Helper()
	rest, err := io.ReadAll(c.Reader)
	if len(rest) > 0 {
		c.t.Errorf("more came: %q", rest)
	}
	if err != nil && !strings.Contains(err.Error(), "reset") {
		c.t.Errorf("the connection did not end: %v", err)
	}
}

func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatal("never came: " + what)
		panic("not reached")
	}
}

func get(t *testing.T, server *wsgiserver.TestServer, path string) (*http.Response, string) {
	t.Helper()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
