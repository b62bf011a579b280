//! Data of the host's that a request or a connection carries.

use std::ffi::c_void;

use super::application::UserData;
use super::guard::{Failure, guard};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::connection::extras::Keep;
use crate::engine::handle::RequestId;

/// Keeps a pointer with the request. free_data, if any, is called with it exactly once: when the
/// request has ended, when another pointer takes its place, or before this returns if it fails. It
/// is called on some thread of the library (of a pull server: or in wsgi_worker_next), without any
/// lock, and has to be short. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// free_data may be called with data on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_set_data(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *mut c_void,
    free_data: wsgi_free_fn,
) -> wsgi_status {
    set(server, request, Keep::UntilTheRequestEnds, UserData::new(data, free_data))
}

/// Gives the pointer that wsgi_request_set_data has kept, NULL if there is none. Any thread. Errors:
/// WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// data may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_data(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *mut *mut c_void,
) -> wsgi_status {
    // SAFETY: the same as ours.
    unsafe { get(server, request, Keep::UntilTheRequestEnds, data) }
}

/// wsgi_request_set_data for all requests of the connection that this one came on: free_data is
/// called when the connection has closed. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// free_data may be called with data on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_connection_set_data(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *mut c_void,
    free_data: wsgi_free_fn,
) -> wsgi_status {
    set(server, request, Keep::UntilTheConnectionCloses, UserData::new(data, free_data))
}

/// Gives the pointer that wsgi_connection_set_data has kept, also for an earlier request of the same
/// connection; NULL if there is none. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// data may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_connection_data(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *mut *mut c_void,
) -> wsgi_status {
    // SAFETY: the same as ours.
    unsafe { get(server, request, Keep::UntilTheConnectionCloses, data) }
}

fn set(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    keep: Keep,
    data: UserData,
) -> wsgi_status {
    // Dropped at the end of this, outside all locks, if nobody has taken it.
    let mut data = Some(data);
    guard(|| {
        let server = here(server)?;
        server.with_engine(|engine| Ok(engine.set_data(RequestId(request), keep, &mut data)?))
    })
}

/// # Safety
/// data is NULL or may be written to.
unsafe fn get(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    keep: Keep,
    data: *mut *mut c_void,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if data.is_null() {
            return Err(Failure::Null("data"));
        }
        let found = server.with_engine(|engine| {
            Ok(engine.data(RequestId(request), keep, |data| {
                let data = data.and_then(|data| data.downcast_ref::<UserData>());
                data.map_or(0, |data| data.pointer() as usize)
            })?)
        })?;
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *data = found as *mut c_void };
        Ok(())
    })
}
