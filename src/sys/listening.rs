//! A listening socket, and the path that it has in the file system if it is a UNIX one.
#![forbid(unsafe_code)]

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::SockRef;

use super::socket;

/// Closed when it is dropped; a path of its own is removed before that.
pub(crate) struct ListeningSocket {
    // Fields are dropped in this order: as long as the socket is open, the kernel keeps its inode
    // number from becoming another one's.
    path: Option<SocketPath>,
    socket: OwnedFd,
    /// Whether others may listen on it when this server does not any more.
    shared: bool,
}

impl ListeningSocket {
    /// One that was made here.
    pub(crate) fn new(socket: OwnedFd, path: Option<SocketPath>) -> Self {
        Self { path, socket, shared: false }
    }

    /// One that the host has made, and may have given to other processes.
    pub(crate) fn shared(socket: OwnedFd) -> Self {
        Self { path: None, socket, shared: true }
    }

    /// Sets TCP_NODELAY, which accepted sockets inherit, so that it costs no call for each. A UNIX
    /// socket is left as it is.
    pub(crate) fn set_nodelay(&self, on: bool) -> io::Result<()> {
        let socket = SockRef::from(&self.socket);
        match socket.local_addr()?.as_socket() {
            Some(_) => socket.set_tcp_nodelay(on),
            None => Ok(()),
        }
    }

    /// Closes it. The error says that its path stays behind. A child that the host has forked may hold
    /// a copy of the descriptor, so listening ends for that as well: the address would stay in use, and
    /// clients would wait for nobody.
    pub(crate) fn close(mut self) -> Result<(), String> {
        if !self.shared {
            socket::shutdown_both(self.socket.as_raw_fd());
        }
        let Some(path) = self.path.take() else { return Ok(()) };
        path.remove()
            .map_err(|error| format!("{}: {error}: the socket stays behind", path.path.display()))
    }
}

impl AsRawFd for ListeningSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The path that a socket of ours was bound to. Dropped, it is removed, if it is still ours and
/// this is the process that made it.
pub(crate) struct SocketPath {
    path: PathBuf,
    device: u64,
    inode: u64,
    process: u32,
}

impl SocketPath {
    /// `path` was just bound, and nobody can connect yet. It gets the mode now.
    pub(crate) fn new(path: &Path, mode: Option<u32>) -> io::Result<Self> {
        // Looked at and changed by one descriptor, so that nobody can put a link in its place.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
            .open(path)?;
        let found = file.metadata()?;
        if !found.file_type().is_socket() {
            return Err(io::Error::other("somebody has put something else in its place"));
        }
        let made = Self {
            path: std::path::absolute(path)?,
            device: found.dev(),
            inode: found.ino(),
            process: std::process::id(),
        };
        // The process's umask may have taken bits away.
        if let Some(mode) = mode
            && found.mode() & 0o777 != mode
        {
            let place = format!("/proc/self/fd/{}", file.as_raw_fd());
            fs::set_permissions(place, Permissions::from_mode(mode))?;
        }
        Ok(made)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) -> io::Result<()> {
        if self.process != std::process::id() {
            return Ok(());
        }
        match fs::symlink_metadata(&self.path) {
            Ok(found) if self.is_ours(&found) => fs::remove_file(&self.path),
            _ => Ok(()),
        }
    }

    fn is_ours(&self, found: &Metadata) -> bool {
        found.file_type().is_socket() && (found.dev(), found.ino()) == (self.device, self.inode)
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _stays_behind = self.remove();
    }
}

/// The mode that a path will have when this socket is bound to it, less what the umask takes away.
pub(crate) fn set_mode(socket: OwnedFd, mode: u32) -> io::Result<OwnedFd> {
    let file = File::from(socket);
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file.into())
}
