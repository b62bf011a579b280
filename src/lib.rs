//! libwsgiserver: the thread-pooled HTTP/1.1 server that CherryPy's users know as
//! `cherrypy.wsgiserver`, to be embedded in programs of any language.
//!
//! ```text
//! HTTPServer ── prepare, serve, stop                     server
//!   ThreadPool ── WorkerThread: a loop around next()     threadpool
//!     Engine ── who waits, who works, who is stuck       engine
//!       HTTPConnection ── from accepted to closed        connection
//!         RequestHead ── bytes to a request              request
//!           Gateway::respond(Request)                    gateway
//!         Response ── an answer to bytes                 request::response
//!       one send
//! ```
//! The C interface (`include/wsgiserver.h`) lies over this in `ffi`; nothing here knows of it.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use wsgiserver::{Gateway, HTTPServer, Outcome, Request};
//!
//! struct Hello;
//!
//! impl Gateway for Hello {
//!     fn respond(&self, request: &Request<'_>) -> Outcome {
//!         match request.respond("200 OK", &[("Content-Type", "text/plain")], b"Hello world!") {
//!             Ok(()) => Outcome::Done,
//!             Err(_) => Outcome::Failed,
//!         }
//!     }
//! }
//!
//! let server = Arc::new(HTTPServer::new("127.0.0.1:0", Hello)?);
//! server.set("numthreads", "4")?;
//! server.start_background()?;
//! println!("http://{}/", server.bound_addr()?);
//! server.stop();
//! # Ok::<(), wsgiserver::Error>(())
//! ```
#![deny(missing_debug_implementations)]
#![allow(clippy::upper_case_acronyms)]

mod access_log;
mod channel;
mod connection;
mod date;
pub mod decode;
mod engine;
mod errands;
mod error;
mod error_log;
mod ffi;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gateway;
mod handlers;
mod request;
mod rfile;
mod server;
pub mod ssl;
mod statistics;
mod status_page;
mod stream;
mod sys;
mod threadpool;

pub use access_log::{AccessLog, AccessRecord, Ended, RequestDone};
pub use engine::events::Happened;
pub use engine::handle::RequestId;
pub use error::{Error, ErrorKind};
pub use error_log::{LOG_TARGET, LogCode, LogHandler, LogLevel, LogMessage};
pub use gateway::{
    DetachedRequest, Gateway, Lines, Outcome, Request, RequestError, RequestView, Trailers,
    WSGIPathInfoDispatcher,
};
pub use handlers::{Handlers, ThreadData, ThreadHooks};
pub use server::options::{OptionKind, OptionSpec, option_specs};
pub use server::{Address, HTTPServer, PullWorker, Pulled};
pub use statistics::{Histogram, Stats, WorkerCall, WorkerStats};
pub use status_page::StatusPage;
pub use stream::{Direction, Stream, StreamError};

/// The version of the library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
