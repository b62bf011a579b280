//! How a request may end before its answer: by its own deadline, by its client.

use std::ffi::c_void;

use super::application::UserData;
use super::guard::{Failure, guard};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;

/// What wsgi_request_on_abort calls.
pub type wsgi_abort_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, request: wsgi_request)>;

/// Bounds the request: so many milliseconds from now (0: no deadline any more) it is over, wherever
/// it is: detached, pulled, or with its application still in the call. The client gets 503 if
/// nothing was sent, else its connection is cut; every later call on the request is WSGI_GONE, and a
/// call that waits for the client ends with that. What was lent until the request ends must not be
/// used any more, unless the application's call is still running: then it is good until that
/// returns. A second call moves the deadline. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
/// WSGI_E_STATE (the answer is complete, or milliseconds is negative).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_request_set_deadline(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    milliseconds: i64,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        let after = u64::try_from(milliseconds).map_err(|_| Failure::Status(WSGI_E_STATE))?;
        let after = (after > 0).then_some(after);
        server.with_engine(|engine| Ok(engine.set_deadline(RequestId(request), after)?))
    })
}

/// Has callback called when the client leaves or half-closes its connection before the request has
/// ended, or has done so already: once, on some thread of the library (of a pull server: or in
/// wsgi_worker_next). It has to be short, and may call any function. wsgi_request_aborted tells which it was.
/// free_user_data, if any, is called exactly once when callback will not be called (any more), also
/// if this fails. A second call takes the place of the first. Any thread. Errors: WSGI_E_NULL,
/// WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (the answer is complete).
///
/// # Safety
/// Both functions may be called with user_data on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_on_abort(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    callback: wsgi_abort_fn,
    user_data: *mut c_void,
    free_user_data: wsgi_free_fn,
) -> wsgi_status {
    let user_data = UserData::new(user_data, free_user_data);
    let mut call: Option<Box<dyn FnOnce() + Send>> = Some(Box::new(move || {
        let user_data = user_data;
        if let Some(callback) = callback {
            // SAFETY: the host gave this function for this pointer.
            unsafe { callback(user_data.pointer(), request) };
        }
    }));
    guard(|| {
        let server = here(server)?;
        if callback.is_none() {
            return Err(Failure::Null("callback"));
        }
        server.with_engine(|engine| Ok(engine.on_abort(RequestId(request), &mut call)?))
    })
}
