//! Events under every interleaving: of each kind one at a time, none lost, none of another request.

use super::*;
use crate::engine::sync::{Arc, model, thread};

const SERIAL: u64 = 7;
const READABLE: Event = Event { id: RequestId(0), happened: Happened::Readable };

#[derive(Default)]
struct Site {
    untold: Untold,
    events: Events,
    /// What has happened, for whoever is told to look at; in order, as what a socket has.
    facts: AtomicUsize,
}

impl Site {
    /// As `Engine::tell` does, behind the fact that it tells of.
    fn happens(&self) {
        self.facts.fetch_add(1, Ordering::SeqCst);
        if self.untold.mark(SERIAL, READABLE.happened.mark()) {
            self.events.push(READABLE);
        }
    }

    /// As `Engine::next_event` does; the host then looks at the fact.
    fn fetch(&self) -> Option<usize> {
        let event = self.events.pop()?;
        self.untold.unmark(SERIAL, event.happened.mark());
        Some(self.facts.load(Ordering::SeqCst))
    }
}

#[test]
fn what_happens_is_told_after_it_has_happened() {
    model(4, || {
        let site = Arc::new(Site::default());
        site.untold.begin(SERIAL);
        let other = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.happens())
        };
        let host = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.fetch().unwrap_or(0))
        };
        site.happens();
        other.join().expect("the part went well");
        let mut seen = host.join().expect("the part went well");
        while let Some(facts) = site.fetch() {
            seen = facts;
        }
        assert_eq!(seen, 2, "the last look comes after both");
    });
}

#[test]
fn what_is_late_leaves_the_next_request_alone() {
    model(4, || {
        let site = Arc::new(Site::default());
        site.untold.begin(SERIAL);
        let late = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.untold.mark(SERIAL, 1) && site.untold.unmark(SERIAL, 1))
        };
        site.untold.begin(SERIAL + 1);
        assert!(site.untold.mark(SERIAL + 1, 2));
        late.join().expect("the part went well");
        assert!(!site.untold.mark(SERIAL + 1, 2) && site.untold.mark(SERIAL + 1, 1));
    });
}
