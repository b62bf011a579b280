//go:build cgo

package native

/*
#include "inform.h"

static wsgi_status start_and_write(const wsgi_server *server, wsgi_request request, const char *head,
                                   size_t head_length, const char *body, size_t length) {
    wsgi_status status = wsgi_start_response_flat(server, request, head, head_length, 0);
    if (status < 0) return status;
    return wsgi_write(server, request, body, length, WSGI_NONBLOCK);
}

static wsgi_status start_write_and_finish(const wsgi_server *server, wsgi_request request,
                                          const char *head, size_t head_length, const char *body,
                                          size_t length) {
    wsgi_status status = start_and_write(server, request, head, head_length, body, length);
    return status < 0 ? status : wsgi_finish(server, request);
}

static wsgi_status add_trailer(const wsgi_server *server, wsgi_request request, const char *name,
                               size_t name_length, const char *value, size_t length) {
    wsgi_str names = {name, name_length}, values = {value, length};
    return wsgi_add_trailer(server, request, names, values);
}
*/
import "C"

import "unsafe"

// Each call may be made from any goroutine, one at a time for a request. Busy means that the library
// has a look at the connection: it is to be tried again.

// Respond gives the whole answer; the head is "200 OK\r\nName: value\r\n...".
func (s *Server) Respond(request Request, head, body []byte) Status {
	return Status(C.wsgi_respond_flat(s.c, C.wsgi_request(request), chars(head), size(head),
		unsafe.Pointer(chars(body)), size(body)))
}

// Start begins the answer.
func (s *Server) Start(request Request, head []byte, restart bool) Status {
	again := C.int32_t(0)
	if restart {
		again = 1
	}
	return Status(C.wsgi_start_response_flat(s.c, C.wsgi_request(request), chars(head), size(head),
		again))
}

// StartAndWrite is Start and Write in one. Again: it has started, and data is not taken.
func (s *Server) StartAndWrite(request Request, head, body []byte) Status {
	return Status(C.start_and_write(s.c, C.wsgi_request(request), chars(head), size(head),
		chars(body), size(body)))
}

// StartWriteAndFinish is StartAndWrite and Finish in one. Again: it has got no further than Start.
func (s *Server) StartWriteAndFinish(request Request, head, body []byte) Status {
	return Status(C.start_write_and_finish(s.c, C.wsgi_request(request), chars(head), size(head),
		chars(body), size(body)))
}

// Write takes all of data, or nothing and says Again: then a Writable comes.
func (s *Server) Write(request Request, data []byte) Status {
	return Status(C.wsgi_write(s.c, C.wsgi_request(request), unsafe.Pointer(chars(data)),
		size(data), C.WSGI_NONBLOCK))
}

// Flush sends what is held back. Again: the client does not take it now; it goes out by itself.
func (s *Server) Flush(request Request) Status {
	return Status(C.wsgi_flush(s.c, C.wsgi_request(request), C.WSGI_NONBLOCK))
}

// SendFile ends the answer with so many bytes of a file, -1: all of it.
func (s *Server) SendFile(request Request, fd int, offset, length int64) Status {
	return Status(C.wsgi_send_file(s.c, C.wsgi_request(request), C.int32_t(fd), C.int64_t(offset),
		C.int64_t(length)))
}

// AddTrailer adds a field behind the body.
func (s *Server) AddTrailer(request Request, name, value string) Status {
	names, values := []byte(name), []byte(value)
	return Status(C.add_trailer(s.c, C.wsgi_request(request), chars(names), size(names),
		chars(values), size(values)))
}

// Finish says that the answer is complete.
func (s *Server) Finish(request Request) Status {
	return Status(C.wsgi_finish(s.c, C.wsgi_request(request)))
}

// Abort gives the request up: 500 if nothing was sent, else the connection is cut.
func (s *Server) Abort(request Request) Status {
	return Status(C.wsgi_abort(s.c, C.wsgi_request(request)))
}

// Inform sends an interim answer; the head is like Respond's.
func (s *Server) Inform(request Request, head []byte) Status {
	return Status(C.inform_flat(s.c, C.wsgi_request(request), chars(head), size(head)))
}

// Read reads of the body: the number of bytes, 0 at its end. Again: a Readable comes.
func (s *Server) Read(request Request, buffer []byte) (int, Status) {
	count := int(C.wsgi_request_read(s.c, C.wsgi_request(request), unsafe.Pointer(chars(buffer)),
		size(buffer), C.WSGI_NONBLOCK))
	if count < 0 {
		return 0, Status(count)
	}
	return count, OK
}

// Trailers gives the fields behind the body, which has been read to its end.
func (s *Server) Trailers(request Request) ([][2]string, Status) {
	var found *C.wsgi_header
	var count C.size_t
	status := Status(C.wsgi_request_trailers(s.c, C.wsgi_request(request), &found, &count))
	if status < 0 || count == 0 {
		return nil, status
	}
	trailers := make([][2]string, int(count))
	for i, field := range unsafe.Slice(found, int(count)) {
		trailers[i] = [2]string{goString(field.name), goString(field.value)}
	}
	return trailers, OK
}

// Environ gives the keys and values of WSGI's environ.
func (s *Server) Environ(request Request) ([][2]string, Status) {
	var environ C.wsgi_environ
	environ.struct_size = C.sizeof_wsgi_environ
	status := Status(C.wsgi_request_environ(s.c, C.wsgi_request(request), &environ))
	if status < 0 {
		return nil, status
	}
	pairs := make([][2]string, int(environ.count))
	for i, pair := range unsafe.Slice(environ.pairs, int(environ.count)) {
		pairs[i] = [2]string{goString(pair.key), goString(pair.value)}
	}
	return pairs, OK
}

// WatchAborted asks for an Aborted.
func (s *Server) WatchAborted(request Request) Status {
	return Status(C.wsgi_request_watch(s.c, C.wsgi_request(request), C.WSGI_WATCH_ABORTED))
}

// WatchReleased asks for a Released.
func (s *Server) WatchReleased(request Request) Status {
	return Status(C.wsgi_request_watch(s.c, C.wsgi_request(request), C.WSGI_WATCH_RELEASED))
}

// ID names the request in logs.
func (s *Server) ID(request Request) (string, error) {
	return text(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.wsgi_status {
		return C.wsgi_request_id(s.c, C.wsgi_request(request), buffer, capacity, length)
	})
}

// Log writes to the error log; the levels are those of wsgiserver.h.
func (s *Server) Log(request Request, level int, message []byte) Status {
	return Status(C.wsgi_request_log(s.c, C.wsgi_request(request), C.int32_t(level),
		chars(message), size(message)))
}

func chars(bytes []byte) *C.char {
	if len(bytes) == 0 {
		return nil
	}
	return (*C.char)(unsafe.Pointer(&bytes[0]))
}

func size(bytes []byte) C.size_t { return C.size_t(len(bytes)) }

func goString(s C.wsgi_str) string { return C.GoStringN(s.ptr, C.int(s.len)) }
