//! Who is at the other end of a UNIX socket, for the environ: cheroot's keys.
#![forbid(unsafe_code)]

use std::os::fd::RawFd;

use crate::gateway::environ::Pairs;
use crate::sys::peercred;

/// What the environ tells of the process that connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerCreds {
    Off,
    /// Its numbers.
    Numbers,
    /// Its numbers, and the names that belong to them.
    Names,
}

impl PeerCreds {
    /// The pairs of a connection, which are made when it asks for the first time: on the thread
    /// that is about to call the application, because looking up a name may take long.
    pub(crate) fn of(self, fd: RawFd, kept: &mut Option<Box<Pairs>>) -> Option<&Pairs> {
        if self == Self::Off {
            return None;
        }
        Some(kept.get_or_insert_with(|| Box::new(self.ask(fd))))
    }

    /// What cannot be found out is left out.
    fn ask(self, fd: RawFd) -> Pairs {
        let mut pairs = Pairs::new();
        let Ok((pid, uid, gid)) = peercred::peer(fd) else { return pairs };
        pairs.push(b"X_REMOTE_PID", pid.to_string().as_bytes());
        pairs.push(b"X_REMOTE_UID", uid.to_string().as_bytes());
        pairs.push(b"X_REMOTE_GID", gid.to_string().as_bytes());
        if self == Self::Names {
            if let Some(user) = peercred::user_name(uid) {
                pairs.push(b"X_REMOTE_USER", &user);
                pairs.push(b"REMOTE_USER", &user);
            }
            if let Some(group) = peercred::group_name(gid) {
                pairs.push(b"X_REMOTE_GROUP", &group);
            }
        }
        pairs
    }
}
