//! Who is at the two ends of a request, and how it is named in a log.

use std::ffi::c_char;
use std::net::SocketAddr;

use super::guard::{Failure, guard};
use super::server::{copy_out, here, wsgi_server};
use super::types::*;
use crate::engine::Engine;
use crate::engine::handle::RequestId;

/// Writes the client's address and port to the buffer, like "192.0.2.1:50000" or "[2001:db8::1]:80",
/// with a NUL, and its length to length if that is not NULL; "" for a UNIX socket. Any thread.
/// Errors: WSGI_E_NULL, WSGI_E_LENGTH (the buffer is too small), WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_peer_addr(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    let peer = |engine: &Engine| Ok(text_of(engine.addresses(RequestId(request))?.0));
    // SAFETY: the same as ours.
    unsafe { write_text(server, peer, buffer, capacity, length) }
}

/// The same for the server's end of the connection: where the client has reached it. Any thread.
/// Errors: those of wsgi_request_peer_addr.
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_local_addr(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    let local = |engine: &Engine| Ok(text_of(engine.addresses(RequestId(request))?.1));
    // SAFETY: the same as ours.
    unsafe { write_text(server, local, buffer, capacity, length) }
}

/// Writes a short text that names the request among all of this server, for logs: the connection
/// and the number of the request in it, like "2000010-1". Any thread. Errors: those of
/// wsgi_request_peer_addr.
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_id(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    let id = |engine: &Engine| {
        let (connection, number) = engine.numbers(RequestId(request))?;
        Ok(format!("{connection:x}-{number}"))
    };
    // SAFETY: the same as ours.
    unsafe { write_text(server, id, buffer, capacity, length) }
}

fn text_of(address: Option<SocketAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be written to.
unsafe fn write_text(
    server: Option<&wsgi_server>,
    text: impl FnOnce(&Engine) -> Result<String, Failure>,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let text = here(server)?.with_engine(text)?;
        // SAFETY: the same as ours.
        unsafe { copy_out(&text, buffer, capacity, length) }
    })
}
