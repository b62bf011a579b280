//! Buffers of the host's that are sent from where they are.

use std::ffi::c_void;

use super::application::UserData;
use super::guard::{Failure, guard};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;

/// wsgi_write of a buffer that is given away. What the client does not take at once stays in it,
/// uncopied, and is sent when it does (a small buffer may be copied); this call goes on, and the
/// next one that writes waits until it has gone. The buffer must stay as it is until release(user_data)
/// is called: exactly once, also when this call fails, on this or any other thread, without any lock.
/// It has to be short. A release of NULL is for bytes that stay for ever. Any thread. Errors: those of
/// wsgi_write.
///
/// # Safety
/// data is readable for length bytes until release is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_write_owned(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    data: *const c_void,
    length: usize,
    release: wsgi_free_fn,
    user_data: *mut c_void,
) -> wsgi_status {
    let owner = UserData::new(user_data, release);
    // Dropped at the end of this, outside all locks, if it was not parked.
    let mut buffer = Some(HostBuffer { data: data.cast(), length, _owner: owner });
    guard(|| {
        let server = here(server)?;
        if data.is_null() && length > 0 {
            return Err(Failure::Null("data"));
        }
        server.with_engine(|engine| Ok(engine.write_owned(RequestId(request), &mut buffer)?))
    })
}

struct HostBuffer {
    data: *const u8,
    length: usize,
    _owner: UserData,
}

// SAFETY: the bytes are only read, and the host has promised that they stay until they are released.
unsafe impl Send for HostBuffer {}

impl AsRef<[u8]> for HostBuffer {
    fn as_ref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: not NULL with a length, which was checked, and readable until the owner is dropped,
        // which is not before this is.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}
