//! Images as `daruma build --output oci:` writes them, and projects that it builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use daruma::tree::tar::{Limits, Reader};
use daruma::tree::{MemoryTree, Node, TreePath};
use serde_json::Value;

/// An app with a runner of these packages, beside a home.
pub(crate) struct Project {
    pub(crate) dir: PathBuf,
    pub(crate) home: PathBuf,
}

impl Project {
    /// Writes `daruma.toml` into a new directory below `work`.
    pub(crate) fn new(work: &Path, home: &Path, manifest: &str) -> Self {
        let dir = tempfile::tempdir_in(work).expect("a directory").keep();
        fs_err::write(dir.join("Procfile"), "web: ./run\n").expect("written");
        fs_err::write(dir.join("run"), "#!/bin/true\n").expect("written");
        fs_err::write(dir.join("daruma.toml"), manifest).expect("written");
        let home = home.to_owned();
        Self { dir, home }
    }

    /// `daruma` in this project.
    pub(crate) fn daruma(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daruma"));
        command
            .args(args)
            .current_dir(&self.dir)
            .env("DARUMA_HOME", &self.home)
            .env("SOURCE_DATE_EPOCH", "1767225600");
        command
    }

    /// Builds, and gives the runner's layers.
    pub(crate) fn build(&self) -> Vec<MemoryTree> {
        let output = run(&mut self.daruma(&["build", "--output", "oci:out"]));
        assert!(output.status.success(), "{}", said(&output));
        let layers = layers(&self.dir.join("out"));
        assert_eq!(layers.len(), 4, "packages, configuration, recipe, source");
        layers.into_iter().take(2).collect()
    }

    /// Builds, which must fail with `code`, and gives what it said, lines without what they are indented by.
    pub(crate) fn fail(&self, args: &[&str], code: i32) -> String {
        let output = run(&mut self.daruma(args));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        said.lines()
            .map(str::trim_start)
            .collect::<Vec<_>>()
            .join("\n")
    }

    pub(crate) fn lock(&self) -> String {
        fs_err::read_to_string(self.dir.join("daruma.lock")).expect("a lock")
    }
}

fn run(command: &mut Command) -> Output {
    command.output().expect("daruma runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn layers(layout: &Path) -> Vec<MemoryTree> {
    let blob = |digest: &Value| {
        let name = digest.as_str().expect("a digest").replace(':', "/");
        fs_err::read(layout.join("blobs").join(name)).expect("a blob")
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
    let index = json(&fs_err::read(layout.join("index.json")).expect("an index"));
    let manifest = json(&blob(&index["manifests"][0]["digest"]));
    let layers = manifest["layers"].as_array().expect("layers");
    let tree = |layer: &Value| {
        let bytes = blob(&layer["digest"]);
        let tar = flate2::read::MultiGzDecoder::new(&bytes[..]);
        MemoryTree::from_tar(&mut Reader::new(tar, Limits::default())).expect("a layer")
    };
    layers.iter().map(tree).collect()
}

/// The text of a file in a layer.
pub(crate) fn text(layer: &MemoryTree, path: &str) -> Option<String> {
    let entry = layer.get(&TreePath::try_from(path).expect("a path"))?;
    match &entry.node {
        Node::File(data) => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    }
}
