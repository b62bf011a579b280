package wsgiserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wsgiserver"
)

// certificateFiles are of a certificate that the authority has signed, itself if it is nil.
func certificateFiles(t *testing.T, name string, authority *tls.Certificate) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: authority == nil, DNSNames: []string{name},
	}
	parent, signer := template, any(key)
	if authority != nil {
		if parent, err = x509.ParseCertificate(authority.Certificate[0]); err != nil {
			t.Fatal(err)
		}
		signer = authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write := func(file, kind string, content []byte) {
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(certFile, "CERTIFICATE", der)
	write(keyFile, "PRIVATE KEY", secret)
	return certFile, keyFile, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func serveTLS(t *testing.T, handler http.Handler, change ...func(*wsgiserver.Server)) *wsgiserver.TestServer {
	t.Helper()
	server := wsgiserver.NewUnstartedServer(handler)
	server.Config.ErrorLog = (&logged{}).logger()
	for _, change := range change {
		change(server.Config)
	}
	server.StartTLS()
	t.Cleanup(func() {
		server.Client().CloseIdleConnections()
		server.Config.Close()
	})
	return server
}

func TestTLS(t *testing.T) {
	server := serveTLS(t, handle(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%x %v %q %d %d", r.TLS.Version, r.TLS.HandshakeComplete, r.TLS.ServerName,
			len(r.TLS.PeerCertificates), len(body))
		if tls.CipherSuiteName(r.TLS.CipherSuite) == fmt.Sprintf("0x%04X", r.TLS.CipherSuite) {
			t.Errorf("no cipher suite: %v", r.TLS.CipherSuite)
		}
	}))
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: version,
			MaxVersion: version, ServerName: "example.com"}}
		client := &http.Client{Transport: transport}
		for i := 0; i < 3; i++ {
			response, err := client.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", 100000)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if want := fmt.Sprintf(`%x true "example.com" 0 100000`, version); string(body) != want || err != nil {
				t.Errorf("%q, %v", body, err)
			}
			if response.TLS.CipherSuite == 0 {
				t.Error("no cipher suite")
			}
		}
		transport.CloseIdleConnections()
	}
	// plain HTTP is refused, and nobody hangs
	c := dial(t, server)
	c.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	if rest, _ := io.ReadAll(c.Conn); !strings.HasPrefix(string(rest), "HTTP/1.") || !strings.Contains(string(rest), " 400 ") {
		t.Errorf("%q", rest)
	}
}

func TestClientCertificates(t *testing.T) {
	authorityFile, _, authority := certificateFiles(t, "authority", nil)
	_, _, known := certificateFiles(t, "known", &authority)
	_, _, stranger := certificateFiles(t, "stranger", nil)
	server := serveTLS(t, handle(func(w http.ResponseWriter, r *http.Request) {
		for _, certificate := range r.TLS.PeerCertificates {
			fmt.Fprint(w, certificate.Subject.CommonName, " ", len(r.TLS.VerifiedChains))
		}
	}), func(s *wsgiserver.Server) {
		s.TLSConfig = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}
		s.Options = map[string]string{"client_ca": authorityFile}
	})
	ask := func(certificates ...tls.Certificate) (string, error) {
		trusted := x509.NewCertPool()
		trusted.AddCert(server.Certificate())
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, Certificates: certificates}}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get(server.URL)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	if body, err := ask(known); body != "known 1" || err != nil {
		t.Error(body, err)
	}
	if body, err := ask(); err == nil {
		t.Error("one without a certificate was served:", body)
	}
	if body, err := ask(stranger); err == nil {
		t.Error("a stranger was served:", body)
	}
}

func TestWrongCertificates(t *testing.T) {
	certFile, keyFile, pair := certificateFiles(t, "example.com", nil)
	_, otherKey, _ := certificateFiles(t, "other", nil)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(certFile, keyFile string, config *tls.Config) error {
		server := &wsgiserver.Server{Addr: "127.0.0.1:0", TLSConfig: config}
		return server.ListenAndServeTLS(certFile, keyFile)
	}
	config := func(change func(*tls.Config)) *tls.Config {
		config := &tls.Config{Certificates: []tls.Certificate{pair}}
		change(config)
		return config
	}
	for want, err := range map[string]error{
		"needs a certificate": start("", "", nil),
		"/no/such/cert.pem":   start("/no/such/cert.pem", keyFile, nil),
		"/no/such/key.pem":    start(certFile, "/no/such/key.pem", nil),
		empty:                 start(empty, keyFile, nil),
		otherKey:              start(certFile, otherKey, nil),
		"no key":              start("", "", &tls.Config{Certificates: []tls.Certificate{{}}}),
		"GetCertificate cannot": start("", "", config(func(c *tls.Config) {
			c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
		})),
		`Options["client_ca"]`: start("", "", config(func(c *tls.Config) { c.ClientCAs = x509.NewCertPool() })),
		"NameToCertificate": start("", "", config(func(c *tls.Config) {
			c.NameToCertificate = map[string]*tls.Certificate{"x": {Certificate: [][]byte{{1}}}}
		})),
		"MinVersion": start("", "", config(func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 })),
		"MaxVersion": start("", "", config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })),
		"ClientAuth": start("", "", config(func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert })),
		"NextProtos": start("", "", config(func(c *tls.Config) { c.NextProtos = []string{"acme-tls/1"} })),
		"TLS_RSA_WITH_RC4_128_SHA": start("", "", config(func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
		})),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// The password of a key's file is the first line of another.
func TestEncryptedKey(t *testing.T) {
	certFile, keyFile, pair := certificateFiles(t, "encrypted.example", nil)
	secret, err := x509.MarshalECPrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", secret, []byte("secret"), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	passwordFile := filepath.Join(t.TempDir(), "password")
	write := func(file string, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(keyFile, pem.EncodeToMemory(block))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	serve := func(passwordFile string) (*wsgiserver.Server, chan error) {
		server := &wsgiserver.Server{Handler: handle(text("x")),
			Options: map[string]string{"private_key_password_file": passwordFile}}
		ended := make(chan error, 1)
		go func() { ended <- server.ServeTLS(l, certFile, keyFile) }()
		return server, ended
	}
	write(passwordFile, []byte("wrong\n"))
	for file, want := range map[string]string{passwordFile: "the password is wrong", "/no/such/file": "/no/such/file"} {
		_, ended := serve(file)
		if err := receive(t, ended, "the error"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
	// ServeTLS has closed the listener.
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	write(passwordFile, []byte("secret\n"))
	server, ended := serve(passwordFile)
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := receive(t, ended, "the end"); err != wsgiserver.ErrServerClosed {
		t.Error(err)
	}
}

// Files, several certificates by name, and what a configuration may choose.
func TestCertificatesByName(t *testing.T) {
	certFile, keyFile, first := certificateFiles(t, "first.example", nil)
	_, _, second := certificateFiles(t, "second.example", nil)
	server := &wsgiserver.Server{Handler: handle(text("x")), TLSConfig: &tls.Config{
		Certificates:           []tls.Certificate{second},
		NextProtos:             []string{"h2", "http/1.1"},
		CipherSuites:           []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		SessionTicketsDisabled: true,
	}}
	server.TLSConfig.BuildNameToCertificate() // as programs for old versions of Go do
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, certFile, keyFile) }()
	for name, want := range map[string]tls.Certificate{"first.example": first, "second.example": second} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: name,
			MaxVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		state := conn.ConnectionState()
		if string(state.PeerCertificates[0].Raw) != string(want.Certificate[0]) {
			t.Errorf("%s: the certificate is that of %v", name, state.PeerCertificates[0].Subject)
		}
		if state.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 || state.NegotiatedProtocol != "http/1.1" {
			t.Error(tls.CipherSuiteName(state.CipherSuite), state.NegotiatedProtocol)
		}
		conn.Close()
	}
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := receive(t, ended, "the end"); err != wsgiserver.ErrServerClosed {
		t.Error(err)
	}
}

// The library's options speak TLS too.
func TestTLSByOptions(t *testing.T) {
	certFile, keyFile, _ := certificateFiles(t, "example.com", nil)
	server := serve(t, handle(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS != nil) }),
		func(s *wsgiserver.Server) {
			s.Options = map[string]string{"certificate": certFile, "private_key": keyFile}
		})
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("https://" + server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "true" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

// One who connects and says nothing, or begins a handshake and no more, is cut.
func TestHandshakeThatDoesNotEnd(t *testing.T) {
	server := serveTLS(t, http.NotFoundHandler(), func(s *wsgiserver.Server) { s.ReadHeaderTimeout = 30 * time.Millisecond })
	c := dial(t, server)
	c.send("\x16\x03\x01")
	c.ends()
}

// The handshakes that fail are logged as net/http logs them, but only the first ones of many.
func TestHandshakeErrorsAreLogged(t *testing.T) {
	said := &logged{}
	server := serveTLS(t, http.NotFoundHandler(), func(s *wsgiserver.Server) { s.ErrorLog = said.logger() })
	logged := func(c *client) bool {
		return strings.Contains(said.String(), fmt.Sprintf("http: TLS handshake error from %v: ", c.Conn.LocalAddr()))
	}
	stranger := dial(t, server)
	if err := tls.Client(stranger.Conn, &tls.Config{ServerName: "example.com"}).Handshake(); err == nil {
		t.Error("the certificate should be unknown")
	}
	eventually(t, "a client that does not trust the certificate", func() bool { return logged(stranger) })
	plain := dial(t, server)
	plain.send("GET / HTTP/1.1\r\n" + usual + "\r\n")
	eventually(t, "a client that speaks plain HTTP", func() bool { return logged(plain) })
	for i := 0; i < 100; i++ {
		c := dial(t, server)
		c.send("\x00\x01\x02garbage")
		io.Copy(io.Discard, c.Conn) // an alert, and the end
	}
	if count := strings.Count(said.String(), "TLS handshake error"); count < 3 || count > 20 {
		t.Errorf("%d messages of 102 handshakes", count)
	}
}

func TestHijackOverTLS(t *testing.T) {
	result := make(chan error, 1)
	server := serveTLS(t, handle(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(-time.Second))
			if _, err := conn.Read(make([]byte, 1)); !os.IsTimeout(err) {
				t.Errorf("a read after its deadline: %v", err)
			}
			conn.SetReadDeadline(time.Time{})
			rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\n")
			rw.Flush()
			_, err := io.Copy(conn, rw)
			result <- err
		}()
	}))
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET / HTTP/1.1\r\n"+usual+"\r\n")
	head := "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	buffer := make([]byte, 1<<20)
	if _, err := io.ReadFull(conn, buffer[:len(head)]); err != nil || string(buffer[:len(head)]) != head {
		t.Fatalf("%q %v", buffer[:len(head)], err)
	}
	sent := make([]byte, len(buffer))
	rand.Read(sent)
	go conn.Write(sent)
	if _, err := io.ReadFull(conn, buffer); err != nil || string(buffer) != string(sent) {
		t.Fatal("what comes back is something else: ", err)
	}
	conn.CloseWrite()
	if err := receive(t, result, "the copy's end"); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
		t.Error(len(rest), err)
	}
}
