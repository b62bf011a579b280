//go:build cgo

package native

// #include <wsgiserver.h>
import "C"

import "unsafe"

// Stream is a connection that was taken out of its server. One goroutine may read while another
// writes; no call waits.
type Stream struct{ c *C.wsgi_stream }

// Hijack takes the request's connection. Again: an earlier answer is still on its way.
func (s *Server) Hijack(request Request) (*Stream, Status) {
	stream := &Stream{}
	status := Status(C.wsgi_request_hijack(s.c, C.wsgi_request(request), C.WSGI_NONBLOCK, &stream.c))
	return stream, status
}

// Read gives 0 at the end.
func (s *Stream) Read(buffer []byte) (int, Status) {
	return counted(C.wsgi_stream_read(s.c, unsafe.Pointer(chars(buffer)), size(buffer),
		C.WSGI_NONBLOCK))
}

// Write writes what is taken now.
func (s *Stream) Write(data []byte) (int, Status) {
	return counted(C.wsgi_stream_write(s.c, unsafe.Pointer(chars(data)), size(data),
		C.WSGI_NONBLOCK))
}

// Pending is how many bytes were read from the descriptor already.
func (s *Stream) Pending() int {
	if pending := int(C.wsgi_stream_pending(s.c)); pending > 0 {
		return pending
	}
	return 0
}

// FD is the descriptor, which stays the stream's.
func (s *Stream) FD() int { return int(C.wsgi_stream_fd(s.c)) }

// ShutdownWrite ends what goes to the client.
func (s *Stream) ShutdownWrite() Status {
	return Status(C.wsgi_stream_shutdown(s.c, C.WSGI_STREAM_WRITE))
}

// Free closes the descriptor.
func (s *Stream) Free() Status { return Status(C.wsgi_stream_free(s.c)) }

func counted(count C.int64_t) (int, Status) {
	if count < 0 {
		return 0, Status(count)
	}
	return int(count), OK
}
