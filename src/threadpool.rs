//! ThreadPool: the worker threads of a server.
#![forbid(unsafe_code)]

use std::any::Any;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::headcount::Reason;
use crate::engine::worker::Worker;
use crate::error::{Error, ErrorKind};
use crate::error_log::{LogCode, LogLevel};
use crate::gateway::Gateway;
use crate::handlers::ThreadHooks;
use crate::sys::thread;

mod hooks;
mod reports;
pub(crate) mod worker_thread;

use hooks::Attended;
use reports::{Report, Reports};
use worker_thread::WorkerThread;

/// After a start hook has failed the pool does not try to grow for so long.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// A stop waits so much longer for threads that are in their stop hooks.
const HOOKS_TIME: Duration = Duration::from_secs(5);
/// When the start has failed the stop hooks take the time that they take.
const ANY_TIME: Duration = Duration::from_secs(1_000_000_000);

/// Who waits for the start of a thread.
type Tell<'a> = Option<&'a Arc<Reports>>;

/// The threads that call the application.
pub(crate) struct ThreadPool {
    engine: Arc<Engine>,
    gateway: Arc<dyn Gateway>,
    stack: usize,
    hooks: Option<Arc<dyn ThreadHooks>>,
    roll: Arc<Roll>,
}

/// Who is in the pool.
#[derive(Default)]
pub(crate) struct Roll {
    threads: Mutex<Vec<Member>>,
    left: Condvar,
    /// When the last start hook failed.
    failed: Mutex<Option<Instant>>,
    /// Threads that have left, and may still be on their last instructions.
    gone: Mutex<Vec<JoinHandle<()>>>,
    /// Threads that are in their stop hooks.
    in_hooks: AtomicUsize,
}

struct Member {
    /// As [`thread::local_id`] has it on that thread. Asking `std` would leave its own number behind
    /// on threads of the host's.
    id: usize,
    /// The lowest that nobody else had.
    index: usize,
    /// It works no more.
    leaves: bool,
    handle: JoinHandle<()>,
}

impl ThreadPool {
    pub(crate) fn new(
        engine: Arc<Engine>,
        gateway: Arc<dyn Gateway>,
        stack: usize,
        hooks: Option<Arc<dyn ThreadHooks>>,
    ) -> Self {
        Self { engine, gateway, stack, hooks, roll: Arc::default() }
    }

    /// Starts the first threads, and waits for their hooks. If one fails, all threads have left when
    /// this returns the error.
    pub(crate) fn start(&self, amount: usize) -> Result<(), Error> {
        let reports = Arc::default();
        let result = self.start_some(amount, Reason::Host, Some(&reports)).map(drop);
        match (result, reports.wait()) {
            (Ok(()), None) => Ok(()),
            (result, reason) => {
                self.engine.abandon();
                let any_time = Instant::now() + ANY_TIME;
                self.join(any_time, any_time);
                let why = |reason| Error::new(ErrorKind::ThreadStart, reason);
                Err(reason.map_or_else(|| result.err().unwrap_or_else(|| why(String::new())), why))
            }
        }
    }

    /// Starts so many more threads, as far as the bounds allow, and says how many. If the system
    /// gives fewer the pool is smaller; none at all is an error. Their hooks are not waited for.
    pub(crate) fn grow(&self, amount: usize) -> Result<usize, Error> {
        self.start_some(amount, Reason::Host, None)
    }

    /// One more thread for as long as the load wants it. False if there is none to be had.
    pub(crate) fn grow_for_load(&self) -> bool {
        let failed = *self.roll.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some_and(|failed| failed.elapsed() < TRY_AGAIN) {
            return false;
        }
        match self.start_some(1, Reason::Load, None) {
            Ok(started) => started > 0,
            Err(error) => {
                let text = format_args!("{error}");
                self.engine.services.log.repeated(LogLevel::Warning, LogCode::Thread, text);
                false
            }
        }
    }

    fn start_some(&self, amount: usize, reason: Reason, tell: Tell<'_>) -> Result<usize, Error> {
        let headcount = &self.engine.headcount;
        let mut started = 0;
        while started < amount && headcount.hire(reason) {
            if let Err(error) = self.start_one(reason, tell) {
                headcount.hired_in_vain(reason);
                if self.engine.is_leaving() {
                    return Err(Error::new(ErrorKind::Stopping, "the server stops"));
                }
                if started == 0 {
                    return Err(Error::system("no worker thread could be started", &error));
                }
                let text = format_args!(
                    "only {started} of {amount} worker threads could be started: {error}"
                );
                self.engine.services.log.warning(LogCode::Thread, text);
                break;
            }
            started += 1;
        }
        Ok(started)
    }

    /// Waits until all threads have left: until `patience` while only those are there that are in
    /// calls of the application, until `leaving` while others are, which only need a processor.
    /// Returns how many have not left; they leave by themselves when the application lets them. Those
    /// that are in their stop hooks get some time more.
    pub(crate) fn join(&self, patience: Instant, leaving: Instant) -> usize {
        let only_called = |threads| threads <= self.engine.calls_under_way().len();
        let until = |threads| if only_called(threads) { patience } else { leaving };
        let stayed = self.roll.wait(until);
        self.roll.bury();
        stayed
    }

    pub(crate) fn gateway(&self) -> &dyn Gateway {
        &*self.gateway
    }

    pub(crate) fn roll(&self) -> Arc<Roll> {
        self.roll.clone()
    }

    fn start_one(&self, reason: Reason, tell: Tell<'_>) -> std::io::Result<()> {
        let (engine, gateway, roll) =
            (self.engine.clone(), self.gateway.clone(), self.roll.clone());
        let (hooks, tell) = (self.hooks.clone(), tell.map(Report::new));
        // The lock is held until the thread is on the roll, so that it cannot leave before.
        let mut threads = self.roll.lock();
        if self.engine.is_leaving() {
            return Err(std::io::Error::other("the server has stopped"));
        }
        let is_free = |index: &usize| threads.iter().all(|member| member.index != *index);
        let index = (0..=threads.len()).find(is_free).unwrap_or_default();
        let number = index + 1;
        let name = format!("WSGI Worker {number}");
        // Made here, so that it counts as idle before its thread has begun to run; but not before
        // its hook has succeeded.
        let worker = hooks.is_none().then(|| Worker::new(&engine, number, false));
        let handle = thread::spawn(name, self.stack, move || {
            let attended = Attended::start(hooks, index);
            engine.service.after_host_code();
            match attended {
                Ok(thread) => {
                    let mut worker = worker.unwrap_or_else(|| Worker::new(&engine, number, false));
                    drop(tell);
                    let data = thread.data();
                    WorkerThread { worker: &mut worker, gateway: &*gateway, data }.run();
                    drop(worker);
                    // Those of a request that was left behind come up after the server's last.
                    engine.run_errands();
                    roll.in_hooks.fetch_add(1, Ordering::SeqCst);
                    thread.stop(&engine.services.log);
                    engine.service.after_host_code();
                    roll.in_hooks.fetch_sub(1, Ordering::SeqCst);
                }
                Err(why) => {
                    engine.headcount.hired_in_vain(reason);
                    roll.hook_failed(&engine, tell, index, &why);
                }
            }
            drop(gateway);
            roll.strike_out(engine);
        })?;
        let id = handle.as_pthread_t() as usize;
        threads.push(Member { id, index, leaves: false, handle });
        self.engine.threads_changed(working(&threads));
        Ok(())
    }
}

impl Roll {
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether the calling thread is on it.
    pub(crate) fn is_here(&self) -> bool {
        let me = thread::local_id();
        self.lock().iter().any(|member| member.id == me)
    }

    /// Waits until all have left. How many have not when the time is up that `until` gives for so
    /// many threads, which may change with each that leaves.
    fn wait(&self, until: impl Fn(usize) -> Instant) -> usize {
        let mut threads = self.lock();
        loop {
            let deadline = until(threads.len());
            let in_hooks = self.in_hooks.load(Ordering::SeqCst) > 0;
            let deadline = if in_hooks { deadline + HOOKS_TIME } else { deadline };
            let left = deadline.saturating_duration_since(Instant::now());
            if threads.is_empty() || left == Duration::ZERO {
                return threads.len();
            }
            threads = match self.left.wait_timeout(threads, left) {
                Ok((threads, _)) => threads,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for the very end of those that have left: nothing of them is there after this.
    fn bury(&self) {
        let gone = std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in gone {
            let _panicked = thread.join();
        }
    }

    /// Says so to whoever waits for the start, else in the log.
    fn hook_failed(&self, engine: &Engine, tell: Option<Report>, index: usize, reason: &str) {
        let text = format!("the start hook of worker thread {index}: {reason}");
        match tell {
            Some(tell) => tell.failed(text),
            None => engine.services.log.warning(LogCode::Thread, format_args!("{text}")),
        }
        let now = Some(Instant::now());
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Member>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calling thread leaves, and has nothing of the engine any more when others hear of it.
    fn strike_out(&self, engine: Arc<Engine>) {
        let me = thread::local_id();
        // Those who left before are at their end by now.
        self.bury();
        let mut threads = self.lock();
        threads.iter_mut().filter(|member| member.id == me).for_each(|member| member.leaves = true);
        engine.threads_changed(working(&threads));
        drop(threads);
        // What goes with it may be the host's.
        drop(engine);
        let mut threads = self.lock();
        if let Some(place) = threads.iter().position(|member| member.id == me) {
            let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
            gone.push(threads.swap_remove(place).handle);
        }
        self.left.notify_all();
    }
}

fn working(threads: &[Member]) -> usize {
    threads.iter().filter(|member| !member.leaves).count()
}

/// The text of a panic.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
