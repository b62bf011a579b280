"""What the README says, with nothing but the installed wheel: prints the answer."""

import threading
import urllib.request

from wsgiserver import CherryPyWSGIServer


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello world!\n"]


server = CherryPyWSGIServer(("127.0.0.1", 0), hello)
server.prepare()
thread = threading.Thread(target=server.serve)
thread.start()
host, port = server.bind_addr
print(urllib.request.urlopen(f"http://{host}:{port}/").read().decode(), end="")
server.stop()
thread.join()
