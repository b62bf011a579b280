"""The seed's files, used on files of one's own."""

import io
import socket

import pytest

from wsgiserver import (
    ChunkedRFile,
    CP_makefile,
    KnownLengthRFile,
    MaxSizeExceeded,
    SizeCheckWrapper,
)

TEXT = b"one\ntwo\n\nlast"


def chunked(*pieces, end=b"0\r\n\r\n"):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def known(data=TEXT, more=b"beyond"):
    return KnownLengthRFile(io.BytesIO(data + more), len(data))


def in_chunks(*pieces, maxlen=0, **named):
    return ChunkedRFile(io.BytesIO(chunked(*pieces, **named)), maxlen)


MAKERS = {
    "known": known,
    "chunked": lambda: in_chunks(b"on", b"e\ntw", b"o\n\nla", b"st"),
    "checked": lambda: SizeCheckWrapper(io.BytesIO(TEXT), 100),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_ways_to_read(make):
    lines = [b"one\n", b"two\n", b"\n", b"last"]
    assert make().read() == TEXT
    assert list(make()) == lines
    assert make().readlines() == lines
    assert make().readlines(5) == lines[:2]
    file = make()
    assert (file.read(2), file.readline(), file.readline(2)) == (b"on", b"e\n", b"tw")
    assert (file.readline(50), file.read(0), file.read(), file.read()) == (b"o\n", b"", b"\nlast", b"")
    assert next(make()) == b"one\n" and make().next() == b"one\n"
    file.close()
    assert file.rfile.closed


def test_more_than_allowed():
    file = SizeCheckWrapper(io.BytesIO(b"x" * 100), 10)
    assert file.read(10) == b"x" * 10
    with pytest.raises(MaxSizeExceeded):
        file.read(1)
    with pytest.raises(MaxSizeExceeded):
        SizeCheckWrapper(io.BytesIO(b"x" * 1000), 300).readline()
    assert SizeCheckWrapper(io.BytesIO(b"x" * 600 + b"\n"), 0).readline() == b"x" * 600 + b"\n"
    with pytest.raises(MaxSizeExceeded):
        in_chunks(b"x" * 100, maxlen=50).read()


def test_remaining():
    file = known(b"12345")
    assert file.remaining == 5
    file.read(2)
    assert file.remaining == 3


@pytest.mark.parametrize("size", [b"-5", b"0x1f", b"+f", b"1_0", b"", b"g"])
def test_chunk_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="Bad chunked transfer size"):
        ChunkedRFile(io.BytesIO(size + b"\r\nxxxxx\r\n0\r\n\r\n"), 0).read()


def test_a_chunk_without_its_end():
    with pytest.raises(ValueError, match="Bad chunked transfer coding"):
        ChunkedRFile(io.BytesIO(b"2\r\nabcd"), 0).read()


def test_trailers():
    file = in_chunks(b"body", end=b"0\r\nX-Sum: 1\r\n\r\n")
    with pytest.raises(ValueError, match="until the request body has been read"):
        next(file.read_trailer_lines())
    assert file.read() == b"body" and file.closed
    assert list(file.read_trailer_lines()) == [b"X-Sum: 1\r\n"]


def test_makefile():
    one, other = socket.socketpair()
    with one, other:
        writer = CP_makefile(one, "wb")
        assert writer.write(b"line\nrest") == 9
        with pytest.raises(TypeError):
            writer.write("text")
        one.shutdown(socket.SHUT_WR)
        reader = CP_makefile(other)
        assert (reader.readline(), reader.read()) == (b"line\n", b"rest")
