//! Errands under every interleaving: each is made once, and none stays behind.

use std::sync::atomic::AtomicUsize as Count;

use super::*;
use crate::engine::sync::{model, thread};

#[test]
fn each_errand_is_made_once() {
    model(4, || {
        let site: Arc<(Errands, Count)> = Arc::new((Errands::default(), Count::new(0)));
        // Whoever pushes one finds somebody to run it (`see_to_errands`): here it is itself.
        let part = |site: &Arc<(Errands, Count)>| {
            let counted = Arc::clone(site);
            site.0.push(Box::new(move || {
                counted.1.fetch_add(1, Ordering::Relaxed);
            }));
            if site.0.are_waiting() {
                site.0.run(|| ());
            }
        };
        let other = {
            let site = Arc::clone(&site);
            thread::spawn(move || part(&site))
        };
        part(&site);
        other.join().expect("the part went well");
        assert_eq!((site.1.load(Ordering::Relaxed), site.0.are_waiting()), (2, false));
    });
}
