//! A place in a buffer that may move: where something starts and ends, not a reference to it.

/// Offsets relative to the start of the request in the connection's buffer.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Offsets past 4 GiB can't be said; such a span is empty. Heads and arenas are far smaller.
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::default(),
        }
    }

    /// The bytes, or an empty slice where the span does not fit the buffer.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end as usize).unwrap_or(&[])
    }

    #[inline]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_bytes() {
        let span = Span::new(2, 4);
        assert_eq!(span.of(b"abcdef"), b"cd");
        assert_eq!(span.len(), 2);
        assert!(!span.is_empty());
    }

    #[test]
    fn never_panics_out_of_range() {
        assert_eq!(Span::new(2, 9).of(b"abc"), b"");
        assert_eq!(Span { start: 3, end: 1 }.of(b"abcdef"), b"");
        assert_eq!(Span { start: 3, end: 1 }.len(), 0);
        assert!(Span::new(usize::MAX, usize::MAX).is_empty());
    }
}
