package wsgiserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A request and a handler that net/http and this package are both given: what comes back has to be the
// same, but for Date and Server.
type comparison struct {
	name    string
	request string // one without a method is that of GET, "@" stands for the usual lines
	handler func(w http.ResponseWriter, r *http.Request)
}

const usual = "Host: test\r\n"

var comparisons = []comparison{
	{"nothing written", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {}},
	{"a small body", "GET / HTTP/1.1\r\n@\r\n", text("hello")},
	{"a small body and HEAD", "HEAD / HTTP/1.1\r\n@\r\n", text("hello")},
	{"nothing and HEAD", "HEAD / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {}},
	{"a body of 2048", "GET / HTTP/1.1\r\n@\r\n", text(strings.Repeat("x", 2048))},
	{"a body of 2049", "GET / HTTP/1.1\r\n@\r\n", text(strings.Repeat("x", 2049))},
	{"a body of 2049 and HEAD", "HEAD / HTTP/1.1\r\n@\r\n", text(strings.Repeat("x", 2049))},
	{"a body of 100000", "GET / HTTP/1.1\r\n@\r\n", text(strings.Repeat("x", 100000))},
	{"many small pieces", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 3000; i++ {
			fmt.Fprintf(w, "%d,", i)
		}
	}},
	{"an html body", "GET / HTTP/1.1\r\n@\r\n", text("<html><body>x</body></html>")},
	{"a png body", "GET / HTTP/1.1\r\n@\r\n", text("\x89PNG\x0D\x0A\x1A\x0A")},
	{"a binary body in two pieces", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte{0, 1})
		w.Write([]byte("text"))
	}},
	{"a type that is set", "GET / HTTP/1.1\r\n@\r\n", with(text("{}"), "Content-Type", "application/json")},
	{"a type that is kept away", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "hello")
	}},
	{"an encoding that is set", "GET / HTTP/1.1\r\n@\r\n", with(text("hello"), "Content-Encoding", "br")},
	{"several values", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("X-Empty", "")
	}},
	{"a header with line ends", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "X-Bad", "a\r\nb: c\n")},
	{"a header with a bad name", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "X Bad\r\n", "a")},
	{"a header behind WriteHeader", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Before", "1")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Behind", "1")
		w.Header().Set("X-Before", "2")
		io.WriteString(w, "x")
	}},
	{"a status", "GET / HTTP/1.1\r\n@\r\n", status(http.StatusTeapot, "short and stout")},
	{"an unknown status", "GET / HTTP/1.1\r\n@\r\n", status(299, "x")},
	{"a status of 599", "GET / HTTP/1.1\r\n@\r\n", status(599, "x")},
	{"201 without a body", "GET / HTTP/1.1\r\n@\r\n", status(201, "")},
	{"204", "GET / HTTP/1.1\r\n@\r\n", status(204, "not sent")},
	{"204 with a length", "GET / HTTP/1.1\r\n@\r\n", with(status(204, ""), "Content-Length", "3")},
	{"304", "GET / HTTP/1.1\r\n@\r\n", with(status(304, "not sent"), "Etag", `"x"`)},
	{"304 with a type and a length", "GET / HTTP/1.1\r\n@\r\n",
		with(with(status(304, ""), "Content-Length", "3"), "Content-Type", "text/plain")},
	{"WriteHeader twice", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		w.WriteHeader(500)
	}},
	{"WriteHeader of no code after Write", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "x")
		w.WriteHeader(0)
		io.WriteString(w, "y")
	}},
	{"WriteHeader of no code after Hijack", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		w.WriteHeader(0)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
		conn.Close()
	}},
	{"WriteHeader behind Write", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "x")
		w.WriteHeader(500)
	}},
	{"a declared length", "GET / HTTP/1.1\r\n@\r\n", with(text("12345"), "Content-Length", "5")},
	{"a declared length and HEAD", "HEAD / HTTP/1.1\r\n@\r\n",
		with(status(200, ""), "Content-Length", "12345")},
	{"a long declared body", "GET / HTTP/1.1\r\n@\r\n",
		with(text(strings.Repeat("x", 5000)), "Content-Length", "5000")},
	{"a length that is none", "GET / HTTP/1.1\r\n@\r\n", with(text("12345"), "Content-Length", "five")},
	{"more than was declared", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "123")
		if _, err := io.WriteString(w, "4"); err != http.ErrContentLength {
			panic(err)
		}
	}},
	{"less than was declared", "GET / HTTP/1.1\r\n@\r\n", with(text("123"), "Content-Length", "5")},
	{"Connection: close of the handler", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "Connection", "close")},
	{"Connection: close of the client", "GET / HTTP/1.1\r\n@Connection: close\r\n\r\n", text("x")},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", text("x")},
	{"HTTP/1.0 and a long body", "GET / HTTP/1.0\r\n\r\n", text(strings.Repeat("x", 5000))},
	{"HTTP/1.0 with keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", text("x")},
	{"flushed", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		io.WriteString(w, "second")
	}},
	{"flushed with nothing", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
	}},
	{"flushed and HEAD", "HEAD / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
	}},
	{"trailers", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-Other")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "4")
		w.Header().Set("X-Not-Announced", "1")
	}},
	{"trailers with a prefix", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Late", "4")
	}},
	{"trailers and nothing else", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(200)
		w.Header().Set("X-Sum", "0")
	}},
	{"trailers for HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "4")
	}},
	{"early hints", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Del("Link")
		io.WriteString(w, "x")
	}},
	{"the request", "POST /a%20b/%2F?q=1&q=2 HTTP/1.1\r\n@Content-Type: text/plain\r\nX-Two: 1\r\nx-two: 2\r\n" +
		"Pragma: no-cache\r\nContent-Length: 4\r\n\r\nbody", show},
	{"the request, chunked", "PUT /x HTTP/1.1\r\n@Transfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n" +
		"4\r\nbody\r\n0\r\nX-Sum: 4\r\nX-Else: 5\r\n\r\n", show},
	{"the request, with a Trailer and a length", "PUT /x HTTP/1.1\r\n@Trailer: X-Sum\r\nContent-Length: 4\r\n\r\nbody", show},
	{"the request, with a Trailer and no body", "GET /x HTTP/1.1\r\n@Trailer: X-Sum\r\n\r\n", show},
	{"the request, a length with zeros", "PUT /x HTTP/1.1\r\n@Content-Length: 004\r\n\r\nbody", show},
	{"the request, an expectation and no body", "GET /x HTTP/1.1\r\n@Expect: 100-continue\r\n\r\n", show},
	{"the request, an upgrade", "GET /x HTTP/1.1\r\n@Connection: , Upgrade\r\nUpgrade: a, b/1\r\n\r\n", show},
	{"the request, an upgrade with a body",
		"PUT /x HTTP/1.1\r\n@Connection: upgrade\r\nUpgrade: a\r\nContent-Length: 4\r\n\r\nbody", show},
	{"the request, closing by two fields",
		"GET /x HTTP/1.1\r\n@Connection: keep-alive\r\nConnection: ,\tCLOSE ,\r\n\r\n", show},
	{"the request, a Host with a port", "GET /x HTTP/1.1\r\nHost: Test:0080\r\n\r\n", show},
	{"the request, absolute", "GET http://other:80/x?y HTTP/1.1\r\n@\r\n", show},
	{"the request, absolute and https", "GET https://test/x?y HTTP/1.1\r\n@\r\n", show},
	{"the request, absolute and 1.0", "GET http://other/x?y HTTP/1.0\r\nHost: test\r\n\r\n", show},
	{"the request, 1.0 with an upgrade", "GET / HTTP/1.0\r\n@Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", show},
	{"the request, absolute and its host", "GET http://test/x?y HTTP/1.1\r\n@\r\n", show},
	{"the request, two slashes", "GET //x//y/../z HTTP/1.1\r\n@\r\n", show},
	{"the request, 1.0", "GET /x HTTP/1.0\r\nHost: h\r\n\r\n", show},
	{"the request, 1.0 with keep-alive", "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", show},
	{"the request, closing", "GET /x HTTP/1.1\r\n@Connection: x, close\r\n\r\n", show},
	{"the request, a method of its own", "BREW /pot HTTP/1.1\r\n@\r\n", show},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n@\r\n", show},
	{"OPTIONS of a path", "OPTIONS /x HTTP/1.1\r\n@\r\n", show},
	{"a target that is no URL", "GET /%zz HTTP/1.1\r\n@\r\n", show},
	{"a body that is not read", "POST / HTTP/1.1\r\n@Content-Length: 4\r\n\r\nbody", text("x")},
	{"a chunked body that is not read", "POST / HTTP/1.1\r\n@Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", text("x")},
	{"a body that is read and closed", "POST / HTTP/1.1\r\n@Content-Length: 4\r\n\r\nbody",
		func(w http.ResponseWriter, r *http.Request) {
			r.Body.Close()
			_, err := r.Body.Read(make([]byte, 1))
			fmt.Fprint(w, err)
		}},
	{"a form", "POST /?a=0 HTTP/1.1\r\n@Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2",
		func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.FormValue("a"), r.FormValue("b"), r.URL.Query()["a"])
		}},
	{"a body that is too large for its reader", "POST / HTTP/1.1\r\n@Content-Length: 4\r\n\r\nbody",
		func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2))
			http.Error(w, fmt.Sprint(err), http.StatusRequestEntityTooLarge)
		}},
	{"a panic", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) { panic("as it should") }},
	{"a panic with a body", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "x")
		panic(http.ErrAbortHandler)
	}},
	{"a panic behind a flush", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "x")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"a redirect", "GET /old/path HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "../new", http.StatusFound)
	}},
	{"NotFound", "GET / HTTP/1.1\r\n@\r\n", http.NotFound},
	{"a file in part", "GET / HTTP/1.1\r\n@Range: bytes=2-4\r\n\r\n", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x.txt", time.Unix(1e9, 0), strings.NewReader("0123456789"))
	}},
	{"the first two bytes of a file", "GET / HTTP/1.1\r\n@Range: bytes=0-1\r\n\r\n", tenBytes},
	{"the first two bytes of a file and HEAD", "HEAD / HTTP/1.1\r\n@Range: bytes=0-1\r\n\r\n", tenBytes},
	{"the last two bytes of a file", "GET / HTTP/1.1\r\n@Range: bytes=-2\r\n\r\n", tenBytes},
	{"a file from its middle", "GET / HTTP/1.1\r\n@Range: bytes=5-\r\n\r\n", tenBytes},
	{"bytes after the end of a file", "GET / HTTP/1.1\r\n@Range: bytes=10-\r\n\r\n", tenBytes},
	{"a range if the file is the same", "GET / HTTP/1.1\r\n@If-Range: \"x\"\r\nRange: bytes=0-1\r\n\r\n", tenBytes},
	{"a range if the file is another", "GET / HTTP/1.1\r\n@If-Range: \"y\"\r\nRange: bytes=0-1\r\n\r\n", tenBytes},
	{"a hijacked connection", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
		rw.Flush()
		if _, err := w.Write(nil); err != http.ErrHijacked {
			panic(err)
		}
		conn.Close()
	}},
	{"no Host", "GET / HTTP/1.1\r\n\r\n", text("x")},
	{"no such version", "GET / HTTP/3.0\r\n@\r\n", text("x")},
	{"an expectation that nobody knows", "GET / HTTP/1.1\r\n@Expect: wonders\r\n\r\n", text("x")},
	{"a header with an underscore", "GET / HTTP/1.1\r\n@X_A: 1\r\n\r\n", show},
	{"a bare LF", "GET / HTTP/1.1\nHost: test\n\n", show},
	{"a folded header", "GET / HTTP/1.1\r\n@X-A: 1\r\n 2\r\n\r\n", show},
	{"two lengths that are equal", "POST / HTTP/1.1\r\n@Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", show},
	{"a length and chunks", "POST / HTTP/1.1\r\n@Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", show},
	{"a long line", "GET /" + strings.Repeat("x", 9000) + " HTTP/1.1\r\n@\r\n", text("x")},
	{"a long field", "GET / HTTP/1.1\r\n@X-A: " + strings.Repeat("x", 9000) + "\r\n\r\n", text("x")},
	{"many fields", "GET / HTTP/1.1\r\n@" + strings.Repeat("X-A: 1\r\n", 200) + "\r\n", text("x")},
	{"CONNECT", "CONNECT test:80 HTTP/1.1\r\n@\r\n", show},
	{"a method in lower case", "get / HTTP/1.1\r\n@\r\n", show},
	{"keep-alive of the handler", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "Connection", "keep-alive")},
	{"upgrade of the handler", "GET / HTTP/1.1\r\n@\r\n", with(status(426, "x"), "Upgrade", "other")},
	{"a Date of the handler", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "Date", "x")},
	{"a Server of the handler", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "Server", "x")},
	{"trailers with a prefix, small", "GET / HTTP/1.1\r\n@\r\n", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "body")
		w.Header().Set(http.TrailerPrefix+"X-Late", "4")
	}},
	{"status 999", "GET / HTTP/1.1\r\n@\r\n", status(999, "x")},
	{"status 600", "GET / HTTP/1.1\r\n@\r\n", status(600, "x")},
	{"205", "GET / HTTP/1.1\r\n@\r\n", status(205, "")},
	{"an empty coding before chunked", "POST / HTTP/1.1\r\n@Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n", show},
	{"an empty coding after chunked", "POST / HTTP/1.1\r\n@Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", show},
	{"a fragment", "GET /x#y HTTP/1.1\r\n@\r\n", show},
	{"a user in the target", "GET http://u:p@test/ HTTP/1.1\r\nHost: test\r\n\r\n", show},
	{"GET with a body", "GET / HTTP/1.1\r\n@Content-Length: 4\r\n\r\nbody", show},
	{"Transfer-Encoding of the handler", "GET / HTTP/1.1\r\n@\r\n", with(text("x"), "Transfer-Encoding", "chunked")},
	{"HEAD and a handler's chunks", "HEAD / HTTP/1.1\r\n@\r\n", with(text("x"), "Transfer-Encoding", "chunked")},
	{"a bad header", "GET / HTTP/1.1\r\n@Bad Name: x\r\n\r\n", text("x")},
}

func text(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }
}

func tenBytes(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Etag", `"x"`)
	http.ServeContent(w, r, "x.mp4", time.Unix(1e9, 0), strings.NewReader("0123456789"))
}

func status(code int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		if _, err := io.WriteString(w, body); err != nil {
			w.Header().Set("X-Never", "sent")
		}
	}
}

func with(handler func(http.ResponseWriter, *http.Request), name, value string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(name, value)
		handler(w, r)
	}
}

// show writes what a handler sees of a request.
func show(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, r.Method, r.RequestURI, r.URL, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.Proto)
	fmt.Fprintln(w, r.ProtoMajor, r.ProtoMinor, r.Host, r.ContentLength, r.TransferEncoding, r.Close)
	fmt.Fprintln(w, r.Header, r.Trailer, r.TLS == nil, r.Body == http.NoBody)
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%q %v %v\n", body, err, r.Trailer)
}

func TestBesideNetHTTP(t *testing.T) {
	var current atomic.Value
	handler := handle(func(w http.ResponseWriter, r *http.Request) {
		current.Load().(func(http.ResponseWriter, *http.Request))(w, r)
	})
	ours := serve(t, handler)
	theirs := httptest.NewUnstartedServer(handler)
	theirs.Config.ErrorLog = (&logged{}).logger()
	theirs.Start()
	t.Cleanup(theirs.Close)
	for _, c := range comparisons {
		t.Run(c.name, func(t *testing.T) {
			current.Store(c.handler)
			request := strings.ReplaceAll(c.request, "@", usual)
			if want, got := play(t, theirs.Listener.Addr(), request), play(t, ours.Listener.Addr(), request); !reflect.DeepEqual(want, got) {
				if reason := differences[c.name]; reason == "" || code(want) != code(got) && !refusals[reason] {
					t.Errorf("net/http: %s\n    ours: %s", strings.Join(want, "\n          "), strings.Join(got, "\n          "))
				}
			} else if differences[c.name] != "" {
				t.Error("listed as different, and is not")
			}
		})
	}
}

// The differences, in the words of README.md.
const (
	version  = "The status line says HTTP/1.1 to clients of HTTP/1.0 too"
	ownWords = "Answers that the server gives by itself"
	strict   = "Requests that are not of the shape of RFC 9112"
	limits   = "A request line and a field may have 8 KiB, a head 128 fields and 64 KiB"
	proxies  = "CONNECT is answered with 405"
	hops     = "Headers that speak of the connection are the server's"
	prefixed = "Trailers with http.TrailerPrefix"
	tooLong  = "A handler that writes more than its Content-Length"
	schemes  = "An absolute target of another scheme than the connection's"
	upgrades = "Upgrade in a request of HTTP/1.0 is not seen"
)

var differences = map[string]string{
	"HTTP/1.0":                         version,
	"HTTP/1.0 and a long body":         version,
	"HTTP/1.0 with keep-alive":         version,
	"trailers for HTTP/1.0":            version,
	"the request, 1.0":                 version,
	"the request, 1.0 with keep-alive": version,
	"a target that is no URL":          ownWords,
	"no Host":                          ownWords,
	"no such version":                  ownWords,
	"an expectation that nobody knows": ownWords,
	"a bad header":                     ownWords,
	"more than was declared":           tooLong,
	"the request, absolute and https":  schemes,
	"the request, absolute and 1.0":    version,
	"the request, 1.0 with an upgrade": upgrades,
	"a bare LF":                        strict,
	"a folded header":                  strict,
	"two lengths that are equal":       strict,
	"a length and chunks":              strict,
	"an empty coding before chunked":   strict,
	"an empty coding after chunked":    strict,
	"a fragment":                       strict,
	"a user in the target":             ownWords,
	"a long line":                      limits,
	"a long field":                     limits,
	"many fields":                      limits,
	"CONNECT":                          proxies,
	"keep-alive of the handler":        hops,
	"trailers with a prefix, small":    prefixed,
}

// refusals are differences because of which net/http serves what is refused here.
var refusals = map[string]bool{schemes: true, strict: true, limits: true, proxies: true}

func TestDifferencesAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, reason := range differences {
		if !strings.Contains(string(readme), reason) {
			t.Errorf("%s: README.md does not say %q", name, reason)
		}
	}
}

// code of the last answer.
func code(lines []string) (code string) {
	for _, line := range lines {
		if words := strings.Fields(line); strings.HasPrefix(line, "HTTP/1.") && len(words) > 1 {
			code = words[1]
		}
	}
	return code
}

// play sends a request and reads all answers to it, interim ones too, and whether the connection is
// then closed, in lines to compare.
func play(t *testing.T, address net.Addr, request string) (lines []string) {
	c := dialAt(t, address)
	c.send(request)
	method := strings.Fields(request)[0]
	for {
		response, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
		if err != nil {
			return append(lines, "no answer")
		}
		body, err := io.ReadAll(response.Body)
		lines = append(lines, describe(response, body, err)...)
		if response.StatusCode >= 200 {
			return append(lines, after(c))
		}
	}
}

func describe(response *http.Response, body []byte, err error) []string {
	response.Header.Del("Date")
	response.Header.Del("Server")
	lines := []string{response.Proto + " " + response.Status}
	for name, values := range response.Header {
		lines = append(lines, fmt.Sprintf("%s: %q", name, values))
	}
	sort.Strings(lines[1:])
	lines = append(lines, fmt.Sprint("length ", response.ContentLength, response.TransferEncoding, response.Close))
	if len(body) > 400 {
		lines = append(lines, fmt.Sprintf("%d bytes, %q", len(body), body[:100]))
	} else {
		lines = append(lines, fmt.Sprintf("%q", body))
	}
	return append(lines, fmt.Sprint("error ", err), fmt.Sprint("trailers ", response.Trailer))
}

// after says whether the connection serves another request.
func after(c *client) string {
	io.WriteString(c.Conn, "GET /after HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(c.Reader), nil); err != nil {
		return "closed"
	}
	return "kept"
}
