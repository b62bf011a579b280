package wsgiserver_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"testing"

	"wsgiserver"
)

// A client that leaves in the middle of a large answer ends the handler with an error, and never the
// process: nothing here ignores SIGPIPE.
func TestClientsThatLeaveALargeAnswer(t *testing.T) {
	const large = 100 << 20
	file, err := os.CreateTemp(t.TempDir(), "large")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(large); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	handler := handle(func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch r.URL.Path {
		case "/file":
			part, openErr := os.Open(file.Name())
			if openErr != nil {
				t.Error(openErr)
			}
			defer part.Close()
			_, err = io.Copy(w, part)
		case "/pieces":
			piece := make([]byte, 64<<10)
			for sent := 0; sent < large && err == nil; sent += len(piece) {
				_, err = w.Write(piece)
			}
		default:
			return
		}
		ended <- err
	})
	for name, server := range map[string]*wsgiserver.TestServer{"TCP": serve(t, handler), "TLS": serveTLS(t, handler)} {
		for _, path := range []string{"/file", "/pieces"} {
			for _, reset := range []bool{false, true} {
				c := dial(t, server)
				var conn net.Conn = c.Conn
				if name == "TLS" {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				}
				if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\n"+usual+"\r\n"); err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, conn, 256<<10); err != nil {
					t.Fatal(err)
				}
				if reset {
					c.Conn.(*net.TCPConn).SetLinger(0)
				}
				c.Conn.Close()
				err := receive(t, ended, "the end of the handler")
				if err == nil && path == "/pieces" {
					t.Errorf("%s %s, reset %v: the handler saw no error", name, path, reset)
				}
			}
		}
		if response, _ := get(t, server, "/"); response.StatusCode != 200 {
			t.Errorf("%s: %v", name, response.Status)
		}
	}
}
