//! Equal inputs give equal bytes, whoever builds, wherever and whenever.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use testkit::bench::files_below;
use testkit::{Bench, World};

use crate::shop::{self, DARUMA, Shop};

/// A bench of the same app elsewhere.
fn elsewhere(world: &World) -> Bench {
    let bench = shop::bench(world);
    shop::declare(&bench, world, "");
    shop::fill(&bench);
    bench
}

/// Builds under `umask`, to a layout and an archive, and gives the files of both by name.
fn build(bench: &Bench, umask: u32) -> BTreeMap<PathBuf, Vec<u8>> {
    let (oci, tar) = (bench.path("layout"), bench.path("shop.tar"));
    let (to_oci, to_tar) = (
        format!("oci:{}", oci.display()),
        format!("tar:{}", tar.display()),
    );
    let mut command = bench.command(&["build", "--output", &to_oci, "--output", &to_tar]);
    set_umask(&mut command, umask);
    let outcome = bench.finish(command).success();
    assert_eq!(shop::digests(&outcome).len(), 2, "{outcome}");
    let files = files_below(&oci)
        .into_iter()
        .chain([(tar.clone(), fs_err::read(&tar).expect("the archive"))]);
    files
        .map(|(path, bytes)| (below(&path, bench), bytes))
        .collect()
}

fn below(path: &Path, bench: &Bench) -> PathBuf {
    path.strip_prefix(bench.path(""))
        .expect("below the bench")
        .to_owned()
}

/// Through a shell, as nothing of this process may change while other tests run.
fn set_umask(command: &mut Command, umask: u32) {
    let (program, args) = (
        command.get_program().to_owned(),
        command
            .get_args()
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>(),
    );
    let dir = command.get_current_dir().map(Path::to_owned);
    let env: Vec<_> = command
        .get_envs()
        .map(|(n, v)| (n.to_owned(), v.map(ToOwned::to_owned)))
        .collect();
    let mut shell = Command::new("/bin/sh");
    shell
        .env_clear()
        .arg("-c")
        .arg(format!("umask {umask:03o}; exec \"$0\" \"$@\""))
        .arg(program)
        .args(args);
    shell.envs(env.into_iter().filter_map(|(n, v)| Some((n, v?))));
    shell.current_dir(dir.expect("a directory"));
    *command = shell;
}

#[test]
fn images_are_equal_in_other_homes_directories_zones_masks_and_on_other_cores() {
    let Some(shop) = Shop::open() else { return };
    let first = build(&shop.bench, 0o022);
    let other = elsewhere(&shop.world)
        .env("TZ", "Pacific/Kiritimati")
        .env("LANG", "tr_TR.UTF-8")
        .env("RAYON_NUM_THREADS", "1");
    let second = build(&other, 0o077);
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in &first {
        assert!(second[path] == *bytes, "{} differs", path.display());
    }
}

#[test]
fn another_user_builds_the_same() {
    let Some(shop) = Shop::open() else { return };
    if !rustix::process::getuid().is_root() {
        println!("skipped: only root can become another user");
        return;
    }
    let first = shop.build();
    let other = elsewhere(&shop.world);
    give(&other.path(""), 12_345);
    let mut command = other.command(&["build"]);
    command.uid(12_345).gid(12_345);
    let outcome = other.finish(command).success();
    assert_eq!(shop::digests(&outcome), first);
}

fn give(path: &Path, id: u32) {
    let status = Command::new("chown")
        .arg("-R")
        .arg(format!("{id}:{id}"))
        .arg(path)
        .status();
    assert!(status.expect("chown").success());
}

#[test]
fn an_archive_goes_to_standard_output_and_a_bad_place_is_named() {
    let Some(shop) = Shop::open() else { return };
    shop.build();
    let mut command = shop.bench.command(&["build", "-q", "--output", "tar:-"]);
    let output = command.output().expect("run");
    assert!(output.status.success());
    assert_eq!(
        &output.stdout[257..262],
        b"ustar",
        "a tar archive comes first"
    );
    assert_snapshot!(shop.run(&["build", "--output", "tar:Procfile/shop.tar"]), @"
    exit code 1
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image unchanged, [TIME] saved
    step 4 app images unchanged, [TIME] saved
    error: cannot write Procfile/shop.tar: failed to create directory `Procfile`: File exists (os error 17)
    ");
    assert_snapshot!(shop.run(&["build", "--output", "oci:daruma.toml"]), @"
    exit code 1
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image unchanged, [TIME] saved
    step 4 app images unchanged, [TIME] saved
    error: cannot use the store
      caused by: failed to open file `daruma.toml/index.json`: Not a directory (os error 20)
    ");
    let bench = Bench::new(DARUMA);
    assert_snapshot!(bench.run(&["build", "--output", "tar:"]), @"
    exit code 2
    --- stderr
    error: invalid value 'tar:' for '--output <oci:DIR|tar:FILE>': expected oci:DIR or tar:FILE (tar:- is standard output)

    For more information, try '--help'.
    ");
}
