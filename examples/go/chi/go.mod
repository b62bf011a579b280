module examples/chi

go 1.19

require (
	examples v0.0.0
	github.com/go-chi/chi/v5 v5.0.0
)

require wsgiserver v0.0.0 // indirect

replace (
	examples => ../
	github.com/go-chi/chi/v5 => /usr/share/gocode/src/github.com/go-chi/chi
	wsgiserver => ../../../bindings/go
)
