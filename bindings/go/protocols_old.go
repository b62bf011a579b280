//go:build !go1.24

package wsgiserver

// net/http has no such types before Go 1.24.
type (
	protocols   struct{}
	http2Config struct{}
)

func hasHTTP1(*protocols) bool { return true }
