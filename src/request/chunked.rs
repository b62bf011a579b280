//! The chunked transfer coding, read strictly: a state machine that is fed bytes and keeps no
//! chunk in memory, however large it says it is.

use super::framing::BODY_TOO_LARGE;
use super::head::Refusal;
use super::headers::{ILLEGAL_END, ILLEGAL_LINE, Known, TOO_LARGE, is_token_byte, is_value_byte};
use super::line::NO_CRLF;
use super::span::Span;

mod scanner;

pub use scanner::ChunkedScanner;

/// Of a size, leading zeros too.
pub const MAX_DIGITS: u8 = 16;
/// Of all chunk extensions of one body.
pub const MAX_EXTENSION_BYTES: usize = 4096;
pub const MAX_TRAILERS: usize = 64;
pub const MAX_TRAILER_BYTES: usize = 8192;

pub const BAD_SIZE: Refusal = Refusal::bad_request("Bad chunked transfer size");
pub const BAD_EXTENSION: Refusal = Refusal::bad_request("Bad chunk extension");
pub const BAD_END: Refusal =
    Refusal::bad_request("Bad chunked transfer coding (expected '\\r\\n')");
pub const BAD_TRAILER: Refusal = Refusal::bad_request("Forbidden name in the trailers.");

/// Why a body can't be read any further. The connection has to close behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    Malformed(Refusal),
    /// More data than the body may have.
    TooLarge(Refusal),
    /// More trailers than are read.
    Trailers(Refusal),
}

impl ChunkError {
    /// The answer, if none was begun yet.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Malformed(refusal) | Self::TooLarge(refusal) | Self::Trailers(refusal) => refusal,
        }
    }
}

/// What one call did. `produced` counts the data, also where it was skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub consumed: usize,
    pub produced: usize,
    /// The body has ended; the bytes that were not consumed are the next request's.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    AfterSize,
    ExtensionStart,
    ExtensionName,
    AfterName,
    ValueStart,
    Value,
    Quoted,
    QuotedPair,
    AfterQuote,
    AfterValue,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    digits: u8,
    /// Of the current chunk: what its size says, then what is still to come.
    left: u64,
    total: u64,
    max_body: u64,
    extension_bytes: usize,
    trailer_name: Span,
    trailer_start: usize,
    trailer_bytes: Vec<u8>,
    trailers: Vec<(Span, Span)>,
    failed: Option<ChunkError>,
}

impl ChunkedDecoder {
    /// `max_body` 0: no limit.
    pub fn new(max_body: u64) -> Self {
        Self { max_body, ..Self::default() }
    }

    #[cfg(test)]
    pub fn reset(&mut self, max_body: u64) {
        self.state = State::Size;
        self.digits = 0;
        self.left = 0;
        self.total = 0;
        self.max_body = max_body;
        self.extension_bytes = 0;
        self.trailer_bytes.clear();
        self.trailers.clear();
        self.failed = None;
    }

    /// Takes bytes from `input` and puts data into `output` until one of them is used up, or the
    /// body ends. Data before a bad byte is given first; the next call gives the error.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, ChunkError> {
        self.run(input, Some(output), false)
    }

    /// [`decode`](Self::decode), but no data behind an LF.
    pub fn decode_line(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, ChunkError> {
        self.run(input, Some(output), true)
    }

    /// The same without keeping the data.
    pub fn skip(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        self.run(input, None, false)
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether it has been given something.
    pub fn is_begun(&self) -> bool {
        self.digits > 0 || self.total > 0 || self.state != State::Size
    }

    /// The data so far.
    pub fn total(&self) -> u64 {
        self.total - if self.state == State::Data { self.left } else { 0 }
    }

    /// Names and values behind the last chunk, in order. Apart from the head's fields, always.
    pub fn trailers(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let bytes = &self.trailer_bytes;
        self.trailers.iter().map(move |(name, value)| (name.of(bytes), value.of(bytes)))
    }

    fn run(
        &mut self,
        input: &[u8],
        mut output: Option<&mut [u8]>,
        line: bool,
    ) -> Result<Step, ChunkError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut step = Step::default();
        while self.state != State::Done {
            let rest = input.get(step.consumed..).unwrap_or(&[]);
            if self.state == State::Data {
                let room = output.as_deref_mut().map(|room| &mut room[step.produced..]);
                let taken = self.data(rest, room, line);
                step.consumed += taken;
                step.produced += taken;
                if taken == 0 || (line && rest[..taken].ends_with(b"\n")) {
                    break;
                }
                continue;
            }
            let Some(byte) = rest.first() else { break };
            match self.framing(*byte) {
                Ok(state) => self.state = state,
                // The data that came before is delivered; the byte is met again.
                Err(_) if step.produced > 0 => break,
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
            step.consumed += 1;
        }
        #[cfg(test)]
        super::work::note(step.consumed);
        step.done = self.is_done();
        Ok(step)
    }

    fn data(&mut self, input: &[u8], output: Option<&mut [u8]>, line: bool) -> usize {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        let taken = match output {
            Some(room) => {
                let mut taken = wanted.min(room.len());
                if line {
                    taken = through_lf(&input[..taken]);
                }
                room[..taken].copy_from_slice(&input[..taken]);
                taken
            }
            None => wanted,
        };
        self.left -= taken as u64;
        if self.left == 0 {
            self.state = State::DataCr;
        }
        taken
    }

    /// The state behind a byte that is not data. An error changes nothing.
    fn framing(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size | State::AfterSize => self.size(byte),
            State::SizeLf if byte == b'\n' => self.begin_chunk(),
            State::SizeLf => Err(malformed(BAD_SIZE)),
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => {
                self.digits = 0;
                Ok(State::Size)
            }
            State::DataCr | State::DataLf => Err(malformed(BAD_END)),
            State::TrailerStart
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerLf
            | State::EndLf => self.trailer(byte),
            State::Data | State::Done => Ok(self.state),
            _ => self.extension(byte),
        }
    }

    fn size(&mut self, byte: u8) -> Result<State, ChunkError> {
        if self.digits == 0 && !byte.is_ascii_hexdigit() {
            return Err(malformed(BAD_SIZE));
        }
        match byte {
            b'\r' if self.state == State::Size => Ok(State::SizeLf),
            b';' | b' ' | b'\t' => {
                self.count_extension()?;
                Ok(if byte == b';' { State::ExtensionStart } else { State::AfterSize })
            }
            _ if self.state == State::Size && self.digits < MAX_DIGITS => {
                let digit = char::from(byte).to_digit(16).ok_or_else(|| malformed(BAD_SIZE))?;
                let size = if self.digits == 0 { 0 } else { self.left };
                self.left = size << 4 | u64::from(digit);
                self.digits += 1;
                Ok(State::Size)
            }
            _ => Err(malformed(BAD_SIZE)),
        }
    }

    fn begin_chunk(&mut self) -> Result<State, ChunkError> {
        if self.left == 0 {
            return Ok(State::TrailerStart);
        }
        let total = self.total.saturating_add(self.left);
        if self.left > i64::MAX as u64 {
            return Err(malformed(BAD_SIZE));
        }
        if (self.max_body > 0 && total > self.max_body) || total > i64::MAX as u64 {
            return Err(ChunkError::TooLarge(BODY_TOO_LARGE));
        }
        self.total = total;
        Ok(State::Data)
    }

    /// Extensions mean nothing to us, but where they end does.
    fn extension(&mut self, byte: u8) -> Result<State, ChunkError> {
        let blank = matches!(byte, b' ' | b'\t');
        let next = match (self.state, byte) {
            (State::ExtensionStart, _) if blank => State::ExtensionStart,
            (State::ExtensionStart | State::ExtensionName, _) if is_token_byte(byte) => {
                State::ExtensionName
            }
            (State::ExtensionName | State::AfterName, b'=') => State::ValueStart,
            (State::ExtensionName | State::AfterName, _) if blank => State::AfterName,
            (State::ValueStart, _) if blank => State::ValueStart,
            (State::ValueStart, b'"') => State::Quoted,
            (State::ValueStart | State::Value, _) if is_token_byte(byte) => State::Value,
            (State::Quoted, b'"') => State::AfterQuote,
            (State::Quoted, b'\\') => State::QuotedPair,
            (State::Quoted | State::QuotedPair, _) if is_value_byte(byte) => State::Quoted,
            (State::Value | State::AfterQuote | State::AfterValue, _) if blank => State::AfterValue,
            (State::ExtensionName | State::Value | State::AfterQuote, b'\r') => State::SizeLf,
            (
                State::ExtensionName
                | State::AfterName
                | State::Value
                | State::AfterQuote
                | State::AfterValue,
                b';',
            ) => State::ExtensionStart,
            _ => return Err(malformed(BAD_EXTENSION)),
        };
        self.count_extension()?;
        Ok(next)
    }

    /// A flood of extensions is work without data.
    fn count_extension(&mut self) -> Result<(), ChunkError> {
        if self.extension_bytes >= MAX_EXTENSION_BYTES {
            return Err(malformed(BAD_EXTENSION));
        }
        self.extension_bytes += 1;
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkError> {
        let next = match (self.state, byte) {
            (State::TrailerStart, b'\r') => return Ok(State::EndLf),
            (State::EndLf, b'\n') => return Ok(State::Done),
            (State::TrailerLf, b'\n') => {
                self.end_trailer();
                return Ok(State::TrailerStart);
            }
            (State::EndLf, _) => return Err(malformed(ILLEGAL_END)),
            (State::TrailerLf, _) | (_, b'\n') => return Err(malformed(NO_CRLF)),
            (State::TrailerStart, _) if self.trailers.len() >= MAX_TRAILERS => {
                return Err(ChunkError::Trailers(TOO_LARGE));
            }
            (State::TrailerStart | State::TrailerName, _) if is_token_byte(byte) => {
                State::TrailerName
            }
            (State::TrailerName, b':') => {
                if is_forbidden(&self.trailer_bytes[self.trailer_start..]) {
                    return Err(malformed(BAD_TRAILER));
                }
                State::TrailerValue
            }
            (State::TrailerValue, b'\r') => return Ok(State::TrailerLf),
            (State::TrailerValue, _) if is_value_byte(byte) => State::TrailerValue,
            _ => return Err(malformed(ILLEGAL_LINE)),
        };
        if self.trailer_bytes.len() >= MAX_TRAILER_BYTES {
            return Err(ChunkError::Trailers(TOO_LARGE));
        }
        if self.state == State::TrailerStart {
            self.trailer_start = self.trailer_bytes.len();
        } else if self.state == State::TrailerName && next == State::TrailerValue {
            self.trailer_name = Span::new(self.trailer_start, self.trailer_bytes.len());
            self.trailer_start = self.trailer_bytes.len() + 1;
        }
        self.trailer_bytes.push(byte);
        Ok(next)
    }

    fn end_trailer(&mut self) {
        let value = self.trailer_bytes.get(self.trailer_start..).unwrap_or(&[]);
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().position(|byte| !blank(byte)).unwrap_or(0);
        let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        let value = Span::new(self.trailer_start + start, self.trailer_start + end);
        self.trailers.push((self.trailer_name, value));
        self.trailer_start = self.trailer_bytes.len();
    }
}

/// So many bytes are a line, or the part of one.
pub fn through_lf(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

fn malformed(refusal: Refusal) -> ChunkError {
    ChunkError::Malformed(refusal)
}

/// Names that frame, route or authenticate a request have no meaning behind its body, and
/// programs that merge trailers into headers would be misled. Others are the application's.
pub(super) fn is_forbidden(name: &[u8]) -> bool {
    matches!(
        Known::of(name),
        Known::Authorization
            | Known::Connection
            | Known::ContentLength
            | Known::Cookie
            | Known::Expect
            | Known::Forwarded
            | Known::Host
            | Known::KeepAlive
            | Known::MaxForwards
            | Known::Proxy
            | Known::ProxyAuthorization
            | Known::ProxyConnection
            | Known::Te
            | Known::Trailer
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::XForwardedFor
            | Known::XForwardedHost
            | Known::XForwardedPort
            | Known::XForwardedProto
            | Known::XRealIp
    )
}

#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod tests;
