module examples/websocket

go 1.19

require (
	examples v0.0.0
	github.com/gorilla/websocket v1.5.0
)

require wsgiserver v0.0.0 // indirect

replace (
	examples => ../
	github.com/gorilla/websocket => /usr/share/gocode/src/github.com/gorilla/websocket
	wsgiserver => ../../../bindings/go
)
