//! Any bytes as a request head that becomes an environ.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wsgiserver::fuzzing::environ(input));
