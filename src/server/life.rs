//! The server's life beside starting and stopping: whether it is ready, taking no more connections,
//! ending with a code of the host's.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{HTTPServer, Stage, forked};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};

/// From any thread, a worker's too.
impl HTTPServer {
    /// Whether connections are accepted and served (the seed's `ready`).
    pub fn ready(&self) -> bool {
        let state = self.lock();
        let running = state.running.as_ref().filter(|_| state.stage == Stage::Serving);
        running.is_some_and(|running| !running.engine.services.ends_connections())
    }

    /// Takes no more connections: the listeners are closed, clients that come find nobody. The
    /// connections that are there are served on, each until its next answer, which says
    /// `Connection: close`, or until it has been idle for `keep_alive_timeout`. The server goes on
    /// until it is stopped. A second time it does nothing.
    ///
    /// # Errors
    /// `State`: it does not serve.
    pub fn quiesce(&self) -> Result<(), Error> {
        let engine = self.with_serving_engine(Arc::clone)?;
        engine.quiesce();
        Ok(())
    }

    /// Asks for the stop like [`signal_stop`](Self::signal_stop), and has `serve`, `start` or `tick`
    /// end with `Interrupted`, whose code can be read by
    /// [`interrupt_code`](Self::interrupt_code) (the seed's `interrupt`, which raised an exception
    /// of the host's). The first code counts.
    ///
    /// # Errors
    /// `State`: it does not serve.
    pub fn interrupt(&self, code: i32) -> Result<(), Error> {
        self.with_serving_engine(|engine| engine.service.interrupt(code))
    }

    /// What the present or last run was interrupted with; 0 if the application asked for it.
    pub fn interrupt_code(&self) -> Option<i32> {
        let state = self.lock();
        let running = state.running.as_ref();
        running.and_then(|running| running.engine.service.interruption()).or(state.interrupted)
    }

    /// Under the state's lock, so that the end of the run does not come between.
    fn with_serving_engine<R>(&self, f: impl FnOnce(&Arc<Engine>) -> R) -> Result<R, Error> {
        if self.is_forked() {
            return Err(forked());
        }
        let state = self.lock();
        match (&state.running, state.stage) {
            (Some(running), Stage::Serving) => Ok(f(&running.engine)),
            _ => Err(Error::new(ErrorKind::State, "the server does not serve")),
        }
    }
}

/// The error that `serve` ends with.
pub(super) fn interrupted(code: i32) -> Error {
    Error::new(ErrorKind::Interrupted, format!("the server was interrupted with code {code}"))
}
