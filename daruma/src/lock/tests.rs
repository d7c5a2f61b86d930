use super::*;
use crate::image::Digest;

fn pin(name: &str) -> PackagePin {
    PackagePin {
        name: name.to_owned(),
        version: "1:2.0-1".to_owned(),
        arch: "amd64".to_owned(),
        sha256: Digest::of(name.as_bytes()).hex(),
        size: 12,
        path: format!("pool/main/{name}.deb"),
        pocket: "trixie".to_owned(),
    }
}

fn lock() -> Lock {
    let runner = RoleLock {
        suite: "trixie".to_owned(),
        declared: vec!["base-files".to_owned(), "libpq5 (>= 15)".to_owned()],
        pockets: vec![PocketPin {
            name: "trixie".to_owned(),
            inrelease: Digest::of(b"InRelease"),
            date: "2026-11-15T10:00:00Z".to_owned(),
            key: "ABCD".to_owned(),
        }],
        packages: vec![pin("base-files"), pin("libpq5")],
        configure: vec![],
    };
    let platform = "linux/amd64".parse().expect("a platform");
    Lock::default().with(TargetLock {
        platform,
        builder: None,
        runner,
    })
}

#[test]
fn a_lock_reads_back_as_it_was_written() {
    let text = lock().render();
    assert_eq!(Lock::parse(&text).expect("parsed"), lock(), "{text}");
}

#[test]
fn a_package_is_one_line() {
    insta::assert_snapshot!(lock().render(), @r#"
    # Written by daruma, to be committed. `daruma update` moves what stands here.
    version = 1

    [[target]]
    platform = "linux/amd64"

    [target.runner]
    suite = "trixie"
    declared = ["base-files", "libpq5 (>= 15)"]
    packages = [
      { name = "base-files", version = "1:2.0-1", arch = "amd64", pocket = "trixie", size = 12, sha256 = "472b3d716961b91797c595f751d1e8d9571507656ce4a6bff9726b29993f8d25", path = "pool/main/base-files.deb" },
      { name = "libpq5", version = "1:2.0-1", arch = "amd64", pocket = "trixie", size = 12, sha256 = "a3ad6c571a842a43516765c18b6ae633d475a04a450c540a5075b607ac42827f", path = "pool/main/libpq5.deb" },
    ]

    [[target.runner.pocket]]
    name = "trixie"
    inrelease = "sha256:5bfc87e96c5fc54b15067c0e113156812a0af4dc86aaf43b462addaa77728d08"
    date = "2026-11-15T10:00:00Z"
    key = "ABCD"
    "#);
}

#[test]
fn bad_locks_are_refused_with_the_reason() {
    let good = lock().render();
    let rows = [
        (
            good.replace("version = 1", "version = 2"),
            "its version is 2, and this daruma knows 1",
        ),
        (
            good.replace("size = 12", "size = -1"),
            "invalid value: integer `-1`",
        ),
        (
            good.replace("pool/main/libpq5", "../libpq5"),
            "leads out of the tree",
        ),
        (
            good.replace("pocket = \"trixie\"", "pocket = \"sid\""),
            "its pocket `sid` is not listed",
        ),
        (good.replace("suite =", "suit ="), "unknown field `suit`"),
        ("<<<<<<< HEAD".to_owned(), "cannot read daruma.lock"),
    ];
    for (text, expected) in rows {
        let error = Lock::parse(&text).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
