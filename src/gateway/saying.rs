//! The less usual ways to answer.

use super::{Request, RequestError};
use crate::connection::body::Wait;
use crate::request::response::flat_head;

impl Request<'_> {
    /// [`write`](Self::write) of one piece in several parts: one system call, one chunk.
    pub fn write_vectored(&self, parts: &[&[u8]]) -> Result<(), RequestError> {
        self.engine().write_vectored(self.request_id(), parts.iter().copied(), Wait::ForClient)
    }

    /// Sends what was held back: the head, if nothing was written yet, and what was kept for the
    /// client to take. A write is not held back by itself. Waits like [`write`](Self::write).
    pub fn flush(&self) -> Result<(), RequestError> {
        self.engine().flush(self.request_id(), Wait::ForClient)
    }

    /// Sends an interim answer (`103 Early Hints`, `102 Processing`, `100 Continue`) before the
    /// head of the final one. One that this client cannot take (HTTP/1.0, a 100 that it does not
    /// wait for) is left out, which is no error.
    pub fn inform(&self, status: &str, headers: &[(&str, &str)]) -> Result<(), RequestError> {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.engine().inform(self.request_id(), status.as_bytes(), headers)
    }

    /// Adds a field behind the body, after [`start_response`](Self::start_response). It is sent if
    /// the body is chunked (no `Content-Length`, an HTTP/1.1 client, not HEAD), else it is left
    /// out. Names that a client needs before the body, or that frame it, are refused.
    pub fn add_trailer(&self, name: &str, value: &str) -> Result<(), RequestError> {
        self.engine().add_trailer(self.request_id(), name.as_bytes(), value.as_bytes())
    }

    /// [`respond`](Self::respond) with the head as one text: `200 OK\r\nName: value\r\n...`.
    pub fn respond_flat(&self, head: &[u8], body: &[u8]) -> Result<(), RequestError> {
        let (status, headers) = flat_head(head);
        self.engine().respond(self.request_id(), status, headers, body)
    }
}
