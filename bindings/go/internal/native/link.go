//go:build !wsgiserver_static

package native

// #cgo pkg-config: wsgiserver
import "C"
