//! Cookies as clients send them (RFC 6265, section 4.2).

/// The value of the first cookie of this name in the value of a `Cookie` field. Names are compared
/// byte by byte; quotes around a value are taken off, nothing else is decoded.
pub fn cookie<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    field.split(|byte| *byte == b';').find_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        let value = pair[equals + 1..].trim_ascii();
        (pair[..equals].trim_ascii() == name).then(|| unquoted(value))
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_name() {
        let field = br#"a=1; b="two words"; c; =d; e=x=y;f=6;  g = 7 ; h="; a=2; i="""#;
        let value = |name: &str| cookie(field, name.as_bytes()).map(String::from_utf8_lossy);
        assert_eq!(value("a").unwrap(), "1");
        assert_eq!(value("b").unwrap(), "two words");
        assert_eq!(value("c"), None);
        assert_eq!(value("").unwrap(), "d");
        assert_eq!(value("e").unwrap(), "x=y");
        assert_eq!(value("f").unwrap(), "6");
        assert_eq!(value("g").unwrap(), "7");
        assert_eq!(value("h").unwrap(), "\"");
        assert_eq!(value("i").unwrap(), "");
        assert_eq!(value("A"), None);
        assert_eq!(cookie(b"", b"a"), None);
    }
}
