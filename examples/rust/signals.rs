//! SIGTERM and SIGINT for the example: signals are the program's business, not the library's.

/// Calls `action` on a thread of its own when one of the two arrives.
pub fn on_terminate(action: impl Fn() + Send + 'static) {
    // SAFETY: the set is filled before it is used, and blocked before any other thread exists, so
    // that `sigwait` on the thread below is the only one to take the signals.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::sigaddset(&mut set, libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        set
    };
    std::thread::spawn(move || {
        let mut signal = 0;
        // SAFETY: both pointers are valid for the call.
        while unsafe { libc::sigwait(&set, &mut signal) } == 0 {
            action();
        }
    });
}
