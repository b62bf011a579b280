package wsgiserver

import (
	"time"

	"wsgiserver/internal/native"
)

// Stats is what a server has counted, if the option "statistics" is on, and what it is doing now. What
// is read and written for hijacked connections is not in it.
type Stats struct {
	Enabled        bool // the option is on
	Accepts        uint64
	SocketErrors   uint64
	Requests       uint64
	BytesRead      uint64
	BytesWritten   uint64
	RunTime        time.Duration
	WorkTime       time.Duration // between the pulling of a batch and of the next
	Queue          int           // requests that wait to be pulled
	Connections    int
	RequestsInWork int
}

// Stats tells of all listeners that the server serves on; nothing once it has stopped.
func (s *Server) Stats() Stats {
	var sum Stats
	for _, engine := range s.allEngines() {
		engine.addStats(&sum)
	}
	return sum
}

// StatsJSON tells all that is counted, histograms of times among it, as a JSON object for each listener
// that the server serves on; nothing once it has stopped.
func (s *Server) StatsJSON() []string { return s.told((*native.Server).StatsJSON) }

// StatsPrometheus tells the same in the text format of Prometheus, a text for each listener. The option
// "status_path" answers with it too.
func (s *Server) StatsPrometheus() []string { return s.told((*native.Server).StatsPrometheus) }

func (s *Server) told(tell func(*native.Server) (string, error)) []string {
	var all []string
	for _, engine := range s.allEngines() {
		if engine.use() {
			text, err := tell(engine.native)
			engine.unuse()
			if err == nil {
				all = append(all, text)
			}
		}
	}
	return all
}

// Addrs are the addresses that the server listens on, with the real ports, in the form that Addr takes.
func (s *Server) Addrs() []string {
	var all []string
	for _, engine := range s.allEngines() {
		if engine.use() {
			all = append(all, engine.native.Addresses()...)
			engine.unuse()
		}
	}
	return all
}

func (e *engine) addStats(sum *Stats) {
	if !e.use() {
		return
	}
	defer e.unuse()
	found, err := e.native.Stats()
	if err != nil {
		e.server.logf("%v", err)
		return
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	sum.Enabled = sum.Enabled || found.Enabled
	sum.Accepts += found.Accepts
	sum.SocketErrors += found.SocketErrors
	sum.Requests += found.Requests
	sum.BytesRead += found.BytesRead
	sum.BytesWritten += found.BytesWritten
	sum.RunTime += seconds(found.RunTime)
	sum.WorkTime += seconds(found.WorkTime)
	sum.Queue += found.Queue
	sum.Connections += found.Connections
	sum.RequestsInWork += found.RequestsInWork
}
