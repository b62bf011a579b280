//! The thread pool, for the host: the seed's `ThreadPool` while the server runs.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{HTTPServer, Running, forked};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::threadpool::ThreadPool;

/// From any thread, a worker's too; between `prepare` and the end of a stop.
impl HTTPServer {
    /// Starts up to `amount` more worker threads, not above the option `max` if that is set (seed:
    /// `ThreadPool.grow`). They stay until the pool is shrunk. Returns how many were started.
    ///
    /// # Errors
    /// `System` if the system gave none at all; if it gave fewer, that is a warning in the log.
    /// `State` before `prepare`, after a stop, and for a pull server, whose threads are the host's.
    /// `Stopping` while the server stops.
    pub fn grow(&self, amount: usize) -> Result<usize, Error> {
        self.with_pool(|pool, _| pool.grow(amount))
    }

    /// Sends up to `amount` worker threads away, not below the option `numthreads` (seed:
    /// `ThreadPool.shrink`): idle ones at once, one that is in the application when it is done with
    /// its request. Returns how many go, without waiting for them.
    ///
    /// # Errors
    /// `State` and `Stopping` as for [`grow`](Self::grow).
    pub fn shrink(&self, amount: usize) -> Result<usize, Error> {
        self.with_pool(|_, engine| Ok(engine.shrink(amount)))
    }

    /// How many worker threads there are; of a pull server, workers. 0 if it does not run.
    pub fn threads(&self) -> usize {
        self.engine().map_or(0, |engine| engine.workers())
    }

    /// How many of them wait for something to do (seed: `ThreadPool.idle`). 0 if it does not run.
    pub fn idle(&self) -> usize {
        self.engine().map_or(0, |engine| engine.idle_workers())
    }

    /// How many complete requests wait for a worker (seed: `ThreadPool.qsize`). 0 if it does not
    /// run.
    pub fn qsize(&self) -> usize {
        self.engine().map_or(0, |engine| engine.requests_waiting())
    }

    /// What `shrink` stops at (seed: `ThreadPool.min`): the option `numthreads`.
    pub fn min_threads(&self) -> usize {
        self.lock().options.number("numthreads") as usize
    }

    /// What `grow` stops at (seed: `ThreadPool.max`): the option `max`, if it is set.
    pub fn max_threads(&self) -> Option<usize> {
        let max = usize::try_from(self.lock().options.number("max")).ok().filter(|max| *max > 0)?;
        Some(max.max(self.min_threads()))
    }

    /// Not under the state's lock, as threads are started and woken.
    fn with_pool<R>(
        &self,
        f: impl FnOnce(&ThreadPool, &Engine) -> Result<R, Error>,
    ) -> Result<R, Error> {
        if self.is_forked() {
            return Err(forked());
        }
        let state = |why| Error::new(ErrorKind::State, why);
        if self.is_pull() {
            return Err(state("a pull server has no threads of its own"));
        }
        let running: Option<Arc<Running>> = self.lock().running.clone();
        let Some(Running { engine, pool: Some(pool), .. }) = running.as_deref() else {
            return Err(state("the server was not prepared, or has stopped"));
        };
        if engine.services.draining() || engine.is_leaving() {
            return Err(Error::new(ErrorKind::Stopping, "the server stops"));
        }
        f(pool, engine)
    }
}
