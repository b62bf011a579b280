//! The body of a request as the application reads it: the seed's `SizeCheckWrapper`,
//! `KnownLengthRFile` and `ChunkedRFile`, over bytes that somebody else fetches.
#![forbid(unsafe_code)]

use crate::connection::exchange::Input;
use crate::request::chunked::{ChunkError, ChunkedDecoder, through_lf};
use crate::request::head::Body;

/// The body of one request, in whichever framing it has.
pub(crate) enum RFile {
    Empty,
    KnownLength(KnownLengthRFile),
    Chunked(ChunkedRFile),
}

impl RFile {
    /// `max` is the size check (the seed's `SizeCheckWrapper`), in bytes, 0: none. A declared length
    /// was checked with the head; a chunked body is checked while it is read.
    pub(crate) fn new(body: Body, max: u64) -> Self {
        match body {
            Body::None | Body::Length(0) => Self::Empty,
            Body::Length(length) => Self::KnownLength(KnownLengthRFile { remaining: length }),
            Body::Chunked => {
                Self::Chunked(ChunkedRFile { decoder: ChunkedDecoder::new(max), done: false })
            }
        }
    }

    /// Whether the body has been read to its end.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::KnownLength(file) => file.remaining == 0,
            Self::Chunked(file) => file.done,
        }
    }

    /// Whether the application has read some of this `body`.
    pub(crate) fn is_begun(&self, body: Body) -> bool {
        match self {
            Self::Empty => false,
            Self::KnownLength(file) => body != Body::Length(file.remaining),
            Self::Chunked(file) => file.decoder.is_begun(),
        }
    }

    /// Takes body bytes out of what has been read from the client, in a `line` none behind its LF.
    /// `Ok(0)` with the body not done means that more has to be fetched.
    pub(crate) fn read(
        &mut self,
        input: &mut Input,
        output: &mut [u8],
        line: bool,
    ) -> Result<usize, ChunkError> {
        match self {
            Self::Empty => Ok(0),
            Self::KnownLength(file) => Ok(file.read(input, output, line)),
            Self::Chunked(file) => file.read(input, output, line),
        }
    }

    /// Throws away the part of the body that has been read from the client.
    pub(crate) fn skip(&mut self, input: &mut Input) -> Result<(), ChunkError> {
        match self {
            Self::Empty => Ok(()),
            Self::KnownLength(file) => {
                let count = file.within(input.unread().len());
                input.consume(count);
                file.remaining -= count as u64;
                Ok(())
            }
            Self::Chunked(file) => file.skip(input),
        }
    }

    /// Takes what is at hand of a chunked body's framing, up to its next data. What is wrong with it
    /// is told by the next read.
    pub(crate) fn pass_framing(&mut self, input: &mut Input) {
        if let Self::Chunked(file) = self
            && !file.done
            && let Ok(step) = file.decoder.decode(input.unread(), &mut [])
        {
            input.consume(step.consumed);
            file.done = step.done;
        }
    }

    /// Whether all that is left of the body is among `unread`, the bytes at hand.
    pub(crate) fn is_complete_in(&self, unread: &[u8]) -> Result<bool, ChunkError> {
        match self {
            Self::Empty => Ok(true),
            Self::KnownLength(file) => Ok(file.remaining <= unread.len() as u64),
            Self::Chunked(file) => file.is_complete_in(unread),
        }
    }

    /// Bytes that are known to be still to come, counted from the first one not taken.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::KnownLength(file) => Some(file.remaining),
            Self::Chunked(_) => None,
        }
    }

    /// The fields behind the body; `None` if it was not read to its end.
    pub(crate) fn trailers(&self) -> Option<impl Iterator<Item = (&[u8], &[u8])>> {
        let chunked = match self {
            Self::Chunked(file) => Some(file),
            Self::Empty | Self::KnownLength(_) => None,
        };
        let trailers = chunked.into_iter().flat_map(|file| file.decoder.trailers());
        self.is_done().then_some(trailers)
    }

    /// A read past the buffer took `count` bytes of a body of known length.
    pub(crate) fn took(&mut self, count: usize) {
        if let Self::KnownLength(file) = self {
            file.remaining = file.remaining.saturating_sub(count as u64);
        }
    }
}

/// A body that ends after so many bytes.
pub(crate) struct KnownLengthRFile {
    remaining: u64,
}

impl KnownLengthRFile {
    fn read(&mut self, input: &mut Input, output: &mut [u8], line: bool) -> usize {
        let mut count = self.within(input.unread().len().min(output.len()));
        if line {
            count = through_lf(&input.unread()[..count]);
        }
        output[..count].copy_from_slice(&input.unread()[..count]);
        input.consume(count);
        self.remaining -= count as u64;
        count
    }

    fn within(&self, count: usize) -> usize {
        usize::try_from(self.remaining).map_or(count, |remaining| remaining.min(count))
    }
}

/// A body in chunks; trailers end it.
pub(crate) struct ChunkedRFile {
    decoder: ChunkedDecoder,
    done: bool,
}

impl ChunkedRFile {
    fn read(
        &mut self,
        input: &mut Input,
        output: &mut [u8],
        line: bool,
    ) -> Result<usize, ChunkError> {
        if self.done || output.is_empty() {
            return Ok(0);
        }
        let step = match line {
            true => self.decoder.decode_line(input.unread(), output)?,
            false => self.decoder.decode(input.unread(), output)?,
        };
        input.consume(step.consumed);
        self.done = step.done;
        Ok(step.produced)
    }

    fn is_complete_in(&self, unread: &[u8]) -> Result<bool, ChunkError> {
        let (mut decoder, mut at) = (self.decoder.clone(), 0);
        loop {
            // What is wrong behind some data is only told when asked again.
            let step = decoder.skip(unread.get(at..).unwrap_or(&[]))?;
            at += step.consumed;
            if step.done || at >= unread.len() {
                return Ok(self.done || step.done);
            }
        }
    }

    fn skip(&mut self, input: &mut Input) -> Result<(), ChunkError> {
        if self.done {
            return Ok(());
        }
        let step = self.decoder.skip(input.unread())?;
        input.consume(step.consumed);
        self.done = step.done;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::chunked::{BAD_END, BAD_TRAILER};

    fn complete(bytes: &[u8]) -> Result<bool, ChunkError> {
        RFile::new(Body::Chunked, 0).is_complete_in(bytes)
    }

    #[test]
    fn a_chunked_body_is_looked_through_to_its_end() {
        assert_eq!(complete(b"2\r\nhi\r\n"), Ok(false));
        assert_eq!(complete(b"2\r\nhi\r\n0\r\n\r\nnext"), Ok(true));
        assert_eq!(complete(b""), Ok(false));
    }

    #[test]
    fn what_is_wrong_behind_data_is_seen_ahead() {
        let wrong = |bytes| complete(bytes).map_err(ChunkError::refusal);
        assert_eq!(wrong(b"2\r\nhi0\r\n\r\n"), Err(BAD_END));
        assert_eq!(wrong(b"2\r\nhi\r\n0\r\nHost: a\r\n\r\n"), Err(BAD_TRAILER));
    }
}
