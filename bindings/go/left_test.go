package wsgiserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A handler that leaves a body of chunks which stalls: its answer comes, and says that the connection ends.
func TestBodyThatIsLeftAndStalls(t *testing.T) {
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begun" {
			r.Body.Read(make([]byte, 1))
		}
		io.WriteString(w, "answered")
	}))
	for _, path := range []string{"/left", "/begun"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(path, err)
		}
		body, err := io.ReadAll(response.Body)
		if string(body) != "answered" || err != nil || !response.Close {
			t.Errorf("%s: %q, %v, close: %v", path, body, err, response.Close)
		}
	}
}
