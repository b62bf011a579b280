package wsgiserver

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"wsgiserver/internal/native"
)

// sizes as in net/http: an answer that ends within the first gets a Content-Length, and pieces are put
// together up to the second.
const (
	smallAnswer = 2048
	bufferSize  = 4096
)

// buffers of an answer; they are used again.
type buffers struct{ head, body []byte }

var spareBuffers = sync.Pool{New: func() any {
	return &buffers{head: make([]byte, 0, 512), body: make([]byte, 0, bufferSize)}
}}

// headFacts is what the head that a handler gave says about the rest of the answer.
type headFacts struct {
	contentLength int64 // -1: unknown
	hasType       bool
	hasEncoding   bool
	isUnsized     bool     // it had a Content-Length that is none, or nil to leave it out
	closes        bool     // it had "Connection: close"
	trailers      []string // announced by Trailer
}

// writeHead appends a status and a header in the form of the library: a line for each.
func writeHead(to []byte, code int, header http.Header, facts *headFacts, logf func(string, ...any)) []byte {
	to = append(to, statusLine(code)...)
	facts.contentLength = -1
	for _, name := range sortedNames(header) {
		values := header[name]
		switch name {
		case "Content-Type":
			facts.hasType = true
			if code == http.StatusNotModified {
				continue
			}
		case "Content-Encoding":
			facts.hasEncoding = len(values) > 0 && values[0] != ""
		case "Content-Length":
			to = facts.takeLength(to, code, values, logf)
			continue
		case "Transfer-Encoding": // the server's to send; net/http takes it for a word about the body
			facts.isUnsized, facts.hasEncoding = true, true
			continue
		case "Connection": // the library leaves out what is not an application's to say
			facts.closes = code != http.StatusSwitchingProtocols && hasToken(values, "close")
		case "Trailer":
			facts.announce(values)
		default:
			if dropped(name) {
				continue
			}
		}
		for _, value := range values {
			to = appendField(to, name, value)
		}
	}
	return to
}

// takeLength notes the Content-Length and keeps it where the answer may have one.
func (f *headFacts) takeLength(to []byte, code int, values []string, logf func(string, ...any)) []byte {
	if len(values) == 0 {
		f.isUnsized = true
		return to
	}
	if values[0] == "" {
		return to
	}
	length, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || length < 0 {
		f.isUnsized = true
		logf("http: invalid Content-Length of %q", values[0])
		return to
	}
	f.contentLength = length
	if !bodyAllowed(code) {
		return to
	}
	return appendField(to, "Content-Length", strconv.FormatInt(length, 10))
}

func (f *headFacts) announce(values []string) {
	for _, value := range values {
		for _, name := range strings.Split(value, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			switch name {
			case "", "Transfer-Encoding", "Content-Length", "Trailer":
			default:
				f.trailers = append(f.trailers, name)
			}
		}
	}
}

// dropped: what is not part of the head. The library leaves out what speaks of the connection.
func dropped(name string) bool {
	if strings.HasPrefix(name, http.TrailerPrefix) {
		return true
	}
	return !isToken(name)
}

// sortedNames: of few names, so by insertion.
func sortedNames(header http.Header) []string {
	var space [16]string
	names := space[:0]
	for name := range header {
		at := len(names)
		names = append(names, name)
		for ; at > 0 && names[at-1] > name; at-- {
			names[at] = names[at-1]
		}
		names[at] = name
	}
	return names
}

// appendField appends a line; what would end it, or cannot be sent, becomes a space.
func appendField(to []byte, name, value string) []byte {
	to = append(to, name...)
	to = append(to, ": "...)
	to = appendValue(to, value)
	return append(to, "\r\n"...)
}

func appendValue(to []byte, value string) []byte {
	value = strings.Trim(value, " \t\r\n")
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c < ' ' && c != '\t' || c == 0x7f {
			c = ' '
		}
		to = append(to, c)
	}
	return to
}

func isToken(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

func statusLine(code int) string {
	if code == http.StatusOK {
		return "200 OK\r\n"
	}
	text := http.StatusText(code)
	if text == "" {
		text = "status code " + strconv.Itoa(code)
	}
	return strconv.Itoa(code) + " " + text + "\r\n"
}

// bodyAllowed: RFC 9110, section 6.4.1.
func bodyAllowed(code int) bool {
	return code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified
}

// isFinal: what the library takes with a final status only.
func isFinal(name string) bool {
	switch name {
	case "Content-Length", "Trailer", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Upgrade",
		"Proxy-Authenticate", "Proxy-Connection":
		return true
	}
	return false
}

func (x *exchange) inform(code int, header http.Header) {
	head := append([]byte(nil), statusLine(code)...)
	for _, name := range sortedNames(header) {
		if isFinal(name) || dropped(name) {
			continue
		}
		for _, value := range header[name] {
			head = appendField(head, name, value)
		}
	}
	x.call(func() native.Status { return x.engine.native.Inform(x.id, head) })
}
