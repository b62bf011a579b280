package wsgiserver

import "io"

// Bytes is a body of these pieces.
func Bytes(pieces ...[]byte) Body { return &pieceBody{pieces} }

// Text is a body of one piece.
func Text(text string) Body { return Bytes([]byte(text)) }

// Failed is the body of an application that fails.
func Failed(err error) Body { return failedBody{err} }

// Iterate is a body whose pieces a function gives, and then io.EOF.
func Iterate(next func() ([]byte, error)) Body { return iterateBody(next) }

// FromReader is WSGI's file_wrapper: the body is what the reader gives, and it is closed if it can be.
func FromReader(r io.Reader) Body { return &readerBody{r, make([]byte, 32<<10)} }

type pieceBody struct{ pieces [][]byte }

func (b *pieceBody) Next() ([]byte, error) {
	if len(b.pieces) == 0 {
		return nil, io.EOF
	}
	piece := b.pieces[0]
	b.pieces = b.pieces[1:]
	return piece, nil
}

func (b *pieceBody) only() (int, bool) {
	if len(b.pieces) != 1 {
		return 0, false
	}
	return len(b.pieces[0]), true
}

type failedBody struct{ err error }

func (b failedBody) Next() ([]byte, error) { return nil, b.err }

type iterateBody func() ([]byte, error)

func (b iterateBody) Next() ([]byte, error) { return b() }

type readerBody struct {
	reader io.Reader
	buffer []byte
}

func (b *readerBody) Next() ([]byte, error) {
	count, err := b.reader.Read(b.buffer)
	return b.buffer[:count], err
}

func (b *readerBody) Close() error {
	if closer, ok := b.reader.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
