//! A request's body by lines, and what stands behind it.

use super::{Request, RequestError};

/// The fields behind a chunked body: names and values, in order.
pub type Trailers = Vec<(Vec<u8>, Vec<u8>)>;

/// A line's memory grows from so many bytes, by doubling.
const FIRST: usize = 256;
/// It grows by no more than so many at a time.
const MOST: usize = 64 * 1024;

/// The lines of a request's body, each with its LF; the last one may lack it.
#[derive(Debug)]
pub struct Lines<'a> {
    request: &'a Request<'a>,
    ended: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(request: &'a Request<'a>) -> Self {
        Self { request, ended: false }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Vec<u8>, RequestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut line = Vec::new();
        match readline(self.request, &mut line, usize::MAX) {
            Ok(0) => {
                self.ended = true;
                None
            }
            Ok(_) => Some(Ok(line)),
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

/// Reads a line in pieces that grow with it, so that a long one is moved a few times only.
pub(super) fn readline(
    request: &Request<'_>,
    line: &mut Vec<u8>,
    limit: usize,
) -> Result<usize, RequestError> {
    let start = line.len();
    let mut count = 0;
    while count < limit {
        let piece = count.clamp(FIRST, MOST).min(limit - count);
        let begin = start + count;
        line.resize(begin + piece, 0);
        let got = request.engine().read_line(request.request_id(), &mut line[begin..]);
        line.truncate(begin + got.unwrap_or(0));
        let got = got?;
        count += got;
        if got < piece || line.ends_with(b"\n") {
            break;
        }
    }
    Ok(count)
}

pub(super) fn readlines(request: &Request<'_>, hint: usize) -> Result<Vec<Vec<u8>>, RequestError> {
    let mut lines = Vec::new();
    let mut total = 0;
    for line in request.lines() {
        let line = line?;
        total += line.len();
        lines.push(line);
        if hint > 0 && total >= hint {
            break;
        }
    }
    Ok(lines)
}
