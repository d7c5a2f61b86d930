//! In which order packages are configured: what a package depends on comes before it (Debian policy 7.2).

use std::collections::BTreeMap;

use super::input::PackageInput;

/// First of all, as debootstrap does: they make the files and links that the others' scripts take for granted.
const FIRST: [&str; 5] = ["base-passwd", "base-files", "libc6", "dpkg", "dash"];

/// Indices of `packages` in configuration order. Circles are cut where the name that comes first stands.
pub(super) fn order(packages: &[PackageInput<'_>]) -> Vec<usize> {
    let mut graph = Graph::of(packages);
    let mut roots: Vec<usize> = (0..packages.len()).collect();
    roots.sort_by_key(|&at| {
        let package = &packages[at];
        let first = FIRST
            .iter()
            .position(|name| *name == package.name)
            .unwrap_or(FIRST.len());
        let essential = package
            .control
            .text("control")
            .is_some_and(|text| text.contains("\nEssential: yes"));
        (first, !essential, package.name, package.architecture)
    });
    for root in roots {
        graph.visit(root);
    }
    graph.done
}

struct Graph {
    needs: Vec<Vec<usize>>,
    seen: Vec<bool>,
    done: Vec<usize>,
}

impl Graph {
    fn of(packages: &[PackageInput<'_>]) -> Self {
        let mut providers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let fields: Vec<BTreeMap<String, String>> = packages.iter().map(fields).collect();
        for (at, package) in packages.iter().enumerate() {
            providers
                .entry(package.name.to_owned())
                .or_default()
                .insert(0, at);
            for name in names(fields[at].get("provides")) {
                providers.entry(name).or_default().push(at);
            }
        }
        let mut needs = Vec::new();
        for fields in &fields {
            let relations = names(fields.get("pre-depends")).chain(names(fields.get("depends")));
            let mut wanted: Vec<usize> = relations
                .filter_map(|name| providers.get(&name))
                .flatten()
                .copied()
                .collect();
            wanted.sort_by_key(|&at| packages[at].name);
            wanted.dedup();
            needs.push(wanted);
        }
        Self {
            seen: vec![false; packages.len()],
            done: Vec::new(),
            needs,
        }
    }

    /// Depth first with a stack of its own, as chains of dependencies may be long.
    fn visit(&mut self, root: usize) {
        let mut stack = vec![(root, 0)];
        while let Some((at, next)) = stack.pop() {
            if next == 0 {
                if self.seen[at] {
                    continue;
                }
                self.seen[at] = true;
            }
            match self.needs[at].get(next) {
                Some(&need) => {
                    stack.push((at, next + 1));
                    if !self.seen[need] {
                        stack.push((need, 0));
                    }
                }
                None => self.done.push(at),
            }
        }
    }
}

/// The fields of a control stanza by lower-case name, continued lines joined.
fn fields(package: &PackageInput<'_>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut last = String::new();
    for line in package.control.text("control").unwrap_or_default().lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = fields.get_mut(&last) {
                *value = format!("{value}{line}");
            }
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.to_ascii_lowercase();
            fields.insert(last.clone(), value.trim().to_owned());
        }
    }
    fields
}

/// The package names in a relation field, alternatives included.
fn names(field: Option<&String>) -> impl Iterator<Item = String> + '_ {
    let relations = field.into_iter().flat_map(|text| text.split([',', '|']));
    relations
        .filter_map(|relation| relation.trim().split([' ', '(', '[', '<', ':']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}
