//! Upgrade: a connection that leaves the server for the host, as a stream.

use std::ffi::c_void;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::guard::{Failure, bytes, guard, guard_count, room};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;
use crate::stream::{Direction, Stream};

/// A connection that was taken out of its server. Opaque. One thread may read while another writes;
/// all other functions of it may be called from any thread at any time.
pub struct wsgi_stream {
    stream: Stream,
}

/// For wsgi_stream_shutdown and wsgi_stream_set_deadline: what comes from the client.
pub const WSGI_STREAM_READ: i32 = 0;
/// What goes to the client.
pub const WSGI_STREAM_WRITE: i32 = 1;
/// Both.
pub const WSGI_STREAM_BOTH: i32 = 2;

/// Takes the request's connection out of the server and gives it to the host, for WebSocket or any
/// protocol of its own. The request has ended with that: later calls on it are WSGI_GONE, and what
/// the application returns does not matter. Either nothing of an answer has begun, and the host
/// writes its own on the stream; or start_response was called with "101 Switching Protocols" and the
/// headers Connection: Upgrade and Upgrade, and this sends that head. Earlier answers on the
/// connection have gone out before: for that it waits as wsgi_write does, or with WSGI_NONBLOCK
/// returns WSGI_AGAIN. What was read from the client and not taken comes first from the stream: the
/// rest of the request's body as it came, then what follows it. In the application's call the
/// environ is good until it returns; that of a detached or pulled request ends here. A thread that
/// stays in the application to serve the stream is missing among the server's workers. The stream is
/// the host's: a stop neither waits for it nor closes it, it may outlive the server, and
/// wsgi_stream_free ends it. Any thread that has the request. Errors, after which the request is as
/// it was: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (an answer has begun, unknown flags),
/// WSGI_E_CLIENT, WSGI_E_STOPPING.
///
/// # Safety
/// stream may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_hijack(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    flags: u32,
    stream: *mut *mut wsgi_stream,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if stream.is_null() {
            return Err(Failure::Null("stream"));
        }
        let wait = waits(flags)?;
        let taken = server.with_engine(|engine| Ok(engine.hijack(RequestId(request), wait)?))?;
        let made = Box::into_raw(Box::new(wsgi_stream { stream: taken }));
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *stream = made };
        Ok(())
    })
}

/// Reads: the number of bytes, 0 at the end of what the client sends (and for capacity 0), or a
/// negative status. Waits until there is something, at most until the deadline; with WSGI_NONBLOCK
/// it returns WSGI_AGAIN instead. Any thread, one at a time. Errors: WSGI_E_NULL, WSGI_BUSY (another
/// thread reads), WSGI_E_TIMEOUT, WSGI_E_CANCELLED, WSGI_E_CLIENT (the connection is broken),
/// WSGI_E_STATE (unknown flags), WSGI_E_SYSTEM (no memory to wait).
///
/// # Safety
/// buffer may be written to for capacity bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_stream_read(
    stream: Option<&wsgi_stream>,
    buffer: *mut c_void,
    capacity: usize,
    flags: u32,
) -> i64 {
    guard_count(|| {
        let stream = some(stream)?;
        // SAFETY: writable by the caller's word.
        let buffer = unsafe { room(buffer, capacity)? };
        let count = if waits(flags)? { stream.read(buffer) } else { stream.try_read(buffer) }?;
        Ok(count as i64)
    })
}

/// Writes: the number of bytes, or a negative status. Waits until the client has taken them all, at
/// most until the deadline: a smaller number means that something ended the call in the middle, and
/// the next call tells what. With WSGI_NONBLOCK it writes what is taken now, and returns WSGI_AGAIN
/// if that is nothing. Any thread, one at a time. Errors: WSGI_E_NULL, WSGI_BUSY (another thread
/// writes), WSGI_E_TIMEOUT, WSGI_E_CANCELLED, WSGI_E_CLIENT (it has left), WSGI_E_STATE (after a
/// shutdown of this direction; unknown flags), WSGI_E_SYSTEM.
///
/// # Safety
/// data is readable for length bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_stream_write(
    stream: Option<&wsgi_stream>,
    data: *const c_void,
    length: usize,
    flags: u32,
) -> i64 {
    guard_count(|| {
        let stream = some(stream)?;
        // SAFETY: readable by the caller's word.
        let data = unsafe { bytes(data, length)? };
        let count = if waits(flags)? { stream.write(data) } else { stream.try_write(data) }?;
        Ok(count as i64)
    })
}

/// How many bytes wsgi_stream_read has at hand that are not in the descriptor any more: a host that
/// waits for the descriptor by itself takes these first. Any thread. Errors: WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_stream_pending(stream: Option<&wsgi_stream>) -> i64 {
    guard_count(|| Ok(some(stream)?.pending() as i64))
}

/// Ends one direction, WSGI_STREAM_READ or WSGI_STREAM_WRITE, or WSGI_STREAM_BOTH. After
/// WSGI_STREAM_WRITE the client sees the end of what it reads and may still send; after
/// WSGI_STREAM_READ reading gives 0. A call that waits in that direction returns. Any thread.
/// Errors: WSGI_E_NULL, WSGI_E_STATE (no such direction).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_stream_shutdown(
    stream: Option<&wsgi_stream>,
    direction: i32,
) -> wsgi_status {
    guard(|| {
        some(stream)?.shutdown(direction_of(direction)?);
        Ok(())
    })
}

/// In so many milliseconds from now calls of the direction end with WSGI_E_TIMEOUT, also those that
/// wait now; 0: at once, negative: never, as in the beginning. It holds until another one is set.
/// Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (no such direction).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_stream_set_deadline(
    stream: Option<&wsgi_stream>,
    direction: i32,
    timeout_ms: i64,
) -> wsgi_status {
    guard(|| {
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        some(stream)?.set_deadline(direction_of(direction)?, timeout);
        Ok(())
    })
}

/// Ends the connection: calls that wait, and later ones, return WSGI_E_CANCELLED, and the client
/// sees the end. The stream is still to be freed. Any thread, also while others are in calls.
/// Errors: WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_stream_cancel(stream: Option<&wsgi_stream>) -> wsgi_status {
    guard(|| {
        some(stream)?.cancel();
        Ok(())
    })
}

/// The descriptor, for waiting in a loop of the host's own; it stays the stream's. It does not wait
/// itself (O_NONBLOCK), is closed on exec, and does not show what is pending. The bytes in it are
/// the client's, so a host may also read and write it past the stream, from a duplicate even after
/// wsgi_stream_free, once it has taken what is pending. Any thread. Errors: WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_stream_fd(stream: Option<&wsgi_stream>) -> i32 {
    guard_count(|| Ok(some(stream)?.as_raw_fd()))
}

/// Closes the descriptor and frees the stream; NULL is fine. That ends the connection, unless the
/// host has duplicated the descriptor or forked with it. What was written still goes out, but a
/// client that was sending may lose it: to end gently, shut down WSGI_STREAM_WRITE and read to the
/// end first. WSGI_BUSY: a thread is in a call that reads or writes (wsgi_stream_cancel ends it);
/// nothing is freed.
///
/// # Safety
/// stream is NULL or a handle that was not freed, and no other thread begins a call on it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_stream_free(stream: *mut wsgi_stream) -> wsgi_status {
    guard(|| {
        // SAFETY: NULL or a handle by the caller's word.
        let Some(handle) = (unsafe { stream.as_ref() }) else { return Ok(()) };
        if !handle.stream.is_unused() {
            return Err(Failure::Status(WSGI_BUSY));
        }
        // SAFETY: it was made by `wsgi_request_hijack` and nobody uses it any more.
        drop(unsafe { Box::from_raw(stream) });
        Ok(())
    })
}

fn some(stream: Option<&wsgi_stream>) -> Result<&Stream, Failure> {
    Ok(&stream.ok_or(Failure::Null("stream"))?.stream)
}

fn waits(flags: u32) -> Result<bool, Failure> {
    match flags {
        0 => Ok(true),
        WSGI_NONBLOCK => Ok(false),
        _ => Err(Failure::Status(WSGI_E_STATE)),
    }
}

fn direction_of(number: i32) -> Result<Direction, Failure> {
    match number {
        WSGI_STREAM_READ => Ok(Direction::Read),
        WSGI_STREAM_WRITE => Ok(Direction::Write),
        WSGI_STREAM_BOTH => Ok(Direction::Both),
        _ => Err(Failure::Status(WSGI_E_STATE)),
    }
}
