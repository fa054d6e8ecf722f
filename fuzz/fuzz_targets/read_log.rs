//! Any input is read as a server log or skipped, without a panic, an endless loop or memory beyond all measure.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perfkit::fuzzing::read_log(input));
