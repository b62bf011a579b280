//! Pull: threads of the host that take requests from a server without an application.

use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::application::in_this_process;
use super::error::wsgi_error;
use super::guard::{Failure, guard, guard_count, guard_with};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::connection::watching::Watched;
use crate::engine::Engine;
use crate::engine::events::Happened;
use crate::engine::handle::RequestId;
use crate::engine::share::Share;
use crate::engine::worker::Worker;
use crate::error_log::LogMessage;
use crate::server::{PullWorker, Pulled};

/// A worker of the host's. Opaque.
pub struct wsgi_worker {
    worker: Mutex<PullWorker>,
    /// The texts of the events that were given out last, each with a NUL.
    texts: Mutex<Vec<Vec<u8>>>,
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
        let server = here(server)?;
        if worker.is_null() {
            return Err(Failure::Null("worker"));
        }
        let pull = PullWorker::new(server.http())?;
        let waker = pull.waker();
        let made =
            Box::new(wsgi_worker { worker: Mutex::new(pull), texts: Mutex::default(), waker });
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *worker = Box::into_raw(made) };
        Ok(())
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Works for the server (it accepts, reads and parses here) until there are requests or other
/// events: their number, at most capacity. Waits at most timeout_ms milliseconds, -1: any time. A
/// request that is given out is not tied to the worker or the thread. Events about it, which only
/// come if they were asked for, go to whichever worker comes first; of each kind there is one at a
/// time for a request. Texts of events are lent until this worker's next call. The events stand
/// events[0].struct_size bytes apart. WSGI_AGAIN: the time is
/// up, or somebody called wsgi_worker_wake. Errors: WSGI_E_STOPPING (the server has stopped, and
/// there are no more events), WSGI_E_NULL, WSGI_BUSY (another thread is in next with this worker),
/// WSGI_E_STATE (events[0].struct_size is too small), WSGI_E_FORKED.
///
/// # Safety
/// events may be read and written to for capacity items of the size that the first one says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_worker_next(
    worker: Option<&wsgi_worker>,
    events: *mut wsgi_event,
    capacity: usize,
    timeout_ms: i32,
) -> i32 {
    guard_count(|| {
        let worker = worker.ok_or(Failure::Null("worker"))?;
        in_this_process(&worker.waker.0)?;
        if events.is_null() || capacity == 0 {
            return Err(Failure::Null("events"));
        }
        // SAFETY: not NULL, and readable by the caller's word.
        let stride = unsafe { (*events).struct_size };
        if stride < size_of::<wsgi_event>() || stride % align_of::<wsgi_event>() != 0 {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let mut pull = match worker.worker.try_lock() {
            Ok(pull) => pull,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Failure::Status(WSGI_BUSY)),
        };
        let mut texts = worker.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.clear();
        let mut pulled = pull.next(u64::try_from(timeout_ms).ok());
        let mut count = 0;
        loop {
            let event = match pulled {
                Pulled::Event(_, Happened::Logged) => event_of_message(pull.message(), &mut texts),
                pulled => event_of(pulled)?,
            };
            // SAFETY: fewer than `capacity` of them are filled, each as far from the next as the
            // caller says.
            unsafe {
                *events.byte_add(count * stride) = wsgi_event { struct_size: stride, ..event }
            };
            count += 1;
            if count == capacity {
                break;
            }
            // More only if it is there already.
            let Some(next) = pull.next_at_hand() else { break };
            pulled = next;
        }
        pull.rest();
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    })
}

/// Another worker may have taken the message; then its text is empty.
fn event_of_message(message: Option<LogMessage>, texts: &mut Vec<Vec<u8>>) -> wsgi_event {
    let (code, level, mut text) = message.map_or((0, 0, Vec::new()), |message| {
        (message.code as i32, message.level as i32, message.text.into_bytes())
    });
    let length = text.len();
    text.push(0);
    let ptr = text.as_ptr().cast();
    // It stays where it is when the list grows.
    texts.push(text);
    let text = wsgi_str { ptr, len: length };
    wsgi_event { code, level, text, ..event(WSGI_EVENT_LOG, RequestId(0), 0) }
}

fn event(kind: u32, request: RequestId, code: i32) -> wsgi_event {
    wsgi_event {
        struct_size: size_of::<wsgi_event>(),
        kind,
        code,
        request: request.0,
        text: wsgi_str { ptr: ptr::null(), len: 0 },
        level: 0,
    }
}

fn event_of(pulled: Pulled) -> Result<wsgi_event, Failure> {
    Ok(match pulled {
        Pulled::Request(id) => event(WSGI_EVENT_REQUEST, id, 0),
        Pulled::Event(id, Happened::Readable) => event(WSGI_EVENT_READABLE, id, 0),
        Pulled::Event(id, Happened::Writable) => event(WSGI_EVENT_WRITABLE, id, 0),
        Pulled::Event(id, Happened::Aborted(how)) => event(WSGI_EVENT_ABORTED, id, how.into()),
        Pulled::Event(id, Happened::Released(whole)) => {
            event(WSGI_EVENT_RELEASED, id, if whole { 0 } else { WSGI_E_CLIENT })
        }
        Pulled::Event(id, Happened::Logged) => event(WSGI_EVENT_LOG, id, 0),
        Pulled::Nothing => return Err(Failure::Status(WSGI_AGAIN)),
        Pulled::Stopped => return Err(Failure::Status(WSGI_E_STOPPING)),
    })
}

/// Asks for events about a request of a pull server: what is WSGI_WATCH_ABORTED, WSGI_WATCH_RELEASED
/// or both. Each comes once; to hear of a client that half-closed and then leaves, ask again. What
/// happened before is told as well. Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY,
/// WSGI_E_STATE (the server calls its application), WSGI_E_OPTION (what is something else).
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_request_watch(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    what: u32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if what == 0 || what & !(WSGI_WATCH_ABORTED | WSGI_WATCH_RELEASED) != 0 {
            return Err(Failure::Status(WSGI_E_OPTION));
        }
        let kinds =
            [(WSGI_WATCH_RELEASED, Watched::Released), (WSGI_WATCH_ABORTED, Watched::Aborted)];
        server.with_engine(|engine| {
            for (_, kind) in kinds.into_iter().filter(|(flag, _)| what & flag != 0) {
                engine.watch(RequestId(request), kind)?;
            }
            Ok(())
        })
    })
}

/// Makes wsgi_worker_next of this worker return soon with WSGI_AGAIN, now or when it is called the
/// next time. Any thread. Errors: WSGI_E_NULL, WSGI_E_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_worker_wake(worker: Option<&wsgi_worker>) -> wsgi_status {
    guard(|| {
        let (engine, share) = &worker.ok_or(Failure::Null("worker"))?.waker;
        in_this_process(engine)?;
        Worker::wake(engine, share);
        Ok(())
    })
}

/// Frees a worker; requests that it gave out live on. NULL is fine. WSGI_BUSY: a thread is in
/// wsgi_worker_next with it; nothing is freed. WSGI_E_FORKED: this is a forked child, where it is not
/// freed either.
///
/// # Safety
/// worker is NULL or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_worker_free(worker: *mut wsgi_worker) -> wsgi_status {
    guard(|| {
        // SAFETY: NULL or a handle by the caller's word.
        let Some(handle) = (unsafe { worker.as_ref() }) else { return Ok(()) };
        in_this_process(&handle.waker.0)?;
        if matches!(handle.worker.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Failure::Status(WSGI_BUSY));
        }
        // SAFETY: it was made by `wsgi_worker_new` and nobody uses it any more.
        drop(unsafe { Box::from_raw(worker) });
        Ok(())
    })
}
