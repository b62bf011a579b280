//! What the host does on a worker thread before its first request and after its last.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::text_of;
use crate::error_log::{ErrorLog, LogCode};
use crate::handlers::{ThreadData, ThreadHooks};

/// A worker thread on which the start hook, if there is one, has succeeded.
pub(super) struct Attended {
    hooks: Option<Arc<dyn ThreadHooks>>,
    index: usize,
    data: Option<ThreadData>,
}

impl Attended {
    /// Calls the start hook; the error is its reason.
    pub(super) fn start(hooks: Option<Arc<dyn ThreadHooks>>, index: usize) -> Result<Self, String> {
        let Some(called) = &hooks else { return Ok(Self { hooks, index, data: None }) };
        match catch_unwind(AssertUnwindSafe(|| called.thread_start(index))) {
            Ok(Ok(data)) => Ok(Self { hooks, index, data: Some(data) }),
            Ok(Err(reason)) => Err(reason),
            Err(panic) => Err(format!("it panicked: {}", text_of(&*panic))),
        }
    }

    pub(super) fn data(&self) -> Option<&ThreadData> {
        self.data.as_ref()
    }

    /// Calls the stop hook.
    pub(super) fn stop(mut self, log: &ErrorLog) {
        let (Some(hooks), Some(data)) = (&self.hooks, self.data.take()) else { return };
        let stop = || hooks.thread_stop(self.index, data);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(stop)) {
            let text = format_args!("a stop hook panicked: {}", text_of(&*panic));
            log.error(LogCode::Panic, text);
        }
    }
}
