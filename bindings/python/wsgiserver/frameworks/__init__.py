"""Where frameworks look for a server: ``bottle``, ``cherrypy``, ``django``, ``paste`` (Pyramid).

Flask, and any other WSGI application, needs nothing of the kind: the command ``wsgiserver`` or
``wsgiserver.wsgi.Server`` serve it as it is.
"""

from ..wsgi import Server

# What frameworks call it, and what it is called here.
NAMES = {"threads": "numthreads", "max_threads": "max"}


def make_server(app, bind_addr, settings):
    """A server with these settings, which are its options by name and come as text or as objects."""
    server = Server(bind_addr, app)
    for name, value in settings.items():
        if name == "listen":
            for address in str(value).split():
                server.listen(address)
        else:
            server.set(NAMES.get(name, name), value)
    return server


def run(server):
    """Serves until KeyboardInterrupt, or what else ends it."""
    try:
        server.start()
    finally:
        server.stop()
