//! Answers whose head is one text, for hosts that have no arrays of structs to pass.

use std::ffi::{c_char, c_void};

use super::guard::{bytes, guard};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;
use crate::request::response::flat_head;

/// wsgi_respond with the status and the headers as one text, "200 OK\r\nName: value\r\n...". The
/// last line end may be missing; an empty line is only taken at the end. Checked like any other
/// head. Any thread. Errors: those of wsgi_respond.
///
/// # Safety
/// head and body are readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_respond_flat(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    head: *const c_char,
    head_length: usize,
    body: *const c_void,
    length: usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let (head, body) = unsafe { (bytes(head.cast(), head_length)?, bytes(body, length)?) };
        let (status, headers) = flat_head(head);
        server
            .with_engine(|engine| Ok(engine.respond(RequestId(request), status, headers, body)?))
    })
}

/// wsgi_start_response with the head as one text, as in wsgi_respond_flat. Any thread. Errors: those
/// of wsgi_start_response.
///
/// # Safety
/// head is readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_start_response_flat(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    head: *const c_char,
    head_length: usize,
    restart: i32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let (status, headers) = flat_head(unsafe { bytes(head.cast(), head_length)? });
        let restart = restart != 0;
        server.with_engine(|engine| {
            Ok(engine.start_response(RequestId(request), status, headers, restart)?)
        })
    })
}
