package wsgiserver_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"wsgiserver"
)

// digest answers with what it has read.
func digest(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	count, err := io.Copy(hash, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("X-Trailer", r.Trailer.Get("X-Sum"))
	fmt.Fprintf(w, "%d %x", count, hash.Sum(nil))
}

// Uploads of known and unknown length, from many clients at once, on kept connections and on new ones.
func TestUploads(t *testing.T) {
	server := serve(t, handle(digest))
	uploads := 15
	if testing.Short() {
		uploads = 2
	}
	for _, keep := range []bool{true, false} {
		transport := &http.Transport{DisableKeepAlives: !keep, MaxIdleConnsPerHost: 8}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		var all sync.WaitGroup
		for i := 0; i < 8; i++ {
			all.Add(1)
			go func(seed int64) {
				defer all.Done()
				random := rand.New(rand.NewSource(seed))
				for j := 0; j < uploads; j++ {
					upload(t, client, server.URL, random)
				}
			}(int64(i))
		}
		all.Wait()
	}
}

func upload(t *testing.T, client *http.Client, url string, random *rand.Rand) {
	sizes := []int{0, 1, 511, 4096, 65536, 65537, 300000, 2 << 20}
	body := make([]byte, sizes[random.Intn(len(sizes))])
	random.Read(body)
	var reader io.Reader = bytes.NewReader(body)
	chunked := random.Intn(2) == 0
	if chunked {
		reader = struct{ io.Reader }{reader} // hides its length
	}
	request, err := http.NewRequest("POST", url, reader)
	if err != nil {
		t.Error(err)
		return
	}
	if chunked {
		request.Trailer = http.Header{"X-Sum": {"set"}}
	}
	if random.Intn(3) == 0 {
		request.Header.Set("Expect", "100-continue")
	}
	response, err := client.Do(request)
	if err != nil {
		t.Error(len(body), err)
		return
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	want := fmt.Sprintf("%d %x", len(body), sha256.Sum256(body))
	if string(answer) != want || err != nil {
		t.Errorf("%q, %v instead of %q", answer, err, want)
	}
	if chunked && len(body) > 0 && response.Header.Get("X-Trailer") != "set" {
		t.Error("the trailer did not come")
	}
}

func TestPipelining(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	}))
	c := dial(t, server)
	var all strings.Builder
	for i := 0; i < 50; i++ {
		fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\n%s\r\n", i, usual)
		fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\n%sContent-Length: 4\r\n\r\nbody", i, usual)
	}
	c.send(all.String())
	for i := 0; i < 50; i++ {
		if _, body := c.answer("GET"); body != fmt.Sprintf("/%d ", i) {
			t.Fatal(body)
		}
		if _, body := c.answer("POST"); body != fmt.Sprintf("/%d body", i) {
			t.Fatal(body)
		}
	}
}

func TestCancelledRequests(t *testing.T) {
	ended := make(chan error, 1)
	entered := make(chan struct{}, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		// a context that was made of the request's one
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
	}))
	for i := 0; i < 20; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		request, _ := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		go func() {
			<-entered
			cancel()
		}()
		if _, err := server.Client().Do(request); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := receive(t, ended, "the context's end"); err != context.Canceled {
			t.Fatal(err)
		}
	}
}

func TestExpectIsAnsweredAtTheFirstRead(t *testing.T) {
	read := make(chan bool)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if <-read {
			io.Copy(w, r.Body)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	head := "POST / HTTP/1.1\r\n" + usual + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
	c := dial(t, server)
	c.send(head)
	c.Conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Peek(1); err == nil {
		t.Fatal("an answer before anything was read")
	}
	c.Conn.SetReadDeadline(time.Now().Add(patience))
	read <- true
	if response, _ := c.answer("POST"); response.StatusCode != 100 {
		t.Fatal(response.Status)
	}
	c.send("body")
	if _, body := c.answer("POST"); body != "body" {
		t.Error(body)
	}
	c.send(head)
	read <- false
	if response, _ := c.answer("POST"); response.StatusCode != http.StatusForbidden || !response.Close {
		t.Error(response.Status, response.Close)
	}
}

func TestInterimAnswers(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, "x")
	}))
	got := ""
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		got += fmt.Sprint(code, header)
		return nil
	}}
	request, _ := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), "GET", server.URL, nil)
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got != "103 map[Link:[</a>]]" || response.Header.Get("Link") != "" {
		t.Error(got, response.Header)
	}
}

// Request and answer at the same time, piece by piece.
func TestFullDuplex(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 100)
		for {
			count, err := r.Body.Read(buffer)
			w.Write(buffer[:count])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	}))
	in, out := io.Pipe()
	request, _ := http.NewRequest("POST", server.URL, in)
	go out.Write([]byte("first"))
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	buffer := make([]byte, 100)
	for _, piece := range []string{"first", "second", "third"} {
		if piece != "first" {
			out.Write([]byte(piece))
		}
		if _, err := io.ReadFull(response.Body, buffer[:len(piece)]); err != nil || string(buffer[:len(piece)]) != piece {
			t.Fatalf("%q, %v", buffer, err)
		}
	}
	out.Close()
	if rest, err := io.ReadAll(response.Body); len(rest) > 0 || err != nil {
		t.Error(rest, err)
	}
}

// A client that takes an answer slowly gets all of it, and holds nobody up.
func TestSlowReader(t *testing.T) {
	size := 8 << 20
	if testing.Short() {
		size = 1 << 20
	}
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			piece := bytes.Repeat([]byte("x"), 10000)
			for sent := 0; sent < size; sent += len(piece) {
				if _, err := w.Write(piece); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}))
	response, err := server.Client().Get(server.URL + "/large")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	total, buffer := 0, make([]byte, 100000)
	for err == nil {
		var count int
		count, err = response.Body.Read(buffer)
		total += count
		if total%50 == 0 {
			get(t, server, "/")
		}
	}
	if total < size || err != io.EOF {
		t.Error(total, err)
	}
}

// All of a long answer comes before the end of the connection.
func TestLongAnswerOnAConnectionThatCloses(t *testing.T) {
	size := 20 << 20
	if testing.Short() {
		size = 1 << 20
	}
	sum := sha256.New()
	pieces := func(to io.Writer) {
		for i := 0; i < size/1000; i++ {
			to.Write(bytes.Repeat([]byte{byte(i)}, 1000))
		}
	}
	pieces(sum)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) { pieces(w) }))
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "Connection: close\r\n\r\n")
	response, body := c.answer("GET")
	if got := sha256.Sum256([]byte(body)); !response.Close || !bytes.Equal(got[:], sum.Sum(nil)) {
		t.Error(response.Close, len(body))
	}
	if _, err := c.ReadByte(); err != io.EOF {
		t.Error(err)
	}
}

func TestDeadlines(t *testing.T) {
	result := make(chan error, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		past, near := time.Now().Add(-time.Second), time.Now().Add(30*time.Millisecond)
		control := w.(interface {
			SetReadDeadline(time.Time) error
			SetWriteDeadline(time.Time) error
			EnableFullDuplex() error
		})
		if err := control.EnableFullDuplex(); err != nil {
			panic(err)
		}
		switch r.URL.Path {
		case "/read":
			control.SetReadDeadline(near)
			_, err := io.ReadAll(r.Body)
			control.SetReadDeadline(time.Time{})
			result <- err
		case "/read-past":
			control.SetReadDeadline(past)
			_, err := io.ReadAll(r.Body)
			result <- err
		case "/write":
			control.SetWriteDeadline(near)
			piece := make([]byte, 1<<20)
			var err error
			for err == nil {
				_, err = w.Write(piece)
			}
			result <- err
		}
	}))
	for _, path := range []string{"/read", "/read-past", "/write"} {
		c := dial(t, server)
		c.send("POST " + path + " HTTP/1.1\r\n" + usual + "Content-Length: 10\r\n\r\nhalf")
		if err := receive(t, result, path); !errors.Is(err, errDeadline) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTimeoutsOfTheServer(t *testing.T) {
	result := make(chan error, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			_, err := io.ReadAll(r.Body)
			result <- err
			return
		}
		time.Sleep(500 * time.Millisecond)
	}), func(s *wsgiserver.Server) {
		// Time enough to send a head.
		s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 400*time.Millisecond, 400*time.Millisecond, 100*time.Millisecond
	})
	c := dial(t, server)
	c.send("POST /read HTTP/1.1\r\n" + usual + "Content-Length: 10\r\n\r\nhalf")
	if err := receive(t, result, "the read's end"); !errors.Is(err, errDeadline) {
		t.Error(err)
	}
	c = dial(t, server)
	c.send("GET /late HTTP/1.1\r\n" + usual + "\r\n")
	c.ends()
	c = dial(t, server)
	c.send("GET")
	if response, _ := c.answer("GET"); response.StatusCode != http.StatusRequestTimeout {
		t.Error(response.Status)
	}
}

// After WriteTimeout nothing of an answer goes out, its head neither.
func TestWritesAfterWriteTimeout(t *testing.T) {
	result := make(chan error, 1)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		flush := w.(interface{ FlushError() error }).FlushError
		if r.URL.Path == "/started" {
			if err := flush(); err != nil {
				t.Error(err)
			}
		}
		w.(interface{ SetWriteDeadline(time.Time) error }).SetWriteDeadline(time.Now().Add(-time.Second))
		var err error
		switch r.URL.Path {
		case "/write":
			_, err = w.Write(make([]byte, 100000))
		case "/string":
			_, err = io.WriteString(w, strings.Repeat("x", 100000))
		case "/copy":
			_, err = io.Copy(w, strings.NewReader(strings.Repeat("x", 100000)))
		default:
			err = flush()
		}
		if context := r.Context().Err(); context == nil {
			t.Error(r.URL.Path, ": the context lives on")
		}
		result <- err
	}))
	for _, path := range []string{"/write", "/string", "/copy", "/flush", "/started"} {
		c := dial(t, server)
		c.send("GET " + path + " HTTP/1.1\r\n" + usual + "\r\n")
		if path == "/started" {
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = c.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := receive(t, result, path); !errors.Is(err, errDeadline) {
			t.Errorf("%s: %v", path, err)
		}
		c.ends()
	}
}

func TestManyRequestsLeaveNothing(t *testing.T) {
	server := serve(t, handle(text("x")))
	each, clients := 2000, 8
	if testing.Short() {
		each = 50
	}
	run := func() {
		var all sync.WaitGroup
		for i := 0; i < clients; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				c := dial(t, server)
				for j := 0; j < each; j++ {
					c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
					c.answer("GET")
				}
				c.Conn.Close()
			}()
		}
		all.Wait()
	}
	run()
	before := footprint()
	run()
	eventually(t, "memory, threads and goroutines are as before", func() bool {
		return footprint().within(before)
	})
}
