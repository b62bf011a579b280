package wsgiserver

import "context"

// RegisterOnShutdown registers a function that Shutdown calls, on a goroutine of its own: the place to
// end streams and hijacked connections, which Shutdown does not.
func (s *Server) RegisterOnShutdown(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onShutdown = append(s.onShutdown, f)
}

// Shutdown stops listening, so that clients are refused from then on, closes idle connections, and waits until all requests are answered, or
// until ctx is done, whose error it then returns. Then the contexts of the requests that are left end
// too; Close cuts them. Serve and its like return ErrServerClosed at once. The server cannot be used
// again.
func (s *Server) Shutdown(ctx context.Context) error {
	engines, hooks := s.shut()
	for _, f := range hooks {
		go f()
	}
	for _, engine := range engines {
		engine.closeListener()
		engine.drain()
	}
	for _, engine := range engines {
		select {
		case <-engine.freed:
		case <-ctx.Done():
			for _, engine := range engines {
				engine.endContexts()
			}
			return ctx.Err()
		}
	}
	return nil
}

// Close stops listening and cuts all connections but those that were hijacked. Handlers that still run
// find their contexts ended and their clients gone; it does not wait for them.
func (s *Server) Close() error {
	engines, _ := s.shut()
	for _, engine := range engines {
		engine.closeListener()
		engine.close()
	}
	return nil
}

// cutConnections cuts all connections, and serves on.
func (s *Server) cutConnections() {
	for _, engine := range s.allEngines() {
		engine.restarts.Store(true)
		engine.close()
		<-engine.succeeded
	}
}

// shut makes the server one that was closed; the hooks are given out once.
func (s *Server) shut() (engines []*engine, hooks []func()) {
	closing := s.closing()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isClosed {
		s.isClosed = true
		close(closing)
		hooks, s.onShutdown = s.onShutdown, nil
	}
	for engine := range s.engines {
		engines = append(engines, engine)
	}
	return engines, hooks
}

func (s *Server) shuttingDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isClosed
}

// closing is closed when the server is.
func (s *Server) closing() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed == nil {
		s.closed = make(chan struct{})
	}
	return s.closed
}

// add: false if the server was closed meanwhile.
func (s *Server) add(e *engine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return false
	}
	if s.engines == nil {
		s.engines = map[*engine]struct{}{}
	}
	s.engines[e] = struct{}{}
	select {
	case <-s.whenServing():
	default:
		close(s.whenServing())
	}
	return true
}

// Serving is closed when the server takes in connections for the first time: options, certificates and
// the address are in order then.
func (s *Server) Serving() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whenServing()
}

func (s *Server) whenServing() chan struct{} {
	if s.firstServes == nil {
		s.firstServes = make(chan struct{})
	}
	return s.firstServes
}

// allEngines are those of this moment. The lock must not be held while one is in use: if it ends meanwhile it
// is the user that removes it.
func (s *Server) allEngines() []*engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	engines := make([]*engine, 0, len(s.engines))
	for engine := range s.engines {
		engines = append(engines, engine)
	}
	return engines
}

func (s *Server) remove(e *engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.engines, e)
}
