//! Answering without waiting for the client: what the socket does not take is kept, and a piece that
//! comes while something is kept is not taken at all.
#![forbid(unsafe_code)]

use super::services::Services;
use super::{HTTPConnection, Step};
use crate::gateway::RequestError;

impl HTTPConnection {
    /// Sees to it that nothing is kept of an earlier piece. `Again` if the socket is full.
    pub(super) fn make_room(&mut self, services: &Services) -> Result<(), RequestError> {
        if self.is_all_sent() {
            return Ok(());
        }
        match self.send_unsent(services) {
            Step::Again => Ok(()),
            Step::Close => {
                self.broken();
                Err(RequestError::Client("the client has left"))
            }
            _ => Err(self.nothing_taken(services)),
        }
    }
}
