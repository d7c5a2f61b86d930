//! The words that stand for choices.

use super::reader::Choice;
use super::{Base, EngineChoice, Expired, Network, RuntimePlace};

impl Choice for Expired {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("accept", Self::Accept)];
}

impl Choice for Base {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("default", Self::Default),
        ("minimal", Self::Minimal),
        ("none", Self::None),
    ];
}

impl Choice for RuntimePlace {
    const WORDS: &'static [(&'static str, Self)] = &[("runner", Self::Runner), ("app", Self::App)];
}

impl Choice for Network {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("deps", Self::Deps),
        ("host", Self::Host),
    ];
}

impl Choice for EngineChoice {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("sandbox", Self::Sandbox),
        ("docker", Self::Docker),
        ("podman", Self::Podman),
    ];
}
