//! Statistics as lines of text.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use super::{Stats, WorkerStats};

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
        writeln!(f, "Access Log Dropped: {}", self.access_log_dropped)?;
        for (name, histogram) in [
            ("Queue Wait", &self.queue_wait),
            ("Application", &self.application),
            ("Write", &self.write),
        ] {
            for (part, quantile) in [("50%", 0.5), ("99%", 0.99)] {
                writeln!(f, "{name} {part}: {}", counted(seconds(histogram.quantile(quantile))))?;
            }
        }
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
