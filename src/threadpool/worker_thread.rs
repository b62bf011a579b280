//! WorkerThread: a thread that calls the application, a loop around the engine's `next`.
#![forbid(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::text_of;
use crate::engine::worker::{Next, Worker};
use crate::error_log::LogCode;
use crate::gateway::{Gateway, Outcome, Request};
use crate::handlers::ThreadData;
use crate::sys::fork::ForkedChild;

/// One of the pool, or the host's own inside `tick`.
pub(crate) struct WorkerThread<'a> {
    pub(crate) worker: &'a mut Worker,
    pub(crate) gateway: &'a dyn Gateway,
    pub(crate) data: Option<&'a ThreadData>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The application was called for a request.
    Answered,
    /// The time is up.
    Nothing,
    /// The server has stopped, or the pool shrinks.
    Over,
    /// This is a forked child, which must not touch the server's sockets.
    Forked,
}

impl WorkerThread<'_> {
    /// Works until the thread is to end.
    pub(super) fn run(&mut self) {
        while !matches!(self.guarded_turn(None), Turn::Over | Turn::Forked) {}
    }

    /// One request, waited for as long as [`Worker::next`] does. A panic here would be our own
    /// fault; the thread is kept all the same.
    pub(crate) fn guarded_turn(&mut self, timeout: Option<u64>) -> Turn {
        catch_unwind(AssertUnwindSafe(|| self.turn(timeout))).unwrap_or_else(|panic| {
            if panic.is::<ForkedChild>() {
                return Turn::Forked;
            }
            let text = format_args!("a worker panicked: {}", text_taken(panic));
            self.worker.engine().services.log.error(LogCode::Panic, text);
            Turn::Nothing
        })
    }

    fn turn(&mut self, timeout: Option<u64>) -> Turn {
        let id = match self.worker.next(timeout) {
            Next::Request(id) => id,
            Next::Nothing | Next::Event(_) => return Turn::Nothing,
            Next::Stopped => return Turn::Over,
        };
        let engine = self.worker.engine();
        let call = || self.gateway.respond(&Request::new(engine, id).on_thread(self.data));
        let (outcome, panic) = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(outcome) => (outcome, None),
            Err(panic) => (Outcome::Failed, Some(text_taken(panic))),
        };
        // The application may have forked, and this be the child: it has the sockets of all clients.
        engine.service.after_host_code();
        self.worker.complete(id, outcome, panic);
        if outcome == Outcome::Interrupt {
            self.worker.engine().service.interrupt(0);
        }
        Turn::Answered
    }
}

/// The text of a panic, which ends here: what it carries is the application's, and may panic once
/// more when it is dropped.
fn text_taken(panic: Box<dyn Any + Send>) -> String {
    let text = text_of(&*panic).to_owned();
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    text
}
