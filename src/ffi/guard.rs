//! From Rust's results to C's statuses, and no panic across the border.

use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::wsgi_error;
use super::types::*;
use crate::connection::body::Wait;
use crate::error::{Error, ErrorKind};
use crate::gateway::RequestError;
use crate::stream::StreamError;
use crate::sys::fork::ForkedChild;

/// Why a C function fails.
pub(super) enum Failure {
    /// The parameter of this name is NULL.
    Null(&'static str),
    Status(wsgi_status),
    Error(Error),
}

impl Failure {
    pub(super) fn status(&self) -> wsgi_status {
        match self {
            Self::Null(_) => WSGI_E_NULL,
            Self::Status(status) => *status,
            Self::Error(error) => match error.kind() {
                ErrorKind::Bind => WSGI_E_BIND,
                ErrorKind::Busy => WSGI_BUSY,
                ErrorKind::Forked => WSGI_E_FORKED,
                ErrorKind::Interrupted => WSGI_E_INTERRUPTED,
                ErrorKind::Option => WSGI_E_OPTION,
                ErrorKind::SSL => WSGI_E_SSL,
                ErrorKind::State => WSGI_E_STATE,
                ErrorKind::Stopping => WSGI_E_STOPPING,
                ErrorKind::System => WSGI_E_SYSTEM,
                ErrorKind::ThreadStart => WSGI_E_THREAD_START,
            },
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::Null(name) => format!("{name} is NULL"),
            Self::Status(status) => text_of(*status).into(),
        }
    }
}

/// The text of a status that comes without one of its own.
fn text_of(status: wsgi_status) -> &'static str {
    match status {
        WSGI_OK => "no error",
        WSGI_AGAIN => "nothing now; try again later",
        WSGI_GONE => "the request has ended",
        WSGI_BUSY => "in use by another thread",
        WSGI_E_NULL => "a pointer is NULL",
        WSGI_E_STATE => "not possible in this state",
        WSGI_E_OPTION => "no such option or flag, or a value that it does not take",
        WSGI_E_BIND => "the address cannot be bound",
        WSGI_E_SYSTEM => "a system call failed",
        WSGI_E_HEADER => "a status or header that cannot be sent",
        WSGI_E_LENGTH => "the response body is longer than its Content-Length",
        WSGI_E_CLIENT => "the client has left or is too slow",
        WSGI_E_MAX_SIZE_EXCEEDED => "the request body is too large",
        WSGI_E_BODY => "the request body is malformed",
        WSGI_E_PANIC => "the library panicked",
        WSGI_E_FORKED => "this is a forked child; the server's threads are in the parent",
        WSGI_E_STOPPING => "the server has stopped",
        WSGI_E_INTERRUPTED => "the server was interrupted",
        WSGI_E_TIMEOUT => "the time is up",
        WSGI_E_CANCELLED => "the call was cancelled",
        WSGI_E_THREAD_START => "a worker thread cannot work",
        WSGI_E_SSL => "invalid TLS configuration",
        WSGI_E_NO_SSL => "the client does not speak TLS",
        WSGI_E_FATAL_SSL_ALERT => "the TLS handshake failed",
        _ => "unknown status",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Status(match error {
            RequestError::Gone => WSGI_GONE,
            RequestError::Busy => WSGI_BUSY,
            RequestError::State(_) => WSGI_E_STATE,
            RequestError::Header(_) => WSGI_E_HEADER,
            RequestError::Length => WSGI_E_LENGTH,
            RequestError::Client(_) => WSGI_E_CLIENT,
            RequestError::MaxSizeExceeded => WSGI_E_MAX_SIZE_EXCEEDED,
            RequestError::Body(_) => WSGI_E_BODY,
            RequestError::File(_) => WSGI_E_SYSTEM,
            RequestError::Stopping => WSGI_E_STOPPING,
            RequestError::Again => WSGI_AGAIN,
        })
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self::Status(match error {
            StreamError::Again => WSGI_AGAIN,
            StreamError::Busy => WSGI_BUSY,
            StreamError::Timeout => WSGI_E_TIMEOUT,
            StreamError::Cancelled => WSGI_E_CANCELLED,
            StreamError::Client => WSGI_E_CLIENT,
            StreamError::State => WSGI_E_STATE,
            StreamError::System => WSGI_E_SYSTEM,
        })
    }
}

/// Runs the body of an exported function that returns a count or a status.
pub(super) fn guard_count<N: From<wsgi_status>>(body: impl FnOnce() -> Result<N, Failure>) -> N {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(count)) => count,
        Ok(Err(failure)) => failure.status().into(),
        Err(panic) => status_of(&*panic).into(),
    }
}

/// The status of a call that has ended by unwinding.
fn status_of(panic: &(dyn Any + Send)) -> wsgi_status {
    if panic.is::<ForkedChild>() { WSGI_E_FORKED } else { WSGI_E_PANIC }
}

/// Runs the body of an exported function that returns a status.
pub(super) fn guard(body: impl FnOnce() -> Result<(), Failure>) -> wsgi_status {
    guard_count(|| body().map(|()| WSGI_OK))
}

/// [`guard`], with the failure's text for the caller if it wants one.
///
/// # Safety
/// `error` is NULL or may be written to.
pub(super) unsafe fn guard_with(
    error: *mut *mut wsgi_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> wsgi_status {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return WSGI_OK,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::Status(status_of(&*panic)),
    };
    let status = failure.status();
    if !error.is_null() {
        // SAFETY: not NULL, so the caller says that it may be written to.
        unsafe { *error = wsgi_error::new(status, &failure.message()) };
    }
    status
}

/// Whether a call with these flags may wait for the client.
pub(super) fn wait_of(flags: u32) -> Result<Wait, Failure> {
    match flags {
        0 => Ok(Wait::ForClient),
        WSGI_NONBLOCK => Ok(Wait::Never),
        _ => Err(Failure::Status(WSGI_E_OPTION)),
    }
}

/// A C string that has to be there and to be text.
///
/// # Safety
/// `text` is NULL or a string that ends with a NUL and lives as long as the result is used.
pub(super) unsafe fn text<'a>(text: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: not NULL, and a string by the caller's word.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Error::new(ErrorKind::Option, "a string is not UTF-8").into())
}

/// The bytes of a `wsgi_str`. NULL with length 0 is the empty string.
///
/// # Safety
/// `ptr` is readable for `len` bytes for as long as the result is used.
pub(super) unsafe fn bytes<'a>(ptr: *const c_void, len: usize) -> Result<&'a [u8], Failure> {
    // SAFETY: the same as ours.
    unsafe { items(ptr.cast(), len) }
}

/// An array of the caller's. NULL with no items is the empty array.
///
/// # Safety
/// `ptr` is readable for `count` items for as long as the result is used.
pub(super) unsafe fn items<'a, T>(ptr: *const T, count: usize) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if ptr.is_null() {
        return Err(Failure::Null("an array"));
    }
    // SAFETY: not NULL, and readable by the caller's word.
    Ok(unsafe { std::slice::from_raw_parts(ptr, count) })
}

/// A buffer of the caller's, to be written to. NULL with no capacity is the empty one.
///
/// # Safety
/// `buffer` is writable for `capacity` bytes for as long as the result is used.
pub(super) unsafe fn room<'a>(
    buffer: *mut c_void,
    capacity: usize,
) -> Result<&'a mut [u8], Failure> {
    if capacity == 0 {
        return Ok(&mut []);
    }
    if buffer.is_null() {
        return Err(Failure::Null("buffer"));
    }
    // SAFETY: not NULL, and writable by the caller's word. Bytes that were never written are only
    // written to, by the system or by a copy.
    Ok(unsafe { std::slice::from_raw_parts_mut(buffer.cast(), capacity) })
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::ptr;

    use super::super::error::{wsgi_error_free, wsgi_error_message, wsgi_error_status};
    use super::*;

    fn panicking<R>() -> Result<R, Failure> {
        // No message is wanted among those of the tests.
        std::panic::resume_unwind(Box::new("provoked"))
    }

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guard(panicking), WSGI_E_PANIC);
        assert_eq!(guard_count::<i64>(panicking), i64::from(WSGI_E_PANIC));
        assert_eq!(guard_count::<i32>(panicking), WSGI_E_PANIC);
    }

    #[test]
    fn a_panic_becomes_an_error_with_text() {
        let mut error = ptr::null_mut();
        // SAFETY: the error may be written to.
        assert_eq!(unsafe { guard_with(&mut error, panicking) }, WSGI_E_PANIC);
        // SAFETY: written by the call.
        let made = unsafe { error.as_ref() };
        assert_eq!(wsgi_error_status(made), WSGI_E_PANIC);
        // SAFETY: the text lives as long as the error.
        let text = unsafe { CStr::from_ptr(wsgi_error_message(made)) };
        assert_eq!(text, c"the library panicked");
        // SAFETY: made by the call, and freed once.
        wsgi_error_free(Some(unsafe { Box::from_raw(error) }));
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { guard_with(ptr::null_mut(), panicking) }, WSGI_E_PANIC);
    }

    #[test]
    fn an_unwinding_forked_child_becomes_a_status() {
        let unwinds = || std::panic::resume_unwind(Box::new(ForkedChild));
        assert_eq!(guard(unwinds), WSGI_E_FORKED);
        let mut error = ptr::null_mut();
        // SAFETY: the error may be written to.
        assert_eq!(unsafe { guard_with(&mut error, unwinds) }, WSGI_E_FORKED);
        // SAFETY: made by the call, and freed once.
        wsgi_error_free(Some(unsafe { Box::from_raw(error) }));
    }

    /// A status that is added without a text, or without a name, fails here.
    #[test]
    fn every_status_has_a_text_of_its_own() {
        let types = include_str!("types.rs");
        let statuses: Vec<wsgi_status> = types
            .lines()
            .filter_map(|line| line.strip_prefix("pub const WSGI_")?.split_once(": wsgi_status = "))
            .map(|(_, number)| number.trim_end_matches(';').parse().unwrap())
            .collect();
        assert!(statuses.contains(&WSGI_E_FORKED) && statuses.contains(&WSGI_AGAIN));
        let mut texts = Vec::new();
        for status in statuses {
            let text = Failure::Status(status).message();
            assert!(text != "unknown status" && !text.contains("status -"), "{status}: {text}");
            assert!(!texts.contains(&text), "{status}: {text} is another status' text");
            texts.push(text);
        }
    }

    /// Whatever is exported either has a guard around it or nothing in it that could panic.
    #[test]
    fn every_exported_function_is_guarded() {
        const CANNOT_PANIC: &[&str] = &[
            "wsgi_version",
            "wsgi_abi_version",
            "wsgi_status_name",
            "wsgi_key_name",
            "wsgi_error_status",
            "wsgi_error_message",
            "wsgi_error_free",
            "wsgi_ssl_adapter_free",
            "wsgi_server_option_count",
            "wsgi_server_listener_count",
            "wsgi_server_signal_stop",
            "wsgi_histogram_bound",
        ];
        // These call a function of the same file that has it.
        const CALLS: &[&str] =
            &["guard", "catch_unwind", "gauge(", "set(", "get(", "_at(", "write_text("];
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for function in text.split("#[unsafe(no_mangle)]\n").skip(1) {
                let body = function.split("\n}\n").next().unwrap();
                let name = body.split("fn ").nth(1).unwrap().split('(').next().unwrap();
                let code = body.split(" {\n").skip(1).collect::<String>();
                assert!(
                    CANNOT_PANIC.contains(&name) || CALLS.iter().any(|call| code.contains(call)),
                    "{name} is not guarded"
                );
            }
        }
    }
}
