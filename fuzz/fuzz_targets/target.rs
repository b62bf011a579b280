//! Any bytes as the target of a request line.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wsgiserver::fuzzing::target(input));
