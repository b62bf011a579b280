//! Statistics: the seed's `server.stats`, by the seed's names.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

pub(crate) mod counters;
mod histogram;
pub(crate) mod latencies;

use counters::Tally;
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
    /// server answered by itself: refused, too late, 503.
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
}

impl Stats {
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

/// One line for each figure, `Name: value`, with the seed's names; behind them what the seed did not
/// have, and the workers' figures with their names in front. As in the seed, what is counted is -1
/// while statistics are off.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |value: String| if self.enabled { value } else { "-1".into() };
        writeln!(f, "Enabled: {}", u8::from(self.enabled))?;
        writeln!(f, "Bind Address: {}", self.bind_addr)?;
        writeln!(f, "Run time: {}", counted(seconds(self.run_time)))?;
        writeln!(f, "Accepts: {}", self.accepts)?;
        writeln!(f, "Accepts/sec: {:.3}", self.accepts_per_second())?;
        writeln!(f, "Queue: {}", self.queue)?;
        writeln!(f, "Threads: {}", self.threads)?;
        writeln!(f, "Threads Idle: {}", self.threads_idle)?;
        writeln!(f, "Socket Errors: {}", self.socket_errors)?;
        writeln!(f, "Requests: {}", counted(self.requests.to_string()))?;
        writeln!(f, "Bytes Read: {}", counted(self.bytes_read.to_string()))?;
        writeln!(f, "Bytes Written: {}", counted(self.bytes_written.to_string()))?;
        writeln!(f, "Work Time: {}", counted(seconds(self.work_time)))?;
        writeln!(f, "Read Throughput: {}", counted(rate(self.read_throughput())))?;
        writeln!(f, "Write Throughput: {}", counted(rate(self.write_throughput())))?;
        writeln!(f, "Connections: {}", self.connections)?;
        writeln!(f, "Requests In Work: {}", self.requests_in_work)?;
        writeln!(f, "Worker Threads: {}", self.workers.len())?;
        self.workers.iter().try_for_each(|worker| worker.fmt(f))
    }
}

impl fmt::Display for WorkerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format_args!("WSGI Worker {}", self.number);
        writeln!(f, "{name} Requests: {}", self.requests)?;
        writeln!(f, "{name} Bytes Read: {}", self.bytes_read)?;
        writeln!(f, "{name} Bytes Written: {}", self.bytes_written)?;
        writeln!(f, "{name} Work Time: {}", seconds(self.work_time))?;
        writeln!(f, "{name} Read Throughput: {}", rate(self.read_throughput()))?;
        writeln!(f, "{name} Write Throughput: {}", rate(self.write_throughput()))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

fn rate(rate: f64) -> String {
    format!("{rate:.3}")
}
