"""A browser (headless Chromium) talks to examples/c/websocket_echo.c, over ws: and wss:.
usage: websocket.py PROGRAM"""
import http.server
import json
import queue
import re
import subprocess
import sys
import tempfile
import threading

DEADLINE = 120  # starting the browser is most of it

PAGE = """<!doctype html><title>Test</title><script>
const heard = [];
const socket = new WebSocket(location.hash.slice(1));
const tell = ended => fetch("/told", {method: "POST", body: JSON.stringify({heard, ended})});
socket.binaryType = "arraybuffer";
socket.onopen = () => {
    socket.send("grüße");
    socket.send(new Uint8Array(100000).fill(7));
    socket.send("");
};
socket.onmessage = event => {
    heard.push(typeof event.data === "string" ? event.data
        : [event.data.byteLength, new Uint8Array(event.data).every(byte => byte === 7)]);
    if (heard.length === 3) socket.close(4321, "enough");
};
socket.onclose = event => tell([event.code, event.wasClean]);
</script>"""

EXPECTED = {"heard": ["grüße", [100000, True], ""], "ended": [4321, True]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        talk(folder, "ws", [])
        talk(folder, "wss", certificate_in(folder))


def certificate_in(folder):
    key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return ["--certificate", certificate, "--private-key", key]


def talk(folder, scheme, options):
    program = subprocess.Popen([sys.argv[1], "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    told = queue.Queue()
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages_that_tell(told))
    browser = None
    try:
        port = int(re.search(r":(\d+)/", program.stdout.readline())[1])
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{pages.server_port}/#{scheme}://127.0.0.1:{port}/echo"
        browser = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--ignore-certificate-errors", f"--user-data-dir={folder}/{scheme}",
             "--remote-debugging-port=0", page],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = told.get(timeout=DEADLINE)
        assert found == EXPECTED, found
        print(f"  {scheme}: the browser has heard what it said, and left in order")
    finally:
        for process in filter(None, (browser, program)):
            process.terminate()
            process.wait(30)
        pages.shutdown()


def pages_that_tell(told):
    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(PAGE.encode())

        def do_POST(self):
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")

        def answer(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Pages


if __name__ == "__main__":
    main()
