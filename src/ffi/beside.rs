//! Interim answers before the final one, trailers behind it.

use super::application::{header_slices, lent_bytes};
use super::guard::guard;
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;

/// Sends an interim answer now: `103 Early Hints` with its headers, `102 Processing`, `100
/// Continue`; any number of them, before the head of the final answer. Left out, with WSGI_OK, for
/// a client of HTTP/1.0, and a 100 also where the client does not wait for it (any more): reading
/// the body sends it by itself. Waits as wsgi_write does. Any thread. Errors: WSGI_E_NULL,
/// WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER (not 1xx, 101, a header that cannot be sent here),
/// WSGI_E_STATE (the final head was sent), WSGI_E_CLIENT, WSGI_E_STOPPING.
///
/// # Safety
/// Status and headers are readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_inform(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    status: wsgi_str,
    headers: *const wsgi_header,
    count: usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let (status, headers) = unsafe { (lent_bytes(status)?, header_slices(headers, count)?) };
        server.with_engine(|engine| Ok(engine.inform(RequestId(request), status, headers)?))
    })
}

/// Adds a field behind the body, between wsgi_start_response and the answer's end. It is sent where
/// the body is chunked: no Content-Length, a client of HTTP/1.1, not HEAD. Else it is left out, with
/// WSGI_OK. A header `Trailer` that announces it is the application's business. Any thread. Errors:
/// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_HEADER (a character that cannot be sent, or a name that
/// means nothing behind a body: Content-Length, Set-Cookie and the like), WSGI_E_STATE.
///
/// # Safety
/// Name and value are readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_add_trailer(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    name: wsgi_str,
    value: wsgi_str,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let (name, value) = unsafe { (lent_bytes(name)?, lent_bytes(value)?) };
        server.with_engine(|engine| Ok(engine.add_trailer(RequestId(request), name, value)?))
    })
}
