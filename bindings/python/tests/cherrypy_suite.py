"""A plugin of pytest, for the process that test_cherrypy_suite.py starts: CherryPy's own tests find
this server in the place of cheroot's, on a port that is free."""

import socket

import cherrypy._cpwsgi_server
from cherrypy.test import helper

from wsgiserver.frameworks.cherrypy import CPWSGIServer

cherrypy._cpwsgi_server.CPWSGIServer = CPWSGIServer

with socket.create_server(("127.0.0.1", 0)) as free:
    _PORT = free.getsockname()[1]


class Supervisor(helper.LocalWSGISupervisor):
    """Starts the server for the tests of one class."""

    def __init__(self, **settings):
        super().__init__(**{**settings, "port": _PORT})


helper.CPWebCase.available_servers["wsgi"] = Supervisor
