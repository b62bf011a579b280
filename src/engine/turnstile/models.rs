//! The turnstile under every interleaving: what somebody came for is done.

use super::*;
use crate::engine::sync::{Arc, AtomicUsize, model, thread};

/// The thing counts what was done; outside is what there is to do, which the event tells of.
#[derive(Clone)]
struct Site {
    turnstile: Arc<Turnstile<usize>>,
    to_do: Arc<AtomicUsize>,
}

impl Site {
    fn new() -> Self {
        Self { turnstile: Arc::new(Turnstile::new(0)), to_do: Arc::new(AtomicUsize::new(0)) }
    }

    fn come(&self) {
        self.to_do.fetch_add(1, Ordering::Relaxed);
        self.do_all();
    }

    fn do_all(&self) {
        self.turnstile.work(|mut done| {
            *done += self.to_do.swap(0, Ordering::Relaxed);
            true
        });
    }

    /// Has the thing for something else.
    fn hold(&self) {
        drop(self.turnstile.lock());
        if self.turnstile.is_wanted() {
            self.do_all();
        }
    }

    fn check(&self, others: [fn(&Self); 2]) {
        let others = others.map(|other| {
            let site = self.clone();
            thread::spawn(move || other(&site))
        });
        self.come();
        others.into_iter().for_each(|other| other.join().expect("the part went well"));
        assert_eq!(self.to_do.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn who_comes_is_attended_to() {
    model(3, || Site::new().check([Site::come, Site::come]));
}

#[test]
fn who_comes_while_it_is_held_is_attended_to() {
    model(3, || Site::new().check([Site::hold, Site::come]));
}
