//go:build cgo

package native

// #include <wsgiserver.h>
import "C"

import "fmt"

// Status is what a call returns: 0 or negative.
type Status int32

// The statuses of wsgiserver.h.
const (
	OK           Status = C.WSGI_OK
	Again        Status = C.WSGI_AGAIN
	Gone         Status = C.WSGI_GONE
	Busy         Status = C.WSGI_BUSY
	BadState     Status = C.WSGI_E_STATE
	BadHeader    Status = C.WSGI_E_HEADER
	BadLength    Status = C.WSGI_E_LENGTH
	ClientGone   Status = C.WSGI_E_CLIENT
	BodyTooLarge Status = C.WSGI_E_MAX_SIZE_EXCEEDED
	BadBody      Status = C.WSGI_E_BODY
	Stopping     Status = C.WSGI_E_STOPPING
	TimedOut     Status = C.WSGI_E_TIMEOUT
	Cancelled    Status = C.WSGI_E_CANCELLED
)

// Name is the one of wsgiserver.h, like "WSGI_E_BIND".
func (s Status) Name() string { return C.GoString(C.wsgi_status_name(C.wsgi_status(s))) }

// Error is a status that is not OK, with the text that the library has given, if any.
type Error struct {
	Status  Status
	Message string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return "wsgiserver: " + e.Status.Name()
	}
	return fmt.Sprintf("wsgiserver: %s", e.Message)
}

// Err is nil for OK.
func (s Status) Err() error {
	if s >= 0 {
		return nil
	}
	return &Error{Status: s}
}

// taken makes an error of a status and a wsgi_error, which it frees.
func taken(status C.wsgi_status, text *C.wsgi_error) error {
	if status >= 0 {
		return nil
	}
	err := &Error{Status: Status(status)}
	if text != nil {
		err.Message = C.GoString(C.wsgi_error_message(text))
		C.wsgi_error_free(text)
	}
	return err
}
