package wsgiserver

import (
	"io"
	"os"
	"syscall"

	"wsgiserver/internal/native"
)

// file is what *os.File is, and the wrapper of it that io.Copy gives away.
type file interface {
	io.Reader
	io.Seeker
	syscall.Conn
	Stat() (os.FileInfo, error)
}

// ReadFrom is io.ReaderFrom's: the rest of an answer whose length was declared, read from a file, is
// sent by the kernel. The answer is complete then.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	if done, count, err := w.trySendFile(src); done {
		return count, err
	}
	return io.Copy(writerOnly{w}, readerOnly{src})
}

func (w *response) trySendFile(src io.Reader) (done bool, count int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ok, err := w.mayWrite(0); !ok && err != nil {
		return true, 0, err
	}
	f, length, ok := w.isRestFromFile(src)
	if !ok {
		return false, 0, nil
	}
	count, err = w.sendFile(f, src, length)
	return true, count, err
}

type writerOnly struct{ io.Writer }
type readerOnly struct{ io.Reader }

// isRestFromFile: the file holds exactly what is missing of the declared length.
func (w *response) isRestFromFile(src io.Reader) (file, int64, bool) {
	rest := w.facts.contentLength - w.written
	if w.facts.contentLength < 0 || rest < bufferSize || w.isHead || !w.facts.hasType ||
		w.err != nil || !bodyAllowed(w.status) {
		return nil, 0, false
	}
	limited, isLimited := src.(*io.LimitedReader)
	if isLimited {
		if limited.N != rest {
			return nil, 0, false
		}
		src = limited.R
	}
	f, ok := src.(file)
	if !ok {
		return nil, 0, false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, false
	}
	at, err := f.Seek(0, io.SeekCurrent)
	left := info.Size() - at
	return f, rest, err == nil && (left == rest || isLimited && left > rest)
}

func (w *response) sendFile(f file, src io.Reader, length int64) (int64, error) {
	if err := w.sendBuffer(); err != nil {
		return 0, err
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	x := w.exchange
	var status native.Status
	err = raw.Control(func(fd uintptr) {
		status = x.finally(func() native.Status {
			return x.engine.native.SendFile(x.id, int(fd), at, length)
		})
	})
	if err == nil {
		err = w.note(status)
	}
	if err != nil {
		return 0, err
	}
	w.written += length
	w.finished = true
	if limited, ok := src.(*io.LimitedReader); ok {
		limited.N = 0
	}
	_, err = f.Seek(length, io.SeekCurrent)
	return length, err
}
