//go:build cgo

package native

/*
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <wsgiserver.h>
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// Adapter is a wsgi_ssl_adapter: certificates and how they are used.
type Adapter struct{ c *C.wsgi_ssl_adapter }

// NewAdapter makes one for the PEM files of a certificate, maybe with its chain, and of its key.
func (s *Server) NewAdapter(certificate, key string) (*Adapter, error) {
	var text *C.wsgi_error
	kind, err := s.Get("ssl_adapter")
	if err != nil {
		return nil, err
	}
	names := cStrings(kind, certificate, key)
	defer names.free()
	adapter := &Adapter{}
	return adapter, taken(C.wsgi_ssl_adapter_new(s.c, names[0], names[1], names[2], nil, &adapter.c, &text), text)
}

// Set sets one of the server's options for TLS.
func (a *Adapter) Set(name, value string) error {
	var text *C.wsgi_error
	names := cStrings(name, value)
	defer names.free()
	return taken(C.wsgi_ssl_adapter_set(a.c, names[0], names[1], &text), text)
}

// Add adds a certificate for the names that it is for.
func (a *Adapter) Add(certificate, key string) error {
	var text *C.wsgi_error
	names := cStrings(certificate, key)
	defer names.free()
	return taken(C.wsgi_ssl_adapter_add_sni(a.c, nil, names[0], names[1], nil, &text), text)
}

// Free ends the adapter; servers that have it go on with it.
func (a *Adapter) Free() { C.wsgi_ssl_adapter_free(a.c) }

// UseTLS reads the adapter's files, and lets the server speak TLS with it.
func (s *Server) UseTLS(a *Adapter) error {
	var text *C.wsgi_error
	return taken(C.wsgi_server_set_ssl_adapter(s.c, a.c, &text), text)
}

// PeerCertificate gives a certificate that the client has shown, as DER; nil if there is none.
func (s *Server) PeerCertificate(request Request, index int) ([]byte, Status) {
	var length C.size_t
	status := Status(C.wsgi_request_peer_certificate(s.c, C.wsgi_request(request), C.size_t(index), nil, 0, &length))
	if status != BadLength {
		return nil, status
	}
	der := make([]byte, int(length))
	status = Status(C.wsgi_request_peer_certificate(s.c, C.wsgi_request(request), C.size_t(index),
		unsafe.Pointer(chars(der)), size(der), &length))
	return der, status
}

// MemoryFile is a file that is in memory alone, for secrets that the library takes from files. Its name
// is good until it is closed.
func MemoryFile(content []byte) (*os.File, string, error) {
	name := C.CString("wsgiserver")
	defer C.free(unsafe.Pointer(name))
	fd, err := C.memfd_create(name, C.MFD_CLOEXEC)
	if fd < 0 {
		return nil, "", os.NewSyscallError("memfd_create", err)
	}
	path := fmt.Sprintf("/proc/self/fd/%d", int(fd))
	file := os.NewFile(uintptr(fd), path)
	if _, err := file.Write(content); err != nil {
		file.Close()
		return nil, "", err
	}
	return file, path, nil
}

type cNames []*C.char

func cStrings(all ...string) cNames {
	names := make(cNames, len(all))
	for i, text := range all {
		names[i] = C.CString(text)
	}
	return names
}

func (n cNames) free() {
	for _, name := range n {
		C.free(unsafe.Pointer(name))
	}
}
