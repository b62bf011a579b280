package wsgiserver

import (
	"runtime"
	"strings"

	"wsgiserver/internal/native"
)

// pull takes records until the server has stopped.
//
// Between two batches it lets the handlers run that it has started: then it looks, without waiting, for
// more, and only when there is nothing waits inside the library. So a busy server's handlers and its
// puller take turns on the threads that are there, and no thread has to be woken for a request.
func (e *engine) pull(puller *native.Puller) {
	defer e.pullers.Done()
	defer puller.Free()
	timeout := -1
	for {
		batch, status := puller.Next(timeout)
		native.Collect()
		busy := len(batch) > 0
		if busy {
			e.take(batch)
		}
		switch {
		case status == native.Stopping:
			return
		case status < 0 && status != native.Again:
			e.server.logf("wsgiserver: a server ends: %v", status.Err())
			e.native.AskToStop()
			return
		case busy:
			timeout = 0
			runtime.Gosched()
		default:
			timeout = -1
		}
	}
}

func (e *engine) take(batch native.Batch) {
	for len(batch) > 0 {
		record := batch.Take()
		switch record.Kind() {
		case native.RequestCame:
			x := newExchange(e, e.connection(record.Connection()), record)
			go x.serve()
		case native.Opened:
			e.opened(record.Copy())
		case native.Closed:
			e.closed(record.Connection())
		case native.Logged:
			e.log(record.Copy())
		case native.Released:
			e.released(record.Request(), record.Code())
		default:
			e.tell(record)
		}
	}
}

// log writes a message of the library's. That of a failed TLS handshake begins as net/http's does, so
// that programs which look for it find it.
func (e *engine) log(record native.Record) {
	from := "wsgiserver"
	if record.Code() == native.Handshake {
		from = "http"
	}
	text := record.Text()
	e.server.logf("%s: %s", from, strings.TrimSuffix(text.Rest(), "\n"))
}

// tell hands an event to the request that waits for it; one that nobody waits for is no loss, since
// whoever begins to wait tries once more first.
func (e *engine) tell(record native.Record) {
	e.mu.Lock()
	x := e.waiting[record.Request()]
	e.mu.Unlock()
	if x == nil {
		return
	}
	switch record.Kind() {
	case native.Readable:
		signal(x.readable)
	case native.Writable:
		signal(x.writable)
	case native.Aborted:
		if record.Code() == native.AbortedByStop {
			x.call(func() native.Status { return e.native.WatchAborted(x.id) })
			return
		}
		x.context.end()
	}
}

// signal leaves a mark for one who waits now or later.
func signal(ready chan struct{}) {
	select {
	case ready <- struct{}{}:
	default:
	}
}
