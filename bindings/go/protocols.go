//go:build go1.24

package wsgiserver

import "net/http"

type (
	protocols   = http.Protocols
	http2Config = http.HTTP2Config
)

func hasHTTP1(p *protocols) bool { return p.HTTP1() }
