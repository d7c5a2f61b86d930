//! The shell that runs in the configure root.

use std::fmt::Write as _;

use super::super::member::{Item, What};

/// A package as dpkg names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Its name.
    pub package: String,
    /// What its files in `info/` begin with.
    pub info: String,
    /// Its architecture.
    pub architecture: String,
}

/// Run first of all: they make the files and links that the others' scripts take for granted, as debootstrap does.
const FIRST: &[&str] = &["base-passwd", "base-files"];

/// `--force-depends` because a package may be configured before one that it depends on, whose script is unknown; nobody is
/// there to ask about configuration files.
const DPKG: &str = "dpkg --force-depends,confold";

/// Ends with the first failure, and makes files as an installer does.
const HEAD: &str = "set -e\numask 022\n";

/// As dpkg calls a preinst (deb-preinst(5); dpkg(1), "Internal environment").
const PREINST: &str = "\
preinst() {
  DPKG_MAINTSCRIPT_PACKAGE=$1 DPKG_MAINTSCRIPT_ARCH=$3 DPKG_MAINTSCRIPT_NAME=preinst \\
    DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= \\
    \"/var/lib/dpkg/info/$2.preinst\" install || {
    echo \"dpkg: error processing package $1 (--unpack):\" >&2
    return 1
  }
}
";

/// Configures what is in the root for the scripts' sake: all preinsts, then all packages.
pub(super) fn prepare(owned: &[Item], preinsts: &[Name], packages: &[Name]) -> String {
    let mut text = format!("{HEAD}{PREINST}");
    for item in owned {
        own(&mut text, item);
    }
    let rank = |name: &Name| FIRST.iter().position(|first| *first == name.package);
    let mut preinsts: Vec<&Name> = preinsts.iter().collect();
    preinsts.sort_by_key(|name| (rank(name).unwrap_or(FIRST.len()), name.package.clone()));
    for name in preinsts {
        preinst(&mut text, name);
    }
    if !packages.is_empty() {
        let _ = write!(text, "{DPKG} --configure");
        for name in packages {
            let _ = write!(text, " {}", quote(&name.package));
        }
        text.push('\n');
    }
    text
}

/// What a package with an unknown script needs to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// `preinst`, then `postinst configure`.
    Both,
    /// `postinst configure`.
    Postinst,
    /// `postinst triggered` with these.
    Triggers(Vec<String>),
}

/// Configures one package with an unknown script.
pub(super) fn configure(name: &Name, task: &Task) -> String {
    let mut text = format!("{HEAD}{PREINST}");
    let package = quote(&name.package);
    if *task == Task::Both {
        preinst(&mut text, name);
    }
    if let Task::Triggers(triggers) = task {
        for trigger in triggers {
            let trigger = quote(trigger);
            let _ = writeln!(
                text,
                "dpkg-trigger --no-await --by-package={package} {trigger}"
            );
        }
        let _ = writeln!(text, "{DPKG} --triggers-only --pending");
    } else {
        let _ = writeln!(text, "{DPKG} --configure {package}");
    }
    text
}

fn preinst(text: &mut String, name: &Name) {
    let words = [&name.package, &name.info, &name.architecture].map(|word| quote(word));
    let _ = writeln!(text, "preinst {}", words.join(" "));
}

/// `chown` before `chmod`, which it takes bits away from.
fn own(text: &mut String, item: &Item) {
    let path = quote(&format!("/{}", item.path));
    let _ = writeln!(text, "chown -h {}:{} {path}", item.uid, item.gid);
    if !matches!(item.what, What::Symlink(_)) {
        let _ = writeln!(text, "chmod {:o} {path}", item.mode);
    }
}

/// A word of the shell; names with a zero byte, which are none, come out empty.
fn quote(word: &str) -> String {
    shlex::try_quote(word).unwrap_or_default().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(package: &str) -> Name {
        Name {
            package: package.to_owned(),
            info: format!("{package}:amd64"),
            architecture: "amd64".to_owned(),
        }
    }

    fn last_lines(text: &str) -> &str {
        text.rsplit_once("}\n").map_or(text, |(_, rest)| rest)
    }

    #[test]
    fn preinsts_come_before_packages_and_those_of_the_base_first() {
        let item = Item {
            path: "usr/sbin/a b".to_owned(),
            mode: 0o2755,
            uid: 0,
            gid: 42,
            mtime: 0,
            what: What::File { at: 0, size: 0 },
        };
        let preinsts = [name("aa"), name("base-files"), name("base-passwd")];
        let text = prepare(&[item], &preinsts, &[name("aa"), name("zz")]);
        insta::assert_snapshot!(last_lines(&text), @r"
        chown -h 0:42 '/usr/sbin/a b'
        chmod 2755 '/usr/sbin/a b'
        preinst base-passwd base-passwd:amd64 amd64
        preinst base-files base-files:amd64 amd64
        preinst aa aa:amd64 amd64
        dpkg --force-depends,confold --configure aa zz
        ");
    }

    #[test]
    fn a_package_gets_what_was_not_understood_of_it() {
        let rows = [
            (
                Task::Both,
                "preinst aa aa:amd64 amd64\ndpkg --force-depends,confold --configure aa\n",
            ),
            (
                Task::Postinst,
                "dpkg --force-depends,confold --configure aa\n",
            ),
            (
                Task::Triggers(vec!["t".to_owned()]),
                "dpkg-trigger --no-await --by-package=aa t\n\
                 dpkg --force-depends,confold --triggers-only --pending\n",
            ),
        ];
        for (task, expected) in rows {
            assert_eq!(last_lines(&configure(&name("aa"), &task)), expected);
        }
    }
}
