//! The store as its users see it: what comes back, what survives damage, what is handed out.

mod support_images;
mod support_store;

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use daruma::image::{Digest, Image, Target};
use daruma::store::{Blob, GcPolicy, NamedImage, Part, Store, StoreError};
use support_store::{build, files, web, world};

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
