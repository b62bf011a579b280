//! The public structs and constants.

use std::ffi::{c_char, c_void};

use super::server::wsgi_server;

/// What a call returns: 0 or negative. `wsgi_worker_next` and `wsgi_request_read` return counts as
/// well.
pub type wsgi_status = i32;

/// Done.
pub const WSGI_OK: wsgi_status = 0;
/// Nothing now: the time is up.
pub const WSGI_AGAIN: wsgi_status = -1;
/// The request has ended, or the handle was never one.
pub const WSGI_GONE: wsgi_status = -2;
/// Another thread is inside a call on it; for a server: a thread of it is still in the host.
pub const WSGI_BUSY: wsgi_status = -3;
/// A pointer that is required is NULL.
pub const WSGI_E_NULL: wsgi_status = -10;
/// Not possible in this state: started twice, written before start_response.
pub const WSGI_E_STATE: wsgi_status = -11;
/// An option that does not exist, or a value that it does not take.
pub const WSGI_E_OPTION: wsgi_status = -12;
/// The address cannot be listened on.
pub const WSGI_E_BIND: wsgi_status = -13;
/// A system call failed; the message says which.
pub const WSGI_E_SYSTEM: wsgi_status = -14;
/// A status or header that cannot be sent: CR, LF, NUL, wrong shape.
pub const WSGI_E_HEADER: wsgi_status = -15;
/// More body than Content-Length declares.
pub const WSGI_E_LENGTH: wsgi_status = -16;
/// The client is gone, too slow, or cut its request short.
pub const WSGI_E_CLIENT: wsgi_status = -17;
/// The request body is larger than max_request_body_size.
pub const WSGI_E_MAX_SIZE_EXCEEDED: wsgi_status = -18;
/// The request body is malformed.
pub const WSGI_E_BODY: wsgi_status = -19;
/// The library panicked; the call did not finish.
pub const WSGI_E_PANIC: wsgi_status = -20;
/// This process is a forked child; the server's threads are in the parent.
pub const WSGI_E_FORKED: wsgi_status = -21;
/// The server has stopped.
pub const WSGI_E_STOPPING: wsgi_status = -22;
/// The application asked for the server to stop.
pub const WSGI_E_INTERRUPTED: wsgi_status = -23;
/// The deadline has passed.
pub const WSGI_E_TIMEOUT: wsgi_status = -24;
/// The stream was cancelled.
pub const WSGI_E_CANCELLED: wsgi_status = -25;
/// The thread_start of a worker thread failed.
pub const WSGI_E_THREAD_START: wsgi_status = -26;
/// A certificate, a key or another thing of TLS is not in order.
pub const WSGI_E_SSL: wsgi_status = -27;
/// The client speaks plain HTTP where TLS is spoken (the seed's NoSSLError).
pub const WSGI_E_NO_SSL: wsgi_status = -28;
/// A TLS session is broken (the seed's FatalSSLAlert).
pub const WSGI_E_FATAL_SSL_ALERT: wsgi_status = -29;

/// The exit status of a child that was forked in a function that the library called on a thread of its
/// own, and that returned from it. The library ends such a child by _exit: it has the listeners and the
/// clients of its parent, and nowhere to return to.
pub const WSGI_EXIT_FORKED: i32 = 70;
const _: () = assert!(WSGI_EXIT_FORKED == crate::sys::fork::EXIT_STATUS);

/// A flag of calls that could wait: WSGI_AGAIN instead.
pub const WSGI_NONBLOCK: u32 = 1;

/// An application returns: answered.
pub const WSGI_DONE: i32 = 0;
/// An application returns: will be answered later, from any thread.
pub const WSGI_DETACHED: i32 = 1;
/// An application returns: answered, and the server is to stop.
pub const WSGI_INTERRUPT: i32 = 2;

/// Names one request of a server. It is never the name of another one, at least not for the next
/// 2^40 requests on the same connection slot; a late use is WSGI_GONE.
pub type wsgi_request = u64;

/// Bytes that are lent; whose they are and for how long is said where one is given.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsgi_str {
    pub ptr: *const c_char,
    pub len: usize,
}

/// One response header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsgi_header {
    pub name: wsgi_str,
    pub value: wsgi_str,
}

/// One key and value of an environ; each is followed by a NUL. key_id is the number of a well-known
/// key, the same in every version, or 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsgi_pair {
    pub key: wsgi_str,
    pub value: wsgi_str,
    pub key_id: u32,
}

/// The environ of a request (PEP 3333). The pairs are lent until the request ends.
#[repr(C)]
pub struct wsgi_environ {
    /// The size of this struct; it grows at the end only.
    pub struct_size: usize,
    /// For the functions that take a request.
    pub server: *mut wsgi_server,
    pub pairs: *const wsgi_pair,
    pub count: usize,
    /// The first so many pairs are the same for the whole server.
    pub server_count: usize,
    /// The next so many are the same for the connection.
    pub connection_count: usize,
    /// What thread_start gave for the worker thread that calls the application; else NULL.
    pub thread_data: *mut c_void,
}

/// A request as it was sent. All strings are lent until the request ends, each is followed by a NUL.
#[repr(C)]
pub struct wsgi_view {
    /// Set by the caller: the size of this struct; it grows at the end only.
    pub struct_size: usize,
    /// Like "GET"; the case is the client's.
    pub method: wsgi_str,
    /// The target as it was sent, in whichever form.
    pub target: wsgi_str,
    /// The target's path, percent-decoded once, but for %2F.
    pub path: wsgi_str,
    /// What is behind the target's first `?`, as it was sent.
    pub query: wsgi_str,
    /// Like "HTTP/1.1".
    pub protocol: wsgi_str,
    /// "http".
    pub scheme: wsgi_str,
    /// All fields in order: the key is the name in the client's case, and key_id the number of the
    /// environ key that it becomes (WSGI_KEY_HTTP_HOST), or 0. Where the target names a host, that
    /// is the value of Host (RFC 9112, 3.2.2); an Upgrade of HTTP/1.0 is not there (RFC 9110, 7.8).
    pub fields: *const wsgi_pair,
    pub count: usize,
    /// The length of the body, -1: it is chunked, even where the environ has its CONTENT_LENGTH.
    pub content_length: i64,
    /// By whose rules the client is answered: 0 or 1, of HTTP/1.
    pub version_minor: u32,
}

/// WSGI's start_response and write. Middleware calls the application that it wraps with a responder
/// of its own: its struct_size is the size that the middleware knows, its context whatever the
/// middleware wants to get back, its functions call those of the responder that it was given. It
/// sees what goes through the responder, not what the application does with the request's number
/// (wsgi_respond, wsgi_write, wsgi_request_hijack).
#[repr(C)]
pub struct wsgi_responder {
    /// The size of this struct; it grows at the end only.
    pub struct_size: usize,
    /// To be passed to the functions.
    pub context: *mut c_void,
    /// Begins the answer: `200 OK` and the headers. A restart other than 0 is WSGI's exc_info: it
    /// replaces what was set before, and is an error once the head was sent.
    pub start_response: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            status: wsgi_str,
            headers: *const wsgi_header,
            count: usize,
            restart: i32,
        ) -> wsgi_status,
    >,
    /// Sends a piece of the body. Waits while the client does not take it.
    pub write: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            data: *const c_void,
            length: usize,
        ) -> wsgi_status,
    >,
}

/// WSGI's application. Called on worker threads, several at once; it may block. It returns
/// WSGI_DONE, WSGI_DETACHED, WSGI_INTERRUPT, or a negative value for a failure: 500 if nothing was
/// sent, else the connection is cut. Environ and responder are lent for the call. It must not throw
/// or longjmp out of the call.
pub type wsgi_app_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request: wsgi_request,
        environ: *const wsgi_environ,
        responder: *const wsgi_responder,
    ) -> i32,
>;

/// Gives user data back; called exactly once.
pub type wsgi_free_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What wsgi_server_option_info tells. All strings live as long as the library.
#[repr(C)]
pub struct wsgi_option_info {
    /// Set by the caller: the size of this struct.
    pub struct_size: usize,
    pub name: *const c_char,
    /// "number", "seconds", "flag", "text", "mode" or "choice".
    pub r#type: *const c_char,
    pub default_value: *const c_char,
    /// What values it takes, in words.
    pub accepts: *const c_char,
    pub help: *const c_char,
    /// Of "number" and "seconds": the smallest value.
    pub minimum: f64,
    /// The same: the largest value, infinity if there is none.
    pub maximum: f64,
    /// 1: may be set while the server runs; 0: only before it is prepared.
    pub while_running: i32,
}

/// The event is a request.
pub const WSGI_EVENT_REQUEST: u32 = 1;

/// A read with WSGI_NONBLOCK said WSGI_AGAIN, and may go on: there is something, or the end, or an
/// error.
pub const WSGI_EVENT_READABLE: u32 = 2;

/// A write with WSGI_NONBLOCK said WSGI_AGAIN, and may go on: there is room, or an error.
pub const WSGI_EVENT_WRITABLE: u32 = 3;

/// Asked for by WSGI_WATCH_ABORTED. The code tells: 1 the client has half-closed its connection (it
/// may still read), 2 it has left, 3 the server is about to stop and cuts what is not answered in
/// time.
pub const WSGI_EVENT_ABORTED: u32 = 4;

/// Asked for by WSGI_WATCH_RELEASED: the request has ended, and nothing of it is kept any more. The
/// code is 0 if the last byte of its answer was sent, else WSGI_E_CLIENT: it was cut.
pub const WSGI_EVENT_RELEASED: u32 = 5;

/// A message of the error log; they come with the option log_events. The code is WSGI_LOG_SERVER or
/// another one.
pub const WSGI_EVENT_LOG: u32 = 6;

/// For wsgi_request_watch: an event when the client half-closes or leaves, or the server stops.
pub const WSGI_WATCH_ABORTED: u32 = 1;

/// For wsgi_request_watch: an event when the request has ended and its answer was sent.
pub const WSGI_WATCH_RELEASED: u32 = 2;

/// What wsgi_worker_next gives.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsgi_event {
    /// Set by the caller in the first event: the size of this struct.
    pub struct_size: usize,
    /// WSGI_EVENT_REQUEST or one of the others.
    pub kind: u32,
    /// What there is to say beside the kind; 0 for most.
    pub code: i32,
    /// The request that has come, or that this is about; 0 for a message.
    pub request: wsgi_request,
    /// Of WSGI_EVENT_LOG: the message, with a NUL behind it, lent until the next call of
    /// wsgi_worker_next with this worker.
    pub text: wsgi_str,
    /// Of WSGI_EVENT_LOG: how much it matters, WSGI_LEVEL_ERROR or another.
    pub level: i32,
}
