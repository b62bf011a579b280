//! What is said beside the answer: interim answers before it, trailers behind it.
#![forbid(unsafe_code)]

use std::iter;

use super::HTTPConnection;
use super::body::Wait;
use super::services::{Services, protocol};
use crate::gateway::RequestError;
use crate::request::response::write_interim;

impl HTTPConnection {
    /// Sends an interim answer (1xx) now. One that the client cannot understand (HTTP/1.0), and a
    /// 100 that it does not wait for, is left out.
    pub(crate) fn inform<'a>(
        &mut self,
        services: &Services,
        status: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if self.over || exchange.framing.is_some() {
            return Err(RequestError::State("an interim answer after the final one"));
        }
        let begun = exchange.output.len();
        let http10 = services.settings.is_http10();
        let code = match write_interim(&mut exchange.output, protocol(http10), status, headers) {
            Ok(code) => code,
            Err(error) => {
                exchange.output.truncate(begun);
                return Err(error.into());
            }
        };
        let old = exchange.head.version_minor == 0 || http10;
        let waited_for = exchange.head.expect_continue && !exchange.continued;
        if old || (code == 100 && !waited_for) {
            exchange.output.truncate(begun);
            return Ok(());
        }
        exchange.continued |= code == 100;
        self.send(services, iter::empty(), Wait::ForClient)
    }

    /// Adds a field behind the body. It is sent if the body is chunked, else it is left out.
    pub(crate) fn add_trailer(&mut self, name: &[u8], value: &[u8]) -> Result<(), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if self.over {
            return Err(self.finished());
        }
        if !exchange.response.is_started() {
            return Err(RequestError::State("a trailer before start_response"));
        }
        Ok(exchange.response.add_trailer(name, value)?)
    }
}
