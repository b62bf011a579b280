//! What the threads of a start say when their hooks have run. Not a channel: waiting for one leaves
//! what `std` knows of a thread behind on threads of the host's.
#![forbid(unsafe_code)]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Reports {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads that have not reported yet.
    open: usize,
    failure: Option<String>,
}

impl Reports {
    /// Waits until all have reported, or the first of them a failure, which is returned.
    pub(super) fn wait(&self) -> Option<String> {
        let mut state = self.lock();
        while state.open > 0 && state.failure.is_none() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's report: dropped, it says that all is well, or that there is no such thread.
pub(super) struct Report(Arc<Reports>);

impl Report {
    pub(super) fn new(reports: &Arc<Reports>) -> Self {
        reports.lock().open += 1;
        Self(reports.clone())
    }

    pub(super) fn failed(self, why: String) {
        self.0.lock().failure.get_or_insert(why);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
        self.0.changed.notify_all();
    }
}
