//! The keys of `daruma.toml` as data: for messages, for the reference page's test and for `daruma schema`.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its full name; `*` stands for a name that the user chooses.
    pub path: &'static str,
    /// The values that it takes.
    pub form: &'static str,
    /// What it says, one sentence without a period.
    pub about: &'static str,
}

const fn key(path: &'static str, form: &'static str, about: &'static str) -> Key {
    Key { path, form, about }
}

/// Every key that `daruma.toml` may have, in the order of the reference page.
pub const KEYS: &[Key] = &[
    key(
        "name",
        "text",
        "the application's name, which begins the names of its images",
    ),
    key(
        "platforms",
        "list of texts",
        "platforms to build for, such as `linux/amd64`",
    ),
    key("debian.mirror", "text", "URL of the Debian archive"),
    key(
        "debian.security",
        "text",
        "URL of the Debian security archive",
    ),
    key(
        "debian.keyring",
        "text",
        "file with keys that may sign the archive's indexes",
    ),
    key(
        "debian.snapshot",
        "text",
        "URL of a snapshot service, for packages that mirrors no longer have",
    ),
    key(
        "debian.expired",
        "`refuse` or `accept`",
        "what to do with an index past its `Valid-Until`",
    ),
    key(
        "builder.suite",
        "text",
        "Debian suite that the builder is made from",
    ),
    key(
        "builder.image",
        "text",
        "image that the builder is made from",
    ),
    key(
        "builder.dockerfile",
        "text",
        "Dockerfile that the builder is made from",
    ),
    key("builder.target", "text", "stage of that Dockerfile"),
    key(
        "builder.args.*",
        "text",
        "build argument of that Dockerfile",
    ),
    key(
        "builder.packages",
        "list of texts",
        "more Debian packages, such as `libpq-dev (>= 15)`",
    ),
    key(
        "runner.suite",
        "text",
        "Debian suite that the runner is made from",
    ),
    key("runner.image", "text", "image that the runner is made from"),
    key(
        "runner.dockerfile",
        "text",
        "Dockerfile that the runner is made from",
    ),
    key("runner.target", "text", "stage of that Dockerfile"),
    key("runner.args.*", "text", "build argument of that Dockerfile"),
    key(
        "runner.packages",
        "list of texts",
        "more Debian packages, such as `libpq5 (>= 15)`",
    ),
    key(
        "runner.base",
        "`default`, `minimal` or `none`",
        "how much of a system the runner holds",
    ),
    key(
        "runner.runtime",
        "`runner` or `app`",
        "where the language runtime lies",
    ),
    key(
        "compile.run",
        "text or list of texts",
        "commands that compile the application",
    ),
    key(
        "compile.workdir",
        "text",
        "directory that they run in, relative to the application's",
    ),
    key(
        "build.credentials",
        "list of texts",
        "credentials that package managers may see",
    ),
    key(
        "build.network",
        "`none`, `deps` or `host`",
        "what of the network commands may reach",
    ),
    key(
        "env.*",
        "text",
        "environment variable in the image's configuration",
    ),
    key(
        "versions.*",
        "text",
        "version of a language, such as `ruby = \"3.3\"`",
    ),
    key(
        "process.*.command",
        "text",
        "command of a process, in place of the Procfile's",
    ),
    key(
        "process.*.start",
        "`true` or `false`",
        "whether `daruma start` without names starts it",
    ),
    key(
        "engine.default",
        "`sandbox`, `docker` or `podman`",
        "what runs commands in images",
    ),
];

/// The names that may stand in the table with this path (`""` is the file itself), each once; `*` where the user chooses.
pub(super) fn names_in(table: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = KEYS
        .iter()
        .filter_map(|key| name_below(table, key.path))
        .collect();
    names.dedup();
    names
}

/// The tables in which a key of this name is known.
pub(super) fn tables_with(name: &str) -> Vec<&'static str> {
    let split = KEYS.iter().filter_map(|key| key.path.rsplit_once('.'));
    split
        .filter(|&(_, last)| last == name)
        .map(|(table, _)| table)
        .collect()
}

fn name_below(table: &str, path: &'static str) -> Option<&'static str> {
    let rest = match table {
        "" => path,
        _ => path.strip_prefix(table)?.strip_prefix('.')?,
    };
    rest.split('.').next()
}
