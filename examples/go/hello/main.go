// hello is the smallest server: hello [ADDRESS]
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"wsgiserver"
)

func main() {
	address := "127.0.0.1:8070"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello world!")
	})
	log.Fatal(wsgiserver.ListenAndServe(address, nil))
}
