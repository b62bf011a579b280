//! What of a head was too large: for the error log, once a head was refused. The limits themselves are
//! kept where heads are parsed.

use super::head::HeadPolicy;
use super::headers::token_length;

/// A longer name of a field is not logged whole.
const NAME: usize = 64;

/// Why a head was answered with 431: which field and which option, never a field's value.
#[cold]
pub fn of_head(input: &[u8], policy: &HeadPolicy) -> String {
    let HeadPolicy { max_fields, max_field_bytes, max_field_name, max_header_bytes, .. } = policy;
    let input = match max_header_bytes {
        0 => input,
        most => input.get(..*most).unwrap_or(input),
    };
    let input = input.strip_prefix(b"\r\n").unwrap_or(input);
    let lines = input.split_inclusive(|byte| *byte == b'\n').skip(1);
    for (index, line) in lines.enumerate() {
        if line == b"\r\n" {
            break;
        }
        let name = &line[..token_length(line)];
        if *max_field_name > 0 && name.len() > *max_field_name {
            return format!(
                "the name of the header field {} has more than {max_field_name} bytes \
                 (max_request_field_name_size)",
                quoted(name)
            );
        }
        if *max_field_bytes > 0 && line.len() >= *max_field_bytes && !fits(line, *max_field_bytes) {
            return format!(
                "the header field {} has more than {max_field_bytes} bytes (max_request_field_size)",
                quoted(name)
            );
        }
        if index >= *max_fields {
            return format!(
                "the head has more than {max_fields} fields (max_request_header_fields)"
            );
        }
    }
    format!("the head has more than {max_header_bytes} bytes (max_request_header_size)")
}

/// Why a request line was answered with 414.
#[cold]
pub fn of_line(policy: &HeadPolicy) -> String {
    match (policy.max_request_line, policy.max_header_bytes) {
        (line, head) if line == 0 || (0 < head && head < line) => {
            format!("the request line has more than {head} bytes (max_request_header_size)")
        }
        (line, _) => format!("the request line has more than {line} bytes (max_request_line_size)"),
    }
}

/// Whether a line is complete and not longer than allowed.
fn fits(line: &[u8], most: usize) -> bool {
    line.ends_with(b"\n") && line.len() <= most
}

/// A name that is a token has nothing in it that would have to be escaped.
fn quoted(name: &[u8]) -> String {
    let shown = String::from_utf8_lossy(name.get(..NAME).unwrap_or(name));
    let cut = if name.len() > NAME { "..." } else { "" };
    format!("\"{shown}{cut}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head::{Parsed, RequestHead};

    /// The reason, of a head that is in fact refused.
    fn reason(head: &str, policy: HeadPolicy) -> String {
        match RequestHead::default().parse(head.as_bytes(), &policy) {
            Parsed::Refused(refusal) => assert!(refusal.status.starts_with("431"), "{refusal:?}"),
            other => panic!("{other:?}"),
        }
        of_head(head.as_bytes(), &policy)
    }

    #[test]
    fn the_field_and_the_option_are_named_and_no_value() {
        let long = "s3cret".repeat(2_000);
        for end in ["", "\r\n", "\r\n\r\n"] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {long}{end}");
            assert_eq!(
                reason(&head, HeadPolicy::default()),
                "the header field \"Authorization\" has more than 8190 bytes (max_request_field_size)"
            );
        }
        let head = format!("\r\nGET / HTTP/1.1\r\nHost: a\r\n{}: 1\r\n\r\n", "N".repeat(300));
        assert_eq!(
            reason(&head, HeadPolicy::default()),
            format!(
                "the name of the header field \"{}...\" has more than 256 bytes \
                 (max_request_field_name_size)",
                "N".repeat(NAME)
            )
        );
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: 1\r\n".repeat(5));
        assert_eq!(
            reason(&head, HeadPolicy { max_fields: 5, ..HeadPolicy::default() }),
            "the head has more than 5 fields (max_request_header_fields)"
        );
        assert_eq!(
            reason(&head, HeadPolicy { max_header_bytes: 50, ..HeadPolicy::default() }),
            "the head has more than 50 bytes (max_request_header_size)"
        );
    }

    #[test]
    fn a_request_line_is_bounded_by_the_smaller_limit() {
        let of = |max_request_line, max_header_bytes| {
            of_line(&HeadPolicy { max_request_line, max_header_bytes, ..HeadPolicy::default() })
        };
        assert!(of(100, 1000).ends_with("100 bytes (max_request_line_size)"));
        assert!(of(100, 0).ends_with("100 bytes (max_request_line_size)"));
        assert!(of(1000, 100).ends_with("100 bytes (max_request_header_size)"));
        assert!(of(0, 100).ends_with("100 bytes (max_request_header_size)"));
    }
}
