//! Statistics in the text format of Prometheus (exposition format 0.0.4), in its base units.
#![forbid(unsafe_code)]

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::{Histogram, Stats, WorkerStats};

/// The bounds that are told, in nanoseconds: each is one of the histograms' as well.
const BOUNDS: [u64; 23] = {
    let mut bounds = [1_000; 23];
    let (mut power, mut index) = (10_000, 1);
    while index < 22 {
        bounds[index] = power;
        bounds[index + 1] = power / 2 * 5;
        bounds[index + 2] = power * 5;
        (power, index) = (power * 10, index + 3);
    }
    bounds[22] = power;
    bounds
};

pub(super) fn of(stats: &Stats) -> String {
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = write_all(&mut text, stats);
    text
}

fn write_all(text: &mut String, stats: &Stats) -> fmt::Result {
    family(text, "info", "gauge", "The server; always 1.")?;
    let (version, address) = (crate::VERSION, Escaped(&stats.bind_addr));
    writeln!(text, "wsgiserver_info{{version=\"{version}\",bind_addr=\"{address}\"}} 1")?;
    let enabled = u8::from(stats.enabled);
    gauge(text, "statistics_enabled", "Whether requests, bytes and times are counted.", enabled)?;
    let seconds = stats.run_time.as_secs_f64();
    counter(text, "run_seconds_total", "Time that the server has served.", seconds)?;
    counter(text, "accepts_total", "Connections taken in.", stats.accepts)?;
    let help = "Accepts, reads and writes that failed.";
    counter(text, "socket_errors_total", help, stats.socket_errors)?;
    let help = "Requests that were answered, by the application or the server.";
    counter(text, "requests_total", help, stats.requests)?;
    counter(text, "read_bytes_total", "Bytes that clients sent.", stats.bytes_read)?;
    counter(text, "written_bytes_total", "Bytes sent to clients.", stats.bytes_written)?;
    gauge(text, "queue", "Complete requests that wait for a worker.", stats.queue)?;
    gauge(text, "threads", "Worker threads.", stats.threads)?;
    gauge(text, "threads_idle", "Worker threads without work.", stats.threads_idle)?;
    gauge(text, "connections", "Open connections.", stats.connections)?;
    let help = "Requests that are at the application.";
    gauge(text, "requests_in_work", help, stats.requests_in_work)?;
    let help = "Lines that the access log has lost.";
    counter(text, "access_log_dropped_total", help, stats.access_log_dropped)?;
    for (name, help, times) in stats.histograms() {
        histogram(text, name, help, times)?;
    }
    workers(text, &stats.workers)
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP wsgiserver_{name} {help}\n# TYPE wsgiserver_{name} {kind}")
}

fn counter(text: &mut String, name: &str, help: &str, value: impl Display) -> fmt::Result {
    family(text, name, "counter", help)?;
    writeln!(text, "wsgiserver_{name} {value}")
}

fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) -> fmt::Result {
    family(text, name, "gauge", help)?;
    writeln!(text, "wsgiserver_{name} {value}")
}

fn histogram(text: &mut String, name: &str, help: &str, times: &Histogram) -> fmt::Result {
    family(text, &format!("{name}_seconds"), "histogram", help)?;
    let mut buckets = times.buckets().peekable();
    let mut count = 0;
    for bound in BOUNDS.map(Duration::from_nanos) {
        let lies_below =
            |bucket: &(Option<Duration>, u64)| bucket.0.is_some_and(|own| own <= bound);
        while let Some((_, more)) = buckets.next_if(lies_below) {
            count += more;
        }
        let bound = bound.as_secs_f64();
        writeln!(text, "wsgiserver_{name}_seconds_bucket{{le=\"{bound}\"}} {count}")?;
    }
    count += buckets.map(|(_, more)| more).sum::<u64>();
    writeln!(text, "wsgiserver_{name}_seconds_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(text, "wsgiserver_{name}_seconds_sum {}", times.sum().as_secs_f64())?;
    writeln!(text, "wsgiserver_{name}_seconds_count {count}")
}

fn workers(text: &mut String, workers: &[WorkerStats]) -> fmt::Result {
    type Figure = fn(&WorkerStats) -> f64;
    let families: [(&str, &str, Figure); 4] = [
        ("requests", "Calls of the application that ended.", |worker| worker.requests as f64),
        ("read_bytes", "Bytes of their requests.", |worker| worker.bytes_read as f64),
        ("written_bytes", "Bytes of their answers.", |worker| worker.bytes_written as f64),
        ("work_seconds", "Time in the application.", |worker| worker.work_time.as_secs_f64()),
    ];
    for (name, help, figure) in families {
        let name = format!("worker_{name}_total");
        family(text, &name, "counter", help)?;
        for worker in workers {
            let (number, value) = (worker.number, figure(worker));
            writeln!(text, "wsgiserver_{name}{{worker=\"{number}\"}} {value}")?;
        }
    }
    Ok(())
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '"' | '\\' => write!(f, "\\{character}"),
            '\n' => f.write_str("\\n"),
            _ => f.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::bucket_of;
    use super::*;

    #[test]
    fn the_bounds_are_buckets() {
        let own: Vec<_> = Histogram::default().buckets().filter_map(|(bound, _)| bound).collect();
        for bound in BOUNDS.map(Duration::from_nanos) {
            assert!(own.contains(&bound), "{bound:?}");
        }
        assert_eq!(own.last().copied(), BOUNDS.last().map(|last| Duration::from_nanos(*last)));
    }

    #[test]
    fn a_time_on_a_bound_is_in_its_bucket() {
        let mut stats = Stats { bind_addr: "a\"b\\c\nd".into(), ..Stats::default() };
        for time in [0, 25_000, 25_001, 200_000_000_000] {
            stats.queue_wait.counts[bucket_of(time)] += 1;
        }
        let text = of(&stats);
        let bucket = |le: &str| format!("\nwsgiserver_queue_wait_seconds_bucket{{le=\"{le}\"}} ");
        for (le, count) in
            [("0.000001", 1), ("0.000025", 2), ("0.00005", 3), ("100", 3), ("+Inf", 4)]
        {
            assert!(text.contains(&format!("{}{count}\n", bucket(le))), "{le} in {text}");
        }
        assert!(text.contains(r#",bind_addr="a\"b\\c\nd"} 1"#), "{text}");
        assert!(text.contains("\nwsgiserver_queue_wait_seconds_count 4\n"));
    }
}
