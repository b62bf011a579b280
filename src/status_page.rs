//! A status page: what a server does, for people (HTML), programs (JSON) and Prometheus.
//!
//! It is an application like any other, so whatever wraps applications wraps it: a dispatcher, a
//! check of who asks. The option `status_path` answers with it without an application having a part.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Arc, Weak};

use crate::gateway::{Gateway, Outcome, Request, RequestError};
use crate::server::HTTPServer;
use crate::statistics::Stats;

mod html;

/// The status page as an application, answered from whatever path it is mounted at. `?format=json`,
/// `?format=prometheus` and `?format=text` ask for the same in another form. It tells of
/// requests in work the method and the path, and else numbers. That is not for everybody, so mount it
/// where only you can reach it: on a server of its own, or behind a check.
#[derive(Debug, Default)]
pub struct StatusPage {
    server: Option<Weak<HTTPServer>>,
}

impl StatusPage {
    /// The page of the server that it is mounted on.
    pub fn new() -> Self {
        Self::default()
    }

    /// The page of another server. On a server of its own it can be asked when all threads of that
    /// one are stuck.
    pub fn of(server: &Arc<HTTPServer>) -> Self {
        Self { server: Some(Arc::downgrade(server)) }
    }
}

impl Gateway for StatusPage {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        let stats = match &self.server {
            None => request.engine().stats(),
            Some(server) => server.upgrade().map(|server| server.stats()).unwrap_or_default(),
        };
        match answer(request, &stats) {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        }
    }

    fn wants_environ(&self) -> bool {
        false
    }
}

/// Answers a request with what is told of a server.
pub(crate) fn answer(request: &Request<'_>, stats: &Stats) -> Result<(), RequestError> {
    let page = request.view(|view| Page::of(stats, view.method(), view.query()))?;
    let mut headers = vec![
        ("Content-Type", page.content_type),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", page.policy.as_str()),
    ];
    if page.status.starts_with("405") {
        headers.push(("Allow", "GET, HEAD"));
    }
    request.respond(page.status, &headers, page.body.as_bytes())
}

/// An answer.
struct Page {
    status: &'static str,
    content_type: &'static str,
    policy: String,
    body: String,
}

const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
const PLAIN: &str = "text/plain; charset=utf-8";

impl Page {
    fn of(stats: &Stats, method: &[u8], query: &[u8]) -> Self {
        if !matches!(method, b"GET" | b"HEAD") {
            return Self::plain("405 Method Not Allowed", PLAIN, "GET or HEAD\n".into());
        }
        let mut pairs = query.split(|byte| *byte == b'&');
        let format = pairs.find_map(|pair| pair.strip_prefix(b"format="));
        match format {
            None | Some(b"html") => Self::html(stats),
            Some(b"json") => Self::plain("200 OK", "application/json", stats.to_json()),
            Some(b"prometheus") => {
                let content_type = "text/plain; version=0.0.4; charset=utf-8";
                Self::plain("200 OK", content_type, stats.to_prometheus())
            }
            Some(b"text") => Self::plain("200 OK", PLAIN, stats.to_string()),
            Some(_) => {
                let body = "format is html, json, prometheus or text\n";
                Self::plain("400 Bad Request", PLAIN, body.into())
            }
        }
    }

    fn plain(status: &'static str, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, policy: NOTHING.into(), body }
    }

    fn html(stats: &Stats) -> Self {
        let Some(nonce) = Nonce::new() else {
            return Self::plain("500 Internal Server Error", PLAIN, String::new());
        };
        Self {
            status: "200 OK",
            content_type: "text/html; charset=utf-8",
            policy: format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
                 connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            ),
            body: html::page(stats, &nonce),
        }
    }
}

/// What only the page's own scripts and styles have.
struct Nonce([u8; 16]);

impl Nonce {
    fn new() -> Option<Self> {
        crate::sys::random::bytes().ok().map(Self)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
