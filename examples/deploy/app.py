"""The application of the recipes: something to serve, and what probes ask for."""

import time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    status = "200 OK" if environ["PATH_INFO"] in ("/", "/slow", "/ready") else "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return [status.encode()]
