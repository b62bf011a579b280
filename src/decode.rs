//! Decoding what clients put into texts: percent-encoding, queries and forms, cookies. Pure
//! functions over slices; nothing is allocated, and nothing is an error: what is malformed is kept
//! as it is.
#![forbid(unsafe_code)]

mod cookie;
mod percent;
mod query;

pub use cookie::cookie;
pub use percent::{percent_decode, percent_decode_in_place};
pub use query::{Query, query};
