//! Each way out is tried inside, where it must fail, and outside as root, where it must not: else the test shows nothing.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use daruma_sandbox::{Ids, Mount, Network, Outcome, Privileges, Spec};

use crate::attempts::{ARGUMENT, ATTEMPT};
use crate::world::{World, copy_with_libraries, proc_is_shared, run, skip};

/// How the same attempt ends outside, made by root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    /// It works.
    Works,
    /// The kernel finds fault with an argument, and not with the right to ask.
    Asked,
    /// What it needs is not on every machine.
    May,
}
use Outside::{Asked, May, Works};

struct Bench {
    world: World,
    program: PathBuf,
    victim: Child,
    secret: PathBuf,
    port: u16,
    name: String,
    _listeners: (TcpListener, UnixListener),
}

impl Bench {
    fn new() -> Self {
        let world = World::new();
        let program = copy_with_libraries(
            &std::env::current_exe().expect("this program"),
            &world.path("layer"),
        );
        let secret = world.path("secret");
        fs::write(&secret, "secret").expect("written");
        let name = format!("daruma-test-{}", std::process::id());
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        Self {
            world,
            program,
            victim: Command::new("sleep")
                .arg("1000")
                .stdin(Stdio::null())
                .spawn()
                .expect("sleep"),
            secret,
            port: tcp.local_addr().expect("an address").port(),
            name,
            _listeners: (tcp, UnixListener::bind_addr(&address).expect("a socket")),
        }
    }

    fn spec(&self, attempt: &str, argument: &str) -> Spec {
        let mut spec = self.world.spec("");
        spec.layers.push(self.world.path("layer"));
        spec.argv = vec![self.program.display().to_string()];
        spec.env.insert(ATTEMPT.to_owned(), attempt.to_owned());
        spec.env.insert(ARGUMENT.to_owned(), argument.to_owned());
        spec
    }

    fn inside(&self, attempt: &str, argument: &str) -> Outcome {
        run(&self.spec(attempt, argument)).outcome
    }

    fn outside(attempt: &str, argument: &str) -> Option<i32> {
        let mut command = Command::new("/proc/self/exe");
        command.env(ATTEMPT, attempt).env(ARGUMENT, argument);
        command.status().expect("run").code()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

fn is_root() -> bool {
    Ids::detect() == Ids::Same
}

#[test]
fn no_known_way_leads_out() {
    let bench = Bench::new();
    let secret = bench.secret.display().to_string();
    let victim = bench.victim.id().to_string();
    let in_root = format!("root{secret}");
    let dir = std::env::temp_dir().display().to_string();
    let of_init = |file: &str| format!("/proc/1/{file}");
    let of_victim = |file: &str| format!("/proc/{victim}/{file}");
    let rows = [
        ("read", of_init(&in_root), of_victim(&in_root), Works),
        ("open", of_init("mem"), of_victim("mem"), Works),
        ("open", of_init("exe"), of_victim("exe"), Works),
        (
            "enter-namespace",
            of_init("ns/mnt"),
            of_victim("ns/mnt"),
            Works,
        ),
        ("read-after-chroot", secret.clone(), secret, Works),
        same("see-process", &victim, Works),
        same("signal-process", &victim, Works),
        same("trace-process", &victim, Works),
        same("write-sysctl", "", Works),
        same("open-sysrq", "", May),
        same("write-sys", "", May),
        same("read-kernel-memory", "", May),
        same("open", "/dev/kmsg", May),
        same("open", "/dev/mem", May),
        same("make-device", &dir, Works),
        same("add-key", "", May),
        same("mount", &dir, Works),
        same("unshare-user", "", Works),
        same("clone-user", "", Works),
        same("open-by-handle", "", Asked),
        same("raw-socket", "", Works),
        same("userfaultfd", "", May),
        same("make-cgroup", "", May),
        same("open-release-agent", "", May),
        same("connect-abstract", &bench.name, Works),
        same("connect-loopback", &bench.port.to_string(), Works),
        same("unload-module", "", May),
        same("kexec", "", May),
        same("bpf", "", Asked),
        same("perf", "", Asked),
        same("reboot", "", Asked),
        same("set-clock", "", Asked),
        same("type-into-terminal", "", Asked),
        same("io-uring", "", May),
        same("swap-on", "", Asked),
    ];
    let mut wrong = Vec::new();
    for (attempt, argument, outside_argument, outside) in rows {
        if attempt == "see-process" && proc_is_shared() {
            skip("other processes show where an engine's container masks /proc");
            continue;
        }
        wrong.extend(success_inside(&bench, attempt, &argument, outside));
        if is_root() {
            wrong.extend(failure_outside(attempt, &outside_argument, outside));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// An attempt on the same thing inside and outside.
fn same<'a>(
    attempt: &'a str,
    argument: &str,
    outside: Outside,
) -> (&'a str, String, String, Outside) {
    (attempt, argument.to_owned(), argument.to_owned(), outside)
}

/// EPERM and ENOSYS.
const REFUSALS: [i32; 2] = [1, 38];

fn success_inside(
    bench: &Bench,
    attempt: &str,
    argument: &str,
    outside: Outside,
) -> Option<String> {
    let Outcome::Exited(code) = bench.inside(attempt, argument) else {
        return Some(format!("{attempt} {argument} inside was killed"));
    };
    let fine = match outside {
        Asked => REFUSALS.contains(&code.into()),
        Works | May => code != 0,
    };
    (!fine).then(|| format!("{attempt} {argument} inside: {code}"))
}

fn failure_outside(attempt: &str, argument: &str, expected: Outside) -> Option<String> {
    let code = Bench::outside(attempt, argument);
    let refused = code.is_none_or(|code| REFUSALS.contains(&code));
    let fine = match expected {
        Works => code == Some(0),
        Asked => !refused,
        May => {
            if refused || code == Some(libc::ENOENT) {
                crate::world::say(&format!(
                    "no control: {attempt} {argument} is refused outside too, by this kernel"
                ));
            }
            true
        }
    };
    (!fine).then(|| format!("{attempt} {argument} outside: {code:?}"))
}

/// The sandbox's own setuid programs give nothing where privileges are fixed, and the sandbox's root where they are not.
#[test]
fn a_setuid_program_gives_no_privileges() {
    if Ids::detect() == Ids::Single {
        return skip("with a single id there is no other user to become");
    }
    let world = World::new();
    let layer = world.path("layer");
    copy_with_libraries(Path::new("/usr/bin/id"), &layer);
    let program = layer.join("usr/bin/id");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("setuid");
    let mut spec = world.spec("id -u");
    spec.layers.push(layer);
    spec.user = (1000, 1000);
    for (privileges, shown) in [(Privileges::Fixed, "1000\n"), (Privileges::Gainable, "0\n")] {
        spec.privileges = privileges;
        assert_eq!(run(&spec).stdout, shown, "{privileges:?}");
    }
}

#[test]
fn root_inside_has_only_the_capabilities_that_are_kept() {
    let world = World::new();
    let ended = run(&world.spec(
        "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status; grep Seccomp: /proc/self/status",
    ));
    let kept = "00000000a00405fb";
    let wanted = format!(
        "CapInh:\t0000000000000000\nCapPrm:\t{kept}\nCapEff:\t{kept}\nCapBnd:\t{kept}\nCapAmb:\t0000000000000000\nSeccomp:\t2\n"
    );
    assert_eq!(ended.stdout, wanted);
}

/// One that daruma forgot to mark would otherwise lead to whatever it is open on.
#[test]
fn no_descriptor_of_the_caller_s_is_open_inside() {
    let world = World::new();
    let file = fs::File::open("/").expect("opened");
    // Leaked on purpose: a copy that `execve(2)` does not close.
    let leaked = rustix::io::dup(&file).expect("a copy");
    let ended = run(&world.spec("ls /proc/$$/fd"));
    drop(leaked);
    assert_eq!(ended.stdout, "0\n1\n2\n");
}

#[test]
fn a_user_inside_has_no_capabilities() {
    let world = World::new();
    let mut spec = world.spec("grep -E '^Cap(Prm|Eff)' /proc/self/status");
    spec.user = (1000, 1000);
    assert_eq!(
        run(&spec).stdout,
        "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
    );
}

/// Mount points are made and found within the new root, whatever the image's links say.
#[test]
fn a_link_of_the_image_s_leads_no_mount_to_the_host() {
    let world = World::new();
    let target = world.path("target");
    fs::create_dir(&target).expect("a directory");
    fs::write(target.join("file"), "secret").expect("written");
    let layer = world.path("layer");
    fs::create_dir_all(layer.join("etc")).expect("a directory");
    std::os::unix::fs::symlink(&target, layer.join("data")).expect("a link");
    std::os::unix::fs::symlink(target.join("file"), layer.join("etc/hosts")).expect("a link");
    let mut spec = world.spec("cat /etc/hosts /data/file; ls /data");
    spec.layers.push(layer);
    spec.network = Network::Host;
    spec.mounts = vec![Mount::Tmpfs {
        to: "/data/in".to_owned(),
    }];
    let ended = run(&spec);
    assert!(!ended.stdout.contains("secret"), "{ended:?}");
    assert!(ended.stdout.ends_with("in\n"), "{ended:?}");
    let names: Vec<_> = fs::read_dir(&target)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["file"]);
}

/// What the host mounts after the start does not appear inside.
#[test]
fn mounts_do_not_propagate() {
    if !is_root() {
        return skip("only root can mount outside");
    }
    let world = World::new();
    let shared = world.path("shared");
    fs::create_dir(&shared).expect("a directory");
    let mut spec = world.spec("while ! test -e /data/go; do sleep 0.02; done; ls /data/mounted");
    let inner = shared.join("mounted");
    fs::create_dir(&inner).expect("a directory");
    spec.mounts = vec![Mount::Host {
        from: shared.clone(),
        to: "/data".to_owned(),
        read_only: true,
    }];
    let child = crate::world::start(&spec);
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "tmpfs"])
        .arg(&inner)
        .status()
        .expect("mount");
    assert!(status.success());
    fs::write(inner.join("seen"), "").expect("written");
    fs::write(shared.join("go"), "").expect("written");
    let ended = crate::world::finish(child);
    let status = Command::new("umount").arg(&inner).status().expect("umount");
    assert!(status.success());
    assert_eq!(ended.stdout, "");
}
