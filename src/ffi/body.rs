//! The request's body by lines, and the fields behind it.

use std::ffi::c_void;

use super::guard::{Failure, guard, guard_count, room};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::Engine;
use crate::engine::handle::RequestId;

/// Reads a line of the request's body with its LF, or as much of it as fits: the number of bytes, 0
/// at the body's end, or a negative status. Only the last line may lack its LF. Waits as
/// wsgi_request_read does. Any thread. Errors: those of wsgi_request_read.
///
/// # Safety
/// buffer may be written to for capacity bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_readline(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    buffer: *mut c_void,
    capacity: usize,
) -> i64 {
    guard_count(|| {
        let server = here(server)?;
        // SAFETY: writable by the caller's word.
        let buffer = unsafe { room(buffer, capacity)? };
        server.with_engine(|engine| Ok(engine.read_line(RequestId(request), buffer)? as i64))
    })
}

/// Gives the fields behind a chunked body, count of them, in order; none if the body is not chunked.
/// They are there once a read has returned 0, the body's end. They are lent until the request ends,
/// each name and value is followed by a NUL. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
/// WSGI_E_STATE (the body has not been read to its end).
///
/// # Safety
/// trailers and count may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_trailers(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    trailers: *mut *const wsgi_header,
    count: *mut usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if trailers.is_null() {
            return Err(Failure::Null("trailers"));
        }
        if count.is_null() {
            return Err(Failure::Null("count"));
        }
        let (first, length) = server.with_engine(|engine| lend(engine, RequestId(request)))?;
        // SAFETY: neither is NULL, so both may be written to by the caller's word.
        unsafe {
            *trailers = first;
            *count = length;
        }
        Ok(())
    })
}

/// The table that a request's trailers are lent from, made when it is first asked for.
fn lend(engine: &Engine, id: RequestId) -> Result<(*const wsgi_header, usize), Failure> {
    let trailers = engine.trailers(id)?;
    Ok(engine.kept(id, |kept| {
        let there = kept.iter().position(|kept| kept.is::<TrailerTable>());
        let index = there.unwrap_or_else(|| {
            kept.push(Box::new(TrailerTable::new(trailers)));
            kept.len() - 1
        });
        let table = kept.get(index).and_then(|kept| kept.downcast_ref::<TrailerTable>());
        table.map_or((std::ptr::null(), 0), |table| (table.pairs.as_ptr(), table.pairs.len()))
    })?)
}

struct TrailerTable {
    pairs: Vec<wsgi_header>,
    /// What the pairs point into.
    _texts: Vec<(Vec<u8>, Vec<u8>)>,
}

// SAFETY: the pointers lead into the texts, whose bytes stay where they are when the table moves.
unsafe impl Send for TrailerTable {}

impl TrailerTable {
    fn new(mut texts: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut pairs = Vec::with_capacity(texts.len());
        for (name, value) in &mut texts {
            pairs.push(wsgi_header { name: with_nul(name), value: with_nul(value) });
        }
        Self { pairs, _texts: texts }
    }
}

fn with_nul(text: &mut Vec<u8>) -> wsgi_str {
    let len = text.len();
    text.push(0);
    wsgi_str { ptr: text.as_ptr().cast(), len }
}
