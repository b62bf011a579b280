//go:build !cgo

// Package native calls libwsgiserver, a C library, which takes cgo.
package native

var _ = wsgiserver_needs_cgo_so_set_CGO_ENABLED_1_and_install_a_C_compiler
