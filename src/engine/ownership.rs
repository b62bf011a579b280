//! Who may touch a connection: one atomic word for each slot.
//!
//! ```text
//! 63           32 31            8 7     6    5    4   3       2     1       0
//! | generation   | serial (24)   | TIMER HUP  OUT  IN  CLOSED  HELD  QUEUED  OWNED |
//! ```
//!
//! | state  | flags        | the owner                    | leaves by                            |
//! |--------|--------------|------------------------------|--------------------------------------|
//! | closed | CLOSED       | nobody                       | `open` → owned                       |
//! | idle   | none         | nobody                       | `post` → owned                       |
//! | owned  | OWNED        | the holder of an `Ownership` | `release` → idle, `enqueue` → queued,|
//! |        |              |                              | `hold` → held, `close` → closed      |
//! | queued | QUEUED       | the queue                    | `dequeue` → owned                    |
//! | held   | OWNED, HELD  | the request at the host      | `claim` → owned,                     |
//! |        |              |                              | `attend` → attended                  |
//! | attended | OWNED, QUEUED | the engine, for a moment   | `hold_again` → held, `keep` → owned  |
//!
//! `post` sets event bits in every state but closed. It changes the state only from idle, in the
//! same step, so an event is either seen by an owner or makes its poster the owner.
//!
//! Bits are hints, never facts. A bit says "look", not "there is something": the owner clears it
//! before it looks, so what arrives after the look sets it again, and what arrived between the
//! clearing and the look leaves a bit behind that finds nothing. An owner that does not want to
//! look (a timer, a stop, a thief) puts the bit back with `leave_bits`. The one thing promised is
//! that a connection is never idle with a bit set: `release` refuses.
//!
//! The owner alone changes the flags, the serial and the generation of a connection that is owned;
//! everybody else only adds event bits. So the owner's own changes need no loop: one and, or, xor
//! or swap does it, whatever arrives meanwhile.
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicU64, Ordering, thread};

#[cfg(all(loom, test))]
mod models;
#[cfg(all(not(loom), test))]
mod tests;

const OWNED: u64 = 1 << 0;
const QUEUED: u64 = 1 << 1;
const HELD: u64 = 1 << 2;
const CLOSED: u64 = 1 << 3;
/// Owned, for a moment, by an engine thread that looks after a request that is out.
const ATTENDED: u64 = OWNED | QUEUED;
const EVENTS: u64 = 0xf0;
const STATE: u64 = OWNED | QUEUED | HELD | CLOSED;
const SERIAL_SHIFT: u32 = 8;
const SERIAL_MASK: u64 = 0x00ff_ffff;
const GENERATION_SHIFT: u32 = 32;
const SLOT_BITS: u32 = 24;
const TOKEN_BITS: u32 = 56;

/// A set of event bits. They have the same places in the word.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Bits(u8);

impl Bits {
    pub(crate) const NONE: Self = Self(0);
    /// Readable, or a new connection at a listener.
    pub(crate) const IN: Self = Self(1 << 4);
    /// Writable again.
    pub(crate) const OUT: Self = Self(1 << 5);
    /// The peer closed (RDHUP, HUP or ERR): read to 0.
    pub(crate) const HUP: Self = Self(1 << 6);
    /// A deadline may have passed.
    pub(crate) const TIMER: Self = Self(1 << 7);

    /// True if every bit of `other` is set.
    #[cfg(test)]
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if any bit of `other` is set.
    pub(crate) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[cfg(test)]
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[cfg(test)]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn of_word(word: u64) -> Self {
        Self((word & EVENTS) as u8)
    }
}

/// The name of one connection: a slot, and which of its successive connections is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Token {
    /// 24 bits are used.
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl Token {
    /// The largest slot number that fits.
    pub(crate) const MAX_SLOT: u32 = (1 << SLOT_BITS) - 1;

    /// 56 bits, for epoll's data; the top eight are clear.
    pub(crate) const fn pack(self) -> u64 {
        ((self.generation as u64) << SLOT_BITS) | (self.slot & Self::MAX_SLOT) as u64
    }

    /// The token with event bits on top, for an entry of a batch.
    pub(crate) const fn pack_with(self, bits: Bits) -> u64 {
        self.pack() | ((bits.0 as u64) << TOKEN_BITS)
    }

    pub(crate) const fn unpack(packed: u64) -> (Self, Bits) {
        let token =
            Self { slot: packed as u32 & Self::MAX_SLOT, generation: (packed >> SLOT_BITS) as u32 };
        (token, Bits((packed >> TOKEN_BITS) as u8 & EVENTS as u8))
    }
}

/// The proof that its holder, and nobody else, may touch the connection in the slot. It is given
/// back by `release`, `enqueue`, `hold` or `close`.
#[must_use = "an ownership that is dropped leaves its connection owned by nobody for ever"]
#[derive(Debug)]
pub(crate) struct Ownership {
    token: Token,
}

impl Ownership {
    pub(crate) fn token(&self) -> Token {
        self.token
    }
}

/// What became of an event.
#[must_use]
#[derive(Debug)]
pub(crate) enum Post {
    /// The connection was idle; the poster owns it now. The bits are set in the word as well.
    Acquired(Ownership),
    /// An owner, or the queue, will find the bits.
    Noted,
    /// Noted, and the request is at the host, which may want to be told.
    Held,
    /// That connection has gone.
    Stale,
}

/// What a handle of a request got.
#[must_use]
#[derive(Debug)]
pub(crate) enum Claim {
    Claimed(Ownership),
    /// The request is alive, but another thread is in a call on it.
    Busy,
    /// The request has ended, or its connection has.
    Gone,
}

/// The ownership word of one slot.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Default for Word {
    fn default() -> Self {
        Self::new()
    }
}

impl Word {
    /// Generation 0, closed.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(CLOSED))
    }

    /// Closed → owned, with serial 0. `None` if the slot is in use.
    pub(crate) fn open(&self, slot: u32) -> Option<Ownership> {
        debug_assert!(slot <= Token::MAX_SLOT);
        let seen = self.0.load(Ordering::Relaxed);
        if seen & STATE != CLOSED {
            return None;
        }
        // Acquire pairs with `close`: the last connection's state is seen as it was left.
        let next = (seen & !CLOSED) | OWNED;
        self.0.compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Ownership { token: Token { slot, generation: generation_of(seen) } })
    }

    /// Sets the bits, and takes the ownership in the same step if nobody has it.
    ///
    /// It writes even if every bit is set already: the write is what tells the owner, who clears
    /// the bit later, of everything the poster knows.
    pub(crate) fn post(&self, token: Token, bits: Bits) -> Post {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if generation_of(seen) != token.generation || seen & CLOSED != 0 {
                return Post::Stale;
            }
            let idle = seen & (OWNED | QUEUED) == 0;
            let next = seen | u64::from(bits.0) | if idle { OWNED } else { 0 };
            match self.swap(seen, next) {
                Ok(()) if idle => return Post::Acquired(Ownership { token }),
                Ok(()) if seen & HELD != 0 => return Post::Held,
                Ok(()) => return Post::Noted,
                Err(now) => seen = now,
            }
        }
    }

    /// Clears the event bits and returns them. To be called before looking.
    ///
    /// When the load sees no bit nothing is written. The load may be late and miss a bit that has
    /// just been set; the bit is then still there, because only the owner clears bits, and the
    /// `release` that ends the ownership is a compare-and-swap, which is never late.
    pub(crate) fn take_bits(&self, owner: &Ownership) -> Bits {
        let seen = self.0.load(Ordering::Relaxed);
        debug_assert!(owned_by(seen, owner));
        let events = seen & EVENTS;
        if events != 0 {
            // Acquire: what each poster of these bits knew is known now, also that of one who set
            // a bit again since the load. A bit that is new since the load stays for later.
            self.0.fetch_and(!events, Ordering::Acquire);
        }
        Bits::of_word(events)
    }

    /// Puts bits back that the owner took, or has reason to set, but will not look after now.
    #[cfg(test)]
    pub(crate) fn leave_bits(&self, owner: &Ownership, bits: Bits) {
        debug_assert!(owned_by(self.0.load(Ordering::Relaxed), owner));
        self.0.fetch_or(u64::from(bits.0), Ordering::Release);
    }

    /// Owned → idle, unless there are bits: then the owner keeps it and has to look again.
    pub(crate) fn release(&self, owner: Ownership) -> Result<(), Ownership> {
        let mut seen = self.0.load(Ordering::Relaxed);
        debug_assert!(owned_by(seen, &owner));
        while seen & EVENTS == 0 {
            let next = seen & !OWNED;
            match self.0.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        Err(owner)
    }

    /// Owned → queued. The bits stay. The token goes into the queue after this.
    pub(crate) fn enqueue(&self, owner: Ownership) -> Token {
        debug_assert!(owned_by(self.0.load(Ordering::Relaxed), &owner));
        self.0.fetch_xor(OWNED | QUEUED, Ordering::Release);
        owner.token
    }

    /// Queued → owned. `None` if the connection is not in the queue.
    pub(crate) fn dequeue(&self, token: Token) -> Option<Ownership> {
        let mut seen = self.0.load(Ordering::Relaxed);
        while generation_of(seen) == token.generation && seen & STATE == QUEUED {
            match self.swap(seen, seen ^ (OWNED | QUEUED)) {
                Ok(()) => return Some(Ownership { token }),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Owned → held: the ownership is the request's now, and `claim` fetches it back.
    pub(crate) fn hold(&self, owner: Ownership, serial: u64) -> Token {
        let seen = self.0.load(Ordering::Relaxed);
        debug_assert!(owned_by(seen, &owner));
        self.0.fetch_xor(serial_change(seen, serial) | HELD, Ordering::Release);
        owner.token
    }

    /// Held → attended. `None` if it is not held: whoever is in a call on the request looks for bits
    /// when that is over.
    pub(crate) fn attend(&self, token: Token) -> Option<Ownership> {
        let mut seen = self.0.load(Ordering::Relaxed);
        while generation_of(seen) == token.generation && seen & STATE == OWNED | HELD {
            match self.swap(seen, seen ^ (HELD | QUEUED)) {
                Ok(()) => return Some(Ownership { token }),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Attended → held, unless there are bits: then the owner has to look again.
    pub(crate) fn hold_again(&self, owner: Ownership) -> Result<(), Ownership> {
        let mut seen = self.0.load(Ordering::Relaxed);
        debug_assert!(owned_by(seen, &owner));
        while seen & EVENTS == 0 {
            let next = seen ^ (HELD | QUEUED);
            match self.0.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        Err(owner)
    }

    /// Attended → owned. The request has ended before, so that its handles are gone and none finds
    /// another call under way.
    pub(crate) fn keep(&self, owner: &Ownership) {
        debug_assert!(owned_by(self.0.load(Ordering::Relaxed), owner));
        self.0.fetch_xor(QUEUED, Ordering::Relaxed);
    }

    /// Whether there are bits that nobody has looked at. To be asked after `hold` of a request that
    /// is watched: who posted before it found nobody to tell.
    pub(crate) fn has_bits(&self) -> bool {
        self.0.load(Ordering::Relaxed) & EVENTS != 0
    }

    /// Held → owned, for a handle of the request that is out. Where it is attended this waits: that
    /// takes a moment.
    ///
    /// Only 24 bits of the serial are compared. A host that may keep a handle over 16,777,216
    /// requests on one connection needs the whole serial compared by whoever has claimed.
    pub(crate) fn claim(&self, token: Token, serial: u64) -> Claim {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let same = generation_of(seen) == token.generation && serial_change(seen, serial) == 0;
            if !same || seen & CLOSED != 0 {
                return Claim::Gone;
            }
            if seen & STATE == ATTENDED {
                thread::yield_now();
                seen = self.0.load(Ordering::Acquire);
                continue;
            }
            if seen & HELD == 0 {
                return Claim::Busy;
            }
            match self.swap(seen, seen & !HELD) {
                Ok(()) => return Claim::Claimed(Ownership { token }),
                Err(now) => seen = now,
            }
        }
    }

    /// The request has ended: handles of it are gone from here on. The word carries the serial of
    /// the next one before it begins.
    pub(crate) fn end_request(&self, owner: &Ownership, next_serial: u64) {
        let seen = self.0.load(Ordering::Relaxed);
        debug_assert!(owned_by(seen, owner));
        // Relaxed: nobody learns anything from the serial but that his own is over.
        self.0.fetch_xor(serial_change(seen, next_serial), Ordering::Relaxed);
    }

    /// Owned → closed, with the next generation. Every token of this connection is stale.
    pub(crate) fn close(&self, owner: Ownership) {
        debug_assert!(owned_by(self.0.load(Ordering::Relaxed), &owner));
        // Unconditionally: a post that comes before it is for the connection that goes, and one
        // that comes after it fails its compare and finds the new generation.
        let next = owner.token.generation.wrapping_add(1);
        self.0.swap((u64::from(next) << GENERATION_SHIFT) | CLOSED, Ordering::Release);
    }

    /// The name of the connection that is open, if one is.
    pub(crate) fn open_token(&self, slot: u32) -> Option<Token> {
        let seen = self.0.load(Ordering::Relaxed);
        (seen & CLOSED == 0).then_some(Token { slot, generation: generation_of(seen) })
    }

    /// Whether a request is out at the host, and no thread is in a call on it. The engine may be looking at
    /// it just now.
    pub(crate) fn is_out(&self) -> bool {
        let seen = self.0.load(Ordering::Relaxed);
        seen & HELD != 0 || seen & STATE == ATTENDED
    }

    pub(crate) fn generation(&self) -> u32 {
        generation_of(self.0.load(Ordering::Relaxed))
    }

    /// The bits as they are, for a question like "is the client still there?".
    #[cfg(test)]
    pub(crate) fn peek_bits(&self) -> Bits {
        Bits::of_word(self.0.load(Ordering::Acquire))
    }

    fn swap(&self, seen: u64, next: u64) -> Result<(), u64> {
        self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}

const fn generation_of(word: u64) -> u32 {
    (word >> GENERATION_SHIFT) as u32
}

/// What has to be flipped in the word to make its serial the given one: 0 if it is.
const fn serial_change(word: u64, serial: u64) -> u64 {
    (word ^ (serial << SERIAL_SHIFT)) & (SERIAL_MASK << SERIAL_SHIFT)
}

fn owned_by(word: u64, owner: &Ownership) -> bool {
    matches!(word & STATE, OWNED | ATTENDED) && generation_of(word) == owner.token.generation
}
