//! Lines and their writer under every interleaving: none lies there while the writer sleeps, and none
//! is written twice. A writer that is not woken is a deadlock, which loom reports.

use super::*;
use crate::engine::sync::{Arc, model, thread};

fn put(lines: &Lines, line: &[u8]) {
    lines.put(|text| text.extend_from_slice(line));
}

/// The writer, until it has so many bytes or is to end: as `Writing::run` does.
fn write(lines: &Lines, most: usize) -> Vec<u8> {
    let (mut all, mut empty) = (Vec::new(), Vec::new());
    loop {
        let ending = lines.ending.load(Ordering::Acquire);
        let found = lines.take(&mut empty, &mut |text| {
            all.append(text);
            true
        });
        if ending || all.len() >= most {
            return all;
        }
        if !found && !lines.ending.load(Ordering::Acquire) && lines.fall_asleep() {
            thread::park();
        }
    }
}

fn begin(most: usize) -> (Arc<Lines>, thread::JoinHandle<Vec<u8>>) {
    let lines = Arc::new(Lines::new(Format::Common));
    let writer = {
        let lines = Arc::clone(&lines);
        thread::spawn(move || write(&lines, most))
    };
    let bell = writer.thread().clone();
    lines.written_by(move || bell.unpark());
    (lines, writer)
}

#[test]
fn a_line_wakes_the_writer() {
    model(3, || {
        let (lines, writer) = begin(2);
        put(&lines, b"1");
        put(&lines, b"2");
        assert_eq!(writer.join().expect("the part went well"), b"12");
    });
}

#[test]
fn lines_of_two_threads_are_all_written() {
    model(2, || {
        let (lines, writer) = begin(2);
        let other = {
            let lines = Arc::clone(&lines);
            thread::spawn(move || put(&lines, b"1"))
        };
        put(&lines, b"2");
        other.join().expect("the part went well");
        // A line that found both buffers taken is dropped and counted; then the stop ends the wait.
        lines.ending.store(true, Ordering::Release);
        lines.wake();
        let written = writer.join().expect("the part went well").len() as u64;
        assert_eq!(written + lines.take_dropped(), 2);
    });
}

#[test]
fn a_stop_wakes_the_writer() {
    model(3, || {
        let (lines, writer) = begin(usize::MAX);
        put(&lines, b"1");
        lines.ending.store(true, Ordering::Release);
        lines.wake();
        assert_eq!(writer.join().expect("the part went well"), b"1");
    });
}
