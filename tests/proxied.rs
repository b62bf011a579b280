//! Behind a proxy: what it says of a connection or of a request, and who is not believed.

#[path = "proxied/headers.rs"]
mod headers;
#[path = "proxied/protocol.rs"]
mod protocol;
mod support;
