//! The store shared by threads, processes and collections: what stays, what goes, and what a kill leaves.

mod support_images;
mod support_store;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daruma::home::Home;
use daruma::image::{Digest, Role};
use daruma::store::{GcPolicy, Store, StoreError};
use daruma::tree::IdMap;
use support_store::{build, files, name, web, world};

#[test]
fn a_collection_keeps_what_is_named_leased_or_wanted_and_removes_the_rest() {
    let (_dir, home, store) = world();
    let old = build(&store, &web(), "v1");
    let leased = store.put_bytes(b"leased").expect("stored").digest;
    let wanted = store.put_bytes(b"wanted").expect("stored").digest;
    let new = build(&store, &web(), "v2");
    let lease = store.lease(&[leased]).expect("leased");
    assert_eq!(
        store
            .gc(&GcPolicy::default())
            .expect("collected")
            .blobs
            .count,
        0,
        "this store used them all"
    );
    drop(store);

    let store = Store::open(&home).expect("store");
    let policy = GcPolicy {
        keep: BTreeSet::from([wanted]),
        ..GcPolicy::default()
    };
    let report = store.gc(&policy).expect("collected");
    assert_eq!(
        report.blobs.count, 3,
        "manifest, config and upper layer of v1"
    );
    assert!(report.blobs.bytes > old.layers()[1].size());
    assert!(!store.has(old.layers()[1].digest()).expect("asked"));
    for kept in [
        leased,
        wanted,
        new.layers()[0].digest(),
        new.layers()[1].digest(),
    ] {
        assert!(store.has(kept).expect("asked"), "{kept}");
    }
    drop((lease, store));
    let report = Store::open(&home)
        .expect("store")
        .gc(&GcPolicy::default())
        .expect("collected");
    assert_eq!(report.blobs.count, 2);
}

#[test]
fn a_lease_on_a_manifest_keeps_its_layers_and_their_unpacked_roots() {
    let (_dir, home, store) = world();
    let image = build(&store, &web(), "v1");
    let root = |store: &Store, diff_id| {
        store
            .cached_root(&IdMap::Same, diff_id, |_| Ok::<_, StoreError>(()))
            .expect("root")
    };
    let (kept, gone) = (image.layers()[0].diff_id(), Digest::of(b"nobody's"));
    let paths = [kept, gone].map(|diff_id| root(&store, diff_id).path);
    let manifest = store
        .get_ref(&web())
        .expect("read")
        .expect("there")
        .manifest
        .digest;
    let lease = store.lease(&[manifest]).expect("leased");
    store.remove_ref(&web()).expect("removed");
    drop(store);
    let store = Store::open(&home).expect("store");
    let report = store.gc(&GcPolicy::default()).expect("collected");
    assert_eq!((report.blobs.count, report.roots.count), (0, 1));
    assert_eq!(paths.clone().map(|path| path.exists()), [true, false]);
    drop(lease);
    let report = store.gc(&GcPolicy::default()).expect("collected");
    assert_eq!((report.blobs.count, report.roots.count), (4, 1));
}

#[test]
fn packages_go_when_nothing_names_them_and_they_are_old() {
    let (_dir, home, store) = world();
    let named = Digest::of(b"named");
    for (file, digest) in [("a/x.deb", named), ("b/y.gz", Digest::of(b"unnamed"))] {
        let (dir, suffix) = file.split_once('/').expect("dir");
        fs_err::create_dir_all(home.debs().join(dir)).expect("dir");
        fs_err::write(
            home.debs()
                .join(dir)
                .join(format!("{}.{suffix}", digest.hex())),
            b"deb",
        )
        .expect("written");
    }
    fs_err::write(home.debs().join("README"), b"not named by a digest").expect("written");
    assert_eq!(
        store
            .gc(&GcPolicy::default())
            .expect("collected")
            .packages
            .count,
        0,
        "they are young"
    );
    let policy = GcPolicy {
        keep: BTreeSet::from([named]),
        packages_unused_for: Duration::ZERO,
        ..GcPolicy::default()
    };
    let report = store.gc(&policy).expect("collected");
    assert_eq!((report.packages.count, report.packages.bytes), (1, 3));
    assert_eq!(files(&home.debs()).len(), 2);
}

#[test]
fn a_collection_leaves_alone_what_is_being_written() {
    let (_dir, home, store) = world();
    let mut writer = store.writer().expect("writer");
    writer.write_all(b"slow").expect("written");
    fs_err::write(home.tmp().join("download"), b"young").expect("written");
    let other = Store::open(&home).expect("store");
    let seen = store.cached_root(&IdMap::Same, Digest::of(b"root"), |dir| {
        fs_err::write(dir.join("file"), b"").expect("written");
        let report = other.gc(&GcPolicy::default())?;
        assert_eq!((report.leftovers.count, report.roots.count), (0, 0));
        Ok::<_, StoreError>(())
    });
    assert!(seen.expect("root").path.join("file").exists());
    writer.finish().expect("stored");
    assert!(other.has(Digest::of(b"slow")).expect("asked"));
}

#[test]
fn a_root_is_filled_once_and_a_failed_filling_leaves_nothing() {
    let (_dir, home, store) = world();
    let id = Digest::of(b"layer");
    let failed = store.cached_root(&IdMap::Single, id, |dir| {
        fs_err::create_dir_all(dir.join("half"))?;
        Err(StoreError::Missing(id))
    });
    assert!(matches!(failed, Err(StoreError::Missing(_))));
    assert_eq!(fs_err::read_dir(home.tmp()).expect("tmp").count(), 0);

    let fill = |dir: &Path| Ok::<_, StoreError>(fs_err::write(dir.join("whole"), b"")?);
    let filled = std::thread::scope(|scope| {
        let one = || Store::open(&home)?.cached_root(&IdMap::Single, id, fill);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("thread").expect("root").filled)
            .filter(|&f| f)
            .count()
    });
    assert_eq!(filled, 1);
    let other = store.cached_root(&IdMap::Same, id, fill).expect("root");
    assert!(
        other.filled,
        "roots of another way of owning files cannot serve"
    );
}

#[test]
fn directories_that_forbid_it_are_removed_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("tempdir");
    let locked = dir.path().join("a/b");
    fs_err::create_dir_all(&locked).expect("dir");
    fs_err::write(locked.join("file"), b"").expect("file");
    fs_err::set_permissions(&locked, PermissionsExt::from_mode(0o500)).expect("mode");
    daruma::store::remove_tree(&dir.path().join("a")).expect("removed");
    assert!(!dir.path().join("a").exists());
}

/// Variable that makes this binary's `child` build in the home that it names until it is killed.
const CHILD: &str = "DARUMA_STORE_TEST_CHILD";

#[test]
#[ignore = "only run by the test below, in a process of its own"]
fn child() {
    let Some(spec) = std::env::var_os(CHILD) else {
        return;
    };
    let spec = spec.to_string_lossy().into_owned();
    let (number, path) = spec.split_once(' ').expect("spec");
    let store = Store::open(&Home::open(Path::new(path)).expect("home")).expect("store");
    for round in 0.. {
        let own = name(&format!("own-{number}"), Role::Runner);
        build(&store, &own, &format!("{number}-{}", round % 7));
        build(&store, &web(), &format!("shared-{}", round % 5));
        assert!(
            store.current(&own).expect("read").is_some(),
            "what this process named is whole"
        );
        println!("built");
    }
}

fn spawn_child(number: usize, home: &Path) -> Child {
    Command::new(std::env::current_exe().expect("exe"))
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .env(CHILD, format!("{number} {}", home.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("child")
}

/// Waits until the child has built once, so that it is killed at work.
fn wait_for_work(child: &mut Child) {
    let mut stdout = child.stdout.take().expect("piped");
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"built\n") && stdout.read(&mut byte).expect("read") == 1 {
        seen.push(byte[0]);
    }
    assert!(
        seen.ends_with(b"built\n"),
        "the child failed: {}",
        String::from_utf8_lossy(&seen)
    );
    // Drained so that the child does not wait for a reader.
    std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
}

#[test]
fn processes_build_collect_and_are_killed_and_every_named_image_is_whole() {
    let (_dir, home, store) = world();
    for round in 0..6 {
        let mut children: Vec<_> = (0..3)
            .map(|number| spawn_child(number, home.root()))
            .collect();
        children.iter_mut().for_each(wait_for_work);
        let collector = Store::open(&home).expect("store");
        for step in 0..=round {
            collector.gc(&GcPolicy::default()).expect("collected");
            std::thread::sleep(Duration::from_millis(3 * step + round));
        }
        for mut child in children {
            assert_eq!(
                child.try_wait().expect("asked"),
                None,
                "no child failed by itself"
            );
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
        let after = Store::open(&home).expect("the next command accepts it");
        let refs = after.refs().expect("listed");
        assert_eq!(refs.len(), 4);
        for (name, _) in refs {
            assert!(
                after.current(&name).expect("read").is_some(),
                "{name} in round {round}"
            );
        }
        assert_eq!(after.verify_all().expect("verified"), []);
    }
    drop(store);
    let store = Store::open(&home).expect("store");
    store.gc(&GcPolicy::default()).expect("collected");
    assert!(
        files(&home.tmp())
            .iter()
            .all(|(path, _)| !path.to_string_lossy().contains("blob."))
    );
    assert_eq!(
        files(&home.oci().join("leases")),
        [],
        "leases of the dead are gone"
    );
    assert_eq!(
        files(&home.oci().join("blobs")).len(),
        4 * 3 + 1,
        "four images on one runner layer"
    );
}

#[test]
fn threads_share_one_store() {
    let (_dir, _home, store) = world();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..5 {
                    build(
                        store,
                        &name(&format!("app-{number}"), Role::Runner),
                        &format!("{number}.{round}"),
                    );
                    store.gc(&GcPolicy::default()).expect("collected");
                }
            });
        }
    });
    assert_eq!(store.refs().expect("listed").len(), 8);
    assert_eq!(store.verify_all().expect("verified"), []);
}
