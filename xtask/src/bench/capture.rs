//! Taking a directory of many files into an archive, beside GNU tar.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use daruma::tree::IdMap;
use daruma::tree::capture::{Options, capture};
use daruma::tree::tar::Writer;
use fs_err as fs;

use super::mirror::cause;
use super::process::{command, timed};
use super::samples::Samples;
use super::table::{Measured, Row, Target};
use super::{Place, say};

/// Directories of the tree, and files in each: 20,000 files.
const DIRS: usize = 200;
const FILES: usize = 100;

/// Files have lengths from 0 up to this, in bytes: 6 KB in the middle, as in the source trees of apps.
const LONGEST: usize = 12_000;

/// How often each is run; they take turns. One more before, so that the tree is in memory.
const ROUNDS: usize = 15;

pub(super) fn bench(place: &Place) -> io::Result<Vec<Row>> {
    let (tree, out) = (place.dir("tree")?, place.dir("archives")?);
    say("capture: writing 20,000 files");
    plant(&tree)?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let mut capture = command(&place.xtask);
        capture
            .arg("bench-capture")
            .arg(&tree)
            .arg(out.join("ours.tar"));
        let took = timed(&mut capture)?;
        let mut tar = command("tar");
        tar.args(["--xattrs", "--sort=name", "-cf"])
            .arg(out.join("theirs.tar"));
        let peer = timed(tar.arg("-C").arg(&tree).arg("."))?;
        if round > 0 {
            ours.push(took);
            theirs.push(peer);
        }
    }
    Ok(vec![Row {
        what: "capture of 20,000 files".to_owned(),
        ours: Measured::Time(ours),
        peer: Some(("tar".to_owned(), theirs)),
        target: Target::Within(1.2),
    }])
}

/// The same tree each time.
fn plant(root: &Path) -> io::Result<()> {
    let bytes: Vec<u8> = (0..LONGEST).map(|n| b"daruma otoshi\n"[n % 14]).collect();
    for dir in 0..DIRS {
        let dir_path = root.join(format!("{:02}/{dir:03}", dir % 20));
        fs::create_dir_all(&dir_path)?;
        for file in 0..FILES {
            let length = (dir * FILES + file) * 7919 % LONGEST;
            fs::write(
                dir_path.join(format!("file-{file:03}.rb")),
                &bytes[..length],
            )?;
        }
    }
    Ok(())
}

/// The process that is measured: captures the directory that it is given into a file.
pub(crate) fn part() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(2).map(PathBuf::from);
    let (Some(dir), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: xtask bench-capture DIR FILE"));
    };
    let file = BufWriter::with_capacity(1 << 20, fs::File::create(out)?);
    let mut writer = Writer::new(file);
    capture(&dir, &IdMap::Same, &Options::default(), &mut writer).map_err(cause)?;
    let file = writer.finish().map_err(cause)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}
