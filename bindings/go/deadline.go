package wsgiserver

import (
	"os"
	"sync"
	"time"
)

// deadline bounds the waiting for a client. It may be changed, and ended, while goroutines wait. The zero
// value is no bound.
type deadline struct {
	mu      sync.Mutex
	at      time.Time
	over    error // why nothing waits any more; nil: waiting is allowed
	changed chan struct{}
}

func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	d.wake()
}

// end makes everything that waits, or begins to wait, return an error. The first error stays.
func (d *deadline) end(reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		d.over = reason
		d.wake()
	}
}

// reopen allows waiting again after end.
func (d *deadline) reopen() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = nil
}

// wake is called with the lock held.
func (d *deadline) wake() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// bound: it is no later than this.
func (d *deadline) bound(at time.Time) {
	if now, _, _ := d.look(); now.IsZero() || at.Before(now) {
		d.set(at)
	}
}

func (d *deadline) look() (at time.Time, over error, changed <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.at, d.over, d.changed
}

// passed returns the error of what must not wait, or begin, any more.
func (d *deadline) passed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over != nil {
		return d.over
	}
	if !d.at.IsZero() && !time.Now().Before(d.at) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// wait returns when ready has something, when stopped is closed, or with an error at the deadline or the
// end.
func (d *deadline) wait(ready, stopped <-chan struct{}) error {
	for {
		at, over, changed := d.look()
		if over != nil {
			return over
		}
		var due <-chan time.Time
		if !at.IsZero() {
			timer := time.NewTimer(time.Until(at))
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-ready:
			return nil
		case <-stopped:
			return nil
		case <-due:
			return os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}
