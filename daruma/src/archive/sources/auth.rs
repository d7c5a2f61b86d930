//! `apt_auth.conf(5)`: netrc with optional schemes.

use crate::http::{Credential, Scheme};

/// Most entries taken from one file.
const MAX_ENTRIES: usize = 1000;

/// Reads `machine [http://]host[:port][/path] login NAME password SECRET`, in any line breaks.
pub fn parse_auth(text: &str) -> Vec<Credential> {
    let uncommented = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let words: Vec<&str> = uncommented.flat_map(str::split_whitespace).collect();
    let mut found: Vec<Credential> = Vec::new();
    for pair in words.chunks(2).take(3 * MAX_ENTRIES) {
        match (pair, found.last_mut()) {
            (["machine", name], _) => found.push(machine(name)),
            (["login", user], Some(entry)) => (*user).clone_into(&mut entry.user),
            (["password", secret], Some(entry)) => (*secret).clone_into(&mut entry.password),
            // An unknown word: where the next pair begins cannot be known.
            _ => break,
        }
    }
    found.retain(|entry| !entry.user.is_empty());
    found
}

fn machine(name: &str) -> Credential {
    let (scheme, rest) = match name.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some((_, rest)) => (Scheme::Https, rest),
        None => (Scheme::Https, name),
    };
    let (server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (server, None),
    };
    Credential {
        scheme,
        host: host.to_ascii_lowercase(),
        port,
        path: path.to_owned(),
        user: String::new(),
        password: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_scheme_host_port_and_path() {
        let text = "# me\nmachine Example.org\nlogin a\npassword x\nmachine http://h:81/deb login b password y\nmachine z";
        let found = parse_auth(text);
        let shown: Vec<String> = found
            .iter()
            .map(|c| format!("{c:?} {} {:?}", c.user, c.port))
            .collect();
        assert_eq!(
            shown,
            [
                "Credential(Https example.org ***) a None",
                "Credential(Http h/deb ***) b Some(81)"
            ]
        );
    }
}
