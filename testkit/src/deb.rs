//! Debian packages made on the spot, proper ones and hostile ones (deb(5)).

use std::io::Write;

use md5::{Digest as _, Md5};

use crate::tar::{self, Member};

/// How the members of a package are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// `data.tar`.
    None,
    /// `data.tar.gz`.
    Gz,
    /// `data.tar.xz`, as Debian does it.
    #[default]
    Xz,
    /// `data.tar.zst`, as Ubuntu does it.
    Zst,
}

impl Compression {
    fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gz => ".gz",
            Self::Xz => ".xz",
            Self::Zst => ".zst",
        }
    }

    /// Compresses `bytes`.
    ///
    /// # Panics
    /// Not for memory buffers.
    #[allow(clippy::expect_used)]
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gz => {
                let mut out =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(bytes).expect("memory");
                out.finish().expect("memory")
            }
            Self::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
                out.write_all(bytes).expect("memory");
                out.finish().expect("memory")
            }
            Self::Zst => zstd::encode_all(bytes, 1).expect("memory"),
        }
    }
}

/// A package in the making. Paths are written as given after `./`; directories end in `/`.
#[derive(Clone, Debug)]
pub struct Deb {
    fields: Vec<(String, String)>,
    scripts: Vec<(String, Vec<u8>)>,
    members: Vec<Member>,
    compression: Compression,
    truncate: Option<usize>,
    instead: Option<Vec<u8>>,
}

impl Deb {
    /// An amd64 package of nothing but `./`.
    pub fn new(name: &str, version: &str) -> Self {
        let fields = [
            ("Package", name),
            ("Version", version),
            ("Architecture", "amd64"),
            ("Maintainer", "Testkit <testkit@example.invalid>"),
            ("Section", "misc"),
            ("Priority", "optional"),
            ("Description", "a package made by a test"),
        ];
        Self {
            fields: fields.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            scripts: Vec::new(),
            members: vec![Member::new(b'5', "./", 0o755)],
            compression: Compression::Xz,
            truncate: None,
            instead: None,
        }
    }

    /// Sets a control field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a control member: `postinst` and its kin (mode 755), `conffiles`, `triggers` … (mode 644).
    #[must_use]
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts
            .push((name.to_owned(), text.as_bytes().to_vec()));
        self
    }

    /// Adds a directory, `usr/bin/`.
    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        self.member(Member::new(b'5', &format!("./{path}"), 0o755))
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, data: &[u8]) -> Self {
        let mut member = Member::new(b'0', &format!("./{path}"), mode);
        member.data = data.to_vec();
        self.member(member)
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        let mut member = Member::new(b'2', &format!("./{path}"), 0o777);
        target.clone_into(&mut member.link);
        self.member(member)
    }

    /// Adds a hard link to an earlier file of the package.
    #[must_use]
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        let mut member = Member::new(b'1', &format!("./{path}"), 0o644);
        member.link = format!("./{target}");
        self.member(member)
    }

    /// Adds any member as it is.
    #[must_use]
    pub fn member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// Compresses its members so.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Ends the file after so many bytes.
    #[must_use]
    pub fn truncated(mut self, length: usize) -> Self {
        self.truncate = Some(length);
        self
    }

    /// Has `bytes` as its file, whatever they are; the index describes them as the package.
    #[must_use]
    pub fn instead(mut self, bytes: Vec<u8>) -> Self {
        self.instead = Some(bytes);
        self
    }

    /// A control field's value.
    pub fn get(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(n, _)| n == name);
        field.map_or("", |(_, v)| v.as_str())
    }

    /// Its place below an archive's root.
    pub fn pool_path(&self) -> String {
        let name = self.get("Package");
        let initial = &name[..name.len().min(1)];
        let (version, arch) = (self.get("Version"), self.get("Architecture"));
        let version = version.split_once(':').map_or(version, |(_, v)| v);
        format!("pool/main/{initial}/{name}/{name}_{version}_{arch}.deb")
    }

    /// The stanza that stands for it in a `Packages` index.
    pub fn stanza(&self) -> String {
        let bytes = self.build();
        let mut out = self.control();
        out += &format!("Filename: {}\nSize: {}\n", self.pool_path(), bytes.len());
        out += &format!(
            "MD5sum: {}\nSHA256: {}\n",
            hex::encode(Md5::digest(&bytes)),
            crate::sha256(&bytes)
        );
        out
    }

    /// The package's bytes.
    pub fn build(&self) -> Vec<u8> {
        if let Some(bytes) = &self.instead {
            return bytes.clone();
        }
        let suffix = self.compression.suffix();
        let control = self.compression.pack(&tar::write(&self.control_members()));
        let data = self.compression.pack(&tar::write(&self.members));
        let mut out = ar(&[
            ("debian-binary", b"2.0\n"),
            (&format!("control.tar{suffix}"), &control),
            (&format!("data.tar{suffix}"), &data),
        ]);
        out.truncate(self.truncate.unwrap_or(usize::MAX));
        out
    }

    fn control(&self) -> String {
        self.fields
            .iter()
            .map(|(n, v)| format!("{n}: {v}\n"))
            .collect()
    }

    fn control_members(&self) -> Vec<Member> {
        let mut members = vec![
            Member::new(b'5', "./", 0o755),
            file("control", 0o644, self.control().into_bytes()),
        ];
        members.push(file("md5sums", 0o644, self.md5sums().into_bytes()));
        for (name, text) in &self.scripts {
            let script = matches!(
                name.as_str(),
                "preinst" | "postinst" | "prerm" | "postrm" | "config"
            );
            members.push(file(name, if script { 0o755 } else { 0o644 }, text.clone()));
        }
        members
    }

    fn md5sums(&self) -> String {
        let files = self.members.iter().filter(|m| m.kind == b'0');
        files
            .map(|m| {
                let path = m.name.trim_start_matches("./");
                format!("{}  {path}\n", hex::encode(Md5::digest(&m.data)))
            })
            .collect()
    }
}

fn file(name: &str, mode: u32, data: Vec<u8>) -> Member {
    let mut member = Member::new(b'0', &format!("./{name}"), mode);
    member.data = data;
    member
}

/// An ar archive of the members (ar(5), the common format).
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        let head = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            1_700_000_000,
            0,
            0,
            "100644",
            data.len()
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(data);
        if data.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// Packages that no tool should unpack, each with what is wrong with it. `bomb` is how many bytes the decompression bomb holds.
pub fn hostile(bomb: usize) -> Vec<(&'static str, Vec<u8>)> {
    let deb = || Deb::new("hostile", "1");
    let raw = |kind, name: &str, link: &str| {
        let mut member = Member::new(kind, name, 0o644);
        link.clone_into(&mut member.link);
        member
    };
    let mut device = raw(b'3', "./dev/kmsg", "");
    device.device = (1, 11);
    let mut through = raw(b'0', "./up/owned", "");
    through.data = b"owned".to_vec();
    let whole = deb().file("a", 0o644, b"a").build();
    vec![
        (
            "path traversal",
            deb().member(raw(b'0', "./../../etc/owned", "")).build(),
        ),
        (
            "traversal in the middle",
            deb().member(raw(b'0', "./usr/../../owned", "")).build(),
        ),
        (
            "absolute path",
            deb().member(raw(b'0', "/etc/owned", "")).build(),
        ),
        (
            "write through a symbolic link",
            deb().symlink("up", "../../..").member(through).build(),
        ),
        (
            "hard link out of the package",
            deb().member(raw(b'1', "./a", "/etc/passwd")).build(),
        ),
        (
            "hard link upwards",
            deb().member(raw(b'1', "./a", "./../../etc/passwd")).build(),
        ),
        ("character device", deb().member(device).build()),
        (
            "duplicate path",
            deb().file("a", 0o644, b"1").file("a", 0o644, b"2").build(),
        ),
        (
            "file below a file",
            deb()
                .file("a", 0o644, b"1")
                .file("a/b", 0o644, b"2")
                .build(),
        ),
        ("bomb", deb().file("zeros", 0o644, &vec![0; bomb]).build()),
        ("cut in the data", whole[..whole.len() - 40].to_vec()),
        ("cut in the control", whole[..100].to_vec()),
        ("no package at all", b"!<arch>\n".to_vec()),
        ("wrong magic", b"PK\x03\x04".to_vec()),
        ("no data member", ar(&[("debian-binary", b"2.0\n")])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn dpkg_reads_packages_of_every_compression() {
        if Command::new("dpkg-deb").arg("--version").output().is_err() {
            println!("skipped: no dpkg-deb");
            return;
        }
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("a.deb");
        for compression in [
            Compression::None,
            Compression::Gz,
            Compression::Xz,
            Compression::Zst,
        ] {
            let long = format!("usr/share/{}/f", "long/".repeat(30));
            let deb = Deb::new("made", "1:2-3")
                .dir("usr/")
                .dir("usr/share/")
                .file(&long, 0o644, b"x");
            let deb = deb
                .symlink("usr/link", "share")
                .hardlink("usr/hard", &long)
                .script("postinst", "#!/bin/sh\n");
            fs_err::write(&path, deb.compression(compression).build()).expect("written");
            let run = |option: &str| {
                Command::new("dpkg-deb")
                    .arg(option)
                    .arg(&path)
                    .output()
                    .expect("runs")
            };
            let (info, list) = (run("--info"), run("--contents"));
            assert!(
                info.status.success() && list.status.success(),
                "{compression:?}: {info:?} {list:?}"
            );
            let list = String::from_utf8_lossy(&list.stdout).into_owned();
            assert!(
                list.contains(&format!("./usr/hard link to ./{long}")),
                "{list}"
            );
        }
    }

    #[test]
    fn hostile_packages_are_all_different_and_named() {
        let made = hostile(1_000_000);
        let names: std::collections::BTreeSet<_> = made.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), made.len());
    }
}
