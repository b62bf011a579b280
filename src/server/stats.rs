//! Statistics, for the host.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::HTTPServer;
use crate::statistics::counters::Sum;
use crate::statistics::{Stats, WorkerStats};

/// From any thread, before, while and after the server runs.
impl HTTPServer {
    /// What was counted while the option `statistics` was on, over all runs since
    /// [`clear_stats`](Self::clear_stats), and what the server is doing now (the seed's
    /// `server.stats`).
    pub fn stats(&self) -> Stats {
        let bound: Vec<_> = self.bound_addrs().iter().map(ToString::to_string).collect();
        let mut stats = Stats {
            enabled: self.statistics.is_on(),
            bind_addr: match bound.is_empty() {
                true => self.lock().options.text("bind_addr"),
                false => bound.join(", "),
            },
            run_time: self.statistics.run_time(),
            access_log_dropped: self.statistics.lines_dropped(),
            ..Stats::default()
        };
        let engine = self.engine();
        if let Some(engine) = &engine {
            stats.queue = engine.requests_waiting();
            stats.threads = engine.workers();
            stats.threads_idle = engine.idle_workers();
            stats.connections = engine.slots.open_count();
            stats.requests_in_work = engine.requests_in_work();
            stats.workers = engine.worker_stats();
        }
        let sum = |living| self.statistics.sum(living);
        let Sum { tally, accepts, latencies } = match &engine {
            Some(engine) => engine.with_living(sum),
            None => sum(Sum::default()),
        };
        stats.accepts = accepts;
        stats.socket_errors = tally.errors;
        stats.requests = tally.requests;
        stats.bytes_read = tally.read;
        stats.bytes_written = tally.written;
        stats.work_time = Duration::from_nanos(tally.work);
        stats.queue_wait = latencies.queue_wait;
        stats.application = latencies.application;
        stats.write = latencies.write;
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
