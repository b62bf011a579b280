package wsgiserver

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"wsgiserver/internal/native"
)

// streamConn is a hijacked connection that speaks TLS: the library encrypts, and Go's poller waits for
// the descriptor, of which it has a duplicate.
type streamConn struct {
	conn *conn
	file *os.File

	mu     sync.RWMutex // read by calls of the stream, written by its end
	stream *native.Stream
}

func newStreamConn(c *conn, stream *native.Stream) (net.Conn, error) {
	fd, err := duplicateFD(stream.FD())
	if err != nil {
		stream.Free()
		return nil, err
	}
	return &streamConn{conn: c, file: os.NewFile(uintptr(fd), "connection"), stream: stream}, nil
}

func (c *streamConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		return 0, net.ErrClosed
	}
	count, status := 0, native.OK
	err = raw.Read(func(uintptr) bool {
		count, status = c.do(func(s *native.Stream) (int, native.Status) { return s.Read(p) })
		return status != native.Again
	})
	if err == nil {
		err = c.problem("read", status)
	}
	if err == nil && count == 0 {
		err = io.EOF
	}
	return count, err
}

func (c *streamConn) Write(p []byte) (int, error) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return 0, net.ErrClosed
	}
	written, status := 0, native.OK
	err = raw.Write(func(uintptr) bool {
		for written < len(p) {
			var count int
			count, status = c.do(func(s *native.Stream) (int, native.Status) { return s.Write(p[written:]) })
			written += count
			if status != native.OK {
				break
			}
		}
		return status != native.Again
	})
	if err == nil {
		err = c.problem("write", status)
	}
	return written, err
}

func (c *streamConn) do(f func(*native.Stream) (int, native.Status)) (int, native.Status) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.stream == nil {
		return 0, native.Cancelled
	}
	return f(c.stream)
}

func (c *streamConn) problem(doing string, status native.Status) error {
	switch status {
	case native.OK:
		return nil
	case native.Cancelled:
		return net.ErrClosed
	}
	return &net.OpError{Op: doing, Net: "tcp", Addr: c.RemoteAddr(), Err: status.Err()}
}

// CloseWrite ends what goes to the client.
func (c *streamConn) CloseWrite() error {
	_, status := c.do(func(s *native.Stream) (int, native.Status) { return 0, s.ShutdownWrite() })
	return c.problem("close", status)
}

// Close says goodbye to the client, if that does not take waiting.
func (c *streamConn) Close() error {
	if err := c.file.Close(); err != nil {
		return net.ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stream := c.stream
	c.stream = nil
	return c.problem("close", stream.Free())
}

func (c *streamConn) LocalAddr() net.Addr  { return c.conn.view.local }
func (c *streamConn) RemoteAddr() net.Addr { return c.conn.view.remote }

func (c *streamConn) SetDeadline(at time.Time) error      { return c.file.SetDeadline(at) }
func (c *streamConn) SetReadDeadline(at time.Time) error  { return c.file.SetReadDeadline(at) }
func (c *streamConn) SetWriteDeadline(at time.Time) error { return c.file.SetWriteDeadline(at) }
