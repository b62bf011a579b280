package wsgiserver_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

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
