//! Manifests, configs and indexes of foreign images. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = daruma::image::Image::parse(data, data);
    let _ = daruma::image::Manifest::parse(data);
    let _ = daruma::image::Index::parse(data);
});
