//! The store as its users see it: what comes back, what survives a kill, what a collection keeps.

mod support_images;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daruma::home::Home;
use daruma::image::{Digest, Image, Role, Target};
use daruma::store::{
    AppId, Blob, GcPolicy, NamedImage, Part, RefEntry, RefName, Store, StoreError,
};
use daruma::tree::IdMap;
use support_images::{app_image, dir, file, layer, time};
use tempfile::TempDir;

fn world() -> (TempDir, Home, Store) {
    let dir = tempfile::tempdir().expect("tempdir");
    let home = Home::open(dir.path()).expect("home");
    let store = Store::open(&home).expect("store");
    (dir, home, store)
}

fn name(app: &str, role: Role) -> RefName {
    RefName {
        app: app.parse::<AppId>().expect("app"),
        target: Target::host(),
        role,
    }
}

fn web() -> RefName {
    name("shop-1a2b", Role::app("web").expect("role"))
}

/// Stores an image whose content depends on `seed`, and names it.
fn build(store: &Store, name: &RefName, seed: &str) -> Image {
    let below = layer(
        store,
        "runner",
        &[dir("etc/"), file("etc/issue", b"runner")],
    );
    let above = layer(
        store,
        "app",
        &[dir("app/"), file("app/seed", seed.as_bytes())],
    );
    let image = app_image(store, &below, &above, &["/bin/true", seed]);
    let manifest = store.put_image(&image).expect("stored");
    let (key, took) = (Digest::of(seed.as_bytes()), Duration::from_millis(1234));
    let entry = RefEntry {
        manifest,
        key,
        made: time(),
        took,
        uses: Vec::new(),
    };
    store.set_ref(name, &entry).expect("named");
    image
}

/// Every file below a directory that is not a lock, with its length.
fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(dir)
        .expect("dir")
        .map(|entry| entry.expect("entry").path())
    {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            let length = entry.metadata().expect("metadata").len();
            found.push((entry, length));
        }
    }
    found.sort();
    found
}

#[test]
fn a_blob_comes_back_and_one_that_was_not_finished_leaves_nothing() {
    let (_dir, home, store) = world();
    let mut writer = store.writer().expect("writer");
    writer.write_all(b"daruma").expect("written");
    let blob = writer.finish_as(Digest::of(b"daruma")).expect("stored");
    assert_eq!(
        blob,
        Blob {
            digest: Digest::of(b"daruma"),
            size: 6
        }
    );
    assert_eq!(store.read(blob.digest, 6).expect("read"), b"daruma");
    assert!(matches!(
        store.read(blob.digest, 5),
        Err(StoreError::TooLarge { .. })
    ));

    let mut wrong = store.writer().expect("writer");
    wrong.write_all(b"other").expect("written");
    assert!(matches!(
        wrong.finish_as(blob.digest),
        Err(StoreError::OtherDigest { .. })
    ));
    let mut dropped = store.writer().expect("writer");
    dropped.write_all(b"half").expect("written");
    drop(dropped);
    assert!(!store.has(Digest::of(b"other")).expect("asked"));
    assert_eq!(files(&home.tmp()), []);
}

#[test]
fn a_blob_from_pieces_is_the_same_by_every_way() {
    let (_dir, home, store) = world();
    let piece = home.tmp().join("piece");
    fs_err::write(&piece, b"right").expect("written");
    let parts = || {
        [
            Part::Bytes(b"left ".to_vec()),
            Part::File(piece.clone()),
            Part::Bytes(b" end".to_vec()),
        ]
    };
    let blob = store.concat(parts()).expect("stored");
    assert_eq!(
        store.read(blob.digest, 99).expect("read"),
        b"left right end"
    );

    let (_dir, other_home, other) = world();
    other.concat_known(parts(), blob).expect("stored");
    assert_eq!(
        other.read(blob.digest, 99).expect("read"),
        b"left right end"
    );
    let short = Blob {
        digest: Digest::of(b"x"),
        size: 3,
    };
    assert!(matches!(
        other.concat_known(parts(), short),
        Err(StoreError::OtherSize { .. })
    ));

    let finished = other_home.tmp().join("finished");
    fs_err::write(&finished, b"adopted").expect("written");
    let adopted = Blob {
        digest: Digest::of(b"adopted"),
        size: 7,
    };
    other.adopt(&finished, adopted).expect("adopted");
    assert_eq!(other.read(adopted.digest, 99).expect("read"), b"adopted");
    assert!(!finished.exists());
}

#[test]
fn damage_is_found_by_reading_and_by_verifying() {
    let (_dir, home, store) = world();
    let blob = store.put_bytes(b"daruma").expect("stored");
    assert_eq!(store.verify_all().expect("verified"), []);
    let path = home.oci().join("blobs/sha256").join(blob.digest.hex());
    fs_err::write(path, b"dAruma").expect("damaged");
    let damage = store.verify_all().expect("verified");
    assert_eq!(
        damage
            .iter()
            .map(|d| (d.digest, d.found))
            .collect::<Vec<_>>(),
        [(blob.digest, Digest::of(b"dAruma"))]
    );
    let mut text = String::new();
    let read = store
        .open_verified(blob.digest)
        .expect("open")
        .read_to_string(&mut text);
    assert_eq!(
        read.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::InvalidData)
    );
    store.discard(&damage).expect("discarded");
    assert!(!store.has(blob.digest).expect("asked"));
}

#[test]
fn images_come_back_under_their_names_and_the_index_lists_them() {
    let (_dir, home, store) = world();
    let image = build(&store, &web(), "v1");
    let (entry, found) = store.current(&web()).expect("read").expect("there");
    assert_eq!(entry.took, Duration::from_millis(1234));
    assert_eq!(
        found.render(found.form()).expect("rendered"),
        image.render(image.form()).expect("rendered")
    );
    assert_eq!(store.refs().expect("listed"), [(web(), entry.clone())]);
    let index = fs_err::read_to_string(home.oci().join("index.json")).expect("index");
    assert!(
        index.contains(&entry.manifest.digest.to_string()),
        "{index}"
    );
    let target = Target::host().to_string().replace('/', "-");
    assert!(
        index.contains(&format!("shop-1a2b/{target}/app-web")),
        "{index}"
    );
    store.remove_ref(&web()).expect("removed");
    store.remove_ref(&web()).expect("removed twice");
    assert_eq!(store.get_ref(&web()).expect("read"), None);
}

#[test]
fn an_image_without_its_layers_is_not_stored_and_no_longer_current() {
    let (_dir, home, store) = world();
    let (_other_dir, _other_home, other) = world();
    let image = build(&store, &web(), "v1");
    assert!(matches!(
        other.put_image(&image),
        Err(StoreError::Missing(_))
    ));
    let blob = home
        .oci()
        .join("blobs/sha256")
        .join(image.layers()[1].digest().hex());
    fs_err::remove_file(blob).expect("removed");
    assert!(store.get_ref(&web()).expect("read").is_some());
    assert!(
        store.current(&web()).expect("read").is_none(),
        "the step must be done again"
    );
}

#[test]
fn what_a_kill_leaves_is_accepted_and_completed() {
    type Damage = fn(&Path);
    let rows: [(&str, Damage); 8] = [
        ("no index", |oci| {
            fs_err::remove_file(oci.join("index.json")).expect("removed");
        }),
        ("an empty index", |oci| {
            fs_err::write(oci.join("index.json"), b"").expect("written");
        }),
        ("an index from before", |oci| {
            fs_err::write(
                oci.join("index.json"),
                br#"{"schemaVersion":2,"manifests":[]}"#,
            )
            .expect("written");
            fs_err::write(oci.join("index.dirty"), b"").expect("written");
        }),
        ("no oci-layout", |oci| {
            fs_err::remove_file(oci.join("oci-layout")).expect("removed");
        }),
        ("an empty oci-layout", |oci| {
            fs_err::write(oci.join("oci-layout"), b"").expect("written");
        }),
        ("half a blob in tmp", |oci| {
            fs_err::write(oci.join("../tmp/blob.x"), b"ha").expect("written");
        }),
        ("a dead lease", |oci| {
            fs_err::write(oci.join("leases/lease.x"), b"0123").expect("written");
        }),
        ("no leases at all", |oci| {
            fs_err::remove_dir_all(oci.join("leases")).expect("removed");
        }),
    ];
    for (what, damage) in rows {
        let (_dir, home, store) = world();
        build(&store, &web(), "v1");
        let whole = fs_err::read(home.oci().join("index.json")).expect("index");
        drop(store);
        damage(&home.oci());
        let store = Store::open(&home).expect(what);
        assert!(store.current(&web()).expect(what).is_some(), "{what}");
        assert_eq!(
            fs_err::read(home.oci().join("index.json")).expect(what),
            whole,
            "{what}"
        );
        assert!(!home.oci().join("index.dirty").exists(), "{what}");
        store.gc(&GcPolicy::default()).expect(what);
        assert_eq!(files(&home.tmp()), [], "{what}");
        assert!(store.current(&web()).expect(what).is_some(), "{what}");
    }
}

#[test]
fn a_cut_ref_is_as_good_as_none_and_a_cut_blob_is_written_anew() {
    let (_dir, home, store) = world();
    let image = build(&store, &web(), "v1");
    let path = files(&home.oci().join("refs")).remove(0).0;
    let whole = fs_err::read(&path).expect("ref");
    for length in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs_err::write(&path, &whole[..length]).expect("cut");
        assert_eq!(store.get_ref(&web()).expect("read"), None, "{length}");
        assert_eq!(store.refs().expect("listed"), [], "{length}");
    }
    let config = image.render(image.form()).expect("rendered").config;
    let blob = home
        .oci()
        .join("blobs/sha256")
        .join(Digest::of(&config).hex());
    fs_err::write(&blob, b"").expect("cut");
    build(&store, &web(), "v1");
    assert!(store.current(&web()).expect("read").is_some());
    assert_eq!(fs_err::read(&blob).expect("blob"), &*config);
}

#[test]
fn later_formats_are_refused_by_name_and_nothing_is_collected() {
    let (_dir, home, store) = world();
    build(&store, &web(), "v1");
    let path = files(&home.oci().join("refs")).remove(0).0;
    fs_err::write(&path, br#"{"format":2,"more":true}"#).expect("written");
    let expected = format!(
        "cannot use {}: its format is 2, and this daruma knows 1",
        path.display()
    );
    assert_eq!(
        store.get_ref(&web()).expect_err("refused").to_string(),
        expected
    );
    assert_eq!(
        store
            .gc(&GcPolicy::default())
            .expect_err("refused")
            .to_string(),
        expected
    );
    fs_err::write(
        home.oci().join("oci-layout"),
        br#"{"imageLayoutVersion":"2.0.0"}"#,
    )
    .expect("written");
    let error = Store::open(&home)
        .map(|_| ())
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("knows image layouts of version 1.0.0"),
        "{error}"
    );
}

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

#[test]
fn an_archive_is_the_same_twice_and_a_layout_keeps_what_others_put_there() {
    let (dir, _home, store) = world();
    let named = |text: &str, image: &Image| NamedImage {
        name: text.parse().expect("name"),
        image: image.clone(),
    };
    let (one, two) = (build(&store, &web(), "v1"), build(&store, &web(), "v2"));
    let images = [
        named("shop-web", &one),
        named("shop-cli:v2", &two),
        named("shop", &one),
    ];
    let archive = || {
        let mut bytes = Vec::new();
        store.export_archive(&mut bytes, &images).expect("written");
        bytes
    };
    let bytes = archive();
    assert_eq!(bytes, archive());
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.contains(r#""RepoTags":["shop-web:latest","shop:latest"]"#),
        "two names share an entry"
    );

    let out = dir.path().join("out");
    store.export_layout(&out, &images[..2]).expect("written");
    store
        .export_layout(&out, &[named("shop-web", &two)])
        .expect("written over");
    let index = daruma::image::Index::parse(&fs_err::read(out.join("index.json")).expect("index"))
        .expect("valid");
    let listed: Vec<_> = index
        .manifests()
        .iter()
        .map(|m| m.annotations["org.opencontainers.image.ref.name"].as_str())
        .collect();
    assert_eq!(listed, ["shop-cli:v2", "shop-web:latest"]);
    assert_eq!(index.manifests()[0].digest, index.manifests()[1].digest);
    for (path, _) in files(&out.join("blobs/sha256")) {
        let digest = Digest::of(&fs_err::read(&path).expect("blob"));
        assert_eq!(
            Some(digest.hex().as_str()),
            path.file_name().and_then(|name| name.to_str())
        );
    }
}

#[test]
fn exporting_a_damaged_layer_is_an_error() {
    let (_dir, home, store) = world();
    let image = build(&store, &web(), "v1");
    let blob = home
        .oci()
        .join("blobs/sha256")
        .join(image.layers()[0].digest().hex());
    let mut bytes = fs_err::read(&blob).expect("blob");
    bytes[20] ^= 1;
    fs_err::write(&blob, bytes).expect("damaged");
    let named = NamedImage {
        name: "shop".parse().expect("name"),
        image,
    };
    assert!(
        store
            .export_archive(&mut std::io::sink(), &[named])
            .is_err()
    );
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
