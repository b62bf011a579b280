//! The kinds of adapters by their names: the seed's `get_ssl_adapter_class`.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use super::{SSLAdapter, SSLConfig};
use crate::error::{Error, ErrorKind};

/// Makes adapters of one kind.
pub type SSLAdapterClass =
    Arc<dyn Fn(&SSLConfig) -> Result<Arc<dyn SSLAdapter>, Error> + Send + Sync>;

/// The kinds that the library knows: name, another name, and the Cargo feature that it needs.
const KNOWN: [(&str, &str, &str); 2] =
    [("builtin", "rustls", "aws-lc-rs or ring"), ("pyopenssl", "openssl", "openssl")];

/// The kind of adapter with this name: `builtin` (rustls), `pyopenssl` or `openssl`, in any case. A
/// server also knows what was [registered](crate::HTTPServer::register_ssl_adapter) with it.
///
/// # Errors
/// `Option` for a name that nobody has; it lists the known ones, and says which were left out when
/// the library was compiled.
pub fn get_ssl_adapter_class(name: &str) -> Result<SSLAdapterClass, Error> {
    Classes::default().get(name)
}

/// The kinds that a server knows.
#[derive(Clone, Default)]
pub(crate) struct Classes {
    registered: Vec<(String, SSLAdapterClass)>,
}

impl Classes {
    /// Adds a kind; one that has the name already is replaced, a compiled-in one too.
    pub(crate) fn register(&mut self, name: &str, class: SSLAdapterClass) -> Result<(), Error> {
        if name.is_empty() {
            return Err(Error::new(ErrorKind::Option, "an SSL adapter needs a name"));
        }
        let name = name.to_ascii_lowercase();
        self.registered.retain(|(other, _)| *other != name);
        self.registered.push((name, class));
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Result<SSLAdapterClass, Error> {
        let wanted = name.to_ascii_lowercase();
        if let Some((_, class)) = self.registered.iter().find(|(name, _)| *name == wanted) {
            return Ok(class.clone());
        }
        let text = match KNOWN.iter().find(|(one, other, _)| wanted == *one || wanted == *other) {
            Some((name, _, feature)) => match compiled(name) {
                Some(class) => return Ok(class),
                None => format!(
                    "the SSL adapter {name} was not compiled in (Cargo feature {feature}); there are {}",
                    self.names()
                ),
            },
            None => format!("there is no SSL adapter {name:?}; there are {}", self.names()),
        };
        Err(Error::new(ErrorKind::Option, text))
    }

    fn names(&self) -> String {
        let compiled = KNOWN.iter().map(|(name, ..)| *name).filter(|name| compiled(name).is_some());
        let registered = self.registered.iter().map(|(name, _)| name.as_str());
        let names: Vec<_> = compiled.chain(registered).collect();
        if names.is_empty() { "none".into() } else { names.join(" ") }
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names())
    }
}

fn compiled(name: &str) -> Option<SSLAdapterClass> {
    match name {
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        "builtin" => Some(Arc::new(|config| Ok(Arc::new(super::BuiltinSSLAdapter::new(config)?)))),
        #[cfg(feature = "openssl")]
        "pyopenssl" => Some(Arc::new(|config| Ok(Arc::new(super::OpenSSLAdapter::new(config)?)))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    #[test]
    fn names_ignore_case() {
        for name in ["builtin", "BUILTIN", "rustls"] {
            assert!(get_ssl_adapter_class(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let mut classes = Classes::default();
        let never: SSLAdapterClass = Arc::new(|_| Err(Error::new(ErrorKind::SSL, "never")));
        classes.register("Mine", never).unwrap();
        let error = classes.get("gnutls").err().unwrap().to_string();
        assert!(error.contains("\"gnutls\"") && error.contains("mine"), "{error}");
        assert!(classes.get("MINE").is_ok());
    }

    #[cfg(not(feature = "openssl"))]
    #[test]
    fn what_was_not_compiled_in_is_named() {
        for name in ["pyopenssl", "OpenSSL"] {
            let error = get_ssl_adapter_class(name).err().unwrap().to_string();
            assert!(error.contains("pyopenssl was not compiled in"), "{error}");
        }
    }
}
