//! `dpkg-divert` without renaming: entries of a list, and questions about it (dpkg-divert(1)).

use crate::debian::effects::shell::{Shell, Status, Stop, matches};

/// Where dpkg keeps diversions: three lines each, of path, diverted path, package (`:` is the administrator).
const LIST: &str = "var/lib/dpkg/diversions";

struct Diversion {
    path: String,
    to: String,
    package: String,
}

fn read(shell: &Shell<'_, '_>) -> Result<Vec<Diversion>, Stop> {
    let text = shell.machine.text_of(Some(LIST), LIST)?.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let entries = lines.chunks_exact(3).map(|entry| Diversion {
        path: entry[0].to_owned(),
        to: entry[1].to_owned(),
        package: entry[2].to_owned(),
    });
    Ok(entries.collect())
}

/// The number of buckets of the table in which dpkg keeps paths, and so the order of its list.
const BUCKETS: u32 = 262_139;

/// The bucket of a path: FNV-1a of 32 bits, without the leading slash.
fn bucket(path: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    path.trim_start_matches('/')
        .bytes()
        .fold(2_166_136_261, step)
        % BUCKETS
}

fn write(shell: &mut Shell<'_, '_>, mut diversions: Vec<Diversion>) {
    diversions.sort_by_key(|entry| bucket(&entry.path));
    let lines = diversions
        .iter()
        .map(|entry| format!("{}\n{}\n{}\n", entry.path, entry.to, entry.package));
    let text: String = lines.collect();
    shell.machine.world.write(LIST, text.as_bytes(), 0o644);
}

#[derive(Default)]
struct Request {
    package: Option<String>,
    to: Option<String>,
    action: Option<String>,
    rename: bool,
    operands: Vec<String>,
}

fn request(arguments: &[String]) -> Result<Request, Stop> {
    let mut request = Request::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--package" => request.package = rest.next().cloned(),
            "--divert" => request.to = rest.next().cloned(),
            "--local" => request.package = Some(":".to_owned()),
            "--quiet" | "--no-rename" => {}
            "--rename" => request.rename = true,
            "--add" | "--remove" | "--list" | "--listpackage" | "--truename" => {
                request.action = Some(argument.clone());
            }
            flag if flag.starts_with('-') => return Err(Stop::unknown(format!("option {flag}"))),
            _ => request.operands.push(argument.clone()),
        }
    }
    Ok(request)
}

pub(super) fn run(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let request = request(arguments)?;
    let [path] = request.operands.as_slice() else {
        return Err(Stop::unknown("a form of dpkg-divert"));
    };
    let diversions = read(shell)?;
    match request.action.as_deref() {
        None | Some("--add") => add(shell, diversions, path, &request),
        Some("--remove") => remove(shell, diversions, path, &request),
        Some("--listpackage") => {
            if let Some(entry) = diversions.iter().find(|entry| entry.path == *path) {
                let name = if entry.package == ":" {
                    "LOCAL"
                } else {
                    &entry.package
                };
                shell.print(&format!("{name}\n"))?;
            }
            Ok(0)
        }
        Some("--truename") => {
            let entry = diversions.iter().find(|entry| entry.path == *path);
            let name = entry.map_or(path, |entry| &entry.to);
            shell.print(&format!("{name}\n"))?;
            Ok(0)
        }
        _ if diversions.iter().any(|entry| matches(path, &entry.path)) => {
            Err(Stop::unknown("a list of diversions"))
        }
        _ => Ok(1),
    }
}

fn add(
    shell: &mut Shell<'_, '_>,
    mut diversions: Vec<Diversion>,
    path: &str,
    request: &Request,
) -> Status {
    let to = request
        .to
        .clone()
        .unwrap_or_else(|| format!("{path}.distrib"));
    let package = request.package.clone();
    let package = package
        .or_else(|| shell.get("DPKG_MAINTSCRIPT_PACKAGE"))
        .unwrap_or_default();
    // A diversion moves the files of the packages that are unpacked after it; here all are unpacked already.
    let diverted = |entry: &crate::tree::TreePath| format!("/{entry}") == path;
    let shipped = shell
        .machine
        .packages
        .iter()
        .any(|other| other.name != package && other.files.iter().any(diverted));
    if shipped {
        return Err(Stop::unknown(
            "a diversion of a file that another package ships",
        ));
    }
    if request.rename
        && shell
            .resolve_link(path)
            .and_then(|path| shell.world().lstat(&path))
            .is_some()
    {
        return Err(Stop::unknown("a diversion that renames a file"));
    }
    match diversions.iter().find(|entry| entry.path == path) {
        Some(entry) if entry.to == to && entry.package == package => return Ok(0),
        Some(_) => return super::failed(shell, 2),
        None => {}
    }
    let path = path.to_owned();
    diversions.push(Diversion { path, to, package });
    write(shell, diversions);
    Ok(0)
}

fn remove(
    shell: &mut Shell<'_, '_>,
    mut diversions: Vec<Diversion>,
    path: &str,
    request: &Request,
) -> Status {
    let Some(at) = diversions.iter().position(|entry| entry.path == path) else {
        return Ok(0);
    };
    let entry = &diversions[at];
    let to_differs = request.to.as_ref().is_some_and(|to| *to != entry.to);
    let package_differs = request
        .package
        .as_ref()
        .is_some_and(|package| *package != entry.package);
    if to_differs || package_differs {
        return super::failed(shell, 2);
    }
    if request.rename {
        return Err(Stop::unknown("a diversion that renames a file"));
    }
    diversions.remove(at);
    write(shell, diversions);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_in_the_order_of_dpkgs_table() {
        let in_order = [
            "/lib/x86_64-linux-gnu/libhistory.so.8.2",
            "/lib/x86_64-linux-gnu/libreadline.so.8",
            "/lib64/ld-linux-x86-64.so.2",
            "/lib/x86_64-linux-gnu/libhistory.so.8",
            "/lib/x86_64-linux-gnu/libreadline.so.8.2",
            "/libx32",
            "/lib32",
            "/libo32",
        ];
        assert!(in_order.is_sorted_by_key(|path| bucket(path)));
    }
}
