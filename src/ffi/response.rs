//! The response: what the application says. For requests that are not answered through a responder.

use std::ffi::c_void;

use super::application::{header_slices, lent_bytes};
use super::guard::{Failure, bytes, guard, wait_of};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;

/// Begins the answer, as the responder's start_response does. Any thread. Errors: WSGI_E_NULL,
/// WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER, WSGI_E_STATE.
///
/// # Safety
/// Status and headers are readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_start_response(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    status: wsgi_str,
    headers: *const wsgi_header,
    count: usize,
    restart: i32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let (status, headers) = unsafe { (lent_bytes(status)?, header_slices(headers, count)?) };
        let restart = restart != 0;
        server.with_engine(|engine| {
            Ok(engine.start_response(RequestId(request), status, headers, restart)?)
        })
    })
}

/// Sends a piece of the body; waits while the client does not take it, at most the option
/// write_timeout without progress. With WSGI_NONBLOCK in flags (else 0) it does not wait: the piece
/// is taken as a whole, and what of it the client does not take at once is copied; but while a part
/// of an earlier piece is kept so, nothing is taken and the call returns WSGI_AGAIN. Any thread.
/// Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE, WSGI_E_LENGTH, WSGI_E_CLIENT,
/// WSGI_E_STOPPING, WSGI_E_OPTION (an unknown flag).
///
/// # Safety
/// data is readable for length bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_write(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *const c_void,
    length: usize,
    flags: u32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        let wait = wait_of(flags)?;
        // SAFETY: readable by the caller's word.
        let data = unsafe { bytes(data, length)? };
        server.with_engine(|engine| Ok(engine.write(RequestId(request), data, wait)?))
    })
}

/// Sends the body, or the rest of one, from a file; the answer is complete with that. Comes after
/// wsgi_start_response. The part begins at offset and has length bytes, -1: to the end of the file.
/// If nothing was written before, Content-Length is added. Never waits for the client, and needs no
/// memory for what the client does not take at once: the library keeps a descriptor of its own, so
/// the host may close fd when this returns, but must not make the file shorter until it is sent,
/// else the connection is cut. What is no regular file (a pipe; offset 0) is read here to its end,
/// or length bytes of it, and sent as by wsgi_write. Any thread. Errors: WSGI_E_NULL, WSGI_GONE,
/// WSGI_BUSY; WSGI_E_SYSTEM (no descriptor, a directory, not open for reading, an offset in a
/// pipe), WSGI_E_STATE (start_response is missing, a negative offset or length, the file ends
/// before the part does): nothing was sent by this call, and if nothing was written before, another
/// answer is possible; WSGI_E_LENGTH (longer than the Content-Length of the application). For a pipe
/// also those of wsgi_write, and WSGI_E_SYSTEM with the connection cut if it ends before length.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_send_file(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    fd: i32,
    offset: i64,
    length: i64,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        let not_negative =
            |number: i64| u64::try_from(number).map_err(|_| Failure::Status(WSGI_E_STATE));
        let offset = not_negative(offset)?;
        let length = if length == -1 { None } else { Some(not_negative(length)?) };
        server.with_engine(|engine| Ok(engine.send_file(RequestId(request), fd, offset, length)?))
    })
}

/// Says that the answer is complete. A detached or pulled request ends here. Any thread. Errors:
/// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (nothing was started: the client gets 500).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_finish(server: Option<&wsgi_server>, request: wsgi_request) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        server.with_engine(|engine| Ok(engine.finish(RequestId(request))?))
    })
}

/// A whole answer in one call; Content-Length is added. Never waits for the client. Any thread.
/// Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER, WSGI_E_STATE, WSGI_E_LENGTH.
///
/// # Safety
/// Status, headers and body are readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_respond(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    status: wsgi_str,
    headers: *const wsgi_header,
    count: usize,
    body: *const c_void,
    length: usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let (status, headers, body) =
            unsafe { (lent_bytes(status)?, header_slices(headers, count)?, bytes(body, length)?) };
        server
            .with_engine(|engine| Ok(engine.respond(RequestId(request), status, headers, body)?))
    })
}

/// Gives the request up: the client gets 500 if nothing was sent, else its connection is cut. Any
/// thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_abort(server: Option<&wsgi_server>, request: wsgi_request) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        server.with_engine(|engine| Ok(engine.abort(RequestId(request))?))
    })
}
