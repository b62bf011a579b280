package wsgiserver_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"wsgiserver"
)

func TestPanicIsLoggedAndCutsTheConnection(t *testing.T) {
	var log logged
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/silent" {
			panic(http.ErrAbortHandler)
		}
		panic("out of order")
	}), func(s *wsgiserver.Server) { s.ErrorLog = log.logger() })
	for _, path := range []string{"/silent", "/loud"} {
		c := dial(t, server)
		c.send("GET " + path + " HTTP/1.1\r\n" + usual + "\r\n")
		c.ends()
		if loud := strings.Contains(log.String(), "panic serving"); loud != (path == "/loud") {
			t.Errorf("%s: the log says %q", path, log.String())
		}
	}
	if !strings.Contains(log.String(), "out of order") || !strings.Contains(log.String(), "handlers_test.go") {
		t.Errorf("the log says %q", log.String())
	}
}

func TestHandlerThatLeavesByGoexit(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) { runtime.Goexit() }))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	c.ends()
}

func TestHandlerThatBlocksForEver(t *testing.T) {
	ended := make(chan error, 1)
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		<-r.Context().Done()
		ended <- r.Context().Err()
		<-block
		if _, err := w.Write([]byte("x")); err != nil {
			panic(err) // a buffer takes it; that nobody gets it is no error yet
		}
	}))
	c := dial(t, server)
	c.send("GET /block HTTP/1.1\r\n" + usual + "\r\n")
	// others are served meanwhile
	for i := 0; i < 100; i++ {
		get(t, server, "/")
	}
	limit, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := server.Config.Shutdown(limit); err != context.DeadlineExceeded {
		t.Errorf("Shutdown: %v", err)
	}
	if err := receive(t, ended, "the context's end"); err != context.Canceled {
		t.Errorf("the context: %v", err)
	}
	if err := server.Config.Close(); err != nil {
		t.Error(err)
	}
	c.ends()
}

func TestWriterThatIsKept(t *testing.T) {
	kept := make(chan http.ResponseWriter, 1)
	requests := make(chan *http.Request, 1)
	var log logged
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		kept <- w
		requests <- r
		io.WriteString(w, "done")
	}), func(s *wsgiserver.Server) { s.ErrorLog = log.logger() })
	response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	w, r := <-kept, <-requests
	eventually(t, "the context ends with the handler", func() bool { return r.Context().Err() == context.Canceled })
	for i := 0; i < 3; i++ {
		if _, err := w.Write([]byte("late")); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("Write: %v", err)
		}
		if _, err := io.WriteString(w, "late"); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("WriteString: %v", err)
		}
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("Hijack: %v", err)
		}
		if _, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("late")); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("ReadFrom: %v", err)
		}
		if err := w.(interface{ FlushError() error }).FlushError(); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("FlushError: %v", err)
		}
		if _, err := r.Body.Read(make([]byte, 9)); !errors.Is(err, wsgiserver.ErrRequestEnded) {
			t.Errorf("Read: %v", err)
		}
	}
	w.WriteHeader(500)
	if !strings.Contains(log.String(), "WriteHeader after the end") {
		t.Errorf("the log says %q", log.String())
	}
	if string(body) != "done" {
		t.Errorf("the body is %q", body)
	}
}

func TestSuperfluousWriteHeaderIsLogged(t *testing.T) {
	var log logged
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(204)
		w.WriteHeader(500)
	}), func(s *wsgiserver.Server) { s.ErrorLog = log.logger() })
	if response, _ := get(t, server, "/"); response.StatusCode != 204 {
		t.Error(response.Status)
	}
	if !strings.Contains(log.String(), "superfluous response.WriteHeader call from") ||
		!strings.Contains(log.String(), "handlers_test.go") {
		t.Errorf("the log says %q", log.String())
	}
}

func TestWriteHeaderOfNoCode(t *testing.T) {
	panicked := make(chan any, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		defer func() { panicked <- recover() }()
		w.WriteHeader(0)
	}))
	get(t, server, "/")
	if got := receive(t, panicked, "the panic"); got != "invalid WriteHeader code 0" {
		t.Error(got)
	}
}

func TestContentLengthThatIsLeftOut(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Length"] = nil
		io.WriteString(w, "small")
	}))
	response, body := get(t, server, "/")
	if response.ContentLength != -1 || len(response.TransferEncoding) != 1 || body != "small" {
		t.Error(response, body)
	}
}

// Of Connection a 101 has what belongs to it, whatever else a handler lists.
func TestSwitchingProtocolsWithMoreTokens(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "upgrade, keep-alive")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		w.(http.Flusher).Flush()
	}))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	response, err := http.ReadResponse(c.Reader, nil)
	if err != nil || response.StatusCode != 101 || !strings.EqualFold(response.Header.Get("Connection"), "upgrade") ||
		response.Header.Get("Upgrade") != "echo" {
		t.Error(response, err)
	}
}

// A body that no one reads does not hold anybody up, however long it is.
func TestBodyThatIsIgnored(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "no") }))
	for _, length := range []int{1, 1000, 200 << 10} {
		response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", length)))
		if err != nil {
			t.Fatalf("%d bytes: %v", length, err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != "no" || err != nil {
			t.Errorf("%d bytes: %q, %v", length, body, err)
		}
	}
	// of one that is very long, the client is told to stop
	c := dial(t, server)
	c.send("POST / HTTP/1.1\r\n" + usual + "Content-Length: 1000000000\r\n\r\n")
	if response, body := c.answer("POST"); body != "no" || !response.Close {
		t.Error(response, body)
	}
}

func TestErrorsOfWrite(t *testing.T) {
	result := make(chan error, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
			_, err := w.Write([]byte("x"))
			result <- err
		case "/long":
			w.Header().Set("Content-Length", "1")
			_, err := w.Write([]byte("xy"))
			result <- err
		}
	}))
	for path, want := range map[string]error{"/204": http.ErrBodyNotAllowed, "/long": http.ErrContentLength} {
		response, err := server.Client().Get(server.URL + path)
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		if got := receive(t, result, path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestWriteToAClientThatHasLeft(t *testing.T) {
	result := make(chan error, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 64<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				result <- err
				return
			}
		}
	}))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	c.ReadByte()
	c.Conn.Close()
	if err := receive(t, result, "the error"); err == nil || !strings.Contains(err.Error(), "broken pipe") {
		t.Error(err)
	}
}

func TestFileIsSentByTheKernel(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file.txt")
	content := strings.Repeat("0123456789", 100000)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan int64, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/copy":
			file, err := os.Open(name)
			if err != nil {
				panic(err)
			}
			defer file.Close()
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "1000000")
			count, err := io.Copy(w, file)
			if err != nil {
				panic(err)
			}
			written <- count
		case "/unknown":
			file, err := os.Open(name)
			if err != nil {
				panic(err)
			}
			defer file.Close()
			if _, err := io.Copy(w, file); err != nil {
				panic(err)
			}
		default:
			http.ServeFile(w, r, name)
		}
	}))
	for _, path := range []string{"/", "/copy", "/unknown"} {
		if _, body := get(t, server, path); body != content {
			t.Errorf("%s: %d bytes came", path, len(body))
		}
	}
	if count := receive(t, written, "the count"); count != int64(len(content)) {
		t.Errorf("Copy says %d", count)
	}
	request, _ := http.NewRequest("GET", server.URL, nil)
	request.Header.Set("Range", "bytes=100000-199999")
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	part, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if string(part) != content[100000:200000] || response.StatusCode != http.StatusPartialContent {
		t.Errorf("%s, %d bytes", response.Status, len(part))
	}
}
