//! WSGIPathInfoDispatcher for C: an application made of several.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::application::{App, UserData, lent_bytes};
use super::error::wsgi_error;
use super::guard::{Failure, guard, guard_count, guard_with, items, text};
use super::server::here;
use super::types::*;
use crate::engine::handle::RequestId;
use crate::gateway::environ::key_id;
use crate::gateway::path_info_dispatcher::{Mounts, path_or_root};

/// A dispatcher. Opaque; its functions may be called from any thread.
pub struct wsgi_path_info_dispatcher {
    mounts: Mounts<Mounted>,
}

/// An application under a prefix.
struct Mounted {
    app: App,
    user_data: UserData,
}

/// Makes a dispatcher without applications: every request gets 404. It becomes a server's, or
/// another dispatcher's, application as wsgi_path_info_dispatcher_app with the dispatcher as
/// user_data and wsgi_path_info_dispatcher_free as free_user_data. Any thread. Errors: WSGI_E_NULL.
///
/// # Safety
/// dispatcher may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_path_info_dispatcher_new(
    dispatcher: *mut *mut wsgi_path_info_dispatcher,
) -> wsgi_status {
    guard(|| {
        if dispatcher.is_null() {
            return Err(Failure::Null("dispatcher"));
        }
        let made = Box::new(wsgi_path_info_dispatcher { mounts: Mounts::default() });
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *dispatcher = Box::into_raw(made) };
        Ok(())
    })
}

/// Adds an application for the paths that begin with prefix: "/blog" is for /blog and /blog/new,
/// not for /blogs; "/" is for every path. The longest prefix that fits wins. Also while a server
/// serves. free_user_data, if any, is called exactly once: when the application was removed or the
/// dispatcher freed and its last call has returned, or when this call fails. Any thread. Errors:
/// WSGI_E_NULL, WSGI_E_OPTION (the prefix does not begin with '/', or is there already, as "/blog/"
/// is if "/blog" is; the text names it).
///
/// # Safety
/// prefix is a string, error is NULL or may be written to; app may be called on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_path_info_dispatcher_add(
    dispatcher: Option<&wsgi_path_info_dispatcher>,
    prefix: *const c_char,
    app: wsgi_app_fn,
    user_data: *mut c_void,
    free_user_data: wsgi_free_fn,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    // Made first: it is given back whatever happens.
    let user_data = UserData::new(user_data, free_user_data);
    let body = || {
        let dispatcher = dispatcher.ok_or(Failure::Null("dispatcher"))?;
        let app = app.ok_or(Failure::Null("app"))?;
        // SAFETY: a string by the caller's word.
        let prefix = unsafe { text(prefix, "prefix")? };
        let mounted = Arc::new(Mounted { app, user_data });
        dispatcher.mounts.add(prefix, mounted).map_err(|(error, _given_back)| error.into())
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// Takes an application out. Also while a server serves: calls that are under way go on, and its
/// user_data is given back when the last one has returned, maybe on its thread. Any thread. Errors:
/// WSGI_E_NULL, WSGI_E_OPTION (no application has this prefix).
///
/// # Safety
/// prefix is a string, error is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_path_info_dispatcher_remove(
    dispatcher: Option<&wsgi_path_info_dispatcher>,
    prefix: *const c_char,
    error: *mut *mut wsgi_error,
) -> wsgi_status {
    let body = || {
        let dispatcher = dispatcher.ok_or(Failure::Null("dispatcher"))?;
        // SAFETY: a string by the caller's word.
        let prefix = unsafe { text(prefix, "prefix")? };
        Ok(dispatcher.mounts.remove(prefix).map(drop)?)
    };
    // SAFETY: error is NULL or may be written to.
    unsafe { guard_with(error, body) }
}

/// The application that a dispatcher is: a wsgi_app_fn, whose user_data is the dispatcher. It calls
/// the application whose prefix the environ's PATH_INFO begins with, and shows it an environ in
/// which the prefix has moved to the end of SCRIPT_NAME; wsgi_request_environ shows the same from
/// then on. Where no prefix fits the answer is 404. It returns what the application returns, or a
/// negative status. Middleware may call it with an environ and a responder of its own. Any thread
/// that has the request. Errors: WSGI_E_NULL, and those of wsgi_respond_flat.
///
/// # Safety
/// dispatcher is one, environ and responder are what an application is called with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_path_info_dispatcher_app(
    dispatcher: *mut c_void,
    request: wsgi_request,
    environ: *const wsgi_environ,
    responder: *const wsgi_responder,
) -> i32 {
    guard_count(|| {
        // SAFETY: each is NULL or good for the call by the caller's word.
        let (dispatcher, environ, responder) = unsafe {
            (
                dispatcher.cast::<wsgi_path_info_dispatcher>().as_ref(),
                environ.as_ref(),
                responder.as_ref(),
            )
        };
        let dispatcher = dispatcher.ok_or(Failure::Null("dispatcher"))?;
        let environ = environ.ok_or(Failure::Null("environ"))?;
        let responder = responder.ok_or(Failure::Null("responder"))?;
        // SAFETY: the pairs are lent for the call.
        let pairs = unsafe { items(environ.pairs, environ.count)? };
        // SAFETY: the same.
        let path = path_or_root(unsafe { lent_bytes(value(pairs, PATH_INFO))? });
        let Some((mounted, length)) = dispatcher.mounts.find(path) else {
            // SAFETY: the responder is good for the call.
            return unsafe { not_found(responder) };
        };
        // SAFETY: the function is the host's and was given for this; what it is lent lives through
        // the call.
        let call = |environ: &wsgi_environ| unsafe {
            (mounted.app)(mounted.user_data.pointer(), request, environ, responder)
        };
        if length == 0 && path.len() == value(pairs, PATH_INFO).len {
            return Ok(call(environ));
        }
        // SAFETY: the pairs are lent for the call.
        let script_name = unsafe { lent_bytes(value(pairs, SCRIPT_NAME))? };
        let view = View::new(pairs, script_name, path.split_at(length));
        Ok(call(&lend(view, environ, request)?))
    })
}

/// Frees a dispatcher and gives back the user_data of its applications. No call of
/// wsgi_path_info_dispatcher_app may be under way. NULL is fine. It takes any pointer so that it
/// can be a free_user_data. Any thread, while no other uses the handle; no errors.
///
/// # Safety
/// dispatcher is NULL or one that was not freed and that no other thread is using.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_path_info_dispatcher_free(dispatcher: *mut c_void) {
    if dispatcher.is_null() {
        return;
    }
    let free = || {
        // SAFETY: it was made by `wsgi_path_info_dispatcher_new` and nobody uses it any more.
        drop(unsafe { Box::from_raw(dispatcher.cast::<wsgi_path_info_dispatcher>()) });
    };
    let _nothing_here_panics = catch_unwind(AssertUnwindSafe(free));
}

const SCRIPT_NAME: &str = "SCRIPT_NAME";
const PATH_INFO: &str = "PATH_INFO";

/// The environ's pairs as the application below a prefix sees them.
struct View {
    pairs: Vec<wsgi_pair>,
    /// SCRIPT_NAME and PATH_INFO, each with a NUL behind it.
    names: Vec<u8>,
    script_length: usize,
}

// SAFETY: the pointers lead into the names, and into what is lent until the request ends.
unsafe impl Send for View {}

impl View {
    fn new(pairs: &[wsgi_pair], script_name: &[u8], path: (&[u8], &[u8])) -> Self {
        let (prefix, path_info) = path;
        let names = [script_name, prefix, b"\0", path_info, b"\0"].concat();
        let mut view =
            Self { pairs: pairs.to_vec(), names, script_length: script_name.len() + prefix.len() };
        let (script_name, path_info) = (lent(view.script_name()), lent(view.path_info()));
        for (key, value) in [(SCRIPT_NAME, script_name), (PATH_INFO, path_info)] {
            match view.pairs.iter_mut().rfind(|pair| is_key(pair, key)) {
                Some(pair) => pair.value = value,
                None => view.pairs.push(wsgi_pair {
                    key: key_text(key),
                    value,
                    key_id: key_id(key.as_bytes()),
                }),
            }
        }
        view
    }

    fn script_name(&self) -> &[u8] {
        &self.names[..self.script_length]
    }

    fn path_info(&self) -> &[u8] {
        &self.names[self.script_length + 1..self.names.len() - 1]
    }

    /// How many of the first pairs are the same here as there.
    fn common(&self, pairs: &[wsgi_pair]) -> usize {
        let same = |(one, other): &(&wsgi_pair, &wsgi_pair)| one.value.ptr == other.value.ptr;
        self.pairs.iter().zip(pairs).take_while(same).count()
    }
}

/// Tells the request's own environ of the change, and lends the view until the request ends.
fn lend(view: View, outer: &wsgi_environ, request: wsgi_request) -> Result<wsgi_environ, Failure> {
    // SAFETY: the server of an environ is the one that lends it, or NULL in one that was made up.
    let server = here(unsafe { outer.server.as_ref() })?;
    // SAFETY: the outer pairs are lent for the call.
    let common = view.common(unsafe { items(outer.pairs, outer.count)? });
    let mut inner = wsgi_environ {
        struct_size: size_of::<wsgi_environ>(),
        server: outer.server,
        pairs: view.pairs.as_ptr(),
        count: view.pairs.len(),
        server_count: outer.server_count.min(common),
        connection_count: outer.connection_count,
        thread_data: outer.thread_data,
    };
    if inner.server_count < outer.server_count {
        inner.connection_count = 0;
    }
    server.with_engine(|engine| {
        let id = RequestId(request);
        engine.mount(id, view.script_name(), view.path_info())?;
        Ok(engine.kept(id, |kept| kept.push(Box::new(view)))?)
    })?;
    Ok(inner)
}

/// The value of a key, as a dict made of the pairs would have it.
fn value(pairs: &[wsgi_pair], key: &str) -> wsgi_str {
    let found = pairs.iter().rfind(|pair| is_key(pair, key));
    found.map_or(wsgi_str { ptr: c"".as_ptr(), len: 0 }, |pair| pair.value)
}

fn is_key(pair: &wsgi_pair, key: &str) -> bool {
    // SAFETY: the keys of an environ are lent with it.
    unsafe { lent_bytes(pair.key) }.is_ok_and(|found| found == key.as_bytes())
}

fn lent(bytes: &[u8]) -> wsgi_str {
    wsgi_str { ptr: bytes.as_ptr().cast(), len: bytes.len() }
}

fn key_text(key: &str) -> wsgi_str {
    let text = if key == SCRIPT_NAME { c"SCRIPT_NAME" } else { c"PATH_INFO" };
    wsgi_str { ptr: text.as_ptr(), len: key.len() }
}

/// The seed's answer where no prefix fits.
///
/// # Safety
/// The responder is good for the call.
unsafe fn not_found(responder: &wsgi_responder) -> Result<i32, Failure> {
    let start_response =
        responder.start_response.ok_or(Failure::Null("responder->start_response"))?;
    let header = |name: &'static str, value: &'static str| wsgi_header {
        name: lent(name.as_bytes()),
        value: lent(value.as_bytes()),
    };
    let headers = [header("Content-Type", "text/plain"), header("Content-Length", "0")];
    let (status, count) = (lent(b"404 Not Found"), headers.len());
    // SAFETY: the function is the responder's own; what it is lent lives through the call.
    Ok(unsafe { start_response(responder.context, status, headers.as_ptr(), count, 0) })
}
