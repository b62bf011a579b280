//! Gateway: the seam between the server and an application.
//!
//! A gateway is called on a worker thread with a [`Request`], the narrow view of a request that an
//! application gets; it knows no socket. The seed's `Gateway` was a class made anew for each
//! request; here it is one object that every worker calls.
#![forbid(unsafe_code)]

use std::any::Any;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use crate::connection::body::Wait;
use crate::connection::watching::Watched;
use crate::engine::Engine;
use crate::engine::handle::RequestId;
use crate::error_log::LogLevel;
use crate::gateway::environ::Environ;
use crate::handlers::ThreadData;
use crate::request::response::AppError;
use crate::stream::Stream;

pub mod environ;
mod extras;
mod lines;
pub(crate) mod path_info_dispatcher;
mod saying;
mod view;

pub use lines::{Lines, Trailers};
pub use path_info_dispatcher::WSGIPathInfoDispatcher;
pub(crate) use view::Client;
pub use view::RequestView;

/// What answers requests. Called on several worker threads at once; it may block.
pub trait Gateway: Send + Sync + 'static {
    /// Answers one request (the seed's `Gateway.respond`).
    fn respond(&self, request: &Request<'_>) -> Outcome;

    /// Whether a WSGI environ is to be built before [`respond`](Self::respond) is called.
    fn wants_environ(&self) -> bool {
        true
    }
}

impl<G: Gateway + ?Sized> Gateway for Arc<G> {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        (**self).respond(request)
    }

    fn wants_environ(&self) -> bool {
        (**self).wants_environ()
    }
}

/// How a call of the application ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered. What is missing is filled in: an empty body, or 500 if nothing was started.
    Done,
    /// Will be answered later, from any thread.
    Detached,
    /// Answered, and the server is to stop.
    Interrupt,
    /// Failed: 500 if nothing was sent, else the connection is cut.
    Failed,
}

/// Why something that the application asked for was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The request has ended, or the handle was never one.
    Gone,
    /// Another thread is inside a call on it.
    Busy,
    /// Not possible at this point of the answer.
    State(&'static str),
    /// A status or header that cannot be sent; says what is wrong with it.
    Header(&'static str),
    /// More body than `Content-Length` declares.
    Length,
    /// The client is gone, too slow, or cut its request short.
    Client(&'static str),
    /// The request's body is larger than `max_request_body_size` (the seed's `MaxSizeExceeded`).
    MaxSizeExceeded,
    /// The request's body is malformed.
    Body(&'static str),
    /// A file that cannot be sent; says why.
    File(&'static str),
    /// The server has stopped.
    Stopping,
    /// Not without waiting, and the call was not to wait.
    Again,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the request has ended",
            Self::Busy => "another thread is in a call on the request",
            Self::Length => "the response body is longer than its Content-Length",
            Self::MaxSizeExceeded => "the request body is too large",
            Self::Stopping => "the server has stopped",
            Self::Again => "nothing now",
            Self::State(text)
            | Self::Header(text)
            | Self::Client(text)
            | Self::Body(text)
            | Self::File(text) => text,
        })
    }
}

impl std::error::Error for RequestError {}

impl From<AppError> for RequestError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::State => Self::State(error.text()),
            AppError::Length { .. } => Self::Length,
            AppError::Status
            | AppError::Header
            | AppError::ContentLength
            | AppError::Interim
            | AppError::Misplaced => Self::Header(error.text()),
        }
    }
}

/// One request, as its application sees it.
pub struct Request<'a> {
    engine: &'a Arc<Engine>,
    id: RequestId,
    thread_data: Option<&'a ThreadData>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Request").field(&self.id.0).finish()
    }
}

impl<'a> Request<'a> {
    pub(crate) fn new(engine: &'a Arc<Engine>, id: RequestId) -> Self {
        Self { engine, id, thread_data: None }
    }

    pub(crate) fn on_thread(mut self, data: Option<&'a ThreadData>) -> Self {
        self.thread_data = data;
        self
    }

    pub(crate) fn engine(&self) -> &'a Arc<Engine> {
        self.engine
    }

    pub(crate) fn request_id(&self) -> RequestId {
        self.id
    }

    /// The number that names the request, for as long as it lives.
    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// What the start hook of the worker thread has made, if the application is called with this
    /// request on one.
    pub fn thread_data(&self) -> Option<&'a (dyn Any + Send + Sync)> {
        self.thread_data.map(|data| &**data)
    }

    /// Shows the environ (PEP 3333) to `look`.
    pub fn environ<R>(&self, look: impl FnOnce(&Environ) -> R) -> Result<R, RequestError> {
        self.engine.environ(self.id, |environ, _| look(environ))
    }

    /// WSGI's `start_response`: `status` is a code and a reason, like `200 OK`. `restart` replaces
    /// what an earlier call set, as long as nothing was sent.
    pub fn start_response(
        &self,
        status: &str,
        headers: &[(&str, &str)],
        restart: bool,
    ) -> Result<(), RequestError> {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.engine.start_response(self.id, status.as_bytes(), headers, restart)
    }

    /// WSGI's `write`: sends a piece of the body. Waits while the client does not take it.
    pub fn write(&self, data: &[u8]) -> Result<(), RequestError> {
        self.engine.write(self.id, data, Wait::ForClient)
    }

    /// [`write`](Self::write) without waiting for the client: the piece is taken as a whole, and
    /// what of it the client does not take at once is kept. As long as a part of an earlier piece is
    /// kept nothing is taken, and the error is [`RequestError::Again`].
    pub fn try_write(&self, data: &[u8]) -> Result<(), RequestError> {
        self.engine.write(self.id, data, Wait::Never)
    }

    /// A whole answer at once; `Content-Length` is added. Never waits for the client.
    pub fn respond(
        &self,
        status: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), RequestError> {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.engine.respond(self.id, status.as_bytes(), headers, body)
    }

    /// The body, or the rest of one, from a part of a file; the answer is complete with that.
    /// `length` `None`: to the end of the file. If nothing was written before, `Content-Length` is
    /// added. The file may be closed as soon as this returns: what the client does not take at once
    /// is sent when it does, and this thread goes on. What is no regular file is read to its end
    /// here, and sent as by [`write`](Self::write).
    pub fn send_file(
        &self,
        file: impl AsFd,
        offset: u64,
        length: Option<u64>,
    ) -> Result<(), RequestError> {
        self.engine.send_file(self.id, file.as_fd().as_raw_fd(), offset, length)
    }

    /// Reads the request's body into `buffer`: the number of bytes, 0 at the end. Waits for the
    /// client.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, RequestError> {
        self.engine.read(self.id, buffer, Wait::ForClient)
    }

    /// [`read`](Self::read) without waiting for the client: [`RequestError::Again`] if nothing has
    /// come.
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<usize, RequestError> {
        self.engine.read(self.id, buffer, Wait::Never)
    }

    /// Reads a line of the request's body, its LF included, and appends it to `line`: the number of
    /// bytes, 0 at the body's end. The last line may lack its LF; so does what is given of a line
    /// that is longer than `limit`, whose rest is still to be read.
    pub fn readline(&self, line: &mut Vec<u8>, limit: usize) -> Result<usize, RequestError> {
        lines::readline(self, line, limit)
    }

    /// The lines of the request's body that are still to be read, until they have so many bytes
    /// together (0: all of them).
    pub fn readlines(&self, hint: usize) -> Result<Vec<Vec<u8>>, RequestError> {
        lines::readlines(self, hint)
    }

    /// Iterates over the lines of the request's body. An error ends it.
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(self)
    }

    /// The fields behind a chunked body. They are there once a read has given 0, the body's end;
    /// before that this is an error. A body that is not chunked has none.
    pub fn trailers(&self) -> Result<Trailers, RequestError> {
        self.engine.trailers(self.id)
    }

    /// Shows the request as it was sent to `look`: what a gateway that wants no environ goes by.
    pub fn view<R>(&self, look: impl FnOnce(&RequestView<'_>) -> R) -> Result<R, RequestError> {
        self.engine.view(self.id, look)
    }

    /// Whether the client has half-closed its connection (1) or left (2), or else the server is
    /// stopping (3), and what takes long should come to an end.
    pub fn aborted(&self) -> Result<u8, RequestError> {
        self.engine.aborted(self.id)
    }

    /// WSGI's `wsgi.errors`: says something in the server's error log, with the code
    /// [`Application`](crate::LogCode::Application).
    pub fn log(&self, level: LogLevel, text: &str) -> Result<(), RequestError> {
        self.engine.log(self.id, level, text)
    }

    /// Takes the connection out of the server: it is the host's own from here on, and the request
    /// has ended. Nothing of an answer may have been sent: the host writes its own on the stream.
    /// Or it has started `101 Switching Protocols`, with the headers `Connection: Upgrade` and
    /// `Upgrade`, which this sends. Earlier answers on the connection have gone out before; for that
    /// it waits for the client as [`write`](Self::write) does. The stream begins with what was read
    /// and not taken: the rest of this request's body as it came, and what follows. The environ is
    /// good until [`Gateway::respond`] returns, that of a detached or pulled request ends here.
    ///
    /// # Errors
    /// `State` after any other beginning of an answer; those of [`write`](Self::write). The request
    /// is as it was then.
    pub fn hijack(&self) -> Result<Stream, RequestError> {
        self.engine.hijack(self.id, true)
    }

    /// [`hijack`](Self::hijack) that never waits: `Again` while the client does not take an earlier
    /// answer.
    pub fn try_hijack(&self) -> Result<Stream, RequestError> {
        self.engine.hijack(self.id, false)
    }

    /// Asks a pull server for an event ([`Happened::Aborted`](crate::Happened::Aborted)) when the
    /// client half-closes its connection or leaves, or the server is about to stop. There is one
    /// event for each time that this is asked.
    pub fn watch_aborted(&self) -> Result<(), RequestError> {
        self.engine.watch(self.id, Watched::Aborted)
    }

    /// Asks a pull server for an event ([`Happened::Released`](crate::Happened::Released)) when the
    /// request has ended and the last byte of its answer was sent, or it was cut.
    pub fn watch_released(&self) -> Result<(), RequestError> {
        self.engine.watch(self.id, Watched::Released)
    }

    /// Lets the request live on after [`Gateway::respond`] returns (which then returns
    /// [`Outcome::Detached`]). The answer may come from any thread.
    pub fn detach(&self) -> Result<DetachedRequest, RequestError> {
        self.engine.detach(self.id)?;
        Ok(DetachedRequest { engine: self.engine.clone(), id: self.id })
    }
}

/// A request that is answered later. Dropped without an answer it gets 500, or is cut.
pub struct DetachedRequest {
    engine: Arc<Engine>,
    id: RequestId,
}

impl fmt::Debug for DetachedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DetachedRequest").field(&self.id.0).finish()
    }
}

impl DetachedRequest {
    /// The request, to be read from and answered.
    pub fn request(&self) -> Request<'_> {
        Request::new(&self.engine, self.id)
    }

    /// Says that the answer is complete.
    pub fn finish(self) -> Result<(), RequestError> {
        self.engine.finish(self.id)
    }
}

impl Drop for DetachedRequest {
    fn drop(&mut self) {
        // After an answer this finds the request gone.
        let _gone = self.engine.abort(self.id);
    }
}
