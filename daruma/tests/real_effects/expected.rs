//! The sets of packages, and what may differ, with the reason.

/// Packages that are installed together.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static [&'static str],
    /// Scripts that are not known, with the reason.
    pub(crate) unknown: &'static [(&'static str, &'static str)],
    /// Paths that differ because of these, or otherwise in this set alone, with the reason.
    pub(crate) differs: &'static [(&'static str, &'static str)],
}

impl Set {
    /// Whether a difference at `path` is listed.
    pub(crate) fn explains(&self, path: &str) -> bool {
        let listed = EVERYWHERE.iter().chain(self.differs);
        listed
            .map(|(pattern, _)| *pattern)
            .any(|pattern| covers(pattern, path))
    }
}

/// A pattern is a path, a directory with all below it (`a/`), or has one `*`.
fn covers(pattern: &str, path: &str) -> bool {
    if let Some(dir) = pattern.strip_suffix('/') {
        return path == dir || path.starts_with(pattern);
    }
    match pattern.split_once('*') {
        Some((start, end)) => {
            path.len() >= start.len() + end.len() && path.starts_with(start) && path.ends_with(end)
        }
        None => path == pattern,
    }
}

/// Differences of any set.
const EVERYWHERE: &[(&str, &str)] = &[
    (
        "var/lib/dpkg/info/",
        "dpkg's database: a runner has status.d instead",
    ),
    ("var/lib/dpkg/triggers/", "dpkg's database"),
    ("var/lib/dpkg/updates/", "dpkg's database"),
    ("var/lib/dpkg/status", "dpkg's database"),
    ("var/lib/dpkg/status-old", "dpkg's database"),
    ("var/lib/dpkg/available", "dpkg's database"),
    ("var/lib/dpkg/lock", "dpkg's lock"),
    ("var/lib/dpkg/lock-frontend", "dpkg's lock"),
    ("var/lib/dpkg/*-old", "backups"),
    ("etc/*-", "backups of the account files"),
    ("etc/.pwd.lock", "a lock"),
    (
        "var/cache/debconf/",
        "debconf's database: nothing asks later",
    ),
    ("etc/rc*", "runlevels: an image has no init"),
    ("tmp/hsperfdata_root", "what a running Java leaves"),
    ("run/adduser", "adduser's lock"),
    ("etc/systemd/", "units that are on: an image has no init"),
    (
        "var/lib/systemd/",
        "notes on units that are on: an image has no init",
    ),
    ("var/log/", "logs"),
    ("var/cache/ldconfig/", "ldconfig's notes for its next run"),
    ("*.pyc", "Python bytecode is a cache that runners leave out"),
    (
        "*__pycache__",
        "Python bytecode is a cache that runners leave out",
    ),
];

const GRAPHICS_UNKNOWN: &[(&str, &str)] = &[
    ("shared-mime-info postinst", "runs update-mime-database"),
    (
        "libgdk-pixbuf-2.0-0 postinst",
        "runs gdk-pixbuf-query-loaders, which loads the image's own libraries",
    ),
];
const GRAPHICS_DIFFERS: &[(&str, &str)] = &[
    ("usr/share/mime/", "shared-mime-info's script is unknown"),
    (
        "usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders.cache",
        "libgdk-pixbuf's script is unknown",
    ),
    (
        "var/cache/fontconfig/",
        "fonts are found without their cache",
    ),
    ("*/.uuid", "fontconfig's cache"),
];

pub(crate) const SETS: &[Set] = &[
    Set {
        name: "base",
        packages: &[
            "base-files",
            "base-passwd",
            "dash",
            "coreutils",
            "libc-bin",
            "ca-certificates",
            "tzdata",
        ],
        unknown: &[],
        differs: &[],
    },
    Set {
        name: "ruby",
        packages: &[
            "ca-certificates",
            "tzdata",
            "ruby",
            "puma",
            "ruby-pg",
            "libpq5",
            "postgresql-client",
            "nodejs",
            "git",
            "curl",
            "openssh-client",
            "libjemalloc2",
            "libvips42t64",
            "imagemagick",
            "fontconfig",
            "fonts-dejavu-core",
            "libpam0g",
            "perl",
            "less",
            "libyaml-0-2",
            "sqlite3",
            "tini",
            "procps",
            "netbase",
        ],
        unknown: GRAPHICS_UNKNOWN,
        differs: GRAPHICS_DIFFERS,
    },
    Set {
        name: "python",
        packages: &[
            "python3",
            "python3-psycopg2",
            "python3-numpy",
            "libblas3",
            "liblapack3",
            "libopenblas0",
            "ca-certificates",
            "libpq5",
            "poppler-utils",
            "unzip",
            "vim-tiny",
            "redis-tools",
            "libxslt1.1",
            "rsync",
            "adduser",
            "sudo",
        ],
        unknown: &[],
        differs: &[],
    },
    Set {
        name: "java",
        packages: &[
            "openjdk-21-jre-headless",
            "default-jre-headless",
            "ca-certificates-java",
            "ca-certificates",
        ],
        unknown: &[],
        differs: &[],
    },
];
