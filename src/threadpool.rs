//! ThreadPool: the worker threads of a server.
#![forbid(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::worker::{Next, Worker};
use crate::error::Error;
use crate::error_log::LogCode;
use crate::gateway::{Gateway, Outcome, Request};
use crate::sys::thread;

/// The threads that call the application.
pub(crate) struct ThreadPool {
    engine: Arc<Engine>,
    gateway: Arc<dyn Gateway>,
    stack: usize,
    roll: Arc<Roll>,
}

/// Who is in the pool.
#[derive(Default)]
pub(crate) struct Roll {
    threads: Mutex<Vec<(ThreadId, Option<JoinHandle<()>>)>>,
    left: Condvar,
}

impl ThreadPool {
    pub(crate) fn new(engine: Arc<Engine>, gateway: Arc<dyn Gateway>, stack: usize) -> Self {
        Self { engine, gateway, stack, roll: Arc::default() }
    }

    /// Starts so many more threads. With fewer than that the pool is smaller; with none at all it
    /// is an error.
    pub(crate) fn grow(&self, amount: usize) -> Result<usize, Error> {
        let mut started = 0;
        for _ in 0..amount {
            match self.start_one() {
                Ok(()) => started += 1,
                Err(error) if started == 0 && self.len() == 0 => {
                    return Err(Error::system("no worker thread could be started", &error));
                }
                Err(error) => {
                    let text = format_args!("{started} of {amount} worker threads: {error}");
                    self.engine.services.log.warning(LogCode::Thread, text);
                    break;
                }
            }
        }
        Ok(started)
    }

    /// Whether the calling thread is one of these.
    pub(crate) fn is_here(&self) -> bool {
        let me = std::thread::current().id();
        self.roll.lock().iter().any(|(id, _)| *id == me)
    }

    /// Waits until all threads have left, at most until `deadline`. Returns how many have not; they
    /// leave by themselves when the application lets them.
    pub(crate) fn join(&self, deadline: Instant) -> usize {
        let mut threads = self.roll.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if threads.is_empty() || left == Duration::ZERO {
                return threads.len();
            }
            threads = match self.roll.left.wait_timeout(threads, left) {
                Ok((threads, _)) => threads,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    pub(crate) fn roll(&self) -> Arc<Roll> {
        self.roll.clone()
    }

    fn len(&self) -> usize {
        self.roll.lock().len()
    }

    fn start_one(&self) -> std::io::Result<()> {
        let (engine, gateway, roll) =
            (self.engine.clone(), self.gateway.clone(), self.roll.clone());
        // The lock is held until the thread is on the roll, so that it cannot leave before.
        let mut threads = self.roll.lock();
        let name = format!("WSGI Worker {}", threads.len() + 1);
        // Made here, so that it counts as idle before its thread has begun to run.
        let worker = Worker::new(&engine, false);
        let handle = thread::spawn(name, self.stack, move || {
            WorkerThread { worker, gateway: &*gateway }.run();
            drop(gateway);
            roll.strike_out(engine);
        })?;
        threads.push((handle.thread().id(), Some(handle)));
        self.engine.threads_changed(threads.len());
        Ok(())
    }
}

impl Roll {
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(ThreadId, Option<JoinHandle<()>>)>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calling thread leaves, and has nothing of the engine any more when others hear of it.
    fn strike_out(&self, engine: Arc<Engine>) {
        let me = std::thread::current().id();
        let mut threads = self.lock();
        threads.retain(|(id, _)| *id != me);
        engine.threads_changed(threads.len());
        drop(engine);
        self.left.notify_all();
    }
}

/// One thread of the pool: a loop around the engine's `next`.
struct WorkerThread<'a> {
    worker: Worker,
    gateway: &'a dyn Gateway,
}

impl WorkerThread<'_> {
    fn run(&mut self) {
        loop {
            // A panic here would be our own fault; the thread is kept all the same.
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => {}
                Ok(false) => return,
                Err(panic) => self.tell(&*panic),
            }
        }
    }

    /// One request. False when the thread is to end.
    fn turn(&mut self) -> bool {
        let id = match self.worker.next(None) {
            Next::Request(id) => id,
            Next::Nothing => return true,
            Next::Stopped => return false,
        };
        let engine = self.worker.engine();
        let call = || self.gateway.respond(&Request::new(engine, id));
        let (outcome, panic) = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(outcome) => (outcome, None),
            Err(panic) => (Outcome::Failed, Some(text_of(&*panic).to_owned())),
        };
        self.worker.complete(id, outcome, panic);
        if outcome == Outcome::Interrupt {
            self.worker.engine().service.interrupt();
        }
        true
    }

    fn tell(&self, panic: &(dyn Any + Send)) {
        let text = format_args!("a worker panicked: {}", text_of(panic));
        self.worker.engine().services.log.error(LogCode::Panic, text);
    }
}

/// The text of a panic.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
