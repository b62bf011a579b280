//! Files on their way into sockets, and those that a log goes to.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::checked;
use super::socket::retried;

/// A second descriptor for what `fd` stands for, close-on-exec.
pub(crate) fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed; a number that is no descriptor is an error.
    let fd = checked(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A second descriptor for what `fd` stands for, which has to be open for writing.
pub(crate) fn duplicate_for_writing(fd: RawFd) -> io::Result<File> {
    let file = duplicate(fd)?;
    // SAFETY: no pointers are passed.
    let flags = checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) })?;
    if flags & libc::O_ACCMODE == libc::O_RDONLY || flags & libc::O_PATH != 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(file.into())
}

/// Opens a file for writing behind its end, and makes it if it is not there. A FIFO that nobody
/// reads is an error, not waited for.
pub(crate) fn open_for_appending(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    File::options().append(true).create(true).mode(0o644).custom_flags(flags).open(path)
}

/// Whether `read` may be called on it.
pub(crate) fn is_readable(file: &OwnedFd) -> io::Result<bool> {
    // SAFETY: no pointers are passed.
    let flags = checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) })?;
    Ok(flags & libc::O_ACCMODE != libc::O_WRONLY && flags & libc::O_PATH == 0)
}

/// Reads at a place of its own, whatever the descriptor's own place is.
pub(crate) fn read_at(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let offset = offset_of(offset)?;
    retried(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), offset) }
    })
}

/// Reads what comes next.
pub(crate) fn read(file: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    retried(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { libc::read(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) }
    })
}

/// For as long as it lives, sendfile(2) raises no SIGPIPE in this thread: there is no flag that
/// says so, as there is for send(2). A thread of the library has the signal blocked anyway; one of
/// the host's gets its own mask back, and no signal that it had not before.
pub(crate) struct SendFile {
    mask: libc::sigset_t,
    was_pending: bool,
    raised: bool,
}

impl SendFile {
    pub(crate) fn new() -> Self {
        // SAFETY: all sets are written by the calls before they are read; a set of zeroes is one.
        unsafe {
            let mut mask = std::mem::zeroed();
            let mut pending = std::mem::zeroed();
            libc::sigpending(&mut pending);
            libc::pthread_sigmask(libc::SIG_BLOCK, &only_sigpipe(), &mut mask);
            let was_pending = libc::sigismember(&pending, libc::SIGPIPE) == 1;
            Self { mask, was_pending, raised: false }
        }
    }

    /// Sends what the socket takes of `most` bytes; 0: the file ends at `offset`.
    pub(crate) fn send(
        &mut self,
        socket: RawFd,
        file: &OwnedFd,
        offset: u64,
        most: usize,
    ) -> io::Result<usize> {
        let mut offset = offset_of(offset)?;
        let result = retried(|| {
            // SAFETY: `offset` lives through the call.
            unsafe { libc::sendfile(socket, file.as_raw_fd(), &mut offset, most) }
        });
        self.raised |=
            result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        result
    }
}

impl Drop for SendFile {
    fn drop(&mut self) {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the sets and the time are valid; nobody wants to know about the signal taken.
        unsafe {
            if self.raised && !self.was_pending {
                libc::sigtimedwait(&only_sigpipe(), std::ptr::null_mut(), &at_once);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, std::ptr::null_mut());
        }
    }
}

fn only_sigpipe() -> libc::sigset_t {
    // SAFETY: the set is written by sigemptyset before it is used.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        set
    }
}

fn offset_of(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A socket whose other end is gone.
    fn broken_socket() -> OwnedFd {
        UnixStream::pair().unwrap().0.into()
    }

    fn own_program() -> OwnedFd {
        File::open("/proc/self/exe").unwrap().into()
    }

    fn is_pending() -> bool {
        // SAFETY: the set is written before it is read.
        unsafe {
            let mut pending = std::mem::zeroed();
            libc::sigpending(&mut pending);
            libc::sigismember(&pending, libc::SIGPIPE) == 1
        }
    }

    #[test]
    fn a_client_that_has_left_is_an_error_and_leaves_no_signal() {
        let (socket, file) = (broken_socket(), own_program());
        let mut sender = SendFile::new();
        let error = sender.send(socket.as_raw_fd(), &file, 0, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(is_pending());
        drop(sender);
        assert!(!is_pending());
    }

    #[test]
    fn a_signal_that_was_there_before_stays() {
        let outer = SendFile::new();
        // SAFETY: the signal is blocked in this thread, and is taken below.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
        let mut sender = SendFile::new();
        sender.send(broken_socket().as_raw_fd(), &own_program(), 0, 100).unwrap_err();
        drop(sender);
        assert!(is_pending());
        // Taken by the one that finds none before it.
        let mut outer = outer;
        outer.raised = true;
        drop(outer);
        assert!(!is_pending());
    }

    #[test]
    fn the_end_of_the_file_is_no_bytes() {
        let (here, _there) = UnixStream::pair().unwrap();
        let size = File::open("/proc/self/exe").unwrap().metadata().unwrap().len();
        let sent = SendFile::new().send(here.as_raw_fd(), &own_program(), size, 100);
        assert_eq!(sent.unwrap(), 0);
    }

    #[test]
    fn only_what_can_be_read_is_readable() {
        assert!(is_readable(&own_program()).unwrap());
        let null = File::options().write(true).open("/dev/null").unwrap();
        assert!(!is_readable(&null.into()).unwrap());
        assert!(duplicate(-1).is_err());
    }
}
