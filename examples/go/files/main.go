// files serves a folder: files ADDRESS FOLDER. net/http's FileServer finds a ResponseWriter that the
// kernel sends files through.
package main

import (
	"fmt"
	"net/http"
	"os"

	"examples/run"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: files ADDRESS FOLDER")
		os.Exit(2)
	}
	run.Main(http.FileServer(http.Dir(os.Args[2])), nil)
}
