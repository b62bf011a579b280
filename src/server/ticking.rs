//! `tick`: the server as a part of a loop of the host's.
//!
//! The thread that calls it is a worker for as long as the call takes. With `numthreads` 0 it is the
//! only one, so that the application is called on no other thread. While the host is elsewhere the
//! service thread looks after the clients, except for calling the application.
#![forbid(unsafe_code)]

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, TryLockError};

use super::{HTTPServer, Running, Stage, Workers, forked, life};
use crate::engine::worker::Worker;
use crate::error::{Error, ErrorKind};
use crate::sys::thread;
use crate::threadpool::ThreadPool;
use crate::threadpool::worker_thread::{Turn, WorkerThread};

/// Requests in one tick, so that the rest of the host's loop gets its turn.
const MOST: usize = 64;

impl HTTPServer {
    /// One turn of a server that runs inside the host's own loop: waits for something to do, at most
    /// `timeout` milliseconds (`None`: no limit), does what is there on this thread, the calls of
    /// the application included, and returns how many requests that were. It begins to serve with
    /// the first tick. Hooks of worker threads are not called for this thread.
    ///
    /// # Errors
    /// `Stopping`: the server has stopped; `Interrupted`: by [`interrupt`](Self::interrupt) or the
    /// application. `State`: not prepared, or a pull server. `Busy`: another thread is inside `tick`,
    /// or this one is.
    pub fn tick(self: &Arc<Self>, timeout: Option<u64>) -> Result<usize, Error> {
        let running = self.ticked()?;
        let Some(pool) = &running.pool else { return Err(pulled()) };
        let mut seat = match running.ticker.try_lock() {
            Ok(seat) => seat,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(ErrorKind::Busy, "a thread is inside tick"));
            }
        };
        let here = Here::new(&self.ticking);
        let (count, last) = take_turns(&mut seat, &running, pool, timeout);
        drop((here, seat));
        match last {
            Turn::Over => {}
            Turn::Forked => return Err(forked()),
            Turn::Answered | Turn::Nothing => return Ok(count),
        }
        let run = running.number;
        drop(running);
        self.wait_for(run);
        Err(self.ended())
    }

    /// A descriptor for a host's own loop: it is readable while [`tick`](Self::tick) with a timeout
    /// of 0 has something to do, or [`PullWorker::next`](super::PullWorker::next) of a pull server.
    /// From here on the server relies on the host to come. It begins to serve with this, if it is
    /// prepared. The descriptor is the server's: only to be polled, and not after the server has
    /// stopped.
    ///
    /// # Errors
    /// `State`: not prepared, or it has threads of its own (`numthreads` is not 0).
    pub fn event_fd(self: &Arc<Self>) -> Result<RawFd, Error> {
        let running = self.ticked()?;
        if running.pool.is_some() && !running.has_no_threads() {
            let why = "the server has threads of its own; event_fd is for one with numthreads 0";
            return Err(Error::new(ErrorKind::State, why));
        }
        Ok(running.engine.let_host_poll())
    }

    /// What runs; it begins to serve if it was only prepared.
    fn ticked(self: &Arc<Self>) -> Result<Arc<Running>, Error> {
        if self.is_forked() {
            return Err(forked());
        }
        let state = self.lock();
        let (stage, run, running) = (state.stage, state.run, state.running.clone());
        drop(state);
        let Some(running) = running else {
            return Err(match stage {
                // Serving with nothing that runs: the end has come, and is about to be told.
                Stage::Stopped | Stage::Serving => {
                    self.wait_for(run);
                    self.ended()
                }
                _ => Error::new(ErrorKind::State, "the server was not prepared"),
            });
        };
        if stage == Stage::Prepared
            && let Err(error) = self.serve_in_background(Workers::Any)
        {
            drop(running);
            return match error.kind() {
                // Another thread has just begun to serve it, or has stopped it.
                ErrorKind::State => self.ticked(),
                _ => Err(error),
            };
        }
        Ok(running)
    }

    fn ended(&self) -> Error {
        match self.lock().interrupted {
            Some(code) => life::interrupted(code),
            None => Error::new(ErrorKind::Stopping, "the server has stopped"),
        }
    }
}

/// Works on this thread. How many requests that were, and how the last turn ended.
fn take_turns(
    seat: &mut MutexGuard<'_, Option<Worker>>,
    running: &Running,
    pool: &ThreadPool,
    mut timeout: Option<u64>,
) -> (usize, Turn) {
    let engine = &running.engine;
    let worker =
        seat.get_or_insert_with(|| Worker::new(engine, engine.headcount.next_number(), false));
    let mut thread = WorkerThread { worker, gateway: pool.gateway(), data: None };
    let (mut count, mut last) = (0, Turn::Nothing);
    while count < MOST {
        last = thread.guarded_turn(timeout);
        match last {
            Turn::Answered => count += 1,
            Turn::Nothing | Turn::Over => break,
            // What the worker has in hand is the parent's.
            Turn::Forked => return (count, last),
        }
        timeout = Some(0);
    }
    worker.rest();
    if last == Turn::Over {
        **seat = None;
    }
    (count, last)
}

/// This thread is inside `tick`.
struct Here<'a>(&'a AtomicUsize);

impl<'a> Here<'a> {
    fn new(ticking: &'a AtomicUsize) -> Self {
        ticking.store(thread::local_id(), Ordering::SeqCst);
        Self(ticking)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        // Unless another thread ticks by now, in a run that has begun while this one was stuck.
        let me = thread::local_id();
        let _other = self.0.compare_exchange(me, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

fn pulled() -> Error {
    Error::new(ErrorKind::State, "a pull server has no application to be called by tick")
}
