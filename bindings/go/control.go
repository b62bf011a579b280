package wsgiserver

import "time"

// SetReadDeadline is for http.ResponseController: reads of the body fail after it.
func (w *response) SetReadDeadline(at time.Time) error {
	w.exchange.readDeadline.set(at)
	return nil
}

// SetWriteDeadline is for http.ResponseController: writes fail after it, and the connection is cut.
func (w *response) SetWriteDeadline(at time.Time) error {
	w.exchange.writeLimit.set(at)
	return nil
}

// EnableFullDuplex is for http.ResponseController. Reading while writing is always possible here.
func (w *response) EnableFullDuplex() error { return nil }

// CloseNotify is http.CloseNotifier's, which the request's context has replaced.
func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context := &w.exchange.context
	go func() {
		<-context.Done()
		gone <- true
	}()
	return gone
}
