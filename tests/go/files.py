"""What examples/go/files serves.
usage: files.py PROGRAM"""
import os
import tempfile

from program import request, started

with tempfile.TemporaryDirectory() as folder:
    content = os.urandom(3_000_000)
    with open(os.path.join(folder, "large.bin"), "wb") as file:
        file.write(content)
    with open(os.path.join(folder, "page.html"), "w") as file:
        file.write("<p>page</p>")
    with started(folder) as port:
        status, headers, body = request(port, "GET", "/large.bin")
        assert (status, body) == (200, content)
        assert headers["Content-Length"] == str(len(content)) and headers["Accept-Ranges"] == "bytes"
        status, headers, body = request(port, "GET", "/large.bin", headers={"Range": "bytes=1000000-2999998"})
        assert (status, body) == (206, content[1000000:2999999])
        assert request(port, "HEAD", "/large.bin")[1]["Content-Length"] == str(len(content))
        status, headers, body = request(port, "GET", "/page.html")
        assert body == b"<p>page</p>" and headers["Content-Type"].startswith("text/html")
        since = {"If-Modified-Since": headers["Last-Modified"]}
        assert request(port, "GET", "/page.html", headers=since)[0] == 304
        assert b"page.html" in request(port, "GET", "/")[2]
        assert request(port, "GET", "/none")[0] == 404
        assert request(port, "GET", "/../../etc/passwd")[0] in (301, 400, 404)
