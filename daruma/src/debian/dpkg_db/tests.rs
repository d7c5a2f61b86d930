use super::*;
use crate::debian::ControlFile;

const CONTROL: &str = "Package: aa\nVersion: 1\nArchitecture: amd64\nDescription: x\n y\n";

fn control(members: &[(&str, &str)]) -> ControlFiles {
    let file = |text: &str| ControlFile {
        mode: 0o755,
        data: text.as_bytes().to_vec(),
    };
    members
        .iter()
        .map(|(name, text)| ((*name).to_owned(), file(text)))
        .collect()
}

fn stanza(text: &str) -> Stanza {
    Stanza::parse(text.as_bytes()).expect("a stanza")
}

#[test]
fn a_status_stanza_says_how_far_the_package_is_and_has_its_conffiles() {
    let conffiles = [Conffile {
        path: "/etc/aa".to_owned(),
        md5: conffile_md5(b""),
    }];
    let text = status_stanza(&stanza(CONTROL), State::Unpacked, &conffiles);
    insta::assert_snapshot!(text, @r"
    Package: aa
    Status: install ok unpacked
    Version: 1
    Architecture: amd64
    Description: x
     y
    Conffiles:
     /etc/aa d41d8cd98f00b204e9800998ecf8427e
    ");
    let text = status_stanza(&stanza(CONTROL), State::Installed, &[]);
    assert!(text.starts_with("Package: aa\nStatus: install ok installed\nVersion: 1\n"));
    assert!(!text.contains("Conffiles"));
}

#[test]
fn conffiles_that_an_upgrade_removes_are_not_the_packages() {
    let control = control(&[(
        "conffiles",
        "/etc/aa\nremove-on-upgrade /etc/old\n/etc/b b\n",
    )]);
    assert_eq!(conffile_paths(&control), ["/etc/aa", "/etc/b b"]);
}

#[test]
fn status_d_has_the_control_file_as_it_is_and_the_checksums() {
    let control = control(&[
        ("control", CONTROL),
        ("md5sums", "0 a\n"),
        ("postinst", "#!"),
    ]);
    let files = status_d(&control, &stanza(CONTROL));
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(names, ["aa", "aa.md5sums"]);
    assert_eq!(files["aa"].data, CONTROL.as_bytes());
}

#[test]
fn a_database_has_every_file_that_dpkg_expects() {
    let same = "Package: bb\nVersion: 2\nArchitecture: amd64\nMulti-Arch: same\n";
    let triggers = "# none\ninterest /usr/lib # why\ninterest-noawait ldconfig\nactivate other\ninterest File\n";
    let (first, second) = (
        control(&[("control", CONTROL), ("triggers", triggers)]),
        control(&[("control", same), ("postinst", "#!")]),
    );
    let (aa, bb) = (stanza(CONTROL), stanza(same));
    let paths = [
        TreePath::try_from("usr").expect("a path"),
        TreePath::try_from("usr/bb").expect("a path"),
    ];
    let record = |control, stanza, paths| Recorded {
        control,
        stanza,
        paths,
        conffiles: &[],
        state: State::Installed,
    };
    let files = database(&[record(&second, &bb, &paths), record(&first, &aa, &[])]);
    let shown: Vec<String> = files
        .iter()
        .map(|(name, file)| {
            format!(
                "{name} {:o} {:?}",
                file.mode,
                String::from_utf8_lossy(&file.data)
            )
        })
        .filter(|line| !line.starts_with("status") && !line.contains(".triggers"))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r##"
    available 644 ""
    diversions 644 ""
    info/aa.list 644 "/.\n"
    info/bb:amd64.list 644 "/.\n/usr\n/usr/bb\n"
    info/bb:amd64.postinst 755 "#!"
    info/format 644 "1\n"
    statoverride 644 ""
    triggers/File 644 "/usr/lib aa\n"
    triggers/Unincorp 644 ""
    triggers/ldconfig 644 "aa/noawait\n"
    "##);
    let status = String::from_utf8_lossy(&files["status"].data);
    let names: Vec<&str> = status
        .lines()
        .filter(|line| line.starts_with("Package"))
        .collect();
    assert_eq!(names, ["Package: aa", "Package: bb"]);
    assert!(status.contains("\n\nPackage: bb"));
}
