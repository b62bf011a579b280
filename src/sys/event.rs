//! eventfd and timerfd.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{checked, named};

/// A counter that wakes whoever polls it.
pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        let fd = named("eventfd", checked(fd))?;
        // SAFETY: the descriptor was just made and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Makes the descriptor readable. Async-signal-safe: one `write`, errno is kept.
    pub(crate) fn signal(&self) {
        let one = 1u64;
        // SAFETY: errno is this thread's own; the eight bytes of `one` live through the call.
        // The write fails only when the counter is full, and then the descriptor is readable.
        unsafe {
            let errno = *libc::__errno_location();
            libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), 8);
            *libc::__errno_location() = errno;
        }
    }

    /// Takes another counter under the same number: a forked child shares its parent's.
    pub(crate) fn renew(&self) -> io::Result<()> {
        let new = Self::new()?;
        let (from, to) = (new.fd.as_raw_fd(), self.fd.as_raw_fd());
        // SAFETY: no pointers are passed; both descriptors are ours and stay open.
        checked(unsafe { libc::dup3(from, to, libc::O_CLOEXEC) }).map(drop)
    }

    /// Takes the count back to zero.
    pub(crate) fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: `count` has room for the eight bytes. It fails only when there is no count.
        unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// A timer of the monotonic clock that is a descriptor.
pub(crate) struct TimerFd {
    fd: OwnedFd,
}

impl TimerFd {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        let fd = named("timerfd_create", checked(fd))?;
        // SAFETY: the descriptor was just made and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Fires once, `after` so many milliseconds. That is not said as a time of the clock: where tests
    /// let a clock run differently for us (libfaketime), the kernel's stays as it is, and a time that is
    /// past there would make the timer fire for ever.
    pub(crate) fn set(&self, after: u64) -> io::Result<()> {
        let after = after.max(1);
        let spec = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: (after / 1000) as libc::time_t,
                tv_nsec: (after % 1000 * 1_000_000) as libc::c_long,
            },
        };
        // SAFETY: `spec` lives through the call; no old value is asked for.
        let result =
            unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), 0, &spec, std::ptr::null_mut()) };
        checked(result).map(drop)
    }
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
