package wsgiserver

import (
	"context"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"wsgiserver/internal/native"
)

// source is what an engine listens on: a listener, or an address in the library's form.
type source struct {
	listener  net.Listener
	isCallers bool // Serve was given the listener
	address   string
}

// engine is a server of the library and the goroutines that take its requests. Each call of Serve has
// one of its own.
type engine struct {
	server   *Server
	handler  http.Handler
	native   *native.Server
	source   source
	security *security
	base     context.Context
	shadow   *http.Server
	timeouts timeouts

	speaksTLS      bool // by security, or by the library's options
	takesAnyTarget bool
	maxBody        int64 // the largest body that is read, 0: any

	quiesceTimeout string        // the option's value
	restarts       atomic.Bool   // another engine takes its place when it has ended
	succeeded      chan struct{} // closed when that has happened, or Serve has returned

	// stopped is closed when no puller is left: no request comes, and none can be answered, any more.
	// freed is closed when the library's server is no more, and does not listen.
	stopped, freed chan struct{}
	pullers        sync.WaitGroup

	// users are the pullers together, and the calls of the library that are under way, none of which
	// waits; when there are none any more the library's server is freed.
	users atomic.Int64

	mu          sync.Mutex
	connections map[uint64]*conn
	early       map[uint64]struct{}          // closed before they were known
	waiting     map[native.Request]*exchange // those that events are for
	answering   map[native.Request]*conn     // for ConnState alone
}

func newEngine(s *Server, from source, security *security) (*engine, error) {
	made, err := native.New(s.ConnState != nil)
	if err != nil {
		return nil, err
	}
	e := &engine{
		server:         s,
		handler:        s.handler(),
		native:         made,
		source:         from,
		security:       security,
		timeouts:       timeoutsOf(s),
		takesAnyTarget: takesAnyTarget(s.handler()),
		succeeded:      make(chan struct{}),
		stopped:        make(chan struct{}),
		freed:          make(chan struct{}),
		connections:    map[uint64]*conn{},
		early:          map[uint64]struct{}{},
		waiting:        map[native.Request]*exchange{},
		answering:      map[native.Request]*conn{},
	}
	if err := e.start(from); err != nil {
		made.Free()
		return nil, err
	}
	return e, nil
}

func (e *engine) start(from source) error {
	if err := e.configure(); err != nil {
		return err
	}
	certificate, err := e.native.Get("certificate")
	if err != nil {
		return err
	}
	if e.quiesceTimeout, err = e.native.Get("quiesce_timeout"); err != nil {
		return err
	}
	e.speaksTLS = e.security != nil || certificate != ""
	if e.security != nil {
		if err := e.security.use(e.native); err != nil {
			return err
		}
	}
	if err := e.listen(from); err != nil {
		return err
	}
	if err := e.makeBase(from); err != nil {
		return err
	}
	if err := e.native.Run(); err != nil {
		return err
	}
	count := e.pullerCount()
	pullers := make([]*native.Puller, 0, count)
	for len(pullers) < count {
		puller, err := e.native.NewPuller()
		if err != nil {
			for _, puller := range pullers {
				puller.Free()
			}
			return err
		}
		pullers = append(pullers, puller)
	}
	e.pullers.Add(count)
	e.users.Store(1)
	for _, puller := range pullers {
		go e.pull(puller)
	}
	go func() {
		e.pullers.Wait()
		close(e.stopped)
		e.endContexts()
		e.unuse()
	}()
	return nil
}

func (e *engine) listen(from source) error {
	if from.listener == nil {
		return e.native.Listen(from.address)
	}
	file, err := fileOf(from.listener)
	if err != nil {
		return err
	}
	defer file.Close()
	// The library's is a duplicate, so that both sides can close their own.
	fd, err := duplicate(file)
	if err != nil {
		return err
	}
	if err := e.native.ListenFD(fd); err != nil {
		os.NewFile(uintptr(fd), "").Close()
		return err
	}
	return nil
}

// pullerCount: one is enough for two processors, since it does nothing but fetch.
func (e *engine) pullerCount() int {
	if value, err := e.native.Get("pollers"); err == nil {
		if count, err := strconv.Atoi(value); err == nil && count > 0 {
			return count
		}
	}
	count := runtime.GOMAXPROCS(0) / 2
	if count < 1 {
		return 1
	}
	if count > 4 {
		return 4
	}
	return count
}

// aDay is the longest time that the library's options take.
const aDay = "86400"

// leave stops listening and ends the engine when no connection is left; each brings one more request.
func (e *engine) leave() { e.stop(aDay, aDay) }

// drain begins the stop, and gives the requests that are in work all the time they need.
func (e *engine) drain() { e.stop(e.quiesceTimeout, aDay) }

// close cuts everything.
func (e *engine) close() {
	e.endContexts()
	e.stop("0", "0")
	<-e.freed
}

func (e *engine) stop(quiesceTimeout, shutdownTimeout string) {
	if !e.use() {
		return
	}
	defer e.unuse()
	for name, value := range map[string]string{
		"quiesce_timeout":  quiesceTimeout,
		"shutdown_timeout": shutdownTimeout,
	} {
		if err := e.native.Set(name, value); err != nil {
			e.server.logf("%v", err)
		}
	}
	e.native.AskToStop()
}

// closeListener closes Go's descriptor; the library closes its own when the stop begins.
func (e *engine) closeListener() {
	if e.source.listener != nil {
		e.source.listener.Close()
	}
}

// use: false if the library's server is no more. What is true has to be followed by unuse.
func (e *engine) use() bool {
	for {
		users := e.users.Load()
		if users == 0 {
			return false
		}
		if e.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
}

func (e *engine) unuse() {
	if e.users.Add(-1) > 0 {
		return
	}
	if err := e.native.Free(); err != nil {
		e.server.logf("wsgiserver: the server could not be freed: %v", err)
	}
	e.server.remove(e)
	close(e.freed)
}

// endContexts ends the contexts that somebody waits for; the others look for themselves.
func (e *engine) endContexts() {
	e.mu.Lock()
	all := make([]*exchange, 0, len(e.waiting))
	for _, x := range e.waiting {
		all = append(all, x)
	}
	e.mu.Unlock()
	for _, x := range all {
		x.context.end()
	}
}
