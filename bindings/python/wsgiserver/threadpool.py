"""ThreadPool and WorkerThread: the threads of Python that serve.

There is no queue of connections between them and a listening thread: each thread works for the
library until that has a request for it (``_wsgiserver.Worker``). ``get`` and ``put`` are therefore
the library's.
"""

import sys
import threading
import time
import warnings

from . import _wsgiserver, settings
from .errors import NoEffectWarning

__all__ = ["ThreadPool", "WorkerThread"]

# Seconds that a thread beyond `min` stays without work.
IDLE = 30

_SHUTDOWNREQUEST = None


def check_threads():
    """Raises RuntimeError where ``threading`` starts no threads of the system: by the monkey patching
    of gevent or eventlet all would be one, and the first that waits for a request would stop all."""
    for module, function, name in (
        ("gevent.monkey", "is_module_patched", "threading"),
        ("eventlet.patcher", "is_monkey_patched", "thread"),
    ):
        is_patched = getattr(sys.modules.get(module), function, None)
        if is_patched is not None and is_patched(name):
            package = module.partition(".")[0]
            raise RuntimeError(
                f"{package} has monkey-patched threading: this server needs threads of the system; "
                f"patch without threads (thread=False), or use {package}'s own server"
            )


class WorkerThread(threading.Thread):
    """Serves requests until its server stops or its pool shrinks.

    Daemonic: an application that never returns does not keep the interpreter from its end.
    """

    conn = None
    """The HTTPConnection that a gateway of the program's own works for, or None."""

    server = None
    """The HTTPServer that this thread works for."""

    ready = False
    """Whether it has begun to serve."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.start_time = None
        self.stats = {}
        self._core = server.core
        self.worker = _wsgiserver.Worker(self._core)
        self._number = self._core.workers()[-1]["number"]

    def run(self):
        """Serves. A subclass may do something before and after."""
        self.ready = True
        self.start_time = time.time()
        pool = self.server.requests
        try:
            self._serve(pool)
        finally:
            self.ready = False
            self.worker.close()
            pool.forget(self)

    def _serve(self, pool):
        waited = False
        while not pool.lets_go(waited):
            began, patience = time.monotonic(), pool.patience()
            if self.worker.run(patience) == _wsgiserver.STOPPED:
                return
            waited = 0 <= patience <= (time.monotonic() - began) * 1000

    def figures(self):
        """What it has counted, if its server counts and it works still."""
        return next((w for w in self._core.workers() if w["number"] == self._number), None)

    def wake(self):
        """Makes it look whether it is still wanted."""
        self.worker.wake()


class ThreadPool:
    """The threads of a server, at least ``min`` and, if ``max`` is above that, at most ``max``.

    A pool whose ``max`` is above ``min`` grows by itself when all threads are busy, and shrinks when
    they have had nothing to do for half a minute; with ``max`` -1 it grows by ``grow`` alone.
    """

    def __init__(
        self, server, min=10, max=-1, accepted_queue_size=-1, accepted_queue_timeout=10
    ):
        if min < 1:  # texts are cheroot's
            raise ValueError(f"min={min} must be > 0")
        if max == float("inf"):
            max = -1
        elif not isinstance(max, int) or max == 0:
            raise TypeError(
                f"Expected an integer or the infinity value for the `max` argument but got {max!r}."
            )
        if 0 < max < min:
            raise ValueError(
                f"max={max} must be > min={min} (or infinity for no max)"
            )
        self.server = server
        self._min = min
        self._max = max if max > 0 else -1
        self._accepted_queue_size = accepted_queue_size
        self._accepted_queue_timeout = accepted_queue_timeout
        self._threads = []
        self._leaving = 0
        self._lock = threading.Lock()
        self._count = 0

    @property
    def idle(self):
        """How many threads wait for something to do."""
        core = self.server.core
        return core.idle() if core is not None else 0

    @property
    def qsize(self):
        """How many requests wait for a thread."""
        core = self.server.core
        return core.qsize() if core is not None else 0

    @property
    def min(self):
        """The least number of threads; also while serving, for what the pool does from then on."""
        return self._min

    @min.setter
    def min(self, value):
        self._min = value
        self._set_growth()

    @property
    def max(self):
        """The largest number of threads, -1: any; also while serving."""
        return self._max

    @max.setter
    def max(self, value):
        self._max = -1 if value == float("inf") else value
        self._set_growth()

    @property
    def accepted_queue_size(self):
        """How many requests wait for a thread at most, -1: any number; taken at the next start."""
        return self._accepted_queue_size

    @accepted_queue_size.setter
    def accepted_queue_size(self, value):
        self._accepted_queue_size = value
        if self.server.core is not None:
            message = "accepted_queue_size is taken at the next start: the server runs"
            warnings.warn(message, NoEffectWarning, stacklevel=2)

    @property
    def accepted_queue_timeout(self):
        """How many seconds a request waits for a place in the queue; also while serving."""
        return self._accepted_queue_timeout

    @accepted_queue_timeout.setter
    def accepted_queue_timeout(self, value):
        core = self.server.core
        if core is not None:
            core.set("accepted_queue_timeout", settings.to_text(value, "accepted_queue_timeout"))
        self._accepted_queue_timeout = value

    def start(self):
        """Starts ``min`` threads. The server does this."""
        if self._threads:
            raise RuntimeError("Threadpools can only be started once.")
        self.grow(self.min)

    def grow(self, amount):
        """Starts so many more threads, not above ``max``."""
        with self._lock:
            if self.max > 0:
                amount = min(amount, self.max - len(self._threads))
            threads = [self._new_thread() for _ in range(amount)]
            self._threads += threads
        for thread in threads:
            thread.stats = self.server.stats.register(thread)
            thread.start()

    def shrink(self, amount):
        """Sends so many threads away, not below ``min``: each when it has nothing to do."""
        with self._lock:
            spare = len(self._threads) - self._leaving - self.min
            self._leaving += max(min(amount, spare), 0)
            threads = list(self._threads)
        for thread in threads:
            thread.wake()

    def stop(self, timeout=5):
        """Waits for the threads of a server that has stopped, at most ``timeout`` seconds; None or
        negative: for as long as it takes. Those that are still in the application are left to it.
        Returns them."""
        until = None if timeout is None or timeout < 0 else time.monotonic() + timeout
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread() and thread.is_alive():
                left = None if until is None else max(until - time.monotonic(), 0)
                thread.join(left)
        with self._lock:
            self._threads = []
            self._leaving = 0
        return [thread for thread in threads if thread.is_alive()]

    def put(self, obj):
        """The queue is the library's. ``put(None)`` sends one thread away, as it did."""
        if obj is not _SHUTDOWNREQUEST:
            raise TypeError("connections come from the library; put takes None alone")
        self.shrink(1)

    def get(self):
        """Raises NotImplementedError: there is no queue of connections to take one from. A thread of
        a program's own serves by ``WorkerThread(server).start()``."""
        raise NotImplementedError(
            "there is no queue: each worker thread takes its requests from the library; "
            "WorkerThread(server).start() is one more that does"
        )

    def patience(self):
        """How many milliseconds a thread waits before it asks whether it is wanted; -1: for ever."""
        return int(IDLE * 1000) if self.grows_by_itself and len(self._threads) > self.min else -1

    @property
    def grows_by_itself(self):
        """Whether the pool follows the load."""
        return self.max > self.min

    def lets_go(self, waited):
        """Whether a thread that has nothing to do is to leave; ``waited``: for as long as it may."""
        with self._lock:
            if self._leaving > 0:
                self._leaving -= 1
                return True
            return waited and len(self._threads) > self.min

    def forget(self, thread):
        """A thread has left."""
        with self._lock:
            if thread in self._threads:
                self._threads.remove(thread)
        self.server.stats.forget(thread)

    def _forget_all(self):
        """In a forked child: all threads are the parent's."""
        self._lock = threading.Lock()
        self._threads = []
        self._leaving = 0

    def _set_growth(self):
        if self.server.core is not None:
            self.server.core.grows = self.grows_by_itself

    def _new_thread(self):
        thread = WorkerThread(self.server)
        self._count += 1
        thread.name = f"CP Server Thread-{self._count}"
        return thread
