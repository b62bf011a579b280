// The same handler on this project's server and on net/http: go_hello PORT wsgiserver|net/http. Its
// path /goroutines tells how many there are.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"wsgiserver"
)

func main() {
	servers := map[string]func(net.Listener, http.Handler) error{"wsgiserver": wsgiserver.Serve, "net/http": http.Serve}
	if len(os.Args) != 3 || servers[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go_hello PORT wsgiserver|net/http")
		os.Exit(2)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://%s\n", l.Addr())
	go servers[os.Args[2]](l, http.HandlerFunc(answer))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
}

func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	if r.URL.Path == "/goroutines" {
		fmt.Fprintln(w, runtime.NumGoroutine())
		return
	}
	w.Write([]byte("Hello, world!"))
}
