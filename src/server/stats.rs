//! Statistics, for the host.
#![forbid(unsafe_code)]

use super::HTTPServer;
use crate::statistics::counters::Sum;
use crate::statistics::{Stats, WorkerStats};

/// From any thread, before, while and after the server runs.
impl HTTPServer {
    /// What was counted while the option `statistics` was on, over all runs since
    /// [`clear_stats`](Self::clear_stats), and what the server is doing now (the seed's
    /// `server.stats`).
    pub fn stats(&self) -> Stats {
        if let Some(engine) = self.engine() {
            return engine.stats();
        }
        let bound: Vec<_> = self.bound_addrs().iter().map(ToString::to_string).collect();
        let mut stats = Stats {
            bind_addr: match bound.is_empty() {
                true => self.lock().options.text("bind_addr"),
                false => bound.join(", "),
            },
            ..Stats::default()
        };
        stats.count(&self.statistics, Sum::default());
        stats
    }

    /// What the worker with this index has counted and is doing; `None` if there is none.
    pub fn worker_stats(&self, index: usize) -> Option<WorkerStats> {
        self.engine()?.one_workers_stats(index)
    }

    /// Counts from zero on, the run time too. What is counted while this runs may go either way.
    pub fn clear_stats(&self) {
        match self.engine() {
            Some(engine) => {
                engine.clear_worker_stats();
                engine.with_living(|living| self.statistics.clear(living));
            }
            None => self.statistics.clear(Sum::default()),
        }
    }
}
