//! A C application as a gateway.

use std::any::Any;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::guard::{Failure, bytes, guard, items};
use super::handlers::thread_data;
use super::server::wsgi_server;
use super::types::*;
use crate::connection::body::Wait;
use crate::engine::Engine;
use crate::engine::handle::RequestId;
use crate::gateway::environ::Environ;
use crate::gateway::{Gateway, Outcome, Request};

pub(super) type App = unsafe extern "C" fn(
    *mut c_void,
    wsgi_request,
    *const wsgi_environ,
    *const wsgi_responder,
) -> i32;

/// The application, and the user data that is its own.
pub(super) struct Application {
    app: App,
    user_data: UserData,
    /// The handle that the application is told; set as soon as it exists.
    server: Arc<AtomicPtr<wsgi_server>>,
}

impl Application {
    pub(super) fn new(app: App, user_data: UserData, server: Arc<AtomicPtr<wsgi_server>>) -> Self {
        Self { app, user_data, server }
    }
}

impl Gateway for Application {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        let mut environ = empty_environ(self.server.load(Ordering::Acquire));
        environ.thread_data = thread_data(request);
        let filled = request.engine().environ(request.request_id(), |from, table| {
            fill_environ(&mut environ, from, table);
        });
        if filled.is_err() {
            return Outcome::Failed;
        }
        let context = ResponderContext { engine: request.engine(), id: request.request_id() };
        let responder = wsgi_responder {
            struct_size: size_of::<wsgi_responder>(),
            context: (&raw const context).cast_mut().cast(),
            start_response: Some(start_response),
            write: Some(write),
        };
        // SAFETY: the function is the host's and was given for this; environ and responder live
        // through the call, as it was promised.
        let result =
            unsafe { (self.app)(self.user_data.pointer(), request.id(), &environ, &responder) };
        outcome_of(result)
    }
}

/// What an application or a gateway returns.
pub(super) fn outcome_of(result: i32) -> Outcome {
    match result {
        WSGI_DETACHED => Outcome::Detached,
        WSGI_INTERRUPT => Outcome::Interrupt,
        WSGI_DONE.. => Outcome::Done,
        _ => Outcome::Failed,
    }
}

/// A pointer of the host's, given back exactly once: with the last clone.
#[derive(Clone)]
pub(super) struct UserData(Arc<Owned>);

struct Owned {
    pointer: *mut c_void,
    free: wsgi_free_fn,
}

impl UserData {
    pub(super) fn new(pointer: *mut c_void, free: wsgi_free_fn) -> Self {
        Self(Arc::new(Owned { pointer, free }))
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.0.pointer
    }
}

// SAFETY: the host gives the pointer for functions that are called on several threads; the header
// says so. We never look behind it.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the host gave this function for this pointer, and it is called once: here.
            unsafe { free(self.pointer) };
        }
    }
}

/// The pairs of an environ as C sees them; kept with the request and used again.
struct PairTable {
    pairs: Vec<wsgi_pair>,
    /// The server's pairs in front: they stay as they are while the arena does not move and nobody
    /// mounts the request elsewhere (which leaves fewer of them).
    fixed: usize,
    arena: *const u8,
}

// SAFETY: the pointers lead to constants and into the environ's arena, which moves and lives with the
// same exchange as this table; they are used by whoever has the request.
unsafe impl Send for PairTable {}

pub(super) fn empty_environ(server: *mut wsgi_server) -> wsgi_environ {
    wsgi_environ {
        struct_size: size_of::<wsgi_environ>(),
        server,
        pairs: ptr::null(),
        count: 0,
        server_count: 0,
        connection_count: 0,
        thread_data: ptr::null_mut(),
    }
}

/// Makes the table of pairs for C, in the place that the exchange has for it.
pub(super) fn fill_environ(
    environ: &mut wsgi_environ,
    from: &Environ,
    table: &mut Option<Box<dyn Any + Send>>,
) {
    let new = || PairTable { pairs: Vec::with_capacity(64), fixed: 0, arena: ptr::null() };
    let table = table.get_or_insert_with(|| Box::new(new()));
    let Some(PairTable { pairs, fixed, arena: place }) = table.downcast_mut() else { return };
    let arena = from.arena();
    if *place != arena.as_ptr() || *fixed != from.server_count {
        (*place, *fixed) = (arena.as_ptr(), from.server_count);
        pairs.clear();
    }
    pairs.truncate(*fixed);
    let lent = |bytes: &[u8]| wsgi_str { ptr: bytes.as_ptr().cast(), len: bytes.len() };
    pairs.extend(from.pairs().iter().skip(pairs.len()).map(|pair| wsgi_pair {
        key: lent(pair.key(arena)),
        value: lent(pair.value.of(arena)),
        key_id: pair.key_id,
    }));
    environ.pairs = pairs.as_ptr();
    environ.count = pairs.len();
    environ.server_count = from.server_count;
    environ.connection_count = from.connection_count;
}

/// The engine's threads are not in a forked child, but its clients' sockets are.
#[inline]
pub(super) fn in_this_process(engine: &Engine) -> Result<(), Failure> {
    match engine.service.in_child() {
        true => Err(Failure::Status(WSGI_E_FORKED)),
        false => Ok(()),
    }
}

/// What the functions of the responder get back.
struct ResponderContext<'a> {
    engine: &'a Arc<Engine>,
    id: RequestId,
}

unsafe extern "C" fn start_response(
    context: *mut c_void,
    status: wsgi_str,
    headers: *const wsgi_header,
    count: usize,
    restart: i32,
) -> wsgi_status {
    guard(|| {
        // SAFETY: the header says that `context` is the responder's own, lent for the call.
        let context = unsafe { context.cast::<ResponderContext<'_>>().as_ref() };
        let context = context.ok_or(Failure::Null("context"))?;
        in_this_process(context.engine)?;
        // SAFETY: the caller lends status and headers for this call.
        unsafe { start(context.engine, context.id, status, headers, count, restart != 0) }
    })
}

unsafe extern "C" fn write(
    context: *mut c_void,
    data: *const c_void,
    length: usize,
) -> wsgi_status {
    guard(|| {
        // SAFETY: the header says that `context` is the responder's own, lent for the call.
        let context = unsafe { context.cast::<ResponderContext<'_>>().as_ref() };
        let context = context.ok_or(Failure::Null("context"))?;
        in_this_process(context.engine)?;
        // SAFETY: the caller lends the data for this call.
        let data = unsafe { bytes(data, length)? };
        Ok(context.engine.write(context.id, data, Wait::ForClient)?)
    })
}

/// `start_response` with C's arguments.
///
/// # Safety
/// Status and headers are readable during the call.
unsafe fn start(
    engine: &Engine,
    id: RequestId,
    status: wsgi_str,
    headers: *const wsgi_header,
    count: usize,
    restart: bool,
) -> Result<(), Failure> {
    // SAFETY: the same as ours.
    let (status, headers) = unsafe { (lent_bytes(status)?, header_slices(headers, count)?) };
    Ok(engine.start_response(id, status, headers, restart)?)
}

/// The headers as slices; a NULL with a length is found before any of them is used.
///
/// # Safety
/// They are readable as long as the result is used.
pub(super) unsafe fn header_slices<'a>(
    headers: *const wsgi_header,
    count: usize,
) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone, Failure> {
    // SAFETY: the same as ours.
    let headers: &'a [wsgi_header] = unsafe { items(headers, count)? };
    let is_null = |text: &wsgi_str| text.ptr.is_null() && text.len > 0;
    if headers.iter().any(|header| is_null(&header.name) || is_null(&header.value)) {
        return Err(Failure::Null("a header"));
    }
    Ok(headers.iter().map(|header| {
        // SAFETY: none is NULL with a length, and all are readable by the caller's word.
        unsafe {
            (
                lent_bytes(header.name).unwrap_or_default(),
                lent_bytes(header.value).unwrap_or_default(),
            )
        }
    }))
}

/// The bytes of a string that is lent.
///
/// # Safety
/// It is readable as long as the result is used.
pub(super) unsafe fn lent_bytes<'a>(text: wsgi_str) -> Result<&'a [u8], Failure> {
    // SAFETY: the same as ours.
    unsafe { bytes(text.ptr.cast(), text.len) }
}
