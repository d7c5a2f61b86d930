//! What is built again, and what is not.

use std::process::Stdio;

use fs_err as fs;
use insta::assert_snapshot;
use testkit::Place;
use testkit::world::package;

use crate::shop::Shop;
use crate::store;

#[test]
fn a_second_build_asks_nobody_and_writes_nothing() {
    let Some(shop) = Shop::open() else { return };
    assert_snapshot!(shop.run(&["build"]).success(), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    wrote daruma.lock (10 packages)
    step 2 compile: not built here before
    step 2 compile done in [TIME]
    step 3 runner image: not built here before
           downloading 10 packages
    step 3 runner image done in [TIME]
    step 4 app images: not built here before
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    assert!(shop.requests() > 0);
    let (cache, project) = (shop.bench.cache(), shop.bench.project());
    let before = store::state(&[&cache, &project]);
    assert_snapshot!(shop.run(&["build"]).success(), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image unchanged, [TIME] saved
    step 4 app images unchanged, [TIME] saved
    done in [TIME]
    ");
    assert_eq!(shop.requests(), 0);
    assert_eq!(store::state(&[&cache, &project]), before);
    assert_eq!(store::leftovers(&cache), Vec::<std::path::PathBuf>::new());
    store::verify(&cache);
}

#[test]
fn a_changed_procfile_costs_step_4_alone() {
    let Some(shop) = Shop::open() else { return };
    shop.build();
    shop.requests();
    shop.bench
        .write("Procfile", "web: ./server.pl --loud\ncli: sleep 600\n");
    assert_snapshot!(shop.run(&["why"]), @"
    exit code 0
    --- stdout
    step 1 (builder image): not needed: nothing in this app is compiled
    step 2 (compile): nothing to do: its inputs are those that it was done for
    step 3 (runner image): nothing to do: its inputs are those that it was done for
    step 4 (app images): to do: process web: ./server.pl → ./server.pl --loud
    step 4 (app images): to do: file Procfile: [SHORT] → [SHORT]
    ");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image unchanged, [TIME] saved
    step 4 app images: process web: ./server.pl → ./server.pl --loud, and 1 more
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    shop.bench.write("Procfile", "web: ./server.pl --loud\n");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image unchanged, [TIME] saved
    step 4 app images: process cli is gone: sleep 600, and 1 more
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    assert_eq!(shop.requests(), 0);
}

#[test]
fn a_changed_source_costs_steps_2_and_4() {
    let Some(shop) = Shop::open() else { return };
    let first = shop.build();
    shop.bench.write("goods/doll.txt", "a doll\n");
    assert_snapshot!(shop.run(&["why"]), @"
    exit code 0
    --- stdout
    step 1 (builder image): not needed: nothing in this app is compiled
    step 2 (compile): to do: source: [SHORT] → [SHORT]
    step 3 (runner image): nothing to do: its inputs are those that it was done for
    step 4 (app images): to do: compiled app: [SHORT] → [SHORT]
    ");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 2 compile: source: [SHORT] → [SHORT]
    step 2 compile done in [TIME]
    step 3 runner image unchanged, [TIME] saved
    step 4 app images: compiled app: [SHORT] → [SHORT]
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    fs::remove_dir_all(shop.bench.project().join("goods")).expect("removed");
    assert_eq!(shop.build(), first, "the old source gives the old images");
}

#[test]
fn steps_can_be_done_one_by_one() {
    let Some(shop) = Shop::open() else { return };
    assert_snapshot!(shop.run(&["build", "--step", "4"]), @"
    exit code 1
    --- stderr
    wrote daruma.lock (10 packages)
    step 4 app images: not built here before
    error: cannot find the runner image: the step that makes it was not done yet
    hint: daruma build
    ");
    assert_snapshot!(shop.run(&["build", "--step", "3"]), @"
    exit code 0
    --- stderr
    step 3 runner image: not built here before
           downloading 10 packages
    step 3 runner image done in [TIME]
    done in [TIME]
    ");
    assert_snapshot!(shop.run(&["build", "--step", "1-2"]), @"
    exit code 0
    --- stderr
    step 2 compile: not built here before
    step 2 compile done in [TIME]
    done in [TIME]
    ");
    assert_snapshot!(shop.run(&["build", "--step", "4"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 4 app images: not built here before
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    assert_snapshot!(shop.run(&["build", "--step", "4", "-t", "example.com/dolls:1"]), @"
    exit code 0
    --- stdout
    example.com/dolls:1  [DIGEST] [SIZE]
    example.com/dolls-cli:1  [DIGEST] [SIZE]
    --- stderr
    step 4 app images unchanged, [TIME] saved
    done in [TIME]
    ");
    assert_snapshot!(shop.run(&["build", "--step", "4", "-t", "Not A Name"]), @"
    exit code 2
    --- stderr
    error: `Not A Name` is not the name of an image: a repository is lower-case letters and digits, with `.`, `_`, `__`, `-` or `/` between
    ");
}

#[test]
fn a_security_fix_costs_steps_3_and_4_and_why_names_both_versions() {
    let Some(mut shop) = Shop::open() else { return };
    let first = shop.build();
    let fix = package("tzdata", "2025b-4+deb13u1").dir("usr/share/zoneinfo/");
    shop.world.add(
        Place::Security,
        fix.file("usr/share/zoneinfo/UTC", 0o644, b"TZif3"),
    );
    assert_eq!(
        shop.build(),
        first,
        "the lock is obeyed although the archive moved on"
    );
    assert_snapshot!(shop.run(&["build", "--locked"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image unchanged, [TIME] saved
    step 4 app images unchanged, [TIME] saved
    done in [TIME]
    ");
    shop.requests();
    fs::remove_file(shop.lock()).expect("removed");
    assert_snapshot!(shop.run(&["why"]), @"
    exit code 0
    --- stdout
    step 1 (builder image): not needed: nothing in this app is compiled
    step 2 (compile): nothing to do: its inputs are those that it was done for
    step 3 (runner image): to do: runner package tzdata: 2025b-4 ([SHORT]) → 2025b-4+deb13u1 ([SHORT])
    step 4 (app images): to do: runner: [SHORT] → [SHORT]
    --- stderr
    wrote daruma.lock (10 packages)
    ");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 2 compile unchanged, [TIME] saved
    step 3 runner image: runner package tzdata: 2025b-4 ([SHORT]) → 2025b-4+deb13u1 ([SHORT])
           downloading 1 package
    step 3 runner image done in [TIME]
    step 4 app images: runner: [SHORT] → [SHORT]
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    let downloads = shop.world.server.take_log();
    let downloads: Vec<_> = downloads
        .iter()
        .filter(|hit| hit.target.contains("/pool/"))
        .collect();
    assert_eq!(
        downloads.len(),
        1,
        "the changed package alone: {downloads:?}"
    );
}

#[test]
fn a_new_package_leaves_the_versions_of_the_others() {
    let Some(mut shop) = Shop::open() else { return };
    shop.build();
    shop.world.add(
        Place::Updates,
        package("tzdata", "2026a-1").dir("usr/share/zoneinfo/"),
    );
    shop.world.add(
        Place::Main,
        package("dolls", "1.0-1").field("Depends", "tzdata"),
    );
    shop.declare("[runner]\npackages = [\"dolls\"]\n");
    assert_snapshot!(shop.run(&["build", "--locked"]), @"
    exit code 2
    --- stderr
    error: cannot use daruma.lock as it is: the recipe asks for other packages than it has
    hint: run the command without --locked, and commit daruma.lock
    ");
    assert_snapshot!(shop.run(&["why", "3"]), @"
    exit code 0
    --- stdout
    step 3 (runner image): to do: runner package dolls is new: 1.0-1 ([SHORT])
    --- stderr
    wrote daruma.lock (11 packages)
    ");
    let lock = fs::read_to_string(shop.lock()).expect("the lock");
    assert!(
        lock.contains("2025b-4") && !lock.contains("2026a-1"),
        "{lock}"
    );
}

#[test]
fn locked_refuses_to_write_the_lock() {
    let Some(shop) = Shop::open() else { return };
    assert_snapshot!(shop.run(&["build", "--locked"]), @"
    exit code 2
    --- stderr
    error: cannot use daruma.lock as it is: it has nothing for linux/amd64
    hint: run the command without --locked, and commit daruma.lock
    ");
    assert!(!shop.lock().exists());
    shop.build();
    shop.run(&["build", "--locked"]).success();
    fs::write(shop.lock(), "version = 99\n").expect("written");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 2
    --- stderr
    error: cannot read daruma.lock: its version is 99, and this daruma knows 1
    ");
    fs::write(shop.lock(), "<<<<<<< HEAD\n").expect("written");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 2
    --- stderr
    error: cannot read daruma.lock: TOML parse error at line 1, column 9
      |
    1 | <<<<<<< HEAD
      |         ^
    key with no value, expected `=`
    ");
}

#[test]
fn offline_uses_what_is_here_and_says_what_is_not() {
    let Some(shop) = Shop::open() else { return };
    assert_snapshot!(shop.run(&["build", "--offline"]), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot read the trixie index offline: it was never fetched. Run the command once without --offline
    ");
    assert_eq!(shop.requests(), 0);
    let first = shop.build();
    shop.requests();
    fs::remove_dir_all(shop.bench.cache().join("oci")).expect("removed");
    fs::remove_file(shop.lock()).expect("removed");
    let again = shop.run(&["build", "--offline"]).success();
    assert_eq!(crate::shop::digests(&again), first);
    assert_eq!(shop.requests(), 0);
    fs::remove_dir_all(shop.bench.cache().join("oci")).expect("removed");
    fs::remove_dir_all(shop.bench.cache().join("debs")).expect("removed");
    assert_snapshot!(shop.run(&["build", "--offline"]), @"
    exit code 1
    --- stderr
    step 2 compile: not built here before
    step 2 compile done in [TIME]
    step 3 runner image: not built here before
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: cannot fetch offline: pool/main/b/base-files/base-files_13.8_amd64.deb, pool/main/b/base-passwd/base-passwd_3.6.7_amd64.deb, pool/main/c/ca-certificates/ca-certificates_20250419_amd64.deb, pool/main/c/coreutils/coreutils_9.7-3_amd64.deb, pool/main/d/dash/dash_0.5.12-12_amd64.deb, pool/main/l/libc-bin/libc-bin_2.41-12_amd64.deb, pool/main/l/libc6/libc6_2.41-12_amd64.deb, pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb, pool/main/p/perl/perl_5.40.1-6_amd64.deb, pool/main/t/tzdata/tzdata_2025b-4_amd64.deb
    ");
    assert_eq!(shop.requests(), 0);
}

#[test]
fn a_package_that_the_archive_no_longer_has_is_named() {
    let Some(shop) = Shop::open() else { return };
    shop.run(&["plan"]).success();
    for path in shop.world.server.paths("/tzdata/") {
        shop.world.server.remove(&path);
    }
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 1
    --- stderr
    step 2 compile: not built here before
    step 2 compile done in [TIME]
    step 3 runner image: not built here before
           downloading 10 packages
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: the archive no longer has pool/main/t/tzdata/tzdata_2025b-4_amd64.deb. Remove daruma.lock to resolve again
    ");
}

#[test]
fn two_builds_at_once_share_one_store() {
    let Some(shop) = Shop::open() else { return };
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            shop.bench
                .command(&["build", "-q"])
                .stdout(Stdio::null())
                .spawn()
                .expect("started")
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().expect("waited").success());
    }
    store::verify(&shop.bench.cache());
}
