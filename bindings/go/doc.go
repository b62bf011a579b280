// Package wsgiserver serves any http.Handler with libwsgiserver, the server behind a C interface that
// programs in C, C++, Python and Lua embed as well, so that all of them behave alike on the wire.
//
//	http.HandleFunc("/", hello)
//	log.Fatal(wsgiserver.ListenAndServe(":8080", nil))
//
// Server has the names of net/http's Server. A handler runs on a goroutine of its own and may block.
// Its ResponseWriter and Request have what those of net/http have. README.md lists the differences.
//
// The library has to be installed where pkg-config finds it; the build tag wsgiserver_static links the
// static one. cgo is needed.
package wsgiserver
