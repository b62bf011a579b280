//! The chunked coding, taken apart line by line.

use super::{Fault, is_token, is_token_byte, is_value_byte, trim};
use crate::request::chunked::is_forbidden;

/// Data, trailers, and the bytes that they took.
pub type Whole = (Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, usize);

/// Reads the body that `input` starts with, by whole lines.
pub fn body(input: &[u8]) -> Result<Whole, Fault> {
    let (mut data, mut at) = (Vec::new(), 0);
    let line = |at: &mut usize| {
        let rest = &input[*at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Fault::Short)?;
        *at += end + 2;
        Ok::<&[u8], Fault>(&rest[..end])
    };
    loop {
        let text = line(&mut at)?;
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits == 0 || digits > 16 || !is_extension(&text[digits..]) {
            return Err(Fault::Wrong);
        }
        let size = std::str::from_utf8(&text[..digits]).unwrap();
        let size = u64::from_str_radix(size, 16).unwrap();
        if size > i64::MAX as u64 {
            return Err(Fault::Wrong);
        }
        if size == 0 {
            break;
        }
        let end =
            usize::try_from(size).map_err(|_| Fault::Short)?.checked_add(at).ok_or(Fault::Short)?;
        data.extend_from_slice(input.get(at..end).ok_or(Fault::Short)?);
        if input.get(end..end + 2).ok_or(Fault::Short)? != b"\r\n" {
            return Err(Fault::Wrong);
        }
        at = end + 2;
    }
    let mut trailers = Vec::new();
    loop {
        let text = line(&mut at)?;
        if text.is_empty() {
            return Ok((data, trailers, at));
        }
        let colon = text.iter().position(|byte| *byte == b':').ok_or(Fault::Wrong)?;
        let (name, value) = (&text[..colon], &text[colon + 1..]);
        if !is_token(name) || !value.iter().all(|byte| is_value_byte(*byte)) || is_forbidden(name) {
            return Err(Fault::Wrong);
        }
        trailers.push((name.to_vec(), trim(value).to_vec()));
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`, by taking it apart.
fn is_extension(text: &[u8]) -> bool {
    let skip = |text: &[u8]| text.iter().take_while(|byte| b" \t".contains(byte)).count();
    let token = |text: &[u8]| text.iter().take_while(|byte| is_token_byte(**byte)).count();
    let mut rest = text;
    while !rest.is_empty() {
        rest = &rest[skip(rest)..];
        let Some(after) = rest.strip_prefix(b";") else { return false };
        let after = &after[skip(after)..];
        let name = token(after);
        if name == 0 {
            return false;
        }
        rest = &after[name..];
        let Some(value) = rest[skip(rest)..].strip_prefix(b"=") else { continue };
        let value = &value[skip(value)..];
        let length = match value.first() {
            Some(b'"') => quoted(value),
            _ => token(value),
        };
        if length == 0 {
            return false;
        }
        rest = &value[length..];
    }
    true
}

/// The length of a quoted string, 0 if there is none.
fn quoted(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' if at + 1 < text.len() && is_value_byte(text[at + 1]) => at += 2,
            b'\\' => return 0,
            byte if is_value_byte(byte) => at += 1,
            _ => return 0,
        }
    }
    0
}
