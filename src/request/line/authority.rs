//! Host and port, as in a target or a `Host` field.

use std::net::Ipv6Addr;

/// Host and port of an authority without userinfo (RFC 3986 section 3.2), if it is well-formed
/// and names a host. The brackets of an IPv6 address belong to the host.
#[inline]
pub fn split_authority(authority: &[u8]) -> Option<(&[u8], &[u8])> {
    let host_length = match authority {
        [b'[', inner @ ..] => {
            let close = memchr::memchr(b']', inner)?;
            is_ip_literal(&inner[..close]).then_some(close + 2)?
        }
        _ => {
            let colon = authority.iter().position(|byte| *byte == b':');
            let length = colon.unwrap_or(authority.len());
            is_reg_name(&authority[..length]).then_some(length)?
        }
    };
    let (host, rest) = authority.split_at(host_length);
    match rest {
        [] => Some((host, rest)),
        [b':', port @ ..] => is_port(port).then_some((host, port)),
        _ => None,
    }
}

#[inline]
fn is_reg_name(name: &[u8]) -> bool {
    let plain = name.iter().all(|byte| is_host_byte(*byte));
    !name.is_empty() && (plain || is_escaped_reg_name(name))
}

#[cold]
fn is_escaped_reg_name(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| *byte == b'%');
    let plain = |part: &[u8]| part.iter().all(|byte| is_host_byte(*byte));
    // Behind each `%` there are two digits.
    parts.next().is_some_and(plain)
        && parts.all(|part| match part {
            [high, low, rest @ ..] => {
                high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && plain(rest)
            }
            _ => false,
        })
}

fn is_ip_literal(inner: &[u8]) -> bool {
    if let [b'v' | b'V', future @ ..] = inner {
        let Some(dot) = memchr::memchr(b'.', future) else {
            return false;
        };
        let (version, address) = (&future[..dot], &future[dot + 1..]);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|byte| *byte == b':' || is_host_byte(*byte));
    }
    std::str::from_utf8(inner).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_port(port: &[u8]) -> bool {
    let value = port.iter().try_fold(0u32, |value, byte| {
        byte.is_ascii_digit().then_some(())?;
        Some(value.saturating_mul(10).saturating_add(u32::from(byte - b'0')))
    });
    value.is_some_and(|value| value <= 65_535)
}

/// unreserved and sub-delims of RFC 3986.
const HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~!$&'()*+,;=";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

#[inline]
fn is_host_byte(byte: u8) -> bool {
    HOST[byte as usize]
}
