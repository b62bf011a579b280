//! Knowing that we are in the child of a `fork`: our threads are not there, so nothing may be asked
//! of them.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A page that the kernel zeroes in a forked child, and whether there is something that the child
/// does not have.
pub(crate) struct ForkMark {
    page: *mut libc::c_void,
    size: usize,
    /// Ordinary memory: a child finds it as its parent had it.
    running: AtomicBool,
}

// SAFETY: the page is only read and written as an `AtomicU8`, and freed with the last owner.
unsafe impl Send for ForkMark {}
// SAFETY: as above.
unsafe impl Sync for ForkMark {}

impl ForkMark {
    pub(crate) fn new() -> io::Result<Self> {
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
        let mark = Self { page, size, running: AtomicBool::new(false) };
        // SAFETY: the mapping is ours. A kernel before 4.14 refuses the advice; then a child is
        // not recognised, which is what every other library offers.
        unsafe { libc::madvise(page, size, libc::MADV_WIPEONFORK) };
        mark.byte().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    /// From here on this process has threads that a child has not.
    pub(crate) fn begin(&self) {
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
        self.byte().load(Ordering::Relaxed) == 0
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
