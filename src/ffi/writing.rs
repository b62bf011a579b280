//! Further ways to send the body.

use super::guard::{Failure, bytes, guard, items, wait_of};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;

/// wsgi_write of one piece that lies in count parts: together they are one chunk, and go out by one
/// system call as far as the socket takes them. Flags and errors: those of wsgi_write. Any thread.
///
/// # Safety
/// The parts are readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_writev(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    parts: *const wsgi_str,
    count: usize,
    flags: u32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        let wait = wait_of(flags)?;
        // SAFETY: an array by the caller's word.
        let parts: &[wsgi_str] = unsafe { items(parts, count)? };
        if parts.iter().any(|part| part.ptr.is_null() && part.len > 0) {
            return Err(Failure::Null("a part"));
        }
        let parts = parts.iter().map(|part| {
            // SAFETY: not NULL with a length, and readable by the caller's word.
            unsafe { bytes(part.ptr.cast(), part.len) }.unwrap_or_default()
        });
        server.with_engine(|engine| Ok(engine.write_vectored(RequestId(request), parts, wait)?))
    })
}

/// Sends now what is held back: the head, if nothing was written yet, and what the library has
/// kept for the client to take. wsgi_write holds nothing back by itself, but for the last piece of
/// a declared length when the client has sent its next request already. Waits as wsgi_write does;
/// with WSGI_NONBLOCK it returns WSGI_AGAIN while something is still kept. Any thread. Errors: those
/// of wsgi_write.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_flush(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    flags: u32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        let wait = wait_of(flags)?;
        server.with_engine(|engine| Ok(engine.flush(RequestId(request), wait)?))
    })
}
