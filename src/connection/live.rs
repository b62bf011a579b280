//! The settings that may change while the server runs. Each is one number that is read where it is
//! needed, so that a request costs no lock and no count of references for it; a change is seen from
//! the next wait or the next head on. Of a text everybody has a copy of their own, and one number
//! tells whether it is still the right one.
#![forbid(unsafe_code)]

use crate::engine::sync::Ordering::{Acquire, Relaxed, Release};
use crate::engine::sync::{AtomicU64, Mutex, lock};

#[cfg(all(loom, test))]
mod models;

macro_rules! live {
    ($($(#[$about:meta])* $name:ident),* $(,)?) => {
        /// Times in milliseconds, sizes in bytes; 0: no limit, if nothing else is said.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Values {
            $($(#[$about])* pub(crate) $name: u64,)*
        }

        /// What the values are at the moment.
        #[derive(Debug, Default)]
        pub(crate) struct Live {
            $($name: AtomicU64,)*
        }

        impl Live {
            pub(crate) fn set(&self, values: &Values) {
                $(self.$name.store(values.$name, Relaxed);)*
            }

            $($(#[$about])* pub(crate) fn $name(&self) -> u64 {
                self.$name.load(Relaxed)
            })*
        }
    };
}

live! {
    header_timeout,
    keep_alive_timeout,
    body_timeout,
    write_timeout,
    /// 0: connections do not linger.
    linger_timeout,
    handshake_timeout,
    proxy_header_timeout,
    /// What a stop leaves to connections before it drains; 0: nothing.
    quiesce_timeout,
    accepted_queue_timeout,
    /// A detached request has to be answered within so many milliseconds.
    detached_timeout,
    /// Bytes a second; 0: any.
    min_body_rate,
    min_write_rate,
    max_header_bytes,
    max_fields,
    max_request_line,
    max_field_bytes,
    max_field_name,
    max_body,
    max_connections,
    max_requests_per_connection,
    /// 1: the option `protocol` is `HTTP/1.0`.
    http10,
}

impl Live {
    pub(crate) fn new(values: &Values) -> Self {
        let live = Self::default();
        live.set(values);
        live
    }
}

/// A text that may change.
#[derive(Debug)]
pub(crate) struct LiveText {
    /// Grows by one with each change. It is never 0, which is what no copy has yet.
    version: AtomicU64,
    text: Mutex<Vec<u8>>,
}

/// What one reader knows of it.
#[derive(Debug, Default)]
pub(crate) struct TextCopy {
    version: u64,
    text: Vec<u8>,
}

impl LiveText {
    pub(crate) fn new(text: Vec<u8>) -> Self {
        Self { version: AtomicU64::new(1), text: Mutex::new(text) }
    }

    pub(crate) fn set(&self, text: Vec<u8>) {
        let mut held = lock(&self.text);
        *held = text;
        self.version.fetch_add(1, Release);
    }
}

impl TextCopy {
    /// The text at the moment.
    #[inline]
    pub(crate) fn of(&mut self, live: &LiveText) -> &[u8] {
        if live.version.load(Acquire) != self.version {
            self.renew(live);
        }
        &self.text
    }

    #[cold]
    fn renew(&mut self, live: &LiveText) {
        let text = lock(&live.text);
        self.version = live.version.load(Relaxed);
        self.text.clone_from(&text);
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_text() {
        let (live, mut copy) = (LiveText::new(b"one".to_vec()), TextCopy::default());
        assert_eq!(copy.of(&live), b"one");
        live.set(b"two".to_vec());
        assert_eq!(copy.of(&live), b"two");
        live.set(Vec::new());
        assert_eq!(copy.of(&live), b"");
        assert_eq!(TextCopy::default().of(&live), b"");
    }
}
