package main

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wsgiserver"
)

// fixture is what the wire tests talk to; examples/c/fixture.c says what its paths do.
var fixture = wsgiserver.App(func(env *wsgiserver.Environ, start wsgiserver.StartResponse) wsgiserver.Body {
	path := env.Get("HTTP_X_FIXTURE")
	if path == "" {
		path = env.Get("PATH_INFO")
	}
	c := call{env: env, start: start}
	if handle := find(path, &c.number); handle != nil {
		return handle(c)
	}
	return echoBody(c)
})

// call is one request on its way through the fixture.
type call struct {
	env    *wsgiserver.Environ
	start  wsgiserver.StartResponse
	number int // what stands behind the last slash of the route
}

// A path that ends with a slash is followed by a number.
var routes = map[string]func(call) wsgiserver.Body{
	"/echo":             echoHeaders,
	"/204":              func(c call) wsgiserver.Body { return c.empty("204 No Content") },
	"/304":              answer304,
	"/environ":          func(c call) wsgiserver.Body { return c.answer(lines(c, keyOf)) },
	"/sleep/":           sleepFirst,
	"/detach/":          sleepFirst, // a handler is a goroutine: it holds no thread
	"/large/":           func(c call) wsgiserver.Body { return c.answer(strings.Repeat("x", c.number)) },
	"/stream/":          answerStream,
	"/close":            answerClose,
	"/restart":          answerRestart,
	"/interrupt":        func(c call) wsgiserver.Body { return wsgiserver.Failed(wsgiserver.ErrInterrupt) },
	"/error":            func(c call) wsgiserver.Body { return wsgiserver.Failed(errFault) },
	"/error-after-head": failAfterHead,
	"/error-after-end":  failAfterEnd,
	"/short":            func(c call) wsgiserver.Body { return c.declare("10", "four") },
	"/long":             func(c call) wsgiserver.Body { return c.declare("4", "fourandten") },
	"/bad-header":       func(c call) wsgiserver.Body { return c.startWith("X-Split", "one\r\nX-Injected: two") },
	"/hop-by-hop":       hopByHop,
	"/twice":            startTwice,
	"/none":             func(c call) wsgiserver.Body { return nil },
	"/write-first":      func(c call) wsgiserver.Body { return wsgiserver.Text("too early") },
	"/inform":           inform,
	"/trailers":         answerTrailers,
}

var errFault = errors.New("the fixture fails as it was asked to")

var plain = []wsgiserver.Header{{Name: "Content-Type", Value: "text/plain"}}

const largest = 1 << 30

func find(path string, number *int) func(call) wsgiserver.Body {
	if handle, ok := routes[path]; ok && !strings.HasSuffix(path, "/") {
		return handle
	}
	at := strings.LastIndexByte(path, '/') + 1
	found, err := strconv.Atoi(path[at:])
	if err != nil || found < 0 || found > largest {
		return nil
	}
	*number = found
	return routes[path[:at]]
}

func (c call) begin(headers []wsgiserver.Header, body wsgiserver.Body) wsgiserver.Body {
	if _, err := c.start("200 OK", headers); err != nil {
		return wsgiserver.Failed(err)
	}
	return body
}

func (c call) answer(text string) wsgiserver.Body { return c.begin(plain, wsgiserver.Text(text)) }

func (c call) empty(status string, headers ...wsgiserver.Header) wsgiserver.Body {
	if _, err := c.start(status, headers); err != nil {
		return wsgiserver.Failed(err)
	}
	return nil
}

func (c call) declare(length, text string) wsgiserver.Body {
	return c.begin(append(plain, wsgiserver.Header{Name: "Content-Length", Value: length}), wsgiserver.Text(text))
}

func (c call) startWith(name, value string) wsgiserver.Body {
	return c.begin([]wsgiserver.Header{{Name: name, Value: value}}, wsgiserver.Text("accepted"))
}

func hopByHop(c call) wsgiserver.Body {
	return c.begin([]wsgiserver.Header{
		{Name: "Transfer-Encoding", Value: "gzip"},
		{Name: "Connection", Value: "keep-alive"},
		{Name: "Keep-Alive", Value: "timeout=99"},
	}, wsgiserver.Text("accepted"))
}

// echoBody answers a body that fits in the window in one piece; a longer one as it is read.
func echoBody(c call) wsgiserver.Body {
	window := make([]byte, 64<<10)
	count, err := io.ReadFull(c.env.Input(), window)
	if err == io.EOF && c.env.Get("REQUEST_METHOD") != "POST" {
		return c.answer("OK")
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		// ReadFull's word for a body that ended; one that was cut says so again
		if _, err := c.env.Input().Read(window[:1]); err != io.EOF && err != nil {
			return wsgiserver.Failed(err)
		}
		return c.answer(string(window[:count]))
	}
	if err != nil {
		return wsgiserver.Failed(err)
	}
	rest := wsgiserver.FromReader(io.MultiReader(strings.NewReader(string(window)), c.env.Input()))
	return c.begin(plain, rest)
}

func echoHeaders(c call) wsgiserver.Body {
	if _, err := io.Copy(io.Discard, c.env.Input()); err != nil {
		return wsgiserver.Failed(err)
	}
	return c.answer(lines(c, headerOf))
}

// lines has one for each pair of the environ that name gives a name.
func lines(c call, name func(key string) string) string {
	var text strings.Builder
	for _, pair := range c.env.Pairs() {
		if name := name(pair[0]); name != "" {
			text.WriteString(name + ": " + pair[1] + "\n")
		}
	}
	return text.String()
}

func keyOf(key string) string { return key }

// headerOf is the name of the header that a pair came from; "" if it came from none.
func headerOf(key string) string {
	name := strings.TrimPrefix(key, "HTTP_")
	if name == key && !strings.HasPrefix(key, "CONTENT_") {
		return ""
	}
	return http.CanonicalHeaderKey(strings.ReplaceAll(strings.ToLower(name), "_", "-"))
}

func sleepFirst(c call) wsgiserver.Body {
	time.Sleep(time.Duration(c.number) * time.Millisecond)
	return c.answer("OK")
}

func answerStream(c call) wsgiserver.Body {
	piece := []byte(strings.Repeat("x", 1024))
	left := c.number
	return c.begin(plain, wsgiserver.Iterate(func() ([]byte, error) {
		if left == 0 {
			return nil, io.EOF
		}
		left--
		return piece, nil
	}))
}

func answerClose(c call) wsgiserver.Body {
	return c.begin(append(plain, wsgiserver.Header{Name: "Connection", Value: "close"}), wsgiserver.Text("OK"))
}

func answer304(c call) wsgiserver.Body {
	return c.empty("304 Not Modified", wsgiserver.Header{Name: "ETag", Value: `"fixture"`})
}

func answerRestart(c call) wsgiserver.Body {
	if _, err := c.start("200 OK", []wsgiserver.Header{{Name: "X-First", Value: "1"}}); err != nil {
		return wsgiserver.Failed(err)
	}
	write, err := c.start("503 Service Unavailable", []wsgiserver.Header{{Name: "X-Second", Value: "2"}}, errFault)
	if err == nil {
		err = write([]byte("later"))
	}
	if err != nil {
		return wsgiserver.Failed(err)
	}
	return nil
}

func failAfterHead(c call) wsgiserver.Body {
	pieces := [][]byte{[]byte("begun")}
	return c.begin(plain, wsgiserver.Iterate(func() ([]byte, error) {
		if len(pieces) == 0 {
			return nil, errFault
		}
		piece := pieces[0]
		pieces = nil
		return piece, nil
	}))
}

// failAfterEnd has given all that it has declared when it fails.
func failAfterEnd(c call) wsgiserver.Body {
	write, err := c.start("200 OK", append(plain, wsgiserver.Header{Name: "Content-Length", Value: "5"}))
	if err == nil {
		err = write([]byte("ended"))
	}
	if err == nil {
		err = errFault
	}
	return wsgiserver.Failed(err)
}

func startTwice(c call) wsgiserver.Body {
	if _, err := c.start("200 OK", plain); err != nil {
		return wsgiserver.Failed(err)
	}
	return c.answer("")
}

func inform(c call) wsgiserver.Body {
	link := []wsgiserver.Header{{Name: "Link", Value: "</style.css>; rel=preload"}}
	err := c.env.Inform("100 Continue", nil)
	if err == nil {
		err = c.env.Inform("103 Early Hints", link)
	}
	if err != nil {
		return wsgiserver.Failed(err)
	}
	return c.answer("OK")
}

func answerTrailers(c call) wsgiserver.Body {
	write, err := c.start("200 OK", plain)
	if err == nil {
		err = write([]byte("sum"))
	}
	if err == nil {
		err = c.env.AddTrailer("X-Sum", "3")
	}
	if err != nil {
		return wsgiserver.Failed(err)
	}
	return nil
}
