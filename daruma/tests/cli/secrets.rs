//! What `.env` holds stays in `.env` and in the processes' environment.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use testkit::bench::files_below;

use crate::shop::Shop;

const CANARY: &str = "canary-Zq8-do-not-keep";

#[test]
fn a_secret_is_in_no_blob_no_lock_no_log_and_no_output() {
    let Some(shop) = Shop::open() else { return };
    shop.bench
        .write("Procfile", "web: ./server.pl\njob: echo \"got $TOKEN\"\n");
    shop.bench.write(".env", format!("TOKEN={CANARY}\n"));
    let layout = shop.bench.path("layout");
    let output = format!("oci:{}", layout.display());
    let commands: [&[&str]; 8] = [
        &["plan"],
        &["plan", "--json"],
        &["build", "-v", "--output", &output],
        &["start", "job"],
        &["why"],
        &["inspect", "--json"],
        &["inspect"],
        &["ps", "--json"],
    ];
    for args in commands {
        let outcome = shop.run(args).success();
        let shown = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(
            !shown.contains(CANARY),
            "`daruma {}` shows it:\n{outcome}",
            args.join(" ")
        );
    }
    assert_eq!(
        shop.run(&["exec", "sh", "-c", "echo $TOKEN"]).stdout,
        format!("{CANARY}\n")
    );
    let mut files = files_below(&shop.bench.cache());
    files.extend(files_below(&layout));
    files.extend(files_below(&shop.bench.path("tmp")));
    files.insert(shop.lock(), fs_err::read(shop.lock()).expect("the lock"));
    assert!(files.len() > 20, "there is something to search");
    for (path, bytes) in files {
        for bytes in [inflated(&bytes), bytes] {
            let found = memchr::memmem::find(&bytes, CANARY.as_bytes());
            assert_eq!(found, None, "{} holds it", path.display());
        }
    }
}

/// What a gzip file holds; of anything else nothing.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = MultiGzDecoder::new(bytes).read_to_end(&mut out);
    out
}
