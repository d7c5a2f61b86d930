//! Layers and package data. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut reader = daruma::tree::tar::Reader::new(data, daruma::tree::tar::Limits::default());
    while let Ok(Some(_)) = reader.next_entry() {}
});
