//! The lock's text: one line for each package, so that a diff shows what moved.

use std::fmt::Write as _;

use super::types::{Lock, PackagePin, RoleLock, TargetLock, VERSION};

const HEADER: &str =
    "# Written by daruma, to be committed. `daruma update` moves what stands here.\n";

impl Lock {
    /// The file's text; [`Lock::parse`] reads it back.
    pub fn render(&self) -> String {
        let mut out = format!("{HEADER}version = {VERSION}\n");
        for target in &self.targets {
            render_target(&mut out, target);
        }
        out
    }
}

fn render_target(out: &mut String, target: &TargetLock) {
    let _ = write!(
        out,
        "\n[[target]]\nplatform = {}\n",
        quote(&target.platform.to_string())
    );
    for (name, role) in [
        ("builder", target.builder.as_ref()),
        ("runner", Some(&target.runner)),
    ] {
        if let Some(role) = role {
            render_role(out, name, role);
        }
    }
}

fn render_role(out: &mut String, name: &str, role: &RoleLock) {
    let _ = write!(out, "\n[target.{name}]\nsuite = {}\n", quote(&role.suite));
    let declared: Vec<String> = role.declared.iter().map(|text| quote(text)).collect();
    let _ = writeln!(out, "declared = [{}]", declared.join(", "));
    render_packages(out, "packages", &role.packages);
    if !role.configure.is_empty() {
        render_packages(out, "configure", &role.configure);
    }
    for pocket in &role.pockets {
        let _ = write!(
            out,
            "\n[[target.{name}.pocket]]\nname = {}\ninrelease = {}\ndate = {}\nkey = {}\n",
            quote(&pocket.name),
            quote(&pocket.inrelease.to_string()),
            quote(&pocket.date),
            quote(&pocket.key),
        );
    }
}

fn render_packages(out: &mut String, key: &str, packages: &[PackagePin]) {
    let _ = writeln!(out, "{key} = [");
    for pin in packages {
        let _ = writeln!(
            out,
            "  {{ name = {}, version = {}, arch = {}, pocket = {}, size = {}, sha256 = {}, path = {} }},",
            quote(&pin.name),
            quote(&pin.version),
            quote(&pin.arch),
            quote(&pin.pocket),
            pin.size,
            quote(&pin.sha256),
            quote(&pin.path),
        );
    }
    out.push_str("]\n");
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
