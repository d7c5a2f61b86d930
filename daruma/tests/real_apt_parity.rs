//! The dependency solution against `apt-get install -s --no-install-recommends`: the same names and versions from the
//! same indexes, in an apt root of its own whose dpkg status is empty, with the mirrors of the host's apt sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use daruma::debian::{
    Architecture, Essential, Index, Package, Pocket, Relation, Request, Stanza, solve,
};
use rayon::prelude::*;

const SUITE: &str = "trixie";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Sets of packages as one would ask for them.
const SETS: &[&str] = &[
    "ruby",
    "ruby libpq5 ca-certificates",
    "puma ruby-sinatra ruby-pg",
    "rails",
    "python3",
    "python3 python3-pip python3-venv",
    "python3-django gunicorn",
    "nodejs",
    "npm",
    "default-jre-headless",
    "openjdk-21-jdk-headless",
    "maven",
    "postgresql-client",
    "postgresql",
    "mariadb-server",
    "default-libmysqlclient-dev",
    "redis-server",
    "memcached",
    "imagemagick",
    "libvips42t64",
    "libvips-tools libvips-dev",
    "ffmpeg",
    "chromium",
    "firefox-esr",
    "build-essential",
    "build-essential ruby-dev libpq-dev nodejs npm git",
    "gcc",
    "cmake ninja-build",
    "rustc cargo",
    "golang-go",
    "ghc",
    "sbcl",
    "erlang",
    "elixir",
    "php-cli",
    "php-fpm php-mysql php-gd composer",
    "apache2 libapache2-mod-php",
    "nginx",
    "git",
    "openssh-server",
    "curl wget",
    "perl",
    "r-base-core",
    "texlive-latex-base",
    "postfix",
    "exim4",
    "bsd-mailx",
    "systemd",
    "sudo dbus",
    "tzdata locales",
    "fontconfig fonts-noto-core fonts-dejavu",
    "libreoffice-writer",
    "default-jdk",
    "mono-complete",
    "xvfb xauth weasyprint",
    "python3-numpy python3-scipy python3-matplotlib",
    "awk",
    "gnome-terminal",
    "debhelper",
    "devscripts jenkins-debian-glue-buildenv",
    "librust-ansi-to-tui-dev",
    "bash apt dpkg coreutils",
];

/// Sets that neither accepts.
const IMPOSSIBLE: &[&str] = &[
    "postfix exim4-daemon-light",
    "systemd-sysv sysvinit-core",
    "no-such-package-anywhere",
    "libpq5 (= 0.1)",
];

/// Where we mean to differ from apt: the set and why.
const DIFFERENT_ON_PURPOSE: &[(&str, &str)] = &[(
    "awk",
    "apt makes a person choose between the packages that provide a name; a build has nobody to ask, and takes the one \
     that apt takes where a package depends on the name",
)];

#[test]
fn solutions_have_the_names_and_versions_that_apt_takes() {
    let root = match AptRoot::new() {
        Ok(root) => root,
        Err(why) => return println!("skipped: {why}"),
    };
    let index = root.index();
    let differences: Vec<String> = SETS
        .par_iter()
        .filter_map(|set| {
            let theirs = root.simulate(set);
            let ours = solution(&index, set, Essential::OnDemand);
            let known = DIFFERENT_ON_PURPOSE.iter().any(|(known, _)| known == set);
            ((theirs == ours) == known).then(|| format!("{set}: {}", difference(&theirs, &ours)))
        })
        .collect();
    let none: [String; 0] = [];
    assert_eq!(differences, none, "of {} sets", SETS.len());
    for set in IMPOSSIBLE {
        assert!(root.simulate(set).is_err(), "apt accepts {set}");
        let ours = solution(&index, set, Essential::OnDemand);
        assert!(ours.is_err(), "we accept {set}");
    }
    let essential = index.iter().filter(|package| package.is_essential());
    let essential: BTreeSet<&str> = essential.map(Package::name).collect();
    let set = "ruby libpq5 ca-certificates";
    let all = essential
        .iter()
        .fold(set.to_owned(), |all, name| all + " " + name);
    let ours = solution(&index, set, Essential::Included);
    assert_eq!(ours, root.simulate(&all), "{set} and what is essential");
}

/// `name=version` of each package, or what was said.
type Packages = Result<BTreeSet<String>, String>;

fn solution(index: &Index, set: &str, essential: Essential) -> Packages {
    let wanted: Vec<Relation> = relations(set)
        .map(|text| text.parse().expect("a relation"))
        .collect();
    let request = Request {
        wanted: &wanted,
        essential,
        preferred: &BTreeMap::new(),
    };
    let selected = solve(index, &request).map_err(|error| error.to_string())?;
    let packages = selected.iter().map(|selected| index.get(selected.id));
    Ok(packages
        .map(|package| format!("{}={}", package.name(), package.version()))
        .collect())
}

/// `aa bb (= 1)` is two relations.
fn relations(set: &str) -> impl Iterator<Item = String> {
    let mut words = set.split(' ').peekable();
    std::iter::from_fn(move || {
        let name = words.next()?.to_owned();
        match words.next_if(|next| next.starts_with('(')) {
            Some(operator) => Some(format!("{name} {operator} {}", words.next()?)),
            None => Some(name),
        }
    })
}

fn difference(theirs: &Packages, ours: &Packages) -> String {
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => {
            let only_apt: Vec<_> = theirs.difference(ours).collect();
            let only_we: Vec<_> = ours.difference(theirs).collect();
            format!("only apt {only_apt:?}, only we {only_we:?}")
        }
        (Err(theirs), Ok(_)) => format!("apt says {theirs}"),
        (Ok(_), Err(ours)) => format!("we say {ours}"),
        (Err(_), Err(_)) => "both refuse".to_owned(),
    }
}

/// An apt that knows nothing of the host but its mirrors and how to reach them.
struct AptRoot(tempfile::TempDir);

impl AptRoot {
    fn new() -> Result<Self, String> {
        let sources = sources_for(SUITE)?;
        if !Path::new(KEYRING).exists() {
            return Err(format!("there is no {KEYRING}"));
        }
        let root = Self(tempfile::tempdir().map_err(|e| e.to_string())?);
        for dir in [
            "etc/apt/sources.list.d",
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
        ] {
            fs_err::create_dir_all(root.path(dir)).map_err(|e| e.to_string())?;
        }
        let files = [
            ("status", String::new()),
            ("etc/apt/sources.list.d/test.sources", sources),
            ("apt.conf", root.configuration()),
        ];
        for (name, text) in files {
            fs_err::write(root.path(name), text).map_err(|e| e.to_string())?;
        }
        let update = root.apt_get(&["update"]);
        if update.status.success() {
            Ok(root)
        } else {
            Err(format!("apt-get update fails: {}", text(&update.stderr)))
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn configuration(&self) -> String {
        let root = self.0.path().display();
        let host = Command::new("apt-config")
            .args(["dump", "Acquire"])
            .output();
        let host = host.map(|output| text(&output.stdout)).unwrap_or_default();
        format!(
            "{host}\nDir \"{root}\";\nDir::Etc \"{root}/etc/apt\";\nDir::State \"{root}/var/lib/apt\";\n\
             Dir::State::status \"{root}/status\";\nDir::Cache \"{root}/var/cache/apt\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
             APT::Sandbox::User \"root\";\nAcquire::GzipIndexes \"false\";\nAcquire::Languages \"none\";\n"
        )
    }

    fn apt_get(&self, arguments: &[&str]) -> Output {
        Command::new("apt-get")
            .args(arguments)
            .env("APT_CONFIG", self.path("apt.conf"))
            .env("LC_ALL", "C")
            .output()
            .expect("apt-get starts")
    }

    fn simulate(&self, set: &str) -> Packages {
        let packages: Vec<String> = relations(set)
            .map(|relation| relation.replace(" (= ", "=").replace(')', ""))
            .collect();
        let mut arguments = vec!["install", "-s", "-qq", "--no-install-recommends"];
        arguments.extend(packages.iter().map(String::as_str));
        let output = self.apt_get(&arguments);
        if !output.status.success() {
            return Err(text(&output.stderr));
        }
        // Inst libc6 (2.41-12 Debian:13.1/stable [amd64]) []
        let packages = text(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("Inst ")?.split_once(" ("))
            .filter_map(|(name, rest)| Some(format!("{name}={}", rest.split(' ').next()?)))
            .collect();
        Ok(packages)
    }

    /// The indexes that apt took, in the order of its sources.
    fn index(&self) -> Index {
        let mut pockets = Vec::new();
        for pocket in [SUITE, "trixie-updates", "trixie-security"] {
            let ending = format!("_dists_{pocket}_main_binary-amd64_Packages");
            let lists = fs_err::read_dir(self.path("var/lib/apt/lists")).expect("apt's lists");
            let file = lists
                .map(|entry| entry.expect("an entry").path())
                .find(|path| path.to_string_lossy().ends_with(&ending))
                .unwrap_or_else(|| panic!("no index of {pocket}"));
            let bytes = fs_err::read(file).expect("an index");
            pockets.push(Pocket::from_bytes(pocket, bytes).expect("text"));
        }
        let architecture: Architecture = "amd64".parse().expect("an architecture");
        Index::new(pockets, &architecture).expect("an index")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sources of the three pockets of `suite` at the mirrors from which the host takes its own.
fn sources_for(suite: &str) -> Result<String, String> {
    let release = fs_err::read_to_string("/etc/os-release").map_err(|e| e.to_string())?;
    let host_suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .ok_or("the host's release has no code name")?;
    let sources = host_sources();
    let mirror = |host: &str| {
        let found = sources
            .iter()
            .find(|(_, suites)| suites.iter().any(|s| s == host));
        found
            .map(|(uri, _)| uri.clone())
            .ok_or(format!("no apt source of the host has {host}"))
    };
    let main = mirror(host_suite)?;
    let security = mirror(&format!("{host_suite}-security"))?;
    let source = |uri: &str, suites: &str| {
        let fields = [
            ("Types", "deb"),
            ("URIs", uri),
            ("Suites", suites),
            ("Components", "main"),
            ("Signed-By", KEYRING),
        ];
        let stanza = fields.iter().fold(Stanza::new(), |s, (k, v)| s.with(k, v));
        format!("{stanza}\n")
    };
    Ok(source(&main, &format!("{suite} {suite}-updates"))
        + &source(&security, &format!("{suite}-security")))
}

/// Address and suites of each apt source.
fn host_sources() -> Vec<(String, Vec<String>)> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs_err::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    let read = |file: &PathBuf| fs_err::read_to_string(file).unwrap_or_default();
    files
        .iter()
        .flat_map(|file| match file.extension().and_then(|e| e.to_str()) {
            Some("sources") => deb822_sources(&read(file)),
            Some("list") => one_line_sources(&read(file)),
            _ => Vec::new(),
        })
        .collect()
}

fn deb822_sources(text: &str) -> Vec<(String, Vec<String>)> {
    let stanzas = Stanza::parse_all(text.as_bytes()).unwrap_or_default();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    stanzas
        .iter()
        .filter_map(|s| {
            Some((
                s.get("URIs")?.split(' ').next()?.to_owned(),
                words(s.get("Suites")?),
            ))
        })
        .collect()
}

fn one_line_sources(text: &str) -> Vec<(String, Vec<String>)> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("deb "))
        .filter_map(|line| {
            let rest = line.split_once(']').map_or(line, |(_, rest)| rest);
            let mut words = rest.split_whitespace();
            Some((words.next()?.to_owned(), vec![words.next()?.to_owned()]))
        })
        .collect()
}
