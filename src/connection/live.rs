//! The settings that may change while the server runs. Each is one number that is read where it is
//! needed, so that a request costs no lock and no count of references for it; a change is seen from
//! the next wait or the next head on.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

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
    handshake_timeout,
    proxy_header_timeout,
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
