//! HTTPRequest: from bytes to a request, and from an answer to bytes. Nothing here does input or
//! output, so that tests, fuzzers and the engine use the same functions.
#![forbid(unsafe_code)]

pub mod chunked;
pub mod excess;
mod framing;
pub mod head;
pub mod headers;
pub mod line;
#[cfg(any(test, fuzzing))]
pub mod reference;
pub mod response;
pub mod span;
#[cfg(test)]
pub mod work;
