//! Errands: calls of the host's own functions that come up while a connection is worked on, by
//! whichever thread. They are put aside and made by a worker between two requests, or by the service
//! thread if no worker is free: where no lock is held, neither the library's nor the host's.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::engine::sync::{AtomicBool, Mutex, Ordering, lock};

#[cfg(all(loom, test))]
mod models;

type Errand = Box<dyn FnOnce() + Send>;

/// What waits to be called, for one server.
#[derive(Default)]
pub(crate) struct Errands {
    waiting: AtomicBool,
    list: Mutex<Vec<Errand>>,
}

impl Errands {
    /// Puts a call aside.
    pub(crate) fn push(&self, errand: Errand) {
        let mut list = lock(&self.list);
        list.push(errand);
        self.waiting.store(true, Ordering::Release);
    }

    /// Whether there is something to do. One load, so that those who have no errands pay nothing.
    #[inline]
    pub(crate) fn are_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Makes the calls, each followed by `after`. To be called without any lock.
    #[cold]
    pub(crate) fn run(&self, after: impl Fn()) {
        while self.are_waiting() {
            let mut list = lock(&self.list);
            let errands = std::mem::take(&mut *list);
            self.waiting.store(false, Ordering::Release);
            drop(list);
            for errand in errands {
                // A panic is the host's; the others still have to be called.
                let _panicked = catch_unwind(AssertUnwindSafe(errand));
                after();
            }
        }
    }
}

/// Something of the host's whose destructor is the host's too: dropped wherever that comes up, it
/// becomes an errand.
pub(crate) struct Foreign<T: Send + 'static> {
    thing: Option<T>,
    errands: Arc<Errands>,
}

impl<T: Send + 'static> Foreign<T> {
    pub(crate) fn new(thing: T, errands: &Arc<Errands>) -> Self {
        Self { thing: Some(thing), errands: errands.clone() }
    }

    /// Makes a call with it an errand.
    pub(crate) fn hand_to(mut self, call: impl FnOnce(T) + Send + 'static) {
        if let Some(thing) = self.thing.take() {
            self.errands.push(Box::new(move || call(thing)));
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.thing.as_ref()
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.thing.as_mut()
    }
}

impl<T: Send + 'static> Drop for Foreign<T> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.errands.push(Box::new(move || drop(thing)));
        }
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    struct Counted(Arc<AtomicU32>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_destructor_waits_for_its_turn_and_comes_once() {
        let (errands, count) = (Arc::new(Errands::default()), Arc::new(AtomicU32::new(0)));
        let dropped = || count.load(Ordering::SeqCst);
        drop(Foreign::new(Counted(count.clone()), &errands));
        assert!(errands.are_waiting());
        assert_eq!(dropped(), 0);
        errands.run(|| ());
        assert_eq!(dropped(), 1);
        assert!(!errands.are_waiting());
        Foreign::new(Counted(count.clone()), &errands).hand_to(|_counted| panic!("the host's"));
        errands.push(Box::new({
            let counted = Counted(count.clone());
            move || drop(counted)
        }));
        errands.run(|| ());
        assert_eq!(dropped(), 3);
        drop(Foreign::new(Counted(count.clone()), &errands));
        drop(errands);
        assert_eq!(dropped(), 4);
    }
}
