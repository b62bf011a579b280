package wsgiserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"wsgiserver"
)

// inner is what a request body carries that must never be taken for a request.
const inner = "GET /evil HTTP/1.1\r\nHost: internal\r\nX-Evil: yes\r\n\r\n"

// transferEncodings are spellings of "chunked". A server may refuse all but the first three.
var transferEncodings = []string{
	"Transfer-Encoding: chunked\r\n",
	"Transfer-Encoding: Chunked\r\n",
	"Transfer-Encoding: CHUNKED\r\n",
	"Transfer-Encoding: , chunked\r\n",
	"Transfer-Encoding: ,chunked\r\n",
	"Transfer-Encoding: chunked,\r\n",
	"Transfer-Encoding: chunked ,\r\n",
	"Transfer-Encoding: chunked ,,\r\n",
	"Transfer-Encoding: , chunked ,\r\n",
	"Transfer-Encoding: \r\nTransfer-Encoding: chunked\r\n",
	"Transfer-Encoding: chunked\r\nTransfer-Encoding: \r\n",
}

// net/http frames a request that a handler passes on by what TransferEncoding says, so it has to be
// exactly what net/http's own server gives.
func TestTransferEncodingIsWhatFramesTheBody(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%q %d %q %v %q", r.TransferEncoding, r.ContentLength, body, err, r.Header["Transfer-Encoding"])
	}))
	ask := func(fields, body string) (int, string) {
		c := dial(t, server)
		c.send("POST / HTTP/1.1\r\n" + usual + fields + "\r\n" + body)
		response, answer := c.answer("POST")
		return response.StatusCode, answer
	}
	for i, fields := range transferEncodings {
		code, answer := ask(fields, "5\r\nhello\r\n0\r\n\r\n")
		if refused := code == 400 || code == 501; i >= 3 && refused {
			continue
		}
		if want := `["chunked"] -1 "hello" <nil> []`; answer != want {
			t.Errorf("%q: %d %s, want %s", fields, code, answer, want)
		}
	}
	if code, answer := ask("Content-Length: 5\r\n", "hello"); answer != `[] 5 "hello" <nil> []` {
		t.Error(code, answer)
	}
}

// Nothing that a client sends as content reaches the server after a proxy as a request.
func TestReverseProxyFramesWhatItPassesOn(t *testing.T) {
	behind, requests := recordRequests(t)
	server := serve(t, httputil.NewSingleHostReverseProxy(behind),
		func(s *wsgiserver.Server) { s.ErrorLog.SetOutput(io.Discard) })
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	for i, fields := range transferEncodings {
		c := dial(t, server)
		c.send("POST /front HTTP/1.1\r\n" + usual + fields + "\r\n" + chunk)
		response, answer := c.answer("POST")
		if refused := response.StatusCode == 400 || response.StatusCode == 501; i >= 3 && refused {
			continue
		}
		if response.StatusCode != 200 {
			t.Errorf("%q: %d %s", fields, response.StatusCode, answer)
			continue
		}
		got := receive(t, requests, "a request")
		if want := fmt.Sprintf(`POST /front ["chunked"] %q <nil>`, inner); got != want {
			t.Errorf("%q: the next server has received %s, want %s", fields, got, want)
		}
	}
	select {
	case more := <-requests:
		t.Errorf("the next server has received one more: %s", more)
	default:
	}
}

// recordRequests is a server that reads what comes byte by byte, as net/http's parser splits it.
func recordRequests(t *testing.T) (at *url.URL, requests <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	found := make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go record(conn, found)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}, found
}

func record(conn net.Conn, found chan<- string) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			if err != io.EOF && !strings.Contains(err.Error(), "reset") {
				found <- err.Error()
			}
			return
		}
		body, err := io.ReadAll(request.Body)
		found <- fmt.Sprintf("%s %s %q %q %v", request.Method, request.URL.Path, request.TransferEncoding, body, err)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}
