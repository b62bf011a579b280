//! Statistics: the seed's `server.stats`, by the seed's names.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) mod counters;
mod histogram;
mod json;
pub(crate) mod latencies;
mod prometheus;
mod text;

use crate::request::line::without_query;
use counters::{Ledger, Sum, Tally};
pub(crate) use histogram::BUCKETS as HISTOGRAM_BUCKETS;
pub use histogram::Histogram;

/// The seed divided by this where there was no work time.
const NO_TIME: f64 = 1e-6;

/// What a server has counted and what it is doing, at one moment. Counted is only while the option
/// `statistics` is on; the gauges from `queue` on are always right. While requests are in work the
/// figures of one request may be told at different moments; with nothing in work they are exact.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The option `statistics` is on.
    pub enabled: bool,
    /// The addresses that are listened on; before the server was prepared, the option.
    pub bind_addr: String,
    /// How long the server has served, over all its runs, since `clear_stats`.
    pub run_time: Duration,
    /// Connections taken in.
    pub accepts: u64,
    /// Accepts, reads and writes that failed, a client that reset its connection among them.
    pub socket_errors: u64,
    /// Requests that the application was called with and came back from, and requests that the
    /// server ended by itself: refused, too late, 503, or abandoned by its client in the queue.
    pub requests: u64,
    /// Bytes that clients sent, whatever became of them; not those of hijacked connections.
    pub bytes_read: u64,
    /// Bytes that the system took from us for clients; not those of hijacked connections.
    pub bytes_written: u64,
    /// Time in the application, of all workers together.
    pub work_time: Duration,
    /// For how long requests were here before the application was called: in a worker's batch of
    /// events, behind others of their connection, or in the queue. Zero for those that were called at
    /// once; the time that the kernel had them before is not known. One for each call.
    pub queue_wait: Histogram,
    /// How long the application's calls took: one for each call, together `work_time`. What a
    /// streaming application waits for its client is in it; what comes after a request was detached
    /// is not.
    pub application: Histogram,
    /// For how long complete answers of the application were here before the system had taken their
    /// last byte, or the connection ended. Zero for those that it took at once, which are most; more
    /// than that is the client's time. One for each answer.
    pub write: Histogram,
    /// Lines that the access log (the option `access_log`) has lost; counted in any case.
    pub access_log_dropped: u64,
    /// Complete requests that wait for a worker.
    pub queue: usize,
    /// Worker threads; of a pull server, workers.
    pub threads: usize,
    /// Of these, the ones that wait for something to do.
    pub threads_idle: usize,
    /// Connections that are open.
    pub connections: usize,
    /// Requests that are at the application, detached ones among them.
    pub requests_in_work: usize,
    /// The seed's `Worker Threads`: the workers that there are now.
    pub workers: Vec<WorkerStats>,
}

/// What one worker has counted. What is read and written while no worker has the request (a slow
/// head, the rest of a long answer, what a detached request is sent), and the greater part of a long
/// stream, is in the server's sums alone.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// The number of its thread, which is named `WSGI Worker` and this. Once it has left, another
    /// one may get it.
    pub number: usize,
    /// The application's calls that ended.
    pub requests: u64,
    /// Bytes of their requests.
    pub bytes_read: u64,
    /// Bytes of their answers.
    pub bytes_written: u64,
    /// Time in the application.
    pub work_time: Duration,
    /// The number of its thread to the system (Linux: as in /proc); 0 before its first work.
    pub thread: i32,
    /// What it is doing, if it is in a call of the application.
    pub call: Option<WorkerCall>,
}

/// The application's call that a worker is in.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkerCall {
    /// How long it has been in it.
    pub duration: Duration,
    /// The request's method and target as they were sent. Empty if they cannot be told: the request is
    /// over and its call goes on, or the call is in another one of the library just now.
    pub method: Vec<u8>,
    /// See `method`.
    pub target: Vec<u8>,
    /// The client; `None` for a UNIX socket too.
    pub remote: Option<SocketAddr>,
    /// It has waited for its client for more than a second.
    pub waits_for_client: bool,
}

impl WorkerCall {
    /// The target without its query, which may have secrets in it.
    pub(crate) fn path(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(without_query(&self.target))
    }
}

impl Stats {
    /// Fills in what was counted; `living` is what the workers have that are there.
    pub(crate) fn count(&mut self, ledger: &Ledger, living: Sum) {
        let Sum { tally, accepts, latencies } = ledger.sum(living);
        self.enabled = ledger.is_on();
        self.access_log_dropped = ledger.lines_dropped();
        self.run_time = ledger.run_time();
        self.accepts = accepts;
        self.socket_errors = tally.errors;
        self.requests = tally.requests;
        self.bytes_read = tally.read;
        self.bytes_written = tally.written;
        self.work_time = Duration::from_nanos(tally.work);
        self.queue_wait = latencies.queue_wait;
        self.application = latencies.application;
        self.write = latencies.write;
    }

    /// The statistics as a JSON object: the fields of this struct by their names, times in seconds.
    /// Of a histogram `count`, `sum`, four quantiles, and of the buckets those that are not empty:
    /// pairs of a bound, `null` for the last, and how many are in it.
    pub fn to_json(&self) -> String {
        json::of(self)
    }

    /// The statistics in the text format of Prometheus, version 0.0.4. The names begin with
    /// `wsgiserver_`; of the histograms' bounds there are three for each power of ten.
    pub fn to_prometheus(&self) -> String {
        prometheus::of(self)
    }

    /// Of each time that is measured its name, what it is, and the histogram.
    fn histograms(&self) -> [(&'static str, &'static str, &Histogram); 3] {
        [
            ("queue_wait", "Time that requests were here before the call.", &self.queue_wait),
            ("application", "Time that calls of the application took.", &self.application),
            ("write", "Time that complete answers waited for their clients.", &self.write),
        ]
    }

    /// Connections taken in per second of run time.
    pub fn accepts_per_second(&self) -> f64 {
        per_second(self.accepts, self.run_time)
    }

    /// Bytes read per second of work time.
    pub fn read_throughput(&self) -> f64 {
        per_second(self.bytes_read, self.work_time)
    }

    /// Bytes written per second of work time.
    pub fn write_throughput(&self) -> f64 {
        per_second(self.bytes_written, self.work_time)
    }
}

impl WorkerStats {
    pub(crate) fn new(number: usize, counted: Tally) -> Self {
        Self {
            thread: 0,
            call: None,
            number,
            requests: counted.requests,
            bytes_read: counted.read,
            bytes_written: counted.written,
            work_time: Duration::from_nanos(counted.work),
        }
    }

    /// Bytes read per second of work time.
    pub fn read_throughput(&self) -> f64 {
        per_second(self.bytes_read, self.work_time)
    }

    /// Bytes written per second of work time.
    pub fn write_throughput(&self) -> f64 {
        per_second(self.bytes_written, self.work_time)
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(NO_TIME)
}
