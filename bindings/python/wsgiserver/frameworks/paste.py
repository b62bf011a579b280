"""Pyramid, and all that is started by a paste.ini file:

    [server:main]
    use = egg:libwsgiserver#main
    host = 127.0.0.1
    port = 6543
    threads = 20
"""

from . import make_server

__all__ = ["server_runner"]


def server_runner(wsgi_app, global_conf, host="127.0.0.1", port="6543", listen=None, **settings):
    """Serves the application until it is interrupted. ``listen`` has addresses with spaces between
    them, in the place of ``host`` and ``port``; further settings are the server's options."""
    addresses = listen.split() if listen else [(host, int(port))]
    server = make_server(wsgi_app, None, settings)
    for address in addresses:
        server.listen(address)
    try:
        server.prepare()
        for text in server.bound_addrs:
            unix = text.startswith(("@", "unix:"))
            print(f"serving on {text if unix else f'http://{text}/'}", flush=True)
        server.serve()
    finally:
        server.stop()
