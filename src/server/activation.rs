//! Socket activation: the listening sockets that a service manager hands over (sd_listen_fds(3)).
#![forbid(unsafe_code)]

use std::env;
use std::os::fd::RawFd;

use super::inherited::Inherited;
use super::options::Options;
use crate::error::{Error, ErrorKind};
use crate::sys::{environment, socket};

/// The first descriptor that is handed over.
const FIRST: RawFd = 3;
/// More are nobody's wish.
const MOST: RawFd = 65_536;
const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The option `socket_activation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Off,
    /// Where nothing else is to be listened on: those that nobody has taken yet.
    Auto,
    /// All of them; there have to be some.
    All,
    /// Those of this name (`FileDescriptorName=`); there have to be some.
    Named(String),
}

impl Activation {
    pub(super) fn of(options: &Options) -> Self {
        match options.text("socket_activation").as_str() {
            "off" | "" => Self::Off,
            "auto" => Self::Auto,
            "all" => Self::All,
            name => Self::Named(name.to_owned()),
        }
    }

    /// Takes the sockets: a descriptor of ours for each. The process's own stay open, and no program
    /// that it starts gets them.
    pub(super) fn take(&self, options: &Options) -> Result<Vec<Inherited>, Error> {
        let mut taken = Vec::new();
        if let Some(handed) = handed_over()? {
            for (index, number) in (FIRST..).take(handed.count).enumerate() {
                let name = handed.names.get(index).map_or("unknown", String::as_str);
                if matches!(self, Self::Named(wanted) if wanted != name) {
                    continue;
                }
                let is_old = socket::is_close_on_exec(number).unwrap_or(false);
                let inherited = open(number, handed.count)?;
                match inherited.check() {
                    // Closed on exec, so it was not handed over as it is: somebody was here before.
                    Ok(()) if is_old && *self == Self::Auto => continue,
                    // The number is something else's, opened since.
                    Err(_) if is_old => return Err(not_there(number, handed.count)),
                    checked => checked?,
                }
                taken.push(inherited);
            }
            for inherited in &taken {
                // It is open, as it was just looked at.
                let _still = socket::set_close_on_exec(inherited.number);
            }
        }
        match self {
            Self::All if taken.is_empty() => Err(nothing("no sockets were handed over")),
            Self::Named(name) if taken.is_empty() => {
                Err(nothing(&format!("no socket of the name {name:?} was handed over")))
            }
            _ => {
                if !taken.is_empty() && options.flag("unset_environment") {
                    environment::remove(&VARIABLES);
                }
                Ok(taken)
            }
        }
    }
}

struct HandedOver {
    count: usize,
    names: Vec<String>,
}

/// What the environment says, if it speaks of this process.
fn handed_over() -> Result<Option<HandedOver>, Error> {
    let variable = |name: &str| env::var(name).ok();
    let [pid, count, names] = VARIABLES.map(variable);
    if pid.and_then(|pid| pid.parse::<u32>().ok()) != Some(std::process::id()) {
        return Ok(None);
    }
    let count = count.as_deref().unwrap_or("1");
    let number = count.parse().ok().filter(|count| (0..=MOST).contains(count));
    let number = number.ok_or_else(|| nothing(&format!("LISTEN_FDS is {count:?}")))?;
    let names = names.unwrap_or_default().split(':').map(str::to_owned).collect();
    Ok(Some(HandedOver { count: usize::try_from(number).unwrap_or(0), names }))
}

fn open(number: RawFd, count: usize) -> Result<Inherited, Error> {
    let socket = socket::spare_descriptor(&number).map_err(|error| match error.raw_os_error() {
        Some(libc::EBADF) => not_there(number, count),
        _ => nothing(&format!("descriptor {number}: {error}")),
    })?;
    Ok(Inherited { socket, number })
}

fn not_there(number: RawFd, count: usize) -> Error {
    nothing(&format!("LISTEN_FDS is {count}, but the descriptor {number} was not handed over"))
}

fn nothing(why: &str) -> Error {
    Error::new(ErrorKind::Bind, format!("socket activation: {why}"))
}
