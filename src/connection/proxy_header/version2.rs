//! Version 2: addresses as the network has them, and behind them fields of type, length and value.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Ends, Found, LONGEST, ProxyHeader, ProxyTls};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family and protocol, and the length of the rest.
const FIXED: usize = 16;
/// Two paths of 108 bytes.
const UNIX_ENDS: usize = 216;
/// The longest unique id that the specification allows.
const LONGEST_ID: usize = 128;

const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;

/// Bits of the first byte of SSL: TLS was spoken; a certificate was shown now, or in this session.
const CLIENT_SSL: u8 = 1;
const CLIENT_CERTIFICATE: u8 = 2 | 4;

const TOO_SHORT: &str = "its addresses are cut";
const BAD_FIELD: &str = "the length of a field is wrong";

pub(super) fn parse(bytes: &[u8]) -> Found<'_> {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else {
        return match bytes.get(SIGNATURE.len()) {
            Some(byte) if !matches!(byte, 0x20 | 0x21) => Found::Wrong(unknown(*byte)),
            _ => Found::Partial(FIXED),
        };
    };
    let [.., command, family, high, low] = *fixed;
    if !matches!(command, 0x20 | 0x21) {
        return Found::Wrong(unknown(command));
    }
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Found::Wrong("it is too long");
    }
    let Some(whole) = bytes.get(..length) else { return Found::Partial(length) };
    let header = match command {
        // LOCAL: the rest is to be thrown away unseen.
        0x20 => Ok(ProxyHeader::default()),
        _ => proxied(whole, family),
    };
    match header {
        Ok(header) => Found::Complete { length, header },
        Err(why) => Found::Wrong(why),
    }
}

fn unknown(command: u8) -> &'static str {
    if command >> 4 == 2 { "its command is unknown" } else { "its version is unknown" }
}

/// The command PROXY.
fn proxied(whole: &[u8], family: u8) -> Result<ProxyHeader<'_>, &'static str> {
    let rest = &whole[FIXED..];
    let (ends, mut fields) = match family >> 4 {
        0 => (Ends::Real, rest),
        1 => {
            let (ends, fields) = rest.split_first_chunk::<12>().ok_or(TOO_SHORT)?;
            (ip_ends(ends, |[a, b, c, d]: [u8; 4]| Ipv4Addr::new(a, b, c, d)), fields)
        }
        2 => {
            let (ends, fields) = rest.split_first_chunk::<36>().ok_or(TOO_SHORT)?;
            (ip_ends(ends, |octets: [u8; 16]| Ipv6Addr::from(octets)), fields)
        }
        3 => (Ends::Unix, rest.get(UNIX_ENDS..).ok_or(TOO_SHORT)?),
        _ => return Err("its family is unknown"),
    };
    let ends = match family & 0x0f {
        1 => ends,
        // Not specified, or datagrams, of which none came here.
        0 | 2 => Ends::Real,
        _ => return Err("its protocol is unknown"),
    };
    let mut header = ProxyHeader { ends, ..ProxyHeader::default() };
    let mut checksum = None;
    while !fields.is_empty() {
        let (kind, value, rest) = field(fields)?;
        match kind {
            AUTHORITY => once(&mut header.authority, text(value)?)?,
            UNIQUE_ID if value.len() > LONGEST_ID => return Err("its unique id is too long"),
            UNIQUE_ID => once(&mut header.unique_id, value)?,
            SSL => {
                if let Some(tls) = tls(value)? {
                    once(&mut header.tls, tls)?;
                }
            }
            CRC32C => {
                let value = <[u8; 4]>::try_from(value).map_err(|_| BAD_FIELD)?;
                let place = whole.len() - rest.len() - value.len();
                once(&mut checksum, (u32::from_be_bytes(value), place))?;
            }
            _ => {}
        }
        fields = rest;
    }
    match checksum {
        Some((sum, place)) if sum != crc32c_without(whole, place) => Err("its checksum is wrong"),
        _ => Ok(header),
    }
}

/// Two addresses of `N` bytes and two ports.
fn ip_ends<const N: usize, IP: Into<std::net::IpAddr>>(
    ends: &[u8],
    address: impl Fn([u8; N]) -> IP,
) -> Ends {
    let end = |index: usize| {
        let octets = std::array::from_fn(|byte| ends[index * N + byte]);
        let port = 2 * N + 2 * index;
        SocketAddr::new(address(octets).into(), u16::from_be_bytes([ends[port], ends[port + 1]]))
    };
    Ends::Ip { source: end(0), destination: end(1) }
}

type Field<'a> = (u8, &'a [u8], &'a [u8]);

/// The first field, and what is behind it.
fn field(fields: &[u8]) -> Result<Field<'_>, &'static str> {
    let ([kind, high, low], rest) = fields.split_first_chunk().ok_or(BAD_FIELD)?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, rest) = rest.split_at_checked(length).ok_or(BAD_FIELD)?;
    Ok((*kind, value, rest))
}

/// `None` if the client spoke no TLS.
fn tls(value: &[u8]) -> Result<Option<ProxyTls<'_>>, &'static str> {
    let ([client, verify @ ..], mut fields) = value.split_first_chunk::<5>().ok_or(BAD_FIELD)?;
    let mut tls = ProxyTls {
        has_certificate: client & CLIENT_CERTIFICATE != 0,
        is_verified: *verify == [0; 4],
        ..ProxyTls::default()
    };
    while !fields.is_empty() {
        let (kind, value, rest) = field(fields)?;
        match kind {
            SSL_VERSION => once(&mut tls.version, text(value)?)?,
            SSL_CN => once(&mut tls.common_name, text(value)?)?,
            SSL_CIPHER => once(&mut tls.cipher, text(value)?)?,
            _ => {}
        }
        fields = rest;
    }
    Ok((client & CLIENT_SSL != 0).then_some(tls))
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err("it has a field twice"),
    }
}

/// A text that may stand in the environ and in a log.
fn text(value: &[u8]) -> Result<&[u8], &'static str> {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(value),
        _ => Err("a text in it is not one"),
    }
}

/// The checksum of RFC 4960, appendix B, with the four bytes at `place` taken as zeroes.
fn crc32c_without(bytes: &[u8], place: usize) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut sum = !0u32;
    for (index, byte) in bytes.iter().enumerate() {
        let byte = if (place..place + 4).contains(&index) { 0 } else { *byte };
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg());
        }
    }
    !sum
}
