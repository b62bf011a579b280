package wsgiserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"wsgiserver"
)

// What has come behind the request is in the reader, and the connection is the handler's: it goes on
// when the server has ended.
func TestHijack(t *testing.T) {
	states := make(chan http.ConnState, 9)
	conns := make(chan net.Conn, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := conn.(*net.TCPConn); !ok {
			t.Errorf("it is a %T", conn)
		}
		if rw.Reader.Buffered() != len("ahead\n") {
			t.Errorf("%d bytes are buffered", rw.Reader.Buffered())
		}
		line, _ := rw.ReadString('\n')
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\n" + line)
		rw.Flush()
		if _, _, err := w.(http.Hijacker).Hijack(); err != http.ErrHijacked {
			t.Error(err)
		}
		conns <- conn
	}), func(s *wsgiserver.Server) { s.ConnState = func(_ net.Conn, state http.ConnState) { states <- state } })
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "Connection: Upgrade\r\nUpgrade: echo\r\n\r\nahead\n")
	if response, _ := c.answer("GET"); response.StatusCode != 101 {
		t.Fatal(response.Status)
	}
	conn := receive(t, conns, "the connection")
	server.Config.Close()
	go io.Copy(conn, conn)
	c.send("after the end\n")
	for _, want := range []string{"ahead\n", "after the end\n"} {
		if line, err := c.ReadString('\n'); line != want {
			t.Errorf("%q, %v", line, err)
		}
	}
	conn.Close()
	for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateHijacked} {
		if state := receive(t, states, want.String()); state != want {
			t.Errorf("%v instead of %v", state, want)
		}
	}
}

func TestHijackBehindWriteHeader(t *testing.T) {
	late := make(chan error, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			w.(http.Flusher).Flush()
			_, _, err := w.(http.Hijacker).Hijack()
			late <- err
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		line, _ := rw.ReadString('\n')
		io.WriteString(conn, line)
	}))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	response, err := http.ReadResponse(c.Reader, nil)
	if err != nil || response.Header.Get("Upgrade") != "echo" || response.StatusCode != 101 {
		t.Fatal(response, err)
	}
	c.send("line\n")
	if line, _ := bufio.NewReader(c).ReadString('\n'); line != "line\n" {
		t.Error(line)
	}
	c = dial(t, server)
	c.send("GET /late HTTP/1.1\r\n" + usual + "\r\n")
	c.answer("GET")
	if err := receive(t, late, "the error"); err == nil || !strings.Contains(err.Error(), "part of the answer") {
		t.Error(err)
	}
}
