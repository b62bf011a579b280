//! The request: what the client sent.

use std::ffi::c_void;

use super::application::{empty_environ, fill_environ};
use super::guard::{Failure, guard, guard_count, room, wait_of};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;

/// Fills environ with the request's environ; its strings are lent until the request ends.
/// environ->struct_size is to be set before. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (the
/// struct is too small), WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// environ is NULL or may be read and written to for the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_environ(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    environ: *mut wsgi_environ,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: NULL or readable by the caller's word.
        let environ = unsafe { environ.as_mut() }.ok_or(Failure::Null("environ"))?;
        if environ.struct_size < size_of::<wsgi_environ>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let handle = std::ptr::from_ref(server).cast_mut();
        let filled = server.with_engine(|engine| {
            let mut filled = empty_environ(handle);
            engine.environ(RequestId(request), |from, table| {
                fill_environ(&mut filled, from, table);
            })?;
            Ok(filled)
        })?;
        *environ = filled;
        Ok(())
    })
}

/// Reads the request's body: the number of bytes, 0 at its end, or a negative status. Waits for the
/// client at most the option body_timeout; with WSGI_NONBLOCK in flags (else 0) it does not wait but
/// returns WSGI_AGAIN. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_CLIENT (it
/// left, is too slow, or cut its body short), WSGI_E_BODY, WSGI_E_STATE, WSGI_E_MAX_SIZE_EXCEEDED,
/// WSGI_E_STOPPING, WSGI_E_OPTION (an unknown flag).
///
/// # Safety
/// buffer may be written to for capacity bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_read(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    buffer: *mut c_void,
    capacity: usize,
    flags: u32,
) -> i64 {
    guard_count(|| {
        let server = here(server)?;
        let wait = wait_of(flags)?;
        // SAFETY: writable by the caller's word.
        let buffer = unsafe { room(buffer, capacity)? };
        server.with_engine(|engine| Ok(engine.read(RequestId(request), buffer, wait)? as i64))
    })
}

/// Lets the request live on after the application's call, which then returns WSGI_DETACHED. The
/// answer may come from any thread and ends with wsgi_finish, wsgi_respond or wsgi_abort; after the
/// option detached_timeout, if it is set, the client gets 503 and the request is gone. To be called
/// in the application's call, before the handle is given to another thread. For a pulled request it
/// says that the answer will take a while. What was lent of the request before (environ, view) is
/// good until the application's call returns, of a pulled request until this one does: the memory is
/// given back, and what is needed later has to be asked for again. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (detached already).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_request_detach(
    server: Option<&wsgi_server>,
    request: wsgi_request,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        server.with_engine(|engine| Ok(engine.detach(RequestId(request))?))
    })
}

/// Whether the client is still there: 0 it is, 1 it has half-closed, 2 it has left, 3 it is there but
/// the server is stopping, and what takes long should come to an end; or a negative status. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_request_aborted(server: Option<&wsgi_server>, request: wsgi_request) -> i32 {
    guard_count(|| {
        let server = here(server)?;
        server.with_engine(|engine| Ok(i32::from(engine.aborted(RequestId(request))?)))
    })
}
