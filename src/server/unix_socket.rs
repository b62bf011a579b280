//! UNIX sockets: a path is taken only if nobody answers there, and only a socket is ever removed.
#![forbid(unsafe_code)]

use std::fs::{self, FileType};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::address::Address;
use super::bind::Bound;
use super::options::Options;
use crate::sys::folder_lock;
use crate::sys::listening::{self, ListeningSocket, SocketPath};
use crate::sys::named;

/// Listens on a path. The error says what is in the way.
pub(super) fn bind_path(path: &str, options: &Options) -> Result<Bound, String> {
    let path = Path::new(path);
    // Between bind and listen a new socket looks like a stale one: others must not look then.
    let _until_it_listens = folder_lock::lock_folder(folder_of(path));
    remove_stale(path)?;
    let mode = options.mode("unix_socket_mode");
    let (socket, path) = bind_with_mode(path, mode).map_err(|error| explain(path, &error))?;
    // Nobody could connect before this, so nobody has under another mode.
    let listening = listen(socket, options).map_err(|error| error.to_string())?;
    let address = Address::Unix(path.path().into());
    Ok(Bound { socket: ListeningSocket::new(listening, Some(path)), address })
}

/// Listens on an abstract name.
pub(super) fn bind_name(name: &str, options: &Options) -> Result<Bound, String> {
    let text = |error: io::Error| error.to_string();
    let address = SockAddr::unix(format!("\0{name}")).map_err(text)?;
    let socket = new_socket().map_err(text)?;
    named("bind", socket.bind(&address)).map_err(text)?;
    let listening = listen(socket, options).map_err(text)?;
    let address = Address::Abstract(name.into());
    Ok(Bound { socket: ListeningSocket::new(listening, None), address })
}

fn new_socket() -> io::Result<Socket> {
    named("socket", Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None))
}

fn listen(socket: Socket, options: &Options) -> io::Result<OwnedFd> {
    named("listen", socket.listen(options.number("request_queue_size") as i32))?;
    Ok(socket.into())
}

fn bind_with_mode(path: &Path, mode: Option<u32>) -> io::Result<(Socket, SocketPath)> {
    let mut socket = new_socket()?;
    if let Some(mode) = mode {
        socket = listening::set_mode(socket.into(), mode)?.into();
    }
    socket.bind(&SockAddr::unix(path)?)?;
    let path = SocketPath::new(path, mode)?;
    Ok((socket, path))
}

/// Removes a socket on which nobody listens any more. Whatever else is there is in the way.
fn remove_stale(path: &Path) -> Result<(), String> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(explain(path, &error)),
    };
    if !found.file_type().is_socket() {
        let what = kind(found.file_type());
        return Err(format!("there is {what} with this name, which is left alone"));
    }
    match answers(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err("there is a socket that we may not connect to, perhaps in use".into());
        }
        _ => return Err("Address in use: somebody answers there".into()),
    }
    // Another server may have come to the same conclusion and be there by now.
    let is_same = |now: &fs::Metadata| (now.dev(), now.ino()) == (found.dev(), found.ino());
    if fs::symlink_metadata(path).is_ok_and(|now| is_same(&now)) {
        fs::remove_file(path)
            .map_err(|error| format!("an old socket cannot be removed: {error}"))?;
    }
    Ok(())
}

/// Whether somebody listens: connected, or too busy for that.
fn answers(path: &Path) -> io::Result<()> {
    new_socket()?.connect(&SockAddr::unix(path)?)
}

fn kind(file: FileType) -> &'static str {
    if file.is_file() {
        "a regular file"
    } else if file.is_dir() {
        "a directory"
    } else if file.is_symlink() {
        "a symbolic link"
    } else {
        "something that is no socket"
    }
}

fn explain(path: &Path, error: &io::Error) -> String {
    let parent = folder_of(path).display();
    match error.kind() {
        ErrorKind::NotFound => format!("there is no directory {parent}: {error}"),
        ErrorKind::NotADirectory => format!("{parent} is not a directory: {error}"),
        ErrorKind::PermissionDenied => format!("no permission in {parent}: {error}"),
        _ => error.to_string(),
    }
}

fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}
