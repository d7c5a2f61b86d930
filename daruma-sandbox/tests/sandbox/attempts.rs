//! Ways out of a sandbox, as functions that are tried inside and, to show that they can succeed, outside.

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

/// With this variable set, the program makes the attempt it names and ends with its `errno`, 0 for success.
pub(crate) const ATTEMPT: &str = "DARUMA_TEST_ATTEMPT";
/// What the attempt works on.
pub(crate) const ARGUMENT: &str = "DARUMA_TEST_ARGUMENT";

/// Makes the attempt that the environment asks for, if it does.
pub(crate) fn make_if_asked() {
    let Ok(name) = std::env::var(ATTEMPT) else {
        return;
    };
    let argument = std::env::var(ARGUMENT).unwrap_or_default();
    let (_, attempt) = ALL
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a known attempt");
    let code = match attempt(&argument) {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(255),
    };
    std::process::exit(code);
}

type Attempt = fn(&str) -> io::Result<()>;

const ALL: &[(&str, Attempt)] = &[
    ("read", |file| fs::read(file).map(drop)),
    ("open", |file| fs::File::open(file).map(drop)),
    ("read-after-chroot", read_after_chroot),
    ("enter-namespace", enter_namespace),
    ("see-process", |pid| {
        fs::metadata(format!("/proc/{pid}")).map(drop)
    }),
    ("signal-process", |pid| {
        check(unsafe { libc::kill(number(pid), 0) }.into())
    }),
    ("trace-process", trace),
    ("write-sysctl", |_| rewrite("/proc/sys/vm/swappiness")),
    ("open-sysrq", |_| open_to_write("/proc/sysrq-trigger")),
    ("write-sys", |_| {
        open_to_write("/sys/kernel/mm/transparent_hugepage/enabled")
    }),
    ("read-kernel-memory", |_| read_some("/proc/kcore")),
    ("make-device", make_device),
    ("add-key", |_| add_key()),
    ("mount", mount),
    ("unshare-user", |_| {
        check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into())
    }),
    ("clone-user", |_| clone_user()),
    ("open-by-handle", |_| open_by_handle()),
    ("raw-socket", |_| {
        check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW, 1) }.into())
    }),
    ("userfaultfd", |_| call(libc::SYS_userfaultfd, [0; 4])),
    ("make-cgroup", |_| make_cgroup()),
    ("open-release-agent", |_| open_release_agent()),
    ("connect-abstract", |name| connect_abstract(name)),
    ("connect-loopback", |port| {
        TcpStream::connect(format!("127.0.0.1:{port}")).map(drop)
    }),
    // These cannot do harm, because an argument is wrong; where they are not refused, the kernel says so.
    ("unload-module", |_| {
        call(
            libc::SYS_delete_module,
            [c"no_such_module".as_ptr() as libc::c_long, 0, 0, 0],
        )
    }),
    ("kexec", |_| call(libc::SYS_kexec_load, [0, 0, 0, -1])),
    ("bpf", |_| call(libc::SYS_bpf, [9999, 0, 0, 0])),
    ("perf", |_| call(libc::SYS_perf_event_open, [0, 0, 0, 0])),
    ("reboot", |_| call(libc::SYS_reboot, [0, 0, 0, 0])),
    ("set-clock", |_| call(libc::SYS_clock_settime, [0, 0, 0, 0])),
    ("type-into-terminal", |_| {
        call(libc::SYS_ioctl, [0, 0x5412, 0, 0])
    }),
    ("io-uring", |_| call(libc::SYS_io_uring_setup, [1, 0, 0, 0])),
    ("swap-on", |_| call(libc::SYS_swapon, [0, 0, 0, 0])),
];

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn call(number: libc::c_long, [a, b, c, d]: [libc::c_long; 4]) -> io::Result<()> {
    check(unsafe { libc::syscall(number, a, b, c, d, 0, 0) })
}

fn number(text: &str) -> i32 {
    text.parse().expect("a number")
}

fn path(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}

/// The classic: a root below the working directory holds nobody who stands above it.
fn read_after_chroot(secret: &str) -> io::Result<()> {
    let dir = std::env::temp_dir().join(format!("chroot-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    std::os::unix::fs::chroot(&dir)?;
    for _ in 0..64 {
        check(unsafe { libc::chdir(c"..".as_ptr()) }.into())?;
    }
    std::os::unix::fs::chroot(".")?;
    fs::read(secret).map(drop)
}

fn enter_namespace(file: &str) -> io::Result<()> {
    let file = fs::File::open(file)?;
    check(unsafe { libc::setns(file.as_raw_fd(), 0) }.into())
}

fn trace(pid: &str) -> io::Result<()> {
    check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, number(pid), 0, 0) })
}

/// Writes what it says already.
fn rewrite(file: &str) -> io::Result<()> {
    let text = fs::read(file)?;
    OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|mut file| io::Write::write_all(&mut file, &text))
}

fn open_to_write(file: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(file).map(drop)
}

fn read_some(file: &str) -> io::Result<()> {
    let count = io::Read::read(&mut fs::File::open(file)?, &mut [0; 16])?;
    if count == 0 {
        Err(io::Error::from_raw_os_error(libc::ENODATA))
    } else {
        Ok(())
    }
}

/// The device `null`, whose number needs the same privilege as a disk's.
fn make_device(dir: &str) -> io::Result<()> {
    let file = format!("{dir}/device");
    let made = unsafe {
        libc::mknod(
            path(&file).as_ptr(),
            libc::S_IFCHR | 0o600,
            libc::makedev(1, 3),
        )
    };
    check(made.into())?;
    fs::remove_file(file)
}

fn add_key() -> io::Result<()> {
    let (kind, name) = (
        c"user".as_ptr() as libc::c_long,
        c"daruma-test".as_ptr() as libc::c_long,
    );
    let keyring = libc::c_long::from(libc::KEY_SPEC_PROCESS_KEYRING);
    check(unsafe { libc::syscall(libc::SYS_add_key, kind, name, name, 4, keyring) })
}

fn mount(dir: &str) -> io::Result<()> {
    let dir = path(dir);
    let kind = c"tmpfs".as_ptr();
    check(unsafe { libc::mount(kind, dir.as_ptr(), kind, 0, std::ptr::null()) }.into())?;
    check(unsafe { libc::umount(dir.as_ptr()) }.into())
}

fn clone_user() -> io::Result<()> {
    let flags = libc::c_long::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if pid == 0 {
        unsafe { libc::_exit(0) }
    }
    check(pid)
}

fn open_by_handle() -> io::Result<()> {
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: i32,
        data: [u8; 128],
    }
    let mut handle = Handle {
        bytes: 128,
        kind: 0,
        data: [0; 128],
    };
    let root = fs::File::open("/")?;
    let (at, handle_at, mut mount) = (root.as_raw_fd(), &raw mut handle, 0);
    let named = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            at,
            c"".as_ptr(),
            handle_at,
            &raw mut mount,
            libc::AT_EMPTY_PATH,
        )
    };
    // An overlay may be unable to name its files; then the other call still shows whether it is refused.
    let _ = named;
    check(unsafe { libc::syscall(libc::SYS_open_by_handle_at, at, handle_at, libc::O_RDONLY) })
}

fn cgroups() -> impl Iterator<Item = std::path::PathBuf> {
    let below = fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    below
        .filter(|path| path.is_dir())
        .chain(["/sys/fs/cgroup".into()])
}

fn first_success(tries: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut last = Err(io::Error::from_raw_os_error(libc::ENOENT));
    for result in tries {
        if result.is_ok() {
            return Ok(());
        }
        last = result;
    }
    last
}

fn make_cgroup() -> io::Result<()> {
    let make = |dir: &Path| fs::create_dir(dir).and_then(|()| fs::remove_dir(dir));
    first_success(cgroups().map(|dir| make(&dir.join("daruma-test"))))
}

fn open_release_agent() -> io::Result<()> {
    first_success(cgroups().map(|dir| {
        OpenOptions::new()
            .write(true)
            .open(dir.join("release_agent"))
            .map(drop)
    }))
}

fn connect_abstract(name: &str) -> io::Result<()> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?).map(drop)
}
