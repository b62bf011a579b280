package wsgiserver

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"wsgiserver/internal/native"
)

// blank is what requests begin as: WithContext is the only way to give one a context.
var blank = &http.Request{ProtoMajor: 1}

// request makes net/http's request of what was pulled.
func (x *exchange) request() (*http.Request, error) {
	r := blank.WithContext(&x.context)
	text := x.record.Text()
	r.Method, r.RequestURI = text.Pair()
	x.readHeader(r, &text)
	r.Proto, r.ProtoMinor = "HTTP/1.1", 1
	if x.record.Minor() == 0 {
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
	}
	r.RemoteAddr = x.conn.remote
	r.TLS = x.tlsState()
	if err := setURL(r); err != nil {
		if !x.engine.takesAnyTarget {
			return nil, err
		}
		path, query, _ := strings.Cut(r.RequestURI, "?")
		r.URL = &url.URL{Path: path, RawQuery: query}
	}
	r.Close = closes(r)
	fixPragma(r.Header)
	r.ContentLength = x.record.ContentLength()
	if r.ContentLength < 0 {
		// What the library has decided, not the text of the field: net/http's writer of requests looks at
		// nothing else to frame what a proxy passes on.
		r.TransferEncoding = []string{"chunked"}
	}
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	} else {
		x.body = &body{exchange: x, request: r}
		r.Body = x.body
	}
	return r, nil
}

// readHeader: the fields in one array of values, which the header's slices are parts of.
func (x *exchange) readHeader(r *http.Request, text *native.Text) {
	count := x.record.Fields()
	chunked := x.record.ContentLength() < 0
	header := make(http.Header, count)
	values := make([]string, 0, count)
	for i := 0; i < count; i++ {
		key, name, value := text.Field()
		if key > 0 && key < len(knownNames) {
			name = knownNames[key]
		} else {
			name = textproto.CanonicalMIMEHeaderKey(name)
		}
		switch name {
		case "Host":
			r.Host = value
			continue
		case "Transfer-Encoding":
			continue
		case "Trailer":
			if chunked { // else it announces nothing, and is a field like others
				announce(r, value)
				continue
			}
		}
		if before, ok := header[name]; ok {
			header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	r.Header = header
}

// knownNames are the header names of the library's keys, by their numbers; "" where a key is not one
// of a header.
var knownNames = func() []string {
	names := native.KeyNames()
	for i, key := range names {
		name := strings.TrimPrefix(key, "HTTP_")
		switch {
		case key == "CONTENT_TYPE", key == "CONTENT_LENGTH", name != key:
			name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
			names[i] = textproto.CanonicalMIMEHeaderKey(name)
		default:
			names[i] = ""
		}
	}
	return names
}()

// announce notes the trailers that a Trailer field names.
func announce(r *http.Request, value string) {
	for _, name := range strings.Split(value, ",") {
		name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
		if name == "" || name == "Transfer-Encoding" || name == "Trailer" || name == "Content-Length" {
			continue
		}
		if r.Trailer == nil {
			r.Trailer = http.Header{}
		}
		r.Trailer[name] = nil
	}
}

func setURL(r *http.Request) error {
	target := r.RequestURI
	authorityOnly := r.Method == "CONNECT" && !strings.HasPrefix(target, "/")
	if isPlain(target) {
		r.URL = &url.URL{Path: target}
		return nil
	}
	if authorityOnly {
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return err
	}
	if authorityOnly {
		u.Scheme = ""
	}
	r.URL = u
	// The library has put the target's host, or what a trusted proxy says, into the Host field.
	if r.Host == "" {
		r.Host = u.Host
	}
	return nil
}

// isPlain: a path that needs no parsing, as most do.
func isPlain(target string) bool {
	if target == "" || target[0] != '/' || len(target) > 1 && target[1] == '/' {
		return false
	}
	for i := 0; i < len(target); i++ {
		c := target[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '/' && c != '.' && c != '-' && c != '_' && c != '~' {
			return false
		}
	}
	return true
}

// closes: what net/http says in Request.Close. Whether the connection is closed is the library's to
// decide, by the same rules.
func closes(r *http.Request) bool {
	connection := r.Header["Connection"]
	if r.ProtoMinor == 0 {
		return !hasToken(connection, "keep-alive") || hasToken(connection, "close")
	}
	return hasToken(connection, "close")
}

func hasToken(values []string, token string) bool {
	for _, value := range values {
		for _, found := range strings.Split(value, ",") {
			if strings.EqualFold(textproto.TrimString(found), token) {
				return true
			}
		}
	}
	return false
}

func fixPragma(header http.Header) {
	pragma := header["Pragma"]
	if len(pragma) == 0 || pragma[0] != "no-cache" {
		return
	}
	if _, ok := header["Cache-Control"]; !ok {
		header["Cache-Control"] = []string{"no-cache"}
	}
}
