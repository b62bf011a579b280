//! Statistics as JSON (RFC 8259).
#![forbid(unsafe_code)]

use std::fmt::{self, Display, Write};

use super::{Histogram, Stats, WorkerCall, WorkerStats};

pub(super) fn of(stats: &Stats) -> String {
    let mut json = Json::default();
    // Writing to memory does not fail.
    let _ = json.stats(stats);
    json.text
}

/// An object that is being written.
#[derive(Default)]
struct Json {
    text: String,
    /// Something stands before the next member.
    begun: bool,
}

impl Json {
    fn stats(&mut self, stats: &Stats) -> fmt::Result {
        self.open("{")?;
        self.member("enabled", stats.enabled)?;
        self.name("bind_addr")?;
        self.string(&stats.bind_addr)?;
        self.member("run_time", stats.run_time.as_secs_f64())?;
        self.member("accepts", stats.accepts)?;
        self.member("socket_errors", stats.socket_errors)?;
        self.member("requests", stats.requests)?;
        self.member("bytes_read", stats.bytes_read)?;
        self.member("bytes_written", stats.bytes_written)?;
        self.member("work_time", stats.work_time.as_secs_f64())?;
        self.member("accepts_per_second", stats.accepts_per_second())?;
        self.member("read_throughput", stats.read_throughput())?;
        self.member("write_throughput", stats.write_throughput())?;
        self.member("access_log_dropped", stats.access_log_dropped)?;
        self.member("queue", stats.queue)?;
        self.member("threads", stats.threads)?;
        self.member("threads_idle", stats.threads_idle)?;
        self.member("connections", stats.connections)?;
        self.member("requests_in_work", stats.requests_in_work)?;
        self.member("access_log_dropped", stats.access_log_dropped)?;
        for (name, _, histogram) in stats.histograms() {
            self.name(name)?;
            self.histogram(histogram)?;
        }
        self.name("workers")?;
        self.open("[")?;
        for worker in &stats.workers {
            self.comma();
            self.worker(worker)?;
        }
        self.close("]")?;
        self.close("}")
    }

    fn worker(&mut self, worker: &WorkerStats) -> fmt::Result {
        self.open("{")?;
        self.member("number", worker.number)?;
        self.member("requests", worker.requests)?;
        self.member("bytes_read", worker.bytes_read)?;
        self.member("bytes_written", worker.bytes_written)?;
        self.member("work_time", worker.work_time.as_secs_f64())?;
        self.member("read_throughput", worker.read_throughput())?;
        self.member("write_throughput", worker.write_throughput())?;
        self.member("thread", worker.thread)?;
        match &worker.call {
            None => self.member("call", "null")?,
            Some(call) => {
                self.name("call")?;
                self.call(call)?;
            }
        }
        self.close("}")
    }

    fn call(&mut self, call: &WorkerCall) -> fmt::Result {
        self.open("{")?;
        self.member("duration", call.duration.as_secs_f64())?;
        self.name("method")?;
        self.string(&String::from_utf8_lossy(&call.method))?;
        self.name("path")?;
        self.string(&call.path())?;
        self.member("waits_for_client", call.waits_for_client)?;
        self.close("}")
    }

    fn histogram(&mut self, histogram: &Histogram) -> fmt::Result {
        self.open("{")?;
        self.member("count", histogram.count())?;
        self.member("sum", histogram.sum().as_secs_f64())?;
        for (name, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
            self.member(name, histogram.quantile(part).as_secs_f64())?;
        }
        self.name("buckets")?;
        self.open("[")?;
        for (bound, count) in histogram.buckets().filter(|(_, count)| *count > 0) {
            self.comma();
            match bound {
                Some(bound) => write!(self.text, "[{},{count}]", bound.as_secs_f64())?,
                None => write!(self.text, "[null,{count}]")?,
            }
        }
        self.close("]")?;
        self.close("}")
    }

    fn open(&mut self, bracket: &str) -> fmt::Result {
        self.begun = false;
        self.text.write_str(bracket)
    }

    fn close(&mut self, bracket: &str) -> fmt::Result {
        self.begun = true;
        self.text.write_str(bracket)
    }

    fn comma(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            self.text.push(',');
        }
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        self.comma();
        write!(self.text, "\"{name}\":")
    }

    /// A number, or a truth.
    fn member(&mut self, name: &str, value: impl Display) -> fmt::Result {
        self.name(name)?;
        write!(self.text, "{value}")
    }

    fn string(&mut self, string: &str) -> fmt::Result {
        self.text.push('"');
        for character in string.chars() {
            match character {
                '"' | '\\' => write!(self.text, "\\{character}")?,
                // As the text may stand in HTML as well.
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                    write!(self.text, "\\u{:04x}", u32::from(character))?;
                }
                _ => self.text.push(character),
            }
        }
        self.text.push('"');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut json = Json::default();
        json.string("a\"\\\n</script>\u{e9}").unwrap();
        assert_eq!(json.text, r#""a\"\\\u000a\u003c/script\u003eé""#);
    }

    #[test]
    fn an_empty_server_has_every_member() {
        let text = of(&Stats::default());
        assert!(text.starts_with(r#"{"enabled":false,"bind_addr":"","run_time":0,"accepts":0,"#));
        assert!(text.ends_with(r#""p999":0,"buckets":[]},"workers":[]}"#), "{text}");
    }
}
