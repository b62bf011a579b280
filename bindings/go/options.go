package wsgiserver

import (
	"sort"
	"strconv"
	"time"
)

// timeouts are those that are kept on Go's side; 0: none.
type timeouts struct{ read, write time.Duration }

func timeoutsOf(s *Server) timeouts {
	positive := func(d time.Duration) time.Duration {
		if d < 0 {
			return 0
		}
		return d
	}
	return timeouts{read: positive(s.ReadTimeout), write: positive(s.WriteTimeout)}
}

// mostFields is the library's own bound.
const mostFields = 128

// configure sets the library's options.
func (e *engine) configure() error {
	s := e.server
	if err := s.checkProtocols(); err != nil {
		return err
	}
	options := map[string]string{
		// As in net/http the handler begins when the head is there. Messages come to ErrorLog. A
		// handler has a goroutine of its own, so none is slow for the library.
		"deliver_at_head": "1",
		"log_events":      "1",
		"log_level":       "warning",
		"eager_after":     "0",
	}
	setTimeout(options, "header_timeout", s.ReadHeaderTimeout, s.ReadTimeout)
	setTimeout(options, "handshake_timeout", s.ReadHeaderTimeout, s.ReadTimeout)
	setTimeout(options, "keep_alive_timeout", s.IdleTimeout, s.ReadTimeout)
	if s.ReadTimeout < 0 {
		options["body_timeout"] = "0"
	}
	if s.WriteTimeout < 0 {
		options["write_timeout"] = "0"
	}
	if s.MaxHeaderBytes > 0 {
		options["max_request_header_size"] = strconv.Itoa(s.MaxHeaderBytes)
		options["max_request_line_size"] = "0"
		options["max_request_field_size"] = "0"
	}
	if s.MaxHeaderValueCount > 0 {
		count := s.MaxHeaderValueCount
		if count > mostFields {
			count = mostFields
		}
		options["max_request_header_fields"] = strconv.Itoa(count)
	}
	for name, value := range s.Options {
		options[name] = value
	}
	names := make([]string, 0, len(options))
	for name := range options {
		names = append(names, name)
	}
	sort.Strings(names) // so that of two errors it is always the same one
	for _, name := range names {
		if err := e.native.Set(name, options[name]); err != nil {
			return err
		}
	}
	value, err := e.native.Get("max_request_body_size")
	if err != nil {
		return err
	}
	e.maxBody, err = strconv.ParseInt(value, 10, 64)
	return err
}

// setTimeout: the first that is not zero counts; for the library 0 is no bound.
func setTimeout(options map[string]string, name string, choices ...time.Duration) {
	for _, choice := range choices {
		if choice < 0 {
			options[name] = "0"
			return
		}
		if choice > 0 {
			options[name] = strconv.FormatFloat(choice.Seconds(), 'f', -1, 64)
			return
		}
	}
}
