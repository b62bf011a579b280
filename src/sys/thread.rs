//! Threads of the library: named, and deaf to signals, which are the host's.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread that has every signal blocked; `stack` in bytes, 0 for the default.
pub(crate) fn spawn(
    name: String,
    stack: usize,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut builder = Builder::new().name(name);
    if stack > 0 {
        builder = builder.stack_size(stack);
    }
    let _blocked = BlockedSignals::new();
    builder.spawn(body)
}

/// All signals blocked for this thread, so that one that it starts inherits that.
struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    fn new() -> Self {
        // SAFETY: both sets are written by the calls before they are read.
        unsafe {
            let mut all = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            Self { before }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: `before` was filled by `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
        }
    }
}
