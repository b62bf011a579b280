//! Pull: threads of the host that take requests from a server without an application.

use std::sync::{Arc, Mutex, TryLockError};

use super::error::wsgi_error;
use super::guard::{Failure, guard, guard_count, guard_with};
use super::server::wsgi_server;
use super::types::*;
use crate::engine::Engine;
use crate::engine::share::Share;
use crate::engine::worker::Worker;
use crate::server::{PullWorker, Pulled};

/// A worker of the host's. Opaque.
pub struct wsgi_worker {
    worker: Mutex<PullWorker>,
    /// For waking it while it is in next.
    waker: (Arc<Engine>, Arc<Share>),
}

/// Makes a worker for a pull server that is prepared. Used by one thread at a time, which need not
/// always be the same. To be freed with wsgi_worker_free. Errors: WSGI_E_NULL, WSGI_E_STATE,
/// WSGI_E_FORKED.
///
/// # Safety
/// worker may be written to, error is NULL or may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_worker_new(
    server: Option<&wsgi_server>,
    worker: *mut *mut wsgi_worker,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let server = server.ok_or(Failure::Null("server"))?;
        if worker.is_null() {
            return Err(Failure::Null("worker"));
        }
        let pull = PullWorker::new(server.http())?;
        let waker = pull.waker();
        let made = Box::new(wsgi_worker { worker: Mutex::new(pull), waker });
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *worker = Box::into_raw(made) };
        Ok(())
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Works for the server (it accepts, reads and parses here) until there are requests: their number,
/// at most capacity. Waits at most timeout_ms milliseconds, -1: any time. A request that is given
/// out is not tied to the worker or the thread. WSGI_AGAIN: the time is up, or somebody called
/// wsgi_worker_wake. Errors: WSGI_E_STOPPING (the server has stopped), WSGI_E_NULL, WSGI_BUSY
/// (another thread is in next with this worker), WSGI_E_STATE (events[0].struct_size is too small).
///
/// # Safety
/// events may be read and written to for capacity items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_worker_next(
    worker: Option<&wsgi_worker>,
    events: *mut wsgi_event,
    capacity: usize,
    timeout_ms: i32,
) -> i32 {
    guard_count(|| {
        let worker = worker.ok_or(Failure::Null("worker"))?;
        if events.is_null() || capacity == 0 {
            return Err(Failure::Null("events"));
        }
        // SAFETY: not NULL, and an array by the caller's word.
        let events = unsafe { std::slice::from_raw_parts_mut(events, capacity) };
        if events[0].struct_size < size_of::<wsgi_event>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let mut pull = match worker.worker.try_lock() {
            Ok(pull) => pull,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Failure::Status(WSGI_BUSY)),
        };
        let mut count = 0;
        for event in events {
            let id = if count > 0 {
                // More only if it is there already.
                let Some(id) = pull.next_at_hand() else { break };
                id
            } else {
                match pull.next(u64::try_from(timeout_ms).ok()) {
                    Pulled::Request(id) => id,
                    Pulled::Nothing => return Err(Failure::Status(WSGI_AGAIN)),
                    Pulled::Stopped => return Err(Failure::Status(WSGI_E_STOPPING)),
                }
            };
            event.struct_size = size_of::<wsgi_event>();
            event.kind = WSGI_EVENT_REQUEST;
            event.request = id.0;
            count += 1;
        }
        Ok(count)
    })
}

/// Makes wsgi_worker_next of this worker return soon with WSGI_AGAIN, now or when it is called the
/// next time. Any thread. Errors: WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_worker_wake(worker: Option<&wsgi_worker>) -> wsgi_status {
    guard(|| {
        let (engine, share) = &worker.ok_or(Failure::Null("worker"))?.waker;
        Worker::wake(engine, share);
        Ok(())
    })
}

/// Frees a worker; requests that it gave out live on. NULL is fine. WSGI_BUSY: a thread is in
/// wsgi_worker_next with it; nothing is freed.
///
/// # Safety
/// worker is NULL or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_worker_free(worker: *mut wsgi_worker) -> wsgi_status {
    guard(|| {
        // SAFETY: NULL or a handle by the caller's word.
        let Some(handle) = (unsafe { worker.as_ref() }) else { return Ok(()) };
        if matches!(handle.worker.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Failure::Status(WSGI_BUSY));
        }
        // SAFETY: it was made by `wsgi_worker_new` and nobody uses it any more.
        drop(unsafe { Box::from_raw(worker) });
        Ok(())
    })
}
