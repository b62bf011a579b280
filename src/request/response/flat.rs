//! A head as one text, for callers that have no arrays to pass.

/// A header's name and value.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// Takes `200 OK\r\nName: value\r\n...` apart; line ends at the end may be there or not. A line
/// without a colon becomes a field without a name, which is refused where headers are checked.
pub fn flat_head(text: &[u8]) -> (&[u8], impl Iterator<Item = Field<'_>> + Clone) {
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    let mut lines = Lines(Some(text));
    let status = lines.next().unwrap_or_default();
    (status, lines.map(field_of))
}

/// What stands between CRLFs. A CR or an LF alone stays in its line.
#[derive(Clone)]
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0.take()?;
        match memchr::memmem::find(text, b"\r\n") {
            Some(end) => {
                self.0 = text.get(end + 2..);
                text.get(..end)
            }
            None => Some(text),
        }
    }
}

fn field_of(line: &[u8]) -> Field<'_> {
    match memchr::memchr(b':', line) {
        Some(colon) => (&line[..colon], trimmed(&line[colon + 1..])),
        None => (b"", line),
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::response::{AppError, Response};

    fn taken(text: &str) -> Result<Vec<(String, String)>, AppError> {
        let (status, fields) = flat_head(text.as_bytes());
        Response::new().start(status, fields.clone(), false)?;
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(fields.map(|(name, value)| (string(name), string(value))).collect())
    }

    #[test]
    fn lines_become_fields() {
        let expected = [("A".into(), "1".into()), ("B".into(), "x:y".into())];
        for end in ["", "\r\n", "\r\n\r\n"] {
            assert_eq!(taken(&format!("200 OK\r\nA: 1\r\nB:x:y {end}")).unwrap(), expected);
            assert_eq!(taken(&format!("204 No Content{end}")).unwrap(), []);
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for text in ["", "\r\n", "OK", "200 OK\nA: 1"] {
            assert_eq!(taken(text), Err(AppError::Status), "{text:?}");
        }
        for rest in [
            "A",
            "A : 1",
            ": 1",
            "A: 1\nB: 2",
            "A: 1\rB: 2",
            "A: 1\r\r\nB: 2",
            "A: 1\r\n\r\nB: 2",
            "A: \0",
        ] {
            assert_eq!(taken(&format!("200 OK\r\n{rest}")), Err(AppError::Header), "{rest:?}");
        }
    }
}
