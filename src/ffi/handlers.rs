//! The handler table: what a host may have called beside its application.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;

use super::application::{Application, UserData, outcome_of};
use super::error::wsgi_error;
use super::guard::{Failure, guard_with};
use super::log::{code_number, level_number};
use super::server::wsgi_server;
use super::types::*;
use crate::error::{Error, ErrorKind};
use crate::error_log::{LogCode, LogHandler, LogLevel};
use crate::gateway::{Gateway, Outcome, Request};
use crate::handlers::{Handlers, ThreadData, ThreadHooks};

/// What a server calls; NULL: not called. None of these may throw or longjmp out of the call, and no
/// lock of the library is held during one. user_data is the one of wsgi_server_set_handlers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsgi_handlers {
    /// Set by the caller: the size of this struct. It grows at the end only; what is missing counts
    /// as NULL.
    pub struct_size: usize,
    /// On each worker thread before its first request; index is from 0 on, the lowest that no other
    /// thread of the pool has. What it writes to thread_data (NULL before) is in the environ and
    /// given to gateway and thread_stop. 0: fine. Anything else: the thread cannot work, for the
    /// reason that may be written to reason, a text with a NUL, at most capacity bytes.
    /// wsgi_server_prepare then fails with it (WSGI_E_THREAD_START) when all other threads have had
    /// their thread_stop; a thread that was to come later makes a warning in the error log.
    pub thread_start: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            index: u32,
            thread_data: *mut *mut c_void,
            reason: *mut c_char,
            capacity: usize,
        ) -> i32,
    >,
    /// On the same thread after its last request, once for each thread_start that returned 0: when
    /// the server stops, the pool shrinks, or the thread has come back from an application that the
    /// stop has left it behind in.
    pub thread_stop:
        Option<unsafe extern "C" fn(user_data: *mut c_void, index: u32, thread_data: *mut c_void)>,
    /// The application, in the place of the one that wsgi_server_new was given. On worker threads.
    pub app: wsgi_app_fn,
    /// The same without WSGI: no environ is built, and the answer comes by wsgi_respond and its like
    /// (the seed's Gateway). It returns what an application returns. Not together with app. On
    /// worker threads; thread_data is theirs.
    pub gateway: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            thread_data: *mut c_void,
            server: *mut wsgi_server,
            request: wsgi_request,
        ) -> i32,
    >,
    /// A message for the error log: level is a WSGI_LEVEL_..., code a WSGI_LOG_...; the text has
    /// length bytes and a NUL behind them, is lent for the call, and has usually one line without an
    /// end. On any thread that calls the library and any of its own, several at once. It may call
    /// everything but what waits for the server (wsgi_server_stop, _wait, _free); the request that
    /// is worked on is WSGI_BUSY meanwhile.
    pub error_log: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            level: i32,
            code: u32,
            text: *const c_char,
            length: usize,
        ),
    >,
}

/// Sets the handlers, in the place of those that were set before. handlers is copied. Before the
/// server is prepared, or after it has stopped. free_user_data, if any, is called exactly once: when
/// other handlers are set, when the server is freed (with workers of a pull server, when the last of
/// these is), or when this call fails. Errors: WSGI_E_NULL, WSGI_E_STATE (the server runs; app and
/// gateway together; struct_size is not set).
///
/// # Safety
/// handlers is NULL or readable for the size that it says, error is NULL or may be written to; the
/// functions may be called on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_set_handlers(
    server: Option<&wsgi_server>,
    handlers: *const wsgi_handlers,
    user_data: *mut c_void,
    free_user_data: wsgi_free_fn,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    // Made first: it is given back whatever happens.
    let user_data = UserData::new(user_data, free_user_data);
    let body = || {
        let server = server.ok_or(Failure::Null("server"))?;
        if handlers.is_null() {
            return Err(Failure::Null("handlers"));
        }
        // SAFETY: not NULL, and readable for its size by the caller's word.
        let functions = unsafe { copy_table(handlers)? };
        if functions.app.is_some() && functions.gateway.is_some() {
            let why = "app and gateway exclude each other";
            return Err(Error::new(ErrorKind::State, why).into());
        }
        let table = Arc::new(Table { functions, user_data, server: ptr::from_ref(server) });
        Ok(server.http().set_handlers(table.handlers())?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// The caller's table, as far as it goes.
///
/// # Safety
/// It is readable for the size that it says.
unsafe fn copy_table(handlers: *const wsgi_handlers) -> Result<wsgi_handlers, Failure> {
    // SAFETY: a struct has at least its size.
    let size = unsafe { (*handlers).struct_size };
    if size < size_of::<usize>() {
        return Err(Error::new(ErrorKind::State, "handlers->struct_size is not set").into());
    }
    let mut table = wsgi_handlers {
        struct_size: 0,
        thread_start: None,
        thread_stop: None,
        app: None,
        gateway: None,
        error_log: None,
    };
    let size = size.min(size_of::<wsgi_handlers>());
    // SAFETY: both are that long, and any bytes that the caller has there are its functions.
    unsafe { ptr::copy_nonoverlapping(handlers.cast::<u8>(), (&raw mut table).cast::<u8>(), size) };
    Ok(table)
}

/// The functions with what they are called with.
struct Table {
    functions: wsgi_handlers,
    user_data: UserData,
    server: *const wsgi_server,
}

// SAFETY: the server may be used from any thread, and lives as long as it calls its handlers.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    fn handlers(self: &Arc<Self>) -> Handlers {
        let mut handlers = Handlers::new();
        // A table without a function has its user data too.
        handlers.owner = Some(self.clone());
        let functions = &self.functions;
        if functions.thread_start.is_some() || functions.thread_stop.is_some() {
            handlers = handlers.threads(Hooks(self.clone()));
        }
        if let Some(app) = functions.app {
            let server = Arc::new(AtomicPtr::new(self.server()));
            handlers = handlers.gateway(Application::new(app, self.user_data.clone(), server));
        }
        if functions.gateway.is_some() {
            handlers = handlers.gateway(PlainGateway(self.clone()));
        }
        if functions.error_log.is_some() {
            handlers = handlers.error_log(Log(self.clone()));
        }
        handlers
    }

    fn user(&self) -> *mut c_void {
        self.user_data.pointer()
    }

    fn server(&self) -> *mut wsgi_server {
        self.server.cast_mut()
    }
}

/// What a start hook has written.
pub(super) struct HookData(pub(super) *mut c_void);

// SAFETY: a pointer of the host's that we never look behind; it is only given to the host again.
unsafe impl Send for HookData {}
// SAFETY: as above.
unsafe impl Sync for HookData {}

/// The thread's data for a function of the host's.
pub(super) fn thread_data(request: &Request<'_>) -> *mut c_void {
    let data = request.thread_data().and_then(|data| data.downcast_ref::<HookData>());
    data.map_or(ptr::null_mut(), |data| data.0)
}

struct Hooks(Arc<Table>);

impl ThreadHooks for Hooks {
    fn thread_start(&self, index: usize) -> Result<ThreadData, String> {
        let mut data = ptr::null_mut();
        if let Some(start) = self.0.functions.thread_start {
            let mut reason = [0u8; 512];
            let capacity = reason.len();
            let text = reason.as_mut_ptr().cast();
            // SAFETY: the host's function; what it may write to lives through the call.
            let status = unsafe { start(self.0.user(), index as u32, &mut data, text, capacity) };
            if status != 0 {
                let end = reason.iter().position(|byte| *byte == 0).unwrap_or(capacity);
                let reason = String::from_utf8_lossy(&reason[..end]).into_owned();
                return Err(if reason.is_empty() { format!("status {status}") } else { reason });
            }
        }
        Ok(Box::new(HookData(data)))
    }

    fn thread_stop(&self, index: usize, data: ThreadData) {
        if let Some(stop) = self.0.functions.thread_stop
            && let Some(data) = data.downcast_ref::<HookData>()
        {
            // SAFETY: the host's function, with what its start hook gave.
            unsafe { stop(self.0.user(), index as u32, data.0) };
        }
    }
}

struct PlainGateway(Arc<Table>);

impl Gateway for PlainGateway {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        let Some(gateway) = self.0.functions.gateway else { return Outcome::Failed };
        let data = thread_data(request);
        // SAFETY: the host's function, given for this.
        outcome_of(unsafe { gateway(self.0.user(), data, self.0.server(), request.id()) })
    }

    fn wants_environ(&self) -> bool {
        false
    }
}

struct Log(Arc<Table>);

impl LogHandler for Log {
    fn log(&self, level: LogLevel, code: LogCode, text: &str) {
        let Some(error_log) = self.0.functions.error_log else { return };
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        let (text, length) = (bytes.as_ptr().cast(), text.len());
        // SAFETY: the host's function; the text lives through the call.
        unsafe {
            error_log(self.0.user(), level_number(level), code_number(code), text, length);
        };
    }
}
