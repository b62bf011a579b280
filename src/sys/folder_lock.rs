//! A lock on a folder, for what two processes must not do in it at a time.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is done under the lock takes microseconds; who holds it longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(1);

/// Locks a folder against everybody else who locks it, until the file is dropped. `None` if it may
/// not be read, or somebody does not let go of it.
pub(crate) fn lock_folder(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    let until = Instant::now() + PATIENCE;
    loop {
        // SAFETY: no pointers are passed.
        if unsafe { libc::flock(folder.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Some(folder);
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(BETWEEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nobody_for_ever() {
        let folder = std::env::temp_dir().join(format!("wsgi-lock-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let held = lock_folder(&folder);
        assert!(held.is_some());
        assert!(lock_folder(&folder).is_none());
        drop(held);
        assert!(lock_folder(&folder).is_some());
        std::fs::remove_dir(&folder).unwrap();
        assert!(lock_folder(&folder).is_none());
    }
}
