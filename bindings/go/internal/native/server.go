//go:build cgo

// Package native calls libwsgiserver. Nothing of Go's memory stays with the library: what a call is
// given it has copied when it returns. Calls that could wait for a client are made so that they do
// not; the package above waits for an event instead.
package native

// #include "puller.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"unsafe"
)

// Server is a wsgi_server without an application. Its methods may be called from any goroutine.
type Server struct {
	c           *C.wsgi_server
	connections *C.connections
}

// Request names a request of a server.
type Request uint64

// New makes a server that listens nowhere yet. tellAtOnce: a Closed record comes as soon as its
// connection has closed, not with the next batch.
func New(tellAtOnce bool) (*Server, error) {
	var text *C.wsgi_error
	made := &Server{}
	status := C.wsgi_server_new(nil, nil, nil, nil, &made.c, &text)
	if err := taken(status, text); err != nil {
		return nil, err
	}
	at := C.int32_t(0)
	if tellAtOnce {
		at = 1
	}
	made.connections = C.connections_new(at)
	if made.connections == nil {
		C.wsgi_server_free(made.c)
		return nil, errors.New("wsgiserver: no memory")
	}
	return made, nil
}

// Set sets an option.
func (s *Server) Set(name, value string) error {
	var text *C.wsgi_error
	cname, cvalue := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(cname))
	defer C.free(unsafe.Pointer(cvalue))
	return taken(C.wsgi_server_set(s.c, cname, cvalue, &text), text)
}

// Get tells an option.
func (s *Server) Get(name string) (string, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	return text(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.wsgi_status {
		return C.wsgi_server_get(s.c, cname, buffer, capacity, length)
	})
}

// Listen adds an address.
func (s *Server) Listen(address string) error {
	var text *C.wsgi_error
	caddress := C.CString(address)
	defer C.free(unsafe.Pointer(caddress))
	return taken(C.wsgi_server_listen(s.c, caddress, &text), text)
}

// ListenFD adds a socket that listens; the descriptor is the server's if there is no error.
func (s *Server) ListenFD(fd int) error {
	var text *C.wsgi_error
	return taken(C.wsgi_server_listen_fd(s.c, C.int(fd), &text), text)
}

// Run binds the addresses, and serves from then on.
func (s *Server) Run() error {
	var text *C.wsgi_error
	return taken(C.wsgi_server_start_background(s.c, &text), text)
}

// Addresses are those that are listened on, with the real ports.
func (s *Server) Addresses() []string {
	var all []string
	for i := C.size_t(0); i < C.wsgi_server_listener_count(s.c); i++ {
		address, err := text(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.wsgi_status {
			return C.wsgi_server_bound_addr_at(s.c, i, buffer, capacity, length)
		})
		if err == nil {
			all = append(all, address)
		}
	}
	return all
}

// AskToStop begins the stop and returns at once.
func (s *Server) AskToStop() { C.wsgi_server_signal_stop(s.c) }

// Free ends the server. No other call on it may be under way, or come later.
func (s *Server) Free() error {
	status := Status(C.wsgi_server_free(s.c))
	if status < 0 {
		return status.Err()
	}
	C.connections_free(s.connections)
	return nil
}

// Stats is wsgi_stats; times are in seconds.
type Stats struct {
	Enabled                            bool
	Accepts, SocketErrors, Requests    uint64
	BytesRead, BytesWritten            uint64
	RunTime, WorkTime                  float64
	Queue, Connections, RequestsInWork int
}

// Stats tells what the server has counted.
func (s *Server) Stats() (Stats, error) {
	var stats C.wsgi_stats
	stats.struct_size = C.sizeof_wsgi_stats
	status := Status(C.wsgi_server_stats(s.c, &stats))
	return Stats{
		Enabled:        stats.enabled != 0,
		Accepts:        uint64(stats.accepts),
		SocketErrors:   uint64(stats.socket_errors),
		Requests:       uint64(stats.requests),
		BytesRead:      uint64(stats.bytes_read),
		BytesWritten:   uint64(stats.bytes_written),
		RunTime:        float64(stats.run_time),
		WorkTime:       float64(stats.work_time),
		Queue:          int(stats.queue),
		Connections:    int(stats.connections),
		RequestsInWork: int(stats.requests_in_work),
	}, status.Err()
}

// StatsJSON tells all that the server has counted.
func (s *Server) StatsJSON() (string, error) {
	return text(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.wsgi_status {
		return C.wsgi_server_stats_json(s.c, buffer, capacity, length)
	})
}

// StatsPrometheus tells the same in the text format of Prometheus.
func (s *Server) StatsPrometheus() (string, error) {
	return text(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.wsgi_status {
		return C.wsgi_server_stats_prometheus(s.c, buffer, capacity, length)
	})
}

// text calls a function that writes a text of unknown length.
func text(call func(*C.char, C.size_t, *C.size_t) C.wsgi_status) (string, error) {
	capacity := C.size_t(256)
	for {
		buffer := (*C.char)(C.malloc(capacity))
		var length C.size_t
		status := call(buffer, capacity, &length)
		found := ""
		if status >= 0 {
			found = C.GoStringN(buffer, C.int(length))
		}
		C.free(unsafe.Pointer(buffer))
		if Status(status) == BadLength && length >= capacity {
			capacity = length + 1
			continue
		}
		return found, Status(status).Err()
	}
}

// KeyNames are the names of the environ's well-known keys by their numbers; "" for 0.
func KeyNames() []string {
	names := []string{""}
	for {
		name := C.wsgi_key_name(C.uint32_t(len(names)))
		if name == nil {
			return names
		}
		names = append(names, C.GoString(name))
	}
}
