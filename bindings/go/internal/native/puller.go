//go:build cgo

package native

// #include "puller.h"
import "C"

import "unsafe"

// The kinds of records.
const (
	RequestCame   = C.WSGI_EVENT_REQUEST
	Readable      = C.WSGI_EVENT_READABLE
	Writable      = C.WSGI_EVENT_WRITABLE
	Aborted       = C.WSGI_EVENT_ABORTED
	Released      = C.WSGI_EVENT_RELEASED
	Logged        = C.WSGI_EVENT_LOG
	Opened        = C.RECORD_OPENED
	Closed        = C.RECORD_CLOSED
	Handshake     = C.WSGI_LOG_HANDSHAKE // the code of a Logged
	AbortedByStop = 3                    // the code of an Aborted
)

// Puller takes records from a server. Used by one goroutine at a time.
type Puller struct {
	c      *C.puller
	server *Server
}

// NewPuller makes one for a server that has started.
func (s *Server) NewPuller() (*Puller, error) {
	var text *C.wsgi_error
	puller := &Puller{server: s}
	if err := taken(C.puller_new(s.c, s.connections, &puller.c, &text), text); err != nil {
		return nil, err
	}
	return puller, nil
}

// Next waits for records, at most so many milliseconds, -1: any time. They are there even when the
// status is Again, and good until the next call.
func (p *Puller) Next(milliseconds int) (Batch, Status) {
	status := Status(C.puller_next(p.server.c, p.c, C.int32_t(milliseconds)))
	if p.c.used == 0 {
		return nil, status
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p.c.buffer)), int(p.c.used)), status
}

// Free ends the puller; the requests that it gave live on.
func (p *Puller) Free() { C.puller_free(p.c) }

// Batch is a number of records one behind the other, in the library's memory.
type Batch []byte

// Take takes the first record off the batch, which must not be empty.
func (b *Batch) Take() Record {
	record := (*C.record)(unsafe.Pointer(&(*b)[0]))
	bytes := (*b)[:record.size]
	*b = (*b)[record.size:]
	return Record{record, bytes}
}

// Record is an event: in the library's memory, or a Copy.
type Record struct {
	c     *C.record
	bytes []byte
}

// Copy is good for ever.
func (r Record) Copy() Record {
	bytes := make([]byte, len(r.bytes))
	copy(bytes, r.bytes)
	return Record{(*C.record)(unsafe.Pointer(&bytes[0])), bytes}
}

func (r Record) Kind() int            { return int(r.c.kind) }
func (r Record) Code() int            { return int(r.c.code) }
func (r Record) Request() Request     { return Request(r.c.request) }
func (r Record) Connection() uint64   { return uint64(r.c.connection) }
func (r Record) ContentLength() int64 { return int64(r.c.content_length) }
func (r Record) Minor() int           { return int(r.c.minor) }
func (r Record) Fields() int          { return int(r.c.fields) }

// Text of a Copy needs no copy of its own: it shares the memory, which nobody changes.
func (r Record) Text() Text {
	begin := C.sizeof_record + int(r.c.fields)*C.sizeof_field
	text := r.bytes[begin : begin+int(r.c.text)]
	return Text{rest: *(*string)(unsafe.Pointer(&text)), record: r}
}

// Text are the strings of a record, to be taken in order.
type Text struct {
	rest   string
	record Record
	taken  int
}

// Pair takes the two strings that a request or an Opened begins with.
func (t *Text) Pair() (first, second string) {
	return t.take(int(t.record.c.first)), t.take(int(t.record.c.second))
}

// Field takes the next field of a request: the number of its key, or 0 and its name.
func (t *Text) Field() (key int, name, value string) {
	at := C.sizeof_record + t.taken*C.sizeof_field
	field := (*C.field)(unsafe.Pointer(&t.record.bytes[at]))
	t.taken++
	return int(field.key_id), t.take(int(field.name)), t.take(int(field.value))
}

// Rest takes what is left.
func (t *Text) Rest() string { return t.take(len(t.rest)) }

func (t *Text) take(length int) string {
	taken := t.rest[:length]
	t.rest = t.rest[length:]
	return taken
}
