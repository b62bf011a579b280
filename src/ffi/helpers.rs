//! Helpers over texts of a request. They know no server and keep nothing.

use std::ffi::{c_char, c_void};

use super::application::lent_bytes;
use super::guard::{Failure, guard, guard_count, room};
use super::types::*;
use crate::decode::{cookie, percent_decode_in_place, query};

/// Decodes %XX, and + to a space if plus is not 0 (queries and forms), from text to buffer: the
/// length, which is at most that of the text, or a negative status. The buffer may be the text
/// itself. What is no escape stays as it is. Any thread. Errors: WSGI_E_NULL, WSGI_E_LENGTH
/// (capacity is smaller than length).
///
/// # Safety
/// text is readable for length bytes, buffer writable for capacity.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_percent_decode(
    text: *const c_char,
    length: usize,
    plus: i32,
    buffer: *mut c_void,
    capacity: usize,
) -> i64 {
    guard_count(|| {
        if length == 0 {
            return Ok(0);
        }
        if text.is_null() {
            return Err(Failure::Null("text"));
        }
        if capacity < length {
            return Err(Failure::Status(WSGI_E_LENGTH));
        }
        // SAFETY: writable by the caller's word.
        let copy = unsafe { room(buffer, length)? };
        // SAFETY: both have so many bytes; they may overlap.
        unsafe { std::ptr::copy(text.cast(), copy.as_mut_ptr(), length) };
        Ok(percent_decode_in_place(copy, plus != 0) as i64)
    })
}

/// Takes the next pair off the front of rest, a query or an urlencoded form: 1 with name and value
/// set, 0 at the end, or a negative status. Both are slices of the text, as they were sent:
/// wsgi_percent_decode with plus decodes them. value.ptr is NULL where there was no `=`. Empty
/// pairs are passed over. Any thread. Errors: WSGI_E_NULL.
///
/// # Safety
/// All three may be read and written to, rest's bytes are readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_query_next(
    rest: *mut wsgi_str,
    name: *mut wsgi_str,
    value: *mut wsgi_str,
) -> i32 {
    guard_count(|| {
        if rest.is_null() || name.is_null() || value.is_null() {
            return Err(Failure::Null("rest, name or value"));
        }
        // SAFETY: not NULL, and a text by the caller's word.
        let mut pairs = query(unsafe { lent_bytes(*rest)? });
        let pair = pairs.next();
        // SAFETY: none is NULL, so all may be written to by the caller's word.
        unsafe {
            *rest = lend(Some(pairs.rest()));
            let Some((this_name, this_value)) = pair else { return Ok(0) };
            *name = lend(Some(this_name));
            *value = lend(this_value);
        }
        Ok(1)
    })
}

/// The value of the first cookie of this name (its case counts) in the value of a Cookie header, as
/// a slice of that: without the quotes around it, else as it was sent. value.ptr is NULL if there
/// is none. Any thread. Errors: WSGI_E_NULL.
///
/// # Safety
/// header and name are readable, value may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_cookie_get(
    header: wsgi_str,
    name: wsgi_str,
    value: *mut wsgi_str,
) -> wsgi_status {
    guard(|| {
        if value.is_null() {
            return Err(Failure::Null("value"));
        }
        // SAFETY: readable by the caller's word.
        let (header, name) = unsafe { (lent_bytes(header)?, lent_bytes(name)?) };
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *value = lend(cookie(header, name)) };
        Ok(())
    })
}

/// A slice of something that lives on; NULL for nothing.
pub(super) fn lend(bytes: Option<&[u8]>) -> wsgi_str {
    match bytes {
        Some(bytes) => wsgi_str { ptr: bytes.as_ptr().cast(), len: bytes.len() },
        None => wsgi_str { ptr: std::ptr::null(), len: 0 },
    }
}
