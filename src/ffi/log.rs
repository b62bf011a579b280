//! The error log: its numbers, and the application's way into it.

use std::ffi::{c_char, c_void};

use super::guard::{Failure, bytes, guard};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;
use crate::error_log::{LogCode, LogLevel};

/// A log level: of interest to whoever looks for an error.
pub const WSGI_LEVEL_DEBUG: i32 = 10;
/// A log level: all is well.
pub const WSGI_LEVEL_INFO: i32 = 20;
/// A log level: not as it should be, and the server goes on.
pub const WSGI_LEVEL_WARNING: i32 = 30;
/// A log level: something was not done.
pub const WSGI_LEVEL_ERROR: i32 = 40;

/// The application's own words (wsgi_request_log).
pub const WSGI_LOG_APPLICATION: u32 = 1;
/// The application failed: its client got 500 or was cut.
pub const WSGI_LOG_APPLICATION_FAILED: u32 = 2;
/// The application returned without an answer.
pub const WSGI_LOG_NO_ANSWER: u32 = 3;
/// The response body is longer than its Content-Length.
pub const WSGI_LOG_BODY_TOO_LONG: u32 = 4;
/// The response body is shorter than its Content-Length.
pub const WSGI_LOG_BODY_TOO_SHORT: u32 = 5;
/// A file could not be sent to its end.
pub const WSGI_LOG_FILE: u32 = 6;
/// The application gave a response header that belongs to the connection, like Keep-Alive or
/// Transfer-Encoding: it was left out. A warning, once for each name while the server runs.
pub const WSGI_LOG_HEADER_LEFT_OUT: u32 = 7;
/// The server itself answered a request, like 400, 408, 431 or 503: the client's address and the reason,
/// with the option of a limit and the name of a field, never its value. Of each kind one is a warning
/// at most every ten seconds, with the number left out; the others are debug messages.
pub const WSGI_LOG_REFUSED: u32 = 10;
/// No descriptors or no memory for another connection.
pub const WSGI_LOG_ACCEPT: u32 = 20;
/// A connection could not be taken in or kept.
pub const WSGI_LOG_CONNECTION: u32 = 21;
/// A system call failed that should not.
pub const WSGI_LOG_SYSTEM: u32 = 22;
/// A client's TLS handshake failed, with the reason.
pub const WSGI_LOG_HANDSHAKE: u32 = 23;
/// A certificate was read again, or could not be.
pub const WSGI_LOG_CERTIFICATE: u32 = 24;
/// A header of the PROXY protocol was not in order, did not come, or came from nobody's proxy.
pub const WSGI_LOG_PROXY_HEADER: u32 = 25;
/// A worker thread could not be started, or its thread_start failed.
pub const WSGI_LOG_THREAD: u32 = 30;
/// Threads are still in the host's code after a stop.
pub const WSGI_LOG_STUCK: u32 = 31;
/// The library panicked; what it was about was given up.
pub const WSGI_LOG_PANIC: u32 = 32;
/// A request has held a thread for longer than slow_request_after: a warning, again as it goes on, and
/// an info when the thread is back.
pub const WSGI_LOG_SLOW_REQUEST: u32 = 33;
/// The life of the server.
pub const WSGI_LOG_SERVER: u32 = 40;
/// The access log (option access_log) cannot be written, or lines of it are dropped.
pub const WSGI_LOG_ACCESS_LOG: u32 = 41;

/// WSGI's wsgi.errors: says something in the server's error log, with the code WSGI_LOG_APPLICATION
/// and a WSGI_LEVEL_... . What is no UTF-8 in it is replaced. Any thread. Errors: WSGI_E_NULL,
/// WSGI_GONE, WSGI_BUSY, WSGI_E_OPTION (no such level).
///
/// # Safety
/// text is readable for length bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_log(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    level: i32,
    text: *const c_char,
    length: usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: readable by the caller's word.
        let text = unsafe { bytes(text.cast::<c_void>(), length)? };
        let level = match level {
            WSGI_LEVEL_DEBUG => LogLevel::Debug,
            WSGI_LEVEL_INFO => LogLevel::Info,
            WSGI_LEVEL_WARNING => LogLevel::Warning,
            WSGI_LEVEL_ERROR => LogLevel::Error,
            _ => return Err(Failure::Status(WSGI_E_OPTION)),
        };
        let text = String::from_utf8_lossy(text);
        server.with_engine(|engine| Ok(engine.log(RequestId(request), level, &text)?))
    })
}

/// The number of a code.
pub(super) fn code_number(code: LogCode) -> u32 {
    match code {
        LogCode::Application => WSGI_LOG_APPLICATION,
        LogCode::ApplicationFailed => WSGI_LOG_APPLICATION_FAILED,
        LogCode::NoAnswer => WSGI_LOG_NO_ANSWER,
        LogCode::BodyTooLong => WSGI_LOG_BODY_TOO_LONG,
        LogCode::BodyTooShort => WSGI_LOG_BODY_TOO_SHORT,
        LogCode::File => WSGI_LOG_FILE,
        LogCode::HeaderLeftOut => WSGI_LOG_HEADER_LEFT_OUT,
        LogCode::Refused => WSGI_LOG_REFUSED,
        LogCode::Accept => WSGI_LOG_ACCEPT,
        LogCode::Connection => WSGI_LOG_CONNECTION,
        LogCode::Handshake => WSGI_LOG_HANDSHAKE,
        LogCode::ProxyHeader => WSGI_LOG_PROXY_HEADER,
        LogCode::Certificate => WSGI_LOG_CERTIFICATE,
        LogCode::System => WSGI_LOG_SYSTEM,
        LogCode::Thread => WSGI_LOG_THREAD,
        LogCode::Stuck => WSGI_LOG_STUCK,
        LogCode::SlowRequest => WSGI_LOG_SLOW_REQUEST,
        LogCode::Panic => WSGI_LOG_PANIC,
        LogCode::Server => WSGI_LOG_SERVER,
        LogCode::AccessLog => WSGI_LOG_ACCESS_LOG,
    }
}

/// The number of a level.
pub(super) fn level_number(level: LogLevel) -> i32 {
    match level {
        LogLevel::Debug => WSGI_LEVEL_DEBUG,
        LogLevel::Info => WSGI_LEVEL_INFO,
        LogLevel::Warning => WSGI_LEVEL_WARNING,
        LogLevel::Error => WSGI_LEVEL_ERROR,
    }
}
