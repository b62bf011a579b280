//! Lines on their way to the log's writer. Whoever has answered a request formats its line into one
//! of several buffers, and never waits: a buffer that another thread is at is passed over, and a line
//! for which no buffer has room is dropped and counted.
#![forbid(unsafe_code)]

use std::sync::{OnceLock, TryLockError};

use super::format::{Format, LONGEST_LINE};
use crate::engine::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, lock};

#[cfg(all(loom, test))]
mod models;

/// The first one is used while nobody else is at it, so that lines are in the order of their ends.
const BUFFERS: usize = if cfg!(loom) { 2 } else { 8 };
/// Bytes of a buffer. What was never needed of it costs no memory.
pub(super) const ROOM: usize = 1 << 20;
/// A buffer with so much in it is not to wait for the writer's next round.
const HURRY: usize = ROOM / 4;

/// What answered requests leave for the writer.
pub(crate) struct Lines {
    pub(crate) format: Format,
    buffers: [Buffer; BUFFERS],
    /// Lines that found no room, and of which the writer does not know yet.
    dropped: AtomicU64,
    /// The writer wants to be woken by the next line.
    asleep: AtomicBool,
    /// The server stops: the writer is to come to its end.
    pub(super) ending: AtomicBool,
    /// Wakes the writer.
    bell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// On cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Buffer(Mutex<Page>);

#[derive(Default)]
struct Page {
    text: Vec<u8>,
    /// The writer was told that it is filling up.
    hurried: bool,
}

impl Lines {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            buffers: Default::default(),
            dropped: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            bell: OnceLock::new(),
        }
    }

    /// Leaves the line that `write` appends to a buffer.
    #[inline]
    pub(crate) fn put(&self, write: impl FnOnce(&mut Vec<u8>)) {
        for buffer in &self.buffers {
            let mut page = match buffer.0.try_lock() {
                Ok(page) => page,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if page.text.len() > ROOM - LONGEST_LINE {
                continue;
            }
            if page.text.capacity() < ROOM {
                page.text.reserve_exact(ROOM);
            }
            write(&mut page.text);
            let hurry = page.text.len() > HURRY && !std::mem::replace(&mut page.hurried, true);
            drop(page);
            // The writer has looked into this buffer after it has set the mark, or finds the line.
            if hurry || self.asleep.load(Ordering::Relaxed) {
                self.wake();
            }
            return;
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// How the writer is woken. Before anybody leaves a line.
    pub(super) fn written_by(&self, bell: impl Fn() + Send + Sync + 'static) {
        let _once = self.bell.set(Box::new(bell));
    }

    #[cold]
    pub(super) fn wake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
        if let Some(wake) = self.bell.get() {
            wake();
        }
    }

    /// Exchanges what is in each buffer for `empty` and hands it to `write`, which empties it, until
    /// that returns false. False if there was nothing.
    pub(super) fn take(
        &self,
        empty: &mut Vec<u8>,
        write: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    ) -> bool {
        let mut found = false;
        for buffer in &self.buffers {
            let mut page = buffer.lock();
            page.hurried = false;
            if page.text.is_empty() {
                continue;
            }
            found = true;
            std::mem::swap(&mut page.text, empty);
            drop(page);
            if !write(empty) {
                break;
            }
        }
        found
    }

    /// How many lines were dropped since the last time.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Has the next line wake the writer. False if there is something for it already.
    pub(super) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        let empty = self.buffers.iter().all(|buffer| buffer.lock().text.is_empty());
        if !empty {
            self.asleep.store(false, Ordering::Relaxed);
        }
        empty
    }
}

impl Buffer {
    /// For the writer, which may wait.
    fn lock(&self) -> MutexGuard<'_, Page> {
        lock(&self.0)
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    impl Lines {
        fn put_line(&self, text: &[u8]) {
            self.put(|line| line.extend_from_slice(text));
        }
    }

    fn everything(lines: &Lines) -> Vec<u8> {
        let (mut all, mut empty) = (Vec::new(), Vec::new());
        lines.take(&mut empty, &mut |text| {
            all.append(text);
            true
        });
        all
    }

    #[test]
    fn what_has_no_room_is_counted_and_there_is_room_again() {
        let lines = Lines::new(Format::Common);
        let mut line = vec![b'a'; 4000];
        line.push(b'\n');
        let mut put = 0;
        while lines.dropped.load(Ordering::Relaxed) == 0 {
            lines.put_line(&line);
            put += 1;
        }
        let text = everything(&lines);
        let kept = text.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(kept + 1, put);
        assert!(text.len() > BUFFERS * ROOM / 2 && text.len() <= BUFFERS * ROOM, "{}", text.len());
        assert_eq!((lines.take_dropped(), lines.take_dropped()), (1, 0));
        lines.put_line(b"/\n");
        assert_eq!(everything(&lines), b"/\n");
    }

    #[test]
    fn threads_do_not_wait_for_each_other() {
        let lines = Lines::new(Format::Common);
        let held: Vec<_> = lines.buffers.iter().skip(1).map(Buffer::lock).collect();
        lines.put_line(b"in the one that is free\n");
        let last = lines.buffers[0].lock();
        lines.put_line(b"none is free\n");
        drop((held, last));
        assert_eq!(lines.take_dropped(), 1);
        assert_eq!(everything(&lines), b"in the one that is free\n");
        assert!(lines.fall_asleep());
        lines.put_line(b"/\n");
        assert!(!lines.asleep.load(Ordering::Relaxed) && !lines.fall_asleep());
    }
}
