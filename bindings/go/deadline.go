package wsgiserver

import (
	"os"
	"sync"
	"time"
)

// deadline is a time that may be changed while somebody waits for it. The zero value is none.
type deadline struct {
	mu      sync.Mutex
	at      time.Time
	changed chan struct{}
}

func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

func (d *deadline) look() (time.Time, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.at, d.changed
}

func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}

// wait returns when there is something, when all is over, or with an error at the deadline.
func (d *deadline) wait(ready, over <-chan struct{}) error {
	for {
		at, changed := d.look()
		var due <-chan time.Time
		if !at.IsZero() {
			timer := time.NewTimer(time.Until(at))
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-ready:
			return nil
		case <-over:
			return nil
		case <-due:
			return os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}
