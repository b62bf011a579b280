package wsgiserver

// security is what a server needs for TLS.
type security struct{}
