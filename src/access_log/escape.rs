//! What clients send, made harmless: nothing in it can end the quotes that it stands in, or the line.
#![forbid(unsafe_code)]

use std::fmt;

/// Of a longer value so many bytes are written.
const LONGEST: usize = 4096;
/// Stands behind a value that was cut.
const CUT: &[u8] = b"...";
/// The most bytes that one byte of a value becomes.
const WORST: usize = 6;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The most bytes that a value becomes.
pub(super) const MOST: usize = LONGEST * WORST + CUT.len();

/// For the formats that are text: printable ASCII as it is, `\xHH` for quotes, backslashes and
/// every other byte.
#[inline]
pub(super) fn put_text(text: &[u8], line: &mut Vec<u8>) {
    if text.len() <= LONGEST && is_plain(text) {
        line.extend_from_slice(text);
    } else {
        put_text_escaped(text, line);
    }
}

#[cold]
fn put_text_escaped(text: &[u8], line: &mut Vec<u8>) {
    for byte in text.iter().take(LONGEST) {
        if is_harmful(*byte) {
            line.extend_from_slice(b"\\x");
            put_hex(*byte, line);
        } else {
            line.push(*byte);
        }
    }
    if text.len() > LONGEST {
        line.extend_from_slice(CUT);
    }
}

/// Shows bytes of a client's as [`put_text`] writes them.
pub(crate) struct Harmless<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        put_text(self.0, &mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Shows a message that may have something of a client's in it on one line: what could end the line or
/// turn it around becomes `\u{XX}`.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use std::fmt::Write;
        self.0.chars().try_for_each(|character| match character {
            _ if is_disruptive(character) => write!(f, "{}", character.escape_unicode()),
            _ => f.write_char(character),
        })
    }
}

/// Whether a character ends a line, or changes the direction or the look of the text around it: the
/// control characters, the separators of lines and paragraphs, and Unicode's bidirectional controls
/// (UAX #9).
fn is_disruptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// For the inside of a JSON string (RFC 8259, section 7), which is UTF-8 in any case: a byte that is
/// none becomes the text `\xHH`.
#[inline]
pub(super) fn put_json(text: &[u8], line: &mut Vec<u8>) {
    if text.len() <= LONGEST && is_plain(text) {
        line.extend_from_slice(text);
    } else {
        put_json_escaped(text, line);
    }
}

#[cold]
fn put_json_escaped(text: &[u8], line: &mut Vec<u8>) {
    for chunk in text[..text.len().min(LONGEST)].utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => line.extend_from_slice(&[b'\\', character as u8]),
                _ if is_disruptive(character) => {
                    let [high, low] = (character as u16).to_be_bytes();
                    line.extend_from_slice(b"\\u");
                    put_hex(high, line);
                    put_hex(low, line);
                }
                _ => line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            line.extend_from_slice(b"\\\\x");
            put_hex(*byte, line);
        }
    }
    if text.len() > LONGEST {
        line.extend_from_slice(CUT);
    }
}

/// Whether it may be written as it is.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks::<16>();
    // The last ones may have been looked at already.
    if let Some(last) = text.last_chunk::<16>() {
        return is_plain_block(last) && blocks.iter().all(is_plain_block);
    }
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(first), Some(last)) => harm_in(*first) | harm_in(*last) == 0,
        _ => !rest.iter().any(|byte| is_harmful(*byte)),
    }
}

/// Sixteen bytes at once, as the compiler makes of it.
#[inline]
fn is_plain_block(block: &[u8; 16]) -> bool {
    u128::from_ne_bytes(block.map(|byte| u8::from(is_harmful(byte)))) == 0
}

/// Looks at eight bytes in one number: 0 if none is harmful. (The highest bit of each byte tells; one
/// that is harmful may speak for its neighbour as well, never the reverse.)
#[inline]
fn harm_in(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let all = |byte: u8| ONES * u64::from(byte);
    let word = u64::from_ne_bytes(bytes);
    let below_space = word.wrapping_sub(all(b' '));
    let quote = (word ^ all(b'"')).wrapping_sub(ONES);
    let backslash = (word ^ all(b'\\')).wrapping_sub(ONES);
    let delete = word.wrapping_add(ONES);
    (below_space | quote | backslash | delete | word) & all(0x80)
}

#[inline]
fn is_harmful(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') >= 0x5f) | (byte == b'"') | (byte == b'\\')
}

fn put_hex(byte: u8, line: &mut Vec<u8>) {
    line.push(HEX[usize::from(byte >> 4)]);
    line.push(HEX[usize::from(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(how: fn(&[u8], &mut Vec<u8>), text: &[u8]) -> String {
        let mut line = Vec::new();
        how(text, &mut line);
        assert!(line.len() <= MOST && line.len() <= text.len() * WORST + CUT.len());
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn nothing_ends_the_quotes_or_the_line() {
        for byte in 0..=255u8 {
            // In a block of sixteen, behind it, in eight, in the few.
            for (place, length) in [(3, 19), (17, 19), (2, 10), (9, 10), (4, 5)] {
                let mut text = b"0123456789abcdefghi"[..length].to_vec();
                text[place] = byte;
                let written = put(put_text, &text);
                let harmful = !(b' '..=b'~').contains(&byte) || byte == b'"' || byte == b'\\';
                let escaped = if harmful { length + 3 } else { length };
                assert_eq!(written.len(), escaped, "{byte}: {written}");
                assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"'));
                let written = put(put_json, &text);
                assert!(!written.replace("\\\"", "").contains('"'), "{byte}: {written}");
                assert!(!written.chars().any(char::is_control), "{byte}: {written}");
            }
        }
        assert_eq!(put(put_text, b"a\"b\\\xff\n"), r"a\x22b\x5C\xFF\x0A");
    }

    #[test]
    fn json_keeps_what_is_text() {
        let text = "\"ä€\\\u{1f600}\u{85}\r".as_bytes();
        assert_eq!(put(put_json, text), "\\\"ä€\\\\\u{1f600}\\u0085\\u000D");
        assert_eq!(put(put_json, b"\xc3(\xff"), r"\\xC3(\\xFF");
    }

    #[test]
    fn what_ends_or_turns_around_a_line_is_escaped() {
        for character in
            "\u{85}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\
                          \u{202e}\u{2066}\u{2067}\u{2068}\u{2069}"
                .chars()
        {
            let text = format!("in the {character} middle");
            let code = u32::from(character);
            let json = format!("in the \\u{code:04X} middle");
            assert_eq!(put(put_json, text.as_bytes()), json);
            assert!(put(put_text, text.as_bytes()).is_ascii());
            assert_eq!(OneLine(&text).to_string(), format!("in the \\u{{{code:x}}} middle"));
        }
        let harmless = "\u{2010}\u{200d}\u{2065}\u{206a}\u{61b}";
        assert_eq!(put(put_json, harmless.as_bytes()), harmless);
        assert_eq!(OneLine("ä\"\n").to_string(), "ä\"\\u{a}");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let long = vec![b'\xff'; LONGEST + 1];
        assert_eq!(put(put_text, &long).len(), LONGEST * 4 + 3);
        assert_eq!(put(put_json, &vec![0; LONGEST + 1]).len(), LONGEST * 6 + 3);
        assert!(put(put_text, &vec![b'a'; LONGEST + 1]).ends_with("aa..."));
    }
}
