//! The body by lines, and what stands behind it.
#![forbid(unsafe_code)]

use super::HTTPConnection;
use super::body::Wait;
use super::services::Services;
use crate::gateway::{RequestError, Trailers};

impl HTTPConnection {
    /// Reads a line with its LF, or as much of it as fits; what follows it stays in the buffer.
    /// 0 at the body's end, and only the last line may lack its LF.
    pub(crate) fn read_body_line(
        &mut self,
        services: &Services,
        output: &mut [u8],
    ) -> Result<usize, RequestError> {
        let mut count = 0;
        while count < output.len() {
            let part = self.read_part(services, &mut output[count..], true, Wait::ForClient)?;
            count += part;
            if part == 0 || output[..count].ends_with(b"\n") {
                break;
            }
        }
        Ok(count)
    }

    /// The fields behind a chunked body that has been read to its end. Who has read as many bytes as
    /// CONTENT_LENGTH says has done so.
    pub(crate) fn trailers(&mut self) -> Result<Trailers, RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        exchange.rfile.pass_framing(&mut exchange.input);
        match exchange.rfile.trailers() {
            Some(trailers) => {
                Ok(trailers.map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
            }
            None => Err(RequestError::State(
                "Cannot read trailers until the request body has been read.",
            )),
        }
    }
}
