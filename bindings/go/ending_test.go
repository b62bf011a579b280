package wsgiserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"wsgiserver"
)

// withheld is the head of a request whose body does not come.
const withheld = "POST / HTTP/1.1\r\n" + usual + "Connection: close\r\nContent-Length: 9\r\n\r\n"

// waiting counts the goroutines that wait for a client in a Read or Write.
func waiting() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("wsgiserver.(*deadline).wait("))
}

func awaitWaiting(t *testing.T, count int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d goroutines wait for their clients", count), func() bool { return waiting() >= count })
}

func TestReadThatWaitsEndsWithItsRequest(t *testing.T) {
	const clients = 5
	before := goroutines()
	ended := make(chan error, clients)
	leave := make(chan struct{})
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		go func() {
			_, err := r.Body.Read(make([]byte, 1))
			ended <- err
		}()
		<-leave
	}))
	var all []*client
	for i := 0; i < clients; i++ {
		c := dial(t, server)
		c.send(withheld)
		all = append(all, c)
	}
	awaitWaiting(t, clients)
	close(leave)
	for _, c := range all {
		if err := receive(t, ended, "the end of a Read"); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("Read: %v", err)
		}
		c.answer("POST")
		c.Conn.Close()
	}
	server.Config.Close()
	eventually(t, "all goroutines have ended", func() bool { return goroutines() <= before })
}

func TestReadThatWaitsEndsWhenItsBodyIsClosed(t *testing.T) {
	ended := make(chan error, 2)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		go func() {
			for i := 0; i < 2; i++ {
				_, err := r.Body.Read(make([]byte, 1))
				ended <- err
			}
		}()
		awaitWaiting(t, 1)
		r.Body.Close()
		for i := 0; i < 2; i++ {
			if err := receive(t, ended, "the end of a Read"); err != http.ErrBodyReadAfterClose {
				t.Errorf("Read: %v", err)
			}
		}
		io.WriteString(w, "done")
	}))
	c := dial(t, server)
	c.send(withheld)
	if _, body := c.answer("POST"); body != "done" {
		t.Error(body)
	}
}

func TestTimeoutHandlerLeavesNoReader(t *testing.T) {
	const clients = 20
	before := goroutines()
	ended := make(chan error, clients)
	inner := handle(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		ended <- err
	})
	server := serve(t, http.TimeoutHandler(inner, 50*time.Millisecond, "too late"))
	for i := 0; i < clients; i++ {
		c := dial(t, server)
		c.send(withheld)
		defer c.Conn.Close()
		if i%2 == 0 {
			defer c.answer("POST")
		} else {
			response, body := c.answer("POST")
			if response.StatusCode != 503 || body != "too late" {
				t.Error(response.Status, body)
			}
		}
	}
	for i := 0; i < clients; i++ {
		if err := receive(t, ended, "the end of a handler"); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("ReadAll: %v", err)
		}
	}
	server.Config.Close()
	eventually(t, "all goroutines have ended", func() bool { return goroutines() <= before })
}

func TestReverseProxyLeavesNoReader(t *testing.T) {
	const clients = 20
	before := goroutines()
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
				conn.Read(make([]byte, 4096))
				io.WriteString(conn, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}()
		}
	}()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: l.Addr().String()})
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	server := serve(t, proxy, func(s *wsgiserver.Server) { s.ErrorLog.SetOutput(io.Discard) })
	for i := 0; i < clients; i++ {
		c := dial(t, server)
		c.send(strings.Replace(withheld, ": 9", ": 9000000", 1) + "some of it")
		if response, _ := c.answer("POST"); response.StatusCode != 413 && response.StatusCode != 502 {
			t.Error(response.Status)
		}
		c.Conn.Close()
	}
	eventually(t, "no goroutine waits for a client", func() bool { return waiting() == 0 })
	server.Config.Close()
	l.Close()
	eventually(t, "all goroutines have ended", func() bool { return goroutines() <= before })
}

func TestWriteThatWaitsEndsWithItsRequest(t *testing.T) {
	for _, path := range []string{"/returns", "/panics"} {
		ended := make(chan error, 1)
		before := goroutines()
		server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
			go func() {
				for {
					if _, err := w.Write(make([]byte, 100000)); err != nil {
						ended <- err
						return
					}
				}
			}()
			awaitWaiting(t, 1)
			if path == "/panics" {
				panic(http.ErrAbortHandler)
			}
		}))
		c := dial(t, server)
		c.send("GET " + path + " HTTP/1.1\r\n" + usual + "\r\n")
		if err := receive(t, ended, "the end of a Write"); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("%s: Write: %v", path, err)
		}
		c.Conn.Close()
		server.Config.Close()
		eventually(t, "all goroutines have ended", func() bool { return goroutines() <= before })
	}
}

// An application for WSGI that keeps what start has given it.
func TestWriteOfAnAppThatWaitsEndsWithItsRequest(t *testing.T) {
	ended := make(chan error, 1)
	server := serve(t, wsgiserver.App(func(env *wsgiserver.Environ, start wsgiserver.StartResponse) wsgiserver.Body {
		write, err := start("200 OK", []wsgiserver.Header{{"Content-Type", "text/plain"}})
		if err != nil {
			t.Error(err)
		}
		go func() {
			for err == nil {
				err = write(make([]byte, 100000))
			}
			ended <- err
		}()
		awaitWaiting(t, 1)
		return nil
	}))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	if err := receive(t, ended, "the end of a Write"); !errors.Is(err, wsgiserver.ErrRequestEnded) {
		t.Errorf("Write: %v", err)
	}
}

// Files that ParseMultipartForm has made are removed, as by net/http.
func TestFilesOfFormsAreRemoved(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 10); err != nil {
			t.Error(err)
		}
		if found, _ := os.ReadDir(folder); len(found) == 0 {
			t.Error("the form is not in a file")
		}
		if r.URL.Path == "/panics" {
			panic(http.ErrAbortHandler)
		}
	}))
	for _, path := range []string{"/", "/panics"} {
		var content bytes.Buffer
		form := multipart.NewWriter(&content)
		part, err := form.CreateFormFile("file", "name")
		if err != nil {
			t.Fatal(err)
		}
		part.Write(make([]byte, 1<<20))
		form.Close()
		response, err := server.Client().Post(server.URL+path, form.FormDataContentType(), &content)
		if err == nil {
			response.Body.Close()
		}
		eventually(t, "the files are removed", func() bool {
			found, err := os.ReadDir(folder)
			return err == nil && len(found) == 0
		})
	}
}

// The context of a request whose client is gone ends, also when it is asked for only then.
func TestContextAskedForAfterTheClientHasLeft(t *testing.T) {
	for name, untilItFails := range map[string]func(w http.ResponseWriter, r *http.Request) error{
		"Write": func(w http.ResponseWriter, r *http.Request) (err error) {
			for err == nil {
				_, err = w.Write(make([]byte, 10000))
			}
			return err
		},
		"Flush": func(w http.ResponseWriter, r *http.Request) (err error) {
			for err == nil {
				io.WriteString(w, "x")
				err = w.(interface{ FlushError() error }).FlushError()
			}
			return err
		},
		"Read": func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.ReadAll(r.Body)
			return err
		},
		"Read after Flush": func(w http.ResponseWriter, r *http.Request) error {
			w.(http.Flusher).Flush()
			_, err := io.ReadAll(r.Body)
			return err
		},
		"ReadFrom": func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(w, endless{})
			return err
		},
		"nothing": func(w http.ResponseWriter, r *http.Request) error { return io.EOF },
	} {
		untilItFails := untilItFails
		t.Run(name, func(t *testing.T) {
			leave, left, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
				close(leave)
				<-left
				err := untilItFails(w, r)
				select {
				case <-r.Context().Done():
				case <-time.After(patience):
					t.Errorf("the context lives on after %v", err)
				}
				if r.Context().Err() != context.Canceled {
					t.Errorf("the context's error is %v", r.Context().Err())
				}
				ended <- err
			}))
			c := dial(t, server)
			c.send("POST / HTTP/1.1\r\n" + usual + "Content-Length: 9\r\n\r\nhalf")
			receive(t, leave, "the request")
			c.Conn.(*net.TCPConn).SetLinger(0) // so that Close resets
			c.Conn.Close()
			close(left)
			if err := receive(t, ended, "the handler's error"); err == nil {
				t.Error("it did not fail")
			}
		})
	}
}

// The context ends soon after the client has left, whatever is left to read: a part of the body, all of it, the
// next request.
func TestContextEndsWithAnUnreadBody(t *testing.T) {
	for name, request := range map[string]string{
		"no body":                  "GET / HTTP/1.1\r\n" + usual + "\r\n",
		"a part of a body":         "POST / HTTP/1.1\r\n" + usual + "Content-Length: 9\r\n\r\nhalf",
		"a body":                   "POST / HTTP/1.1\r\n" + usual + "Content-Length: 4\r\n\r\nbody",
		"a large body":             "POST / HTTP/1.1\r\n" + usual + "Content-Length: 300000\r\n\r\n" + strings.Repeat("x", 300000),
		"a part of a chunked body": "POST / HTTP/1.1\r\n" + usual + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"the next request":         strings.Repeat("GET / HTTP/1.1\r\n"+usual+"\r\n", 2),
	} {
		for _, linger := range []int{-1, 0} {
			if linger == -1 && len(request) > 100000 {
				continue // the end comes after the content, for which there is no room
			}
			entered, ended := make(chan struct{}, 2), make(chan error, 2)
			server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
				entered <- struct{}{}
				select {
				case <-r.Context().Done():
					ended <- nil
				case <-time.After(patience):
					ended <- errors.New("the context lives on")
				}
			}))
			c := dial(t, server)
			c.send(request)
			receive(t, entered, "the request")
			c.Conn.(*net.TCPConn).SetLinger(linger) // 0: Close resets
			c.Conn.Close()
			if err := receive(t, ended, fmt.Sprint(name, linger)); err != nil {
				t.Errorf("%s, linger %d: %v", name, linger, err)
			}
		}
	}
}

// When the time of Shutdown is up a stream hears of it by its context, and can end well.
func TestStreamThatIsOpenAtShutdown(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		io.WriteString(w, "data: bye\n\n")
	}))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	response, err := http.ReadResponse(c.Reader, nil) // before there is an event
	if err != nil || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(response, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "data: bye\n\n" {
		t.Errorf("%q, %v", body, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
