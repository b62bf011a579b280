"""TLS: by the library, and by Python's ssl module over memory."""

import pathlib
import selectors
import socket
import ssl
import subprocess
import time
import types

import pytest
import simple_websocket
from conftest import PATIENCE, Client, Logged, hello, wait_for

import wsgiserver
from wsgiserver import ServerError, SSLAdapter, get_ssl_adapter_class
from wsgiserver.ssl_builtin import BuiltinSSLAdapter
from wsgiserver.ssl_pyopenssl import SSL_fileobject, SSLConnection, pyOpenSSLAdapter


# Python 3.13 insists on them.
KEY_IDENTIFIERS = "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout".split()


class Files:
    """An authority, and a server's certificate by it."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, authority_key = str(folder / "ca.crt"), str(folder / "ca.key")
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._openssl("req", "-x509", *NEW_KEY, authority_key, "-out", self.ca, "-subj", "/CN=CA",
                      *usage)
        self.certificate, self.key = self.issue("server", "DNS:localhost,IP:127.0.0.1")
        self.chain, self.both = str(folder / "chain.crt"), str(folder / "both.pem")
        for target, parts in ((self.chain, [self.ca]), (self.both, [self.key, self.certificate])):
            with open(target, "w") as file:
                file.writelines(pathlib.Path(part).read_text() for part in parts)

    def issue(self, name, names):
        """Files of a certificate for these names, and of its key."""
        made = {end: str(self.folder / f"{name}.{end}") for end in ("crt", "key", "csr", "cnf")}
        pathlib.Path(made["cnf"]).write_text(f"subjectAltName = {names}\n" + KEY_IDENTIFIERS)
        subject = ["-subj", f"/CN={name}"]
        self._openssl("req", *NEW_KEY, made["key"], "-out", made["csr"], *subject)
        signed = ["-CA", self.ca, "-CAkey", str(self.folder / "ca.key"), "-CAcreateserial"]
        self._openssl("x509", "-req", "-in", made["csr"], "-out", made["crt"], *signed,
                      "-extfile", made["cnf"], "-days", "2")
        return made["crt"], made["key"]

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def adapter(self, kind=BuiltinSSLAdapter, **named):
        return kind(self.certificate, self.key, **named)

    def client_context(self):
        return ssl.create_default_context(cafile=self.ca)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("tls"))


def secure(server, files, context=None):
    client = Client(server.bind_addr)
    context = context or files.client_context()
    client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
    return client


def by_context(files):
    adapter = files.adapter()
    assert isinstance(adapter.context, ssl.SSLContext)
    return adapter


def set_context(files):
    adapter = files.adapter()
    adapter.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    adapter.context.load_cert_chain(files.certificate, files.key)
    return adapter


ADAPTERS = {
    "builtin": lambda files: files.adapter(),
    "pyopenssl": lambda files: files.adapter(pyOpenSSLAdapter),
    "one file": lambda files: BuiltinSSLAdapter(files.both),
    "context": by_context,
    "a context that was set": set_context,
}


@pytest.fixture(params=ADAPTERS)
def adapter(request, files):
    return ADAPTERS[request.param](files)


def app(environ, start_response):
    if environ["PATH_INFO"] == "/environ":
        start_response("200 OK", [])
        names = ("wsgi.url_scheme", "HTTPS", "SSL_PROTOCOL")
        return [" ".join(str(environ.get(name)) for name in names).encode()]
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body or b"hello"]


def test_answers_and_environ(adapter, files, served):
    server = served(app, options={"ssl_adapter": adapter})
    with secure(server, files) as client:
        assert client.get().body == b"hello"
        body = b"x" * 3_000_000
        assert client.get(method="POST", body=body).body == body
        assert client.get("/environ").body == b"https on " + client.socket.version().encode()
    assert server.log_text() == ""


def test_a_file_goes_over_tls(adapter, files, served, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"data" * 100_000)

    def sends_a_file(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](path.open("rb"))

    server = served(sends_a_file, options={"ssl_adapter": adapter})
    with secure(server, files) as client:
        assert client.get().body == b"data" * 100_000


def test_many_at_once(adapter, files, served):
    server = served(app, options={"ssl_adapter": adapter})
    clients = [secure(server, files) for _ in range(20)]
    for _ in range(3):
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert all(client.answer().body == b"hello" for client in clients)
    for client in clients:
        client.close()


def test_plain_http_is_told(adapter, served, client):
    server = served(app, options={"ssl_adapter": adapter})
    answer = client(server).get()
    assert answer.code == 400
    assert answer.body.startswith(b"The client sent a plain HTTP request, but this server only speaks")


def test_a_client_that_is_no_client_is_dropped(adapter, files, served, client):
    server = served(app, options={"ssl_adapter": adapter})
    assert b"HTTP" not in client(server).send(b"\x16\x03\x01\xff\xff garbage" * 50).rest()
    with secure(server, files) as good:
        assert good.get().body == b"hello"


def test_a_connection_is_taken_over_tls(adapter, files, served):
    def echo(environ, start_response):
        stream = environ["werkzeug.socket"]
        stream.sendall(b"got " + stream.recv(10))
        stream.close()
        return []

    server = served(echo, options={"ssl_adapter": adapter})
    with secure(server, files) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\ndata")
        client.socket.suppress_ragged_eofs = True
        assert client.rest() == b"got data"


def test_curl(adapter, files, served):
    server = served(app, options={"ssl_adapter": adapter})
    url = f"https://127.0.0.1:{server.bind_addr[1]}/"
    command = ["curl", "-s", "--cacert", files.ca, "--max-time", "10", url, url]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"hellohello"


def test_the_options_do_without_an_adapter(files, served):
    options = {"certificate": files.certificate, "private_key": files.key}
    server = served(app, options=options)
    assert server.speaks_tls
    with secure(server, files) as client:
        assert client.get("/environ").body.startswith(b"https on TLS")


def test_an_adapter_is_chosen_by_its_name(files):
    """As the command does it by --ssl-adapter."""
    server = wsgiserver.CherryPyWSGIServer(("127.0.0.1", 0), hello)
    for name, value in (("certificate", files.certificate), ("private_key", files.key)):
        server.set(name, value)
    server.set("ssl_adapter", "nothing of the kind")
    with pytest.raises(ValueError, match="nothing of the kind"):
        server.prepare()
    server.set("ssl_adapter", "builtin")
    server.prepare()
    server.stop()


def test_get_environ_is_called_when_it_is_overridden(adapter, files, served):
    seen = []

    class Mine(BuiltinSSLAdapter):
        def get_environ(self, sock=None):
            seen.append((sock.version(), sock.cipher()[0]))
            return {"MINE": "yes", "SSL_PROTOCOL": "mine"}

    adapter.__class__ = Mine

    def shows(environ, start_response):
        start_response("200 OK", [])
        return [f"{environ['MINE']} {environ['SSL_PROTOCOL']}".encode()]

    server = served(shows, options={"ssl_adapter": adapter})
    with secure(server, files) as client:
        assert client.get().body == b"yes mine"
        assert seen[0] == (client.socket.version(), seen[0][1]) and seen[0][1]


def test_an_overridden_wrap_is_refused_by_name(files):
    class Wrapping(BuiltinSSLAdapter):
        def wrap(self, sock):
            return sock, {}

    server = Logged(("127.0.0.1", 0), hello)
    server.ssl_adapter = files.adapter(Wrapping)
    with pytest.raises(TypeError, match="Wrapping.wrap is overridden"):
        server.prepare()
    server.ssl_adapter = "builtin"
    with pytest.raises(TypeError, match="is not an SSLAdapter"):
        server.prepare()
    assert server.core is None


def test_a_context_of_another_kind_is_refused_by_name(files):
    class Context:
        """As pyOpenSSL's."""

        def set_verify(self, mode, callback):
            pass

    server = Logged(("127.0.0.1", 0), hello)
    server.ssl_adapter = files.adapter(pyOpenSSLAdapter)
    server.ssl_adapter.context = Context()
    with pytest.raises(TypeError, match="has to be an ssl.SSLContext, not test_ssl.*Context"):
        server.prepare()
    assert not server.ready


def test_a_missing_file_is_named(files, tmp_path):
    server = Logged(("127.0.0.1", 0), hello)
    server.ssl_adapter = BuiltinSSLAdapter(str(tmp_path / "none.crt"), files.key)
    with pytest.raises(ServerError, match="none.crt"):
        server.prepare()
    server.ssl_adapter = BuiltinSSLAdapter(files.certificate, files.ca)
    with pytest.raises(ServerError, match="ca.crt"):
        server.prepare()


@pytest.mark.parametrize("given", ["secret", b"secret", lambda: "secret"])
def test_a_password(given, files, served, tmp_path):
    encrypted = str(tmp_path / "encrypted.key")
    command = ["openssl", "pkcs8", "-topk8", "-in", files.key, "-out", encrypted]
    subprocess.run([*command, "-passout", "pass:secret"], check=True, capture_output=True)
    adapter = BuiltinSSLAdapter(files.certificate, encrypted, private_key_password=given)
    server = served(app, options={"ssl_adapter": adapter})
    with secure(server, files) as client:
        assert client.get().body == b"hello"


@pytest.mark.parametrize("way", ["option", "context"])
def test_client_certificates(way, files, served):
    adapter = files.adapter()
    if way == "option":
        adapter.client_auth, adapter.client_ca = "required", files.ca
    else:
        adapter.context.verify_mode = ssl.CERT_REQUIRED
        adapter.context.load_verify_locations(files.ca)

    seen = {}

    def shows(environ, start_response):
        seen.update(environ)
        start_response("200 OK", [])
        return [environ["SSL_CLIENT_VERIFY"].encode()]

    server = served(shows, options={"ssl_adapter": adapter})
    context = files.client_context()
    certificate, key = files.issue("client", "email:client@example.org")
    context.load_cert_chain(certificate, key)
    with secure(server, files, context) as client:
        assert client.get().body == b"SUCCESS"
    for name, value in {
        "S_DN": "CN=client", "S_DN_CN": "client", "I_DN": "CN=CA", "I_DN_CN": "CA",
        "M_VERSION": "3", "SAN_Email_0": "client@example.org",
        "CERT": pathlib.Path(certificate).read_text(),
    }.items():
        assert seen["SSL_CLIENT_" + name] == value, name
    assert seen["SSL_CLIENT_M_SERIAL"] and seen["SSL_CLIENT_V_END"].endswith(" GMT")
    # By TLS 1.3 a client only hears of it when it reads.
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)), secure(server, files) as client:
        client.get()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_context_resumes_with_a_valid_client_certificate_only(
    version, files, served, monkeypatch
):
    adapter = by_context(files)
    adapter.context.verify_mode = ssl.CERT_REQUIRED
    adapter.context.load_verify_locations(files.ca)
    server = served(hello, options={"ssl_adapter": adapter})
    context = files.client_context()
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(*files.issue("client", "email:client@example.org"))
    sessions = []

    def get():
        session = sessions[-1] if sessions else None
        with Client(server.bind_addr) as plain, context.wrap_socket(
            plain.socket, server_hostname="localhost", session=session
        ) as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = everything(secured)
            sessions.append(secured.session)
            return answer[:13], secured.session_reused

    assert [get(), get()] == [(b"HTTP/1.1 200 ", False), (b"HTTP/1.1 200 ", True)]
    later = time.time() + 3 * 24 * 60 * 60  # the certificate has two days
    clock = types.SimpleNamespace(time=lambda: later)
    monkeypatch.setattr(wsgiserver.ssl_memory, "time", clock)
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
        answer, _ = get()
        if not answer:
            raise EOFError


def everything(sock):
    received = b""
    while piece := sock.recv(65536):
        received += piece
    return received


def test_certificates_are_read_again(files, served, tmp_path):
    other = Files(tmp_path)
    adapter = BuiltinSSLAdapter(other.certificate, other.key)
    server = served(app, options={"ssl_adapter": adapter})
    with secure(server, other) as client:
        assert client.get().body == b"hello"
    for name in ("certificate", "key"):
        with open(getattr(files, name), "rb") as new, open(getattr(other, name), "wb") as old:
            old.write(new.read())
    server.reload_ssl()
    with secure(server, files) as client:
        assert client.get().body == b"hello"


def test_a_gateway_sees_it(files, served):
    seen = []

    class Looking(wsgiserver.Gateway):
        def respond(self):
            seen.append((self.req.scheme, self.req.conn.ssl_env))
            self.req.simple_response("200 OK", "seen")

    server = Logged(("127.0.0.1", 0), None)
    server.gateway = Looking
    served(server=server, options={"ssl_adapter": files.adapter()})
    with secure(server, files) as client:
        assert client.get().body == b"seen"
    scheme, environ = seen[0]
    assert (scheme, environ["HTTPS"], environ["wsgi.url_scheme"]) == (b"https", "on", "https")
    assert environ["SSL_PROTOCOL"].startswith("TLS")


def test_classes_by_name():
    assert get_ssl_adapter_class() is BuiltinSSLAdapter
    assert get_ssl_adapter_class("PyOpenSSL") is pyOpenSSLAdapter
    with pytest.raises(KeyError):
        get_ssl_adapter_class("none")
    wsgiserver.ssl_adapters["mine"] = SSLAdapter
    wsgiserver.ssl_adapters["wrong"] = "wsgiserver.ssl_builtin.Nothing"
    try:
        assert get_ssl_adapter_class("mine") is SSLAdapter
        with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
            get_ssl_adapter_class("wrong")
    finally:
        del wsgiserver.ssl_adapters["mine"], wsgiserver.ssl_adapters["wrong"]


def test_what_is_the_librarys_says_so(files):
    adapter = files.adapter()
    with socket.socket() as sock:
        assert adapter.bind(sock) is sock
        with pytest.raises(NotImplementedError):
            adapter.wrap(sock)
        with pytest.raises(NotImplementedError):
            adapter.makefile(sock)
    for kind in (SSLConnection, SSL_fileobject):
        with pytest.raises(NotImplementedError, match=kind.__name__):
            kind()
    assert isinstance(pyOpenSSLAdapter(files.certificate, files.key).get_context(), ssl.SSLContext)


def test_an_error_in_get_environ_is_500(files, served):
    class Failing(BuiltinSSLAdapter):
        def get_environ(self, sock=None):
            raise LookupError("no environ")

    server = served(app, options={"ssl_adapter": files.adapter(Failing)})
    with secure(server, files) as client:
        assert client.get().code == 500
    wait_for(lambda: "no environ" in server.log_text())


def echoing(ping_interval):
    def app(environ, start_response):
        socket = simple_websocket.Server(environ, ping_interval=ping_interval)
        try:
            while True:
                socket.send(socket.receive())
        except simple_websocket.ConnectionClosed:
            pass
        return []

    return app


@pytest.mark.parametrize("make", [Files.adapter, by_context, set_context])
def test_a_websocket_that_pings_gets_large_messages(make, served, files):
    """Its reader selects on the descriptor, where what was decrypted does not show."""
    server = served(echoing(PATIENCE), options={"ssl_adapter": make(files)})
    host, port = server.bind_addr
    context = files.client_context()
    client = simple_websocket.Client.connect(f"wss://localhost:{port}/", ssl_context=context)
    for size in (100, 4_090, 5_000, 16_000, 300_000, 1):
        client.send(b"x" * size)
        assert len(client.receive(timeout=PATIENCE) or b"") == size
    client.close()
    wait_for(lambda: server.requests.idle == 4)
    assert server.log_text() == ""


@pytest.mark.parametrize("make", [Files.adapter, by_context])
def test_the_descriptor_of_a_stream_shows_what_can_be_read(make, served, files):
    seen = []

    def app(environ, start_response):
        stream = environ["werkzeug.socket"]
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            for _ in range(3):
                stream.sendall(b"go")
                parts = []
                while sum(map(len, parts)) < 10_000:
                    assert selector.select(PATIENCE)
                    parts.append(stream.recv(999))
                seen.append((b"".join(parts), selector.select(0)))
        stream.setblocking(False)
        seen.append(stream.pending())
        stream.close()
        return []

    server = served(app, options={"ssl_adapter": make(files)})
    connection = secure(server, files)
    connection.send(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    for letter in (b"a", b"b", b"c"):
        assert connection.exactly(2) == b"go"
        connection.send(letter * 10_000)
    connection.rest()
    wait_for(lambda: len(seen) == 4)
    assert seen == [(letter * 10_000, []) for letter in (b"a", b"b", b"c")] + [0]
    assert server.log_text() == ""
