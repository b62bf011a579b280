//! A host's own TLS: a table of functions in the shape of memory BIOs.

use std::ffi::{CStr, c_char, c_void};
use std::io::{self, IoSlice};
use std::sync::Arc;

use super::application::UserData;
use super::error::wsgi_error;
use super::guard::{Failure, guard_with, text};
use super::server::{here, wsgi_server};
use super::types::*;
use crate::error::{Error, ErrorKind};
use crate::ssl::{Description, SSLAdapter, SSLAdapterClass, SSLError, SSLSession};

/// Plaintext is given to a session in pieces of up to so many bytes: a record of TLS.
const PIECE: usize = 16 * 1024;

/// What wsgi_ssl_table.environ calls for each pair.
pub type wsgi_ssl_put_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        key: *const c_char,
        value: *const c_void,
        length: usize,
    ),
>;

/// TLS of the host's own. It does no input and output: encrypted bytes are fed to a session and
/// taken from it, so any thread of the library may drive it, one at a time. None of these may wait,
/// throw or longjmp out of the call. A status that is none of those named ends the connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsgi_ssl_table {
    /// Set by the caller: the size of this struct. It grows at the end only.
    pub struct_size: usize,
    /// The seed's bind. Accepted, and not called: listeners are the library's.
    pub bind: Option<unsafe extern "C" fn(user_data: *mut c_void) -> wsgi_status>,
    /// Makes a session for a connection (the seed's wrap). Required.
    pub wrap: Option<
        unsafe extern "C" fn(user_data: *mut c_void, session: *mut *mut c_void) -> wsgi_status,
    >,
    /// Takes encrypted bytes of the client, goes on with the handshake, and says how many it took:
    /// all, unless plaintext has to be read first. WSGI_E_FATAL_SSL_ALERT: it is broken; what take
    /// still gives, an alert, is sent. Required.
    pub feed: Option<
        unsafe extern "C" fn(
            session: *mut c_void,
            data: *const c_void,
            length: usize,
            taken: *mut usize,
        ) -> wsgi_status,
    >,
    /// Gives encrypted bytes for the client, 0 if there are none. Required.
    pub take: Option<
        unsafe extern "C" fn(
            session: *mut c_void,
            buffer: *mut c_void,
            capacity: usize,
            count: *mut usize,
        ) -> wsgi_status,
    >,
    /// Whether the handshake is not complete. Required.
    pub is_handshaking: Option<unsafe extern "C" fn(session: *mut c_void) -> i32>,
    /// Gives plaintext of the client: 0 when it has ended its side, WSGI_AGAIN if there is none now.
    /// Required.
    pub read: Option<
        unsafe extern "C" fn(
            session: *mut c_void,
            buffer: *mut c_void,
            capacity: usize,
            count: *mut usize,
        ) -> wsgi_status,
    >,
    /// Encrypts plaintext, and says how much of it. Required.
    pub write: Option<
        unsafe extern "C" fn(
            session: *mut c_void,
            data: *const c_void,
            length: usize,
            taken: *mut usize,
        ) -> wsgi_status,
    >,
    /// Says goodbye to the client.
    pub close: Option<unsafe extern "C" fn(session: *mut c_void)>,
    /// Tells the variables for the environ, like SSL_PROTOCOL, by calling put with context for each.
    /// Once for a connection. HTTPS and wsgi.url_scheme are there without it. From SSL_SERVER_CERT
    /// and SSL_CLIENT_CERT, certificates in PEM, the library makes the other variables of the
    /// certificate, like SSL_CLIENT_S_DN, unless they are put as well; of the client's only if
    /// SSL_CLIENT_VERIFY is SUCCESS. wsgi_request_peer_certificate then has that certificate.
    pub environ: Option<
        unsafe extern "C" fn(session: *mut c_void, put: wsgi_ssl_put_fn, context: *mut c_void),
    >,
    /// Frees a session. Required.
    pub free: Option<unsafe extern "C" fn(session: *mut c_void)>,
    /// Reads certificates again (wsgi_server_reload_ssl).
    pub reload: Option<unsafe extern "C" fn(user_data: *mut c_void) -> wsgi_status>,
}

/// Adds a kind of adapter to those that the server knows, for wsgi_ssl_adapter_new and the option
/// ssl_adapter; one that has the name already is replaced. free_user_data, if any, is called exactly
/// once when user_data is needed no more, also when this call fails. Any thread. Errors:
/// WSGI_E_NULL, WSGI_E_OPTION (an empty name, or a function is missing), WSGI_E_STATE (the table is
/// too small).
///
/// # Safety
/// name is a string; table may be read for the size that it says, and its functions may be called
/// with user_data on any thread; error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_ssl_adapter_register(
    server: Option<&wsgi_server>,
    name: *const c_char,
    table: *const wsgi_ssl_table,
    user_data: *mut c_void,
    free_user_data: wsgi_free_fn,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let user_data = UserData::new(user_data, free_user_data);
    let body = || {
        let server = here(server)?;
        // SAFETY: a string, and NULL or readable, by the caller's word.
        let (name, table) = unsafe { (text(name, "name")?, table.as_ref()) };
        let table = table.ok_or(Failure::Null("table"))?;
        if table.struct_size < size_of::<wsgi_ssl_table>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        let adapter = Arc::new(HostAdapter { functions: Functions::of(table)?, user_data });
        let class: SSLAdapterClass = Arc::new(move |_| Ok(adapter.clone()));
        Ok(server.http().register_ssl_adapter(name, class)?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// The functions of a table that have to be there, and those that need not.
#[derive(Clone, Copy)]
struct Functions {
    wrap: unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> wsgi_status,
    feed: unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut usize) -> wsgi_status,
    take: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, *mut usize) -> wsgi_status,
    is_handshaking: unsafe extern "C" fn(*mut c_void) -> i32,
    read: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, *mut usize) -> wsgi_status,
    write: unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut usize) -> wsgi_status,
    free: unsafe extern "C" fn(*mut c_void),
    optional: wsgi_ssl_table,
}

impl Functions {
    fn of(table: &wsgi_ssl_table) -> Result<Self, Error> {
        let missing =
            |name: &str| Error::new(ErrorKind::Option, format!("wsgi_ssl_table.{name} is NULL"));
        Ok(Self {
            wrap: table.wrap.ok_or_else(|| missing("wrap"))?,
            feed: table.feed.ok_or_else(|| missing("feed"))?,
            take: table.take.ok_or_else(|| missing("take"))?,
            is_handshaking: table.is_handshaking.ok_or_else(|| missing("is_handshaking"))?,
            read: table.read.ok_or_else(|| missing("read"))?,
            write: table.write.ok_or_else(|| missing("write"))?,
            free: table.free.ok_or_else(|| missing("free"))?,
            optional: *table,
        })
    }
}

struct HostAdapter {
    functions: Functions,
    user_data: UserData,
}

impl SSLAdapter for HostAdapter {
    fn wrap(&self) -> Result<Box<dyn SSLSession>, SSLError> {
        let mut session = std::ptr::null_mut();
        // SAFETY: the function is the host's and was given for this.
        let status = unsafe { (self.functions.wrap)(self.user_data.pointer(), &mut session) };
        check("wrap", status)?;
        Ok(Box::new(HostSession {
            functions: self.functions,
            session,
            user_data: self.user_data.clone(),
            output: Vec::new(),
            at: 0,
            readable: false,
        }))
    }

    fn reload(&self) -> Result<(), Error> {
        let Some(reload) = self.functions.optional.reload else {
            let none = "this SSL adapter of the host's cannot reload";
            return Err(Error::new(ErrorKind::State, none));
        };
        // SAFETY: the function is the host's and was given for this.
        match unsafe { reload(self.user_data.pointer()) } {
            WSGI_OK => Ok(()),
            status => {
                let text = format!("the host's SSL adapter could not reload: status {status}");
                Err(Error::new(ErrorKind::SSL, text))
            }
        }
    }
}

struct HostSession {
    functions: Functions,
    session: *mut c_void,
    /// Lives as long as its sessions.
    #[expect(dead_code, reason = "only kept")]
    user_data: UserData,
    /// Encrypted bytes that were taken from the session, from `at` on those that are to be sent.
    output: Vec<u8>,
    at: usize,
    /// There may be plaintext.
    readable: bool,
}

// SAFETY: the host gives sessions that any thread may drive, one at a time; the header says so.
unsafe impl Send for HostSession {}

impl HostSession {
    /// Takes all encrypted bytes that the session has.
    fn collect(&mut self) -> Result<(), SSLError> {
        loop {
            let old = self.output.len();
            self.output.resize(old + PIECE, 0);
            let room = &mut self.output[old..];
            let mut count = 0;
            // SAFETY: the session is the host's own, and the room is writable for its length.
            let status = unsafe {
                let room = room.as_mut_ptr().cast();
                (self.functions.take)(self.session, room, PIECE, &mut count)
            };
            self.output.truncate(old + count.min(PIECE));
            match status {
                WSGI_OK if count > 0 => {}
                WSGI_OK | WSGI_AGAIN => return Ok(()),
                status => return check("take", status),
            }
        }
    }
}

impl SSLSession for HostSession {
    fn feed(&mut self, encrypted: &[u8]) -> Result<usize, SSLError> {
        let mut taken = 0;
        // SAFETY: the session is the host's own, and the bytes are readable for their length.
        let status = unsafe {
            let data = encrypted.as_ptr().cast();
            (self.functions.feed)(self.session, data, encrypted.len(), &mut taken)
        };
        self.readable = true;
        let collected = self.collect();
        check("feed", status)?;
        collected?;
        Ok(taken.min(encrypted.len()))
    }

    fn take(&mut self, sink: &mut dyn io::Write) -> io::Result<usize> {
        let mut taken = 0;
        while self.at < self.output.len() {
            match sink.write(&self.output[self.at..]) {
                Ok(count) => {
                    self.at += count;
                    taken += count;
                }
                Err(_) if taken > 0 => return Ok(taken),
                Err(error) => return Err(error),
            }
        }
        (self.output, self.at) = (Vec::new(), 0);
        Ok(taken)
    }

    fn wants_take(&self) -> bool {
        self.at < self.output.len()
    }

    fn is_handshaking(&self) -> bool {
        // SAFETY: the session is the host's own.
        unsafe { (self.functions.is_handshaking)(self.session) != 0 }
    }

    fn read(&mut self, plaintext: &mut [u8]) -> Result<Option<usize>, SSLError> {
        let mut count = 0;
        // SAFETY: the session is the host's own, and the buffer is writable for its length.
        let status = unsafe {
            let buffer = plaintext.as_mut_ptr().cast();
            (self.functions.read)(self.session, buffer, plaintext.len(), &mut count)
        };
        let collected = self.collect();
        match status {
            WSGI_OK => collected.map(|()| Some(count.min(plaintext.len()))),
            WSGI_AGAIN => {
                self.readable = false;
                collected.map(|()| None)
            }
            status => check("read", status).map(|()| None),
        }
    }

    fn pending(&self) -> usize {
        usize::from(self.readable)
    }

    fn write(&mut self, plaintext: &[IoSlice<'_>]) -> Result<usize, SSLError> {
        let mut all = 0;
        for piece in plaintext.iter().filter(|piece| !piece.is_empty()) {
            let piece = &piece[..piece.len().min(PIECE)];
            let mut taken = 0;
            // SAFETY: the session is the host's own, and the piece is readable for its length.
            let status = unsafe {
                let data = piece.as_ptr().cast();
                (self.functions.write)(self.session, data, piece.len(), &mut taken)
            };
            check("write", status)?;
            all += taken.min(piece.len());
            if taken < piece.len() || all >= PIECE {
                break;
            }
        }
        self.collect()?;
        Ok(all)
    }

    fn close(&mut self) {
        if let Some(close) = self.functions.optional.close {
            // SAFETY: the session is the host's own.
            unsafe { close(self.session) };
            // Without a goodbye it ends as well.
            let _no_goodbye = self.collect();
        }
    }

    fn describe(&self) -> Description {
        Description::default()
    }

    fn environ(&self) -> Vec<(String, Vec<u8>)> {
        let mut pairs = Vec::new();
        if let Some(environ) = self.functions.optional.environ {
            // SAFETY: the session is the host's own, and `put` gets the pairs back as its context
            // while the call lasts.
            unsafe { environ(self.session, Some(put), (&raw mut pairs).cast()) };
        }
        pairs
    }
}

impl Drop for HostSession {
    fn drop(&mut self) {
        // SAFETY: the session is the host's own, and this is its end.
        unsafe { (self.functions.free)(self.session) };
    }
}

/// # Safety
/// `context` is the vector of `environ`, key a string, value readable for its length.
unsafe extern "C" fn put(
    context: *mut c_void,
    key: *const c_char,
    value: *const c_void,
    length: usize,
) {
    if context.is_null() || key.is_null() || (value.is_null() && length > 0) {
        return;
    }
    // SAFETY: not NULL, and what they are said to be.
    unsafe {
        let pairs = &mut *context.cast::<Vec<(String, Vec<u8>)>>();
        let key = CStr::from_ptr(key).to_string_lossy().into_owned();
        let value = match length {
            0 => &[],
            length => std::slice::from_raw_parts(value.cast::<u8>(), length),
        };
        pairs.push((key, value.to_vec()));
    }
}

fn check(function: &str, status: wsgi_status) -> Result<(), SSLError> {
    match status {
        WSGI_OK => Ok(()),
        WSGI_E_NO_SSL => Err(SSLError::NoSSL),
        WSGI_E_FATAL_SSL_ALERT => Err(SSLError::FatalSSLAlert("the session is broken".into())),
        status => {
            Err(SSLError::FatalSSLAlert(format!("the host's {function} failed: status {status}")))
        }
    }
}
