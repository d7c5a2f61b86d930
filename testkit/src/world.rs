//! A small Debian of its own: main, updates and security, signed, served, and with this host's programs in its packages,
//! so that what is built from it really starts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::archive::{Archive, Pocket};
use crate::deb::{Compression, Deb};
use crate::key::Key;
use crate::server::Server;

/// The suite's name.
pub const SUITE: &str = "trixie";

/// The programs that `coreutils` has here.
const COREUTILS: &[&str] = &[
    "cat", "echo", "env", "false", "id", "ls", "rm", "sleep", "stat", "touch", "true",
];

/// The archive's pockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The suite as released.
    Main,
    /// Fixes between releases.
    Updates,
    /// Security fixes.
    Security,
}

/// A served archive that can change.
pub struct World {
    /// Its server: faults, log.
    pub server: Server,
    key: Key,
    main: Pocket,
    updates: Pocket,
    security: Pocket,
}

impl World {
    /// A world with the packages of daruma's default base, and `perl`.
    ///
    /// # Errors
    /// Why this host cannot lend its programs, for `skipped: …`.
    pub fn new() -> Result<Self, String> {
        if !cfg!(target_arch = "x86_64") {
            return Err("the test archive is for amd64".to_owned());
        }
        let debs = base()?;
        let mut world = Self {
            server: Server::empty(),
            key: Key::sound(7),
            main: Pocket::debian(SUITE),
            updates: Pocket::debian(&format!("{SUITE}-updates")),
            security: Pocket::security(&format!("{SUITE}-security")),
        };
        world.main.debs = debs;
        world.publish();
        Ok(world)
    }

    /// The public part of the key that signs it.
    pub fn keyring(&self) -> Vec<u8> {
        self.key.public()
    }

    /// The mirror of main and updates; the one of security is its sibling, as on many mirrors.
    pub fn mirror(&self) -> String {
        self.server.url("/debian")
    }

    /// Adds a package to a pocket and publishes.
    pub fn add(&mut self, place: Place, deb: Deb) {
        self.pocket(place).debs.push(deb);
        self.publish();
    }

    /// Takes all versions of a package out of main and publishes.
    pub fn withdraw(&mut self, name: &str) {
        self.main.debs.retain(|deb| deb.get("Package") != name);
        self.publish();
    }

    /// Sets a field of the pocket's `Release` and publishes.
    pub fn field(&mut self, place: Place, name: &str, value: &str) {
        let pocket = self.pocket(place);
        *pocket = pocket.clone().field(name, value);
        self.publish();
    }

    /// Signs with another key from now on, and publishes.
    pub fn sign_with(&mut self, key: Key) {
        self.key = key;
        self.publish();
    }

    /// Serves the archive as it is now.
    pub fn publish(&self) {
        let archive = |pockets: &[&Pocket]| Archive {
            keys: vec![self.key.clone()],
            pockets: pockets.iter().map(|pocket| (*pocket).clone()).collect(),
        };
        let main = archive(&[&self.main, &self.updates]);
        self.server.put_all(main.files("/debian"));
        self.server
            .put_all(archive(&[&self.security]).files("/debian-security"));
    }

    /// The path of a pocket's `InRelease` on the server.
    pub fn inrelease(&self, place: Place) -> String {
        match place {
            Place::Main => format!("/debian/dists/{SUITE}/InRelease"),
            Place::Updates => format!("/debian/dists/{SUITE}-updates/InRelease"),
            Place::Security => format!("/debian-security/dists/{SUITE}-security/InRelease"),
        }
    }

    fn pocket(&mut self, place: Place) -> &mut Pocket {
        match place {
            Place::Main => &mut self.main,
            Place::Updates => &mut self.updates,
            Place::Security => &mut self.security,
        }
    }
}

/// A package with the copyright file that every one has.
pub fn package(name: &str, version: &str) -> Deb {
    let copyright = format!("usr/share/doc/{name}/copyright");
    Deb::new(name, version)
        .compression(Compression::Gz)
        .dir("usr/")
        .dir("usr/share/")
        .dir("usr/share/doc/")
        .dir(&format!("usr/share/doc/{name}/"))
        .file(&copyright, 0o644, b"nobody's\n")
}

fn base() -> Result<Vec<Deb>, String> {
    let mut programs: Vec<PathBuf> = COREUTILS.iter().map(|name| host_program(name)).collect();
    programs.push(host_program("dash"));
    let perl = host_program("perl");
    let modules = perl_files(&perl)?;
    let objects = modules
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "so"));
    let linked: Vec<&PathBuf> = programs.iter().chain([&perl]).chain(objects).collect();
    let coreutils = with_programs(package("coreutils", "9.7-3"), COREUTILS)?;
    let dash = with_programs(package("dash", "0.5.12-12"), &["dash"])?;
    Ok(vec![
        base_files(),
        base_passwd(),
        package("ca-certificates", "20250419")
            .dir("etc/")
            .dir("etc/ssl/")
            .dir("etc/ssl/certs/"),
        coreutils.field("Pre-Depends", "libc6"),
        dash.symlink("usr/bin/sh", "dash")
            .field("Pre-Depends", "libc6"),
        libc6(&linked)?,
        libc_bin()?,
        package("perl", "5.40.1-6").field("Depends", "perl-base (= 5.40.1-6)"),
        perl_base(&modules)?,
        package("tzdata", "2025b-4")
            .dir("usr/share/zoneinfo/")
            .file("usr/share/zoneinfo/UTC", 0o644, b"TZif2"),
    ])
}

fn base_files() -> Deb {
    let mut deb = package("base-files", "13.8");
    for dir in ["bin", "lib", "lib64", "sbin"] {
        deb = deb
            .dir(&format!("usr/{dir}/"))
            .symlink(dir, &format!("usr/{dir}"));
    }
    for dir in [
        "etc/", "home/", "proc/", "root/", "run/", "sys/", "dev/", "var/", "var/lib/",
    ] {
        deb = deb.dir(dir);
    }
    let mut tmp = crate::tar::Member::new(b'5', "./tmp/", 0o1777);
    tmp.mtime = 1_700_000_000;
    deb.member(tmp)
        .file(
            "usr/lib/os-release",
            0o644,
            b"ID=debian\nVERSION_CODENAME=trixie\n",
        )
        .symlink("etc/os-release", "../usr/lib/os-release")
}

fn base_passwd() -> Deb {
    let copy = "#!/bin/sh\nset -e\nfor f in passwd group; do\n\tif [ ! -e \"$DPKG_ROOT/etc/$f\" ] ; then\n\t\tcp \"$DPKG_ROOT/usr/share/base-passwd/$f.master\" \"$DPKG_ROOT/etc/$f\"\n\tfi\ndone\n";
    package("base-passwd", "3.6.7")
        .dir("usr/share/base-passwd/")
        .file(
            "usr/share/base-passwd/passwd.master",
            0o644,
            b"root:*:0:0:root:/root:/bin/sh\n",
        )
        .file("usr/share/base-passwd/group.master", 0o644, b"root:*:0:\n")
        .script("preinst", copy)
}

/// With the program that its script runs, which is read for the version of the cache that it writes.
fn libc_bin() -> Result<Deb, String> {
    let ldconfig = read(Path::new("/sbin/ldconfig"))?;
    // C.UTF-8, which images have as their locale.
    let locale = crate::bench::files_below(Path::new("/usr/lib/locale/C.utf8"));
    let locale: Vec<PathBuf> = locale.into_keys().collect();
    Ok(with_files(package("libc-bin", "2.41-12"), &locale)?
        .dir("usr/sbin/")
        .file("usr/sbin/ldconfig", 0o755, &ldconfig)
        .field("Depends", "libc6")
        .script(
            "postinst",
            "#!/bin/sh\nset -e\nldconfig -r \"$DPKG_ROOT/\"\n",
        ))
}

fn perl_base(modules: &[PathBuf]) -> Result<Deb, String> {
    let deb = with_programs(package("perl-base", "5.40.1-6"), &["perl"])?;
    with_files(deb.field("Pre-Depends", "libc6"), modules)
}

/// The C library of this host, and all else that `programs` link with.
fn libc6(programs: &[&PathBuf]) -> Result<Deb, String> {
    let libraries: Vec<PathBuf> = libraries(programs)?.into_iter().collect();
    with_files(package("libc6", "2.41-12"), &libraries)
}

fn with_programs(deb: Deb, names: &[&str]) -> Result<Deb, String> {
    let mut deb = deb.dir("usr/bin/");
    for name in names {
        deb = deb.file(
            &format!("usr/bin/{name}"),
            0o755,
            &read(&host_program(name))?,
        );
    }
    Ok(deb)
}

/// Files of this host at the same paths, where `/bin` and `/lib*` lie below `/usr`.
fn with_files(mut deb: Deb, files: &[PathBuf]) -> Result<Deb, String> {
    let mut dirs = BTreeSet::new();
    for file in files {
        let path = merged(file);
        let above = Path::new(&path).ancestors().skip(1);
        dirs.extend(
            above
                .map(|dir| format!("{}/", dir.display()))
                .filter(|dir| dir != "/"),
        );
    }
    // Made by `package` already.
    dirs.remove("usr/");
    dirs.remove("usr/share/");
    for dir in &dirs {
        deb = deb.dir(dir);
    }
    for file in files {
        deb = deb.file(&merged(file), 0o755, &read(file)?);
    }
    Ok(deb)
}

fn merged(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = path.trim_start_matches('/');
    if path.starts_with("usr/") {
        path.to_owned()
    } else {
        format!("usr/{path}")
    }
}

fn host_program(name: &str) -> PathBuf {
    Path::new("/usr/bin").join(name)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| error.to_string())
}

/// What the loader finds for `programs`.
fn libraries(programs: &[&PathBuf]) -> Result<BTreeSet<PathBuf>, String> {
    let text = output(Command::new("ldd").args(programs))?;
    let paths = text
        .split_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'));
    Ok(paths.map(PathBuf::from).collect())
}

/// The modules of this host's perl that a web server needs.
fn perl_files(perl: &Path) -> Result<Vec<PathBuf>, String> {
    let list = "print \"$_\\n\" for values %INC, @DynaLoader::dl_shared_objects";
    let text = output(Command::new(perl).args(["-MIO::Socket::INET", "-MDynaLoader", "-e", list]))?;
    let mut paths: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
