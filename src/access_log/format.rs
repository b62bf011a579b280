//! The ready formats of a line.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::time::UNIX_EPOCH;

use super::escape::{MOST, put_json, put_text};
use super::{AccessRecord, Ended};
use crate::connection::exchange::put_address;
use crate::date;
use crate::request::response::decimal;

/// The most bytes that a line takes: five values, and what is around them.
pub(super) const LONGEST_LINE: usize = 5 * MOST + 1024;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The Common Log Format.
    Common,
    /// The same, with Referer and User-Agent.
    Combined,
    /// One object of JSON.
    Json,
}

/// What the formats that are text tell of a request.
pub(crate) struct TextLine<'a> {
    /// Like `GET / HTTP/1.1`; empty if there is none.
    pub(crate) request_line: &'a [u8],
    pub(crate) referer: &'a [u8],
    pub(crate) user_agent: &'a [u8],
    pub(crate) status: u16,
    pub(crate) sent: u64,
}

/// What the lines of a connection have in common, for as long as it stays the same: how they begin,
/// with the client's address and the second, and how they end, with Referer and User-Agent.
#[derive(Default)]
pub(crate) struct Common {
    second: Option<u64>,
    start: Vec<u8>,
    /// The two fields behind each other as they came, and where the first one ends.
    fields: Vec<u8>,
    first_field: usize,
    end: Vec<u8>,
}

impl Format {
    /// By its name, as the option `access_log_format` takes it.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "common" => Self::Common,
            "json" => Self::Json,
            _ => Self::Combined,
        }
    }

    /// Writes a line with its end, in one of the formats that are text.
    #[inline]
    pub(crate) fn put_text(
        self,
        second: u64,
        remote: Option<SocketAddr>,
        common: &mut Common,
        told: &TextLine<'_>,
        line: &mut Vec<u8>,
    ) {
        line.extend_from_slice(common.start(second, remote, self));
        if told.request_line.is_empty() {
            line.push(b'-');
        } else {
            put_text(told.request_line, line);
        }
        put_numbers(told.status, told.sent, line);
        match self {
            Self::Combined => line.extend_from_slice(common.end(told)),
            _ => line.push(b'\n'),
        }
    }

    /// Writes a line with its end, as JSON.
    pub(crate) fn put_json(start: &[u8], record: &AccessRecord<'_>, line: &mut Vec<u8>) {
        let since = record.arrived.duration_since(UNIX_EPOCH).unwrap_or_default();
        line.extend_from_slice(start);
        let [.., hundreds, tens, ones] = digits(since.subsec_millis());
        line.extend_from_slice(&[b'.', hundreds, tens, ones]);
        put_object(record, line);
        line.push(b'\n');
    }

    /// The line that tells how many lines are missing here.
    pub(super) fn put_dropped(self, count: u64, line: &mut Vec<u8>) {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Json => (b"{\"dropped\":", b"}\n"),
            Self::Common | Self::Combined => (b"# ", b" lines were dropped here\n"),
        };
        line.extend_from_slice(before);
        decimal(count, line);
        line.extend_from_slice(after);
    }
}

impl Common {
    /// The end of a line.
    #[inline]
    fn end(&mut self, told: &TextLine<'_>) -> &[u8] {
        let (referer, user_agent) = self.fields.split_at(self.first_field);
        if referer != told.referer || user_agent != told.user_agent || self.end.is_empty() {
            self.write_end(told);
        }
        &self.end
    }

    fn write_end(&mut self, told: &TextLine<'_>) {
        self.fields.clear();
        self.fields.extend_from_slice(told.referer);
        self.first_field = self.fields.len();
        self.fields.extend_from_slice(told.user_agent);
        self.end.clear();
        put_field(told.referer, &mut self.end);
        put_field(told.user_agent, &mut self.end);
        self.end.push(b'\n');
    }

    /// The start of a line in this second of UNIX time.
    #[inline]
    pub(crate) fn start(
        &mut self,
        second: u64,
        remote: Option<SocketAddr>,
        format: Format,
    ) -> &[u8] {
        if self.second != Some(second) {
            self.write_start(second, remote, format);
        }
        &self.start
    }

    #[cold]
    fn write_start(&mut self, second: u64, remote: Option<SocketAddr>, format: Format) {
        self.second = Some(second);
        let text = &mut self.start;
        text.clear();
        match (format, remote) {
            (Format::Json, None) => {
                text.extend_from_slice(b"{\"remote_addr\":null,\"remote_port\":null");
            }
            (Format::Json, Some(remote)) => {
                text.extend_from_slice(b"{\"remote_addr\":\"");
                put_address(remote.ip(), text);
                text.extend_from_slice(b"\",\"remote_port\":");
                decimal(remote.port().into(), text);
            }
            (_, None) => text.push(b'-'),
            (_, Some(remote)) => put_address(remote.ip(), text),
        }
        if format == Format::Json {
            text.extend_from_slice(b",\"time\":\"");
            text.extend_from_slice(&date::rfc3339(second));
        } else {
            text.extend_from_slice(b" - - [");
            text.extend_from_slice(&date::common_log(second));
            text.extend_from_slice(b"] \"");
        }
    }
}

/// The quote behind the request line, the status and the bytes, as one piece.
#[inline]
fn put_numbers(status: u16, sent: u64, line: &mut Vec<u8>) {
    let mut text = [b'0'; 32];
    let mut at = text.len();
    let mut rest = sent;
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    at -= 6;
    let [.., hundreds, tens, ones] = digits(status.into());
    text[at..at + 6].copy_from_slice(&[b'"', b' ', hundreds, tens, ones, b' ']);
    line.extend_from_slice(&text[at..]);
}

#[inline]
fn put_field(value: &[u8], line: &mut Vec<u8>) {
    if value.is_empty() {
        line.extend_from_slice(b" \"-\"");
    } else {
        line.extend_from_slice(b" \"");
        put_text(value, line);
        line.push(b'"');
    }
}

/// The members behind the time.
fn put_object(record: &AccessRecord<'_>, line: &mut Vec<u8>) {
    let texts: [(&[u8], &[u8]); 5] = [
        (b"Z\",\"method\":\"", record.method),
        (b"\",\"target\":\"", record.target),
        (b"\",\"protocol\":\"", record.protocol),
        (b"\",\"referer\":\"", record.referer),
        (b"\",\"user_agent\":\"", record.user_agent),
    ];
    for (before, text) in texts {
        line.extend_from_slice(before);
        put_json(text, line);
    }
    let numbers: [(&[u8], u64); 4] = [
        (b"\",\"status\":", record.status.into()),
        (b",\"sent\":", record.sent),
        (b",\"received\":", record.received),
        (b",\"duration\":", record.duration.as_secs()),
    ];
    for (before, number) in numbers {
        line.extend_from_slice(before);
        decimal(number, line);
    }
    line.push(b'.');
    line.extend_from_slice(&digits(record.duration.subsec_micros()));
    line.extend_from_slice(b",\"keep_alive\":");
    line.extend_from_slice(if record.keep_alive { b"true" } else { b"false" });
    line.extend_from_slice(b",\"ended\":\"");
    line.extend_from_slice(match record.ended {
        Ended::Sent => b"sent",
        Ended::Cut => b"cut",
        Ended::Aborted => b"aborted",
        Ended::TimedOut => b"timed_out",
        Ended::HandedOver => b"handed_over",
    });
    line.extend_from_slice(b"\"}");
}

/// The last six digits of a number.
#[inline]
fn digits(number: u32) -> [u8; 6] {
    let mut rest = number;
    let mut text = [0u8; 6];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record() -> AccessRecord<'static> {
        AccessRecord {
            request: None,
            remote: "192.0.2.7:4711".parse().ok(),
            method: b"GET",
            target: b"/a\"b?\xff",
            protocol: b"HTTP/1.1",
            user_agent: b"x\ny",
            referer: b"",
            status: 200,
            sent: 1234,
            received: 99,
            arrived: UNIX_EPOCH + Duration::from_millis(1_795_880_581_007),
            duration: Duration::from_micros(2_000_305),
            keep_alive: true,
            ended: Ended::Sent,
        }
    }

    fn line(format: Format, record: &AccessRecord<'_>) -> String {
        let (mut line, mut common) = (Vec::new(), Common::default());
        let (second, remote) = (1_795_880_581, record.remote);
        let request_line = [record.method, record.target, record.protocol].join(&b' ');
        let told = TextLine {
            request_line: if record.method.is_empty() { b"" } else { &request_line },
            referer: record.referer,
            user_agent: record.user_agent,
            status: record.status,
            sent: record.sent,
        };
        match format {
            Format::Json => {
                Format::put_json(common.start(second, remote, format), record, &mut line);
            }
            _ => format.put_text(second, remote, &mut common, &told, &mut line),
        }
        assert!(line.len() <= LONGEST_LINE);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn the_formats_are_those_that_log_tools_read() {
        let common = "192.0.2.7 - - [28/Nov/2026:15:43:01 +0000] \
            \"GET /a\\x22b?\\xFF HTTP/1.1\" 200 1234";
        assert_eq!(line(Format::Common, &record()), format!("{common}\n"));
        let combined = format!("{common} \"-\" \"x\\x0Ay\"\n");
        assert_eq!(line(Format::Combined, &record()), combined);
        let json = "{\"remote_addr\":\"192.0.2.7\",\"remote_port\":4711,\
            \"time\":\"2026-11-28T15:43:01.007Z\",\"method\":\"GET\",\
            \"target\":\"/a\\\"b?\\\\xFF\",\"protocol\":\"HTTP/1.1\",\"referer\":\"\",\
            \"user_agent\":\"x\\u000Ay\",\"status\":200,\"sent\":1234,\"received\":99,\
            \"duration\":2.000305,\"keep_alive\":true,\"ended\":\"sent\"}\n";
        assert_eq!(line(Format::Json, &record()), json);
    }

    #[test]
    fn what_is_not_there_is_a_dash() {
        let none = AccessRecord {
            remote: None,
            method: b"",
            target: b"",
            protocol: b"",
            status: 0,
            ..record()
        };
        let text = line(Format::Common, &none);
        assert_eq!(text, "- - - [28/Nov/2026:15:43:01 +0000] \"-\" 000 1234\n");
        let text = line(Format::Json, &none);
        assert!(text.contains("\"remote_addr\":null,\"remote_port\":null,\"time\":"), "{text}");
    }

    #[test]
    fn the_longest_line_has_room() {
        let long = vec![0; 70_000];
        let worst = AccessRecord {
            remote: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().ok(),
            method: &long,
            target: &long,
            protocol: &long,
            user_agent: &long,
            referer: &long,
            status: u16::MAX,
            sent: u64::MAX,
            received: u64::MAX,
            duration: Duration::MAX,
            keep_alive: false,
            ended: Ended::HandedOver,
            ..record()
        };
        for format in [Format::Common, Format::Combined, Format::Json] {
            line(format, &worst);
        }
    }
}
