"""TLS by Python's ssl module, without sockets: the library feeds what comes and takes what goes."""

import ssl
import time

AGAIN = -1


class Session:
    """One connection."""

    def __init__(self, context):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.handshaking = True

    def feed(self, data):
        """Takes encrypted bytes, and goes on with the handshake."""
        self._incoming.write(data)
        if self.handshaking:
            try:
                self._object.do_handshake()
                self._refuse_expired()
                self.handshaking = False
            except ssl.SSLWantReadError:
                pass
        return len(data)

    def _refuse_expired(self):
        """OpenSSL does not look again at the certificate that a resumed session stands for."""
        certificate = self._object.session_reused and self._object.getpeercert()
        if certificate and ssl.cert_time_to_seconds(certificate["notAfter"]) < time.time():
            raise ssl.SSLError("the client's certificate has expired")

    def take(self, capacity):
        """Encrypted bytes for the client."""
        return self._outgoing.read(capacity)

    def read(self, capacity):
        """Plaintext, b'' when the client has ended its side."""
        try:
            return self._object.read(capacity)
        except ssl.SSLWantReadError:
            return AGAIN
        except ssl.SSLZeroReturnError:
            return b""

    def write(self, data):
        """Encrypts plaintext: how much of it."""
        return self._object.write(data)

    def close(self):
        """Says goodbye."""
        try:
            self._object.unwrap()
        except ssl.SSLError:
            pass

    def environ(self):
        """What the environ is told. The library makes the rest of SSL_CLIENT_CERT: SSL_CLIENT_S_DN
        and its like."""
        name, _, bits = self._object.cipher()
        pairs = {
            "SSL_PROTOCOL": self._object.version(),
            "SSL_CIPHER": name,
            "SSL_CIPHER_USEKEYSIZE": str(bits),
            "SSL_CIPHER_ALGKEYSIZE": str(bits),
            "SSL_VERSION_LIBRARY": ssl.OPENSSL_VERSION,
            "SSL_CLIENT_VERIFY": "NONE",
        }
        certificate = self._object.getpeercert(binary_form=True)
        if certificate:
            pairs["SSL_CLIENT_VERIFY"] = "SUCCESS"
            pairs["SSL_CLIENT_CERT"] = ssl.DER_cert_to_PEM_cert(certificate)
        return pairs


def context_of(adapter):
    """A context with an adapter's certificate, as the seed made it."""
    context = ssl.create_default_context(
        purpose=ssl.Purpose.CLIENT_AUTH, cafile=adapter.certificate_chain
    )
    context.load_cert_chain(adapter.certificate, adapter.private_key, adapter.private_key_password)
    if adapter.ciphers is not None:
        context.set_ciphers(adapter.ciphers)
    return context
