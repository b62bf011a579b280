//! The page for people: complete without a script, which only keeps it up to date and draws.
#![forbid(unsafe_code)]

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::Nonce;
use crate::statistics::{Histogram, Stats, WorkerCall, WorkerStats};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn page(stats: &Stats, nonce: &Nonce) -> String {
    let mut page = String::with_capacity(32 * 1024);
    // Writing to memory does not fail.
    let _ = write_page(&mut page, stats, nonce);
    page
}

fn write_page(page: &mut String, stats: &Stats, nonce: &Nonce) -> fmt::Result {
    let (address, version) = (Escaped(&stats.bind_addr), crate::VERSION);
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>Status of {address}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1>Server status</h1>\n<p>{address}</p>\n\
         <div class=\"live\"><span id=\"state\">Loading</span> \
         <button id=\"pause\" type=\"button\" aria-pressed=\"false\">Pause</button></div>\n\
         </header>\n<main>\n"
    )?;
    let hidden = if stats.enabled { " hidden" } else { "" };
    writeln!(
        page,
        "<p class=\"note\" id=\"off\"{hidden}>Nothing is counted: the option \
         <code>statistics</code> is off.</p>"
    )?;
    plots(page)?;
    page.write_str("<div class=\"tables\">\n<section aria-labelledby=\"server\">\n")?;
    figures(page, stats)?;
    page.write_str("</section>\n<div>\n<section aria-labelledby=\"times\">\n")?;
    times(page, stats)?;
    page.write_str("</section>\n<section aria-labelledby=\"worker-threads\">\n")?;
    workers(page, &stats.workers)?;
    write!(
        page,
        "</section>\n</div>\n</div>\n</main>\n<footer><a href=\"?format=json\">JSON</a> \
         <a href=\"?format=prometheus\">Prometheus</a> <a href=\"?format=text\">Text</a> \
         libwsgiserver {version}<span class=\"noscript\">; the page loads itself again every five \
         seconds</span></footer>\n<script nonce=\"{nonce}\">\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// Filled by the script.
fn plots(page: &mut String) -> fmt::Result {
    page.write_str("<div class=\"plots\">\n")?;
    plot(page, "rate", "Throughput", "<span><b id=\"rate\">–</b> requests a second</span>")?;
    plot(
        page,
        "latency",
        "Time in the application",
        "<span><i></i><b id=\"p99\">–</b> 99 %</span> \
         <span class=\"second\"><i></i><b id=\"p50\">–</b> 50 %</span>",
    )?;
    plot(
        page,
        "threads",
        "Threads",
        "<span><i></i><b id=\"threads\">–</b> there</span> \
         <span class=\"second\"><i></i><b id=\"busy\">–</b> busy</span>",
    )?;
    plot(
        page,
        "queue",
        "Queue and connections",
        "<span><i></i><b id=\"queued\">–</b> waiting</span> \
         <span class=\"second\"><i></i><b id=\"open\">–</b> connections</span>",
    )?;
    page.write_str("</div>\n")
}

fn plot(page: &mut String, id: &str, name: &str, now: &str) -> fmt::Result {
    let grid: String = [4, 47, 91]
        .iter()
        .map(|y| format!("<line class=\"grid\" x1=\"0\" x2=\"720\" y1=\"{y}\" y2=\"{y}\"/>"))
        .collect();
    writeln!(
        page,
        "<figure>\n<figcaption>{name} <small>at the top: <span id=\"plot-{id}-top\">–</span>\
         </small></figcaption>\n<p class=\"now\">{now}</p>\n\
         <svg id=\"plot-{id}\" role=\"img\" aria-label=\"{name}\" data-name=\"{name}\" \
         viewBox=\"0 0 720 136\" preserveAspectRatio=\"none\">{grid}\
         <line class=\"grid\" x1=\"0\" x2=\"720\" y1=\"135.5\" y2=\"135.5\"/></svg>\n\
         <p class=\"axis\" aria-hidden=\"true\"><span class=\"ago\">1 min ago</span><span>now</span></p>\n\
         </figure>"
    )
}

fn figures(page: &mut String, stats: &Stats) -> fmt::Result {
    page.write_str(
        "<h2 id=\"server\">Server</h2>\n<div class=\"card\" tabindex=\"0\" role=\"region\" \
         aria-labelledby=\"server\">\n<table>\n<tbody>\n",
    )?;
    let run_time = Span(stats.run_time);
    figure(page, "Run time", "run_time", "span", run_time)?;
    figure(page, "Requests", "requests", "count", Count(stats.requests))?;
    figure(page, "Requests in work", "requests_in_work", "count", stats.requests_in_work)?;
    figure(page, "Requests waiting", "queue", "count", stats.queue)?;
    figure(page, "Connections open", "connections", "count", stats.connections)?;
    figure(page, "Connections taken in", "accepts", "count", Count(stats.accepts))?;
    figure(page, "Socket errors", "socket_errors", "count", Count(stats.socket_errors))?;
    figure(page, "Threads", "threads", "count", stats.threads)?;
    figure(page, "Threads idle", "threads_idle", "count", stats.threads_idle)?;
    figure(page, "Read", "bytes_read", "bytes", Bytes(stats.bytes_read))?;
    figure(page, "Written", "bytes_written", "bytes", Bytes(stats.bytes_written))?;
    figure(page, "Work time", "work_time", "seconds", Seconds(stats.work_time))?;
    page.write_str("</tbody>\n</table>\n</div>\n")
}

fn figure(
    page: &mut String,
    name: &str,
    field: &str,
    unit: &str,
    value: impl Display,
) -> fmt::Result {
    writeln!(
        page,
        "<tr><th scope=\"row\">{name}</th>\
         <td data-of=\"{field}\" data-unit=\"{unit}\">{value}</td></tr>"
    )
}

fn times(page: &mut String, stats: &Stats) -> fmt::Result {
    page.write_str(
        "<h2 id=\"times\">Times</h2>\n<div class=\"card\" tabindex=\"0\" role=\"region\" \
         aria-labelledby=\"times\">\n<table>\n<thead><tr><th scope=\"col\">Each request</th>\
         <th scope=\"col\">Count</th><th scope=\"col\">50 %</th><th scope=\"col\">90 %</th>\
         <th scope=\"col\">99 %</th><th scope=\"col\">99.9 %</th></tr></thead>\n<tbody>\n",
    )?;
    time(page, "Waited for a thread", "queue_wait", &stats.queue_wait)?;
    time(page, "In the application", "application", &stats.application)?;
    time(page, "Waited for the client", "write", &stats.write)?;
    page.write_str("</tbody>\n</table>\n</div>\n")
}

fn time(page: &mut String, name: &str, field: &str, histogram: &Histogram) -> fmt::Result {
    write!(
        page,
        "<tr><th scope=\"row\">{name}</th><td data-of=\"{field}.count\" data-unit=\"count\">{}</td>",
        Count(histogram.count())
    )?;
    for (member, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
        let value = Seconds(histogram.quantile(part));
        write!(page, "<td data-of=\"{field}.{member}\" data-unit=\"seconds\">{value}</td>")?;
    }
    page.write_str("</tr>\n")
}

fn workers(page: &mut String, workers: &[WorkerStats]) -> fmt::Result {
    page.write_str(
        "<h2 id=\"worker-threads\">Worker threads</h2>\n<div class=\"card\" tabindex=\"0\" \
         role=\"region\" aria-labelledby=\"worker-threads\">\n<table>\n<thead><tr>\
         <th scope=\"col\" data-field=\"number\" data-unit=\"text\">Number</th>\
         <th scope=\"col\" data-field=\"requests\" data-unit=\"count\">Requests</th>\
         <th scope=\"col\" data-field=\"bytes_read\" data-unit=\"bytes\">Read</th>\
         <th scope=\"col\" data-field=\"bytes_written\" data-unit=\"bytes\">Written</th>\
         <th scope=\"col\" data-field=\"work_time\" data-unit=\"seconds\">Work time</th>\
         <th scope=\"col\" data-field=\"call\" data-unit=\"call\" class=\"call\">In a call</th>\
         </tr></thead>\n<tbody id=\"workers\">\n",
    )?;
    for worker in workers {
        writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"call\">{}</td></tr>",
            worker.number,
            Count(worker.requests),
            Bytes(worker.bytes_read),
            Bytes(worker.bytes_written),
            Seconds(worker.work_time),
            Call(worker.call.as_ref())
        )?;
    }
    page.write_str("</tbody>\n</table>\n</div>\n")
}

/// What a worker does, as the script writes it.
struct Call<'a>(Option<&'a WorkerCall>);

impl Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(call) = self.0 else { return Ok(()) };
        let method = String::from_utf8_lossy(&call.method);
        let (method, path) = (Escaped(&method), call.path());
        let waits = if call.waits_for_client { ", waits for its client" } else { "" };
        write!(f, "{} {method} {}{waits}", Seconds(call.duration), Escaped(&path))
    }
}

/// Text, or the value of an attribute in quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            _ => f.write_char(character),
        })
    }
}

/// A number with commas, as the script writes it.
struct Count(u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// Three digits or so.
struct Short(f64);

impl Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value >= 100.0 || value.fract() == 0.0 => Count(value.round() as u64).fmt(f),
            value if value >= 10.0 => write!(f, "{value:.1}"),
            value => write!(f, "{value:.2}"),
        }
    }
}

struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut value, mut units) = (self.0 as f64, ["B", "kB", "MB", "GB", "TB"].iter());
        let mut unit = units.next();
        while value >= 1000.0 && units.len() > 0 {
            value /= 1000.0;
            unit = units.next();
        }
        write!(f, "{} {}", Short(value), unit.unwrap_or(&""))
    }
}

struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs_f64() {
            0.0 => f.write_str("0"),
            time if time < 1e-3 => write!(f, "{} µs", Short(time * 1e6)),
            time if time < 1.0 => write!(f, "{} ms", Short(time * 1e3)),
            time => write!(f, "{} s", Short(time)),
        }
    }
}

/// A long time in its two largest units.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            time @ 86_400.. => write!(f, "{} d {} h", time / 86_400, time % 86_400 / 3600),
            time @ 3600.. => write!(f, "{} h {} min", time / 3600, time % 3600 / 60),
            time @ 60.. => write!(f, "{} min {} s", time / 60, time % 60),
            time => write!(f, "{time} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_text_and_nothing_else() {
        let stats =
            Stats { bind_addr: "unix:/a\"'<script>alert(1)</script>&".into(), ..Stats::default() };
        let page = page(&stats, &Nonce([7; 16]));
        assert!(
            page.contains("<p>unix:/a&quot;&#39;&lt;script&gt;alert(1)&lt;/script&gt;&amp;</p>")
        );
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("</script").count(), 1);
        assert_eq!(page.matches(&"07".repeat(16)).count(), 2);
    }

    #[test]
    fn what_a_worker_does_is_told_without_its_query() {
        let call = WorkerCall {
            duration: Duration::from_secs(3),
            method: b"GET".to_vec(),
            target: b"/<b>&\xff?password=secret".to_vec(),
            ..WorkerCall::default()
        };
        let worker = WorkerStats { call: Some(call), ..WorkerStats::default() };
        let stats = Stats { workers: vec![worker], ..Stats::default() };
        let page = page(&stats, &Nonce([7; 16]));
        assert!(page.contains("<td class=\"call\">3 s GET /&lt;b&gt;&amp;\u{fffd}</td>"), "{page}");
        let json = stats.to_json();
        assert!(json.contains("\"path\":\"/\\u003cb\\u003e\\u0026\u{fffd}\""), "{json}");
        assert!(!page.contains("secret") && !json.contains("secret"));
    }

    #[test]
    fn numbers_are_for_people() {
        let counts = [0, 999, 1000, 1_234_567].map(|count| Count(count).to_string());
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        let bytes = [0, 999, 1500, 123_456_789].map(|bytes| Bytes(bytes).to_string());
        assert_eq!(bytes, ["0 B", "999 B", "1.50 kB", "123 MB"]);
        let times = [0, 1_500, 12_340_000, 2_000_000_000];
        let times = times.map(|time| Seconds(Duration::from_nanos(time)).to_string());
        assert_eq!(times, ["0", "1.50 µs", "12.3 ms", "2 s"]);
        let spans = [7, 61, 3_660, 90_000].map(|time| Span(Duration::from_secs(time)).to_string());
        assert_eq!(spans, ["7 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
