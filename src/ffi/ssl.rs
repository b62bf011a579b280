//! TLS: adapters and the server that speaks it.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use super::application::UserData;
use super::error::wsgi_error;
use super::guard::{Failure, guard, guard_with, text};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::handle::RequestId;
use crate::error::{Error, ErrorKind};
use crate::ssl::{
    Identity, Password, SSLAdapter, SSLAdapterClass, SSLConfig, get_ssl_adapter_class,
};

/// An SSL adapter (the seed's SSLAdapter): certificates, a key, and who speaks TLS with them. Opaque;
/// its functions may be called from any thread. Several servers may have the same one.
pub struct wsgi_ssl_adapter {
    class: SSLAdapterClass,
    state: Mutex<State>,
}

struct State {
    config: SSLConfig,
    /// Made of the settings when a server is first given it.
    made: Option<Arc<dyn SSLAdapter>>,
}

/// Asked for the password of the encrypted private key in file: writes it into buffer and returns
/// its length, at most capacity; 0: there is none. It is called where files are read: by
/// wsgi_server_set_ssl_adapter and the functions that reload, on their threads.
pub type wsgi_password_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        file: *const c_char,
        buffer: *mut c_char,
        capacity: usize,
    ) -> usize,
>;

/// Whether there is this kind of SSL adapter (the seed's function of this name): "builtin" (rustls),
/// "pyopenssl" or "openssl" (OpenSSL), or what wsgi_ssl_adapter_register has added to the server,
/// which may be NULL; names ignore case. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (the text
/// lists the known ones, and names one that was not compiled in), WSGI_E_FORKED.
///
/// # Safety
/// name is a string, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_get_ssl_adapter_class(
    server: Option<&wsgi_server>,
    name: *const c_char,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    // SAFETY: a string by the caller's word.
    let body = || class(server, unsafe { text(name, "name")? }).map(drop);
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Makes an adapter of the kind name (NULL: "builtin"; see wsgi_get_ssl_adapter_class) for a
/// certificate and its private key, names of PEM files. private_key NULL: it is in the certificate's
/// file. certificate_chain, which may be NULL, is sent behind the certificate. The files are read
/// when the adapter is given to a server. server may be NULL unless the kind was registered with it.
/// To be freed with wsgi_ssl_adapter_free. For one certificate the server's options certificate and
/// private_key do the same without an adapter. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (no
/// such kind), WSGI_E_FORKED.
///
/// # Safety
/// The names are strings or NULL, adapter and error may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_ssl_adapter_new(
    server: Option<&wsgi_server>,
    name: *const c_char,
    certificate: *const c_char,
    private_key: *const c_char,
    certificate_chain: *const c_char,
    adapter: *mut *mut wsgi_ssl_adapter,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        if adapter.is_null() {
            return Err(Failure::Null("adapter"));
        }
        // SAFETY: strings or NULL by the caller's word.
        let (name, identity) = unsafe {
            let name = optional(name)?;
            (name, identity(certificate, private_key, certificate_chain)?)
        };
        let class = class(server, if name.is_empty() { "builtin" } else { name })?;
        let config = SSLConfig { identity, ..SSLConfig::default() };
        let state = Mutex::new(State { config, made: None });
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *adapter = Box::into_raw(Box::new(wsgi_ssl_adapter { class, state })) };
        Ok(())
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Sets one of private_key_password, minimum_tls_version, ciphers, client_auth, client_ca,
/// client_crl, session_tickets, or another of the server's options for TLS. Before the adapter is
/// given to a server. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (the text says what is taken),
/// WSGI_E_STATE.
///
/// # Safety
/// name and value are strings, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_ssl_adapter_set(
    adapter: Option<&wsgi_ssl_adapter>,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let adapter = adapter.ok_or(Failure::Null("adapter"))?;
        // SAFETY: strings by the caller's word.
        let (name, value) = unsafe { (text(name, "name")?, text(value, "value")?) };
        adapter.change(|config| config.set(name, value))
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Sets a function that is asked for the password of an encrypted private key. free_user_data, if
/// any, is called exactly once when user_data is needed no more, also when this call fails. Before
/// the adapter is given to a server. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE.
///
/// # Safety
/// ask may be called with user_data until that is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_ssl_adapter_set_password(
    adapter: Option<&wsgi_ssl_adapter>,
    ask: wsgi_password_fn,
    user_data: *mut c_void,
    free_user_data: wsgi_free_fn,
) -> wsgi_status {
    let user_data = UserData::new(user_data, free_user_data);
    guard(|| {
        let adapter = adapter.ok_or(Failure::Null("adapter"))?;
        let ask = ask.ok_or(Failure::Null("ask"))?;
        let password: Password = Arc::new(move |file: &str| {
            let file = std::ffi::CString::new(file).ok()?;
            let mut buffer = vec![0u8; 1024];
            // SAFETY: the function is the host's and was given for this; the buffer has the size
            // that it is told.
            let length = unsafe {
                ask(user_data.pointer(), file.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len())
            };
            buffer.truncate(length.min(1024));
            (length > 0).then_some(buffer)
        });
        adapter.change(|config| {
            config.password = Some(password);
            Ok(())
        })
    })
}

/// Adds a certificate for clients that ask for another name (SNI). name may be a host name or
/// *.DOMAIN; NULL: the names that the certificate is for. The files are as in wsgi_ssl_adapter_new.
/// Before the adapter is given to a server. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE.
///
/// # Safety
/// The names are strings or NULL, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_ssl_adapter_add_sni(
    adapter: Option<&wsgi_ssl_adapter>,
    name: *const c_char,
    certificate: *const c_char,
    private_key: *const c_char,
    certificate_chain: *const c_char,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let adapter = adapter.ok_or(Failure::Null("adapter"))?;
        // SAFETY: strings or NULL by the caller's word.
        let (name, identity) =
            unsafe { (optional(name)?, identity(certificate, private_key, certificate_chain)?) };
        let name = (!name.is_empty()).then(|| name.to_owned());
        adapter.change(|config| {
            config.sni.push((name, identity));
            Ok(())
        })
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Reads the adapter's files again, for connections that begin later. If they are not in order
/// everything stays as it was, and the text says why. Any thread, also while servers run. Errors:
/// WSGI_E_NULL, WSGI_E_STATE (no server was given the adapter yet), WSGI_E_SSL.
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_ssl_adapter_reload(
    adapter: Option<&wsgi_ssl_adapter>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let adapter = adapter.ok_or(Failure::Null("adapter"))?;
        let made = adapter.lock().made.clone();
        let never = || Error::new(ErrorKind::State, "the adapter has not been given to a server");
        Ok(made.ok_or_else(never)?.reload()?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Frees an adapter; servers that have it go on with it. NULL is fine. Any thread, while no other
/// uses the handle. No errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_ssl_adapter_free(adapter: Option<Box<wsgi_ssl_adapter>>) {
    drop(adapter);
}

/// Lets the server speak TLS with this adapter (the seed's server.ssl_adapter); NULL: as its options
/// say. The adapter's files are read here. Before the server is prepared. Any thread. Errors:
/// WSGI_E_NULL, WSGI_E_SSL (the text names the file, and what is wrong with it), WSGI_E_OPTION (a
/// cipher), WSGI_E_STATE (the server runs).
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_set_ssl_adapter(
    server: Option<&wsgi_server>,
    adapter: Option<&wsgi_ssl_adapter>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let server = here(server)?;
        let adapter = adapter.map(wsgi_ssl_adapter::made).transpose()?;
        Ok(server.http().set_ssl_adapter(adapter)?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Reads the certificates of the running server again, whether they are an adapter's or the
/// options'; like wsgi_ssl_adapter_reload. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (it does
/// not run, or not with TLS), WSGI_E_SSL.
///
/// # Safety
/// error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_server_reload_ssl(
    server: Option<&wsgi_server>,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || Ok(here(server)?.http().reload_ssl()?);
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Copies a certificate that the client has shown, as DER, into buffer, and its length into length
/// (which may be NULL): index 0 is its own, those behind it lead to an authority. If buffer is too
/// small, or NULL with capacity 0, only the length is written, and the call returns WSGI_E_LENGTH.
/// Any thread. Errors: WSGI_E_NULL, WSGI_GONE, WSGI_BUSY, WSGI_E_STATE (there is none with this
/// index, or no TLS).
///
/// # Safety
/// buffer may be written to for capacity bytes, length is NULL or may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_peer_certificate(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    index: usize,
    buffer: *mut c_void,
    capacity: usize,
    length: *mut usize,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if buffer.is_null() && capacity > 0 {
            return Err(Failure::Null("buffer"));
        }
        let all = server.with_engine(|engine| Ok(engine.peer_certificates(RequestId(request))?))?;
        let certificate = all.get(index).ok_or(Failure::Status(WSGI_E_STATE))?;
        if !length.is_null() {
            // SAFETY: not NULL, so it may be written to by the caller's word.
            unsafe { *length = certificate.len() };
        }
        if capacity < certificate.len() {
            return Err(Failure::Status(WSGI_E_LENGTH));
        }
        // SAFETY: the buffer has room for it, and does not overlap our own memory.
        unsafe {
            ptr::copy_nonoverlapping(certificate.as_ptr(), buffer.cast(), certificate.len());
        }
        Ok(())
    })
}

impl wsgi_ssl_adapter {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the settings of an adapter that nobody has yet.
    fn change(
        &self,
        change: impl FnOnce(&mut SSLConfig) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let mut state = self.lock();
        if state.made.is_some() {
            let late = "the adapter was given to a server; its settings stay";
            return Err(Error::new(ErrorKind::State, late).into());
        }
        Ok(change(&mut state.config)?)
    }

    /// The adapter itself. No lock is held while the host is asked for a password.
    fn made(&self) -> Result<Arc<dyn SSLAdapter>, Error> {
        let state = self.lock();
        if let Some(made) = &state.made {
            return Ok(made.clone());
        }
        let config = state.config.clone();
        drop(state);
        let made = (self.class)(&config)?;
        Ok(self.lock().made.get_or_insert(made).clone())
    }
}

fn class(server: Option<&wsgi_server>, name: &str) -> Result<SSLAdapterClass, Failure> {
    Ok(match server {
        Some(_) => here(server)?.http().get_ssl_adapter_class(name)?,
        None => get_ssl_adapter_class(name)?,
    })
}

/// # Safety
/// Each is NULL or a string that lives as long as the result is used.
unsafe fn identity(
    certificate: *const c_char,
    private_key: *const c_char,
    certificate_chain: *const c_char,
) -> Result<Identity, Failure> {
    // SAFETY: as ours.
    unsafe {
        let certificate = text(certificate, "certificate")?;
        Ok(Identity::new(certificate, optional(private_key)?, optional(certificate_chain)?))
    }
}

/// A string that may be missing: "" then.
///
/// # Safety
/// `string` is NULL or a string that lives as long as the result is used.
unsafe fn optional<'a>(string: *const c_char) -> Result<&'a str, Failure> {
    match string.is_null() {
        true => Ok(""),
        // SAFETY: not NULL, so a string by the caller's word.
        false => unsafe { text(string, "") },
    }
}
