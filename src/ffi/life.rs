//! The server's life beside starting and stopping, and the server inside the host's own loop.

use super::guard::{Failure, guard, guard_count};
use super::server::{here, wsgi_server};
use super::types::*;

/// Whether connections are accepted and served: 1 or 0; or a negative status. Any thread. Errors:
/// WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_ready(server: Option<&wsgi_server>) -> i32 {
    guard_count(|| {
        let server = here(server)?.http();
        Ok(i32::from(server.ready() && !server.is_forked()))
    })
}

/// Takes no more connections: the listeners are closed, clients that come find nobody. Connections
/// that are there are served on, each until its next answer, which says Connection: close, or until
/// it has been idle for keep_alive_timeout. The server goes on until it is stopped. A second time it
/// does nothing. Any thread, a worker's too. Errors: WSGI_E_NULL, WSGI_E_STATE (it does not serve),
/// WSGI_E_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_quiesce(server: Option<&wsgi_server>) -> wsgi_status {
    guard(|| Ok(here(server)?.http().quiesce()?))
}

/// Asks for the stop and returns at once: wsgi_server_serve, wsgi_server_start or wsgi_server_tick
/// ends with WSGI_E_INTERRUPTED, and wsgi_server_interrupt_code gives code, any number that means
/// something to the host. The first code counts. Any thread, a worker's too; not from a signal
/// handler. Errors: WSGI_E_NULL, WSGI_E_STATE (it does not serve), WSGI_E_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_interrupt(server: Option<&wsgi_server>, code: i32) -> wsgi_status {
    guard(|| Ok(here(server)?.http().interrupt(code)?))
}

/// Tells the code that the present or last run was interrupted with; 0 if an application returned
/// WSGI_INTERRUPT. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (it was not interrupted).
///
/// # Safety
/// code is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_interrupt_code(
    server: Option<&wsgi_server>,
    code: *mut i32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?.http();
        if code.is_null() {
            return Err(Failure::Null("code"));
        }
        let value = server.interrupt_code().ok_or(Failure::Status(WSGI_E_STATE))?;
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *code = value };
        Ok(())
    })
}

/// One turn of a server that runs inside the host's own loop: waits for something to do, at most
/// timeout_ms milliseconds (-1: no limit, 0: not at all), does what is there on the calling thread,
/// the calls of the application included, and returns how many requests that were. The server is to
/// be prepared; it begins to serve with the first tick. With the option numthreads 0 the application
/// is called on no other thread; else the caller is one more worker. The hooks of worker threads are
/// not called for this thread. Errors: WSGI_E_NULL, WSGI_E_STATE (not prepared, or a pull server),
/// WSGI_BUSY (a thread is inside tick, maybe this one), WSGI_E_STOPPING (the server has stopped),
/// WSGI_E_INTERRUPTED (it has, as wsgi_server_interrupt or the application wanted), WSGI_E_SYSTEM,
/// WSGI_E_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_tick(server: Option<&wsgi_server>, timeout_ms: i32) -> i32 {
    guard_count(|| {
        let server = here(server)?.http();
        let count = server.tick(u64::try_from(timeout_ms).ok())?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    })
}

/// Gives a descriptor for a host's own loop, of a server that is prepared: it is readable while
/// wsgi_server_tick with a timeout of 0 has something to do, or wsgi_worker_next of a pull server.
/// From here on the server relies on the host to come; it begins to serve with this. The descriptor
/// stays the server's: only to be polled, and to be taken out of the loop before the server is freed.
/// Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (not prepared, or it has threads of its own:
/// numthreads is not 0), WSGI_E_STOPPING, WSGI_E_INTERRUPTED, WSGI_E_FORKED.
///
/// # Safety
/// fd is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_event_fd(
    server: Option<&wsgi_server>,
    fd: *mut i32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?.http();
        if fd.is_null() {
            return Err(Failure::Null("fd"));
        }
        let event_fd = server.event_fd()?;
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *fd = event_fd };
        Ok(())
    })
}
