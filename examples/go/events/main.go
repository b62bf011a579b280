// events sends what is posted to /say to everybody who listens at /events (server-sent events):
// events [ADDRESS]
package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"examples/run"
)

// room is everybody who listens.
type room struct {
	mu        sync.Mutex
	listeners map[chan string]struct{}
	closing   chan struct{}
}

func main() {
	all := &room{listeners: map[chan string]struct{}{}, closing: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/events", all.listen)
	mux.HandleFunc("/say", all.say)
	run.Main(mux, func() { close(all.closing) })
}

// listen lasts until the client leaves or the server is about to end.
func (r *room) listen(w http.ResponseWriter, request *http.Request) {
	lines := make(chan string, 16)
	r.mu.Lock()
	r.listeners[lines] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.listeners, lines)
		r.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.(http.Flusher).Flush()
	for {
		select {
		case line := <-lines:
			fmt.Fprintf(w, "data: %s\n\n", line)
			w.(http.Flusher).Flush()
		case <-request.Context().Done():
			return
		case <-r.closing:
			return
		}
	}
}

// say tells how many have heard it; one who is too slow has not.
func (r *room) say(w http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 1000))
	if err != nil {
		http.Error(w, "at most 1000 bytes", http.StatusRequestEntityTooLarge)
		return
	}
	line, _, _ := strings.Cut(strings.ReplaceAll(string(text), "\r", "\n"), "\n")
	heard := 0
	r.mu.Lock()
	for lines := range r.listeners {
		select {
		case lines <- line:
			heard++
		default:
		}
	}
	r.mu.Unlock()
	fmt.Fprintln(w, heard)
}
