//! Small images whose layers are several gzip members, one after another, as daruma's are.

use std::io::Write;

use daruma::image::{
    CompiledApp, Compression, Created, Digest, Env, History, Image, Layer, ProcessSpec, Role,
    RoleLabel, RunnerSpec, Target, app, runner,
};
use daruma::store::{Part, Store};

/// A file or, with a trailing slash, a directory of a layer.
pub(crate) struct Member<'a> {
    pub(crate) path: &'a str,
    pub(crate) mode: u32,
    pub(crate) data: &'a [u8],
}

/// A plain file.
pub(crate) fn file<'a>(path: &'a str, data: &'a [u8]) -> Member<'a> {
    Member {
        path,
        mode: 0o644,
        data,
    }
}

/// A directory.
pub(crate) fn dir(path: &str) -> Member<'_> {
    Member {
        path,
        mode: 0o755,
        data: b"",
    }
}

pub(crate) fn time() -> Created {
    Created::from_unix(1_750_000_000).expect("in range")
}

/// Stores a layer with one gzip member per entry, and one for the end of the archive.
pub(crate) fn layer(store: &Store, name: &str, members: &[Member<'_>]) -> Layer {
    let pieces: Vec<Vec<u8>> = members
        .iter()
        .map(tar_member)
        .chain([vec![0; 1024]])
        .collect();
    let diff_id = Digest::of(&pieces.concat());
    let blob = store
        .concat(pieces.iter().map(|piece| Part::Bytes(gzip(piece))))
        .expect("stored");
    let history = History::new(&time(), &format!("daruma: {name}"));
    Layer::new(diff_id, blob.digest, blob.size, Compression::Gzip, history)
}

/// Stores a runner of one layer and the application image of one process on it.
pub(crate) fn app_image(
    store: &Store,
    runner_layer: &Layer,
    app_layer: &Layer,
    argv: &[&str],
) -> Image {
    let spec = RunnerSpec {
        target: Target::host(),
        layers: vec![runner_layer.clone()],
        env: Env::default(),
        label: RoleLabel::new(Digest::of(b"runner")),
    };
    let compiled = CompiledApp {
        name: "shop".to_owned(),
        layers: vec![app_layer.clone()],
        label: RoleLabel::new(Digest::of(b"compiled")),
    };
    let process = ProcessSpec {
        role: Role::app("web").expect("role"),
        entrypoint: argv.iter().map(|&arg| arg.to_owned()).collect(),
        path: Vec::new(),
        env: [("GREETING", "hello")].into_iter().collect(),
    };
    let image = app(&runner(&spec, time()), &compiled, &process, time());
    store.put_image(&image).expect("stored");
    image
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut out).expect("fits");
    out.truncate(length);
    out
}

fn tar_member(member: &Member<'_>) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..member.path.len()].copy_from_slice(member.path.as_bytes());
    let flag = if member.path.ends_with('/') { '5' } else { '0' };
    let fields = format!(
        "{:07o}\0{:07o}\0{:07o}\0{:011o}\0{:011o}\0",
        member.mode,
        0,
        0,
        member.data.len(),
        0
    );
    header[100..148].copy_from_slice(fields.as_bytes());
    header[148..157].copy_from_slice(format!("        {flag}").as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    write!(&mut header[148..155], "{sum:06o}\0").expect("fits");
    let mut bytes = [&header[..], member.data].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}
