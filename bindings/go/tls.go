package wsgiserver

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"

	"wsgiserver/internal/native"
)

// security is what a server needs for TLS: files, or certificates that the program has.
type security struct {
	certFile, keyFile string
	config            *tls.Config
}

// ListenAndServeTLS listens on Addr (":https" if it is empty) and serves with TLS; see ServeTLS.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	security, err := s.security(certFile, keyFile)
	if err != nil {
		return err
	}
	return s.listenAndServe(security, ":https")
}

// ServeTLS is Serve with TLS. The names are those of PEM files with a certificate, and its chain if it
// has one, and with its key; they may be empty if TLSConfig has Certificates.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	security, err := s.security(certFile, keyFile)
	if err != nil {
		if l != nil {
			l.Close()
		}
		return err
	}
	return s.serveListener(l, true, security)
}

// ListenAndServeTLS serves handler with TLS; see Server.
func ListenAndServeTLS(addr, certFile, keyFile string, handler http.Handler) error {
	server := &Server{Addr: addr, Handler: handler}
	return server.ListenAndServeTLS(certFile, keyFile)
}

// ServeTLS serves handler with TLS on a listener; see Server.ServeTLS.
func ServeTLS(l net.Listener, handler http.Handler, certFile, keyFile string) error {
	server := &Server{Handler: handler}
	return server.ServeTLS(l, certFile, keyFile)
}

func (s *Server) security(certFile, keyFile string) (*security, error) {
	config := s.TLSConfig
	if config == nil {
		config = &tls.Config{}
	}
	if err := checkConfig(config); err != nil {
		return nil, err
	}
	if certFile == "" && len(config.Certificates) == 0 {
		return nil, errors.New("wsgiserver: TLS needs a certificate: a file, or TLSConfig.Certificates")
	}
	return &security{certFile, keyFile, config}, nil
}

// usedOf are the fields of tls.Config that are used here, ignoredOf those that mean nothing for a
// server, or nothing any more. What else is set is an error.
var (
	usedOf    = "Certificates MinVersion MaxVersion CipherSuites ClientAuth NextProtos SessionTicketsDisabled"
	ignoredOf = "RootCAs ServerName InsecureSkipVerify ClientSessionCache GetClientCertificate " +
		"Renegotiation PreferServerCipherSuites DynamicRecordSizingDisabled " +
		"EncryptedClientHelloConfigList EncryptedClientHelloRejectionVerify"
)

func checkConfig(config *tls.Config) error {
	value := reflect.ValueOf(config).Elem()
	for i := 0; i < value.NumField(); i++ {
		field := value.Type().Field(i)
		if !field.IsExported() || value.Field(i).IsZero() || hasWord(usedOf, field.Name) || hasWord(ignoredOf, field.Name) {
			continue
		}
		if field.Name == "NameToCertificate" && addsNone(config) {
			continue
		}
		hint := ""
		if field.Name == "ClientCAs" {
			hint = `; a file with the authorities can be: Options["client_ca"]`
		}
		return fmt.Errorf("wsgiserver: TLSConfig.%s cannot be used%s", field.Name, hint)
	}
	for _, protocol := range config.NextProtos {
		if protocol != "http/1.1" && protocol != "h2" && protocol != "http/1.0" {
			return fmt.Errorf("wsgiserver: TLSConfig.NextProtos: %q is not spoken", protocol)
		}
	}
	return nil
}

// addsNone: NameToCertificate has only what is in Certificates, as BuildNameToCertificate makes it, and
// those are chosen by name anyway.
func addsNone(config *tls.Config) bool {
	for _, named := range config.NameToCertificate {
		found := false
		for i := range config.Certificates {
			found = found || reflect.DeepEqual(named.Certificate, config.Certificates[i].Certificate)
		}
		if !found {
			return false
		}
	}
	return true
}

func hasWord(words, word string) bool { return strings.Contains(" "+words+" ", " "+word+" ") }

// use gives the library's server an adapter.
func (s *security) use(server *native.Server) error {
	var files fileList
	defer files.close()
	type pair struct{ certificate, key string }
	var pairs []pair
	if s.certFile != "" {
		pairs = append(pairs, pair{s.certFile, s.keyFile})
	}
	for i := range s.config.Certificates {
		certificate, key, err := files.write(&s.config.Certificates[i])
		if err != nil {
			return err
		}
		pairs = append(pairs, pair{certificate, key})
	}
	adapter, err := server.NewAdapter(pairs[0].certificate, pairs[0].key)
	if err != nil {
		return err
	}
	defer adapter.Free()
	for _, more := range pairs[1:] {
		if err := adapter.Add(more.certificate, more.key); err != nil {
			return err
		}
	}
	if err := s.configure(server, adapter); err != nil {
		return err
	}
	return server.UseTLS(adapter)
}

func (s *security) configure(server *native.Server, adapter *native.Adapter) error {
	options, err := s.options()
	if err != nil {
		return err
	}
	for _, name := range []string{"private_key_password_file", "minimum_tls_version", "ciphers", "client_auth",
		"client_ca", "client_crl", "session_tickets"} {
		value := options[name]
		if value == "" {
			// what Server.Options has said of it
			if value, err = server.Get(name); err != nil {
				return err
			}
		}
		if value == "" {
			continue
		}
		if err := adapter.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// options of the library's for what the configuration says.
func (s *security) options() (map[string]string, error) {
	options := map[string]string{}
	switch s.config.MinVersion {
	case 0, tls.VersionTLS12:
	case tls.VersionTLS13:
		options["minimum_tls_version"] = "1.3"
	default:
		return nil, errors.New("wsgiserver: TLSConfig.MinVersion: nothing older than TLS 1.2 is spoken")
	}
	if s.config.MaxVersion != 0 && s.config.MaxVersion != tls.VersionTLS13 {
		return nil, errors.New("wsgiserver: TLSConfig.MaxVersion: TLS 1.3 cannot be turned off")
	}
	switch s.config.ClientAuth {
	case tls.NoClientCert:
	case tls.VerifyClientCertIfGiven:
		options["client_auth"] = "optional"
	case tls.RequireAndVerifyClientCert:
		options["client_auth"] = "required"
	default:
		return nil, errors.New("wsgiserver: TLSConfig.ClientAuth: a client's certificate is always verified")
	}
	if len(s.config.CipherSuites) > 0 {
		// The list is about TLS 1.2; those of 1.3 cannot be chosen with net/http.
		names := []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
		for _, id := range s.config.CipherSuites {
			names = append(names, tls.CipherSuiteName(id))
		}
		options["ciphers"] = strings.Join(names, ":")
	}
	if s.config.SessionTicketsDisabled {
		options["session_tickets"] = "0"
	}
	return options, nil
}

// fileList are files in memory, which the library reads when it is given the adapter.
type fileList []*os.File

func (l *fileList) close() {
	for _, file := range *l {
		file.Close()
	}
}

func (l *fileList) write(certificate *tls.Certificate) (certFile, keyFile string, err error) {
	if certificate.PrivateKey == nil || len(certificate.Certificate) == 0 {
		return "", "", errors.New("wsgiserver: TLSConfig.Certificates: one has no certificate or no key")
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return "", "", fmt.Errorf("wsgiserver: TLSConfig.Certificates: %w", err)
	}
	var chain []byte
	for _, der := range certificate.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if certFile, err = l.add(chain); err != nil {
		return "", "", err
	}
	keyFile, err = l.add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	return certFile, keyFile, err
}

func (l *fileList) add(content []byte) (string, error) {
	file, name, err := native.MemoryFile(content)
	if err != nil {
		return "", err
	}
	*l = append(*l, file)
	return name, nil
}
