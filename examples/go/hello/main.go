// hello is the smallest application: hello [ADDRESS]
package main

import (
	"fmt"
	"net/http"

	"examples/run"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello world!")
	})
	run.Main(nil, nil)
}
