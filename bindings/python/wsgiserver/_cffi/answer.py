"""From what an application has returned to what is sent. A list or a tuple is all there, so it
leaves in one piece with its length; what yields is sent as it does, and what is a file is sent by
the kernel."""

from .errors import ApplicationError, check
from .file_wrapper import FileWrapper, plain_descriptor
from .library import lib


def gather(exchange, result):
    """What is still to be called to send it: a function that returns a status, or None."""
    if exchange.taken:
        return None
    if type(result) in (list, tuple):
        return _sequence(exchange, result)
    if type(result) is FileWrapper:
        return _file(exchange, result)
    return _iterable(exchange, result)


def of_gateway(exchange):
    """The same of a Gateway, which answers by itself: what it has begun is completed."""
    if exchange.taken:
        return None
    if exchange.sent:
        return lambda: finish(exchange)
    return (lambda: _whole(exchange, b"")) if exchange.started else (lambda: abort(exchange))


def finish(exchange):
    """The answer is complete."""
    return lib.wsgi_finish(exchange.handle, exchange.request)


def abort(exchange):
    """The answer failed."""
    return lib.wsgi_abort(exchange.handle, exchange.request)


def _whole(exchange, body):
    head = exchange.head.text
    return lib.wsgi_respond_flat(
        exchange.handle, exchange.request, head, len(head), body, len(body)
    )


def _must_be_started(exchange):
    if not exchange.started:
        raise ApplicationError("The WSGI application did not call start_response.")


def _sequence(exchange, result):
    _must_be_started(exchange)
    for item in result:
        if not isinstance(item, bytes):
            raise ValueError("WSGI Applications must yield bytes")
    if exchange.sent:  # by write()
        for item in result:
            if item:
                exchange.write(item)
        return lambda: finish(exchange)
    body = b"" if exchange.head.is_bodiless else result[0] if len(result) == 1 else b"".join(result)
    return lambda: _whole(exchange, body)


def _iterable(exchange, result):
    for chunk in result:
        if not isinstance(chunk, bytes):
            raise ValueError("WSGI Applications must yield bytes")
        if chunk or exchange.started:
            exchange.write(chunk)
    return _end_pieces(exchange)


def _blocks(exchange, result):
    """A file that is to be read, of which no more is sent than was declared."""
    _must_be_started(exchange)
    left = exchange.head.content_length
    # What was written before counts as well, so the library is to judge.
    if left is None or exchange.sent:
        return _iterable(exchange, result)
    while left > 0:
        block = result.read_block(left)
        if not block:
            break
        exchange.write(block)
        left -= len(block)
    return _end_pieces(exchange)


def _end_pieces(exchange):
    """With all pieces sent that there are."""
    if exchange.sent:
        return lambda: finish(exchange)
    _must_be_started(exchange)
    return lambda: _whole(exchange, b"")


def _file(exchange, result):
    found = None
    if exchange.started and not exchange.sent:
        found = plain_descriptor(result.filelike)
    if found is None:
        return _blocks(exchange, result)
    status = exchange.begin()
    if status >= 0:
        length = exchange.head.content_length
        status = lib.wsgi_send_file(
            exchange.handle, exchange.request, *found, -1 if length is None else length
        )
    if status in (lib.WSGI_E_SYSTEM, lib.WSGI_E_STATE):
        return _iterable(exchange, result)  # what is wrong shows by reading
    check(status, "send the file")
    return None
