//! Who is at the other end of a UNIX socket.

use std::ffi::{CStr, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use super::checked;

/// Names longer than this are not looked for.
const MOST: usize = 1 << 20;

/// The process that connected, as it was then: pid, uid, gid.
pub(crate) fn peer(fd: RawFd) -> io::Result<(i32, u32, u32)> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `peer` is writable for `length` bytes.
    checked(unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &mut length,
        )
    })?;
    Ok((peer.pid, peer.uid, peer.gid))
}

/// The name of a user; `None` if there is none. May ask the network, as the system is set up.
pub(crate) fn user_name(uid: u32) -> Option<Vec<u8>> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    named(|buffer| {
        let mut found = std::ptr::null_mut();
        // SAFETY: all are writable, the buffer for its length; `found` is NULL or the entry, whose
        // strings are in the buffer.
        unsafe {
            let (start, length) = (buffer.as_mut_ptr(), buffer.len());
            let status = libc::getpwuid_r(uid, entry.as_mut_ptr(), start, length, &mut found);
            (status, found.as_ref().map(|entry| entry.pw_name))
        }
    })
}

/// The name of a group; as [`user_name`].
pub(crate) fn group_name(gid: u32) -> Option<Vec<u8>> {
    let mut entry = MaybeUninit::<libc::group>::uninit();
    named(|buffer| {
        let mut found = std::ptr::null_mut();
        // SAFETY: as in `user_name`.
        unsafe {
            let (start, length) = (buffer.as_mut_ptr(), buffer.len());
            let status = libc::getgrgid_r(gid, entry.as_mut_ptr(), start, length, &mut found);
            (status, found.as_ref().map(|entry| entry.gr_name))
        }
    })
}

/// Asks with a buffer that grows until the entry fits.
fn named(mut ask: impl FnMut(&mut [c_char]) -> (i32, Option<*mut c_char>)) -> Option<Vec<u8>> {
    let mut buffer: Vec<c_char> = vec![0; 1024];
    loop {
        match ask(&mut buffer) {
            (libc::ERANGE, _) if buffer.len() < MOST => buffer.resize(buffer.len() * 2, 0),
            (libc::EINTR, _) => {}
            (_, Some(name)) if !name.is_null() => {
                // SAFETY: a string in the buffer, which lives.
                return Some(unsafe { CStr::from_ptr(name) }.to_bytes().to_vec());
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let (pid, ..) = peer(one.as_raw_fd()).unwrap();
        assert_eq!(pid as u32, std::process::id());
    }

    #[test]
    fn names_are_found_and_not_found() {
        assert_eq!(user_name(0).as_deref(), Some(&b"root"[..]));
        assert_eq!(group_name(0).as_deref(), Some(&b"root"[..]));
        assert_eq!(user_name(u32::MAX - 77), None);
        assert_eq!(group_name(u32::MAX - 77), None);
    }
}
