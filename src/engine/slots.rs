//! The slots that connections live in. A slot lives as long as the engine, so a token that is late
//! finds a slot with a newer generation and is dropped: it never finds freed memory.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::events::Untold;
use super::ownership::{Ownership, Token, Word};
use super::resting::Resting;
use crate::connection::HTTPConnection;
use crate::sys::cell::OwnedCell;

/// Numbers below this name the engine's own descriptors in epoll's data.
pub(crate) const RESERVED: u32 = 16;

const CHUNK: usize = 512;
const CHUNKS: usize = 4096;
/// No request has this number.
pub(super) const NONE: u64 = u64::MAX;

/// One place for a connection.
pub(crate) struct Slot {
    pub(crate) word: Word,
    /// The number of the request that is out at the host, or of the next one.
    pub(crate) serial: AtomicU64,
    /// The number of the last request that the application detached.
    pub(crate) detached: AtomicU64,
    /// The number of a request whose call ended while another thread was in a call on it: that one gives
    /// back the memory that nobody needs meanwhile.
    pub(crate) compact_due: AtomicU64,
    /// The host wants to be told something about the request that is out.
    pub(crate) watched: AtomicBool,
    /// What of it the host has been told and has not fetched.
    pub(crate) untold: Untold,
    /// Since when the connection is at rest and how, for choosing the oldest.
    pub(crate) resting: Resting,
    pub(crate) connection: OwnedCell<HTTPConnection>,
}

/// All slots: chunks that are made when they are first needed and never moved.
pub(crate) struct Slots {
    chunks: Box<[OnceLock<Box<[Slot]>>]>,
    /// The number of each slot's first request.
    first: u64,
    used: AtomicU32,
    free: Mutex<Vec<u32>>,
    open: AtomicUsize,
}

impl Slots {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            first,
            used: AtomicU32::new(0),
            free: Mutex::new(Vec::new()),
            open: AtomicUsize::new(0),
        }
    }

    /// Opens a slot for a new connection; `None` when there are two million of them.
    pub(crate) fn open(&self) -> Option<Ownership> {
        let recycled = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let number = match recycled {
            Some(number) => number,
            None => self.fresh()?,
        };
        let own = self.get(number)?.word.open(number)?;
        self.open.fetch_add(1, Ordering::SeqCst);
        Some(own)
    }

    /// Closes the slot of a connection that has been taken down. Returns how many stay open.
    pub(crate) fn close(&self, own: Ownership) -> usize {
        let number = own.token().slot;
        if let Some(slot) = self.get(number) {
            slot.resting.end();
            slot.word.close(own);
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        }
        self.open.fetch_sub(1, Ordering::SeqCst) - 1
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Slot> {
        let index = number.checked_sub(RESERVED)? as usize;
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }

    /// How many connections there are.
    pub(crate) fn open_count(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The tokens of all connections that are open at this moment.
    pub(crate) fn open_tokens(&self) -> impl Iterator<Item = Token> + '_ {
        let used = self.used.load(Ordering::Acquire);
        (RESERVED..RESERVED + used).filter_map(|number| self.get(number)?.word.open_token(number))
    }

    /// No request in any slot has had a higher number.
    pub(crate) fn last_serial(&self) -> u64 {
        let used = self.used.load(Ordering::Acquire);
        let slots = (RESERVED..RESERVED + used).filter_map(|number| self.get(number));
        slots.map(|slot| slot.serial.load(Ordering::Acquire)).fold(self.first, u64::max)
    }

    fn fresh(&self) -> Option<u32> {
        let index = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                ((used as usize) < CHUNK * CHUNKS).then_some(used + 1)
            })
            .ok()?;
        let chunk = index as usize / CHUNK;
        self.chunks.get(chunk)?.get_or_init(|| make_chunk(chunk, self.first));
        Some(index + RESERVED)
    }
}

fn make_chunk(chunk: usize, first: u64) -> Box<[Slot]> {
    (0..CHUNK)
        .map(|index| {
            let number = (chunk * CHUNK + index) as u32 + RESERVED;
            Slot {
                word: Word::new(),
                serial: AtomicU64::new(first),
                detached: AtomicU64::new(0),
                compact_due: AtomicU64::new(NONE),
                watched: AtomicBool::new(false),
                untold: Untold::default(),
                resting: Resting::default(),
                connection: OwnedCell::new(number, HTTPConnection::closed()),
            }
        })
        .collect()
}
