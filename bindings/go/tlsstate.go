package wsgiserver

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"wsgiserver/internal/native"
)

// tlsState tells of the connection's TLS; nil without any. It is found out once for a connection.
func (x *exchange) tlsState() *tls.ConnectionState {
	if !x.engine.speaksTLS {
		return nil
	}
	x.conn.tlsOnce.Do(func() { x.conn.tls = x.findTLS() })
	return x.conn.tls
}

func (x *exchange) findTLS() *tls.ConnectionState {
	library := x.engine.native
	var pairs [][2]string
	x.call(func() (status native.Status) {
		pairs, status = library.Environ(x.id)
		return status
	})
	state := &tls.ConnectionState{HandshakeComplete: true}
	verified := false
	for _, pair := range pairs {
		switch pair[0] {
		case "SSL_PROTOCOL":
			state.Version = versions[pair[1]]
		case "SSL_CIPHER":
			state.CipherSuite = suites[pair[1]]
		case "SSL_TLS_SNI":
			state.ServerName = pair[1]
		case "SSL_CLIENT_VERIFY":
			verified = pair[1] == "SUCCESS"
		}
	}
	for verified {
		var der []byte
		status := x.call(func() (status native.Status) {
			der, status = library.PeerCertificate(x.id, len(state.PeerCertificates))
			return status
		})
		if status != native.OK {
			break
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			x.engine.server.logf("http: TLS: a client's certificate: %v", err)
			break
		}
		state.PeerCertificates = append(state.PeerCertificates, certificate)
	}
	if len(state.PeerCertificates) > 0 {
		state.VerifiedChains = [][]*x509.Certificate{state.PeerCertificates}
	}
	return state
}

var versions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// suites by the names that the library gives them, which are OpenSSL's for those of TLS 1.2.
var suites = func() map[string]uint16 {
	names := map[string]uint16{}
	for _, suite := range tls.CipherSuites() {
		name := strings.TrimPrefix(suite.Name, "TLS_")
		name = strings.NewReplacer("_WITH", "", "AES_", "AES", "_", "-").Replace(name)
		name = strings.Replace(name, "-POLY1305-SHA256", "-POLY1305", 1)
		names[name], names[suite.Name] = suite.ID, suite.ID
	}
	return names
}()
