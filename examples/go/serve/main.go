// serve is the program behind `./dev serve APPLICATION go PORT`:
//
//	serve APPLICATION PORT [--bind ADDR] [--option VALUE ...]
//
// It prints where it listens, and SIGTERM or SIGINT ends it. All options of the library are taken.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"wsgiserver"
)

const usageCode = 2

var applications = map[string]http.Handler{
	"hello":   http.HandlerFunc(hello),
	"fixture": fixture,
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Write([]byte("Hello world!\n"))
}

func main() {
	if len(os.Args) < 3 {
		usage("an application and a port are needed")
	}
	application, ok := applications[os.Args[1]]
	if !ok {
		usage("unknown application '" + os.Args[1] + "'")
	}
	port, err := strconv.ParseUint(os.Args[2], 10, 16)
	if err != nil {
		usage("the port is a number from 0 to 65535")
	}
	server := &wsgiserver.Server{Handler: application, Options: map[string]string{}}
	addresses := takeOptions(server, os.Args[3:])
	if len(addresses) == 0 {
		addresses = []string{fmt.Sprintf("127.0.0.1:%d", port)}
	}
	os.Exit(run(server, addresses))
}

// takeOptions gives the addresses of --bind; the rest are options of the server.
func takeOptions(server *wsgiserver.Server, arguments []string) (addresses []string) {
	for ; len(arguments) > 0; arguments = arguments[2:] {
		name := strings.TrimPrefix(arguments[0], "--")
		if name == arguments[0] || name == "" {
			usage("unknown argument '" + arguments[0] + "'")
		}
		if len(arguments) == 1 {
			usage(arguments[0] + " needs a value")
		}
		switch name = strings.ReplaceAll(name, "-", "_"); name {
		case "bind":
			addresses = append(addresses, arguments[1])
		case "threads":
			server.Options["numthreads"] = arguments[1]
		default:
			server.Options[name] = arguments[1]
		}
	}
	return addresses
}

func run(server *wsgiserver.Server, addresses []string) int {
	// Before it says that it listens: whoever reads that may end it at once.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, len(addresses))
	for _, address := range addresses {
		l, err := listen(address)
		if err != nil {
			return report(err)
		}
		go func() { failed <- server.Serve(l) }()
		select {
		case <-server.Serving():
			fmt.Printf("listening on %s\n", url(l, server.Options["certificate"] != ""))
		case err := <-failed: // an option that there is not, or not with this value
			report(err)
			return usageCode
		}
	}
	select {
	case err := <-failed:
		if err != wsgiserver.ErrServerClosed {
			return report(err)
		}
	case <-signals:
	}
	limit, stop := context.WithTimeout(context.Background(), patience(server))
	defer stop()
	if server.Shutdown(limit) != nil {
		server.Close()
	}
	return 0
}

func listen(address string) (net.Listener, error) {
	if path := strings.TrimPrefix(address, "unix:"); path != address || strings.HasPrefix(address, "@") {
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", address)
}

func url(l net.Listener, tls bool) string {
	if l.Addr().Network() != "unix" {
		if tls {
			return "https://" + l.Addr().String()
		}
		return "http://" + l.Addr().String()
	}
	if strings.HasPrefix(l.Addr().String(), "@") {
		return l.Addr().String()
	}
	return "unix:" + l.Addr().String()
}

func patience(server *wsgiserver.Server) time.Duration {
	seconds, err := strconv.ParseFloat(server.Options["shutdown_timeout"], 64)
	if err != nil {
		seconds = 5
	}
	return time.Duration(seconds * float64(time.Second))
}

func report(err error) int {
	fmt.Fprintln(os.Stderr, "serve:", err)
	return 1
}

func usage(message string) {
	fmt.Fprintf(os.Stderr, "serve: %s\nusage: serve APPLICATION PORT [--bind ADDR ...] [--name VALUE ...]\n", message)
	os.Exit(usageCode)
}
