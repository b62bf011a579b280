//! Where a server listens beside its bind_addr, and where it does listen.

use std::ffi::{c_char, c_int};
use std::os::fd::FromRawFd;

use super::error::wsgi_error;
use super::guard::{Failure, guard, guard_with, text};
use super::server::{copy_out, here, wsgi_server};
use super::types::*;
use crate::error::{Error, ErrorKind};
use crate::sys::file::duplicate;

/// Adds an address to listen on beside bind_addr, in the same forms. Before the server is prepared,
/// which is when names are resolved and sockets made: all of them, or none. Any thread. Errors:
/// WSGI_E_NULL, WSGI_E_BIND (it has none of the forms, or there are more than 13 listeners),
/// WSGI_E_STATE (the server runs).
///
/// # Safety
/// addr is a string, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_listen(
    server: Option<&wsgi_server>,
    addr: *const c_char,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let server = here(server)?;
        // SAFETY: a string by the caller's word.
        Ok(server.http().listen(unsafe { text(addr, "addr")? })?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Adds a socket that listens already, beside bind_addr (NULL or "" at wsgi_server_new: only the
/// descriptor is served). On success fd is the server's, which may give it another number; it is
/// made close-on-exec, and non-blocking when the server is prepared. It is for one run: the server
/// closes it when it stops listening (wsgi_server_quiesce, or the beginning of a stop), and clients
/// are refused from then on, unless the host or another process has a descriptor for the same
/// socket, which goes on listening, as the server never shuts it down. A server that is started
/// again listens without it; give it another descriptor. A path that it has is not removed. On
/// failure fd is the caller's as before. Before the server is prepared. Any thread. Errors: WSGI_E_NULL, WSGI_E_BIND (closed, no socket, not a
/// stream socket of IP or UNIX, does not listen, or too many; the text says which), WSGI_E_SYSTEM,
/// WSGI_E_STATE (the server runs).
///
/// # Safety
/// fd is the caller's to give away, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_listen_fd(
    server: Option<&wsgi_server>,
    fd: c_int,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let server = here(server)?;
        // A second descriptor until all is well: on failure the caller's stays as it is.
        let ours = duplicate(fd).map_err(|error| match error.raw_os_error() {
            Some(libc::EBADF) => Error::new(
                ErrorKind::Bind,
                format!("cannot listen on descriptor {fd}: it is not open"),
            ),
            _ => Error::system("a descriptor cannot be duplicated", &error),
        })?;
        server.http().listen_inherited(ours, fd)?;
        // SAFETY: the caller gives it to us; it is closed here, once.
        drop(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) });
        Ok(())
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// How many listeners the server has: those of wsgi_server_bound_addr_at. 0 before it was prepared,
/// for NULL, and in a forked child. Any thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_listener_count(server: Option<&wsgi_server>) -> usize {
    here(server).map_or(0, |server| server.http().bound_addrs().len())
}

/// Writes the address that is listened on, with the real port, in a form that bind_addr takes:
/// "127.0.0.1:39123", "[::1]:39123", "unix:/run/app.sock", "@name". With several listeners it is
/// the first one's. After a stop it is that of the last run. The rest as for wsgi_server_get. Any
/// thread. Errors: WSGI_E_NULL, WSGI_E_LENGTH, WSGI_E_STATE (not prepared yet).
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_bound_addr(
    server: Option<&wsgi_server>,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    // SAFETY: the same as ours.
    unsafe { wsgi_server_bound_addr_at(server, 0, buffer, capacity, length) }
}

/// wsgi_server_bound_addr for each listener: bind_addr's is 0, the others follow in the order they
/// were added. Any thread. Errors as there, and WSGI_E_OPTION (no such index).
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_bound_addr_at(
    server: Option<&wsgi_server>,
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let bound = here(server)?.http().bound_addrs();
        if bound.is_empty() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let address = bound.get(index).ok_or(Failure::Status(WSGI_E_OPTION))?.to_string();
        // SAFETY: the same as ours.
        unsafe { copy_out(&address, buffer, capacity, length) }
    })
}
