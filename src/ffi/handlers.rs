//! The handler table: what a host may have called beside its application.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::time::SystemTime;

use super::application::{Application, UserData, outcome_of};
use super::error::wsgi_error;
use super::guard::{Failure, guard_with};
use super::log::{code_number, level_number};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::access_log::{AccessLog, AccessRecord, Ended, RequestDone};
use crate::engine::handle::RequestId;
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
    /// A request that reached the application is done with: exactly once for each, after the last
    /// byte of its answer was given to the kernel or the connection was cut. The place to free what
    /// is kept for it; calls with it are WSGI_GONE. how is a WSGI_ENDED_... . On the thread that
    /// finished it: a worker, the listening thread, or one of the host's inside a call. To be short,
    /// as clients wait meanwhile; it must not wait for the server. An application that still runs
    /// after a stop has cut its request may end later than this.
    pub request_done: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            server: *mut wsgi_server,
            request: wsgi_request,
            how: u32,
        ),
    >,
    /// A line for the access log: for each request that was answered, by the server itself too (like
    /// 400, 408, 503), and each that was cut; before its request_done, and like that.
    pub access_log:
        Option<unsafe extern "C" fn(user_data: *mut c_void, record: *const wsgi_access_record)>,
}

/// All of the answer was given to the kernel.
pub const WSGI_ENDED_SENT: u32 = 0;
/// The answer was cut by this side: the application failed in the middle, or the server was stopped.
pub const WSGI_ENDED_CUT: u32 = 1;
/// The client left.
pub const WSGI_ENDED_ABORTED: u32 = 2;
/// The client took nothing for too long.
pub const WSGI_ENDED_TIMED_OUT: u32 = 3;
/// The connection went to the application (wsgi_request_hijack).
pub const WSGI_ENDED_HANDED_OVER: u32 = 4;

/// What access_log is told; lent for the call. The strings are not followed by a NUL; they are what
/// the client sent, so they may hold any byte but CR, LF and NUL.
#[repr(C)]
pub struct wsgi_access_record {
    /// The size of this struct; it grows at the end only.
    pub struct_size: usize,
    /// The request, 0 if it did not reach the application.
    pub request: wsgi_request,
    /// The client's address, like 127.0.0.1; empty for a UNIX socket.
    pub remote_addr: wsgi_str,
    /// Empty, like the next four, if the head was refused or did not come.
    pub method: wsgi_str,
    /// As it was sent.
    pub target: wsgi_str,
    /// Like HTTP/1.1.
    pub protocol: wsgi_str,
    /// Empty if there is none.
    pub user_agent: wsgi_str,
    /// Empty if there is none.
    pub referer: wsgi_str,
    /// Bytes of the response body, without head and chunk sizes; of an answer that was not sent to
    /// its end those that the kernel took, give or take chunk sizes.
    pub sent: u64,
    /// Bytes of the request, head and body, that were read before the answer was complete.
    pub received: u64,
    /// When the head was complete (without a head: when the request was refused), in nanoseconds
    /// since 1970.
    pub arrived_ns: u64,
    /// From then until the last byte of the answer was given to the kernel, in nanoseconds.
    pub duration_ns: u64,
    /// The client's port.
    pub remote_port: u16,
    /// Of the answer; 0 if none was begun.
    pub status: u16,
    /// Whether the connection is kept for another request: 1 or 0.
    pub keep_alive: u32,
    /// How the answer ended, a WSGI_ENDED_... .
    pub ended: u32,
}

/// Sets the handlers, in the place of those that were set before. handlers is copied. Before the
/// server is prepared, or after it has stopped. free_user_data, if any, is called exactly once:
/// when other handlers are set, when the server is freed (with workers of a pull server, when the
/// last of these is), or when this call fails. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (the
/// server runs; app and gateway together; struct_size is not set).
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
        let server = here(server)?;
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
        request_done: None,
        access_log: None,
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
        if functions.request_done.is_some() {
            handlers = handlers.request_done(Done(self.clone()));
        }
        if functions.access_log.is_some() {
            handlers = handlers.access_log(Access(self.clone()));
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

struct Done(Arc<Table>);

impl RequestDone for Done {
    fn request_done(&self, request: RequestId, ended: Ended) {
        let Some(done) = self.0.functions.request_done else { return };
        // SAFETY: the host's function, given for this.
        unsafe { done(self.0.user(), self.0.server(), request.0, ended_number(ended)) };
    }
}

struct Access(Arc<Table>);

impl AccessLog for Access {
    fn access(&self, from: &AccessRecord<'_>) {
        let Some(access_log) = self.0.functions.access_log else { return };
        let lent = |bytes: &[u8]| wsgi_str { ptr: bytes.as_ptr().cast(), len: bytes.len() };
        let address = from.remote.map(|remote| remote.ip().to_string()).unwrap_or_default();
        let since_1970 = from.arrived.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let record = wsgi_access_record {
            struct_size: size_of::<wsgi_access_record>(),
            request: from.request.map_or(0, |request| request.0),
            remote_addr: lent(address.as_bytes()),
            method: lent(from.method),
            target: lent(from.target),
            protocol: lent(from.protocol),
            user_agent: lent(from.user_agent),
            referer: lent(from.referer),
            sent: from.sent,
            received: from.received,
            arrived_ns: since_1970.as_nanos() as u64,
            duration_ns: from.duration.as_nanos() as u64,
            remote_port: from.remote.map_or(0, |remote| remote.port()),
            status: from.status,
            keep_alive: u32::from(from.keep_alive),
            ended: ended_number(from.ended),
        };
        // SAFETY: the host's function; the record and what it points to live through the call.
        unsafe { access_log(self.0.user(), &record) };
    }
}

fn ended_number(ended: Ended) -> u32 {
    match ended {
        Ended::Sent => WSGI_ENDED_SENT,
        Ended::Cut => WSGI_ENDED_CUT,
        Ended::Aborted => WSGI_ENDED_ABORTED,
        Ended::TimedOut => WSGI_ENDED_TIMED_OUT,
        Ended::HandedOver => WSGI_ENDED_HANDED_OVER,
    }
}
