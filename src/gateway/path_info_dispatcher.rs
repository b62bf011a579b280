//! WSGIPathInfoDispatcher: one gateway made of several, chosen by the beginning of the path.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Gateway, Outcome, Request, RequestError};
use crate::error::{Error, ErrorKind};

/// Dispatches on PATH_INFO: the application with the longest prefix that fits is called, with the
/// prefix moved from PATH_INFO to the end of SCRIPT_NAME. `/blog` fits `/blog` and `/blog/new`, not
/// `/blogs`; `/` fits every path. Where none fits, the answer is 404.
///
/// An application may be another dispatcher. To add and remove applications while a server calls
/// it, share it: an `Arc` of a gateway is a gateway.
///
/// ```
/// use wsgiserver::{Gateway, HTTPServer, Outcome, Request, WSGIPathInfoDispatcher};
///
/// struct Text(&'static [u8]);
///
/// impl Gateway for Text {
///     fn respond(&self, request: &Request<'_>) -> Outcome {
///         match request.respond("200 OK", &[("Content-Type", "text/plain")], self.0) {
///             Ok(()) => Outcome::Done,
///             Err(_) => Outcome::Failed,
///         }
///     }
/// }
///
/// let applications = [("/", Text(b"home")), ("/blog", Text(b"blog"))];
/// let server = HTTPServer::new("127.0.0.1:0", WSGIPathInfoDispatcher::new(applications)?)?;
/// # Ok::<(), wsgiserver::Error>(())
/// ```
#[derive(Default)]
pub struct WSGIPathInfoDispatcher {
    applications: Mounts<dyn Gateway>,
}

impl WSGIPathInfoDispatcher {
    /// A dispatcher over pairs of a prefix and an application.
    ///
    /// # Errors
    /// `Option` for a prefix that does not begin with `/`, or that is there twice (`/blog` and
    /// `/blog/` are the same). The text names it.
    pub fn new<P, G>(applications: impl IntoIterator<Item = (P, G)>) -> Result<Self, Error>
    where
        P: AsRef<str>,
        G: Gateway,
    {
        let dispatcher = Self::default();
        for (prefix, application) in applications {
            dispatcher.add(prefix.as_ref(), application)?;
        }
        Ok(dispatcher)
    }

    /// Adds an application. Errors as for [`new`](Self::new); then nothing changes.
    pub fn add(&self, prefix: &str, application: impl Gateway) -> Result<(), Error> {
        self.applications.add(prefix, Arc::new(application)).map_err(|(error, _)| error)
    }

    /// Takes an application out. Calls of it that are under way go on.
    ///
    /// # Errors
    /// `Option` if nothing has this prefix.
    pub fn remove(&self, prefix: &str) -> Result<(), Error> {
        self.applications.remove(prefix).map(drop)
    }

    fn dispatch(&self, request: &Request<'_>) -> Result<Option<Arc<dyn Gateway>>, RequestError> {
        let chosen = request.environ(|environ| {
            let path = path_or_root(environ.get(b"PATH_INFO").unwrap_or_default());
            let (application, length) = self.applications.find(path)?;
            let script_name = environ.get(b"SCRIPT_NAME").unwrap_or_default();
            let (prefix, rest) = path.split_at(length);
            Some((application, [script_name, prefix].concat(), rest.to_vec()))
        })?;
        let Some((application, script_name, path_info)) = chosen else { return Ok(None) };
        request.engine().mount(request.request_id(), &script_name, &path_info)?;
        Ok(Some(application))
    }
}

impl Gateway for WSGIPathInfoDispatcher {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        match self.dispatch(request) {
            Ok(Some(application)) => application.respond(request),
            Ok(None) => {
                match request.respond("404 Not Found", &[("Content-Type", "text/plain")], b"") {
                    Ok(()) => Outcome::Done,
                    Err(_) => Outcome::Failed,
                }
            }
            Err(_) => Outcome::Failed,
        }
    }
}

impl fmt::Debug for WSGIPathInfoDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WSGIPathInfoDispatcher").field(&self.applications.prefixes()).finish()
    }
}

/// The seed's `environ['PATH_INFO'] or '/'`.
pub(crate) fn path_or_root(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"/" } else { path }
}

/// What stands under which prefix. No lock is held while something found here is called or dropped.
pub(crate) struct Mounts<T: ?Sized> {
    /// The longest prefix first, as it was given; equally long ones in the order they came.
    mounts: RwLock<Vec<Mount<T>>>,
}

struct Mount<T: ?Sized> {
    /// Without slashes at its end.
    prefix: String,
    given_length: usize,
    target: Arc<T>,
}

impl<T: ?Sized> Mounts<T> {
    /// The target comes back with an error, so that it can be dropped without the lock.
    pub(crate) fn add(&self, prefix: &str, target: Arc<T>) -> Result<(), (Error, Arc<T>)> {
        let stripped = prefix.trim_end_matches('/');
        let mut mounts = self.mounts.write().unwrap_or_else(PoisonError::into_inner);
        if !prefix.starts_with('/') {
            let why = format!("the prefix '{prefix}' does not begin with '/'");
            return Err((Error::new(ErrorKind::Option, why), target));
        }
        if let Some(there) = mounts.iter().find(|mount| mount.prefix == stripped) {
            let why = format!("the prefix '{prefix}' is there already, as '{}'", there.shown());
            return Err((Error::new(ErrorKind::Option, why), target));
        }
        let given_length = prefix.len();
        let place = mounts.partition_point(|mount| mount.given_length >= given_length);
        mounts.insert(place, Mount { prefix: stripped.into(), given_length, target });
        Ok(())
    }

    pub(crate) fn remove(&self, prefix: &str) -> Result<Arc<T>, Error> {
        let stripped = prefix.trim_end_matches('/');
        let mut mounts = self.mounts.write().unwrap_or_else(PoisonError::into_inner);
        let place = mounts.iter().position(|mount| mount.prefix == stripped);
        match place.filter(|_| prefix.starts_with('/')) {
            Some(place) => Ok(mounts.remove(place).target),
            None => {
                let why = format!("nothing has the prefix '{prefix}'");
                Err(Error::new(ErrorKind::Option, why))
            }
        }
    }

    /// What is responsible for a path, and the length of its prefix.
    pub(crate) fn find(&self, path: &[u8]) -> Option<(Arc<T>, usize)> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        let found = mounts.iter().find(|mount| {
            let rest = path.strip_prefix(mount.prefix.as_bytes());
            rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
        })?;
        Some((found.target.clone(), found.prefix.len()))
    }

    fn prefixes(&self) -> Vec<String> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        mounts.iter().map(|mount| mount.shown().into()).collect()
    }
}

impl<T: ?Sized> Mount<T> {
    fn shown(&self) -> &str {
        if self.prefix.is_empty() { "/" } else { &self.prefix }
    }
}

impl<T: ?Sized> Default for Mounts<T> {
    fn default() -> Self {
        Self { mounts: RwLock::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(prefixes: &[&str]) -> Mounts<str> {
        let mounts = Mounts::default();
        for prefix in prefixes {
            assert!(mounts.add(prefix, Arc::from(*prefix)).is_ok());
        }
        mounts
    }

    fn found(mounts: &Mounts<str>, path: &str) -> Option<(String, usize)> {
        mounts.find(path.as_bytes()).map(|(target, length)| (target.to_string(), length))
    }

    #[test]
    fn the_longest_prefix_comes_first() {
        for prefixes in [["/", "/blog", "/blog/admin/"], ["/blog/admin/", "/blog", "/"]] {
            let mounts = mounts(&prefixes);
            let expect = |path: &str, prefix: &str, length| {
                assert_eq!(found(&mounts, path), Some((prefix.into(), length)), "{path}");
            };
            expect("/", "/", 0);
            expect("/x", "/", 0);
            expect("/blog", "/blog", 5);
            expect("/blog/", "/blog", 5);
            expect("/blogs", "/", 0);
            expect("/blog/admin", "/blog/admin/", 11);
            expect("/blog/administration", "/blog", 5);
            expect("/blog/admin//", "/blog/admin/", 11);
            expect("/Blog", "/", 0);
        }
    }

    #[test]
    fn without_a_root_nothing_may_fit() {
        let mounts = mounts(&["/blog"]);
        assert_eq!(found(&mounts, "/"), None);
        assert_eq!(found(&mounts, "*"), None);
        assert_eq!(found(&mounts, "/blo"), None);
        assert_eq!(Mounts::<str>::default().find(b"/").map(|found| found.1), None);
    }

    #[test]
    fn the_asterisk_is_no_path() {
        assert_eq!(found(&mounts(&["/"]), "*"), None);
        assert_eq!(path_or_root(b""), b"/");
    }

    #[test]
    fn wrong_prefixes_are_named() {
        let mounts = mounts(&["/blog", "/"]);
        for (prefix, named) in [
            ("blog", "'blog'"),
            ("", "''"),
            ("/blog", "'/blog'"),
            ("/blog//", "'/blog//'"),
            ("//", "'//'"),
        ] {
            let (error, target) = mounts.add(prefix, Arc::from("new")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Option);
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(Arc::strong_count(&target), 1);
        }
        for prefix in ["/none", "blog", ""] {
            let error = mounts.remove(prefix).unwrap_err();
            assert!(error.to_string().contains(&format!("'{prefix}'")), "{error}");
        }
        assert_eq!(mounts.prefixes(), ["/blog", "/"]);
    }

    #[test]
    fn what_is_removed_comes_back_once() {
        let mounts = mounts(&["/", "/blog"]);
        let (called, _) = mounts.find(b"/blog").unwrap();
        let removed = mounts.remove("/blog/").unwrap();
        assert!(mounts.remove("/blog").is_err());
        assert_eq!(Arc::strong_count(&removed), 2);
        drop(called);
        assert_eq!(Arc::strong_count(&removed), 1);
        assert_eq!(found(&mounts, "/blog"), Some(("/".into(), 0)));
        assert!(mounts.add("/blog", removed).is_ok());
    }
}
