//! HTTPServer: its life from the options to the last thread.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

mod access_log;
mod activation;
mod address;
mod bind;
mod current;
mod ending;
mod inherited;
mod life;
mod listeners;
pub(crate) mod notify;
pub mod options;
mod pool;
mod pull_worker;
mod settings;
mod stats;
mod ticking;
mod tls;
mod unix_socket;

use access_log::LogWriter;
pub use address::Address;
use bind::Bound;
use current::CurrentEngine;
use listeners::Listeners;
use options::Options;
pub use pull_worker::{PullWorker, Pulled};
use tls::Tls;

use crate::engine::Engine;
use crate::engine::accept::Listener;
use crate::engine::service::Stopper;
use crate::engine::worker::Worker;
use crate::error::{Error, ErrorKind};
use crate::error_log::LogCode;
use crate::gateway::Gateway;
use crate::handlers::Handlers;
use crate::statistics::counters::Ledger;
use crate::sys::{fork, thread};
use crate::threadpool::{Roll, ThreadPool};

/// An HTTP server. All methods may be called from any thread.
pub struct HTTPServer {
    gateway: Option<Arc<dyn Gateway>>,
    stopper: Arc<Stopper>,
    statistics: Arc<Ledger>,
    /// The running engine, for those who are in a hurry.
    pub(crate) current: CurrentEngine,
    state: Mutex<State>,
    changed: Condvar,
    /// The thread that is inside `tick`, or 0.
    ticking: AtomicUsize,
}

#[derive(Default)]
struct State {
    options: Options,
    handlers: Handlers,
    tls: Tls,
    stage: Stage,
    running: Option<Arc<Running>>,
    listeners: Listeners,
    bound: Vec<Address>,
    /// The number of this or the last run.
    run: u64,
    /// The threads of this or the last run, for knowing whether some are still in the host's code.
    roll: Option<Arc<Roll>>,
    /// Those of earlier runs that were not empty when the next one began.
    left_behind: Vec<Arc<Roll>>,
    /// The listening thread of the library's own, and of which run.
    service: Option<(u64, std::thread::JoinHandle<()>)>,
    /// A start hook wants the run to end that is being prepared.
    asked_in_hook: bool,
    /// No request of an earlier run had a higher number in its slot.
    last_request: u64,
    /// How many requests the last run's stop has cut.
    cut: u32,
    /// What the last run was interrupted with.
    interrupted: Option<i32>,
}

#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// The worker threads are being started, and the host's hooks called.
    Preparing,
    Prepared,
    Serving,
    Stopped,
}

/// Who calls the application of a server that begins to serve.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Workers {
    /// Its own threads, or those of a host that pulls.
    Threads,
    /// Whoever comes.
    Any,
}

/// What exists between `prepare` and the end of a stop.
struct Running {
    /// Of the run.
    number: u64,
    engine: Arc<Engine>,
    pool: Option<ThreadPool>,
    access_log: LogWriter,
    /// The worker of the thread that calls `tick`.
    ticker: Mutex<Option<Worker>>,
}

impl HTTPServer {
    /// A server that calls `gateway`. It listens once it is prepared: on `bind_addr`
    /// (`HOST:PORT`, `[IPV6]:PORT`, `unix:/path`, `/path`, `@abstract`; empty: on none) and what
    /// [`listen`](Self::listen) and [`listen_fd`](Self::listen_fd) add.
    pub fn new(bind_addr: &str, gateway: impl Gateway) -> Result<Self, Error> {
        Self::with_gateway(bind_addr, Some(Arc::new(gateway)))
    }

    /// A server without an application: threads of the host pull requests from it with
    /// [`PullWorker`].
    pub fn pull(bind_addr: &str) -> Result<Self, Error> {
        Self::with_gateway(bind_addr, None)
    }

    pub(crate) fn with_gateway(
        bind_addr: &str,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Result<Self, Error> {
        let stopper =
            Stopper::new().map_err(|error| Error::system("the server cannot be made", &error))?;
        let server = Self {
            gateway,
            stopper,
            statistics: Arc::default(),
            current: CurrentEngine::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
            ticking: AtomicUsize::new(0),
        };
        server.set("bind_addr", bind_addr)?;
        Ok(server)
    }

    /// Sets an option by its name, before the server is prepared. Those that docs/options.md marks may
    /// be set while it runs, by any thread: a time-out counts from the next wait on, a limit from the
    /// next head, all else from the next answer or connection.
    pub fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Idle | Stage::Stopped)
            && !options::WHILE_RUNNING.contains(&name)
        {
            return Err(settings::not_while_running(name));
        }
        state.options.set(name, value)?;
        self.statistics.switch(state.options.flag("statistics"));
        if let Some(running) = &state.running {
            settings::set_live(&running.engine, name, &state.options)?;
            // A stop that is under way counts with it.
            running.engine.service.wake();
        }
        Ok(())
    }

    /// Sets the handlers, in the place of those that were set before. Not while the server runs.
    pub fn set_handlers(&self, handlers: Handlers) -> Result<(), Error> {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Idle | Stage::Stopped) {
            let why = "handlers cannot be set while the server runs";
            return Err(Error::new(ErrorKind::State, why));
        }
        let old = std::mem::replace(&mut state.handlers, handlers);
        drop(state);
        // Their end is the host's code.
        drop(old);
        Ok(())
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Result<String, Error> {
        self.lock().options.get(name)
    }

    /// Binds, listens and starts the worker threads. Connections wait until
    /// [`serve`](Self::serve). Privileges that are needed for it may be given up after this.
    pub fn prepare(&self) -> Result<(), Error> {
        self.prepare_run().map(drop)
    }

    /// The number of the run that is prepared.
    fn prepare_run(&self) -> Result<u64, Error> {
        // First of all: a thread that is not here may have the lock.
        if self.is_forked() {
            return Err(forked());
        }
        let mut state = self.lock();
        match state.stage {
            Stage::Idle | Stage::Stopped => {}
            Stage::Preparing | Stage::Prepared | Stage::Serving => {
                return Err(Error::new(ErrorKind::State, "the server is prepared already"));
            }
        }
        let before = std::mem::replace(&mut state.stage, Stage::Preparing);
        state.run += 1;
        let left = state.roll.take();
        state.left_behind.extend(left);
        state.left_behind.retain(|roll| !roll.is_empty());
        let options = state.options.clone();
        let result = self.set_up(state, &options);
        let mut state = self.lock();
        self.changed.notify_all();
        let asked = std::mem::take(&mut state.asked_in_hook);
        match result {
            Ok((running, bound)) => {
                settings::catch_up(&running.engine, &options, &state.options);
                if asked {
                    running.engine.service.ask_to_stop();
                }
                self.current.set(Some(running.engine.clone()));
                state.running = Some(Arc::new(running));
                state.listeners.release_sockets();
                state.bound = bound;
                state.interrupted = None;
                state.stage = Stage::Prepared;
                Ok(state.run)
            }
            Err(error) => {
                state.stage = before;
                self.stopper.fork_mark.end();
                Err(error)
            }
        }
    }

    /// Makes what a run needs. Without the lock while names are resolved and hooks are called.
    fn set_up(
        &self,
        mut state: MutexGuard<'_, State>,
        options: &Options,
    ) -> Result<(Running, Vec<Address>), Error> {
        let (mut handlers, tls) = (state.handlers.clone(), state.tls.clone());
        let (number, first_request) = (state.run, state.last_request + 1);
        settings::check(options)?;
        let mut listeners = std::mem::take(&mut state.listeners);
        drop(state);
        let ssl = tls.adapter(options);
        let log = access_log::open(options, &mut handlers);
        let bound = match (&ssl, &log) {
            (Ok(_), Ok(_)) => listeners.bind_all(options),
            (Err(error), _) | (_, Err(error)) => Err(error.clone()),
        };
        self.lock().listeners = listeners;
        let (bound, ssl, log) = (bound?, ssl?, log?);
        let addresses: Vec<_> = bound.iter().map(|bound| bound.address.clone()).collect();
        let gateway = handlers.gateway.clone().or_else(|| self.gateway.clone());
        let failed = |error: std::io::Error| Error::system("the server cannot be set up", &error);
        let engine = Engine::new(
            settings::settings(options, &addresses, gateway.is_none(), ssl),
            &handlers,
            settings::tuning(options, first_request),
            make_listeners(bound).map_err(failed)?,
            self.stopper.clone(),
            gateway.as_ref().is_some_and(|gateway| gateway.wants_environ()),
            self.statistics.clone(),
        )
        .map_err(failed)?;
        if let Some(adapter) = &engine.services.settings.ssl {
            tls::warn(&**adapter, &engine.services.log);
        }
        settings::set_shutdown_timeout(&engine, options);
        let stack = options.number("thread_stack_size") as usize;
        let hooks = handlers.threads.clone();
        let pool = gateway.map(|gateway| ThreadPool::new(engine.clone(), gateway, stack, hooks));
        self.lock().roll = pool.as_ref().map(ThreadPool::roll);
        self.stopper.begin().map_err(failed)?;
        let access_log = LogWriter::start(log, &engine, &self.statistics)?;
        let running = Running { number, engine, pool, access_log, ticker: Mutex::default() };
        if let Some(pool) = &running.pool
            && let Err(error) = pool.start(running.engine.tuning.threads)
        {
            running.access_log.end();
            return Err(error);
        }
        Ok((running, addresses))
    }

    /// Accepts connections and serves until the server is stopped. This thread is the seed's
    /// listening thread.
    ///
    /// # Errors
    /// `Interrupted` if the application, or [`interrupt`](Self::interrupt), asked for the end.
    /// `State` if it is not prepared, or serves already, or has no worker threads (`numthreads` 0).
    pub fn serve(&self) -> Result<(), Error> {
        let running = self.begin_to_serve(Workers::Threads)?;
        self.serve_to_the_end(running)
    }

    /// [`prepare`](Self::prepare) and [`serve`](Self::serve).
    pub fn start(&self) -> Result<(), Error> {
        self.refuse_to_serve_alone()?;
        let run = self.prepare_run()?;
        self.serve().or_else(|error| self.unless_stopped(run, error))
    }

    /// [`start`](Self::start) with a listening thread of the library's own, which keeps the server
    /// alive until it is stopped.
    pub fn start_background(self: &Arc<Self>) -> Result<(), Error> {
        self.refuse_to_serve_alone()?;
        let run = self.prepare_run()?;
        self.serve_in_background(Workers::Threads).or_else(|error| self.unless_stopped(run, error))
    }

    fn serve_in_background(self: &Arc<Self>, workers: Workers) -> Result<(), Error> {
        let running = self.begin_to_serve(workers)?;
        let (server, serving, run) = (self.clone(), running.clone(), running.number);
        let log = running.engine.services.log.clone();
        let spawned = thread::spawn("WSGI Service".into(), 0, move || {
            if let Err(error) = server.serve_to_the_end(serving) {
                log.info(LogCode::Server, format_args!("{error}"));
            }
        });
        match spawned {
            Ok(thread) => self.lock().service = Some((run, thread)),
            Err(error) => {
                running.engine.service.ask_to_stop();
                let _nobody_is_served = self.serve_to_the_end(running);
                return Err(Error::system("the listening thread", &error));
            }
        }
        Ok(())
    }

    /// Before anything is made: a server without threads is not for `start`.
    fn refuse_to_serve_alone(&self) -> Result<(), Error> {
        let threads = self.lock().options.number("numthreads");
        match threads {
            0 if !self.is_pull() => Err(without_threads()),
            _ => Ok(()),
        }
    }

    fn begin_to_serve(&self, workers: Workers) -> Result<Arc<Running>, Error> {
        if self.is_forked() {
            return Err(forked());
        }
        let mut state = self.lock();
        match (state.stage, state.running.clone()) {
            (Stage::Prepared, Some(running)) => {
                if running.has_no_threads() && workers == Workers::Threads {
                    return Err(without_threads());
                }
                let opened = running.engine.open_listeners();
                state.stage = Stage::Serving;
                drop(state);
                let Err(error) = opened else { return Ok(running) };
                // What was prepared is of no use, and goes as after a stop.
                running.engine.service.ask_to_stop();
                let _nobody_was_served = self.serve_to_the_end(running);
                Err(Error::system("the listener", &error))
            }
            (Stage::Serving, _) => Err(Error::new(ErrorKind::State, "the server serves already")),
            _ => Err(Error::new(ErrorKind::State, "the server was not prepared")),
        }
    }

    fn serve_to_the_end(&self, running: Arc<Running>) -> Result<(), Error> {
        let engine = &running.engine;
        engine.services.tell_manager(notify::READY);
        let served = fork::unless_in_child(|| {
            engine.serve(&mut || match &running.pool {
                Some(pool) => pool.grow_for_load(),
                None => false,
            });
            self.end(running.clone())
        });
        served.unwrap_or_else(|| Err(forked()))
    }

    /// Whether requests are pulled from it.
    pub(crate) fn is_pull(&self) -> bool {
        self.gateway.is_none() && self.lock().handlers.gateway.is_none()
    }

    /// Whether a thread of the library is still inside the application, or the server serves.
    pub(crate) fn is_in_use(&self) -> bool {
        let state = self.lock();
        let running =
            state.running.is_some() || matches!(state.stage, Stage::Preparing | Stage::Serving);
        let ticking = self.ticking.load(Ordering::SeqCst) != 0;
        let mut rolls = state.left_behind.iter().chain(&state.roll);
        running || ticking || rolls.any(|roll| !roll.is_empty())
    }

    /// Whether this is a forked child, which has none of the server's threads.
    pub(crate) fn is_forked(&self) -> bool {
        self.stopper.fork_mark.in_child()
    }

    /// Whether the calling thread is a worker of this server, be it of an earlier run, or inside its
    /// `tick`.
    pub(crate) fn is_a_worker_here(&self) -> bool {
        if self.ticking.load(Ordering::SeqCst) == thread::local_id() {
            return true;
        }
        let state = self.lock();
        state.left_behind.iter().chain(&state.roll).any(|roll| roll.is_here())
    }

    /// The running engine, for request handles.
    pub(crate) fn engine(&self) -> Option<Arc<Engine>> {
        self.lock().running.as_ref().map(|running| running.engine.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HTTPServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("HTTPServer")
            .field("stage", &state.stage)
            .field("bound", &state.bound)
            .finish_non_exhaustive()
    }
}

impl Drop for HTTPServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    /// Whether the host's `tick` is what calls the application.
    fn has_no_threads(&self) -> bool {
        self.pool.is_some() && self.engine.tuning.threads == 0
    }
}

fn make_listeners(bound: Vec<Bound>) -> std::io::Result<Vec<Listener>> {
    (0..).zip(bound).map(|(index, bound)| Listener::new(bound.socket, index)).collect()
}

fn without_threads() -> Error {
    Error::new(ErrorKind::State, "numthreads is 0: such a server is driven by tick")
}

fn forked() -> Error {
    Error::new(ErrorKind::Forked, "this is a forked child; the server's threads are in the parent")
}
