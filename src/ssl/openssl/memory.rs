//! What OpenSSL reads from and writes to instead of a socket (a memory BIO).
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::ops::RangeInclusive;

/// Type, version and length stand before each record (RFC 8446, section 5.1).
const HEADER: usize = 5;
/// The most that may follow (RFC 5246, section 6.2.3).
const LARGEST: usize = 16 * 1024 + 2048;

/// Change of the cipher, alert, handshake, data: the first byte of a record.
const KINDS: RangeInclusive<u8> = 20..=23;

/// Gives OpenSSL whole records, so that it is known whether there is something for it.
#[derive(Default)]
pub(super) struct Memory {
    /// Encrypted bytes of the client, from `at` on those that were not read.
    incoming: Vec<u8>,
    at: usize,
    /// What is left of the record that is being read.
    record: usize,
    /// Encrypted bytes for the client, from `sent` on those that were not taken.
    outgoing: Vec<u8>,
    sent: usize,
}

impl Memory {
    /// Takes bytes of the client.
    pub(super) fn feed(&mut self, encrypted: &[u8]) {
        if self.at == self.incoming.len() {
            self.incoming.clear();
        } else {
            self.incoming.drain(..self.at);
        }
        self.at = 0;
        self.incoming.extend_from_slice(encrypted);
    }

    /// Whether a read gives something.
    pub(super) fn is_readable(&self) -> bool {
        self.record > 0 || whole_record(self.unread()) > 0
    }

    /// Whether what was not read is a record or its beginning, if it is anything.
    pub(super) fn has_record(&self) -> bool {
        self.record > 0 || self.unread().first().is_none_or(|kind| KINDS.contains(kind))
    }

    /// Throws away what waits for the client, and gives it this instead.
    pub(super) fn replace(&mut self, encrypted: &[u8]) {
        (self.outgoing, self.sent) = (encrypted.to_vec(), 0);
    }

    /// Bytes for the client that were not taken.
    pub(super) fn waiting(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    /// Writes them into `sink`, as many as it takes.
    pub(super) fn give(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        let before = self.sent;
        while self.waiting() > 0 {
            match sink.write(&self.outgoing[self.sent..]) {
                Ok(0) if self.sent == before => return Err(io::ErrorKind::WriteZero.into()),
                Ok(0) => break,
                Ok(count) => self.sent += count,
                Err(_) if self.sent > before => break,
                Err(error) => return Err(error),
            }
        }
        let taken = self.sent - before;
        if self.waiting() == 0 {
            // An idle connection keeps no memory for it.
            (self.outgoing, self.sent) = (Vec::new(), 0);
        }
        Ok(taken)
    }

    fn unread(&self) -> &[u8] {
        self.incoming.get(self.at..).unwrap_or_default()
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.record == 0 {
            self.record = whole_record(self.unread());
        }
        let count = self.record.min(buffer.len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[..count].copy_from_slice(&self.unread()[..count]);
        self.at += count;
        self.record -= count;
        if self.at == self.incoming.len() {
            (self.incoming, self.at) = (Vec::new(), 0);
        }
        Ok(count)
    }
}

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The size of the first record with its header; 0 if not all of it is there. What is no record is
/// for OpenSSL to refuse: all of it then.
fn whole_record(data: &[u8]) -> usize {
    match *data {
        [kind, 3, _, high, low, ..] if KINDS.contains(&kind) => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            match HEADER + length {
                size if size <= data.len() => size,
                _ if length > LARGEST => data.len(),
                _ => 0,
            }
        }
        [kind] | [kind, 3] | [kind, 3, _] | [kind, 3, _, _] if KINDS.contains(&kind) => 0,
        _ => data.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(memory: &mut Memory) -> Vec<u8> {
        let mut buffer = [0; 64];
        match memory.read(&mut buffer) {
            Ok(count) => buffer[..count].to_vec(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn records_are_read_when_they_are_whole() {
        let mut memory = Memory::default();
        for &byte in b"\x17\x03\x03\x00\x02a" {
            memory.feed(&[byte]);
            assert!(!memory.is_readable() && read(&mut memory).is_empty());
        }
        memory.feed(b"b\x15\x03\x03");
        assert!(memory.is_readable());
        assert_eq!(read(&mut memory), b"\x17\x03\x03\x00\x02ab");
        assert!(!memory.is_readable() && read(&mut memory).is_empty());
        memory.feed(b"\x00\x01!");
        assert_eq!(read(&mut memory), b"\x15\x03\x03\x00\x01!");
    }

    #[test]
    fn a_record_can_be_read_in_parts() {
        let mut memory = Memory::default();
        memory.feed(b"\x17\x03\x03\x00\x02ab\x17");
        let mut header = [0; HEADER];
        assert_eq!(memory.read(&mut header).unwrap(), HEADER);
        memory.feed(b"\x03");
        assert!(memory.is_readable());
        assert_eq!(read(&mut memory), b"ab");
        assert!(!memory.is_readable());
    }

    #[test]
    fn what_is_no_record_is_read_at_once() {
        for data in [&b"GET / HTTP/1.1"[..], b"\x16\x02", b"\x16\x03\x01\xff\xff", b"\x80"] {
            let mut memory = Memory::default();
            memory.feed(data);
            assert!(memory.is_readable());
            assert_eq!(memory.has_record(), data[0] == 0x16);
            assert_eq!(read(&mut memory), data);
        }
    }

    #[test]
    fn a_sink_takes_what_it_has_room_for() {
        let mut memory = Memory::default();
        memory.write_all(b"hello").unwrap();
        let mut room = [0; 3];
        assert_eq!(memory.give(&mut &mut room[..]).unwrap(), 3);
        assert_eq!(memory.waiting(), 2);
        let mut rest = Vec::new();
        assert_eq!(memory.give(&mut rest).unwrap(), 2);
        assert_eq!((&room[..], &rest[..], memory.waiting()), (&b"hel"[..], &b"lo"[..], 0));
    }
}
