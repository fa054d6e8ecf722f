//! Any bytes of a client and a server are followed or given up, without a panic, an endless loop or memory beyond all
//! measure.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perfkit::fuzzing::converse(input));
