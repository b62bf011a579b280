//go:build cgo && wsgiserver_stress

package native

import "runtime"

// Collect runs the garbage collector: what a call has kept of Go's memory is not there any more.
func Collect() { runtime.GC() }
