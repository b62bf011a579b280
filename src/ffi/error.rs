//! Errors with text.

use std::ffi::{CString, c_char};

use super::types::*;

/// An error with its text. Opaque.
pub struct wsgi_error {
    status: wsgi_status,
    message: CString,
}

impl wsgi_error {
    pub(super) fn new(status: wsgi_status, message: &str) -> *mut Self {
        let message = CString::new(message.replace('\0', "\\0")).unwrap_or_default();
        Box::into_raw(Box::new(Self { status, message }))
    }
}

/// The status that the call returned. WSGI_E_NULL for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_error_status(error: Option<&wsgi_error>) -> wsgi_status {
    error.map_or(WSGI_E_NULL, |error| error.status)
}

/// The text, one line. It belongs to the error and lives as long; "" for NULL. Any thread, no
/// errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_error_message(error: Option<&wsgi_error>) -> *const c_char {
    error.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// Frees an error. NULL is fine. Any thread, one at a time; no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_error_free(error: Option<Box<wsgi_error>>) {
    drop(error);
}
