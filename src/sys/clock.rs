//! Clocks. Monotonic time decides about deadlines; wall time appears in `Date` only.

/// Nanoseconds of the monotonic clock.
pub(crate) fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Milliseconds of the monotonic clock.
pub(crate) fn monotonic_ms() -> u64 {
    monotonic_ns() / 1_000_000
}

/// Seconds since 1970, by the cheap clock (it lags by a few milliseconds).
pub(crate) fn unix_seconds() -> u64 {
    read(libc::CLOCK_REALTIME_COARSE) / 1_000_000_000
}

/// Nanoseconds that this thread has spent on a processor.
pub(crate) fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to; the clocks named here exist on every Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
