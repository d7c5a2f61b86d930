//! All files that users write. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = daruma::recipe::Procfile::parse(text);
    let _ = daruma::recipe::Dotenv::parse(text);
    let _ = daruma::recipe::manifest::Manifest::parse(text);
});
