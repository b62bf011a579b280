package wsgiserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// What an upstream says of its own connection does not reach the client, also not when a handler copies all
// of its header; the answer is framed once.
func TestHopByHopFieldsOfAnUpstream(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				http.ReadRequest(bufio.NewReader(conn))
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=99\r\n"+
					"X-Hop: 1\r\nX-End: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
			}()
		}
	}()
	upstream := &url.URL{Scheme: "http", Host: l.Addr().String()}
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	proxy.Transport = transport
	copies := handle(func(w http.ResponseWriter, r *http.Request) {
		response, err := (&http.Client{Transport: transport}).Get(upstream.String())
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.Header().Set("Transfer-Encoding", response.TransferEncoding[0])
		io.Copy(w, response.Body)
	})
	for name, handler := range map[string]http.Handler{"ReverseProxy": proxy, "a copy": copies} {
		c := dial(t, serve(t, handler))
		for i := 0; i < 2; i++ {
			c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
			response, body := c.answer("GET")
			if body != "hello" || response.Header.Get("X-End") != "1" || len(response.Header["Connection"]) > 0 ||
				len(response.Header["Keep-Alive"]) > 0 {
				t.Errorf("%s: %v %q", name, response, body)
			}
		}
	}
}

// net/http's proxy is a handler that uses all there is: trailers, interim answers, taking over
// connections, http.ErrAbortHandler.
func TestReverseProxy(t *testing.T) {
	behind := httptest.NewServer(handle(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/upgrade":
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			line, _ := rw.ReadString('\n')
			io.WriteString(conn, line)
		case "/cut":
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			w.Header().Set("Trailer", "X-Sum")
			io.Copy(w, r.Body)
			w.Header().Set("X-Sum", r.Header.Get("X-Forwarded-For"))
		}
	}))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := serve(t, httputil.NewSingleHostReverseProxy(target))
	content := strings.Repeat("x", 1<<20)
	response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if string(body) != content || err != nil || response.Trailer.Get("X-Sum") != "127.0.0.1" {
		t.Error(len(body), err, response.Trailer)
	}
	if response, err = server.Client().Get(server.URL + "/cut"); err == nil {
		if body, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("an answer that was cut ends well: %q", body)
		}
		response.Body.Close()
	}
	c := dial(t, server)
	c.send("GET /upgrade HTTP/1.1\r\n" + usual + "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	if response, _ := c.answer("GET"); response.StatusCode != 101 || response.Header.Get("Upgrade") != "echo" {
		t.Fatal(response)
	}
	c.send("through the proxy\n")
	if line, err := c.ReadString('\n'); line != "through the proxy\n" {
		t.Error(line, err)
	}
}
