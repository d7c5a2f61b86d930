//! What a command in a sandbox sees, how it ends, and what it leaves.

use std::fs;
use std::io::{Read, Write};

use crate::world::{World, finish, run, start};
use daruma_sandbox::{Launcher, Mount, Network, Outcome, OverlayApi, SandboxError, Stdio};

#[test]
fn a_command_prints_and_returns_its_code() {
    let world = World::new();
    let ended = run(&world.spec("echo out; echo err >&2; exit 7"));
    assert_eq!(ended.outcome, Outcome::Exited(7));
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("out\n", "err\n")
    );
}

#[test]
fn ends_are_told_apart() {
    let rows: [(&[&str], Outcome); 6] = [
        (&["true"], Outcome::Exited(0)),
        (&["sh", "-c", "exit 255"], Outcome::Exited(255)),
        (&["sh", "-c", "kill -TERM $$"], Outcome::Signalled(15)),
        (&["no-such-program"], Outcome::Exited(127)),
        (&["/etc/passwd"], Outcome::Exited(126)),
        (&["/etc"], Outcome::Exited(126)),
    ];
    let world = World::new();
    for (argv, outcome) in rows {
        let mut spec = world.spec("");
        spec.argv = argv.iter().map(|&arg| arg.to_owned()).collect();
        assert_eq!(run(&spec).outcome, outcome, "{argv:?}");
    }
}

#[test]
fn a_program_that_is_missing_is_named() {
    let world = World::new();
    let mut spec = world.spec("");
    spec.argv = vec!["no-such-program".to_owned()];
    let wanted = "daruma: cannot run `no-such-program`: it is nowhere in PATH\n";
    assert_eq!(run(&spec).stderr, wanted);
}

#[test]
fn standard_input_is_read_to_its_end() {
    let world = World::new();
    let mut child = Launcher::default()
        .spawn(&world.spec("cat"), [Stdio::Pipe, Stdio::Pipe, Stdio::Pipe])
        .expect("started");
    let mut stdin = fs::File::from(child.take_stdin().expect("a pipe"));
    stdin.write_all(b"hello").expect("written");
    drop(stdin);
    assert_eq!(finish(child).stdout, "hello");
}

#[test]
fn signals_reach_the_command_and_kill_reaches_all() {
    let world = World::new();
    let mut child = start(
        &world.spec("trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done"),
    );
    let mut stdout = child.take_stdout().expect("a pipe");
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).expect("ready");
    child.signaller().send(15);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("read");
    assert_eq!(
        (rest.as_str(), child.wait().expect("waited")),
        ("got\n", Outcome::Exited(3))
    );

    let mut child = start(&world.spec("trap '' TERM; sleep 1000 & sleep 1000"));
    assert_eq!(child.try_wait().expect("asked"), None);
    child.kill();
    assert_eq!(child.wait().expect("waited"), Outcome::Signalled(9));
}

#[test]
fn the_end_of_the_command_is_the_end_of_what_it_started() {
    let world = World::new();
    let ended = run(&world.spec("sleep 1000 & exit 0"));
    assert_eq!(ended.outcome, Outcome::Exited(0));
}

#[test]
fn environment_directory_user_and_mask_are_as_asked() {
    let world = World::new();
    let mut spec = world.spec("env | sort; pwd; id -u; id -g; umask");
    spec.env.insert("A".to_owned(), "b c".to_owned());
    spec.cwd = "/app".to_owned();
    spec.user = (1000, 1000);
    let wanted = "A=b c\nPATH=/usr/bin:/bin\nPWD=/app\n/app\n1000\n1000\n0022\n";
    assert_eq!(run(&spec).stdout, wanted);
}

#[test]
fn a_working_directory_that_is_missing_is_named() {
    let world = World::new();
    let mut spec = world.spec("true");
    spec.cwd = "/nowhere".to_owned();
    let error = Launcher::default()
        .spawn(&spec, [Stdio::Null; 3])
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "cannot enter the working directory /nowhere"
    );
    assert!(matches!(error, SandboxError::Inside { .. }));
}

#[test]
fn writes_land_in_the_upper_directory_and_mount_points_do_not() {
    let world = World::new();
    let shared = world.path("shared");
    fs::create_dir(&shared).expect("a directory");
    let mut spec =
        world.spec("echo new > /etc/new; rm /etc/group; echo x > /data/deep/file; echo y > /mem/y");
    spec.upper = world.upper_dir();
    spec.mounts = vec![
        Mount::Host {
            from: shared.clone(),
            to: "/data/deep".to_owned(),
            read_only: false,
        },
        Mount::Tmpfs {
            to: "/mem".to_owned(),
        },
    ];
    spec.network = Network::Host;
    assert_eq!(run(&spec).outcome, Outcome::Exited(0));
    assert_eq!(
        fs::read_to_string(shared.join("file")).expect("written"),
        "x\n"
    );
    assert_eq!(names(&world.path("upper")), ["etc", "etc/group", "etc/new"]);
}

#[test]
fn a_mount_point_behind_a_link_leaves_nothing_either() {
    let world = World::new();
    let layer = world.path("layer");
    fs::create_dir_all(layer.join("run")).expect("a directory");
    fs::create_dir_all(layer.join("var")).expect("a directory");
    std::os::unix::fs::symlink("/run", layer.join("var/run")).expect("a link");
    let mut spec = world.spec("test -d /run/deep/er");
    spec.layers.push(layer);
    spec.upper = world.upper_dir();
    spec.mounts = vec![Mount::Tmpfs {
        to: "/var/run/deep/er".to_owned(),
    }];
    assert_eq!(run(&spec).outcome, Outcome::Exited(0));
    assert_eq!(names(&world.path("upper")), ["run"]);
}

#[test]
fn a_read_only_mount_refuses_writes() {
    let world = World::new();
    let shared = world.path("shared");
    fs::create_dir(&shared).expect("a directory");
    let mut spec = world.spec("echo x > /data/file");
    for (read_only, outcome) in [(true, Outcome::Exited(2)), (false, Outcome::Exited(0))] {
        spec.mounts = vec![Mount::Host {
            from: shared.clone(),
            to: "/data".to_owned(),
            read_only,
        }];
        assert_eq!(run(&spec).outcome, outcome, "read_only: {read_only}");
    }
}

#[test]
fn many_layers_with_long_names_are_mounted_either_way() {
    let world = World::new();
    let long = "n".repeat(200);
    for api in [OverlayApi::Newest, OverlayApi::MountCall] {
        let mut spec = world.spec("cat /mark/* | wc -l; cat /top");
        for number in 0..60 {
            let layer = world
                .path(&format!("{api:?}"))
                .join(&long)
                .join(number.to_string());
            fs::create_dir_all(layer.join("mark")).expect("a directory");
            fs::write(layer.join("mark").join(number.to_string()), "x\n").expect("written");
            fs::write(layer.join("top"), format!("{number}\n")).expect("written");
            spec.layers.push(layer);
        }
        spec.overlay = api;
        assert_eq!(run(&spec).stdout, "60\n59\n", "{api:?}");
    }
}

#[test]
fn without_network_there_is_an_own_loopback_only() {
    let world = World::new();
    let script = "ls /sys/class/net; cat /sys/class/net/lo/flags";
    assert_eq!(run(&world.spec(script)).stdout, "lo\n0x9\n");
}

#[test]
fn the_host_s_resolver_is_there_with_the_host_s_network_even_behind_a_dangling_link() {
    let Ok(wanted) = fs::read_to_string("/etc/resolv.conf") else {
        return crate::world::skip("this machine has no /etc/resolv.conf");
    };
    let world = World::new();
    let layer = world.path("layer");
    fs::create_dir_all(layer.join("etc")).expect("a directory");
    let link = layer.join("etc/resolv.conf");
    std::os::unix::fs::symlink("../run/systemd/resolve/stub-resolv.conf", link).expect("a link");
    let mut spec = world.spec("cat /etc/resolv.conf");
    spec.network = Network::Host;
    assert_eq!(run(&spec).stdout, wanted);
    spec.layers.push(layer);
    assert_eq!(run(&spec).stdout, wanted);
}

#[test]
fn devices_work() {
    let world = World::new();
    let script = "head -c3 /dev/zero | wc -c; echo x > /dev/null; echo y > /dev/full; echo z > /dev/shm/z; cat /dev/shm/z";
    assert_eq!(run(&world.spec(script)).stdout, "3\nz\n");
}

/// Paths below a directory, sorted.
fn names(dir: &std::path::Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = entry
                .path()
                .strip_prefix(dir)
                .expect("below")
                .display()
                .to_string();
            all.push(name);
            if entry.file_type().expect("a type").is_dir() {
                todo.push(entry.path());
            }
        }
    }
    all.sort();
    all
}
