//! Sending inside the application's call: many pieces by one system call, and waiting for a client
//! that does not take them.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::iter;

use super::body::Wait;
use super::services::Services;
use super::timing::Awaited;
use super::{HTTPConnection, Step, Unsent};
use crate::channel::Channel;
use crate::gateway::RequestError;
use crate::request::response::{Framing, chunk_size_line};

/// Pieces up to this size together are copied behind the head, larger ones are sent from where they
/// are.
pub(super) const COPY: usize = 8 * 1024;
/// So many pieces go into one system call.
const AT_ONCE: usize = 64;

/// A stream that has sent so many bytes is in the statistics before it has ended.
const TOLD_EARLY: u64 = 256 * 1024;

impl HTTPConnection {
    /// Sends now what was held back: the head if nothing was written yet, and whatever was gathered.
    /// If it must not wait, what the client does not take at once stays kept, and it is `Again`.
    pub(crate) fn flush_now(
        &mut self,
        services: &Services,
        wait: Wait,
    ) -> Result<(), RequestError> {
        let exchange = self.exchange.as_ref().ok_or(RequestError::Gone)?;
        if self.over {
            return Err(self.finished());
        }
        if !exchange.response.is_started() {
            return Err(RequestError::State("flush before start_response"));
        }
        self.send_head(services, None)?;
        self.send(services, iter::empty(), wait)?;
        match self.is_all_sent() || wait == Wait::ForClient {
            true => Ok(()),
            false => Err(self.nothing_taken(services)),
        }
    }

    /// Sends one piece of a streamed body, `length` bytes in several parts.
    pub(super) fn send_pieces<'a>(
        &mut self,
        services: &Services,
        framing: Framing,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
        length: u64,
        wait: Wait,
    ) -> Result<(), RequestError> {
        if framing == Framing::None || length == 0 {
            return Ok(());
        }
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        let chunked = framing == Framing::Chunked;
        if chunked {
            chunk_size_line(length, &mut exchange.output);
        }
        if length > COPY as u64 {
            let end: &[u8] = if chunked { b"\r\n" } else { b"" };
            return self.send(services, pieces.chain(iter::once(end)), wait);
        }
        pieces.for_each(|piece| exchange.output.extend_from_slice(piece));
        if chunked {
            exchange.output.extend_from_slice(b"\r\n");
        }
        if matches!(framing, Framing::Length(_)) && !exchange.response.is_short() {
            // The answer is complete: it may go with the next one.
            self.flush_last(services);
            return Ok(());
        }
        self.send(services, iter::empty(), wait)
    }

    /// Sends what is gathered, then the pieces, and waits until the socket has taken all of it, or
    /// keeps the rest.
    pub(super) fn send<'a>(
        &mut self,
        services: &Services,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
        wait: Wait,
    ) -> Result<(), RequestError> {
        let mut at = 0;
        loop {
            if self.unsent.has_tail() || self.channel.holds_back() {
                match self.send_unsent(services) {
                    Step::Again => {}
                    Step::Close => return Err(self.has_left()),
                    _ if wait == Wait::Never || self.may_keep(services, left(&pieces, at)) => {
                        self.keep(services, behind(pieces, at));
                        return Ok(());
                    }
                    _ => {
                        self.wait_for(services, Awaited::Room)?;
                        continue;
                    }
                }
            }
            let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
            let ahead = if self.unsent.is_empty() {
                exchange.output.as_slice()
            } else {
                self.unsent.append(&exchange.output);
                exchange.output.clear();
                self.unsent.rest()
            };
            let first = ahead.len();
            let rest = behind(pieces.clone(), at);
            let sent = match rest.clone().next() {
                None if first == 0 => {
                    self.report(services);
                    return Ok(());
                }
                None => self.channel.send(ahead),
                Some(_) => send_list(&mut self.channel, ahead, rest),
            };
            self.traffic.note_written(&sent, &services.log);
            match sent {
                Ok(sent) => {
                    self.timing.sent(sent);
                    at += sent.saturating_sub(first);
                    self.sent_ahead(sent.min(first));
                    if self.traffic.written >= TOLD_EARLY {
                        self.settle_traffic(services);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if wait == Wait::Never || self.may_keep(services, left(&pieces, at)) {
                        self.keep(services, behind(pieces, at));
                        return Ok(());
                    }
                    if let Err(error) = self.wait_for(services, Awaited::Room) {
                        self.account_unsent(behind(pieces, at));
                        return Err(error);
                    }
                }
                Err(_) => {
                    self.account_unsent(behind(pieces, at));
                    return Err(self.has_left());
                }
            }
        }
    }

    /// Of what was ahead of the pieces, so much has gone.
    fn sent_ahead(&mut self, count: usize) {
        if self.unsent.is_empty() {
            if let Some(exchange) = self.exchange.as_mut() {
                exchange.output.drain(..count);
            }
        } else {
            self.unsent.at += count;
            if self.unsent.rest().is_empty() {
                self.unsent = Unsent::default();
            }
        }
    }

    /// When as many threads wait for clients as may, a stream is buffered instead, as long as the
    /// server's budget lasts. `more`: bytes of the pieces that are still to go.
    fn may_keep(&mut self, services: &Services, more: usize) -> bool {
        let all_wait = if self.attached {
            !self.take_free_place(services)
        } else {
            self.is_pulled(services) && services.waiters.places.is_full()
        };
        let output = self.exchange.as_ref().map_or(0, |exchange| exchange.output.len());
        all_wait && services.budget.has_room_for(self.unsent.memory(), output + more)
    }

    pub(super) fn has_left(&mut self) -> RequestError {
        self.broken();
        RequestError::Client("the client has left")
    }

    fn keep<'a>(&mut self, services: &Services, pieces: impl Iterator<Item = &'a [u8]>) {
        let Some(exchange) = self.exchange.as_mut() else { return };
        self.unsent.append(&exchange.output);
        exchange.output.clear();
        pieces.for_each(|piece| self.unsent.append(piece));
        self.charge(services);
        self.expect_room(services);
    }
}

/// The pieces without their first `at` bytes and without empty ones.
fn behind<'a>(
    pieces: impl Iterator<Item = &'a [u8]> + Clone,
    at: usize,
) -> impl Iterator<Item = &'a [u8]> + Clone {
    let mut skip = at;
    pieces.filter_map(move |piece| {
        let skipped = skip.min(piece.len());
        skip -= skipped;
        piece.get(skipped..).filter(|rest| !rest.is_empty())
    })
}

/// Bytes of the pieces without their first `at`.
fn left<'a>(pieces: &(impl Iterator<Item = &'a [u8]> + Clone), at: usize) -> usize {
    pieces.clone().map(<[u8]>::len).sum::<usize>() - at
}

/// One system call for what is ahead and as many pieces as go into one.
pub(super) fn send_list<'a>(
    channel: &mut Channel,
    ahead: &[u8],
    pieces: impl Iterator<Item = &'a [u8]>,
) -> io::Result<usize> {
    let mut list = [IoSlice::new(&[]); AT_ONCE];
    list[0] = IoSlice::new(ahead);
    let mut count = 1;
    for (place, piece) in list[1..].iter_mut().zip(pieces) {
        *place = IoSlice::new(piece);
        count += 1;
    }
    channel.send_vectored(&list[..count])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_go_on_where_a_send_has_stopped() {
        let pieces = [&b"one"[..], b"", b"two", b"three"];
        let rest = |at| behind(pieces.into_iter(), at).collect::<Vec<_>>().concat();
        for at in 0..=11 {
            assert_eq!(rest(at), b"onetwothree"[at..]);
        }
        assert!(behind(pieces.into_iter(), 3).all(|piece| !piece.is_empty()));
        assert_eq!(behind(pieces.into_iter(), 11).next(), None);
    }
}
