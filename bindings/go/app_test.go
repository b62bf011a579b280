package wsgiserver_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"wsgiserver"
)

type headers = []wsgiserver.Header

func TestApp(t *testing.T) {
	var log logged
	var closed atomic.Int32
	app := wsgiserver.App(func(env *wsgiserver.Environ, start wsgiserver.StartResponse) wsgiserver.Body {
		body, _ := io.ReadAll(env.Input())
		switch env.Get("PATH_INFO") {
		case "/closed":
			start("200 OK", nil)
			return closing{wsgiserver.Text("x"), &closed}
		case "/fails":
			return closing{wsgiserver.Failed(errors.New("out of order")), &closed}
		case "/writes":
			write, err := start("200 OK", headers{{Name: "X-Written", Value: "1"}})
			if err != nil || write([]byte("written, ")) != nil {
				t.Error(err)
			}
			return wsgiserver.Bytes([]byte("and "), []byte("returned"))
		case "/refused":
			if _, err := start("200 OK", headers{{Name: "X", Value: "one\r\ntwo"}}); err == nil {
				t.Error("a header of two lines was taken")
			}
			if _, err := start("twohundred", nil); err == nil {
				t.Error("a wrong status was taken")
			}
		case "/log":
			fmt.Fprint(env.Errors(), "said to wsgi.errors")
		case "/panics":
			panic("out of order")
		}
		if _, err := start("200 OK", headers{{Name: "Content-Type", Value: "text/plain"}}); err != nil {
			return wsgiserver.Failed(err)
		}
		value, ok := env.Lookup("HTTP_X_NONE")
		return wsgiserver.Text(fmt.Sprintf("%s %s|%s|%s %q %v %v", env.Get("REQUEST_METHOD"), env.Get("SCRIPT_NAME"),
			env.Get("PATH_INFO"), env.Get("HTTP_X_ONE"), body, value+env.Get("HTTP_X_NONE"), ok))
	})
	server := serve(t, middleware(app), func(s *wsgiserver.Server) { s.ErrorLog = log.logger() })
	ask := func(path string) (*http.Response, string) {
		request, _ := http.NewRequest("POST", server.URL+path, strings.NewReader("body"))
		request.Header.Set("X-One", "1")
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(path, err)
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		return response, string(answer)
	}
	if response, body := ask("/a%20b"); body != `POST |/a b|1 "body"  false` || response.ContentLength != int64(len(body)) {
		t.Error(response, body)
	}
	if response, body := ask("/writes"); body != "written, and returned" || response.Header.Get("X-Written") != "1" {
		t.Error(response, body)
	}
	for _, path := range []string{"/fails", "/panics"} {
		if response, _ := ask(path); response.StatusCode != 500 {
			t.Error(path, response.Status)
		}
	}
	ask("/closed")
	eventually(t, "both bodies are closed", func() bool { return closed.Load() == 2 })
	ask("/refused")
	ask("/log")
	eventually(t, "the messages", func() bool {
		text := log.String()
		return strings.Count(text, "out of order") == 2 && strings.Contains(text, "said to wsgi.errors")
	})
}

// middleware for net/http that wraps the writer, as much of it does.
func middleware(inner http.Handler) http.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}

type closing struct {
	wsgiserver.Body
	count *atomic.Int32
}

func (c closing) Close() error {
	c.count.Add(1)
	return nil
}

func TestAppThatInterrupts(t *testing.T) {
	server := wsgiserver.NewUnstartedServer(wsgiserver.App(func(*wsgiserver.Environ, wsgiserver.StartResponse) wsgiserver.Body {
		return wsgiserver.Failed(wsgiserver.ErrInterrupt)
	}))
	ended := make(chan error, 1)
	go func() { ended <- server.Config.Serve(server.Listener) }()
	dial(t, server).send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	if err := receive(t, ended, "the end"); err != wsgiserver.ErrServerClosed {
		t.Error(err)
	}
}

func TestDispatcher(t *testing.T) {
	names := wsgiserver.App(func(env *wsgiserver.Environ, start wsgiserver.StartResponse) wsgiserver.Body {
		start("200 OK", nil)
		return wsgiserver.Text(env.Get("SCRIPT_NAME") + "|" + env.Get("PATH_INFO"))
	})
	var inner, outer wsgiserver.PathInfoDispatcher
	add := func(d *wsgiserver.PathInfoDispatcher, prefix string, app http.Handler) {
		if err := d.Add(prefix, app); err != nil {
			t.Fatal(err)
		}
	}
	add(&inner, "/deep/", names)
	add(&outer, "/app", names)
	add(&outer, "/app/more", handle(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.String()) }))
	add(&outer, "/nested", &inner)
	for _, wrong := range []string{"app", "/app", "/app/"} {
		if err := outer.Add(wrong, names); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if outer.Add("/nil", nil) == nil {
		t.Error("an application that is nil was taken")
	}
	server := serve(t, &outer)
	for path, want := range map[string]string{
		"/app":            "/app|",
		"/app/x":          "/app|/x",
		"/app/a%2Fb%20c":  "/app|/a%2Fb c",
		"/app/more?q":     "/?q",
		"/app/more/x%2Fy": "/x%2Fy",
		"/nested/deep/x":  "/nested/deep|/x",
		"/nested/shallow": "404 page not found\n",
		"/apps":           "404 page not found\n",
		"/app%2Fmore":     "404 page not found\n",
	} {
		if _, body := get(t, server, path); body != want {
			t.Errorf("%s: %q, not %q", path, body, want)
		}
	}
	if err := outer.Remove("/app"); err != nil {
		t.Error(err)
	}
	if err := outer.Remove("/app"); err == nil {
		t.Error("removed twice")
	}
	add(&outer, "/", names)
	if _, body := get(t, server, "/app/x"); body != "|/app/x" {
		t.Error(body)
	}
}

func TestAppElsewhere(t *testing.T) {
	defer func() {
		if reason := fmt.Sprint(recover()); !strings.Contains(reason, "only be served by this package") {
			t.Error(reason)
		}
	}()
	request, _ := http.NewRequest("GET", "/", nil)
	wsgiserver.App(nil).ServeHTTP(nil, request)
}
