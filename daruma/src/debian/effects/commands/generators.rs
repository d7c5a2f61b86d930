//! Programs of packages that make files from other files.

use super::{Run, keystore, pam, rehash};
use crate::debian::effects::input::Kind;
use crate::debian::effects::shell::{Shell, Status, Stop};

/// Why compiled Python files are left out.
const BYTECODE: &str =
    "Python bytecode: a cache that Python makes itself, and half the size of what it caches";
/// Why caches of fonts and icons are left out.
const CACHE: &str = "caches of fonts and icons: programs work without them";

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "py3compile" | "pypy3compile" => |shell, _| {
            shell.machine.omit(BYTECODE);
            Ok(0)
        },
        "fc-cache" | "gtk-update-icon-cache" | "update-icon-caches" => |shell, _| {
            shell.machine.omit(CACHE);
            Ok(0)
        },
        "openssl" => rehash::openssl,
        "java" => keystore::java,
        "pam-auth-update" => pam::update,
        "glib-compile-schemas" => {
            |shell, arguments| nothing_to_do(shell, arguments, ".gschema.xml")
        }
        "gio-querymodules" => |shell, arguments| nothing_to_do(shell, arguments, ".so"),
        _ if is_python(name) => python,
        _ => return None,
    })
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python3")
        .is_some_and(|rest| rest.chars().all(|c| c == '.' || c.is_ascii_digit()))
}

fn python(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let script = arguments.iter().find(|argument| !argument.starts_with('-'));
    if script.is_some_and(|script| script.ends_with("/py_compile.py")) {
        shell.machine.omit(BYTECODE);
        return Ok(0);
    }
    Err(Stop::unknown("a Python program"))
}

/// A program that indexes the files with `suffix` in a directory, where there are none.
fn nothing_to_do(shell: &mut Shell<'_, '_>, arguments: &[String], suffix: &str) -> Status {
    let [dir] = arguments else {
        return Err(Stop::unknown("options"));
    };
    let names = match shell.resolve(dir) {
        Some(path)
            if shell
                .world()
                .lstat(&path)
                .is_some_and(|stat| stat.kind == Kind::Dir) =>
        {
            shell.world().list(&path)
        }
        _ => Vec::new(),
    };
    if names.iter().any(|name| name.ends_with(suffix)) {
        return Err(Stop::unknown("an index of files that packages bring"));
    }
    Ok(0)
}
