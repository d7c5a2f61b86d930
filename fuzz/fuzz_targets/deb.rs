//! Binary packages. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(deb) = daruma::debian::Deb::parse(data) {
        let (_, mut tar) = deb.into_parts();
        let _ = std::io::copy(&mut tar, &mut std::io::sink());
    }
});
