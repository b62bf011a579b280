//go:build go1.24

package wsgiserver_test

import (
	"net/http"
	"strings"
	"testing"

	"wsgiserver"
)

func TestProtocols(t *testing.T) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &wsgiserver.Server{Addr: "127.0.0.1:0", Protocols: &protocols, HTTP2: &http.HTTP2Config{}}
	if err := server.ListenAndServe(); err == nil || !strings.Contains(err.Error(), "Server.Protocols") {
		t.Error(err)
	}
	protocols.SetHTTP1(true)
	get(t, serve(t, handle(text("x")), func(s *wsgiserver.Server) { s.Protocols = &protocols }), "/")
}
