//! The thread pool of a running server.

use super::guard::{Failure, guard};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::server::HTTPServer;

/// Starts up to amount more worker threads, not above the option max if that is set; they stay until
/// the pool is shrunk. started, if not NULL, is told how many were. From any thread, a worker's too.
/// Errors: WSGI_E_NULL, WSGI_E_STATE (not prepared, stopped, or a pull server, whose threads are the
/// host's), WSGI_E_STOPPING, WSGI_E_FORKED, WSGI_E_SYSTEM (the system gave not a single one; if it
/// gives fewer, that is no error).
///
/// # Safety
/// started is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_grow(
    server: Option<&wsgi_server>,
    amount: usize,
    started: *mut usize,
) -> wsgi_status {
    guard(|| {
        let count = here(server)?.http().grow(amount)?;
        // SAFETY: the same as ours.
        unsafe { tell(started, count) };
        Ok(())
    })
}

/// Sends up to amount worker threads away, not below the option numthreads: idle ones at once, one
/// that is in the application when it is done with its request. leaving, if not NULL, is told how
/// many go; they are not waited for. From any thread, a worker's too. Errors: WSGI_E_NULL,
/// WSGI_E_STATE, WSGI_E_STOPPING, WSGI_E_FORKED, as for wsgi_server_grow.
///
/// # Safety
/// leaving is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_shrink(
    server: Option<&wsgi_server>,
    amount: usize,
    leaving: *mut usize,
) -> wsgi_status {
    guard(|| {
        let count = here(server)?.http().shrink(amount)?;
        // SAFETY: the same as ours.
        unsafe { tell(leaving, count) };
        Ok(())
    })
}

/// How many worker threads there are; of a pull server, workers. 0 if it does not run. The bounds
/// are the options numthreads and max. From any thread. Errors: WSGI_E_NULL.
///
/// # Safety
/// count is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_threads(
    server: Option<&wsgi_server>,
    count: *mut usize,
) -> wsgi_status {
    // SAFETY: the same as ours.
    unsafe { gauge(server, count, HTTPServer::threads) }
}

/// How many of the threads wait for something to do. 0 if it does not run. From any thread. Errors:
/// WSGI_E_NULL.
///
/// # Safety
/// count is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_idle(
    server: Option<&wsgi_server>,
    count: *mut usize,
) -> wsgi_status {
    // SAFETY: the same as ours.
    unsafe { gauge(server, count, HTTPServer::idle) }
}

/// How many complete requests wait for a worker. 0 if it does not run. From any thread. Errors:
/// WSGI_E_NULL.
///
/// # Safety
/// count is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_qsize(
    server: Option<&wsgi_server>,
    count: *mut usize,
) -> wsgi_status {
    // SAFETY: the same as ours.
    unsafe { gauge(server, count, HTTPServer::qsize) }
}

/// # Safety
/// count is NULL or may be written to.
unsafe fn gauge(
    server: Option<&wsgi_server>,
    count: *mut usize,
    look: impl FnOnce(&HTTPServer) -> usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if count.is_null() {
            return Err(Failure::Null("count"));
        }
        // SAFETY: the same as ours.
        unsafe { tell(count, look(server.http())) };
        Ok(())
    })
}

/// # Safety
/// place is NULL or may be written to.
unsafe fn tell(place: *mut usize, count: usize) {
    if !place.is_null() {
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *place = count };
    }
}
