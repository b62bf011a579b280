//! Looking for the end of a chunked body that comes in pieces.

use super::{ChunkError, ChunkedDecoder};
use crate::request::span::Span;

/// Tells whether a request whose body is chunked has come to its end. What it has looked at it does
/// not look at again, so that a client that sends single bytes costs no more than any other. It
/// needs no parsed head, and outlives the buffers that the request was in.
#[derive(Clone, Debug)]
pub struct ChunkedScanner {
    head: usize,
    looked_at: usize,
    decoder: ChunkedDecoder,
}

impl ChunkedScanner {
    /// For a request whose head is `head` bytes long and whose body may have `max_body` (0: any
    /// number).
    pub fn new(head: usize, max_body: u64) -> Self {
        Self { head, looked_at: head, decoder: ChunkedDecoder::new(max_body) }
    }

    /// `request` is all that is there of it, from the head's first byte on. True if its body ends
    /// in there; what is wrong with it is an error, each time.
    pub fn advance(&mut self, request: &[u8]) -> Result<bool, ChunkError> {
        while !self.decoder.is_done() {
            let rest = request.get(self.looked_at..).unwrap_or(&[]);
            // What is wrong behind some data is only told when asked again.
            self.looked_at += self.decoder.skip(rest)?.consumed;
            if rest.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Bytes of the body, chunk sizes and all, in a request of `length` bytes.
    pub fn body_in(&self, length: usize) -> usize {
        length.saturating_sub(self.head)
    }

    /// Bytes of the body without what frames them, so far as it was looked at.
    pub fn length(&self) -> u64 {
        self.decoder.total()
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let decoder = &self.decoder;
        let trailers = decoder.trailers.capacity() * size_of::<(Span, Span)>();
        size_of::<Self>() + trailers + decoder.trailer_bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::chunked::{BAD_END, BAD_SIZE};
    use crate::request::work;

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\n\r\n";

    fn request(body: &[u8]) -> Vec<u8> {
        [HEAD, body].concat()
    }

    #[test]
    fn the_end_is_found_with_its_last_byte_however_the_body_is_cut() {
        let request = request(b"5;a=\"b\"\r\nhello\r\n0003\r\nyou\r\n0\r\nX-Trailer: 1\r\n\r\n");
        let mut bytes = ChunkedScanner::new(HEAD.len(), 0);
        for end in HEAD.len()..=request.len() {
            let complete = end == request.len();
            assert_eq!(bytes.advance(&request[..end]), Ok(complete), "{end}");
            let mut two = ChunkedScanner::new(HEAD.len(), 0);
            assert_eq!(two.advance(&request[..end]), Ok(complete), "{end}");
            assert_eq!(two.advance(&request), Ok(true), "{end}");
        }
        assert_eq!(bytes.advance(&[&request[..], b"GET"].concat()), Ok(true), "asked again");
    }

    #[test]
    fn what_is_wrong_is_said_each_time() {
        for (body, refusal) in [(&b"2\r\nhi0\r\n\r\n"[..], BAD_END), (b"2\r\nhi\r\nx", BAD_SIZE)] {
            let mut scanner = ChunkedScanner::new(HEAD.len(), 0);
            for _ in 0..2 {
                let error = scanner.advance(&request(body)).map_err(ChunkError::refusal);
                assert_eq!(error, Err(refusal));
            }
        }
    }

    #[test]
    fn no_byte_is_looked_at_twice() {
        let mut body = b"10000\r\n".to_vec();
        body.resize(body.len() + 0x10000, b'x');
        body.extend_from_slice(b"\r\n0\r\n\r\n");
        let request = request(&body);
        let mut scanner = ChunkedScanner::new(HEAD.len(), 0);
        let _before = work::take();
        for end in HEAD.len()..request.len() {
            assert_eq!(scanner.advance(&request[..end]), Ok(false));
        }
        assert_eq!(scanner.advance(&request), Ok(true));
        assert_eq!(work::take(), body.len());
    }
}
