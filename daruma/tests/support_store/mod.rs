//! A store in a directory of its own, and images that are built into it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use daruma::home::Home;
use daruma::image::{Digest, Image, Role, Target};
use daruma::store::{AppId, RefEntry, RefName, Store};
use tempfile::TempDir;

use crate::support_images::{app_image, dir, file, layer, time};

pub(crate) fn world() -> (TempDir, Home, Store) {
    let dir = tempfile::tempdir().expect("tempdir");
    let home = Home::open(dir.path()).expect("home");
    let store = Store::open(&home).expect("store");
    (dir, home, store)
}

pub(crate) fn name(app: &str, role: Role) -> RefName {
    RefName {
        app: app.parse::<AppId>().expect("app"),
        target: Target::host(),
        role,
    }
}

pub(crate) fn web() -> RefName {
    name("shop-1a2b", Role::app("web").expect("role"))
}

/// Stores an image whose content depends on `seed`, and names it.
pub(crate) fn build(store: &Store, name: &RefName, seed: &str) -> Image {
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
        inputs: serde_json::Value::Null,
    };
    store.set_ref(name, &entry).expect("named");
    image
}

/// Every file below a directory that is not a lock, with its length.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
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
