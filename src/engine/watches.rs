//! Who wants to hear that a client has left.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::handle::RequestId;
use super::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::errands::Foreign;

#[cfg(all(loom, test))]
mod models;

/// A call of the host's.
pub(crate) type Call = Foreign<Box<dyn FnOnce() + Send>>;

/// The calls that are to be made, by request. A request has at most one.
#[derive(Default)]
pub(crate) struct Watches {
    count: AtomicUsize,
    calls: Mutex<HashMap<u64, Call>>,
}

impl Watches {
    /// Whether there are any at all.
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Notes a call, and gives the one that it replaces.
    pub(crate) fn put(&self, id: RequestId, call: Call) -> Option<Call> {
        let mut calls = lock(&self.calls);
        let old = calls.insert(id.0, call);
        self.count.store(calls.len(), Ordering::Release);
        old
    }

    /// Takes all calls out.
    pub(crate) fn take_all(&self) -> Vec<Call> {
        let mut calls = lock(&self.calls);
        self.count.store(0, Ordering::Release);
        calls.drain().map(|(_, call)| call).collect()
    }

    /// Takes a request's call out: whoever gets it makes it, or drops it.
    pub(crate) fn take(&self, id: RequestId) -> Option<Call> {
        let mut calls = lock(&self.calls);
        let call = calls.remove(&id.0);
        self.count.store(calls.len(), Ordering::Release);
        call
    }
}
