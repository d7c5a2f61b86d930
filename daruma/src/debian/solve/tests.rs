use super::*;
use crate::debian::Pocket;

/// `name version; Field: value; …`, one package a line.
fn index(pockets: &[&str]) -> Index {
    let stanza = |line: &str| {
        let mut parts = line.split(';').map(str::trim);
        let (name, version) = parts.next()?.split_once(' ')?;
        let fields: String = parts.flat_map(|field| [field, "\n"]).collect();
        let digest = format!("{:064x}", line.len());
        Some(format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}_{version}.deb\nSHA256: {digest}\nSize: 1\n{fields}\n"
        ))
    };
    let pockets = pockets.iter().enumerate().map(|(number, lines)| {
        let text: String = lines
            .lines()
            .filter_map(|line| stanza(line.trim()))
            .collect();
        Pocket::new(&format!("pocket{number}"), text.into())
    });
    Index::new(
        pockets.collect(),
        &"amd64".parse().expect("an architecture"),
    )
    .expect("an index")
}

fn solved(
    index: &Index,
    wanted: &[&str],
    preferred: &[(&str, &str)],
) -> Result<String, SolveError> {
    let wanted: Vec<Relation> = wanted
        .iter()
        .map(|w| w.parse().expect("a relation"))
        .collect();
    let preferred = preferred
        .iter()
        .map(|(n, v)| (n.parse().expect("a name"), v.parse().expect("a version")))
        .collect();
    let request = Request {
        wanted: &wanted,
        essential: Essential::OnDemand,
        preferred: &preferred,
    };
    let names = solve(index, &request)?.into_iter().map(|selected| {
        let package = index.get(selected.id);
        format!("{}={}", package.name(), package.version())
    });
    Ok(names.collect::<Vec<_>>().join(" "))
}

#[test]
fn relations_lead_to_the_packages_that_apt_would_take() {
    let rows: [(&str, &str, &[&str], &str); 10] = [
        (
            "what is needed comes along",
            "aa 1; Depends: bb\nbb 1; Depends: cc\ncc 1\ndd 1",
            &["aa"],
            "aa=1 bb=1 cc=1",
        ),
        (
            "a circle ends",
            "aa 1; Depends: bb\nbb 1; Depends: aa",
            &["aa"],
            "aa=1 bb=1",
        ),
        (
            "the first alternative is taken",
            "aa 1; Depends: cc | bb\nbb 1\ncc 1",
            &["aa"],
            "aa=1 cc=1",
        ),
        (
            "an alternative that is not there is passed over",
            "aa 1; Depends: cc | bb\nbb 1",
            &["aa"],
            "aa=1 bb=1",
        ),
        (
            "an alternative that cannot be installed is passed over",
            "aa 1; Depends: cc | bb\nbb 1\ncc 1; Depends: zz",
            &["aa"],
            "aa=1 bb=1",
        ),
        (
            "an alternative that is wanted anyway satisfies",
            "aa 1; Depends: cc | bb\nbb 1\ncc 1",
            &["aa", "bb"],
            "aa=1 bb=1",
        ),
        (
            "an excluded alternative is passed over",
            "aa 1; Conflicts: cc; Depends: cc | bb\nbb 1\ncc 1",
            &["aa"],
            "aa=1 bb=1",
        ),
        (
            "a package may exclude what it provides itself",
            "aa 1; Provides: vv; Conflicts: vv",
            &["aa"],
            "aa=1",
        ),
        (
            "any architecture will do where the package allows it",
            "aa 1; Depends: bb:any\nbb 1; Multi-Arch: allowed",
            &["aa"],
            "aa=1 bb=1",
        ),
        (
            "the walk's dead end is found a way around",
            "aa 1; Depends: bb, cc\nbb 1; Depends: xx | yy\ncc 1; Conflicts: xx\nxx 1\nyy 1",
            &["aa"],
            "aa=1 bb=1 cc=1 yy=1",
        ),
    ];
    for (sentence, packages, wanted, expected) in rows {
        let found = solved(&index(&[packages]), wanted, &[]);
        assert_eq!(found.as_deref(), Ok(expected), "{sentence}");
    }
}

#[test]
fn a_virtual_package_is_provided_as_apt_would_choose() {
    let rows = [
        (
            "a package of the name comes before its providers",
            "aa 1; Depends: vv\nbb 1; Provides: vv\nvv 1",
            "aa=1 vv=1",
        ),
        (
            "the more important provider is taken",
            "aa 1; Depends: vv\nbb 1; Provides: vv; Priority: optional\ncc 1; Provides: vv; Priority: standard",
            "aa=1 cc=1",
        ),
        (
            "of providers that are alike the one mentioned last is taken",
            "aa 1; Depends: vv\nbb 1; Provides: vv\ncc 1; Provides: vv",
            "aa=1 cc=1",
        ),
        (
            "a mention in any relation counts",
            "aa 1; Depends: vv; Suggests: zz | cc (>= 1)\nbb 1; Provides: vv\ncc 1; Provides: vv",
            "aa=1 bb=1",
        ),
        (
            "a protected provider comes before an important one",
            "aa 1; Depends: vv\nbb 1; Provides: vv; Priority: required\ncc 1; Provides: vv; Protected: yes",
            "aa=1 cc=1",
        ),
        (
            "a versioned relation needs a versioned provider",
            "aa 1; Depends: vv (>= 2)\nbb 1; Provides: vv\ncc 1; Provides: vv (= 1)\ndd 1; Provides: vv (= 2)",
            "aa=1 dd=1",
        ),
    ];
    for (sentence, packages, expected) in rows {
        let found = solved(&index(&[packages]), &["aa"], &[]);
        assert_eq!(found.as_deref(), Ok(expected), "{sentence}");
    }
}

#[test]
fn the_newest_version_of_all_pockets_is_taken_unless_another_is_locked_or_asked_for() {
    let index = index(&["aa 1; Depends: bb\nbb 1\nbb 3", "bb 2"]);
    for (wanted, preferred, expected) in [
        (["aa"], &[][..], "aa=1 bb=3"),
        (["aa"], &[("bb", "2")], "aa=1 bb=2"),
        (["aa"], &[("bb", "9")], "aa=1 bb=3"),
        (["bb (= 1)"], &[("bb", "2")], "bb=1"),
        (["bb (<< 3)"], &[], "bb=2"),
    ] {
        assert_eq!(
            solved(&index, &wanted, preferred).as_deref(),
            Ok(expected),
            "{wanted:?} {preferred:?}"
        );
    }
}

#[test]
fn an_older_version_is_taken_where_the_newest_cannot_be() {
    let index = index(&["aa 1; Depends: bb (<< 2)\nbb 1\nbb 2"]);
    assert_eq!(solved(&index, &["aa"], &[]).as_deref(), Ok("aa=1 bb=1"));
}

#[test]
fn a_chain_deeper_than_the_walk_goes_is_solved_still() {
    let line = |n: usize| format!("pp{n} 1; Depends: pp{}", n + 1);
    let mut packages: Vec<String> = (0..3_000).map(line).collect();
    packages.push("pp3000 1".to_owned());
    let packages = packages.join("\n");
    let found = solved(&index(&[&packages]), &["pp0"], &[]).expect("a solution");
    assert_eq!(found.split(' ').count(), 3_001);
}

#[test]
fn every_package_has_the_shortest_reason() {
    let index = index(&["aa 1; Depends: bb, cc\nbb 1; Depends: cc\ncc 1\nee 1; Essential: yes"]);
    let request = Request {
        wanted: &["aa".parse().expect("a relation")],
        essential: Essential::Included,
        preferred: &BTreeMap::new(),
    };
    let reasons: Vec<Reason> = solve(&index, &request)
        .expect("a solution")
        .into_iter()
        .map(|s| s.reason)
        .collect();
    let of_aa = Reason::DependencyOf("aa".parse().expect("a name"));
    assert_eq!(
        reasons,
        [Reason::Requested, Reason::Essential, of_aa.clone(), of_aa]
    );
}

#[test]
fn a_missing_package_is_named_with_names_like_it() {
    let index = index(&["libpq5 17\nlibpq-dev 17"]);
    let message = |wanted| {
        solved(&index, &[wanted], &[])
            .expect_err("missing")
            .to_string()
    };
    insta::assert_snapshot!(message("libpq"), @"cannot find the package `libpq` in pocket0; there is libpq5, libpq-dev");
    insta::assert_snapshot!(message("qqqq"), @"cannot find the package `qqqq` in pocket0");
    insta::assert_snapshot!(message("libpq5 (>= 18)"), @"cannot find a version for `libpq5 (>= 18)`: there is libpq5 17 (pocket0)");
}

#[test]
fn packages_that_exclude_each_other_say_so() {
    let index = index(&[
        "postfix 3; Provides: mail-transport-agent; Conflicts: mail-transport-agent\nexim4 4; Depends: exim4-daemon\nexim4-daemon 4; Provides: mail-transport-agent; Conflicts: mail-transport-agent",
    ]);
    let message = solved(&index, &["postfix", "exim4"], &[])
        .expect_err("a conflict")
        .to_string();
    insta::assert_snapshot!(message, @r"
    cannot put these packages together: postfix, exim4
    ├─ exim4 could be:
    │  └─ exim4 4 depends on
    │     └─ exim4-daemon, which could be:
    │        └─ exim4-daemon 4
    └─ postfix cannot be installed:
       └─ postfix 3 excludes
          └─ exim4-daemon providing mail-transport-agent, which is needed as well (see above)
    ");
}

#[test]
fn a_need_that_nothing_meets_says_so() {
    let index = index(&["aa 1; Depends: bb\nbb 1; Depends: zz (>= 2) | yy"]);
    let message = solved(&index, &["aa"], &[]).expect_err("unmet").to_string();
    insta::assert_snapshot!(message, @r"
    cannot put these packages together: aa
    └─ aa cannot be installed:
       └─ aa 1 depends on
          └─ bb, which cannot be installed:
             └─ bb 1 cannot be used: nothing satisfies `zz (>= 2) | yy`
    ");
}
