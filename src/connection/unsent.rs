//! What a client has not taken yet: bytes, and behind them a part of a file or of a buffer.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use super::owned::OwnedPart;
use super::services::Services;
use super::{HTTPConnection, Step};
use crate::channel::Channel;
use crate::error_log::{ErrorLog, LogCode, LogLevel};
use crate::sys::epoll;
use crate::sys::file::{self, SendFile};

/// So much of a file goes out in one turn of its connection; then others have theirs.
const TURN: u64 = 2 * 1024 * 1024;
/// So many pieces at most, should the socket take little at a time.
const PIECES: u32 = 16;
/// Where the system cannot send a file by itself, it goes through a buffer of so many bytes.
const WINDOW: usize = 64 * 1024;

/// An answer that the socket did not take.
#[derive(Default)]
pub(super) struct Unsent {
    pub(super) data: Vec<u8>,
    pub(super) at: usize,
    /// Comes behind the data.
    pub(super) tail: Option<Box<Tail>>,
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.tail.is_none()
    }

    pub(super) fn has_tail(&self) -> bool {
        self.tail.is_some()
    }

    /// Bytes that are still to go.
    pub(super) fn left(&self) -> u64 {
        let tails = std::iter::successors(self.tail.as_deref(), |tail| tail.next.as_deref());
        let behind: u64 = tails.map(|tail| tail.source.left() + tail.after.len() as u64).sum();
        self.rest().len() as u64 + behind
    }

    /// What is held for the client: also what stands behind a file or a buffer of the host's, be it
    /// another such buffer, which its thread would have kept if it had waited. The first one is the
    /// host's own to count.
    pub(super) fn memory(&self) -> usize {
        let tails = std::iter::successors(self.tail.as_deref(), |tail| tail.next.as_deref());
        let behind = |tail: &Tail| {
            let next = tail.next.as_ref().map_or(0, |next| next.source.memory());
            tail.after.capacity() + next
        };
        self.data.capacity() + tails.map(behind).sum::<usize>()
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.data[self.at..]
    }

    /// Puts bytes behind everything that is there.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        match self.last_tail() {
            Some(tail) => tail.after.extend_from_slice(bytes),
            None => self.data.extend_from_slice(bytes),
        }
    }

    /// Puts what is sent from where it is behind everything that is there.
    pub(super) fn push(&mut self, source: Source) {
        let tail = Some(Box::new(Tail { source, after: Vec::new(), next: None }));
        match self.last_tail() {
            Some(last) => last.next = tail,
            None => self.tail = tail,
        }
    }

    fn last_tail(&mut self) -> Option<&mut Tail> {
        let mut last = self.tail.as_deref_mut()?;
        while last.next.is_some() {
            last = last.next.as_deref_mut()?;
        }
        Some(last)
    }
}

/// What is sent from where it is.
pub(super) struct Tail {
    pub(super) source: Source,
    /// What follows it on the wire.
    after: Vec<u8>,
    next: Option<Box<Self>>,
}

pub(super) enum Source {
    File(FilePart),
    Owned(OwnedPart),
}

impl Source {
    fn memory(&self) -> usize {
        match self {
            Self::File(_) => 0,
            Self::Owned(part) => part.left() as usize,
        }
    }

    fn left(&self) -> u64 {
        match self {
            Self::File(part) => part.left,
            Self::Owned(part) => part.left(),
        }
    }
}

/// A part of a regular file that is still to be sent.
pub(super) struct FilePart {
    pub(super) file: OwnedFd,
    pub(super) offset: u64,
    pub(super) left: u64,
    /// sendfile(2) does not work for this file.
    pub(super) by_reading: bool,
}

/// How far a tail came in one turn.
pub(super) enum Sent {
    All,
    /// The socket is full.
    Full,
    /// The turn is over.
    Enough,
    Broken,
}

impl HTTPConnection {
    /// Goes on sending what the socket did not take.
    pub(super) fn send_unsent(&mut self, services: &Services) -> Step {
        loop {
            if self.channel.holds_back() {
                match self.channel.push() {
                    Ok(_) => self.timing.progress = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return self.wait_for_room(services);
                    }
                    Err(_) => return Step::Close,
                }
            }
            while !self.unsent.rest().is_empty() {
                let rest = self.unsent.rest();
                let result = match self.unsent.tail {
                    Some(_) => self.channel.send_more(rest),
                    None => self.channel.send(rest),
                };
                self.traffic.note_written(&result, &services.log);
                match result {
                    Ok(sent) => {
                        self.timing.progress = true;
                        self.timing.sent(sent);
                        self.unsent.at += sent;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return self.wait_for_room(services);
                    }
                    Err(_) => return Step::Close,
                }
            }
            if self.channel.holds_back() && self.unsent.tail.is_none() {
                continue;
            }
            // The room is free while a file is on its way.
            (self.unsent.data, self.unsent.at) = (Vec::new(), 0);
            let Some(tail) = &mut self.unsent.tail else {
                self.set_interest(services, self.interest & !epoll::OUT);
                self.charge(services);
                self.report(services);
                self.note_answer_gone(services);
                return Step::Again;
            };
            let before = tail.source.left();
            let sent = match &mut tail.source {
                Source::File(part) => part.send(&mut self.channel, &services.log),
                Source::Owned(part) => part.send(&mut self.channel),
            };
            let count = before - tail.source.left();
            self.timing.progress |= count > 0;
            self.timing.sent(count as usize);
            self.traffic.written += count;
            match sent {
                Sent::All => {
                    self.unsent.data = std::mem::take(&mut tail.after);
                    self.unsent.tail = tail.next.take();
                }
                Sent::Full => return self.wait_for_room(services),
                Sent::Enough => return Step::Yield,
                Sent::Broken => return Step::Close,
            }
        }
    }

    fn wait_for_room(&mut self, services: &Services) -> Step {
        self.set_interest(services, self.interest | epoll::OUT);
        Step::Wait
    }

    /// The socket takes more, and the kernel says so at once when it is asked again: the event
    /// stands behind those of the others.
    pub(crate) fn let_others_go_first(&mut self, services: &Services) {
        let interest = self.interest | epoll::OUT;
        self.interest = 0;
        self.set_interest(services, interest);
    }
}

impl FilePart {
    fn send(&mut self, channel: &mut Channel, log: &ErrorLog) -> Sent {
        let mut budget = self.left.min(TURN);
        let mut sender = SendFile::new();
        let mut window = Vec::new();
        for _ in 0..PIECES {
            if self.left == 0 {
                return Sent::All;
            }
            if budget == 0 {
                break;
            }
            let result = if self.by_reading || channel.is_secured() {
                self.read_and_send(channel, budget as usize, &mut window)
            } else {
                sender.send(channel.fd(), &self.file, self.offset, budget as usize)
            };
            match result {
                Ok(0) => {
                    log.error(
                        LogCode::File,
                        format_args!("a file became shorter while it was sent"),
                    );
                    return Sent::Broken;
                }
                Ok(sent) => {
                    self.offset += sent as u64;
                    self.left -= sent as u64;
                    budget -= sent as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Sent::Full,
                Err(error) if !self.by_reading && is_unsupported(&error) => self.by_reading = true,
                Err(error) => {
                    if !is_clients_doing(&error) {
                        let text = format_args!("a file could not be sent: {error}");
                        log.repeated(LogLevel::Error, LogCode::File, text);
                    }
                    return Sent::Broken;
                }
            }
        }
        if self.left == 0 { Sent::All } else { Sent::Enough }
    }

    /// What was read and does not fit is read again another time.
    fn read_and_send(
        &self,
        channel: &mut Channel,
        most: usize,
        window: &mut Vec<u8>,
    ) -> io::Result<usize> {
        window.resize(WINDOW, 0);
        let most = most.min(WINDOW);
        match file::read_at(&self.file, &mut window[..most], self.offset)? {
            0 => Ok(0),
            count => channel.send(&window[..count]),
        }
    }
}

/// sendfile(2) wants a file that has pages.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

fn is_clients_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::connection::Advance;
    use crate::connection::body::Wait;
    use crate::connection::by_hand::{Pair, services};
    use crate::engine::ownership::Bits;
    use crate::request::head::HeadPolicy;

    fn part(bytes: &[u8], by_reading: bool) -> (FilePart, File) {
        let path = std::env::temp_dir().join(format!(
            "wsgiserver-unsent-{}-{by_reading}-{}",
            std::process::id(),
            bytes.len()
        ));
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(bytes).unwrap();
        let part = FilePart {
            file: file.try_clone().unwrap().into(),
            offset: 3,
            left: bytes.len() as u64 - 3,
            by_reading,
        };
        (part, file)
    }

    fn received(part: &mut FilePart) -> Vec<u8> {
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let mut channel = Channel::new(here.into());
        there.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        loop {
            let sent = part.send(&mut channel, &ErrorLog::silent());
            let _nothing_more_now = there.read_to_end(&mut all);
            match sent {
                Sent::All => return all,
                Sent::Broken => panic!("broken after {} bytes", all.len()),
                Sent::Full | Sent::Enough => {}
            }
        }
    }

    #[test]
    fn a_part_arrives_as_it_is_in_the_file() {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
        for by_reading in [false, true] {
            let (mut part, _file) = part(&bytes, by_reading);
            assert!(received(&mut part) == bytes[3..]);
            assert_eq!(part.by_reading, by_reading);
        }
    }

    #[test]
    fn a_file_that_became_shorter_ends_the_sending() {
        for by_reading in [false, true] {
            let (mut part, file) = part(&[b'x'; 100], by_reading);
            file.set_len(50).unwrap();
            let (here, _there) = UnixStream::pair().unwrap();
            let mut channel = Channel::new(here.into());
            assert!(matches!(part.send(&mut channel, &ErrorLog::silent()), Sent::Broken));
            assert_eq!(part.left, 50);
        }
    }

    #[test]
    fn an_answer_is_charged_for_until_it_is_taken() {
        let services = services(HeadPolicy::default(), 0);
        let mut pair = Pair::new(&services);
        assert_eq!(pair.send(TWO), Advance::Request);
        respond(&mut pair, &[b'x'; 4 << 20]);
        assert_eq!(pair.turn(Bits::NONE), Advance::Wait);
        assert!(pair.connection.holds_answer());
        // The next request is there already, so the connection does not come to rest before it.
        let mut advance = Advance::Wait;
        while advance == Advance::Wait {
            pair.answers();
            advance = pair.turn(Bits::OUT);
        }
        assert_eq!(advance, Advance::Request);
        assert!(!pair.connection.holds_answer());
    }

    #[test]
    fn what_is_kept_behind_a_buffer_is_charged_for() {
        let services = services(HeadPolicy::default(), 0);
        let mut pair = Pair::new(&services);
        assert_eq!(pair.send(TWO), Advance::Request);
        pair.connection.attached = true;
        services.waiters.places.take();
        pair.connection.start_response(b"200 OK", std::iter::empty(), false).unwrap();
        let mut charged = Vec::new();
        for _ in 0..2 {
            // One buffer is the host's own to count, like a file; the others are kept for its thread.
            pair.connection.write_owned(&services, &mut Some(vec![b'x'; 4 << 20])).unwrap();
            pair.connection.prepare_watch(&services, 1);
            charged.push(pair.connection.charged.answers());
        }
        assert!(charged[0] < 1 << 20 && charged[1] >= 4 << 20, "{charged:?}");
        let piece = vec![b'x'; 1 << 20];
        pair.connection.write(&services, &piece, Wait::ForClient).unwrap();
        assert!(pair.connection.charged.answers() >= 5 << 20);
    }

    const TWO: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn respond(pair: &mut Pair<'_>, body: &[u8]) {
        let none = std::iter::empty();
        pair.connection.respond(pair.services, b"200 OK", none, body).unwrap();
        pair.connection.end_request(pair.services, false);
    }

    #[test]
    fn bytes_that_come_later_stand_behind_the_file() {
        let (part, _file) = part(b"file", false);
        let mut unsent = Unsent::default();
        unsent.append(b"head");
        unsent.push(Source::File(part));
        unsent.append(b"end");
        assert_eq!(unsent.rest(), b"head");
        assert_eq!(unsent.tail.unwrap().after, b"end");
    }
}
