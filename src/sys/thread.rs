//! Threads of the library: named, and deaf to signals, which are the host's.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::thread::{Builder, JoinHandle};

thread_local! {
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread was started by [`spawn`].
pub(crate) fn is_ours() -> bool {
    IS_OURS.get()
}

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
    builder.spawn(move || {
        IS_OURS.set(true);
        body();
    })
}

/// The number by which the system knows the calling thread.
pub(crate) fn system_id() -> i32 {
    // SAFETY: no pointers are passed.
    unsafe { libc::gettid() }
}

/// A number that tells the calling thread from every other living one, without a system call.
pub(crate) fn local_id() -> usize {
    // SAFETY: no pointers are passed.
    unsafe { libc::pthread_self() as usize }
}

/// Whether a thread of this process waits for something, instead of running or being ready to.
/// `None` if that cannot be found out.
pub(crate) fn is_waiting(system_id: i32) -> Option<bool> {
    let mut text = [0; 256];
    let path = format!("/proc/self/task/{system_id}/stat");
    let count = File::open(path).and_then(|mut file| file.read(&mut text)).ok()?;
    // The state is behind the name, which is in parentheses and may have any byte in it.
    let name_end = text[..count].iter().rposition(|byte| *byte == b')')?;
    Some(*text.get(name_end + 2)? != b'R')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_threads_started_here_are_ours() {
        assert!(!is_ours());
        let thread = spawn("ours".into(), 0, || assert!(is_ours())).unwrap();
        thread.join().unwrap();
        assert!(!is_ours());
    }

    #[test]
    fn a_thread_that_runs_does_not_wait() {
        assert_eq!(is_waiting(system_id()), Some(false));
        assert_eq!(is_waiting(i32::MAX), None);
    }
}
