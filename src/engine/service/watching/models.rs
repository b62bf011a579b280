//! The end of the watch under every interleaving: who goes away is seen, or has said so.

use super::*;
use crate::engine::roles::Roles;
use crate::engine::sync::{Arc, AtomicUsize, model, thread};

#[test]
fn nobody_goes_away_unseen() {
    model(4, || {
        let site = Arc::new((Watching::default(), Roles::new(2, true), AtomicUsize::new(0)));
        assert!(site.0.begin());
        site.1.enter();
        site.1.enter();
        // As a worker does that comes out of epoll with something to do.
        let go_away = |site: &(Watching, Roles, AtomicUsize)| {
            if site.1.leave() == 0 && site.0.begin() {
                site.2.fetch_add(1, Ordering::SeqCst);
            }
        };
        let workers = [(); 2].map(|()| {
            let site = Arc::clone(&site);
            thread::spawn(move || go_away(&site))
        });
        let ended = site.0.end_unless(|| site.1.polling() == 0);
        workers.into_iter().for_each(|worker| worker.join().expect("the part went well"));
        assert!(site.0.is_on(), "nobody is left in epoll");
        assert!(!ended || site.2.load(Ordering::SeqCst) == 1, "it was woken");
    });
}
