//! Which of a package's paths a runner holds, and where.

use crate::tree::{InvalidPath, TreePath};

/// Directories whose content nothing reads when an app runs.
const UNWANTED: &[&str] = &[
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc-base",
    "usr/share/fish/vendor_completions.d",
    "usr/share/gtk-doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/man",
    "usr/share/menu",
    "usr/share/zsh/vendor-completions",
];

/// Where copyright files stand, the only documentation that a runner keeps.
const DOC: &str = "usr/share/doc";

/// The top directories that are links into `usr` on merged systems (Debian since 12).
pub(super) const MERGED: &[&str] = &["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

/// What becomes of a path that a package ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stands at this path.
    Keep(TreePath),
    /// A runner does without it.
    Drop,
    /// A directory that stands only if something below it does.
    IfUsed(TreePath),
}

/// The fate of `path`; `is_dir` tells directories from all else.
pub(super) fn fate(path: &TreePath, is_dir: bool) -> Result<Fate, InvalidPath> {
    if is_dir && MERGED.iter().any(|dir| path.as_bytes() == dir.as_bytes()) {
        return Ok(Fate::Drop);
    }
    let path = merged(path)?;
    if UNWANTED.iter().any(|dir| is_below(&path, dir)) || is_gem_source(&path) {
        return Ok(Fate::Drop);
    }
    if !is_below(&path, DOC) {
        return Ok(Fate::Keep(path));
    }
    Ok(match (is_dir, depth_below_doc(&path)) {
        (true, _) => Fate::IfUsed(path),
        // A link in the place of a package's whole directory leads to another package's copyright.
        (false, 1) => Fate::Keep(path),
        (false, 2) if path.name() == b"copyright" => Fate::Keep(path),
        _ => Fate::Drop,
    })
}

/// `path` on a system whose `/bin`, `/sbin` and `/lib*` are links into `/usr`.
pub(super) fn merged(path: &TreePath) -> Result<TreePath, InvalidPath> {
    let first = path
        .as_bytes()
        .split(|&b| b == b'/')
        .next()
        .unwrap_or_default();
    if first.len() < path.as_bytes().len() && MERGED.iter().any(|dir| dir.as_bytes() == first) {
        return TreePath::new(&[b"usr/", path.as_bytes()].concat());
    }
    Ok(path.clone())
}

fn is_below(path: &TreePath, dir: &str) -> bool {
    path.as_bytes()
        .strip_prefix(dir.as_bytes())
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// C code that a Ruby gem's extension was compiled from, which Debian's packages of some gems have beside the extension.
fn is_gem_source(path: &TreePath) -> bool {
    let path = String::from_utf8_lossy(path.as_bytes());
    let in_gem = path
        .split_once("/gems/")
        .is_some_and(|(_, gem)| gem.contains("/ext/"));
    in_gem && [".c", ".h"].iter().any(|end| path.ends_with(end))
}

fn depth_below_doc(path: &TreePath) -> usize {
    memchr::memchr_iter(b'/', &path.as_bytes()[DOC.len()..]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_holds_what_runs_and_what_the_licences_ask_for() {
        let rows = [
            ("usr/bin/ruby", false, "keep usr/bin/ruby"),
            ("bin/sh", false, "keep usr/bin/sh"),
            (
                "lib64/ld-linux-x86-64.so.2",
                false,
                "keep usr/lib64/ld-linux-x86-64.so.2",
            ),
            ("lib", true, "drop"),
            ("lib64", false, "keep lib64"),
            ("library/x", false, "keep library/x"),
            (
                "usr/share/doc/ruby/copyright",
                false,
                "keep usr/share/doc/ruby/copyright",
            ),
            ("usr/share/doc/ruby/NEWS.gz", false, "drop"),
            ("usr/share/doc/ruby/examples/copyright", false, "drop"),
            ("usr/share/doc/libruby", false, "keep usr/share/doc/libruby"),
            ("usr/share/doc/ruby", true, "if used usr/share/doc/ruby"),
            ("usr/share/man/man1/ruby.1.gz", false, "drop"),
            ("usr/share/man", true, "drop"),
            ("usr/share/manual", true, "keep usr/share/manual"),
            ("usr/lib/ruby/gems/nio4r-2/ext/libev/ev.h", false, "drop"),
            (
                "usr/lib/ruby/gems/nio4r-2/lib/ext/nio.so",
                false,
                "keep usr/lib/ruby/gems/nio4r-2/lib/ext/nio.so",
            ),
            (
                "usr/include/python3/pyconfig.h",
                false,
                "keep usr/include/python3/pyconfig.h",
            ),
        ];
        for (path, is_dir, expected) in rows {
            let path = TreePath::try_from(path).expect("a path");
            let text = match fate(&path, is_dir).expect("a fate") {
                Fate::Keep(path) => format!("keep {path}"),
                Fate::IfUsed(path) => format!("if used {path}"),
                Fate::Drop => "drop".to_owned(),
            };
            assert_eq!(text, expected, "{path}");
        }
    }
}
