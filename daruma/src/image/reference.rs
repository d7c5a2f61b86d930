//! Names of images (distribution/reference's grammar, as Docker and Podman read it).

use std::fmt;
use std::str::FromStr;

use super::Digest;

/// The registry of names that have none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Where that registry keeps names of one part.
const DEFAULT_NAMESPACE: &str = "library/";

/// Longest registry and repository together, in bytes (distribution/reference, `NameTotalLengthMax`).
const MAX_NAME: usize = 255;

/// Longest tag, in bytes (distribution-spec, "Pulling manifests").
const MAX_TAG: usize = 128;

/// `[registry/]repository[:tag][@digest]`. What was left out of registry and namespace is filled in
/// (`ruby` is `docker.io/library/ruby`); a tag is not: whoever needs one says [`Reference::tag_or_latest`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The text is not the name of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of an image: {problem}")]
pub struct InvalidReference {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Reference {
    /// The registry, with a port if it has one, e.g. `docker.io` or `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in it, e.g. `library/ruby`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The tag, else `latest`.
    pub fn tag_or_latest(&self) -> &str {
        self.tag().unwrap_or("latest")
    }

    /// The digest, where one was given.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same with another tag and without a digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidReference> {
        check_tag(tag).map_err(|problem| invalid(tag, problem))?;
        let tag = Some(tag.to_owned());
        Ok(Self {
            tag,
            digest: None,
            ..self.clone()
        })
    }

    /// The same at a digest.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// The same repository with `-suffix` at its end, e.g. `shop-web`.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, InvalidReference> {
        let repository = format!("{}-{suffix}", self.repository);
        check_repository(&repository).map_err(|problem| invalid(&repository, problem))?;
        Ok(Self {
            repository,
            ..self.clone()
        })
    }

    /// As people write it: without the default registry and namespace.
    pub fn familiar(&self) -> String {
        self.written(|name| {
            let name = name.strip_prefix("docker.io/").unwrap_or(name);
            name.strip_prefix(DEFAULT_NAMESPACE)
                .filter(|rest| !rest.contains('/'))
                .unwrap_or(name)
        })
    }

    fn written(&self, shorten: impl Fn(&str) -> &str) -> String {
        let mut text = shorten(&format!("{}/{}", self.registry, self.repository)).to_owned();
        if let Some(tag) = &self.tag {
            text.extend([":", tag]);
        }
        if let Some(digest) = &self.digest {
            text.extend(["@", &digest.to_string()]);
        }
        text
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(|name| name))
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        parse(text).map_err(|problem| invalid(text, problem))
    }
}

fn invalid(text: &str, problem: &'static str) -> InvalidReference {
    let text = text.chars().take(MAX_NAME * 2).collect();
    InvalidReference { text, problem }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (
            name,
            Some(
                digest
                    .parse()
                    .map_err(|_| "what follows `@` is not a sha256 digest")?,
            ),
        ),
        None => (text, None),
    };
    // A colon after the last slash begins a tag; one before it is a registry's port.
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match name[last..].find(':') {
        Some(at) => (&name[..last + at], Some(&name[last + at + 1..])),
        None => (name, None),
    };
    tag.map_or(Ok(()), check_tag)?;
    let (registry, repository) = split_registry(name);
    check_registry(registry)?;
    check_repository(&repository)?;
    if registry.len() + 1 + repository.len() > MAX_NAME {
        return Err("it is longer than 255 bytes");
    }
    Ok(Reference {
        registry: registry.to_owned(),
        repository,
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// A first part with a dot, a colon or an upper-case letter, or `localhost`, is a registry (Docker's rule).
fn split_registry(name: &str) -> (&str, String) {
    let is_registry = |first: &str| {
        first == "localhost"
            || first.contains(['.', ':'])
            || first.bytes().any(|b| b.is_ascii_uppercase())
    };
    let (registry, rest) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (DEFAULT_REGISTRY, name),
    };
    // Docker's first name of its registry.
    let registry = if registry == "index.docker.io" {
        DEFAULT_REGISTRY
    } else {
        registry
    };
    if registry == DEFAULT_REGISTRY && !rest.contains('/') {
        (registry, format!("{DEFAULT_NAMESPACE}{rest}"))
    } else {
        (registry, rest.to_owned())
    }
}

fn ensure(fine: bool, problem: &'static str) -> Result<(), &'static str> {
    if fine { Ok(()) } else { Err(problem) }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || b == b'-';
    let begins = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    ensure(
        begins && tag.len() <= MAX_TAG && tag.bytes().all(fine),
        "a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`",
    )
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let label = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_fine = match address {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    ensure(
        host_fine && port.is_none_or(|port| port.parse::<u16>().is_ok()),
        "what stands before the first `/` is not a registry's host and port",
    )
}

fn check_repository(repository: &str) -> Result<(), &'static str> {
    ensure(
        repository.split('/').all(is_path_component),
        "a repository is lower-case letters and digits, with `.`, `_`, `__`, `-` or `/` between",
    )
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_path_component(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator =
        |gap: &str| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-');
    part.starts_with(alphanumeric)
        && part.ends_with(alphanumeric)
        && part.split(alphanumeric).all(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let rows = [
            ("ruby", "docker.io/library/ruby", "ruby"),
            (
                "ruby:3.1.2-slim",
                "docker.io/library/ruby:3.1.2-slim",
                "ruby:3.1.2-slim",
            ),
            ("index.docker.io/ruby", "docker.io/library/ruby", "ruby"),
            ("me/app", "docker.io/me/app", "me/app"),
            (
                "docker.io/library/a/b",
                "docker.io/library/a/b",
                "library/a/b",
            ),
            ("localhost/app:1", "localhost/app:1", "localhost/app:1"),
            (
                "localhost:5000/a/b__c",
                "localhost:5000/a/b__c",
                "localhost:5000/a/b__c",
            ),
            ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
            (
                "reg.example/a-b.c/d--e:T_1",
                "reg.example/a-b.c/d--e:T_1",
                "reg.example/a-b.c/d--e:T_1",
            ),
            ("Host/app", "Host/app", "Host/app"),
        ];
        for (text, full, familiar) in rows {
            let reference: Reference = text.parse().expect(text);
            assert_eq!(reference.to_string(), full, "{text}");
            assert_eq!(reference.familiar(), familiar, "{text}");
            assert_eq!(full.parse(), Ok(reference));
        }
        let both: Reference = format!("ruby:3@{digest}").parse().expect("tag and digest");
        assert_eq!(
            both.to_string(),
            format!("docker.io/library/ruby:3@{digest}")
        );
        assert_eq!(
            (both.tag(), both.digest()),
            (Some("3"), digest.parse().ok())
        );
    }

    #[test]
    fn a_missing_tag_stays_missing_until_somebody_asks_for_latest() {
        let reference: Reference = "shop".parse().expect("valid");
        assert_eq!(reference.tag(), None);
        assert_eq!(reference.tag_or_latest(), "latest");
        let web = reference
            .with_suffix("web")
            .and_then(|name| name.with_tag("v1"));
        assert_eq!(
            web.map(|name| name.familiar()),
            Ok("shop-web:v1".to_owned())
        );
    }

    #[test]
    fn names_that_no_registry_takes_are_refused() {
        let long = "a/".repeat(140) + "a";
        let rows = [
            "",
            "/",
            "a//b",
            "a/",
            "/a",
            "Ruby",
            "a:",
            "a:-b",
            "a:b:c",
            "a@",
            "a@sha256:00",
            "a___b",
            "a._b",
            "-a",
            "a-",
            "../a",
            "a/../b",
            "a b",
            "host:port/a",
            "host:99999/a",
            "-h.io/a",
            "h..io/a",
            "[::zz]/a",
            "é/a",
            "a\0",
            &long,
        ];
        for text in rows {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }
}
