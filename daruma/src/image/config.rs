//! What a container of an image runs as (OCI image-spec, config.md, "config").

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The execution parameters of an image. Empty values are not written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageConfig {
    /// The environment, in order.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Env::is_empty"
    )]
    pub env: Env,
    /// Program and first arguments.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub entrypoint: Vec<String>,
    /// Further arguments, which a user's own replace.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cmd: Vec<String>,
    /// Where it starts.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub working_dir: String,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty is root.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub user: String,
    /// Ports that it listens on.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Ports::is_empty"
    )]
    pub exposed_ports: Ports,
    /// Labels.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    /// The signal that stops it; empty is SIGTERM.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub stop_signal: String,
    /// Fields that daruma does not know, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Go tools write `null` where others leave a field out.
pub(super) fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Environment variables: each name once, in the order in which they were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Env(Vec<(String, String)>);

impl Env {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Sets a variable in its place, or as the last.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Takes a variable out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut env = Self::default();
        for (name, value) in pairs {
            env.set(name.as_ref(), value.as_ref());
        }
        env
    }
}

impl From<Vec<String>> for Env {
    fn from(lines: Vec<String>) -> Self {
        // Names may repeat in foreign images; runtimes hand over both and the C library finds the first,
        // but Docker itself, when it merges, keeps the last.
        lines
            .iter()
            .map(|line| line.split_once('=').unwrap_or((line, "")))
            .collect()
    }
}

impl From<Env> for Vec<String> {
    fn from(env: Env) -> Self {
        env.iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }
}

/// Ports in the form `80/tcp`, `53/udp` or `80`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(pub BTreeSet<String>);

impl Ports {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Ports {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|port| (port, Map::new())))
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, IgnoredAny>::deserialize(from)?;
        Ok(Self(map.into_keys().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_keeps_its_place_when_it_is_set_again() {
        let mut env: Env = [("PATH", "/bin"), ("HOME", "/root")].into_iter().collect();
        env.set("PATH", "/usr/bin");
        env.set("LANG", "C.UTF-8");
        let lines = Vec::from(env);
        assert_eq!(lines, ["PATH=/usr/bin", "HOME=/root", "LANG=C.UTF-8"]);
    }

    #[test]
    fn nulls_are_empty_and_unknown_fields_survive() {
        let json = r#"{"Env":null,"Cmd":null,"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["NONE"]}}"#;
        let config: ImageConfig = serde_json::from_str(json).expect("valid");
        let again = serde_json::to_string(&config).expect("written");
        assert_eq!(
            again,
            r#"{"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["NONE"]}}"#
        );
    }
}
