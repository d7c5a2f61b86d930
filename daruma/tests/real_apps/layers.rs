//! An image's layers, read as any tool would: entry after entry, the later over the earlier.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use daruma::home::Home;
use daruma::image::{Image, Layer, Role};
use daruma::store::Store;
use daruma::tree::Node;
use daruma::tree::tar::{Limits, Reader};
use flate2::read::MultiGzDecoder;

use crate::bench::World;

/// Larger files are not kept, only their names.
const MAX_KEPT: u64 = 1 << 20;

/// What an image of the app's holds.
pub(crate) struct Contents {
    /// Path to content; empty for what is no file or a large one.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Bytes of all layers, uncompressed.
    pub(crate) size: u64,
    /// Paths that stand twice in one layer.
    pub(crate) twice: Vec<String>,
}

impl Contents {
    /// Of the runner that `world` has built.
    pub(crate) fn of_runner(world: &World) -> Self {
        let store = Store::open(&Home::open(&world.home).expect("home")).expect("store");
        let refs = store.refs().expect("refs");
        let (_, entry) = refs
            .iter()
            .find(|(name, _)| name.role == Role::Runner)
            .expect("a runner");
        let image: Image = store.image(entry.manifest.digest).expect("an image");
        let mut contents = Self {
            files: BTreeMap::new(),
            size: 0,
            twice: Vec::new(),
        };
        for layer in image.layers() {
            contents.apply(&store, layer);
        }
        contents
    }

    fn apply(&mut self, store: &Store, layer: &Layer) {
        let blob = store.open_verified(layer.digest()).expect("a blob");
        let mut tar = Vec::new();
        MultiGzDecoder::new(blob)
            .read_to_end(&mut tar)
            .expect("gunzipped");
        self.size += tar.len() as u64;
        let mut seen = BTreeSet::new();
        let mut reader = Reader::new(&tar[..], Limits::default());
        while let Some((entry, mut data)) = reader.next_entry().expect("an entry") {
            let path = entry.path.to_string();
            let mut content = Vec::new();
            if matches!(entry.node, Node::File(size) if size <= MAX_KEPT) {
                data.read_to_end(&mut content).expect("data");
            }
            if !seen.insert(path.clone()) {
                self.twice.push(path.clone());
            }
            self.put(path, content);
        }
    }

    fn put(&mut self, path: String, content: Vec<u8>) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let Some(hidden) = name.strip_prefix(".wh.") else {
            self.files.insert(path, content);
            return;
        };
        let gone = match hidden {
            ".wh..opq" => dir.to_owned(),
            name if dir.is_empty() => name.to_owned(),
            name => format!("{dir}/{name}"),
        };
        let below = format!("{gone}/");
        self.files
            .retain(|path, _| *path != gone && !path.starts_with(&below));
    }

    /// A file as text.
    pub(crate) fn text(&self, path: &str) -> String {
        let bytes = self
            .files
            .get(path)
            .unwrap_or_else(|| panic!("there is no {path}"));
        String::from_utf8_lossy(bytes).into_owned()
    }
}
