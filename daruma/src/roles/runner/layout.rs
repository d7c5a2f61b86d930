//! How members become one layer: which directories stand in the skeleton, which package a path belongs to, and what
//! comes last.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::member::{Item, Member, MemberInfo, What};
use super::paths::MERGED;

/// The packages of a layer in the order of their members, with what stands before them.
#[derive(Debug)]
pub(super) struct Layout {
    /// Directories, and the links of merged systems where no package ships them, parents first.
    pub skeleton: Vec<Item>,
    /// Paths that a package gives up because another one replaces them, by package.
    pub given_up: BTreeMap<String, BTreeSet<String>>,
}

/// The packages do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LayoutError {
    /// Two packages ship one path and neither replaces the other.
    #[error("cannot put `{first}` and `{second}` into one image: both ship /{path}")]
    Conflict {
        /// The package that came first.
        first: String,
        /// The package that came second.
        second: String,
        /// The path.
        path: String,
    },
    /// A path lies below something that is no directory.
    #[error("cannot unpack `{package}`: /{path} lies below /{parent}, which is no directory")]
    BelowFile {
        /// The package.
        package: String,
        /// Its path.
        path: String,
        /// What is no directory.
        parent: String,
    },
    /// A package ships a directory where another ships something else.
    #[error(
        "cannot put `{first}` and `{second}` into one image: /{path} is a directory in one of them only"
    )]
    Kind {
        /// The package with the directory.
        first: String,
        /// The other.
        second: String,
        /// The path.
        path: String,
    },
}

/// Works out the layout of `members`, which are in the layer's order.
pub(super) fn layout(members: &[Member]) -> Result<Layout, LayoutError> {
    let infos: Vec<&MemberInfo> = members.iter().map(|member| &member.info).collect();
    let owners = owners(&infos)?;
    let mut given_up: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for info in &infos {
        for item in &info.entries {
            if owners.get(item.path.as_str()) != Some(&info.package.as_str()) {
                given_up
                    .entry(info.package.clone())
                    .or_default()
                    .insert(item.path.clone());
            }
        }
    }
    Ok(Layout {
        skeleton: skeleton(&infos, &owners)?,
        given_up,
    })
}

/// Which package each path that is no directory belongs to.
fn owners<'a>(infos: &[&'a MemberInfo]) -> Result<HashMap<&'a str, &'a str>, LayoutError> {
    let by_name: HashMap<&str, &MemberInfo> = infos
        .iter()
        .map(|info| (info.package.as_str(), *info))
        .collect();
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for info in infos {
        for item in &info.entries {
            let Some(first) = owners.insert(&item.path, &info.package) else {
                continue;
            };
            let winner = winner(by_name[first], info, &item.path)?;
            owners.insert(&item.path, winner);
        }
    }
    Ok(owners)
}

/// dpkg lets a package overwrite files of those that it replaces (deb-control(5), `Replaces`).
fn winner<'a>(
    first: &'a MemberInfo,
    second: &'a MemberInfo,
    path: &str,
) -> Result<&'a str, LayoutError> {
    if first.package == second.package || replaces(first, &second.package) {
        Ok(&first.package)
    } else if replaces(second, &first.package) {
        Ok(&second.package)
    } else {
        let (first, second) = (first.package.clone(), second.package.clone());
        Err(LayoutError::Conflict {
            first,
            second,
            path: path.to_owned(),
        })
    }
}

fn replaces(info: &MemberInfo, other: &str) -> bool {
    let control = info
        .control
        .get("control")
        .map_or("", |file| file.text.as_str());
    let field = control
        .lines()
        .find_map(|line| line.strip_prefix("Replaces:"))
        .unwrap_or_default();
    field
        .split([',', '|'])
        .any(|part| part.split_whitespace().next() == Some(other))
}

fn skeleton(infos: &[&MemberInfo], owners: &HashMap<&str, &str>) -> Result<Vec<Item>, LayoutError> {
    let mut dirs: BTreeMap<&str, (&Item, &str)> = BTreeMap::new();
    // base-files is the package that decides about the directories that all share.
    let by_authority = infos
        .iter()
        .filter(|info| info.package == "base-files")
        .chain(infos);
    for info in by_authority {
        for item in &info.dirs {
            if let Some(second) = owners.get(item.path.as_str()) {
                let (first, path) = (info.package.clone(), item.path.clone());
                return Err(LayoutError::Kind {
                    first,
                    second: (*second).to_owned(),
                    path,
                });
            }
            dirs.entry(&item.path).or_insert((item, &info.package));
        }
    }
    let mut out: BTreeMap<String, Item> = dirs
        .into_iter()
        .map(|(path, (item, _))| (path.to_owned(), item.clone()))
        .collect();
    add_parents(infos, owners, &mut out)?;
    add_merged_links(owners, &mut out);
    Ok(out.into_values().collect())
}

/// Directories that no package ships but that something stands below.
fn add_parents(
    infos: &[&MemberInfo],
    owners: &HashMap<&str, &str>,
    out: &mut BTreeMap<String, Item>,
) -> Result<(), LayoutError> {
    for info in infos {
        for item in info.entries.iter().chain(&info.dirs) {
            for (at, _) in item.path.match_indices('/') {
                let parent = &item.path[..at];
                if owners.contains_key(parent) {
                    let (package, path) = (info.package.clone(), item.path.clone());
                    return Err(LayoutError::BelowFile {
                        package,
                        path,
                        parent: parent.to_owned(),
                    });
                }
                out.entry(parent.to_owned())
                    .or_insert_with(|| plain_dir(parent, item.mtime));
            }
        }
    }
    Ok(())
}

fn plain_dir(path: &str, mtime: i64) -> Item {
    Item {
        path: path.to_owned(),
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime,
        what: What::Dir,
    }
}

/// `/bin`, `/sbin` and `/lib*` are links into `/usr`; since Debian 13 base-files ships them.
fn add_merged_links(owners: &HashMap<&str, &str>, out: &mut BTreeMap<String, Item>) {
    let mtime = out.get("usr").map_or(0, |usr| usr.mtime);
    for dir in MERGED {
        let target = format!("usr/{dir}");
        if !owners.contains_key(dir) && out.contains_key(&target) {
            let what = What::Symlink(target);
            let link = Item {
                path: (*dir).to_owned(),
                mode: 0o777,
                uid: 0,
                gid: 0,
                mtime,
                what,
            };
            out.insert((*dir).to_owned(), link);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::member::ControlText;
    use super::super::sum::Sum;
    use super::*;

    fn member(package: &str, replaces: &str, dirs: &[&str], files: &[&str]) -> Member {
        let item = |path: &&str, what| Item {
            path: (*path).to_owned(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 7,
            what,
        };
        let text = format!("Package: {package}\nReplaces: {replaces}\n");
        let info = MemberInfo {
            format: 1,
            package: package.to_owned(),
            control: BTreeMap::from([("control".to_owned(), ControlText { mode: 0o644, text })]),
            entries: files
                .iter()
                .map(|path| item(path, What::File { at: 0, size: 0 }))
                .collect(),
            dirs: dirs.iter().map(|path| item(path, What::Dir)).collect(),
            tar: Sum::default(),
            gzip: Sum::default(),
        };
        Member {
            info,
            tar: PathBuf::new(),
            gzip: PathBuf::new(),
        }
    }

    fn paths(layout: &Layout) -> Vec<&str> {
        layout
            .skeleton
            .iter()
            .map(|item| item.path.as_str())
            .collect()
    }

    #[test]
    fn directories_stand_once_and_parents_come_first() {
        let members = [
            member("a", "", &["usr", "usr/bin"], &["usr/bin/a"]),
            member("b", "", &["usr", "usr/bin"], &["usr/bin/b", "usr/lib/b/x"]),
        ];
        let layout = layout(&members).expect("a layout");
        assert_eq!(
            paths(&layout),
            ["bin", "lib", "usr", "usr/bin", "usr/lib", "usr/lib/b"]
        );
        assert!(layout.given_up.is_empty());
    }

    #[test]
    fn a_replaced_path_is_given_up_by_the_package_that_is_replaced() {
        let members = [
            member("old", "", &[], &["etc/x"]),
            member("new", "old (<< 2)", &[], &["etc/x"]),
        ];
        let layout = layout(&members).expect("a layout");
        let given_up = BTreeMap::from([("old".to_owned(), BTreeSet::from(["etc/x".to_owned()]))]);
        assert_eq!(layout.given_up, given_up);
    }

    #[test]
    fn packages_that_do_not_fit_together_are_named() {
        let rows = [
            (
                [
                    member("a", "", &[], &["etc/x"]),
                    member("b", "", &[], &["etc/x"]),
                ],
                "cannot put `a` and `b` into one image: both ship /etc/x",
            ),
            (
                [
                    member("a", "", &[], &["etc/x"]),
                    member("b", "", &[], &["etc/x/y"]),
                ],
                "cannot unpack `b`: /etc/x/y lies below /etc/x, which is no directory",
            ),
            (
                [
                    member("a", "", &["etc/x"], &[]),
                    member("b", "", &[], &["etc/x"]),
                ],
                "cannot put `a` and `b` into one image: /etc/x is a directory in one of them only",
            ),
        ];
        for (members, expected) in rows {
            let error = layout(&members).map(|_| ()).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }
}
