//! The process's environment.

/// Removes variables.
///
/// Only where the host has asked for it by an option, whose description says that no other thread may
/// use the environment meanwhile.
pub(crate) fn remove(names: &[&str]) {
    for name in names {
        // SAFETY: the host's word: nobody else reads or writes the environment now.
        unsafe { std::env::remove_var(name) };
    }
}
