"""What the Python servers are measured with."""
import time

TEXT = [("Content-Type", "text/plain")]
BODY = b"Hello, world!"
HEADERS = [*TEXT, ("Content-Length", str(len(BODY)))]
PIECE = 64 * 1024


def app(environ, start_response):
    route = ROUTES.get(environ["PATH_INFO"])
    if route is not None:
        return route(environ, start_response)
    start_response("200 OK", HEADERS)
    return [BODY]


def sleep(environ, start_response):
    time.sleep(0.010)
    start_response("200 OK", HEADERS)
    return [BODY]


def computing(seconds):
    def compute(environ, start_response):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
        start_response("200 OK", HEADERS)
        return [BODY]

    return compute


def upload(environ, start_response):
    read = environ["wsgi.input"].read
    total = 0
    while piece := read(PIECE):
        total += len(piece)
    start_response("200 OK", TEXT)
    return [str(total).encode()]


def download(environ, start_response):
    file = open(environ["QUERY_STRING"], "rb")
    start_response("200 OK", TEXT)
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(file, PIECE) if wrapper else iter(lambda: file.read(PIECE), b"")


ROUTES = {
    "/sleep": sleep,
    "/compute1": computing(0.001),
    "/compute5": computing(0.005),
    "/upload": upload,
    "/download": download,
}
