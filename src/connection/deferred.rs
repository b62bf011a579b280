//! Deferred requests: the application would have to wait for the rest of their bodies, and as many threads
//! wait for clients as may. Meanwhile more of their bodies is read ahead, up to [`READ_AHEAD`]: one
//! that is there as a whole needs no place.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::services::Services;
use super::{HTTPConnection, Phase, Step};
use crate::engine::ownership::Token;

/// Bytes of a body that are read while its request waits for a place.
pub(super) const READ_AHEAD: usize = 1024 * 1024;

/// The deferred requests of one run, in the order in which they get places.
#[derive(Default)]
pub(crate) struct Deferred {
    count: AtomicUsize,
    /// At the last look other threads worked on all of them.
    all_busy: AtomicBool,
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    /// Of these as much was read ahead as may be: they are not slow.
    fast: VecDeque<Token>,
    others: VecDeque<Token>,
}

impl Lists {
    fn remove(&mut self, token: Token) -> bool {
        [&mut self.fast, &mut self.others].into_iter().any(|list| {
            let place = list.iter().position(|other| *other == token);
            place.is_some_and(|place| list.remove(place).is_some())
        })
    }
}

impl Deferred {
    fn push(&self, token: Token) {
        self.lock().others.push_back(token);
        self.count.fetch_add(1, Ordering::SeqCst);
        self.look_again();
    }

    /// Moves it before those of which less has come.
    fn prefer(&self, token: Token) {
        let mut lists = self.lock();
        if lists.remove(token) {
            lists.fast.push_back(token);
        }
    }

    fn remove(&self, token: Token) {
        if self.lock().remove(token) {
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Takes out the first one of which `take` gives something. It gives nothing for a connection that
    /// another thread works on.
    pub(crate) fn take_first<T>(&self, mut take: impl FnMut(Token) -> Option<T>) -> Option<T> {
        let mut lists = self.lock();
        let mut all = lists.fast.iter().chain(&lists.others);
        let found = all.find_map(|token| Some((*token, take(*token)?)));
        self.all_busy.store(found.is_none(), Ordering::SeqCst);
        let (token, taken) = found?;
        lists.remove(token);
        self.count.fetch_sub(1, Ordering::SeqCst);
        Some(taken)
    }

    /// Whether another look may find one. Without this, idle threads would look all the time.
    pub(crate) fn is_worth_a_look(&self) -> bool {
        !self.is_empty() && !self.all_busy.load(Ordering::SeqCst)
    }

    /// One of them was given up by the thread that worked on it. Returns whether nobody would look.
    pub(crate) fn look_again(&self) -> bool {
        self.all_busy.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HTTPConnection {
    /// The request, which is complete so far as it has to be, waits for a place.
    pub(crate) fn defer(&mut self, services: &Services) {
        self.phase = Phase::Body { need: 0 };
        self.is_deferred = true;
        services.waiters.deferred.push(self.token);
    }

    /// There is a place for the request, which was taken out of the list. It takes that at once, before
    /// a newcomer does.
    pub(crate) fn end_deferral(&mut self, services: &Services) {
        self.is_deferred = false;
        self.phase = Phase::Ready;
        if !services.settings.pull {
            self.take_free_place(services);
        }
    }

    pub(crate) fn is_deferred(&self) -> bool {
        self.is_deferred
    }

    /// The request goes on or ends without a place.
    pub(super) fn leave_deferred(&mut self, services: &Services) {
        if std::mem::take(&mut self.is_deferred) {
            services.waiters.deferred.remove(self.token);
        }
    }

    /// As much of the request was read ahead as may be.
    pub(super) fn is_read_ahead(&self) -> bool {
        self.is_deferred && self.phase == Phase::Body { need: usize::MAX }
    }

    /// No more of the request is read before it has a place. `is_fast`: as much has come as was wanted.
    pub(super) fn end_reading_ahead(&mut self, services: &Services, is_fast: bool) -> Step {
        self.phase = Phase::Body { need: usize::MAX };
        if is_fast {
            services.waiters.deferred.prefer(self.token);
        }
        Step::Again
    }
}
