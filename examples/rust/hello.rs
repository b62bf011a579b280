//! 13 bytes, the WSGI way.

use wsgiserver::{Gateway, Outcome, Request, RequestError};

pub struct Hello;

impl Gateway for Hello {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        match answer(request) {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        }
    }
}

fn answer(request: &Request<'_>) -> Result<(), RequestError> {
    let headers = [("Content-Type", "text/plain"), ("Content-Length", "13")];
    request.start_response("200 OK", &headers, false)?;
    request.write(b"Hello, world!")
}
