package wsgiserver

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// PathInfoDispatcher serves several applications by the beginnings of their paths, as the library's
// does for C: "/blog" is for /blog and /blog/new, not for /blogs, and the longest that fits wins; where
// none does the answer is 404. An App finds the prefix at the end of SCRIPT_NAME and the rest in
// PATH_INFO, any other handler the rest in the request's URL, "/" if there is none. The zero value has
// no applications. Its methods may be called from any goroutine, also while it serves.
type PathInfoDispatcher struct {
	mu   sync.RWMutex
	apps map[string]http.Handler // by their prefixes, without a slash at the end
}

// Add adds an application. It is an error if the prefix does not begin with a slash, or is there.
func (d *PathInfoDispatcher) Add(prefix string, app http.Handler) error {
	if !strings.HasPrefix(prefix, "/") {
		return fmt.Errorf("wsgiserver: the prefix %q does not begin with a slash", prefix)
	}
	if app == nil {
		return fmt.Errorf("wsgiserver: no application for the prefix %q", prefix)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := strings.TrimRight(prefix, "/")
	if _, ok := d.apps[key]; ok {
		return fmt.Errorf("wsgiserver: the prefix %q has an application", prefix)
	}
	if d.apps == nil {
		d.apps = map[string]http.Handler{}
	}
	d.apps[key] = app
	return nil
}

// Remove takes an application out; what it is doing it does to the end. It is an error if there is none.
func (d *PathInfoDispatcher) Remove(prefix string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := strings.TrimRight(prefix, "/")
	if _, ok := d.apps[key]; !ok {
		return fmt.Errorf("wsgiserver: the prefix %q has no application", prefix)
	}
	delete(d.apps, key)
	return nil
}

// ServeHTTP calls the application whose prefix the path begins with.
func (d *PathInfoDispatcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prefix, app := d.find(pathInfo(r.URL))
	if app == nil {
		http.NotFound(w, r)
		return
	}
	if prefix == "" {
		app.ServeHTTP(w, r)
		return
	}
	if x, ok := r.Context().Value(exchangeKey).(*exchange); ok {
		x.script += len(prefix)
	}
	inner := *r
	u := *r.URL
	u.Path = strings.TrimPrefix(u.Path, prefix)
	u.RawPath = strings.TrimPrefix(u.RawPath, prefix)
	if u.Path == "" {
		u.Path, u.RawPath = "/", ""
	}
	inner.URL = &u
	app.ServeHTTP(w, &inner)
}

// find looks from the longest prefix to the shortest.
func (d *PathInfoDispatcher) find(path string) (string, http.Handler) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for prefix := path; ; {
		if app, ok := d.apps[strings.TrimRight(prefix, "/")]; ok {
			return strings.TrimRight(prefix, "/"), app
		}
		at := strings.LastIndexByte(prefix, '/')
		if at < 0 {
			return "", nil
		}
		prefix = prefix[:at]
	}
}

// pathInfo is the path decoded once but for its %2F, as in PATH_INFO.
func pathInfo(u *url.URL) string {
	if u.RawPath == "" {
		return u.Path
	}
	var decoded strings.Builder
	rest := u.RawPath
	for {
		at := strings.Index(strings.ToUpper(rest), "%2F")
		piece := rest
		if at >= 0 {
			piece = rest[:at]
		}
		if plain, err := url.PathUnescape(piece); err == nil {
			piece = plain
		}
		decoded.WriteString(piece)
		if at < 0 {
			return decoded.String()
		}
		decoded.WriteString(rest[at : at+3])
		rest = rest[at+3:]
	}
}
