//! Where the lines go: a file by its path, which is looked at now and then, or a descriptor.
#![forbid(unsafe_code)]

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::sys::{file, poll, socket};

/// The file at the path is compared with the open one no more often than this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A reader that takes nothing is waited for so many milliseconds at a time.
const PATIENCE: i32 = 50;
/// What a pipe takes as a whole, or not at all (POSIX's PIPE_BUF).
const PIPE: usize = 4096;

/// An open log.
pub(crate) struct Destination {
    /// As the option has it.
    name: String,
    /// Whose file is opened anew when another one, or none, is there.
    path: Option<PathBuf>,
    file: File,
    kind: Kind,
    looked: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A write takes all that there is room for on the disk.
    File,
    /// A reader takes it, at its own pace.
    Stream,
    Socket,
}

impl Destination {
    /// Opens what the option `access_log` names: a path, or `fd:N`.
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
        let failed = |error| Error::system(&format!("access_log {name}"), &error);
        let (path, file) = match name.strip_prefix("fd:") {
            Some(number) => {
                let number = number.parse().map_err(|_| {
                    let why = format!("option access_log: {name:?} is not fd: and a descriptor");
                    Error::new(ErrorKind::Option, why)
                })?;
                (None, file::duplicate_for_writing(number).map_err(failed)?)
            }
            None => {
                let path = std::path::absolute(name).map_err(failed)?;
                let file = file::open_for_appending(&path).map_err(failed)?;
                (Some(path), file)
            }
        };
        let kind = kind_of(&file.metadata().map_err(failed)?);
        Ok(Self { name: name.to_owned(), path, file, kind, looked: Instant::now() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the path anew if another file, or none, is there. Not more often than once a second.
    pub(super) fn look(&mut self) -> io::Result<Look> {
        let Some(path) = self.path.as_deref().filter(|_| self.looked.elapsed() >= LOOK_AGAIN)
        else {
            return Ok(Look::TheSame);
        };
        self.looked = Instant::now();
        if is_the_same(path, &self.file.metadata()?) {
            return Ok(Look::TheSame);
        }
        let file = file::open_for_appending(path)?;
        self.kind = kind_of(&file.metadata()?);
        self.file = file;
        Ok(Look::Another)
    }

    /// Writes what goes without waiting for long; `WouldBlock`: nothing.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.kind == Kind::File {
            return self.file.write(text);
        }
        let fd = self.file.as_raw_fd();
        if poll::poll([(fd, poll::OUT)], PATIENCE)? == [0] {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let piece = whole_lines(text);
        // The descriptor may be a blocking one, and is not ours to change.
        if self.kind == Kind::Socket { socket::send(fd, piece) } else { self.file.write(piece) }
    }
}

/// What a look has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    TheSame,
    Another,
}

fn kind_of(metadata: &Metadata) -> Kind {
    let kind = metadata.file_type();
    if kind.is_socket() {
        Kind::Socket
    } else if kind.is_fifo() || kind.is_char_device() {
        Kind::Stream
    } else {
        Kind::File
    }
}

fn is_the_same(path: &Path, open: &Metadata) -> bool {
    path.metadata().is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()))
}

/// As many lines as a pipe takes at once, so that those of several processes are not mixed.
fn whole_lines(text: &[u8]) -> &[u8] {
    let piece = &text[..text.len().min(PIPE)];
    let lines = piece.iter().rposition(|byte| *byte == b'\n').map_or(piece.len(), |end| end + 1);
    &piece[..lines]
}
