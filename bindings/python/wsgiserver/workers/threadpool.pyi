from ..threadpool import ThreadPool, WorkerThread
__all__ = ["ThreadPool", "WorkerThread"]
