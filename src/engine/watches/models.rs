//! Who watches a client, under every interleaving: one call, neither none nor two.

use std::sync::Arc;

use super::*;
use crate::engine::ownership::{Bits, Claim, Post, Word};
use crate::engine::sync::{model, thread};
use crate::errands::Errands;

const ID: RequestId = RequestId(1);
const SERIAL: u64 = 1;

struct Site {
    word: Word,
    watches: Watches,
    errands: Arc<Errands>,
    /// The client has left: what a look at the socket says.
    left: AtomicUsize,
    calls: AtomicUsize,
}

impl Site {
    /// As `Engine::tell_watcher` does.
    fn tell(&self) {
        if let Some(call) = self.watches.take(ID) {
            call.hand_to(drop);
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_client_that_leaves_while_somebody_begins_to_watch_is_told_of_once() {
    model(3, || {
        let word = Word::new();
        let own = word.open(0).expect("it is closed");
        let token = word.hold(own, SERIAL);
        let errands: Arc<Errands> = Arc::default();
        let (left, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let site = Arc::new(Site { word, watches: Watches::default(), errands, left, calls });
        // The event of a client that has left, as `post` and `note_event` treat it.
        let poller = {
            let site = Arc::clone(&site);
            thread::spawn(move || {
                site.left.store(1, Ordering::SeqCst);
                match site.word.post(token, Bits::HUP) {
                    Post::Noted | Post::Held if site.watches.any() => site.tell(),
                    _ => {}
                }
            })
        };
        // As `Engine::on_abort` does.
        let Claim::Claimed(own) = site.word.claim(token, SERIAL) else { panic!("it is held") };
        let call: Call = Foreign::new(Box::new(|| {}), &site.errands);
        assert!(site.watches.put(ID, call).is_none());
        let left = site.left.load(Ordering::SeqCst) > 0;
        let _held = site.word.hold(own, SERIAL);
        if left {
            site.tell();
        }
        poller.join().expect("the part went well");
        assert_eq!(site.calls.load(Ordering::Relaxed), 1);
        assert!(!site.watches.any());
        site.errands.run(|| ());
    });
}
