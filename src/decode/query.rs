//! The pairs of a query, or of a form that is `application/x-www-form-urlencoded`.

/// Iterates over the pairs of `text`, as they were sent: to be decoded with
/// [`percent_decode`](super::percent_decode) and `plus`. A value is `None` where there is no `=`.
/// Empty pairs (`a=1&&b=2`) are passed over; `;` separates nothing.
pub fn query(text: &[u8]) -> Query<'_> {
    Query { rest: text }
}

/// See [`query`].
#[derive(Clone, Debug)]
pub struct Query<'a> {
    rest: &'a [u8],
}

impl<'a> Query<'a> {
    /// What was not looked at yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Query<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'&', self.rest).unwrap_or(self.rest.len());
            let (pair, behind) = self.rest.split_at(end);
            self.rest = behind.get(1..).unwrap_or(behind);
            if !pair.is_empty() {
                return Some(match memchr::memchr(b'=', pair) {
                    Some(equals) => (&pair[..equals], Some(&pair[equals + 1..])),
                    None => (pair, None),
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&str, Option<&str>)> {
        let string = |bytes| std::str::from_utf8(bytes).unwrap();
        query(text.as_bytes()).map(|(name, value)| (string(name), value.map(string))).collect()
    }

    #[test]
    fn pairs_as_they_were_sent() {
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("a"), [("a", None)]);
        assert_eq!(pairs("a="), [("a", Some(""))]);
        assert_eq!(pairs("=b"), [("", Some("b"))]);
        assert_eq!(pairs("a=1&&b=2&"), [("a", Some("1")), ("b", Some("2"))]);
        assert_eq!(pairs("&&&"), []);
        assert_eq!(pairs("a=b=c;d=e"), [("a", Some("b=c;d=e"))]);
        assert_eq!(pairs("n%61me=%zz+x"), [("n%61me", Some("%zz+x"))]);
    }

    #[test]
    fn goes_on_with_the_rest() {
        let mut first = query(b"a=1&b=2");
        assert_eq!(first.next(), Some((&b"a"[..], Some(&b"1"[..]))));
        assert_eq!(first.rest(), b"b=2");
        assert_eq!(query(first.rest()).count(), 1);
    }
}
