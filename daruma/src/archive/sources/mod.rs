//! What the host's own apt is configured to: archives, proxies, certificate authorities, passwords.
//!
//! Only where to look is taken from it, never whom to trust: `trusted=yes` and `allow-insecure` change nothing here, and an
//! archive counts as Debian's only once its signed `Release` says so.

mod auth;
mod conf;
mod list;

use std::io::Read;
use std::path::{Path, PathBuf};

use fs_err as fs;

pub use auth::parse_auth;
pub use conf::AptConf;
pub use list::{Source, parse_deb822, parse_one_line};

use crate::http::{Credential, HttpError, Route, Settings, Url};

/// Largest configuration file read.
const MAX_FILE: u64 = 1024 * 1024;

/// Most files read of one directory.
const MAX_FILES: usize = 500;

/// The host's apt configuration, as far as it can be read and understood.
#[derive(Clone, Debug, Default)]
pub struct HostApt {
    /// Its archives, in the order in which apt reads them.
    pub sources: Vec<Source>,
    /// Its `apt.conf`.
    pub conf: AptConf,
    /// Its `auth.conf`.
    pub credentials: Vec<Credential>,
}

impl HostApt {
    /// Reads `/etc/apt` below `root`. What is absent or unreadable (passwords are for root alone) is left out.
    pub fn read(root: &Path) -> Self {
        let apt = root.join("etc/apt");
        let mut sources = parse_one_line(&text(&apt.join("sources.list")));
        for path in folder(&apt.join("sources.list.d")) {
            match path.extension().and_then(|e| e.to_str()) {
                Some("list") => sources.extend(parse_one_line(&text(&path))),
                Some("sources") => sources.extend(parse_deb822(&text(&path))),
                _ => {}
            }
        }
        let mut conf = AptConf::default();
        // apt_conf(5): the directory first, the single file over it.
        let parts = folder(&apt.join("apt.conf.d"))
            .into_iter()
            .filter(|p| is_conf_part(p));
        for path in parts.chain([apt.join("apt.conf")]) {
            conf.add(&text(&path));
        }
        let mut credentials = parse_auth(&text(&apt.join("auth.conf")));
        for path in folder(&apt.join("auth.conf.d")) {
            credentials.extend(parse_auth(&text(&path)));
        }
        Self {
            sources,
            conf,
            credentials,
        }
    }

    /// The client settings that these configurations ask for, over `base`.
    pub fn apply(&self, mut base: Settings) -> Result<Settings, HttpError> {
        base.credentials.extend(self.credentials.iter().cloned());
        // As for apt itself, its own configuration comes before the environment; https falls back to the http proxy
        // (apt-transport-https(1)).
        if let Some(route) = self.route("acquire::http::proxy")? {
            base.proxies.http = via(route.clone());
            base.proxies.https = via(route);
        }
        if let Some(route) = self.route("acquire::https::proxy")? {
            base.proxies.https = via(route);
        }
        for (host, value) in self.conf.per_host("proxy") {
            base.proxies.hosts.insert(host.to_owned(), route(value)?);
        }
        base.extra_ca_files
            .extend(self.conf.all("cainfo").map(PathBuf::from));
        Ok(base)
    }

    fn route(&self, key: &str) -> Result<Option<Route>, HttpError> {
        let value = self.conf.get(key).filter(|value| !value.is_empty());
        value.map(route).transpose()
    }
}

/// `DIRECT` or a proxy.
fn route(value: &str) -> Result<Route, HttpError> {
    if value.eq_ignore_ascii_case("direct") {
        return Ok(Route::Direct);
    }
    crate::http::parse_proxy("apt.conf", value).map(Route::Via)
}

fn via(route: Route) -> Option<Url> {
    match route {
        Route::Direct => None,
        Route::Via(proxy) => Some(proxy),
    }
}

/// apt_conf(5): no extension, or `.conf`.
fn is_conf_part(path: &Path) -> bool {
    path.extension().is_none_or(|e| e == "conf")
}

fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).map(|entries| entries.filter_map(Result::ok).take(MAX_FILES));
    let mut paths: Vec<PathBuf> = entries
        .map(|e| e.map(|e| e.path()).collect())
        .unwrap_or_default();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_configuration_is_read_as_apt_reads_it() {
        let dir = tempfile::tempdir().expect("tempdir");
        let apt = dir.path().join("etc/apt");
        for (path, text) in [
            (
                "sources.list",
                "deb http://one.invalid/debian trixie main\n",
            ),
            (
                "sources.list.d/b.sources",
                "Types: deb\nURIs: http://two.invalid/debian\nSuites: trixie\nComponents: main\n",
            ),
            (
                "sources.list.d/c.list.disabled",
                "deb http://no.invalid/ x main\n",
            ),
            (
                "apt.conf.d/10proxy",
                "Acquire::http::Proxy \"http://first:1\";\nAcquire::http::Proxy::two.invalid \"DIRECT\";",
            ),
            (
                "apt.conf.d/20ca.conf",
                "Acquire { https { CaInfo \"/ca.pem\"; }; };",
            ),
            (
                "apt.conf.d/30x.bak",
                "Acquire::http::Proxy \"http://no:1\";",
            ),
            ("apt.conf", "Acquire::http::Proxy \"http://last:2\";"),
            ("auth.conf.d/x", "machine two.invalid login u password p"),
        ] {
            let path = apt.join(path);
            fs::create_dir_all(path.parent().expect("parent")).expect("dir");
            fs::write(path, text).expect("written");
        }
        let host = HostApt::read(dir.path());
        let uris: Vec<&str> = host.sources.iter().map(|s| s.uri.as_str()).collect();
        assert_eq!(
            uris,
            ["http://one.invalid/debian", "http://two.invalid/debian"]
        );
        let settings = host.apply(Settings::default()).expect("applied");
        let proxy = |url: &str| {
            settings
                .proxies
                .route(&url.parse().expect("url"))
                .map(ToString::to_string)
        };
        assert_eq!(
            proxy("http://one.invalid/").as_deref(),
            Some("http://last:2/")
        );
        assert_eq!(
            proxy("https://one.invalid/").as_deref(),
            Some("http://last:2/")
        );
        assert_eq!(proxy("http://two.invalid/"), None);
        assert_eq!(settings.extra_ca_files, [PathBuf::from("/ca.pem")]);
        assert_eq!(settings.credentials.len(), 1);
    }
}
