"""A Flask site: pages, a form, a stream, a file, and a WebSocket (by flask-sock).

    python3 examples/python/frameworks/flask_site.py [PORT]

or, in this folder, by the command: wsgiserver flask_site --threads 20
"""

import sys
from urllib.parse import urlsplit

from flask import Flask, Response, request, send_file
from flask_sock import Sock

app = Flask(__name__)
sock = Sock(app)


@app.get("/")
def home():
    return "Hello from Flask\n"


@app.post("/greet")
def greet():
    return f"Hello {request.form['name']}, of {request.files['photo'].read()!r}\n"


@app.get("/count/<int:number>")
def count(number):
    return Response((f"{at}\n" for at in range(number)), mimetype="text/plain")


@app.get("/source")
def source():
    return send_file(__file__, mimetype="text/plain")


@app.get("/fail")
def fail():
    raise LookupError("on purpose")


@sock.route("/echo")
def echo(ws):
    # A browser sends cookies with a WebSocket whatever site the page is of (RFC 6455, 10.2).
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        ws.close(1008, "another site's page")
        return
    while True:
        ws.send(ws.receive().upper())


def main(port=8070):
    from wsgiserver.wsgi import Server

    server = Server(("127.0.0.1", port), app, numthreads=20)
    try:
        server.prepare()
        print(f"Flask on http://127.0.0.1:{server.bind_addr[1]}/", flush=True)
        server.serve()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
