//! What a service manager is told of the server's life (sd_notify(3)).
#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::options::Options;
use crate::error_log::{ErrorLog, LogCode};

pub(crate) const READY: &str = "READY=1";
pub(crate) const STOPPING: &str = "STOPPING=1";

/// The manager's socket, if the option is on and there is a manager.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    address: Option<std::ffi::OsString>,
}

impl Notifier {
    pub(super) fn of(options: &Options) -> Self {
        let wanted = options.flag("notify_service_manager");
        Self { address: wanted.then(|| env::var_os("NOTIFY_SOCKET")).flatten() }
    }

    /// Tells the manager. What hinders it goes to the log; the server goes on.
    pub(crate) fn tell(&self, log: &ErrorLog, state: &str) {
        let Some(address) = &self.address else { return };
        if let Err(error) = send(address, state) {
            let text = format_args!("NOTIFY_SOCKET {}: {error}", address.to_string_lossy());
            log.warning(LogCode::Server, text);
        }
    }
}

/// A name behind an @ is an abstract one.
fn send(address: &OsStr, state: &str) -> std::io::Result<()> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read holds nobody here.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}
