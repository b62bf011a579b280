"""A CherryPy site, with this server in cheroot's place.

    python3 examples/python/frameworks/cherrypy_site.py [PORT]

The setting `server.instance` is all that it takes. `cherrypy.tree` is a WSGI application as well:
in this folder, `wsgiserver cherrypy_site:tree` serves it without CherryPy's engine.
"""

import sys

import cherrypy
from cherrypy.lib.static import serve_file


class Site:
    @cherrypy.expose
    def index(self):
        return "Hello from CherryPy\n"

    @cherrypy.expose
    def greet(self, name, photo):
        return f"Hello {name}, of {photo.file.read()!r}\n"

    @cherrypy.expose
    @cherrypy.config(**{"response.stream": True})
    def count(self, number):
        cherrypy.response.headers["Content-Type"] = "text/plain"
        return (f"{at}\n".encode() for at in range(int(number)))

    @cherrypy.expose
    def source(self):
        return serve_file(__file__, "text/plain")

    @cherrypy.expose
    def fail(self):
        raise LookupError("on purpose")


tree = cherrypy.tree
tree.mount(Site(), "/")


def main(port=8070):
    cherrypy.config.update(
        {
            "server.instance": "wsgiserver.frameworks.cherrypy.CPWSGIServer",
            "server.socket_port": port,
            "server.thread_pool": 20,
            "engine.autoreload.on": False,
        }
    )
    cherrypy.engine.signals.subscribe()
    cherrypy.engine.start()
    host, port = cherrypy.server.bound_addr
    try:
        print(f"CherryPy on http://{host}:{port}/", flush=True)
        cherrypy.engine.block()
    except KeyboardInterrupt:  # before block was there to catch it
        cherrypy.engine.exit()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
