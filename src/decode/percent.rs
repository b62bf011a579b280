//! Percent-encoding (RFC 3986, section 2.1), and the `+` of forms.

/// Decodes `%XX`, and `+` to a space if `plus` says so. What is no escape stays as it is.
pub fn percent_decode(text: &[u8], plus: bool) -> Vec<u8> {
    let mut decoded = text.to_vec();
    let length = percent_decode_in_place(&mut decoded, plus);
    decoded.truncate(length);
    decoded
}

/// [`percent_decode`] where the text is; gives its new length, which is never larger.
pub fn percent_decode_in_place(text: &mut [u8], plus: bool) -> usize {
    let mut to = 0;
    let mut from = 0;
    while let Some(&byte) = text.get(from) {
        let escaped = match (byte, text.get(from + 1), text.get(from + 2)) {
            (b'%', Some(high), Some(low)) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        text[to] = match escaped {
            Some((high, low)) => high << 4 | low,
            None if plus && byte == b'+' => b' ',
            None => byte,
        };
        from += if escaped.is_some() { 3 } else { 1 };
        to += 1;
    }
    to
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_what_is_none() {
        for (text, plain, form) in [
            ("", "", ""),
            ("a%20b+c", "a b+c", "a b c"),
            ("%41%4a%4A%2B", "AJJ+", "AJJ+"),
            ("%", "%", "%"),
            ("%4", "%4", "%4"),
            ("%g1%1g%%41", "%g1%1g%A", "%g1%1g%A"),
            ("%2541", "%41", "%41"),
            ("100%", "100%", "100%"),
        ] {
            assert_eq!(percent_decode(text.as_bytes(), false), plain.as_bytes(), "{text}");
            assert_eq!(percent_decode(text.as_bytes(), true), form.as_bytes(), "{text}");
        }
        assert_eq!(percent_decode(b"%00%ff\xff", false), b"\0\xff\xff");
    }
}
