//! Any bytes as a header of the PROXY protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wsgiserver::fuzzing::proxy_header(input));
