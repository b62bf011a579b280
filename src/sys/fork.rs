//! Knowing that we are in the child of a `fork`: our threads are not there, but the sockets and the
//! epoll set of the parent are, so the child must use neither.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};

use super::thread;

/// The status that a forked child exits with when it comes back to one of our threads.
pub(crate) const EXIT_STATUS: i32 = 70;

/// What the stack of a host's thread unwinds with, up to the call that it made, when code of the
/// host's has forked and the child came back from it.
pub(crate) struct ForkedChild;

/// A page that the kernel zeroes in a forked child, and whether there is something that the child
/// does not have.
pub(crate) struct ForkMark {
    page: *mut libc::c_void,
    size: usize,
    /// The process that the mark belongs to, where the kernel does not zero the page; else 0.
    owner: AtomicI32,
    /// Ordinary memory: a child finds it as its parent had it.
    running: AtomicBool,
}

// SAFETY: the page is only read and written as an `AtomicU8`, and freed with the last owner.
unsafe impl Send for ForkMark {}
// SAFETY: as above.
unsafe impl Sync for ForkMark {}

impl ForkMark {
    pub(crate) fn new() -> io::Result<Self> {
        Self::with(zero_in_child)
    }

    /// `zero_in_child`: whether the kernel will zero this page in a child.
    fn with(zero_in_child: fn(*mut libc::c_void, usize) -> bool) -> io::Result<Self> {
        // SAFETY: asks for a number.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1) as usize;
        // SAFETY: a fresh private mapping at an address the kernel chooses.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return super::named("mmap", Err(io::Error::last_os_error()));
        }
        let owner = AtomicI32::new(if zero_in_child(page, size) { 0 } else { process_id() });
        let mark = Self { page, size, owner, running: AtomicBool::new(false) };
        mark.byte().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    /// From here on this process has threads that a child has not.
    pub(crate) fn begin(&self) {
        if self.owner.load(Ordering::Relaxed) != 0 {
            self.owner.store(process_id(), Ordering::Relaxed);
        }
        self.byte().store(1, Ordering::Relaxed);
        self.running.store(true, Ordering::Relaxed);
    }

    /// They have gone: a child that is forked from now on lacks nothing.
    pub(crate) fn end(&self) {
        self.running.store(false, Ordering::Relaxed);
    }

    /// Whether this process is a child that was forked between `begin` and `end`.
    #[inline]
    pub(crate) fn in_child(&self) -> bool {
        self.is_copied() && self.running.load(Ordering::Relaxed)
    }

    /// Whether this process was forked since the mark was made, or since `begin`.
    #[inline]
    pub(crate) fn is_copied(&self) -> bool {
        self.byte().load(Ordering::Relaxed) == 0 || self.has_another_owner()
    }

    /// To be called when code of the host's has returned: it may have forked, and this be the child.
    /// Returns in the process that the server runs in. In a child nothing more may be done for the
    /// server: a thread of ours has nowhere to return to and ends the child with [`EXIT_STATUS`], a
    /// thread of the host's unwinds with [`ForkedChild`] to the call that the host made.
    #[inline]
    pub(crate) fn after_host_code(&self) {
        if self.in_child() {
            leave_the_library();
        }
    }

    /// Costs a system call, so only where there is no other way.
    #[inline]
    fn has_another_owner(&self) -> bool {
        let owner = self.owner.load(Ordering::Relaxed);
        owner != 0 && owner != process_id()
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY: the page is mapped, writable and at least one byte long until `drop`.
        unsafe { &*self.page.cast::<AtomicU8>() }
    }
}

impl Drop for ForkMark {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this size and nobody refers to it any more.
        unsafe { libc::munmap(self.page, self.size) };
    }
}

/// Runs what calls code of the host's. `None` in a forked child that has come back from such code.
pub(crate) fn unless_in_child<T>(body: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => Some(result),
        Err(panic) if panic.is::<ForkedChild>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

#[cold]
fn leave_the_library() {
    if thread::is_ours() {
        // SAFETY: takes no pointers. Nothing of the parent is touched: no destructor and no function
        // of atexit runs, and no buffer of stdio is written a second time.
        unsafe { libc::_exit(EXIT_STATUS) };
    }
    // A destructor on the way up may have called the host once more.
    if !std::thread::panicking() {
        resume_unwind(Box::new(ForkedChild));
    }
}

/// Asks the kernel to zero the page in a forked child. False if it does not know how: a kernel before
/// 4.14 refuses, and emulators accept every advice and do nothing, also one that does not exist.
fn zero_in_child(page: *mut libc::c_void, size: usize) -> bool {
    // SAFETY: the mapping is the caller's; an advice that does not exist changes nothing.
    let refuses = unsafe { libc::madvise(page, size, -1) } != 0;
    // SAFETY: as above; the page is private and anonymous.
    refuses && unsafe { libc::madvise(page, size, libc::MADV_WIPEONFORK) } == 0
}

fn process_id() -> i32 {
    // SAFETY: takes no pointers.
    unsafe { libc::getpid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child of a fork gets from `body`, which must do little: it has one of many threads.
    fn in_a_child(body: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the child calls nothing but `body` and `_exit`.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork failed");
        if child == 0 {
            let status = body();
            // SAFETY: takes no pointers.
            unsafe { libc::_exit(status) };
        }
        let mut status = 0;
        // SAFETY: the status may be written to.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status), "the child ended with wait status {status}");
        libc::WEXITSTATUS(status)
    }

    fn knows_a_child(mark: &ForkMark) {
        let in_child = || i32::from(mark.in_child());
        assert_eq!(in_a_child(in_child), 0, "nothing runs");
        mark.begin();
        assert!(!mark.in_child());
        mark.after_host_code();
        assert_eq!(in_a_child(in_child), 1);
        let unwinds = || i32::from(unless_in_child(|| mark.after_host_code()).is_none());
        assert_eq!(in_a_child(unwinds), 1);
        // A server that is started in the child is the child's.
        let begins = || {
            mark.begin();
            in_child()
        };
        assert_eq!(in_a_child(begins), 0);
        mark.end();
        assert_eq!(in_a_child(in_child), 0, "nothing runs any more");
    }

    #[test]
    fn a_child_is_recognised() {
        knows_a_child(&ForkMark::new().unwrap());
    }

    #[test]
    fn a_child_is_recognised_where_the_kernel_does_not_zero_pages() {
        let mark = ForkMark::with(|_, _| false).unwrap();
        assert_ne!(mark.owner.load(Ordering::Relaxed), 0);
        knows_a_child(&mark);
    }

    #[test]
    fn a_child_ends_on_a_thread_of_ours() {
        let mark = ForkMark::new().unwrap();
        mark.begin();
        let thread = thread::spawn("ours".into(), 0, move || {
            let returns = || {
                mark.after_host_code();
                0
            };
            assert_eq!(in_a_child(returns), EXIT_STATUS);
        });
        thread.unwrap().join().unwrap();
    }
}
