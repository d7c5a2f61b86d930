//! Which Debian package has a program that a process names.

/// Programs in names that are not their package's, or that people name often enough to be found without a
/// declaration. Everything else is declared under `[runner] packages`.
const PACKAGES: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("bundle", "ruby-bundler"),
    ("busybox", "busybox"),
    ("caddy", "caddy"),
    ("curl", "curl"),
    ("gunicorn", "gunicorn"),
    ("java", "default-jre-headless"),
    ("lighttpd", "lighttpd"),
    ("lua", "lua5.4"),
    ("nginx", "nginx-light"),
    ("node", "nodejs"),
    ("perl", "perl"),
    ("php", "php-cli"),
    ("psql", "postgresql-client"),
    ("puma", "puma"),
    ("python3", "python3"),
    ("rackup", "ruby-rackup"),
    ("rake", "rake"),
    ("redis-server", "redis-server"),
    ("ruby", "ruby"),
    ("sh", "dash"),
    ("socat", "socat"),
    ("sqlite3", "sqlite3"),
    ("tclsh", "tcl"),
    ("uvicorn", "uvicorn"),
];

/// Programs of coreutils that processes start: no runner with the default base lacks them, and a smaller one gets them.
const COREUTILS: &[&str] = &[
    "cat", "cp", "date", "env", "head", "id", "ln", "ls", "mkdir", "mv", "nice", "nohup", "pwd",
    "rm", "rmdir", "sleep", "sort", "stdbuf", "tail", "tee", "timeout", "touch", "tr", "yes",
];

/// The package that has `program`, where daruma knows it.
pub(super) fn package_of(program: &str) -> Option<&'static str> {
    if COREUTILS.contains(&program) {
        return Some("coreutils");
    }
    PACKAGES
        .iter()
        .find(|(name, _)| *name == program)
        .map(|(_, package)| *package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_a_row_is_found_by_eye() {
        assert!(PACKAGES.is_sorted() && COREUTILS.is_sorted());
        assert_eq!(package_of("node"), Some("nodejs"));
        assert_eq!(package_of("sh"), Some("dash"));
        assert_eq!(package_of("sleep"), Some("coreutils"));
        assert_eq!(package_of("no-such-program"), None);
    }
}
