package wsgiserver

import (
	"context"
	"sync"
	"time"

	"wsgiserver/internal/native"
)

// requestContext is a request's context: it ends with the handler, when the client leaves, and when
// the server is closed. The library is asked to watch the client only when somebody asks for Done.
type requestContext struct {
	exchange *exchange

	mu     sync.Mutex
	ended  bool
	inner  context.Context // what Done and Err are about, once somebody has asked
	cancel context.CancelFunc
}

func (c *requestContext) Deadline() (time.Time, bool) { return c.exchange.conn.context.Deadline() }

func (c *requestContext) Done() <-chan struct{} {
	inner, isNew := c.make()
	if isNew {
		c.watch()
	}
	return inner.Done()
}

func (c *requestContext) Err() error {
	c.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inner.Err()
}

// Value: through inner the context package finds out that this is one of its own, so that a context
// made of this one needs no goroutine.
func (c *requestContext) Value(key any) any {
	if key == exchangeKey {
		return c.exchange
	}
	c.mu.Lock()
	inner, ended := c.inner, c.ended
	c.mu.Unlock()
	if inner == nil && ended {
		inner, _ = c.make()
	}
	if inner != nil {
		return inner.Value(key)
	}
	return c.exchange.conn.context.Value(key)
}

type contextKey string

const exchangeKey contextKey = "exchange"

func (c *requestContext) make() (inner context.Context, isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.cancel = context.WithCancel(c.exchange.conn.context)
		if c.ended {
			c.cancel()
		}
		isNew = !c.ended
	}
	return c.inner, isNew
}

// watch has the client's leaving told. What was before is told too, and what has ended ends here.
func (c *requestContext) watch() {
	x := c.exchange
	x.listen()
	status := x.call(func() native.Status { return x.engine.native.WatchAborted(x.id) })
	select {
	case <-x.engine.stopped:
		c.end()
	default:
		if status == native.ClientGone {
			c.end()
		}
	}
}

func (c *requestContext) end() {
	c.mu.Lock()
	c.ended = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
