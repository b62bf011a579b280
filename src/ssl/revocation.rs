//! Lists of revoked certificates (RFC 5280, section 5) that do not revoke what they could: one that
//! is out of date, and one that is missing. Certificates are accepted all the same.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

use pkcs8::der::Decode;
use x509_cert::crl::CertificateList;

use super::certificate::{date, subject, text_of_name};
use super::config::SSLConfig;

/// What to warn of, as texts of one line. `authorities` are the certificates of `client_ca`, `lists`
/// those of `client_crl`, as DER.
pub(super) fn warnings(
    config: &SSLConfig,
    authorities: &[Vec<u8>],
    lists: &[Vec<u8>],
) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let file = &config.client_crl;
    let lists: Vec<_> = lists
        .iter()
        .filter_map(|der| CertificateList::from_der(der).ok())
        .map(|list| {
            let end = list.tbs_cert_list.next_update.map(|time| time.to_unix_duration().as_secs());
            (text_of_name(&list.tbs_cert_list.issuer), end)
        })
        .collect();
    let outdated = lists.iter().filter_map(|(issuer, end)| match end {
        Some(end) if *end < now => Some(format!(
            "client_crl {file}: the list of {issuer} is out of date since {}; certificates that \
             were revoked later are accepted",
            date(*end)
        )),
        _ => None,
    });
    let authorities: Vec<_> = authorities.iter().filter_map(|der| subject(der)).collect();
    let missing = authorities
        .iter()
        .filter(|authority| lists.iter().all(|(issuer, _)| issuer != *authority))
        .map(|authority| {
            format!(
                "client_crl {file}: there is no list of {authority}, an authority in {}; none of \
                 its certificates counts as revoked",
                config.client_ca
            )
        });
    outdated.chain(missing).collect()
}
