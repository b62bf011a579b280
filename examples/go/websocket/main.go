// websocket says back what it is told, by Gorilla's package: websocket [ADDRESS]. Debian's package
// golang-github-gorilla-websocket-dev is needed.
package main

import (
	"log"
	"net/http"

	"examples/run"

	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{EnableCompression: true}

func main() {
	http.HandleFunc("/echo", echo)
	run.Main(nil, nil)
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		log.Print(err) // the client has been answered
		return
	}
	defer conn.Close()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, message); err != nil {
			return
		}
	}
}
