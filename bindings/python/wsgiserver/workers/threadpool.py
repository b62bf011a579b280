"""``cheroot.workers.threadpool`` under its own name."""

from ..threadpool import ThreadPool, WorkerThread

__all__ = ["ThreadPool", "WorkerThread"]
