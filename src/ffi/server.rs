//! The server: options and life.

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock};

use super::application::{Application, UserData};
use super::error::wsgi_error;
use super::guard::{Failure, guard, guard_with, text};
use super::types::*;
use crate::engine::Engine;
use crate::gateway::Gateway;
use crate::server::HTTPServer;
use crate::server::options::option_specs;

/// A server. Opaque; its functions may be called from any thread.
pub struct wsgi_server {
    inner: Arc<HTTPServer>,
}

/// The server that a function was called with. In a forked child nothing more is asked of it: a
/// thread that is not here may have its locks, and its descriptors are the parent's as well.
#[inline]
pub(super) fn here(server: Option<&wsgi_server>) -> Result<&wsgi_server, Failure> {
    let server = server.ok_or(Failure::Null("server"))?;
    match server.inner.is_forked() {
        true => Err(Failure::Status(WSGI_E_FORKED)),
        false => Ok(server),
    }
}

impl wsgi_server {
    pub(super) fn http(&self) -> &Arc<HTTPServer> {
        &self.inner
    }

    /// Calls `f` with the engine that runs; without one every request is gone.
    pub(super) fn with_engine<R>(
        &self,
        f: impl FnOnce(&Engine) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        self.inner.current.with(f).unwrap_or(Err(Failure::Status(WSGI_GONE)))
    }
}

/// Makes a server for bind_addr: "HOST:PORT" or "[IPV6]:PORT" (port 0 takes a free one; "[::]" is
/// IPv4 too), "unix:/path" or "/path", "@name" (an abstract UNIX socket). NULL or "": it listens on
/// what wsgi_server_listen and wsgi_server_listen_fd add. It is looked at when the server is
/// prepared. A path that is a socket on which nobody answers is replaced, anything else there is an
/// error; it is removed when the server stops, unless another has taken its place. The environ of a
/// UNIX socket's client has an empty SERVER_PORT, REMOTE_ADDR and REMOTE_PORT. Without an
/// application (NULL) it is a pull server, whose requests are taken by wsgi_worker_next.
/// free_user_data, if any, is called exactly once when the server is done with user_data, also when
/// this call fails. The server is to be freed with wsgi_server_free; error, if it is not NULL and
/// the call fails, with wsgi_error_free. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION,
/// WSGI_E_SYSTEM.
///
/// # Safety
/// bind_addr is NULL or a string, server and error may be written to; app may be called on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_new(
    bind_addr: *const c_char,
    app: wsgi_app_fn,
    user_data: *mut c_void,
    free_user_data: wsgi_free_fn,
    server: *mut *mut wsgi_server,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    // Made first: it is given back whatever happens.
    let user_data = UserData::new(user_data, free_user_data);
    let body = || {
        if server.is_null() {
            return Err(Failure::Null("server"));
        }
        let bind_addr = match bind_addr.is_null() {
            true => "",
            // SAFETY: a string by the caller's word.
            false => unsafe { text(bind_addr, "bind_addr")? },
        };
        let handle = Arc::new(AtomicPtr::new(ptr::null_mut()));
        let gateway = match app {
            Some(app) => {
                let application = Application::new(app, user_data, handle.clone());
                Some(Arc::new(application) as Arc<dyn Gateway>)
            }
            None => None,
        };
        let inner = Arc::new(HTTPServer::with_gateway(bind_addr, gateway)?);
        let made = Box::into_raw(Box::new(wsgi_server { inner }));
        handle.store(made, Ordering::Release);
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *server = made };
        Ok(())
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Sets an option by its name, like "numthreads" to "10". Before the server is prepared; time-outs,
/// limits and some more (those with a mark in docs/options.md) also later, when a time-out counts
/// from the next wait on and a limit from the next request. Any thread. Errors: WSGI_E_NULL,
/// WSGI_E_OPTION (the text names the option and what it takes), WSGI_E_STATE, WSGI_E_SYSTEM.
///
/// # Safety
/// name and value are strings, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_set(
    server: Option<&wsgi_server>,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let server = here(server)?;
        // SAFETY: strings by the caller's word.
        let (name, value) = unsafe { (text(name, "name")?, text(value, "value")?) };
        Ok(server.inner.set(name, value)?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Writes the value of an option into buffer, with a NUL behind it, and its length into length
/// (which may be NULL). If buffer is too small, or NULL with capacity 0, only the length is written
/// and the call returns WSGI_E_LENGTH. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION.
///
/// # Safety
/// name is a string, buffer may be written to for capacity bytes, length is NULL or may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_get(
    server: Option<&wsgi_server>,
    name: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: a string by the caller's word.
        let value = server.inner.get(unsafe { text(name, "name")? })?;
        // SAFETY: the same as ours.
        unsafe { copy_out(&value, buffer, capacity, length) }
    })
}

/// How many options there are. Any thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_option_count() -> usize {
    option_specs().len()
}

/// Tells about the option with this index, from 0 on, in the order of the documentation.
/// info->struct_size is to be set before. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (no such
/// index), WSGI_E_STATE (the struct is too small).
///
/// # Safety
/// info is NULL or may be read and written to for the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_option_info(
    index: usize,
    info: *mut wsgi_option_info,
) -> wsgi_status {
    guard(|| {
        // SAFETY: NULL or readable by the caller's word.
        let info = unsafe { info.as_mut() }.ok_or(Failure::Null("info"))?;
        if info.struct_size < size_of::<wsgi_option_info>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let texts = OPTION_TEXTS.get(index).ok_or(Failure::Status(WSGI_E_OPTION))?;
        info.name = texts[0].as_ptr();
        info.r#type = texts[1].as_ptr();
        info.default_value = texts[2].as_ptr();
        info.accepts = texts[3].as_ptr();
        info.help = texts[4].as_ptr();
        let spec = option_specs()[index];
        (info.minimum, info.maximum) = spec.kind.bounds().unwrap_or_default();
        info.while_running = spec.is_for_running_servers().into();
        Ok(())
    })
}

/// The options' texts with a NUL behind each. A constant, made on first use.
static OPTION_TEXTS: LazyLock<Vec<[CString; 5]>> = LazyLock::new(|| {
    let text = |text: &str| CString::new(text).unwrap_or_default();
    option_specs()
        .iter()
        .map(|spec| {
            let default = spec.default_value();
            let accepts = spec.kind.accepts();
            [spec.name, spec.kind.name(), &default, &accepts, spec.help].map(text)
        })
        .collect()
});

/// Binds, listens, and starts the worker threads: on all addresses, or on none. Connections wait
/// until wsgi_server_serve; a pull server serves from here on. Any thread. Errors: WSGI_E_NULL,
/// WSGI_E_BIND, WSGI_E_STATE, WSGI_E_SYSTEM, WSGI_E_THREAD_START.
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_prepare(
    server: Option<&wsgi_server>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let server = here(server)?;
        Ok(if server.inner.is_pull() {
            server.inner.start_background()
        } else {
            server.inner.prepare()
        }?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Accepts and serves until the server is stopped; the calling thread is its listening thread. Any
/// thread. Errors: WSGI_E_NULL, WSGI_E_STATE, WSGI_E_FORKED, WSGI_E_INTERRUPTED (the application or
/// wsgi_server_interrupt asked for the end).
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_serve(
    server: Option<&wsgi_server>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || Ok(here(server)?.inner.serve()?);
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// wsgi_server_prepare and wsgi_server_serve, with the errors of both. Any thread.
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_start(
    server: Option<&wsgi_server>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || Ok(here(server)?.inner.start()?);
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// wsgi_server_start with a listening thread of the library's own: returns when the server accepts
/// connections. Any thread. Errors as there.
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_start_background(
    server: Option<&wsgi_server>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || Ok(here(server)?.inner.start_background()?);
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Stops: no new connections, the option shutdown_timeout (seconds) for the requests in work, then
/// the rest is cut; requests_cut, if not NULL, is told how many. Requests in work can know of it by
/// wsgi_request_aborted and wsgi_request_on_abort. From a worker thread of the server, or inside
/// wsgi_server_tick, it only asks for the stop. A server that does not run is left as it is. Any
/// thread. Errors: WSGI_E_NULL, WSGI_E_FORKED.
///
/// # Safety
/// requests_cut is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_stop(
    server: Option<&wsgi_server>,
    requests_cut: *mut u32,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        let cut = server.inner.stop();
        if !requests_cut.is_null() {
            // SAFETY: not NULL, so it may be written to by the caller's word.
            unsafe { *requests_cut = cut };
        }
        Ok(())
    })
}

/// Asks for the stop and returns at once: wsgi_server_serve drains and returns WSGI_OK. May be
/// called in a signal handler, as long as there is the server: change the handler before
/// wsgi_server_free, as a second signal can come at any time. Any thread. Errors: WSGI_E_NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_signal_stop(server: Option<&wsgi_server>) -> wsgi_status {
    // No guard: nothing here can panic, and a signal handler is no place for one.
    match here(server) {
        Ok(server) => {
            server.inner.signal_stop();
            WSGI_OK
        }
        Err(failure) => failure.status(),
    }
}

/// Waits until the server has stopped; returns at once if it does not run. Any thread but a worker.
/// Errors: WSGI_E_NULL, WSGI_BUSY (called from a worker thread, which would wait for itself),
/// WSGI_E_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_server_wait(server: Option<&wsgi_server>) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if server.inner.is_a_worker_here() {
            return Err(Failure::Status(WSGI_BUSY));
        }
        server.inner.wait();
        Ok(())
    })
}

/// Stops the server if it runs, and frees it; the handle must not be used any more. NULL is fine.
/// WSGI_BUSY: the call comes from a worker thread, or a worker is still in the application after
/// the stop; then nothing is freed and the handle is good for another try. WSGI_E_FORKED: this is a
/// forked child of the process that runs the server; nothing is freed here either. Any thread but a
/// worker, while no other uses the handle.
///
/// # Safety
/// server is NULL or a handle that was not freed and that no other thread is using.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_free(server: *mut wsgi_server) -> wsgi_status {
    guard(|| {
        if server.is_null() {
            return Ok(());
        }
        // SAFETY: a handle by the caller's word.
        let inner = here(unsafe { server.as_ref() })?.inner.clone();
        if inner.is_a_worker_here() {
            return Err(Failure::Status(WSGI_BUSY));
        }
        inner.stop();
        if inner.is_in_use() {
            return Err(Failure::Status(WSGI_BUSY));
        }
        drop(inner);
        // SAFETY: it was made by `wsgi_server_new` and nobody uses it any more.
        drop(unsafe { Box::from_raw(server) });
        Ok(())
    })
}

/// Copies a text and its NUL to the caller.
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be.
pub(super) unsafe fn copy_out(
    value: &str,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> Result<(), Failure> {
    if buffer.is_null() && capacity > 0 {
        return Err(Failure::Null("buffer"));
    }
    if !length.is_null() {
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *length = value.len() };
    }
    if capacity <= value.len() {
        return Err(Failure::Status(WSGI_E_LENGTH));
    }
    // SAFETY: the buffer has room for the value and the NUL, and does not overlap our own string.
    unsafe {
        ptr::copy_nonoverlapping(value.as_ptr().cast(), buffer, value.len());
        *buffer.add(value.len()) = 0;
    }
    Ok(())
}
