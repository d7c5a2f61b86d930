//! Packages of Debian's archive, downloaded with an apt that has a root of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use daruma::debian::effects::{MultiArch, PackageInput};
use daruma::debian::{ControlFile, ControlFiles};
use daruma::tree::TreePath;

use super::expected::Set;

/// The suite whose packages are compared.
const SUITE: &str = "trixie";

/// Why the comparison cannot be made here.
pub(crate) fn missing() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the packages are for amd64".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("only root can make the reference root".to_owned());
    }
    for tool in ["apt-get", "dpkg-deb", "chroot", "mount", "tar"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return Some(format!("{tool} is not installed"));
        }
    }
    if mirrors().is_empty() {
        return Some("apt has no mirror of Debian".to_owned());
    }
    None
}

/// The host's Debian mirrors with the pocket each serves.
fn mirrors() -> Vec<(String, &'static str)> {
    let output = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(ORIGIN)",
        ])
        .output();
    let text = output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    let mut mirrors = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [uri, release, "Debian"] = words.as_slice() else {
            continue;
        };
        let pocket = if release.ends_with("-security") {
            "-security"
        } else {
            ""
        };
        let mirror = ((*uri).to_owned(), pocket);
        if !release.contains("-updates") && !mirrors.contains(&mirror) {
            mirrors.push(mirror);
        }
    }
    mirrors
}

/// An apt with its own root, sources and cache, kept between runs.
pub(crate) struct Archive {
    root: PathBuf,
}

impl Archive {
    /// Sets it up and reads the indexes.
    pub(crate) fn open() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("effects-apt");
        let dirs = [
            "etc/apt/preferences.d",
            "etc/apt/apt.conf.d",
            "lib/lists/partial",
            "cache/archives/partial",
        ];
        for dir in dirs {
            fs_err::create_dir_all(root.join(dir)).expect("a directory");
        }
        fs_err::write(root.join("status"), "").expect("a status file");
        let lines = mirrors().into_iter();
        let lines: Vec<String> = lines
            .map(|(uri, pocket)| {
                format!(
                    "deb {uri} {SUITE}{pocket} main
"
                )
            })
            .collect();
        fs_err::write(root.join("etc/apt/sources.list"), lines.concat()).expect("sources");
        let at = root.display();
        let config = format!(
            "Dir::State \"{at}/lib\";\nDir::State::status \"{at}/status\";\nDir::Cache \"{at}/cache\";\nDir::Etc \"{at}/etc/apt\";\n\
             Dir::Etc::trustedparts \"/usr/share/keyrings\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
             APT::Install-Recommends \"false\";\nAPT::Sandbox::User \"root\";\nDPkg::Post-Invoke \"\";\nAPT::Update::Post-Invoke \"\";\n\
             Binary::apt-get::APT::Keep-Downloaded-Packages \"true\";\n"
        );
        fs_err::write(root.join("apt.conf"), config).expect("a configuration");
        let archive = Self { root };
        archive.apt(&["update"]);
        archive
    }

    fn apt(&self, arguments: &[&str]) -> String {
        let output = Command::new("apt-get")
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .args(arguments)
            .output()
            .expect("apt-get runs");
        assert!(
            output.status.success(),
            "apt-get: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The packages of a set with what they depend on, and what every root with dpkg has.
    pub(crate) fn download(&self, set: &Set) -> Vec<PathBuf> {
        let mut arguments = vec![
            "install",
            "-y",
            "--no-install-recommends",
            "?essential",
            "dpkg",
        ];
        arguments.extend(set.packages);
        let simulated = self.apt(&[&arguments[..], &["-s"]].concat());
        self.apt(&[&arguments[..], &["--download-only"]].concat());
        let installed = simulated
            .lines()
            .filter_map(|line| line.strip_prefix("Inst "));
        let mut debs: Vec<PathBuf> = installed.map(|line| self.deb(line)).collect();
        debs.sort();
        debs
    }

    /// The file of a line such as `libc6 (2.41-12 Debian:13/stable [amd64])`.
    fn deb(&self, line: &str) -> PathBuf {
        let name = line.split(' ').next().expect("a name");
        let version = line
            .split(['(', ' '])
            .nth(2)
            .expect("a version")
            .replace(':', "%3a");
        let architecture = line
            .rsplit('[')
            .next()
            .and_then(|rest| rest.split(']').next())
            .expect("an architecture");
        // Brackets also hold what is pending; the architecture stands before `)`.
        let architecture = line
            .split_once(')')
            .and_then(|(head, _)| head.rsplit('[').next())
            .map_or(architecture, |text| text.trim_end_matches(']'));
        let cache = self.root.join("cache/archives");
        let path = cache.join(format!("{name}_{version}_{architecture}.deb"));
        assert!(path.exists(), "{} was not downloaded", path.display());
        path
    }
}

/// One package, unpacked.
pub(crate) struct Unpacked {
    name: String,
    version: String,
    architecture: String,
    multi_arch: MultiArch,
    control: ControlFiles,
    files: Vec<TreePath>,
}

impl Unpacked {
    /// What the evaluation is given of it.
    pub(crate) fn input(&self) -> PackageInput<'_> {
        PackageInput {
            name: &self.name,
            version: &self.version,
            architecture: &self.architecture,
            multi_arch: self.multi_arch,
            control: &self.control,
            files: &self.files,
        }
    }
}

/// Unpacks all packages into `root` below `work`, the one with the links of the merged `/usr` first.
pub(crate) fn unpack(debs: &[PathBuf], work: &Path) -> Vec<Unpacked> {
    let root = work.join("root");
    fs_err::create_dir_all(&root).expect("a directory");
    let (first, rest): (Vec<&PathBuf>, Vec<&PathBuf>) = debs
        .iter()
        .partition(|deb| deb.to_string_lossy().contains("/base-files_"));
    first
        .into_iter()
        .chain(rest)
        .map(|deb| unpack_one(deb, &root, &work.join("control")))
        .collect()
}

fn unpack_one(deb: &Path, root: &Path, control: &Path) -> Unpacked {
    run(Command::new("dpkg-deb").arg("-x").args([deb, root]));
    let _ = fs_err::remove_dir_all(control);
    run(Command::new("dpkg-deb").arg("-e").args([deb, control]));
    let members = fs_err::read_dir(control)
        .expect("a directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let data = fs_err::read(entry.path()).expect("a member");
            (
                entry.file_name().to_string_lossy().into_owned(),
                ControlFile { mode: 0o755, data },
            )
        });
    let control: ControlFiles = members.collect();
    let text = control.text("control").expect("a control file");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(String::new(), |value| value.trim().to_owned())
    };
    let listed = run(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(deb));
    Unpacked {
        name: field("Package:"),
        version: field("Version:"),
        architecture: field("Architecture:"),
        multi_arch: if field("Multi-Arch:") == "same" {
            MultiArch::Same
        } else {
            MultiArch::Other
        },
        files: tar_names(&listed),
        control,
    }
}

fn tar_names(tar: &[u8]) -> Vec<TreePath> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = Command::new("tar")
        .args(["-t", "--quoting-style=literal"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(tar));
        let output = child.wait_with_output().expect("tar ends");
        let names = output
            .stdout
            .split(|&byte| byte == b'\n')
            .filter(|name| !name.is_empty() && !name.ends_with(b"/"));
        names
            .filter_map(|name| TreePath::from_tar(name).expect("a path"))
            .collect()
    })
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
