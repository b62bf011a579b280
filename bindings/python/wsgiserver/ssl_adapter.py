"""SSLAdapter, and how a server comes to speak TLS by one.

The handshakes and the records are the library's. An adapter says with which certificate; it is never
given a socket.
"""

import importlib

from . import ssl_memory

__all__ = ["SSLAdapter", "get_ssl_adapter_class", "ssl_adapters"]

ssl_adapters = {
    "builtin": "wsgiserver.ssl_builtin.BuiltinSSLAdapter",
    "pyopenssl": "wsgiserver.ssl_pyopenssl.pyOpenSSLAdapter",
}


def get_ssl_adapter_class(name="builtin"):
    """The class of this name: 'builtin' or 'pyopenssl', or what was added to ``ssl_adapters``."""
    adapter = ssl_adapters[name.lower()]
    if not isinstance(adapter, str):
        return adapter
    module_name, _, class_name = adapter.rpartition(".")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, class_name)
    except AttributeError:
        raise AttributeError(f"{module_name!r} object has no attribute {class_name!r}") from None


class SSLAdapter:
    """A certificate, its private key, and what else TLS is to be spoken with.

    ``certificate`` is a PEM file, ``private_key`` too (None: it is in the certificate's file),
    ``certificate_chain`` the file of what stands between it and its authority. ``ciphers`` are
    IANA's names with ``:`` between them. ``private_key_password`` is a text, bytes, or a function.
    """

    kind = "builtin"
    """What the library calls its TLS."""

    certificate = None
    private_key = None
    certificate_chain = None
    ciphers = None
    private_key_password = None

    minimum_tls_version = None
    client_auth = None
    client_ca = None
    client_crl = None
    """Options of the library by their names; None: its own defaults."""

    def __init__(
        self,
        certificate,
        private_key=None,
        certificate_chain=None,
        ciphers=None,
        *,
        private_key_password=None,
    ):
        self.certificate = certificate
        self.private_key = private_key
        self.certificate_chain = certificate_chain
        self.ciphers = ciphers
        self.private_key_password = private_key_password
        self._context = None

    def bind(self, sock):
        """Gives the socket back: listening is the library's."""
        return sock

    def wrap(self, sock):
        """Not called: handshakes are the library's. A server refuses an adapter that overrides it."""
        raise NotImplementedError("handshakes are made by the library")

    def get_environ(self, sock=None):
        """Entries for the environ of each request beside the library's. ``sock`` knows the
        connection: ``version()`` and ``cipher()``. To be overridden."""
        return {}

    def makefile(self, sock, mode="r", bufsize=-1):
        """The files of a connection are the library's."""
        raise NotImplementedError("connections are read and written by the library")

    def new_context(self):
        """An ssl.SSLContext for this adapter."""
        return ssl_memory.context_of(self)

    @property
    def context(self):
        """An ``ssl.SSLContext``. Whoever takes it into their hands, or sets one, has TLS spoken by
        Python's ssl module instead of the library's."""
        if self._context is None:
            self._context = self.new_context()
        return self._context

    @context.setter
    def context(self, value):
        self._context = value


def apply(adapter, core):
    """Has the library's server speak TLS by this adapter."""
    check(adapter)
    context = getattr(adapter, "_context", None)
    if context is not None:
        if not hasattr(context, "wrap_bio"):
            kind = type(context)
            raise TypeError(
                f"ssl_adapter.context has to be an ssl.SSLContext, not {kind.__module__}.{kind.__qualname__}"
            )
        core.use_ssl_context(lambda: ssl_memory.Session(adapter.context))
        return
    names = ("ciphers", "minimum_tls_version", "client_auth", "client_ca", "client_crl")
    settings = {name: getattr(adapter, name, None) for name in names}
    settings["private_key_password"] = password_of(adapter)
    files = (adapter.certificate, adapter.private_key, adapter.certificate_chain)
    texts = [None if file is None else str(file) for file in files]
    given = {name: str(value) for name, value in settings.items() if value is not None}
    core.use_ssl(adapter.kind, *texts, given)


def check(adapter):
    """Refuses an adapter that wants to do what is the library's."""
    kind = type(adapter)
    if not isinstance(adapter, SSLAdapter):
        raise TypeError(f"ssl_adapter {adapter!r} is not an SSLAdapter")
    if kind.wrap is not SSLAdapter.wrap:
        raise TypeError(
            f"{kind.__module__}.{kind.__qualname__}.wrap is overridden, but would not be called: "
            "handshakes are made by the library; set the adapter's context instead"
        )


def overrides_environ(adapter):
    """Whether an adapter has something to say in each environ."""
    return adapter is not None and type(adapter).get_environ is not SSLAdapter.get_environ


def password_of(adapter):
    """The password of the private key as text, or None."""
    password = adapter.private_key_password
    if callable(password):
        password = password()
    return password.decode() if isinstance(password, (bytes, bytearray)) else password


class Connection:
    """What an adapter's ``get_environ`` is called with."""

    def __init__(self, environ):
        self._environ = environ

    def version(self):
        """Like 'TLSv1.3'."""
        return self._environ.get("SSL_PROTOCOL")

    def cipher(self):
        """Name, protocol and secret bits, as of ``ssl.SSLSocket``."""
        bits = self._environ.get("SSL_CIPHER_USEKEYSIZE")
        name = self._environ.get("SSL_CIPHER")
        return name, self.version(), int(bits) if bits else None

    def __getattr__(self, name):
        raise AttributeError(f"a connection of the library's has no {name!r} to give")
