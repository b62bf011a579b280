//! What a connection tells the error log about its request.
#![forbid(unsafe_code)]

use super::HTTPConnection;
use super::services::Services;
use crate::access_log::escape::{Harmless, OneLine};
use crate::engine::calls::Described;
use crate::error_log::{LogCode, LogLevel};
use crate::gateway::RequestView;
use crate::request::head::Refusal;
use crate::request::line::without_query;

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
            self.tell_refusal(services, refusal);
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

    pub(super) fn tell_refusal(&self, services: &Services, refusal: &Refusal) {
        let client = self.remote.map(|remote| remote.to_string());
        let client = client.as_deref().unwrap_or("a client");
        let Refusal { status, text } = refusal;
        let text = format_args!("{client} was answered {status} {text}");
        services.log.debug(LogCode::Refused, text);
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
