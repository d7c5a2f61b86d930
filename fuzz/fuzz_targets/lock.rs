//! Lock files. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(lock) = daruma::lock::Lock::parse(text) {
        assert_eq!(daruma::lock::Lock::parse(&lock.render()).ok(), Some(lock));
    }
});
