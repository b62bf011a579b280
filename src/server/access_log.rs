//! The option `access_log`: what it opens when the server is prepared, and its thread's life.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};

use super::options::Options;
use crate::access_log::destination::Destination;
use crate::access_log::format::Format;
use crate::access_log::lines::Lines;
use crate::access_log::writer::Writer;
use crate::engine::Engine;
use crate::error::Error;
use crate::handlers::Handlers;
use crate::statistics::counters::Ledger;

/// An opened log and the way to it.
pub(super) type Opened = Option<(Destination, Arc<Lines>)>;

/// Opens what the option names, and has connections leave lines for it.
pub(super) fn open(options: &Options, handlers: &mut Handlers) -> Result<Opened, Error> {
    let name = options.text("access_log");
    if name.is_empty() {
        return Ok(None);
    }
    let destination = Destination::open(&name)?;
    let lines = Arc::new(Lines::new(Format::named(&options.text("access_log_format"))));
    handlers.lines = Some(lines.clone());
    Ok(Some((destination, lines)))
}

/// The thread that writes, if the option is set.
pub(super) struct LogWriter(Mutex<Option<Writer>>);

impl LogWriter {
    pub(super) fn start(
        opened: Opened,
        engine: &Engine,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, Error> {
        let start = |(destination, lines)| {
            Writer::start(lines, destination, engine.services.log.clone(), ledger.clone())
                .map_err(|error| Error::system("the thread of the access log", &error))
        };
        Ok(Self(Mutex::new(opened.map(start).transpose()?)))
    }

    /// Has everything written. To be called when nobody answers any more.
    pub(super) fn end(&self) {
        let writer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.end();
        }
    }
}
