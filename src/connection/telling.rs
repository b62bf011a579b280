//! What a connection tells the error log about its request.
#![forbid(unsafe_code)]

use super::HTTPConnection;
use super::services::Services;
use crate::engine::calls::Described;
use crate::error_log::LogCode;
use crate::gateway::RequestView;
use crate::request::head::Refusal;

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
            None => log.error(
                LogCode::ApplicationFailed,
                format_args!("the application failed{between}{request}"),
            ),
        }
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

    /// Method and target, while the request's head is there.
    fn described(&self) -> String {
        let Some(exchange) = self.exchange.as_ref() else { return String::new() };
        if exchange.head_length.is_none() {
            return String::new();
        }
        let view = RequestView::new(exchange.input.request(), &exchange.head, self.client());
        let text = |bytes| String::from_utf8_lossy(bytes);
        format!("{} {}", text(view.method()), text(view.target()))
    }
}
