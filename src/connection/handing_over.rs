//! Handing a connection over to the host: what is still to be said first, and the bytes that were
//! read but belong to nobody yet.
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;

use super::services::Services;
use super::timing::Awaited;
use super::{HTTPConnection, Phase, Step};
use crate::access_log::Ended;
use crate::channel::Secured;
use crate::gateway::RequestError;

/// What a connection was.
pub(crate) struct HandedOver {
    pub(crate) socket: OwnedFd,
    pub(crate) secured: Option<Box<Secured>>,
    /// What was read already.
    pub(crate) ahead: Vec<u8>,
}

impl HTTPConnection {
    /// Lets go of the socket. Earlier answers have been sent, and the head of this one if it was
    /// started with 101. Comes with everything that was read behind what the application took: the
    /// rest of the body as it came, then whatever followed. After an error the request goes on.
    ///
    /// # Errors
    /// `State` if the answer was started with another status; `Again` if it may not `wait` and the
    /// client does not take what is to be said first.
    pub(crate) fn hand_over(
        &mut self,
        services: &Services,
        wait: bool,
    ) -> Result<HandedOver, RequestError> {
        let exchange = self.exchange.as_ref().ok_or(RequestError::Gone)?;
        if self.over || self.phase != Phase::Request {
            return Err(RequestError::State("the answer is finished"));
        }
        let (started, begun) = (exchange.response.is_started(), exchange.framing.is_some());
        if started && !exchange.response.is_upgrade() {
            return Err(RequestError::State("hijack after an answer that is no upgrade was begun"));
        }
        self.say_everything(services, wait)?;
        if started && !begun {
            self.send_head(services, None)?;
            self.say_everything(services, wait)?;
        }
        let exchange = self.exchange.as_ref().ok_or(RequestError::Gone)?;
        let ahead = exchange.input.unread().to_vec();
        let _not_registered = services.epoll.delete(self.fd());
        let (socket, secured) = self.channel.take().ok_or(RequestError::Gone)?;
        self.conclude(services, Some(Ended::HandedOver));
        Ok(HandedOver { socket, secured, ahead })
    }

    /// Sends all that is gathered or parked.
    fn say_everything(&mut self, services: &Services, wait: bool) -> Result<(), RequestError> {
        while !self.flush(services) {
            match self.send_unsent(services) {
                Step::Close => self.broken(),
                Step::Wait if wait => {
                    self.wait_for(services, Awaited::Room)?;
                }
                Step::Wait => return Err(RequestError::Again),
                _ => {}
            }
            if self.over {
                return Err(RequestError::Client("the client has left"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::connection::Advance;
    use crate::connection::by_hand::{Pair, services};
    use crate::request::head::HeadPolicy;

    /// Gathered answers that the client does not take: nothing is handed over before they are gone.
    #[test]
    fn what_was_said_before_goes_out_first() {
        let services = services(HeadPolicy::default(), 0);
        let mut pair = Pair::new(&services);
        assert_eq!(pair.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nahead"), Advance::Request);
        let gathered = vec![b'x'; 8 << 20];
        pair.connection.exchange.as_mut().unwrap().output = gathered.clone();
        for _ in 0..2 {
            let refused = pair.connection.hand_over(&services, false);
            assert_eq!(refused.map(drop), Err(RequestError::Again));
        }
        pair.client.set_nonblocking(false).unwrap();
        let mut client = pair.client.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            client.read_to_end(&mut all).map(|_| all)
        });
        let HandedOver { socket, ahead, .. } = pair.connection.hand_over(&services, true).unwrap();
        assert_eq!(ahead, b"ahead");
        drop(socket);
        assert!(reading.join().unwrap().unwrap() == gathered);
    }

    #[test]
    fn a_client_that_leaves_before_is_told() {
        let services = services(HeadPolicy::default(), 0);
        let mut pair = Pair::new(&services);
        assert_eq!(pair.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Advance::Request);
        pair.connection.exchange.as_mut().unwrap().output = vec![b'x'; 8 << 20];
        pair.client.shutdown(std::net::Shutdown::Both).unwrap();
        let refused = pair.connection.hand_over(&services, true).map(drop);
        assert!(matches!(refused, Err(RequestError::Client(_))), "{refused:?}");
        assert!(pair.connection.over);
    }
}
