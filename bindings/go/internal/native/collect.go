//go:build cgo && !wsgiserver_stress

package native

// Collect does nothing, unless the build tag wsgiserver_stress has it run the garbage collector around
// each call of the library.
func Collect() {}
