//! Signed indexes: nothing that is not signed may be accepted. Errors are fine; panics, hangs and unbounded memory are bugs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let keyring = daruma::archive::openpgp::Keyring::embedded();
    let verified = daruma::archive::openpgp::verify(data, &keyring, None, 1_760_000_000);
    assert!(verified.is_err(), "the fuzzer forged a signature");
});
