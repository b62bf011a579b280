//! The thread that writes the access log, so that no request waits for a disk or a reader.
#![forbid(unsafe_code)]

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::destination::{Destination, Look};
use super::lines::Lines;
use crate::error_log::{ErrorLog, LogCode};
use crate::statistics::counters::Ledger;
use crate::sys::thread;

/// While lines come they are written so often.
const ROUND: Duration = Duration::from_millis(200);
/// After a failed write the next one is tried.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// A stop leaves so much time to a reader that takes nothing.
const FAREWELL: Duration = Duration::from_secs(1);
/// And no more than this to a file system that does not come back.
const LEAVE_BEHIND: Duration = Duration::from_secs(5);
/// Dropping is told anew when there was none for so long.
const QUIET: Duration = Duration::from_secs(60);

/// The writer's thread, for the server that has started it.
pub(crate) struct Writer {
    lines: Arc<Lines>,
    thread: Option<JoinHandle<()>>,
    over: Arc<(Mutex<bool>, Condvar)>,
}

impl Writer {
    pub(crate) fn start(
        lines: Arc<Lines>,
        destination: Destination,
        log: Arc<ErrorLog>,
        ledger: Arc<Ledger>,
    ) -> io::Result<Self> {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let mut writing = Writing {
            lines: lines.clone(),
            destination,
            log,
            ledger,
            text: Vec::new(),
            written: 0,
            astray: false,
            trouble: None,
            dropped: 0,
            dropped_at: None,
            farewell: None,
        };
        let tell = over.clone();
        let thread = thread::spawn("WSGI Access Log".into(), 0, move || {
            writing.run();
            drop(writing);
            *tell.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            tell.1.notify_all();
        })?;
        let writer = thread.thread().clone();
        lines.written_by(move || writer.unpark());
        Ok(Self { lines, thread: Some(thread), over })
    }

    /// Has what is there written, and waits for it. Nothing is written after this.
    pub(crate) fn end(mut self) {
        self.ask_to_end();
        let (over, changed) = &*self.over;
        let guard = over.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = changed
            .wait_timeout_while(guard, LEAVE_BEHIND, |over| !*over)
            .unwrap_or_else(PoisonError::into_inner);
        if *guard && let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }

    fn ask_to_end(&self) {
        self.lines.ending.store(true, Ordering::Release);
        self.lines.wake();
    }
}

impl Drop for Writer {
    /// Without waiting: this may be a forked child, which has no such thread.
    fn drop(&mut self) {
        self.ask_to_end();
    }
}

/// The thread's own state.
struct Writing {
    lines: Arc<Lines>,
    destination: Destination,
    log: Arc<ErrorLog>,
    ledger: Arc<Ledger>,
    /// What is being written, and how much of it has been.
    text: Vec<u8>,
    written: usize,
    /// The path leads to no file that could be opened, which was told.
    astray: bool,
    /// When writing failed the last time, if it did.
    trouble: Option<Instant>,
    /// Lines that were dropped and are not told of in the log itself.
    dropped: u64,
    /// When lines were dropped the last time, if that was told in the error log.
    dropped_at: Option<Instant>,
    /// When a writer that is to end gives up.
    farewell: Option<Instant>,
}

impl Writing {
    fn run(&mut self) {
        loop {
            let ending = self.is_ending();
            let found = self.round();
            if ending {
                break;
            }
            if found || self.is_behind() {
                let pause = if self.trouble.is_some() { TRY_AGAIN } else { ROUND };
                std::thread::park_timeout(pause);
            } else if !self.is_ending() && self.lines.fall_asleep() {
                std::thread::park();
            }
        }
        self.tell_the_lost();
    }

    /// Writes what there is. False if there was nothing.
    fn round(&mut self) -> bool {
        self.look();
        let found = !self.text.is_empty();
        if !self.write_out() {
            return true;
        }
        let (lines, mut empty) = (self.lines.clone(), std::mem::take(&mut self.text));
        let found = lines.take(&mut empty, &mut |text| {
            std::mem::swap(&mut self.text, text);
            let all = self.write_out();
            if all {
                std::mem::swap(&mut self.text, text);
            }
            all
        }) || found;
        if self.text.is_empty() {
            self.text = empty;
        }
        self.count_dropped();
        if self.dropped > 0 && self.text.is_empty() {
            self.lines.format.put_dropped(std::mem::take(&mut self.dropped), &mut self.text);
            self.write_out();
        }
        found
    }

    /// Writes the rest of the text. False if some of it is left.
    fn write_out(&mut self) -> bool {
        if self.trouble.is_some_and(|since| since.elapsed() < TRY_AGAIN) && !self.is_ending() {
            return self.text.is_empty();
        }
        while self.written < self.text.len() {
            match self.destination.write(&self.text[self.written..]) {
                Ok(0) => return self.fail(&io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    self.recover();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.count_dropped();
                    if self.gives_up() {
                        return false;
                    }
                }
                Err(error) => return self.fail(&error),
            }
        }
        self.text.clear();
        self.written = 0;
        true
    }

    /// Writing failed: what is there is kept for the next try.
    fn fail(&mut self, error: &io::Error) -> bool {
        if self.trouble.is_none() {
            self.say(format_args!("cannot be written: {error}; its lines are kept for a while"));
        }
        self.trouble = Some(Instant::now());
        false
    }

    fn recover(&mut self) {
        if self.trouble.take().is_some() {
            let text = format_args!("access_log {}: is written again", self.destination.name());
            self.log.info(LogCode::AccessLog, text);
            self.dropped_at = None;
        }
    }

    /// Follows the path to another file. The rest of a line that was cut is not for that one.
    fn look(&mut self) {
        match self.destination.look() {
            Ok(Look::TheSame) => self.astray = false,
            Ok(Look::Another) => {
                self.astray = false;
                let text = &self.text[self.written..];
                let cut = self.written > 0 && self.text[self.written - 1] != b'\n';
                if cut && !text.is_empty() {
                    let end = text.iter().position(|byte| *byte == b'\n');
                    self.written += end.map_or(text.len(), |end| end + 1);
                    self.dropped += 1;
                    self.ledger.access_log_dropped(1);
                }
                // The new one deserves a try at once.
                self.recover();
            }
            Err(error) => {
                if !std::mem::replace(&mut self.astray, true) {
                    let text = "its lines go on to the file that was open";
                    self.say(format_args!("cannot be opened again: {error}; {text}"));
                }
            }
        }
    }

    /// Takes note of lines that were dropped, and tells of the first ones.
    fn count_dropped(&mut self) {
        let dropped = self.lines.take_dropped();
        if dropped == 0 {
            return;
        }
        self.dropped += dropped;
        self.ledger.access_log_dropped(dropped);
        let told = self.dropped_at.replace(Instant::now());
        if told.is_none_or(|told| told.elapsed() > QUIET) {
            self.say(format_args!("is not written fast enough: lines are dropped"));
        }
    }

    /// At the end: what could not be written is lost.
    fn tell_the_lost(&mut self) {
        let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count() as u64;
        let mut lost = lines(&self.text[self.written..]);
        let mut empty = Vec::new();
        self.lines.take(&mut empty, &mut |text| {
            lost += lines(text);
            text.clear();
            true
        });
        if lost > 0 {
            self.ledger.access_log_dropped(lost);
            self.say(format_args!("{lost} lines could not be written before the stop"));
        }
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        let text = format_args!("access_log {}: {what}", self.destination.name());
        self.log.warning(LogCode::AccessLog, text);
    }

    fn is_behind(&self) -> bool {
        !self.text.is_empty() || self.dropped > 0
    }

    fn is_ending(&self) -> bool {
        self.lines.ending.load(Ordering::Acquire)
    }

    /// Whether a stop has waited long enough for whoever reads.
    fn gives_up(&mut self) -> bool {
        self.is_ending()
            && Instant::now() >= *self.farewell.get_or_insert_with(|| Instant::now() + FAREWELL)
    }
}
