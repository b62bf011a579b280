//! The word under every interleaving: pollers, owners that do not read, thieves, the queue, the
//! host, and a slot that is closed and used again.
//!
//! When all threads are done there must be no unread byte and no bit on an idle connection.

use self::site::{SLOT, Site, together};
use super::*;
use crate::engine::batch::{BATCH_MAX, Batch};
use crate::engine::sync::{Arc, model, thread};

mod site;

#[test]
fn two_pollers() {
    model(8, || {
        let (site, token) = Site::new();
        together(&site, token, Site::arrive_and_poll, [Site::arrive_and_poll]);
        site.assert_quiet(token);
    });
}

#[test]
fn three_pollers_one_behind_the_edge_of_another() {
    model(3, || {
        let (site, token) = Site::new();
        let late = |site: &Site, token| {
            if site.fetch_edge() {
                site.deliver(token, Bits::IN.union(Bits::HUP));
            }
        };
        together(&site, token, Site::arrive_and_poll, [Site::arrive_and_poll, late]);
        site.assert_quiet(token);
    });
}

#[test]
fn an_owner_that_does_not_read() {
    model(3, || {
        let (site, token) = Site::new();
        let timer = |site: &Site, token| {
            if let Post::Acquired(owner) = site.word.post(token, Bits::TIMER) {
                site.serve_timer(owner);
            }
        };
        together(&site, token, Site::arrive_and_poll, [Site::arrive_and_poll, timer]);
        site.serve_queue();
        site.assert_quiet(token);
    });
}

#[test]
fn a_thief_of_the_batch() {
    model(4, || {
        let (site, token) = Site::new();
        let batch = Arc::new(Batch::new());
        // One event was fetched already, and the worker is in a call.
        site.arrive();
        assert!(site.fetch_edge());
        assert!(batch.publish(&[token.pack_with(Bits::IN)]));
        let thief = {
            let (site, batch) = (Arc::clone(&site), Arc::clone(&batch));
            thread::spawn(move || {
                let mut loot = [0; BATCH_MAX];
                let count = batch.steal(&mut loot);
                for entry in loot.iter().take(count) {
                    let (token, bits) = Token::unpack(*entry);
                    site.deliver(token, bits);
                }
            })
        };
        let poller = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.arrive_and_poll(token))
        };
        while let Some(entry) = batch.pop() {
            let (token, bits) = Token::unpack(entry);
            site.deliver(token, bits);
        }
        for thread in [thief, poller] {
            thread.join().expect("the part went well");
        }
        site.assert_quiet(token);
    });
}

#[test]
fn the_queue_owns_what_is_in_it() {
    model(3, || {
        let (site, owner) = Site::owned();
        let token = owner.token();
        site.enqueue(owner);
        let worker = |site: &Site, _| site.serve_queue();
        // A turn with a budget: it stops before it knows that everything is read.
        let turn = |site: &Site, token| {
            site.arrive();
            if !site.fetch_edge() {
                return;
            }
            if let Post::Acquired(owner) = site.word.post(token, Bits::IN) {
                let bits = site.word.take_bits(&owner);
                site.touch();
                site.word.leave_bits(&owner, bits);
                site.enqueue(owner);
            }
        };
        together(&site, token, worker, [turn, Site::arrive_and_poll]);
        site.serve_queue();
        site.assert_quiet(token);
    });
}

#[test]
fn one_of_two_dequeues() {
    model(4, || {
        let (site, owner) = Site::owned();
        let token = site.word.enqueue(owner);
        let worker = |site: &Site, token| {
            if let Some(owner) = site.word.dequeue(token) {
                site.ended.fetch_add(1, Ordering::Relaxed);
                site.serve(owner);
            }
        };
        together(&site, token, worker, [worker, Site::arrive_and_poll]);
        assert_eq!(site.ended(), 1);
        site.assert_quiet(token);
    });
}

#[test]
fn a_closed_slot_is_used_again() {
    model(6, || {
        let (site, owner) = Site::owned();
        let old = owner.token();
        let poller = {
            let site = Arc::clone(&site);
            // It carries the old token; whatever it acquires must not be the new connection.
            thread::spawn(move || {
                site.arrive_and_poll(old);
                assert!(matches!(site.word.claim(old, 1), Claim::Gone));
                assert!(site.word.dequeue(old).is_none());
            })
        };
        site.touch();
        site.word.end_request(&owner, 9);
        site.word.close(owner);
        site.read();
        let owner = site.word.open(SLOT).expect("closed");
        let token = owner.token();
        assert_ne!(token, old);
        assert!(site.word.take_bits(&owner).is_empty(), "a bit of the old connection");
        site.touch();
        assert!(site.word.release(owner).is_ok(), "a stale token left a bit");
        poller.join().expect("the part went well");
        assert!(matches!(site.word.post(old, Bits::IN), Post::Stale));
        site.read();
        site.assert_quiet(token);
    });
}

#[test]
fn an_owner_takes_the_connection_away() {
    model(3, || {
        let (site, token) = Site::new();
        let hijacker = |site: &Site, token| {
            if let Post::Acquired(owner) = site.word.post(token, Bits::IN) {
                site.word.take_bits(&owner);
                site.touch();
                site.ended.fetch_add(1, Ordering::Relaxed);
                site.word.close(owner);
            }
        };
        together(&site, token, hijacker, [hijacker, Site::arrive_and_poll]);
        // Either it was taken once, or a poller had it whenever a hijacker came.
        match site.ended() {
            0 => site.assert_quiet(token),
            1 => {
                assert!(site.word.open_token(SLOT).is_none() && site.word.peek_bits().is_empty());
                assert_eq!(site.word.generation(), token.generation + 1);
            }
            more => panic!("taken {more} times"),
        }
    });
}

#[test]
fn a_detached_request_ends_in_another_thread() {
    model(3, || {
        let (site, owner) = Site::owned();
        let token = site.word.hold(owner, 1);
        let host = |site: &Site, token| {
            assert!(site.claim_and_end(token, 1), "nobody else claims");
            assert!(matches!(site.word.claim(token, 1), Claim::Gone));
        };
        let poller = |site: &Site, token| {
            site.arrive();
            if site.fetch_edge() {
                match site.word.post(token, Bits::IN) {
                    Post::Acquired(owner) => site.serve(owner),
                    Post::Held | Post::Noted => {}
                    Post::Stale => panic!("it is open"),
                }
            }
        };
        together(&site, token, host, [poller, poller]);
        assert_eq!(site.ended(), 1);
        site.assert_quiet(token);
    });
}

#[test]
fn a_request_is_detached_while_its_handle_is_in_use() {
    model(5, || {
        let (site, owner) = Site::owned();
        let token = owner.token();
        site.word.end_request(&owner, 1);
        let host = {
            let site = Arc::clone(&site);
            // The call has not returned yet, perhaps; then the host is told to come again.
            thread::spawn(move || site.claim_and_end(token, 1))
        };
        let poller = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.arrive_and_poll(token))
        };
        site.touch();
        assert_eq!(site.word.hold(owner, 1), token);
        let ended = host.join().expect("the part went well");
        poller.join().expect("the part went well");
        assert_ne!(site.claim_and_end(token, 1), ended);
        assert_eq!(site.ended(), 1);
        site.assert_quiet(token);
    });
}

#[test]
fn two_claimants() {
    model(3, || {
        let (site, owner) = Site::owned();
        let token = site.word.hold(owner, 1);
        // A write in between: the request goes back to the host and is claimed again.
        let writer = |site: &Site, token| {
            if let Claim::Claimed(owner) = site.word.claim(token, 1) {
                site.touch();
                assert_eq!(site.word.hold(owner, 1), token);
            }
            site.claim_and_end(token, 1);
        };
        let ender = |site: &Site, token| {
            site.claim_and_end(token, 1);
        };
        together(&site, token, writer, [ender, Site::arrive_and_poll]);
        // Each of the two may have met the other inside; but never both at their last step.
        assert_eq!(site.ended(), 1);
        assert!(matches!(site.word.claim(token, 1), Claim::Gone));
        site.assert_quiet(token);
    });
}

#[test]
fn a_late_handle_does_not_end_the_next_request() {
    model(4, || {
        let (site, owner) = Site::owned();
        let token = site.word.hold(owner, 1);
        let late = |site: &Site, token| {
            site.claim_and_end(token, 1);
        };
        // It ends the first request and lends the second one out on the same connection.
        let server = |site: &Site, token| {
            if let Claim::Claimed(owner) = site.word.claim(token, 1) {
                site.touch();
                site.end(&owner, 1);
                assert_eq!(site.word.hold(owner, 2), token);
                assert!(matches!(site.word.claim(token, 1), Claim::Gone));
                assert!(site.claim_and_end(token, 2), "only this thread has the second handle");
            }
        };
        together(&site, token, late, [late, server]);
        let ended = site.ended();
        assert!(ended == 1 || ended == 2, "{ended} ends");
        site.assert_quiet(token);
    });
}

#[test]
fn a_watched_request_is_attended_or_its_caller_looks() {
    model(3, || {
        let (site, owner) = Site::owned();
        let token = site.word.hold(owner, 1);
        let host = |site: &Site, token| {
            let Claim::Claimed(owner) = site.word.claim(token, 1) else {
                panic!("no other call is under way, and who attends is waited for");
            };
            site.touch();
            assert_eq!(site.word.hold(owner, 1), token);
            if site.word.has_bits() {
                site.attend(token);
            }
        };
        let poller = |site: &Site, token| {
            site.arrive();
            if site.fetch_edge()
                && let Post::Held = site.word.post(token, Bits::IN)
            {
                site.attend(token);
            }
        };
        together(&site, token, host, [poller, poller]);
        assert!(!site.word.has_bits(), "nobody has looked");
        assert!(site.claim_and_end(token, 1));
        site.assert_quiet(token);
    });
}

#[test]
fn who_attends_may_end_the_request() {
    model(2, || {
        let (site, owner) = Site::owned();
        let token = site.word.hold(owner, 1);
        let timer = |site: &Site, token| {
            match site.word.post(token, Bits::TIMER) {
                Post::Held => {
                    if let Some(owner) = site.word.attend(token) {
                        // It leaves the bits to the turn that follows.
                        site.touch();
                        site.end(&owner, 1);
                        site.word.keep(&owner);
                        site.serve(owner);
                    }
                }
                Post::Acquired(owner) => site.serve(owner),
                Post::Noted | Post::Stale => {}
            }
        };
        let host = |site: &Site, token| {
            match site.word.claim(token, 1) {
                Claim::Claimed(owner) => {
                    site.touch();
                    site.end(&owner, 1);
                    site.serve(owner);
                }
                Claim::Gone => {}
                Claim::Busy => panic!("no other call is under way"),
            }
            assert!(matches!(site.word.claim(token, 1), Claim::Gone));
        };
        together(&site, token, timer, [host, Site::arrive_and_poll]);
        assert_eq!(site.ended(), 1);
        site.assert_quiet(token);
    });
}
