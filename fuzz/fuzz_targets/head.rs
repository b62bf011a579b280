//! Any bytes as a request head.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wsgiserver::fuzzing::head(input));
