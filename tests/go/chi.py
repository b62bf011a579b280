"""What the application for chi answers that examples/go/chi serves.
usage: chi.py PROGRAM"""
import gzip
import json

from program import request, started

JSON = {"Content-Type": "application/json"}

with started() as port:
    assert request(port, "GET", "/")[2] == b"welcome"
    assert json.loads(request(port, "GET", "/articles/")[2]) == {"1": "Hello"}
    title = json.dumps({"title": "Another"})
    assert request(port, "PUT", "/articles/2", title, JSON)[0] == 204
    assert json.loads(request(port, "GET", "/articles/2")[2]) == {"title": "Another"}
    assert request(port, "GET", "/articles/3")[0] == 404
    assert request(port, "POST", "/articles/2", title, JSON)[0] == 405
    assert request(port, "PUT", "/articles/2", title, {"Content-Type": "text/plain"})[0] == 415
    assert request(port, "PUT", "/articles/2", "no json", JSON)[0] == 400
    status, headers, body = request(port, "GET", "/articles/", headers={"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip" and b"Another" in gzip.decompress(body)
    assert request(port, "GET", "/panic")[0] == 500
    assert request(port, "GET", "/nowhere")[0] == 404
