//! When to parse a head that came in pieces.

use super::HeadPolicy;
use crate::request::headers::FieldLimits;
use crate::request::line;

/// Tells cheaply whether it is worth while to parse again after more bytes came, so that a
/// client that sends single bytes does not cost a parse for each. Parse first; only when that
/// gives `Partial`, show the same bytes to the scanner, and from then on ask it.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScanner {
    looked_at: usize,
    next_size: usize,
    /// Sizes at which a limit is exceeded.
    limits: [usize; 3],
    lines: u32,
    /// Where the line begins that has no end yet.
    line_start: usize,
    field: FieldLimits,
}

impl HeadScanner {
    pub fn new(policy: &HeadPolicy) -> Self {
        // A line has its CRLF, and perhaps an empty one before it.
        let line = line::limit(policy).saturating_add(2);
        let head = match policy.max_header_bytes {
            0 => usize::MAX,
            bytes => bytes.saturating_add(1),
        };
        Self {
            limits: [line, line.saturating_add(2), head],
            field: FieldLimits::of(policy),
            ..Self::default()
        }
    }

    /// `input` is all that is there of the request. True when the new bytes end the head or the
    /// request line, have a line end without CR, exceed a limit, or when as many again have come
    /// as at the last time that it was true (bad bytes are found then).
    pub fn advance(&mut self, input: &[u8]) -> bool {
        let mut parse = input.len() >= self.next_size;
        let seen = self.looked_at;
        while let Some(offset) = memchr::memchr(b'\n', input.get(self.looked_at..).unwrap_or(&[])) {
            let at = self.looked_at + offset;
            self.looked_at = at + 1;
            let line = &input[..at];
            let ends_head = line.ends_with(b"\r\n\r") || !line.ends_with(b"\r");
            // The first line may be the empty one that is skipped.
            parse |= ends_head || (self.lines < 2 && at > 1);
            parse |= self.exceeds(&input[self.line_start..=at], seen);
            self.line_start = at + 1;
            self.lines = self.lines.saturating_add(1);
        }
        self.looked_at = self.looked_at.max(input.len());
        parse |= self.exceeds(input.get(self.line_start..).unwrap_or(&[]), seen);
        if parse {
            let twice = input.len().saturating_mul(2).max(1);
            let limits = self.limits.iter().filter(|limit| **limit > input.len());
            self.next_size = limits.fold(twice, |next, limit| next.min(*limit));
        }
        parse
    }

    /// Whether a field has come to be too long since there were `seen` bytes.
    fn exceeds(&self, line: &[u8], seen: usize) -> bool {
        let before = seen.saturating_sub(self.line_start);
        let too_long = |limit: usize| before <= limit && line.len() > limit;
        let name = |limit: usize| memchr::memchr(b':', &line[..=limit]).is_none();
        // A line of the full length that has no end yet is as good as one that is longer.
        too_long(self.field.line.saturating_sub(1))
            || (too_long(self.field.name) && name(self.field.name))
    }
}
