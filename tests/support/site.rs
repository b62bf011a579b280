//! A server whose descriptors are counted: whatever clients did, it answers, and nothing stays.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wsgiserver::{HTTPServer, Handlers, Outcome, Request};

use super::{App, Client, eventually, serve_with};

/// One test at a time: they count the descriptors of this process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A server, and how many descriptors the process had once it was running.
pub struct Site {
    pub server: Arc<HTTPServer>,
    pub address: SocketAddr,
    before: usize,
}

impl Site {
    /// The application answers `/` with "done".
    pub fn new(
        app: impl Fn(&Request<'_>) -> Outcome + Send + Sync + 'static,
        options: &[(&str, &str)],
    ) -> Self {
        Self::with_handlers(app, Handlers::new(), options)
    }

    /// The same, with a host's own handlers.
    pub fn with_handlers(
        app: impl Fn(&Request<'_>) -> Outcome + Send + Sync + 'static,
        handlers: Handlers,
        options: &[(&str, &str)],
    ) -> Self {
        let (server, address) = serve_with(App(app), handlers, options);
        let site = Self { server, address, before: descriptors() };
        // What is opened only once is open from here on.
        site.is_well();
        Self { before: descriptors().max(site.before), ..site }
    }

    /// The server answers, and all descriptors but those of the test's own clients have gone.
    pub fn is_well(&self) {
        let mut client = Client::connect(self.address);
        assert_eq!(client.get("/").answer(), (200, "done".into()));
        drop(client);
        eventually("every descriptor is closed", || descriptors() <= self.before);
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }
}

/// Ends the connection as a client that crashes does.
pub fn reset(client: Client) {
    socket2::SockRef::from(&client.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}
