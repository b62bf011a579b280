//! What the environ tells of an X.509 certificate (RFC 5280), under cheroot's keys.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use pkcs8::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use pkcs8::der::{Decode, Tag, Tagged};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::date::imf_fixdate;

/// The parts of a name that have keys of their own, by their object identifiers.
const PARTS: [(&str, &str); 13] = [
    ("2.5.4.6", "C"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.12", "T"),
    ("2.5.4.43", "I"),
    ("2.5.4.42", "G"),
    ("2.5.4.4", "S"),
    ("2.5.4.13", "D"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "Email"),
];

const DAY: u64 = 86_400;

/// Tells `put` the pairs of a certificate, their keys without the prefix `SSL_SERVER_` or
/// `SSL_CLIENT_`. `now` in seconds since 1970. What cannot be parsed gives only `CERT`.
pub(super) fn pairs(der: &[u8], now: u64, mut put: impl FnMut(&str, &str)) {
    if let Ok(certificate) = Certificate::from_der(der) {
        let about = &certificate.tbs_certificate;
        put("M_VERSION", &(about.version as u8 + 1).to_string());
        put("M_SERIAL", &serial(about.serial_number.as_bytes()));
        let (start, end) = (about.validity.not_before, about.validity.not_after);
        put("V_START", &time(start));
        put("V_END", &time(end));
        let left = end.to_unix_duration().saturating_sub(Duration::from_secs(now)).as_secs();
        put("V_REMAIN", &(left / DAY).to_string());
        name("S_DN", &about.subject, &mut put);
        name("I_DN", &about.issuer, &mut put);
        let names = alternative_names(&certificate);
        let numbered = |kind: &str, index: usize| format!("SAN_{kind}_{index}");
        for (index, name) in names.iter().filter_map(dns).enumerate() {
            put(&numbered("DNS", index), name);
        }
        for (index, name) in names.iter().filter_map(email).enumerate() {
            put(&numbered("Email", index), name);
        }
    }
    put("CERT", &pem(der));
}

/// The names that a certificate is for, in lower case; its common name only if it has no others
/// (RFC 6125, section 6.4.4).
pub(super) fn dns_names(der: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(der) else { return Vec::new() };
    let names = alternative_names(&certificate);
    let mut names: Vec<_> = names.iter().filter_map(dns).map(str::to_ascii_lowercase).collect();
    if names.is_empty() {
        let subject = attributes(&certificate.tbs_certificate.subject);
        names.extend(subject.filter(|part| part_name(part) == Some("CN")).map(text));
    }
    names
}

/// The first and the last second in which a certificate is valid; `None` if it cannot be parsed.
/// In seconds since 1970.
pub(super) fn validity(der: &[u8]) -> Option<(u64, u64)> {
    let validity = Certificate::from_der(der).ok()?.tbs_certificate.validity;
    let seconds = |time: Time| time.to_unix_duration().as_secs();
    Some((seconds(validity.not_before), seconds(validity.not_after)))
}

/// The subject of a certificate in the form of `S_DN`; `None` if it cannot be parsed.
pub(super) fn subject(der: &[u8]) -> Option<String> {
    Some(text_of_name(&Certificate::from_der(der).ok()?.tbs_certificate.subject))
}

/// All of a name in the order of the certificate, with RFC 4514's escapes, so that no value can look
/// like another part.
pub(super) fn text_of_name(name: &Name) -> String {
    let mut whole = String::new();
    for part in attributes(name) {
        let label = part_name(part).map_or_else(|| part.oid.to_string(), str::to_owned);
        if !whole.is_empty() {
            whole.push(',');
        }
        whole.push_str(&label);
        whole.push('=');
        escape(&text(part), &mut whole);
    }
    whole
}

/// `S_DN` and its parts.
fn name(key: &str, name: &Name, put: &mut impl FnMut(&str, &str)) {
    put(key, &text_of_name(name));
    for (_, code) in PARTS {
        let same = attributes(name).filter(|part| part_name(part) == Some(code));
        let values: Vec<_> = same.map(text).collect();
        if values.is_empty() {
            continue;
        }
        put(&format!("{key}_{code}"), &values.join(","));
        if values.len() > 1 {
            for (index, value) in values.iter().enumerate() {
                put(&format!("{key}_{code}_{index}"), value);
            }
        }
    }
}

fn attributes(name: &Name) -> impl Iterator<Item = &AttributeTypeAndValue> {
    name.0.iter().flat_map(|relative| relative.0.iter())
}

fn part_name(part: &AttributeTypeAndValue) -> Option<&'static str> {
    let oid = part.oid.to_string();
    PARTS.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// The value as text; one that is none, in hexadecimal as RFC 4514 has it.
fn text(part: &AttributeTypeAndValue) -> String {
    let value = &part.value;
    let decoded = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().map(|text| text.to_string()),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().map(|text| text.to_string())
        }
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().map(|text| text.to_string()),
        Tag::TeletexString => {
            value.decode_as::<TeletexStringRef<'_>>().map(|text| text.to_string())
        }
        Tag::BmpString => {
            let units =
                value.value().chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]]));
            Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
        }
        _ => Err(value.tag().value_error()),
    };
    decoded.unwrap_or_else(|_| format!("#{}", serial(value.value())))
}

/// RFC 4514, section 2.4; control characters too, as the value may end up in a log.
fn escape(value: &str, output: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => output.extend(['\\', character]),
            ' ' if index == 0 || index == last => output.push_str("\\ "),
            '#' if index == 0 => output.push_str("\\#"),
            control if control.is_control() => {
                let mut bytes = [0; 4];
                for byte in control.encode_utf8(&mut bytes).bytes() {
                    // Writing to memory does not fail.
                    let _written = write!(output, "\\{byte:02X}");
                }
            }
            other => output.push(other),
        }
    }
}

/// Hexadecimal, as OpenSSL writes a serial number.
fn serial(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    // The byte that only says that the number is positive.
    match digits.strip_prefix("00") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => digits,
    }
}

fn time(time: Time) -> String {
    date(time.to_unix_duration().as_secs())
}

/// `Jan  5 09:34:43 2018 GMT`: the form of OpenSSL, and of Python. `unix_seconds` since 1970.
pub(super) fn date(unix_seconds: u64) -> String {
    let date = imf_fixdate(unix_seconds);
    let date = String::from_utf8_lossy(&date);
    let day = date[5..7].trim_start_matches('0');
    format!("{} {day:>2} {} {} GMT", &date[8..11], &date[17..25], &date[12..16])
}

fn alternative_names(certificate: &Certificate) -> Vec<GeneralName> {
    match certificate.tbs_certificate.get::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0,
        _ => Vec::new(),
    }
}

fn dns(name: &GeneralName) -> Option<&str> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str()),
        _ => None,
    }
}

fn email(name: &GeneralName) -> Option<&str> {
    match name {
        GeneralName::Rfc822Name(name) => Some(name.as_str()),
        _ => None,
    }
}

fn pem(der: &[u8]) -> String {
    let body = Base64::encode_string(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
