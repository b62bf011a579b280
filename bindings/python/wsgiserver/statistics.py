"""The dict ``server.stats``, by the seed's names: values, and functions of the dict.

It is in ``logging.statistics`` as well, where CherryPy's statistics page finds it.
"""

import logging
import weakref

ZEROES = {"accepts": 0, "socket_errors": 0, "requests": 0, "bytes_read": 0, "bytes_written": 0}
ZEROES.update(run_time=0.0, work_time=0.0)


class Statistics(dict):
    """What a server has counted while ``stats['Enabled']`` is true."""

    def __init__(self, server):
        super().__init__()
        key = f"CherryPy HTTPServer {id(server)}"
        if not hasattr(logging, "statistics"):
            logging.statistics = {}
        logging.statistics[key] = self
        weakref.finalize(server, logging.statistics.pop, key, None)
        # What is registered for good must not keep the server from its end.
        self._server = server = weakref.proxy(server)
        self._kept = dict(ZEROES)
        self._workers = {}
        super().__setitem__("Enabled", False)
        self["Bind Address"] = lambda s: repr(server.bind_addr)
        self["Run time"] = lambda s: server.runtime() if s["Enabled"] else -1
        self["Accepts"] = lambda s: self.count("accepts")
        self["Accepts/sec"] = lambda s: self.count("accepts") / (server.runtime() or 1e-6)
        self["Queue"] = lambda s: server.requests.qsize
        self["Threads"] = lambda s: len(server.requests._threads)
        self["Threads Idle"] = lambda s: server.requests.idle
        self["Socket Errors"] = lambda s: self.count("socket_errors")
        self["Requests"] = lambda s: self.count("requests") if s["Enabled"] else -1
        self["Bytes Read"] = lambda s: self.count("bytes_read") if s["Enabled"] else -1
        self["Bytes Written"] = lambda s: self.count("bytes_written") if s["Enabled"] else -1
        self["Work Time"] = lambda s: self.count("work_time") if s["Enabled"] else -1
        self["Read Throughput"] = lambda s: self._rate("bytes_read") if s["Enabled"] else -1
        self["Write Throughput"] = lambda s: self._rate("bytes_written") if s["Enabled"] else -1
        self["Worker Threads"] = self._workers

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        core = self._server.core
        if name == "Enabled" and core is not None:
            core.set("statistics", "1" if value else "0")

    def count(self, name):
        """A figure over all runs of the server."""
        core = self._server.core
        return self._kept[name] + (core.stats()[name] if core is not None else 0)

    def json(self):
        """All of it as JSON, with histograms of times. Only while the server runs."""
        return self._running().stats_json()

    def prometheus(self):
        """All of it in the text format of Prometheus. Only while the server runs."""
        return self._running().stats_prometheus()

    def _running(self):
        if self._server.core is None:
            raise RuntimeError("the server does not run")
        return self._server.core

    def clear(self):
        """Counts from zero on."""
        self._kept = dict(ZEROES)
        if self._server.core is not None:
            self._server.core.clear_stats()

    def begin(self, core):
        """The server is about to run."""
        core.set("statistics", "1" if self["Enabled"] else "0")

    def end(self, core):
        """The server has stopped: its figures are kept."""
        figures = core.stats()
        for name in self._kept:
            self._kept[name] += figures[name]

    def register(self, thread):
        """A thread has begun: its figures stand under its name."""
        figures = {
            "Requests": lambda s: _figure(thread, "requests"),
            "Bytes Read": lambda s: _figure(thread, "bytes_read"),
            "Bytes Written": lambda s: _figure(thread, "bytes_written"),
            "Work Time": lambda s: _figure(thread, "work_time"),
            "Read Throughput": lambda s: _rate_of(thread, "bytes_read"),
            "Write Throughput": lambda s: _rate_of(thread, "bytes_written"),
        }
        self._workers[thread.name] = figures
        return figures

    def forget(self, thread):
        """A thread has left; what it has counted is in the server's sums."""
        self._workers.pop(thread.name, None)

    def _rate(self, name):
        return self.count(name) / (self.count("work_time") or 1e-6)


def _figure(thread, name):
    figures = thread.figures()
    return figures[name] if figures else 0


def _rate_of(thread, name):
    return _figure(thread, name) / (_figure(thread, "work_time") or 1e-6)
