//! A new version of one package, as a security update brings it.

use std::io;
use std::path::{Path, PathBuf};

use daruma::archive::{Pocket, PocketIndex};
use fs_err as fs;

use super::index::{deb, field, stanza_of};
use super::mirror::{Mirror, text_of};
use super::process::{command, timed};

/// The package that changes.
pub(super) const PACKAGE: &str = "libpq5";

/// What is needed to publish versions of the package.
pub(super) struct Change {
    /// The security pocket as the archive has it.
    security: PocketIndex,
    stanza: String,
    version: String,
    /// The package unpacked, for `dpkg-deb --build`.
    tree: PathBuf,
    control: String,
    dir: PathBuf,
}

impl Change {
    /// Unpacks the package below `dir`.
    pub(super) fn prepare(mirror: &Mirror, dir: &Path) -> io::Result<Self> {
        let lacking = |what: &str| io::Error::other(format!("the archive has no {what}"));
        let snapshot = mirror.snapshot();
        let (pocket, stanza) = stanza_of(snapshot, PACKAGE).ok_or_else(|| lacking(PACKAGE))?;
        let security = snapshot
            .pockets
            .iter()
            .find(|it| it.pocket == Pocket::Security);
        let security = security.ok_or_else(|| lacking("security pocket"))?;
        let deb = deb(pocket, stanza).ok_or_else(|| lacking(PACKAGE))?;
        let tree = dir.join("tree");
        let mut unpack = command("dpkg-deb");
        timed(
            unpack
                .arg("--raw-extract")
                .arg(mirror.fetch(&deb)?)
                .arg(&tree),
        )?;
        Ok(Self {
            security: security.clone(),
            version: field(stanza, "Version").unwrap_or_default().to_owned(),
            stanza: stanza.to_owned(),
            control: fs::read_to_string(tree.join("DEBIAN/control"))?,
            tree,
            dir: dir.to_owned(),
        })
    }

    /// Publishes the package once more, as version `number`.
    pub(super) fn publish(&self, mirror: &mut Mirror, number: usize) -> io::Result<()> {
        let version = format!("{}+bench{number}", self.version);
        let bytes = self.build(&version)?;
        let path = format!("pool/bench/{PACKAGE}_{number}_amd64.deb");
        let stanza = with_fields(
            &self.stanza,
            &[
                ("Version", &version),
                ("Filename", &path),
                ("Size", &bytes.len().to_string()),
                ("SHA256", &testkit::sha256(&bytes)),
            ],
        );
        mirror.put(&format!("/debian-security/{path}"), bytes);
        let text = format!("{}\n\n{stanza}\n", text_of(&self.security).trim_end());
        mirror.publish(&self.security, &text)
    }

    fn build(&self, version: &str) -> io::Result<Vec<u8>> {
        let control = with_fields(&self.control, &[("Version", version)]);
        fs::write(self.tree.join("DEBIAN/control"), control)?;
        let out = self.dir.join("changed.deb");
        let mut build = command("dpkg-deb");
        build.args(["--root-owner-group", "-Zxz", "--build"]);
        timed(build.arg(&self.tree).arg(&out))?;
        fs::read(out)
    }
}

/// A stanza with other values; checksums that are not given are left out.
fn with_fields(stanza: &str, fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for line in stanza.lines() {
        let name = line.split(':').next().unwrap_or_default();
        let new = fields.iter().find(|(field, _)| *field == name);
        match new {
            Some((_, value)) => text += &format!("{name}: {value}\n"),
            None if matches!(name, "MD5sum" | "SHA1") => {}
            None => text += &format!("{line}\n"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_version_keeps_what_it_does_not_change() {
        let stanza = "Package: a\nVersion: 1\nDepends: b:any\nMD5sum: 0\nSHA256: 1\n";
        assert_eq!(
            with_fields(stanza, &[("Version", "2"), ("SHA256", "3")]),
            "Package: a\nVersion: 2\nDepends: b:any\nSHA256: 3\n"
        );
    }
}
