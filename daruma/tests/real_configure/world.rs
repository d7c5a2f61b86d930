//! An archive of packages made on the spot, with this machine's dpkg, shell and a few programs in one of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::deb::Compression;
use testkit::{Archive, Deb, Key, Pocket, Server};

use super::images::Project;

/// Programs that dpkg and the scripts of these tests use.
const PROGRAMS: &[&str] = &[
    "chown",
    "chmod",
    "dash",
    "dpkg",
    "dpkg-query",
    "dpkg-trigger",
    "mawk",
    "mkdir",
    "rm",
    "sleep",
];

/// dpkg insists that these exist (`checkpath`), and nothing here calls them.
const STUBS: &[&str] = &[
    "usr/bin/diff",
    "usr/bin/dpkg-deb",
    "usr/bin/tar",
    "usr/sbin/ldconfig",
    "usr/sbin/start-stop-daemon",
];

/// Why such an archive cannot be made or used here.
pub(crate) fn missing() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the packages are for amd64".to_owned());
    }
    let tmp = tempfile::tempdir().expect("a directory");
    let launcher = daruma_sandbox::Launcher::new(env!("CARGO_BIN_EXE_daruma"));
    if let Err(error) = daruma::engine::SandboxEngine::with_launcher(tmp.path(), launcher) {
        return Some(format!("there is no sandbox: {error}"));
    }
    let lacks = |name: &&&str| find(name).is_none();
    let program = PROGRAMS.iter().find(lacks)?;
    Some(format!("{program} is not installed"))
}

/// The archive on its server, and a directory for projects.
pub(crate) struct World {
    server: Server,
    key: Key,
    pub(crate) work: tempfile::TempDir,
}

impl World {
    /// An archive with `debs`, dpkg and debconf.
    pub(crate) fn new(debs: &[Deb]) -> Self {
        let key = Key::sound(1);
        let debconf = Deb::new("debconf", "1").field("Architecture", "all");
        let mut pocket = Pocket::debian("trixie").deb(tools()).deb(debconf);
        for deb in debs {
            pocket = pocket.deb(deb.clone());
        }
        let main = Archive::new(key.clone())
            .pocket(pocket)
            .pocket(Pocket::debian("trixie-updates"));
        let security = Archive::new(key.clone()).pocket(Pocket::security("trixie-security"));
        let server = Server::empty();
        server.put_all(main.files("/debian"));
        server.put_all(security.files("/debian-security"));
        let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        Self { server, key, work }
    }

    /// A project whose runner has `package` and nothing else, with a home of its own.
    pub(crate) fn project(&self, package: &str) -> Project {
        let home = tempfile::tempdir_in(self.work.path())
            .expect("a home")
            .keep();
        let manifest = format!(
            "[runner]\nbase = \"none\"\npackages = [\"{package}\"]\n\n\
             [debian]\nmirror = \"{}\"\nsecurity = \"{}\"\nkeyring = \"key.asc\"\n",
            self.server.url("/debian"),
            self.server.url("/debian-security"),
        );
        let project = Project::new(self.work.path(), &home, &manifest);
        let key = self.key.public_armored();
        fs_err::write(project.dir.join("key.asc"), key).expect("written");
        project
    }
}

/// An essential package of this machine's programs with the libraries that they load.
fn tools() -> Deb {
    let mut deb = Deb::new("dpkg", "1.21")
        .field("Essential", "yes")
        .compression(Compression::None)
        .symlink("usr/bin/sh", "dash")
        .symlink("usr/bin/awk", "mawk");
    for dir in [
        "usr/",
        "usr/bin/",
        "usr/lib/",
        "usr/lib64/",
        "usr/sbin/",
        "var/",
        "var/lib/",
        "var/log/",
        "tmp/",
    ] {
        deb = deb.dir(dir);
    }
    for stub in STUBS {
        deb = deb.file(stub, 0o755, b"#!/bin/sh\nexit 0\n");
    }
    let mut libraries = BTreeSet::new();
    for name in PROGRAMS {
        let path = find(name).expect("installed");
        let bytes = fs_err::read(&path).expect("readable");
        deb = deb.file(&format!("usr/bin/{name}"), 0o755, &bytes);
        libraries.extend(loads(&path));
    }
    for library in libraries {
        let bytes = fs_err::read(&library).expect("readable");
        let path = library.trim_start_matches("/usr").trim_start_matches('/');
        deb = deb.file(&format!("usr/{path}"), 0o755, &bytes);
    }
    deb
}

fn find(name: &str) -> Option<PathBuf> {
    let dirs = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter();
    dirs.map(|dir| Path::new(dir).join(name))
        .find(|path| path.is_file())
}

/// What ldd prints: absolute paths behind `=>`, or alone for the loader.
fn loads(program: &Path) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().expect("ldd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect()
}
