//! The end of a run: who asks for it, who waits for it, and what is left to do when the engine has served.
#![forbid(unsafe_code)]

use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{HTTPServer, Running, Stage, Workers, life};
use crate::error::{Error, ErrorKind};
use crate::error_log::LogCode;
use crate::sys::thread;
use crate::threadpool::ThreadPool;

/// Threads that do not come back from the application are waited for so long after the cut.
const GRACE: Duration = Duration::from_millis(50);
/// Threads that are not in the application only need a processor to leave. When nothing was cut all
/// have this time: whoever is in a call has answered.
const LEAVING: Duration = Duration::from_secs(5);

impl HTTPServer {
    /// Stops: no new connections, `shutdown_timeout` for the requests in work, then the rest is
    /// cut. Returns how many were. From a worker thread it only asks for the stop. A server that
    /// was not started is left as it is.
    pub fn stop(&self) -> u32 {
        if self.is_forked() {
            return 0;
        }
        let mut state = self.lock();
        while state.stage == Stage::Preparing {
            if state.roll.as_ref().is_some_and(|roll| roll.is_here()) {
                // A start hook, which is being waited for.
                state.asked_in_hook = true;
                return 0;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(running) = state.running.clone() else {
            // Serving with nothing that runs: the end has come, and is about to be told.
            let cut = if state.stage == Stage::Serving { state.cut } else { 0 };
            let run = state.run;
            drop(state);
            self.wait_for(run);
            return cut;
        };
        let stage = state.stage;
        drop(state);
        running.engine.service.ask_to_stop();
        if self.is_a_worker_here() {
            // At once: the answer that this worker is about to give says that the connection closes.
            running.engine.services.quiesce();
            return 0;
        }
        if stage == Stage::Prepared
            && let Ok(running) = self.begin_to_serve(Workers::Any)
        {
            // Nobody serves: this thread does, to the end that has been asked for.
            let _not_interrupted = self.serve_to_the_end(running);
        }
        self.wait_for(running.number);
        running.engine.cut.load(Ordering::SeqCst)
    }

    /// Asks for the stop and returns at once; a server that does not serve yet stops as soon as it
    /// does. Async-signal-safe.
    pub fn signal_stop(&self) {
        self.stopper.ask();
    }

    /// Waits until the server has stopped. Returns at once if it was never started, and in a forked
    /// child.
    pub fn wait(&self) {
        if self.is_forked() {
            return;
        }
        let run = self.lock().run;
        self.wait_for(run);
    }

    /// Waits for the end of this run; the next one may have begun when that is noticed.
    pub(super) fn wait_for(&self, run: u64) {
        if self.is_forked() {
            // By a handler that this thread has called meanwhile.
            return;
        }
        let mut state = self.lock();
        while state.stage == Stage::Serving && state.run == run {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let service = state.service.take_if(|(of, _)| *of <= run);
        drop(state);
        if let Some((_, thread)) = service
            && thread.as_pthread_t() as usize != thread::local_id()
        {
            let _panicked = thread.join();
        }
    }

    /// What a start has to say that could not serve what it has prepared: nothing if that is because
    /// another thread has stopped it before.
    pub(super) fn unless_stopped(&self, run: u64, error: Error) -> Result<(), Error> {
        let state = self.lock();
        let stops = match &state.running {
            Some(running) if running.number == run => running.engine.service.is_asked(),
            _ => true,
        };
        drop(state);
        if error.kind() != ErrorKind::State || !stops {
            return Err(error);
        }
        self.wait_for(run);
        Ok(())
    }

    /// What is left to do when the engine has served: threads leave, and whoever waits is told.
    pub(super) fn end(&self, running: Arc<Running>) -> Result<(), Error> {
        let engine = &running.engine;
        if let Some(pool) = &running.pool {
            let nothing_cut = engine.cut.load(Ordering::SeqCst) == 0;
            let now = Instant::now();
            let stuck = pool.join(now + if nothing_cut { LEAVING } else { GRACE }, now + LEAVING);
            if stuck > 0 {
                let text = format_args!("{stuck} worker threads are still in the host's code");
                engine.services.log.warning(LogCode::Stuck, text);
            }
        }
        self.current.set(None);
        engine.run_errands();
        running.access_log.end();
        let last_request = engine.slots.last_serial();
        let mut state = self.lock();
        let interrupted = engine.service.interruption();
        state.interrupted = interrupted;
        state.cut = engine.cut.load(Ordering::SeqCst);
        state.last_request = last_request;
        state.roll = running.pool.as_ref().map(ThreadPool::roll);
        let ended = state.running.take();
        drop(state);
        // Whoever waits for the end finds the engine's descriptors closed.
        drop((ended, running));
        let mut state = self.lock();
        state.stage = Stage::Stopped;
        self.stopper.reset();
        self.stopper.fork_mark.end();
        self.changed.notify_all();
        interrupted.map_or(Ok(()), |code| Err(life::interrupted(code)))
    }
}
