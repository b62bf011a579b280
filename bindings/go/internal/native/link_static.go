//go:build wsgiserver_static

package native

// The library of this checkout, unless CGO_CFLAGS and CGO_LDFLAGS name folders that come first.

// #cgo CFLAGS: -I${SRCDIR}/../../../../include
// #cgo LDFLAGS: -L${SRCDIR}/../../../../target/release -l:libwsgiserver.a
// #cgo LDFLAGS: -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
import "C"
