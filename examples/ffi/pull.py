"""A pull server through Python's cffi: no compiler, and no callback from a foreign thread.

    python3 examples/ffi/pull.py include/wsgiserver.ffi.h target/release/libwsgiserver.so [COUNT]

Ends after COUNT requests, or with Ctrl-C.
"""
import sys

import cffi

ffi = cffi.FFI()


def main(header, library, count=-1):
    with open(header) as text:
        ffi.cdef(text.read())  # the file as it is
    lib = ffi.dlopen(library)
    out, error = ffi.new("wsgi_server **"), ffi.new("wsgi_error **")

    def check(status):
        if status < 0:
            sys.exit(ffi.string(lib.wsgi_error_message(error[0])).decode())

    # No application (NULL) makes a pull server.
    check(lib.wsgi_server_new(b"127.0.0.1:0", ffi.NULL, ffi.NULL, ffi.NULL, out, error))
    server = out[0]
    check(lib.wsgi_server_start_background(server, error))
    worker_out = ffi.new("wsgi_worker **")
    check(lib.wsgi_worker_new(server, worker_out, error))
    worker = worker_out[0]
    address = ffi.new("char[64]")
    lib.wsgi_server_bound_addr(server, address, len(address), ffi.NULL)
    print(f"http://{ffi.string(address).decode()}/", flush=True)

    events = ffi.new("wsgi_event[8]")
    events[0].struct_size = ffi.sizeof("wsgi_event")
    try:
        while count != 0:
            # At most so many milliseconds, so that Python sees its signals.
            got = lib.wsgi_worker_next(worker, events, len(events), 200)
            if got == lib.WSGI_AGAIN:
                continue
            if got < 0:
                break
            for event in events[0:got]:
                if event.kind == lib.WSGI_EVENT_REQUEST:
                    answer(lib, server, event.request)
                    count -= 1
    except KeyboardInterrupt:
        pass
    lib.wsgi_server_stop(server, ffi.NULL)
    lib.wsgi_worker_free(worker)
    lib.wsgi_server_free(server)


def answer(lib, server, request):
    environ = ffi.new("wsgi_environ *", {"struct_size": ffi.sizeof("wsgi_environ")})
    if lib.wsgi_request_environ(server, request, environ) < 0:
        return  # the client has left
    pairs = environ.pairs[0 : environ.count]
    path = next(text(pair.value) for pair in pairs if text(pair.key) == b"PATH_INFO")
    keep = [ffi.new("char[]", part) for part in (b"200 OK", b"Content-Type", b"text/plain")]
    status, name, value = ((part, len(part) - 1) for part in keep)
    headers = ffi.new("wsgi_header[]", [(name, value)])
    body = b"You asked for " + path + b"\n"
    if lib.wsgi_respond(server, request, status, headers, len(headers), body, len(body)) < 0:
        lib.wsgi_abort(server, request)


def text(string):
    return bytes(ffi.buffer(string.ptr, string.len))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
