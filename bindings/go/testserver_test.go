package wsgiserver_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"wsgiserver"
)

// As httptest's: the connections are cut, and the server serves on.
func TestCloseClientConnections(t *testing.T) {
	entered := make(chan struct{})
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stay" {
			close(entered)
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "served")
	}))
	idle, busy := dial(t, server), dial(t, server)
	idle.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	idle.answer("GET")
	busy.send("GET /stay HTTP/1.1\r\n" + usual + "\r\n")
	receive(t, entered, "the request")
	server.CloseClientConnections()
	idle.ends()
	busy.ends()
	for i := 0; i < 3; i++ {
		if _, body := get(t, server, "/"); body != "served" {
			t.Error(body)
		}
		server.CloseClientConnections()
	}
}

func TestCloseOfATestServerThatWasCut(t *testing.T) {
	server := wsgiserver.NewServer(handle(text("x")))
	server.CloseClientConnections()
	server.Close()
	if !isRefused(server.Listener.Addr()) {
		t.Error("it still listens")
	}
}

func TestTLSOfATestServer(t *testing.T) {
	server := wsgiserver.NewUnstartedServer(handle(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.TLS.Version != tls.VersionTLS13 {
			t.Errorf("%+v", r.TLS)
		}
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	defer server.Close()
	get(t, server, "/")
	if len(server.TLS.Certificates) == 0 || server.Certificate() == nil {
		t.Error("the certificate is not there")
	}
}
