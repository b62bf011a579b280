//! Gauges: what the engine is doing just now, found out when somebody asks.
#![forbid(unsafe_code)]

use std::sync::PoisonError;

use super::Engine;
use super::calls::CallUnderWay;
use super::share::Share;
use crate::statistics::counters::Sum;
use crate::statistics::{Stats, WorkerCall, WorkerStats};

impl Engine {
    /// What was counted, and what is going on.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats {
            bind_addr: self.services.settings.bound.clone(),
            queue: self.requests_waiting(),
            threads: self.workers(),
            threads_idle: self.idle_workers(),
            connections: self.slots.open_count(),
            requests_in_work: self.requests_in_work(),
            workers: self.worker_stats(),
            ..Stats::default()
        };
        self.with_living(|living| stats.count(&self.services.statistics, living));
        stats
    }

    /// Workers that there are.
    pub(crate) fn workers(&self) -> usize {
        let mut count = 0;
        self.each_share(|_| count += 1);
        count
    }

    /// Workers that wait for something to do.
    pub(crate) fn idle_workers(&self) -> usize {
        let mut count = 0;
        self.each_share(|share| count += usize::from(share.is_idle()));
        count
    }

    /// Complete requests that wait for a worker.
    pub(crate) fn requests_waiting(&self) -> usize {
        let is_there = |token: &&super::Token| {
            self.slots
                .get(token.slot)
                .is_some_and(|slot| slot.word.generation() == token.generation)
        };
        let waiting = self.lock_waiting().iter().filter(is_there).count();
        self.requests.len() + self.services.waiters.deferred.len() + waiting
    }

    /// Requests that are out at the host, those included for which it waits for a client.
    pub(crate) fn requests_in_work(&self) -> usize {
        let held = |token: &super::Token| {
            self.slots.get(token.slot).is_some_and(|slot| slot.word.is_out())
        };
        self.slots.open_tokens().filter(held).count() + self.services.waiters.places.waiting()
    }

    /// Calls `f` with what the workers have counted that are there. None leaves meanwhile.
    pub(crate) fn with_living<R>(&self, f: impl FnOnce(Sum) -> R) -> R {
        let shares = self.shares.read().unwrap_or_else(PoisonError::into_inner);
        let mut living = Sum::default();
        shares.iter().for_each(|share| living.add(&share.counters));
        f(living)
    }

    /// The workers' own figures, and what they are doing.
    pub(crate) fn worker_stats(&self) -> Vec<WorkerStats> {
        let mut all = Vec::new();
        self.each_share(|share| all.push((figures(share), CallUnderWay::of(share))));
        all.into_iter().map(|(stats, call)| self.with_call(stats, call)).collect()
    }

    /// Those of one.
    pub(crate) fn one_workers_stats(&self, index: usize) -> Option<WorkerStats> {
        let shares = self.shares.read().unwrap_or_else(PoisonError::into_inner);
        let (stats, call) =
            shares.get(index).map(|share| (figures(share), CallUnderWay::of(share)))?;
        drop(shares);
        Some(self.with_call(stats, call))
    }

    fn with_call(&self, stats: WorkerStats, call: Option<CallUnderWay>) -> WorkerStats {
        let call = call.map(|call| {
            let found = self.describe(call.id).unwrap_or_default();
            WorkerCall {
                duration: call.duration(),
                method: found.method,
                target: found.target,
                remote: found.remote,
                waits_for_client: found.waits_for_client,
            }
        });
        WorkerStats { call, ..stats }
    }

    /// Everything is counted from now on.
    pub(crate) fn clear_worker_stats(&self) {
        self.each_share(|share| share.cleared.set(share.counters.tally()));
    }
}

fn figures(share: &Share) -> WorkerStats {
    let counted = share.counters.tally().since(share.cleared.tally());
    WorkerStats { thread: share.thread(), ..WorkerStats::new(share.number(), counted) }
}
