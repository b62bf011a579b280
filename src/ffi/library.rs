//! What the library says of itself.

use std::ffi::{CStr, c_char};

use super::types::*;

/// The version of the library that is running, like "0.1.0". It lives as long as the library. Any
/// thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// The version of the binary interface. A program made for one number works with every library that
/// says the same. Any thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_abi_version() -> u32 {
    1
}

/// The name of a status, like "WSGI_E_BIND"; "unknown status" for a number that is none. It lives
/// as long as the library. Any thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_status_name(status: wsgi_status) -> *const c_char {
    let name = match status {
        WSGI_OK => c"WSGI_OK",
        WSGI_AGAIN => c"WSGI_AGAIN",
        WSGI_GONE => c"WSGI_GONE",
        WSGI_BUSY => c"WSGI_BUSY",
        WSGI_E_NULL => c"WSGI_E_NULL",
        WSGI_E_STATE => c"WSGI_E_STATE",
        WSGI_E_OPTION => c"WSGI_E_OPTION",
        WSGI_E_BIND => c"WSGI_E_BIND",
        WSGI_E_SYSTEM => c"WSGI_E_SYSTEM",
        WSGI_E_HEADER => c"WSGI_E_HEADER",
        WSGI_E_LENGTH => c"WSGI_E_LENGTH",
        WSGI_E_CLIENT => c"WSGI_E_CLIENT",
        WSGI_E_MAX_SIZE_EXCEEDED => c"WSGI_E_MAX_SIZE_EXCEEDED",
        WSGI_E_BODY => c"WSGI_E_BODY",
        WSGI_E_PANIC => c"WSGI_E_PANIC",
        WSGI_E_FORKED => c"WSGI_E_FORKED",
        WSGI_E_STOPPING => c"WSGI_E_STOPPING",
        WSGI_E_INTERRUPTED => c"WSGI_E_INTERRUPTED",
        WSGI_E_TIMEOUT => c"WSGI_E_TIMEOUT",
        WSGI_E_CANCELLED => c"WSGI_E_CANCELLED",
        WSGI_E_THREAD_START => c"WSGI_E_THREAD_START",
        WSGI_E_SSL => c"WSGI_E_SSL",
        WSGI_E_NO_SSL => c"WSGI_E_NO_SSL",
        WSGI_E_FATAL_SSL_ALERT => c"WSGI_E_FATAL_SSL_ALERT",
        _ => c"unknown status",
    };
    name.as_ptr()
}
