package wsgiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
)

// TestServer is a server on a free port of this machine, for tests: what httptest.Server is for
// net/http.
type TestServer struct {
	URL      string // http://127.0.0.1:port
	Listener net.Listener
	Config   *Server // may be changed before Start

	// TLS is for StartTLS, which then puts the configuration here that it serves with. nil: as in
	// Config.TLSConfig.
	TLS *tls.Config

	client      *http.Client
	certificate *x509.Certificate
}

// NewServer makes and starts a TestServer.
func NewServer(handler http.Handler) *TestServer {
	server := NewUnstartedServer(handler)
	server.Start()
	return server
}

// NewUnstartedServer makes a TestServer that listens, and serves when Start is called.
func NewUnstartedServer(handler http.Handler) *TestServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("wsgiserver: no port to listen on: " + err.Error())
	}
	return &TestServer{Listener: l, Config: &Server{Handler: handler}}
}

// Start serves; it panics if that does not succeed.
func (s *TestServer) Start() {
	s.serve("http", func() error { return s.Config.Serve(s.Listener) })
}

// NewTLSServer is NewServer with TLS; see StartTLS.
func NewTLSServer(handler http.Handler) *TestServer {
	server := NewUnstartedServer(handler)
	server.StartTLS()
	return server
}

// StartTLS serves with TLS, by the first certificate of the field TLS, or of Config.TLSConfig, or by one
// that is made for this server if there is none. Client trusts it.
func (s *TestServer) StartTLS() {
	config := s.TLS
	if config == nil {
		config = s.Config.TLSConfig
	}
	if config == nil {
		config = &tls.Config{}
	}
	if len(config.Certificates) == 0 {
		config = config.Clone()
		config.Certificates = []tls.Certificate{newCertificate()}
	}
	s.TLS, s.Config.TLSConfig = config, config
	certificate, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		panic("wsgiserver: " + err.Error())
	}
	s.certificate = certificate
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	s.serve("https", func() error { return s.Config.ServeTLS(s.Listener, "", "") })
}

// Certificate is the server's, nil without TLS.
func (s *TestServer) Certificate() *x509.Certificate { return s.certificate }

func (s *TestServer) serve(scheme string, serve func() error) {
	if s.URL != "" {
		panic("wsgiserver: the TestServer has started already")
	}
	s.URL = scheme + "://" + s.Listener.Addr().String()
	if s.client == nil {
		s.client = &http.Client{Transport: &http.Transport{}}
	}
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	select {
	case err := <-ended:
		panic("wsgiserver: " + err.Error())
	case <-s.Config.Serving():
	}
}

// Client has a Transport of its own, whose idle connections Close closes.
func (s *TestServer) Client() *http.Client { return s.client }

// Close waits until all requests are answered, and ends the server.
func (s *TestServer) Close() {
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	s.Config.Shutdown(context.Background())
	s.Listener.Close()
}

// CloseClientConnections cuts all connections and waits for their end. The server goes on: clients that
// connect again are served.
func (s *TestServer) CloseClientConnections() { s.Config.cutConnections() }
