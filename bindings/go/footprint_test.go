package wsgiserver_test

import (
	"os"
	"runtime"
)

var errDeadline = os.ErrDeadlineExceeded

func goroutines() int { return runtime.NumGoroutine() }

// usage is what a process holds.
type usage struct {
	goroutines, threads, heap, descriptors int
}

func footprint() usage {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return usage{
		goroutines:  goroutines(),
		threads:     entries("/proc/self/task"),
		heap:        int(memory.HeapAlloc),
		descriptors: entries("/proc/self/fd"),
	}
}

// within: some slack for what the runtime itself does.
func (u usage) within(before usage) bool {
	const slack = 1 << 20
	return u.goroutines <= before.goroutines+2 && u.threads <= before.threads+4 &&
		u.heap <= before.heap+slack && u.descriptors <= before.descriptors+2
}

func entries(folder string) int {
	all, err := os.ReadDir(folder)
	if err != nil {
		panic(err)
	}
	return len(all)
}
