//go:build go1.20

package wsgiserver_test

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// All that http.ResponseController asks for is there, also behind a writer that unwraps.
func TestResponseController(t *testing.T) {
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(wrapped{w})
		for _, err := range []error{
			control.SetReadDeadline(time.Now().Add(patience)),
			control.SetWriteDeadline(time.Now().Add(patience)),
			fullDuplex(control),
			control.Flush(),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		if r.URL.Path == "/cut" {
			io.WriteString(w, "half")
			if err := control.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
				t.Error(err)
			}
		}
	}))
	if response, body := get(t, server, "/"); response.StatusCode != 200 || body != "" {
		t.Error(response, body)
	}
	response, err := server.Client().Get(server.URL + "/cut")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("an answer past its deadline ends well: %q", body)
	}
}

type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// fullDuplex: its method came with Go 1.21.
func fullDuplex(control any) error {
	if enabler, ok := control.(interface{ EnableFullDuplex() error }); ok {
		return enabler.EnableFullDuplex()
	}
	return nil
}
