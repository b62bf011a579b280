//! The application that wire vectors and other projects' cases are played against.
//!
//! Without a body: `OK`, or nothing for a POST. With one: the body. `/echo`: the request's headers
//! as the application saw them. `/204`, `/304`: those. `/sleep/MS`, `/error`, `/large/N`,
//! `/stream/N` and `/environ` as in the C fixture.

use std::time::Duration;

use wsgiserver::{Gateway, Outcome, Request, RequestError};

pub struct Fixture;

const TEXT: (&str, &str) = ("Content-Type", "text/plain");
/// Bodies up to this size are answered in one piece.
const WHOLE: usize = 64 * 1024;

impl Gateway for Fixture {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        match answer(request) {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        }
    }
}

fn answer(request: &Request<'_>) -> Result<(), RequestError> {
    let path = variable(request, "PATH_INFO")?;
    let ok = |body: &[u8]| request.respond("200 OK", &[TEXT], body);
    let number = |prefix: &str| path.strip_prefix(prefix)?.parse::<usize>().ok();
    match path.as_str() {
        "/echo" => ok(headers(request)?.as_bytes()),
        "/environ" => ok(environ(request)?.as_bytes()),
        "/204" => request.respond("204 No Content", &[], b""),
        "/304" => request.respond("304 Not Modified", &[], b""),
        "/error" => Err(RequestError::State("as asked for")),
        _ => {
            if let Some(milliseconds) = number("/sleep/") {
                std::thread::sleep(Duration::from_millis(milliseconds as u64));
                ok(b"OK")
            } else if let Some(size) = number("/large/") {
                ok(&vec![b'x'; size])
            } else if let Some(chunks) = number("/stream/") {
                request.start_response("200 OK", &[TEXT], false)?;
                (0..chunks).try_for_each(|_| request.write(&[b'x'; 1024]))
            } else {
                echo_body(request)
            }
        }
    }
}

/// Answers with the request's body, whatever its length.
fn echo_body(request: &Request<'_>) -> Result<(), RequestError> {
    let mut buffer = vec![0; WHOLE];
    let mut filled = 0;
    while filled < buffer.len() {
        match request.read(&mut buffer[filled..])? {
            0 => return whole(request, &buffer[..filled]),
            count => filled += count,
        }
    }
    request.start_response("200 OK", &[TEXT], false)?;
    while filled > 0 {
        request.write(&buffer[..filled])?;
        filled = request.read(&mut buffer)?;
    }
    Ok(())
}

fn whole(request: &Request<'_>, body: &[u8]) -> Result<(), RequestError> {
    let has_body = variable(request, "CONTENT_LENGTH").is_ok_and(|length| !length.is_empty())
        || variable(request, "HTTP_TRANSFER_ENCODING").is_ok_and(|coding| !coding.is_empty());
    let post = variable(request, "REQUEST_METHOD")? == "POST";
    let body: &[u8] = if has_body || post { body } else { b"OK" };
    request.respond("200 OK", &[TEXT], body)
}

fn variable(request: &Request<'_>, key: &str) -> Result<String, RequestError> {
    request.environ(|environ| {
        let value = environ.get(key.as_bytes()).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    })
}

fn environ(request: &Request<'_>) -> Result<String, RequestError> {
    request.environ(|environ| {
        let line = |(key, value)| {
            format!("{}: {}\n", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        };
        environ.iter().map(line).collect()
    })
}

fn headers(request: &Request<'_>) -> Result<String, RequestError> {
    request.environ(|environ| {
        let mut lines = String::new();
        for (key, value) in environ.iter() {
            let key = String::from_utf8_lossy(key);
            let name = match key.strip_prefix("HTTP_") {
                Some(name) => name,
                None if key.starts_with("CONTENT_") => &key,
                None => continue,
            };
            lines.push_str(&header_name(name));
            lines.push_str(": ");
            lines.push_str(&String::from_utf8_lossy(value));
            lines.push('\n');
        }
        lines
    })
}

/// `ACCEPT_ENCODING` as `Accept-Encoding`.
fn header_name(key: &str) -> String {
    key.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{first}{}", rest.to_ascii_lowercase())
        })
        .collect::<Vec<_>>()
        .join("-")
}
