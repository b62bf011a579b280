//! What stands beside the final head: interim answers before it, trailers behind the body.

use super::{AppError, Response, field};
use crate::request::headers::{is_token, is_value};

/// Fields that frame, route or authenticate, or that a client has to know before the body (RFC
/// 9110, section 6.5.1).
const NO_TRAILERS: &[&str] = &[
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "expires",
    "host",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
];

/// Fields of the connection or of a body, which an interim answer does not have.
const NOT_INTERIM: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Appends an interim answer with its empty line, and gives its code: 1xx, but never 101, which
/// ends HTTP. What was appended before an error is for the caller to take back.
pub fn write_interim<'a>(
    out: &mut Vec<u8>,
    protocol: &[u8],
    status: &[u8],
    headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<u16, AppError> {
    let [b'1', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..] = status else {
        return Err(AppError::Interim);
    };
    let code = 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    if code == 101 || !matches!(reason, [] | [b' ', ..]) || !is_value(reason) {
        return Err(AppError::Interim);
    }
    out.extend_from_slice(protocol);
    out.push(b' ');
    out.extend_from_slice(status);
    out.extend_from_slice(if reason.is_empty() { b" \r\n" } else { b"\r\n" });
    for (name, value) in headers {
        put(name, value, NOT_INTERIM, out)?;
    }
    out.extend_from_slice(b"\r\n");
    Ok(code)
}

impl Response {
    pub fn add_trailer(&mut self, name: &[u8], value: &[u8]) -> Result<(), AppError> {
        put(name, value, NO_TRAILERS, &mut self.trailers)
    }

    pub fn has_trailers(&self) -> bool {
        !self.trailers.is_empty()
    }

    /// Appends the last chunk, and the trailers behind it.
    pub fn end_chunks(&self, out: &mut Vec<u8>) {
        for part in [b"0\r\n", &*self.trailers, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

fn put(name: &[u8], value: &[u8], forbidden: &[&str], out: &mut Vec<u8>) -> Result<(), AppError> {
    if !is_token(name) || !is_value(value) {
        return Err(AppError::Header);
    }
    if forbidden.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes())) {
        return Err(AppError::Misplaced);
    }
    out.extend_from_slice(name);
    field(b": ", value, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interim(status: &str, headers: &[(&str, &str)]) -> Result<String, AppError> {
        let mut out = Vec::new();
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        write_interim(&mut out, b"HTTP/1.1", status.as_bytes(), headers)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn interim_answers() {
        let link = [("Link", "</a.css>; rel=preload"), ("X-Two", "")];
        let expected = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Two: \r\n\r\n";
        assert_eq!(interim("103 Early Hints", &link).unwrap(), expected);
        assert_eq!(interim("102", &[]).unwrap(), "HTTP/1.1 102 \r\n\r\n");
        for status in ["101 Switching Protocols", "200 OK", "10", "1000", "103 a\r\nb", "", "1x3"] {
            assert_eq!(interim(status, &[]), Err(AppError::Interim), "{status}");
        }
        for (name, value) in [("Link", "a\r\nb"), ("Link", "a\0"), ("", "a"), ("a b", "c")] {
            assert_eq!(interim("103 X", &[(name, value)]), Err(AppError::Header), "{name}");
        }
        for name in ["Content-Length", "transfer-encoding", "CONNECTION", "Upgrade"] {
            assert_eq!(interim("103 X", &[(name, "1")]), Err(AppError::Misplaced), "{name}");
        }
    }

    #[test]
    fn trailers() {
        let mut response = Response::new();
        response.add_trailer(b"X-Sum", b"1").unwrap();
        response.add_trailer(b"Server-Timing", b"total;dur=5").unwrap();
        for name in ["Content-Length", "Host", "set-cookie", "Trailer", "Date"] {
            assert_eq!(response.add_trailer(name.as_bytes(), b"1"), Err(AppError::Misplaced));
        }
        for (name, value) in [("", "1"), ("a:", "1"), ("a", "1\r\nb: 2"), ("a\n", "")] {
            let added = response.add_trailer(name.as_bytes(), value.as_bytes());
            assert_eq!(added, Err(AppError::Header), "{name:?}");
        }
        let mut out = Vec::new();
        response.end_chunks(&mut out);
        assert_eq!(out, b"0\r\nX-Sum: 1\r\nServer-Timing: total;dur=5\r\n\r\n");
        response.reset();
        assert!(!response.has_trailers());
    }
}
