//! Keys and values in one arena, each with a NUL behind it.

use super::keys::{KEY_BLOCKS, key_id};
use crate::request::span::Span;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// Where the key is, if it has no number: well-known keys are not copied for each request.
    key: Span,
    pub value: Span,
    /// The number of a well-known key, else 0.
    pub key_id: u32,
}

impl Pair {
    /// The key; a NUL stands behind it wherever it is.
    #[inline]
    pub fn key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        match KEY_BLOCKS.get(self.key_id as usize) {
            Some(block) if self.key_id != 0 => block.key(),
            _ => self.key.of(arena),
        }
    }
}

/// Pairs and the arena that they point into.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    pub(super) arena: Vec<u8>,
    pub(super) pairs: Vec<Pair>,
}

impl Pairs {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn clear(&mut self) {
        self.arena.clear();
        self.pairs.clear();
    }

    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        let id = key_id(key);
        let key = if id == 0 { self.text(key) } else { Span::default() };
        self.finish(key, id, |arena| arena.extend_from_slice(value));
    }

    /// Gives back room that nothing is in, for pairs that are kept.
    pub(crate) fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        self.pairs.shrink_to_fit();
    }

    pub fn arena(&self) -> &[u8] {
        &self.arena
    }

    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| (pair.key(&self.arena), pair.value.of(&self.arena)))
    }

    /// The last value of a key, as a dict made of the pairs would have it.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let found = self.pairs.iter().rev().find(|pair| pair.key(&self.arena) == key)?;
        Some(found.value.of(&self.arena))
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        let span = Span::new(start, self.arena.len());
        self.arena.push(0);
        span
    }

    /// A pair of a key with a number and some part of `input`.
    #[inline]
    pub(super) fn known(&mut self, id: u32, input: &[u8], value: Span) {
        self.finish(Span::default(), id, |arena| copy(arena, input, value));
    }

    #[inline]
    pub(super) fn known_with(&mut self, id: u32, value: impl FnOnce(&mut Vec<u8>)) {
        self.finish(Span::default(), id, value);
    }

    #[inline]
    pub(super) fn finish(&mut self, key: Span, key_id: u32, value: impl FnOnce(&mut Vec<u8>)) {
        let start = self.arena.len();
        value(&mut self.arena);
        let value = Span::new(start, self.arena.len());
        self.arena.push(0);
        self.pairs.push(Pair { key, value, key_id });
    }

    #[inline]
    pub(super) fn append(&mut self, other: &Self) {
        let base = self.arena.len() as u32;
        self.arena.extend_from_slice(&other.arena);
        let moved = |span: Span| Span { start: span.start + base, end: span.end + base };
        self.pairs.extend(other.pairs.iter().map(|pair| Pair {
            key: if pair.key_id == 0 { moved(pair.key) } else { pair.key },
            value: moved(pair.value),
            key_id: pair.key_id,
        }));
    }
}

/// Appends a part of `input`. Most are short: a copy of a fixed size that is cut afterwards is
/// cheaper than one of any size.
#[inline]
pub(super) fn copy(arena: &mut Vec<u8>, input: &[u8], value: Span) {
    const SHORT: usize = 32;
    let from = input.get(value.start as usize..).unwrap_or(&[]);
    match from.first_chunk::<SHORT>() {
        Some(chunk) if value.len() <= SHORT => {
            let end = arena.len() + value.len();
            arena.extend_from_slice(chunk);
            arena.truncate(end);
        }
        _ => arena.extend_from_slice(value.of(input)),
    }
}
