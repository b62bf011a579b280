//! One slot with the kernel, the queue and the owners around it, and what must hold at the end.
//!
//! The kernel is a stub: a count of bytes, and one edge, which goes to exactly one poller. It is
//! weaker than a real one: only who fetches the edge is sure to see the bytes, and a reader sees
//! what its poster saw only if the word hands that on.

use crate::engine::ownership::{Bits, Claim, Ownership, Post, Token, Word};
use crate::engine::sync::{Arc, AtomicUsize, Mutex, Ordering, lock, thread};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool as Flag, AtomicUsize as Count};

pub(super) const SLOT: u32 = 3;

/// One slot and what surrounds it.
pub(super) struct Site {
    pub(super) word: Word,
    arrived: AtomicUsize,
    read: AtomicUsize,
    edge: AtomicUsize,
    queue: Mutex<VecDeque<Token>>,
    /// Written by owners without synchronisation of its own: if one owner did not see all that the
    /// one before it did, a turn is missing at the end.
    turns: AtomicUsize,
    /// These are no part of the model: loom does not switch at them.
    turns_begun: Count,
    inside: Flag,
    pub(super) ended: Count,
}

impl Site {
    /// An idle connection.
    pub(super) fn new() -> (Arc<Self>, Token) {
        let (site, owner) = Self::owned();
        let token = owner.token();
        assert!(site.word.release(owner).is_ok());
        (site, token)
    }

    pub(super) fn owned() -> (Arc<Self>, Ownership) {
        let site = Arc::new(Self {
            word: Word::new(),
            arrived: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
            edge: AtomicUsize::new(0),
            queue: Mutex::new(VecDeque::new()),
            turns: AtomicUsize::new(0),
            turns_begun: Count::new(0),
            inside: Flag::new(false),
            ended: Count::new(0),
        });
        let owner = site.word.open(SLOT).expect("a new word is closed");
        (site, owner)
    }

    /// A byte comes in. If the last edge was not fetched yet, it stands for this byte as well.
    pub(super) fn arrive(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.edge.fetch_or(1, Ordering::AcqRel);
    }

    pub(super) fn read(&self) {
        self.read.store(self.arrived.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn fetch_edge(&self) -> bool {
        self.edge.swap(0, Ordering::AcqRel) != 0
    }

    /// What a poller does with an event.
    pub(super) fn deliver(&self, token: Token, bits: Bits) {
        if let Post::Acquired(owner) = self.word.post(token, bits) {
            self.serve(owner);
        }
    }

    pub(super) fn arrive_and_poll(&self, token: Token) {
        self.arrive();
        if self.fetch_edge() {
            self.deliver(token, Bits::IN);
        }
    }

    /// What only an owner may do.
    pub(super) fn touch(&self) {
        assert!(!self.inside.swap(true, Ordering::Relaxed), "two owners");
        self.turns_begun.fetch_add(1, Ordering::Relaxed);
        let turns = self.turns.load(Ordering::Relaxed);
        self.turns.store(turns + 1, Ordering::Relaxed);
        self.inside.store(false, Ordering::Relaxed);
    }

    /// An owner that reads, until it may let go.
    pub(super) fn serve(&self, mut owner: Ownership) {
        loop {
            let bits = self.word.take_bits(&owner);
            self.touch();
            if bits.contains(Bits::IN) {
                self.read();
            }
            match self.word.release(owner) {
                Ok(()) => return,
                Err(kept) => owner = kept,
            }
        }
    }

    /// Looks after a request that is out, unless a call on it is under way.
    pub(super) fn attend(&self, token: Token) {
        let Some(mut owner) = self.word.attend(token) else { return };
        loop {
            let bits = self.word.take_bits(&owner);
            self.touch();
            if bits.contains(Bits::IN) {
                self.read();
            }
            match self.word.hold_again(owner) {
                Ok(()) => return,
                Err(kept) => owner = kept,
            }
        }
    }

    /// An owner that does not read: it looks after its own bit and leaves the rest to the queue.
    pub(super) fn serve_timer(&self, owner: Ownership) {
        let bits = self.word.take_bits(&owner);
        self.touch();
        let rest = bits.without(Bits::TIMER);
        if !rest.is_empty() {
            self.word.leave_bits(&owner, rest);
        }
        if let Err(owner) = self.word.release(owner) {
            self.enqueue(owner);
        }
    }

    pub(super) fn enqueue(&self, owner: Ownership) {
        let token = self.word.enqueue(owner);
        lock(&self.queue).push_back(token);
    }

    pub(super) fn serve_queue(&self) {
        loop {
            let token = lock(&self.queue).pop_front();
            let Some(token) = token else { return };
            self.serve(self.word.dequeue(token).expect("the queue owns it"));
        }
    }

    /// Ends the request if the claim succeeds.
    pub(super) fn claim_and_end(&self, token: Token, serial: u64) -> bool {
        let Claim::Claimed(owner) = self.word.claim(token, serial) else {
            return false;
        };
        self.touch();
        self.end(&owner, serial);
        self.serve(owner);
        true
    }

    pub(super) fn end(&self, owner: &Ownership, serial: u64) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.word.end_request(owner, serial + 1);
    }

    pub(super) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// To be asked when every thread has been joined.
    pub(super) fn assert_quiet(&self, token: Token) {
        assert_eq!(self.edge.load(Ordering::Acquire), 0, "an edge was not fetched");
        assert!(lock(&self.queue).is_empty());
        assert!(self.word.peek_bits().is_empty(), "a bit is set on an idle connection");
        let (read, arrived) = (&self.read, &self.arrived);
        let bytes = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        assert_eq!(bytes(read), bytes(arrived), "an event was lost");
        let turns = self.turns.load(Ordering::Relaxed);
        assert_eq!(turns, self.turns_begun.load(Ordering::Relaxed), "an owner saw old state");
        // Idle: the next event finds an owner.
        assert!(matches!(self.word.post(token, Bits::IN), Post::Acquired(_)), "not idle");
    }
}

/// Runs `here` in this thread and the others beside it, and waits for them.
pub(super) fn together<const N: usize>(
    site: &Arc<Site>,
    token: Token,
    here: fn(&Site, Token),
    others: [fn(&Site, Token); N],
) {
    let run = |part: fn(&Site, Token)| {
        let site = Arc::clone(site);
        thread::spawn(move || part(&site, token))
    };
    let threads = others.map(run);
    here(site, token);
    for thread in threads {
        thread.join().expect("the part went well");
    }
}
