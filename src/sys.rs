//! The system calls, and the one cell that ownership protects: one of the two places with unsafe
//! code (the other is `ffi`). Everything above sees safe functions and `io::Result`.

pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod environment;
pub(crate) mod epoll;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod folder_lock;
pub(crate) mod fork;
pub(crate) mod listening;
pub(crate) mod peercred;
pub(crate) mod poll;
pub(crate) mod random;
pub(crate) mod socket;
pub(crate) mod thread;

/// Turns the C convention "-1 and errno" into a `Result`.
fn checked(value: libc::c_int) -> std::io::Result<libc::c_int> {
    if value < 0 { Err(std::io::Error::last_os_error()) } else { Ok(value) }
}

/// An error that begins with the name of the call, for people: its number is gone.
pub(crate) fn named<T>(call: &str, result: std::io::Result<T>) -> std::io::Result<T> {
    result.map_err(|error| std::io::Error::new(error.kind(), format!("{call}: {error}")))
}

/// The host's name; empty if it has none that is text.
pub(crate) fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is writable for its length.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len()) };
    let length = buffer.iter().position(|byte| *byte == 0).unwrap_or(0);
    match result {
        0 => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        _ => String::new(),
    }
}
