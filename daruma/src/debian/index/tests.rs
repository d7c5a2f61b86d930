use super::*;

fn stanza(name: &str, version: &str, more: &str) -> String {
    let digest = "0".repeat(64);
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}.deb\nSHA256: {digest}\nSize: 1\n{more}\n"
    )
}

fn index(pockets: &[(&str, String)]) -> Result<Index, IndexError> {
    let architecture = "amd64".parse().expect("an architecture");
    let pockets = pockets
        .iter()
        .map(|(name, text)| Pocket::new(name, text.as_str().into()))
        .collect();
    Index::new(pockets, &architecture)
}

#[test]
fn packages_are_found_by_name_newest_first_whatever_the_pocket() {
    let main = stanza("ruby", "1:3.3", "") + &stanza("zlib", "1", "");
    let security = stanza("ruby", "1:3.3+deb13u1", "") + &stanza("zlib", "1", "");
    let index = index(&[("main", main), ("security", security)]).expect("an index");
    let found: Vec<_> = index
        .named("ruby")
        .map(|p| (p.version(), p.pocket()))
        .collect();
    assert_eq!(found, [("1:3.3+deb13u1", "security"), ("1:3.3", "main")]);
    let zlib: Vec<_> = index.named("zlib").map(Package::pocket).collect();
    assert_eq!(
        zlib,
        ["main"],
        "the same file in two pockets is one package"
    );
    assert_eq!(index.named("none").count(), 0);
    assert_eq!(index.len(), 3);
}

#[test]
fn fields_are_read_in_any_case_over_several_lines_and_defaulted() {
    let more = "pre-depends: aa\nDepends: bb,\n cc (>= 1)\nDescription: x\n Depends: not a field\nMulti-Arch: same\nEssential: yes\nPriority: required\nSource: src (2-1)\nInstalled-Size: 12\n";
    let text = stanza("ruby", "1", more);
    let index = index(&[("main", text.clone())]).expect("an index");
    let ruby = index.named("ruby").next().expect("ruby");
    assert_eq!(ruby.pre_depends().expect("relations").to_string(), "aa");
    assert_eq!(
        ruby.depends().expect("relations").to_string(),
        "bb, cc (>= 1)"
    );
    assert_eq!(ruby.conflicts().expect("relations").to_string(), "");
    assert_eq!(ruby.source(), ("src", "2-1"));
    assert_eq!(
        (ruby.multi_arch(), ruby.is_essential()),
        (MultiArch::Same, true)
    );
    assert_eq!(
        (ruby.priority(), ruby.installed_size()),
        (Priority::Required, 12)
    );
    assert_eq!(ruby.stanza(), text.trim_end().to_owned() + "\n");
}

#[test]
fn providers_come_with_the_version_they_provide() {
    let text = stanza("aa", "1", "Provides: virtual, bb (= 2)\n")
        + &stanza("cc", "1", "Provides: virtual\n");
    let index = index(&[("main", text)]).expect("an index");
    let of = |name: &str| -> Vec<_> {
        index
            .providers(name)
            .map(|p| (p.package.name(), p.version))
            .collect()
    };
    assert_eq!(of("virtual"), [("aa", None), ("cc", None)]);
    assert_eq!(of("bb"), [("aa", Some("2"))]);
    assert_eq!(of("virtua"), []);
}

#[test]
fn other_architectures_are_left_out() {
    let text = stanza("aa", "1", "").replace("amd64", "arm64")
        + &stanza("bb", "1", "").replace("amd64", "all");
    let index = index(&[("main", text)]).expect("an index");
    let names: Vec<_> = index.iter().map(Package::name).collect();
    assert_eq!(names, ["bb"]);
}

#[test]
fn names_like_the_missing_one_are_offered() {
    let text: String = ["libpq5", "libpq-dev", "ruby"]
        .iter()
        .map(|n| stanza(n, "1", ""))
        .collect();
    let index = index(&[("main", text)]).expect("an index");
    assert_eq!(index.nearest("libpq"), ["libpq5", "libpq-dev"]);
    assert!(index.nearest("qqqq").is_empty());
}

#[test]
fn broken_stanzas_name_pocket_line_and_field() {
    let good = stanza("aa", "1", "");
    let digest = "0".repeat(64);
    let cut = |from: &str, to: &str| good.replace(from, to);
    let rows = [
        (
            cut("Package: aa\n", ""),
            8,
            "the field `Package` is missing",
        ),
        (cut("Version: 1\n", ""), 8, "the field `Version` is missing"),
        (
            cut("aa\n", "A_\n"),
            8,
            "the field `Package` is not a package name: `A_`",
        ),
        (
            cut("Version: 1", "Version: x"),
            8,
            "the field `Version` is not a package version: `x`",
        ),
        (
            cut("Size: 1", "Size: -1"),
            8,
            "the field `Size` is not a number: `-1`",
        ),
        (
            cut("Size: 1\n", "Size: 1\nSize: 2\n"),
            14,
            "the field `Size` stands twice",
        ),
        (cut("Size: 1", "Size"), 13, "the line has no colon"),
        (
            cut(&digest, "00"),
            8,
            "the field `SHA256` is not 64 lower-case hex digits: `00`",
        ),
        (
            cut("pool/aa.deb", "/etc/passwd"),
            8,
            "the field `Filename` is not a relative path below the archive's root: `/etc/passwd`",
        ),
        (
            cut("pool/aa.deb", "pool/../../x"),
            8,
            "the field `Filename` is not a relative path below the archive's root: `pool/../../x`",
        ),
        (
            stanza("bb", "1", "Provides: b (= 1\n"),
            8,
            "the field `Provides` is wrong",
        ),
    ];
    for (bad, at, message) in rows {
        let text = good.clone() + &bad;
        match index(&[("main", text)]) {
            Err(IndexError::Stanza {
                pocket,
                line,
                problem,
            }) => {
                assert_eq!(
                    (pocket.as_str(), line, problem.to_string().as_str()),
                    ("main", at, message)
                );
            }
            other => panic!("{message}: {other:?}"),
        }
    }
}

#[test]
fn bytes_that_are_not_text_name_the_line() {
    let error = Pocket::from_bytes("main", b"A: 1\nB: \xff".to_vec()).expect_err("not text");
    assert_eq!(
        error.to_string(),
        "cannot read the package index of main, line 2: it is not UTF-8"
    );
}

#[test]
fn changed_bytes_anywhere_never_panic() {
    let more = "Depends: bb (>= 1) | cc:any\nProvides: dd (= 1), ee\n";
    let text = stanza("aa", "1:2-3", more) + &stanza("bb", "1", "");
    for place in 0..text.len() {
        for byte in [b'\n', b' ', b':', b'(', b',', b'\t', b'0'] {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = byte;
            let text = String::from_utf8(bytes).expect("ASCII");
            if let Ok(index) = index(&[("main", text)]) {
                for package in index.iter() {
                    let _ = (package.depends(), package.provides(), package.source());
                    index.first_mention(index.number_of_package(package.id()));
                }
            }
        }
    }
}
