//! poll(2), for the few places where a thread waits for one descriptor.

use std::io;
use std::os::fd::RawFd;

pub(crate) const IN: i16 = libc::POLLIN;
pub(crate) const OUT: i16 = libc::POLLOUT;
pub(crate) const RDHUP: i16 = libc::POLLRDHUP;
pub(crate) const HUP: i16 = libc::POLLHUP;
pub(crate) const ERR: i16 = libc::POLLERR;

/// Waits until one of the descriptors has one of its events; `timeout` in milliseconds, -1 for
/// ever. Returns what each has (0: nothing). A signal is an empty answer.
pub(crate) fn poll<const N: usize>(
    wanted: [(RawFd, i16); N],
    timeout: i32,
) -> io::Result<[i16; N]> {
    let mut list = wanted.map(|(fd, events)| libc::pollfd { fd, events, revents: 0 });
    // SAFETY: `list` has N entries and lives through the call.
    let count = unsafe { libc::poll(list.as_mut_ptr(), N as libc::nfds_t, timeout) };
    match super::checked(count) {
        Ok(_) => Ok(list.map(|entry| entry.revents)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok([0; N]),
        Err(error) => Err(error),
    }
}
