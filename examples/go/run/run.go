// Package run starts the examples: each takes an address, says where it listens, and ends with
// SIGTERM or Ctrl-C when all requests are answered.
package run

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"wsgiserver"
)

// Main serves the handler on the address of the command line, else on 127.0.0.1:8070. onShutdown, if
// not nil, is called when the server is about to end.
func Main(handler http.Handler, onShutdown func()) {
	address := "127.0.0.1:8070"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s/\n", l.Addr())
	server := &wsgiserver.Server{Handler: handler}
	if onShutdown != nil {
		server.RegisterOnShutdown(onShutdown)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		<-signals
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if server.Shutdown(limit) != nil {
			server.Close()
		}
	}()
	if err := server.Serve(l); err != wsgiserver.ErrServerClosed {
		log.Fatal(err)
	}
	<-ended
}
