//! Whether a store holds what it says.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::bench::files_below;

/// Every blob has the bytes that its name promises, and every image of the index has all its blobs.
pub(crate) fn verify(home: &Path) {
    let oci = home.join("oci");
    for (path, bytes) in files_below(&oci.join("blobs/sha256")) {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert_eq!(
            testkit::sha256(&bytes),
            name,
            "{} is damaged",
            path.display()
        );
    }
    let manifests = descriptors(&json(&oci.join("index.json"))["manifests"]);
    assert!(!manifests.is_empty(), "{} has no image", oci.display());
    for manifest in manifests {
        let manifest = json(&blob(&oci, &manifest));
        for part in descriptors(&manifest["layers"])
            .iter()
            .chain(&descriptors(&Value::Array(vec![
                manifest["config"].clone(),
            ])))
        {
            assert!(blob(&oci, part).exists(), "{part} is missing");
        }
    }
}

/// How many layers, configs and manifests of images with Debian packages a store holds.
pub(crate) fn blobs(home: &Path) -> usize {
    files_below(&home.join("oci/blobs")).len()
}

/// What half-made things a store holds.
pub(crate) fn leftovers(home: &Path) -> Vec<PathBuf> {
    files_below(&home.join("tmp")).into_keys().collect()
}

/// What must not change where nothing is to be done: each file with its number, its size and its time.
pub(crate) fn state(dirs: &[&Path]) -> BTreeMap<PathBuf, (u64, u64, i64, i64)> {
    let files = dirs.iter().flat_map(|dir| files_below(dir).into_keys());
    let meta = |path: PathBuf| {
        let meta = fs_err::metadata(&path).expect("a file");
        (
            path,
            (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()),
        )
    };
    files.map(meta).collect()
}

fn json(path: &Path) -> Value {
    match fs_err::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
        Err(_) => Value::Null,
    }
}

fn descriptors(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|entry| entry["digest"].as_str().map(ToOwned::to_owned))
        .collect()
}

fn blob(oci: &Path, digest: &str) -> PathBuf {
    oci.join("blobs").join(digest.replace(':', "/"))
}
