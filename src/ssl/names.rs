//! Which certificate a client gets: by the name that it asks for (SNI, RFC 6066, section 3).
#![forbid(unsafe_code)]

use super::certificate::dns_names;
use super::config::{Identity, SSLConfig};
use super::pem;
use crate::error::Error;

/// The certificates of one server that are for names.
#[derive(Debug)]
pub(super) struct Names<T>(Vec<(String, T)>);

impl<T: Clone> Names<T> {
    /// Those of the settings, as `load` makes them of the files and of the certificates in them.
    pub(super) fn load(
        config: &SSLConfig,
        load: impl Fn(&Identity, Vec<Vec<u8>>) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        let mut named = Vec::new();
        for (name, identity) in &config.sni {
            let certificates = identity.certificates()?;
            let names = match name {
                Some(name) => vec![name.to_ascii_lowercase()],
                None => certificates.first().map(|own| dns_names(own)).unwrap_or_default(),
            };
            if names.is_empty() {
                let none = "it is for no name, and none was given";
                return Err(pem::refused(&identity.certificate, "certificate", &none));
            }
            let loaded = load(identity, certificates)?;
            named.extend(names.into_iter().map(|name| (name, loaded.clone())));
        }
        Ok(Self(named))
    }

    /// A name itself goes before a wildcard, which stands for one label.
    pub(super) fn find(&self, name: Option<&str>) -> Option<&T> {
        let find = |wanted: &str| self.0.iter().find(|(name, _)| name == wanted);
        let name = name?.to_ascii_lowercase();
        let found = find(&name).or_else(|| find(&format!("*.{}", name.split_once('.')?.1)));
        found.map(|(_, loaded)| loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_a_wildcard_of_one_label() {
        let names = ["*.example.com", "www.example.com"].map(|name| (name.to_owned(), name));
        let names = Names(names.into());
        for (asked, found) in [
            ("www.example.com", Some("www.example.com")),
            ("WWW.Example.COM", Some("www.example.com")),
            ("mail.example.com", Some("*.example.com")),
            ("a.mail.example.com", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(names.find(Some(asked)).copied(), found, "{asked}");
        }
        assert_eq!(names.find(None), None);
    }
}
