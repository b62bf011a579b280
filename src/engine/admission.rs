//! Taking a connection in, if there is room for it.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use super::accept::Complaint;
use super::{Engine, TurnEnd};
use crate::connection::INTEREST;
use crate::error_log::LogCode;

/// So many connections beyond `max_connections` are open for being told so.
const REFUSED_AT_A_TIME: usize = 128;
/// The same for the connections of one address beyond `max_connections_per_ip`.
const REFUSED_OF_ONE: usize = 8;

impl Engine {
    /// Takes in a connection that was accepted by the listener with this index.
    pub(super) fn admit(
        &self,
        socket: OwnedFd,
        remote: Option<SocketAddr>,
        listener: u8,
        now: u64,
    ) -> Result<(), Complaint> {
        self.services.statistics.accepted();
        let Some(mut own) = self.slots.open() else {
            let text = "no more than two million connections at a time";
            return Err((LogCode::Connection, text.into()));
        };
        let token = own.token();
        let Some(slot) = self.slots.get(token.slot) else { return Ok(()) };
        slot.word.end_request(&own, slot.serial.load(Ordering::Relaxed));
        let connection = slot.connection.get(&mut own);
        let fd = socket.as_raw_fd();
        connection.open(socket, remote, listener, token);
        connection.begin(&self.services);
        let too_many = connection.counted().map_or(0, |remote| self.per_address.enter(remote));
        let refused = match self.find_room(too_many, now) {
            Room::Found => false,
            Room::ToRefuse => true,
            Room::None => {
                self.close(own);
                return Ok(());
            }
        };
        if self.services.listeners.is_some() {
            connection.open_account();
        }
        if let Err(error) = self.services.epoll.add(fd, INTEREST, token.pack()) {
            self.close(own);
            let text = format!("epoll_ctl: {error}: a connection is refused");
            return Err((LogCode::Connection, text));
        }
        if refused {
            connection.turn_away(&self.services);
        }
        if let TurnEnd::Request(own) = self.run_turn(own, &mut None, now) {
            // Not before the first event: nothing has been read.
            self.requeue(own, &mut None);
        }
        Ok(())
    }

    /// Whether there is room for the connection that was opened just now, of whose address there are
    /// `too_many`. The connection whose client has been waited for the longest makes room,
    /// unless the new client is already over its share.
    fn find_room(&self, too_many: usize, now: u64) -> Room {
        let most = match self.services.settings.live.max_connections() as usize {
            0 => usize::MAX,
            most => most,
        };
        let beyond = self.slots.open_count().saturating_sub(most);
        if too_many > REFUSED_OF_ONE || beyond > REFUSED_AT_A_TIME {
            Room::None
        } else if too_many > 0 || (beyond > 0 && !self.make_room(now)) {
            Room::ToRefuse
        } else {
            Room::Found
        }
    }
}

/// What there is for one more connection.
enum Room {
    Found,
    /// As much as it takes to be told that there is none.
    ToRefuse,
    /// It is closed without a word: a flood is not answered one by one.
    None,
}
