//! Package indexes. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(pocket) = daruma::debian::Pocket::from_bytes("fuzz", data.to_vec()) else {
        return;
    };
    let Ok(amd64) = "amd64".parse() else { return };
    let _ = daruma::debian::Index::new(vec![pocket], &amd64);
});
