//! The response: what the application says. For requests that are not answered through a responder.

use std::ffi::c_void;

use super::application::{header_slices, lent_bytes, start};
use super::guard::{Failure, bytes, guard};
use super::server::wsgi_server;
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
        let server = server.ok_or(Failure::Null("server"))?;
        server.with_engine(|engine| {
            // SAFETY: the same as ours.
            unsafe { start(engine, RequestId(request), status, headers, count, restart != 0) }
        })
    })
}

/// Sends a piece of the body; waits while the client does not take it, at most the option
/// write_timeout without progress. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
/// WSGI_E_STATE, WSGI_E_LENGTH, WSGI_E_CLIENT, WSGI_E_STOPPING.
///
/// # Safety
/// data is readable for length bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_write(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *const c_void,
    length: usize,
) -> wsgi_status {
    guard(|| {
        let server = server.ok_or(Failure::Null("server"))?;
        // SAFETY: readable by the caller's word.
        let data = unsafe { bytes(data, length)? };
        server.with_engine(|engine| Ok(engine.write(RequestId(request), data)?))
    })
}

/// Says that the answer is complete. A detached or pulled request ends here. Any thread. Errors:
/// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (nothing was started: the client gets 500).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_finish(server: Option<&wsgi_server>, request: wsgi_request) -> wsgi_status {
    guard(|| {
        let server = server.ok_or(Failure::Null("server"))?;
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
        let server = server.ok_or(Failure::Null("server"))?;
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
        let server = server.ok_or(Failure::Null("server"))?;
        server.with_engine(|engine| Ok(engine.abort(RequestId(request))?))
    })
}
