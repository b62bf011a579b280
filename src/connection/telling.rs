//! What a connection tells the error log about its request.
#![forbid(unsafe_code)]

use super::reading::CUT_SHORT;
use super::services::Services;
use super::{HTTPConnection, Phase};
use crate::access_log::escape::{Harmless, OneLine};
use crate::engine::calls::Described;
use crate::error_log::{LogCode, LogLevel};
use crate::gateway::RequestView;
use crate::request::excess;
use crate::request::head::Refusal;
use crate::request::line::without_query;

/// What is known of why the server answers by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause<'a> {
    /// What the answer and the options say.
    Answer,
    Known(&'a str),
    /// It happens all the time, and there is nothing to be done about it.
    Routine,
}

pub(super) const TOO_MANY: Cause<'_> =
    Cause::Known("too many connections (max_connections, max_connections_per_ip)");
pub(super) const NO_WORKER: Cause<'_> =
    Cause::Known("no worker was free in time (accepted_queue_size, accepted_queue_timeout)");

impl HTTPConnection {
    /// The application failed, or panicked with this text. A client that has left explains the one,
    /// never the other.
    #[cold]
    pub(crate) fn tell_failure(&self, services: &Services, panic: Option<String>) {
        let request = self.described();
        let (between, request) = match request.as_str() {
            "" => ("", ""),
            request => (" in ", request),
        };
        let log = &services.log;
        match panic {
            Some(text) => log.error(
                LogCode::ApplicationFailed,
                format_args!("the application panicked{between}{request}: {text}"),
            ),
            None if self.over => {}
            None if self.tell_clients_fault(services) => {}
            None => log.error(
                LogCode::ApplicationFailed,
                format_args!("the application failed{between}{request}"),
            ),
        }
    }

    /// A request that could not be read to its end, by the client's doing: what the application makes
    /// of that is no fault of its own. False if the request is fine.
    #[cold]
    pub(super) fn tell_clients_fault(&self, services: &Services) -> bool {
        let refusal = self.refusal.as_ref().filter(|refusal| refusal.status.starts_with('4'));
        if let Some(refusal) = refusal {
            let begun = self.exchange.as_ref().is_none_or(|exchange| exchange.framing.is_some());
            if *refusal == CUT_SHORT {
                self.tell_refusal(services, refusal, Cause::Routine);
            } else if begun {
                // Otherwise it is logged as it is answered.
                self.tell_refusal(services, refusal, Cause::Answer);
            }
        }
        refusal.is_some()
    }

    /// A handshake of TLS that came to nothing.
    #[cold]
    pub(super) fn tell_handshake(&self, services: &Services, level: LogLevel, why: &str) {
        let (peer, why) = (self.peer_text(), OneLine(why));
        let text = format_args!("TLS handshake error from {peer}: {why}");
        match level {
            LogLevel::Debug => services.log.debug(LogCode::Handshake, text),
            _ => services.log.by_client(level, LogCode::Handshake, text),
        }
    }

    #[cold]
    pub(super) fn tell_proxy_header(&self, services: &Services, why: &str) {
        let text = format_args!("PROXY header from {}: {why}", self.peer_text());
        services.log.by_client(LogLevel::Warning, LogCode::ProxyHeader, text);
    }

    /// The address that a message names.
    fn peer_text(&self) -> String {
        self.remote.map_or_else(|| "a UNIX socket".into(), |remote| remote.to_string())
    }

    pub(super) fn tell_too_long(&self, services: &Services) {
        let text = format_args!("the response body is longer than its Content-Length");
        services.log.error(LogCode::BodyTooLong, text);
    }

    /// The server answers by itself. Operators search the log for it, and clients can bring it about at
    /// will: of each kind one is a warning now and then, the others are debug messages.
    #[cold]
    pub(super) fn tell_refusal(&self, services: &Services, refusal: &Refusal, cause: Cause<'_>) {
        let log = &services.log;
        let kind = if refusal.text.is_empty() { refusal.status } else { refusal.text };
        let again = match cause {
            Cause::Routine => None,
            _ => log.admits_refusal(kind),
        };
        let level = match again {
            Some(_) => LogLevel::Warning,
            None => LogLevel::Debug,
        };
        if !log.wants(level) {
            return;
        }
        let (code, reason) = refusal.status.split_once(' ').unwrap_or((refusal.status, ""));
        let why = match cause {
            Cause::Known(why) => why.to_owned(),
            _ => self.cause_of(services, code).unwrap_or_else(|| match refusal.text {
                "" => reason.to_owned(),
                text => text.to_owned(),
            }),
        };
        let client = self.client().remote.map(|remote| remote.to_string());
        let client = client.as_deref().unwrap_or("a client");
        match again {
            Some(again @ 1..) => {
                let text = format_args!(
                    "refused {code} to {client}: {why} (and {again} more of this kind since this was \
                     last logged)"
                );
                log.write(level, LogCode::Refused, text);
            }
            _ => {
                let text = format_args!("refused {code} to {client}: {why}");
                log.write(level, LogCode::Refused, text);
            }
        }
    }

    /// More than the answer says: which limit it was, by the name of its option.
    fn cause_of(&self, services: &Services, code: &str) -> Option<String> {
        let policy = services.settings.policy();
        let exchange = self.exchange.as_ref();
        let in_body = matches!(self.phase, Phase::Body { .. } | Phase::Request)
            || exchange.is_some_and(|exchange| exchange.head_length.is_some());
        let head = exchange.map_or(&*self.stored, |exchange| exchange.input.request());
        Some(match code {
            "431" if in_body => "the trailers of the request are too many or too large".to_owned(),
            "431" => excess::of_head(head, &policy),
            "414" => excess::of_line(&policy),
            "413" => {
                let most = policy.max_body;
                format!("the request body has more than {most} bytes (max_request_body_size)")
            }
            "408" if in_body => {
                "the request body came too slowly (body_timeout, min_body_rate)".to_owned()
            }
            "408" => "the request head came too slowly (header_timeout)".to_owned(),
            "503" => "the request was not answered in time (detached_timeout)".to_owned(),
            _ => return None,
        })
    }

    /// The request, while its head is there.
    pub(crate) fn describe(&self) -> Option<Described> {
        let exchange = self.exchange.as_ref().filter(|exchange| exchange.head_length.is_some())?;
        let view = RequestView::new(exchange.input.request(), &exchange.head, self.client());
        Some(Described {
            method: view.method().to_vec(),
            target: view.target().to_vec(),
            remote: self.remote,
            waits_for_client: false,
        })
    }

    /// Method and path, while the request's head is there.
    fn described(&self) -> String {
        let Some(exchange) = self.exchange.as_ref() else { return String::new() };
        if exchange.head_length.is_none() {
            return String::new();
        }
        let view = RequestView::new(exchange.input.request(), &exchange.head, self.client());
        format!("{} {}", Harmless(view.method()), Harmless(without_query(view.target())))
    }
}
