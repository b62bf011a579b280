//! The handshake of TLS: a state like any other. It holds no thread while the client is waited for.
#![forbid(unsafe_code)]

use super::services::Services;
use super::telling::TOO_MANY;
use super::timing::UNAVAILABLE;
use super::{HTTPConnection, Phase, Step};
use crate::channel::Shaken;
use crate::error_log::LogLevel;
use crate::request::head::Refusal;
use crate::ssl::SSLError;

/// The seed's text.
const NO_SSL: Refusal = Refusal::bad_request(
    "The client sent a plain HTTP request, but this server only speaks HTTPS on this port.",
);

impl HTTPConnection {
    /// What the client sends is TLS, and begins with its handshake.
    pub(crate) fn begin_handshake(&mut self) {
        self.phase = Phase::Handshake { many: false };
        self.channel.secure();
    }

    /// There are too many connections: this one is told, 503.
    pub(crate) fn turn_away(&mut self, services: &Services) {
        match &mut self.phase {
            // Nothing can be said before the handshake.
            Phase::Handshake { many } | Phase::ProxyHeader { many } => *many = true,
            Phase::Closing => {}
            _ => {
                self.refuse_for(services, UNAVAILABLE, TOO_MANY);
            }
        }
    }

    /// The certificates that the client has shown, its own first, as DER.
    pub(crate) fn client_certificates(&mut self) -> Vec<Vec<u8>> {
        self.channel.secured().map(|secured| secured.client_certificates()).unwrap_or_default()
    }

    pub(super) fn has_begun_handshake(&self) -> bool {
        self.channel.has_begun()
    }

    pub(super) fn shake_hands(&mut self, services: &Services) -> Step {
        if !self.readable {
            return if self.ended || services.draining() { Step::Close } else { Step::Wait };
        }
        let (fd, hung_up) = (self.fd(), self.hung_up);
        let (Some(secured), Some(adapter)) = (self.channel.secured(), &services.settings.ssl)
        else {
            return Step::Close;
        };
        match secured.shake_hands(fd, hung_up, &**adapter) {
            Ok(Shaken::Done) => {
                let many = self.phase == Phase::Handshake { many: true };
                self.phase = Phase::Head;
                self.readable = hung_up || !self.channel.is_drained_by(0, 0);
                if many { self.refuse_for(services, UNAVAILABLE, TOO_MANY) } else { Step::Again }
            }
            Ok(Shaken::Waits) => {
                // What holds back is sent first, and then this goes on.
                self.readable = self.channel.holds_back();
                if self.readable { Step::Again } else { self.shake_hands(services) }
            }
            Ok(Shaken::Ended) => {
                self.tell_handshake(services, LogLevel::Debug, "the client left");
                self.channel.abandon();
                Step::Close
            }
            Err(SSLError::NoSSL) => {
                let why = "the client sent a plain HTTP request";
                self.tell_handshake(services, LogLevel::Warning, why);
                self.channel.give_up_tls();
                self.refuse(services, NO_SSL)
            }
            Err(error) => {
                if services.log.wants(LogLevel::Warning) {
                    self.tell_handshake(services, LogLevel::Warning, &error.to_string());
                }
                // What still comes is thrown away, so that the client gets to read the alert.
                self.channel.give_up_tls();
                self.close = true;
                self.phase = Phase::LINGERS;
                Step::Again
            }
        }
    }

    pub(super) fn handshake_timed_out(&mut self, services: &Services) {
        let begun = self.has_begun_handshake();
        let level = if begun { LogLevel::Warning } else { LogLevel::Debug };
        self.tell_handshake(services, level, "the client was too slow");
        self.channel.abandon();
        self.phase = Phase::Closing;
    }
}
