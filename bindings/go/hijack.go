package wsgiserver

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"wsgiserver/internal/native"
)

// Hijack is http.Hijacker's: the connection itself, as a *net.TCPConn or *net.UnixConn unless it speaks
// TLS. What was read
// from the client already is in the reader's buffer. The server neither waits for the connection nor
// closes it.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	x := w.exchange
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		return nil, nil, http.ErrHijacked
	case w.left || w.finished:
		return nil, nil, ErrRequestEnded
	case w.started:
		return nil, nil, errors.New("wsgiserver: Hijack after a part of the answer was sent")
	}
	var stream *native.Stream
	x.markHijacked(true) // first, so that the library's word of the end is not taken for a close
	status, err := x.until(&x.writeLimit, true, func() (status native.Status) {
		stream, status = x.engine.native.Hijack(x.id)
		return status
	})
	if err == nil {
		err = x.problem("read", status)
	}
	if err != nil {
		x.markHijacked(false)
		return nil, nil, err
	}
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	w.hijacked = true
	x.readDeadline.end(ErrRequestEnded) // for a Read that waits
	x.engine.tellState(x.conn, http.StateHijacked)
	conn, ahead, err := x.connOf(stream)
	if err != nil {
		return nil, nil, err
	}
	return conn, w.readWriter(conn, ahead), nil
}

func (x *exchange) markHijacked(is bool) {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	x.conn.hijacked = is
	if is {
		delete(x.engine.answering, x.id)
	}
}

// readWriter begins with what was read ahead, and with the head if the handler has given one.
func (w *response) readWriter(conn net.Conn, ahead []byte) *bufio.ReadWriter {
	reader := bufio.NewReader(conn)
	if len(ahead) > 0 {
		size := len(ahead)
		if size < bufferSize {
			size = bufferSize
		}
		reader = bufio.NewReaderSize(&readAhead{ahead, conn}, size)
		reader.Peek(len(ahead)) // so that Buffered tells
	}
	writer := bufio.NewWriter(conn)
	if w.wroteHeader {
		writer.WriteString("HTTP/1.1 ")
		writer.Write(w.buffers.head)
		writer.WriteString("\r\n")
		writer.Write(w.buffers.body)
		writer.Flush()
	}
	return bufio.NewReadWriter(reader, writer)
}

type readAhead struct {
	ahead []byte
	conn  net.Conn
}

func (r *readAhead) Read(p []byte) (int, error) {
	if len(r.ahead) == 0 {
		return r.conn.Read(p)
	}
	count := copy(p, r.ahead)
	r.ahead = r.ahead[count:]
	return count, nil
}

// connOf makes a connection of Go's own of the library's; of one with TLS only the waiting is Go's.
func (x *exchange) connOf(stream *native.Stream) (net.Conn, []byte, error) {
	if x.engine.speaksTLS {
		conn, err := newStreamConn(x.conn, stream)
		return conn, nil, err
	}
	defer stream.Free()
	ahead := make([]byte, stream.Pending())
	for filled := 0; filled < len(ahead); {
		count, status := stream.Read(ahead[filled:])
		if status != native.OK || count == 0 {
			return nil, nil, io.ErrUnexpectedEOF
		}
		filled += count
	}
	fd, err := duplicateFD(stream.FD())
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "")
	defer file.Close() // FileConn makes one of its own
	conn, err := net.FileConn(file)
	return conn, ahead, err
}
