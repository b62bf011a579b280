//! The synchronisation primitives of the engine: std's, or loom's when the models run.
//!
//! The engine's machines name nothing from `std::sync` directly, so that the model checker sees
//! every access. Loom has no clock: a wait with a timeout waits for ever there, except that a
//! timeout of zero is over at once. It takes `SeqCst` for `AcqRel`, where a load may find an old value;
//! so loads and stores of that order are exchanges there, which find the last one.
#![forbid(unsafe_code)]

#[cfg(not(loom))]
#[allow(unused_imports, reason = "the whole palette is here, whoever uses it")]
pub(crate) use std::{
    hint,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{
            AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
        },
    },
    thread,
};

#[cfg(loom)]
#[allow(unused_imports, reason = "the whole palette is here, whoever uses it")]
pub(crate) use loom::{
    hint,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU8, AtomicU16, Ordering, fence},
    },
    thread,
};

#[cfg(loom)]
macro_rules! atomics {
    ($($name:ident $value:ty),* $(,)?) => {$(
        /// Loom's, but for what is sequentially consistent.
        #[derive(Debug, Default)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                if order == Ordering::SeqCst {
                    self.0.fetch_or(<$value>::default(), order)
                } else {
                    self.0.load(order)
                }
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                if order == Ordering::SeqCst {
                    self.0.swap(value, order);
                } else {
                    self.0.store(value, order);
                }
            }

            #[allow(dead_code, reason = "not of each type")]
            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut next: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut seen = self.load(fetch);
                while let Some(next) = next(seen) {
                    match self.0.compare_exchange_weak(seen, next, set, fetch) {
                        Ok(seen) => return Ok(seen),
                        Err(now) => seen = now,
                    }
                }
                Err(seen)
            }
        }

        impl std::ops::Deref for $name {
            type Target = loom::sync::atomic::$name;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    )*};
}

#[cfg(loom)]
atomics!(AtomicBool bool, AtomicU32 u32, AtomicU64 u64, AtomicUsize usize);

use std::sync::PoisonError;
use std::time::Duration;

/// Locks; a panic elsewhere under the lock does not spread, because every holder leaves the data
/// whole at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification; may wake for no reason.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification at most `timeout`; may wake for no reason.
pub(crate) fn wait_timeout<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> MutexGuard<'a, T> {
    match condvar.wait_timeout(guard, timeout) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}

/// Checks every interleaving of the model, with at most `preemptions` forced switches in one run.
#[cfg(all(loom, test))]
pub(crate) fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}
