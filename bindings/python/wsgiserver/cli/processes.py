"""Several processes on the same sockets: a supervisor that never runs the application, and workers
that are forked from it, so that each loads the application for itself.

The supervisor starts one worker to see whether the application can be loaded, then the others. A
worker that ends by itself is replaced. Workers leave when the supervisor does, however that ends.
"""

import contextlib
import os
import selectors
import signal
import time

from . import application, listeners, log, reload, serving
from .errors import StartError

CANNOT_START = 2
CHANGED = 3  # the application's files
STOP_ASKED = 4  # by the application

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)

# Seconds until a worker is replaced that ended sooner than that after its start.
PAUSE = 1


class Supervisor:
    """Keeps ``options.workers`` workers running."""

    def __init__(self, options, sockets):
        self.options = options
        self.sockets = sockets
        self.workers = {}  # whether each is ready, by process number
        self.watching = None  # the worker that looks for changes
        self.announced = False  # all workers were ready once
        self.status = None  # of the command, once it is to end
        self.report = None  # where a new worker says that it is ready
        self.alive, self._alive_here = os.pipe()  # nothing is written: its end is the news
        self._started = {}
        self._not_before = 0.0
        self._selector = selectors.DefaultSelector()

    def run(self):
        """Starts workers and replaces them until a signal comes: the exit status. In a worker it
        returns as well, with that of the worker."""
        wakeup, wakeup_in = os.pipe()
        os.set_blocking(wakeup_in, False)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda number, frame: None)
        self._selector.register(wakeup, selectors.EVENT_READ, self._on_signals)
        while self.status is None or self.workers:
            if self.status is None and self._has_place():
                if self._fork():
                    return self._work()
            else:
                for key, _ in self._selector.select(PAUSE):
                    key.data(key.fd)
        if self.status == 0:
            log.say("stopped")
        return self.status

    # Starting.

    def _has_place(self):
        """Whether a worker is to be started now. The first one shows whether it is any use."""
        tried = self.announced or any(self.workers.values())
        wanted = self.options.workers if tried else 1
        return len(self.workers) < wanted and time.monotonic() >= self._not_before

    def _fork(self):
        """Starts a worker. True in it."""
        report, self.report = os.pipe()
        # A signal to stop must find the worker's own handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        worker = os.fork()
        if worker == 0:
            os.close(self._alive_here)
            return True
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(self.report)
        self.workers[worker] = False
        self._started[worker] = time.monotonic()
        if self.watching not in self.workers:
            self.watching = worker
        self._selector.register(report, selectors.EVENT_READ, lambda fd: self._on_report(fd, worker))
        return False

    def _on_report(self, report, worker):
        """The worker is ready, or has ended."""
        if os.read(report, 1) and worker in self.workers:
            self.workers[worker] = True
        self._selector.unregister(report)
        os.close(report)
        ready = sum(self.workers.values())
        if ready == self.options.workers and not self.announced:
            self.announced = True
            log.say_started(self.options, [listeners.text_of(made) for made in self.sockets])

    # Ending.

    def _on_signals(self, wakeup):
        for number in os.read(wakeup, 1024):
            if number == signal.SIGCHLD:
                self._reap()
            elif self.status is None:
                self._end(0)
            elif number == signal.SIGINT:
                self._signal(signal.SIGKILL)

    def _end(self, status):
        self.status = status
        self._signal(signal.SIGTERM)

    def _signal(self, number):
        for worker in list(self.workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, number)

    def _reap(self):
        while self.workers:
            worker, code = os.waitpid(-1, os.WNOHANG)
            if worker == 0:
                return
            was_ready = self.workers.pop(worker)
            self._worker_ended(worker, os.waitstatus_to_exitcode(code), was_ready)

    def _worker_ended(self, worker, code, was_ready):
        lived = time.monotonic() - self._started.pop(worker)
        if self.status is not None:
            return
        if code == CHANGED:
            self._signal(signal.SIGTERM)
        elif code == STOP_ASKED:
            self._end(0)
        elif not was_ready and not self.announced:
            self._end(code if code > 0 else 1)
        elif not (self.options.reload and code == 0):
            how = f"by signal {-code}" if code < 0 else f"with {code}"
            log.say(f"worker {worker} has ended {how}; another one takes its place")
            self._not_before = time.monotonic() + (PAUSE if lived < PAUSE else 0)

    # In the worker.

    def _work(self):
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells all; the supervisor decides
        self._selector.close()
        return Worker(self).run()


class Worker:
    """What a forked process does."""

    def __init__(self, supervisor):
        self.options = supervisor.options
        self.sockets = supervisor.sockets
        self._first = not supervisor.announced
        self._watches = self.options.reload and supervisor.watching not in supervisor.workers
        self._report = supervisor.report
        self._alive = supervisor.alive
        self._changed = False
        self._stops = serving.Stops(signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def run(self):
        """Loads and serves: the exit status."""
        watcher = reload.Watcher() if self._watches else None
        try:
            server = serving.prepare(self.options, application.load(self.options.app), self.sockets)
        except StartError as error:
            error.show()
            if watcher is None or self._first:
                return CANNOT_START
            log.say("waiting for a change of the application")
            return self._wait(watcher, error)
        os.write(self._report, b"+")
        self._stops.watch(server)
        self._stops.put_at_end_of(self._alive)
        if watcher is not None:
            watcher.start(self._stop_for_change)
        try:
            server.serve()
        except SystemExit:
            return STOP_ASKED
        return CHANGED if self._changed else 0

    def _stop_for_change(self, path):
        log.say(f"{os.path.relpath(path)} has changed, loading again")
        self._changed = True
        self._stops.put(path)

    def _wait(self, watcher, error):
        """After an error, until a file has changed, or there is no supervisor any more."""
        watcher.add_files_of(error.cause)
        watcher.start(self._stop_for_change)
        self._stops.put_at_end_of(self._alive)
        self._stops.wait()
        return CHANGED if self._changed else 0
