"""A Bottle site, served by Bottle's own `run`.

    python3 examples/python/frameworks/bottle_site.py [PORT]
"""

import pathlib
import sys

import bottle

HERE = pathlib.Path(__file__).resolve().parent

app = bottle.Bottle()


@app.get("/")
def home():
    return "Hello from Bottle\n"


@app.post("/greet")
def greet():
    photo = bottle.request.files.photo.file.read()
    return f"Hello {bottle.request.forms.name}, of {photo!r}\n"


@app.get("/count/<number:int>")
def count(number):
    bottle.response.content_type = "text/plain"
    for at in range(number):
        yield f"{at}\n"


@app.get("/source")
def source():
    return bottle.static_file("bottle_site.py", root=HERE, mimetype="text/plain")


@app.get("/fail")
def fail():
    raise LookupError("on purpose")


def main(port=8070):
    from wsgiserver.frameworks.bottle import WSGIServer

    bottle.run(app, server=WSGIServer, host="127.0.0.1", port=port, threads=20)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
