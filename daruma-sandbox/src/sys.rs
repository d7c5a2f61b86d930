//! The system calls that no safe wrapper exists for. All unsafe code of the workspace is here.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::Pid;

/// What a clone returns, twice.
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the old one.
    Parent(Pid),
}

/// `struct clone_args` up to `cgroup` (clone(2)).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// `struct mount_attr` (mount_setattr(2)).
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result >= 0 {
        return Ok(result);
    }
    let code = std::io::Error::last_os_error().raw_os_error();
    Err(Errno::from_raw_os_error(code.unwrap_or(libc::EIO)))
}

/// `CLONE_CLEAR_SIGHAND` (Linux 5.5), which libc has as a type too small for it.
const CLEAR_SIGNAL_ACTIONS: u64 = 1 << 32;

/// Forks into new namespaces (`CLONE_NEW*`; 0 for none), with default actions for all signals. Only for a process with a
/// single thread.
pub(crate) fn clone(namespaces: libc::c_int) -> Result<Cloned, Errno> {
    let args = CloneArgs {
        flags: CLEAR_SIGNAL_ACTIONS | u64::from(namespaces.unsigned_abs()),
        exit_signal: u64::from(libc::SIGCHLD.unsigned_abs()),
        ..CloneArgs::default()
    };
    // SAFETY: the structure is as long as said, and without CLONE_VM the child has its own copy of all memory. The
    // launcher and the init are single-threaded, so that no lock is held by a thread that the child lacks.
    let result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    match i32::try_from(check(result)?).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(Cloned::Parent(pid)),
        None => Ok(Cloned::Child),
    }
}

/// Makes a tree of mounts read only, all those below included.
pub(crate) fn set_read_only(tree: impl AsFd) -> Result<(), Errno> {
    let attributes = MountAttr {
        set: libc::MOUNT_ATTR_RDONLY,
        ..MountAttr::default()
    };
    // SAFETY: the path is an empty C string, and the structure is as long as said.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<MountAttr>(),
        )
    };
    check(result).map(|_| ())
}

/// When [`close_from`] closes.
#[derive(Clone, Copy)]
pub(crate) enum Close {
    /// Closed at once.
    Now,
    /// Closed by `execve(2)`.
    OnExec,
}

/// Closes all descriptors from `first` on. The caller owns none of them in a Rust value that it will still use.
pub(crate) fn close_from(first: RawFd, when: Close) -> Result<(), Errno> {
    let flags = match when {
        Close::Now => 0,
        Close::OnExec => libc::CLOSE_RANGE_CLOEXEC,
    };
    // SAFETY: no memory is touched.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) };
    check(result).map(|_| ())
}

/// Installs a seccomp filter for this thread and all that it starts.
pub(crate) fn install_filter(program: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::INVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies the program, which lives until the call returns, and writes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    check(result).map(|_| ())
}

/// Joins a new, empty session keyring.
pub(crate) fn new_session_keyring() -> Result<(), Errno> {
    // SAFETY: a null name asks for an anonymous keyring.
    let result = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    check(result).map(|_| ())
}

/// Brings the loopback interface of this network namespace up.
pub(crate) fn raise_loopback() -> Result<(), Errno> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: all bytes zero are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
        // `c_char` is signed on x86_64 and unsigned on aarch64.
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP).map_err(|_| Errno::INVAL)?;
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    check(result.into()).map(|_| ())
}

/// Blocks SIGCHLD and returns a descriptor that is readable while one is pending.
pub(crate) fn child_signals() -> Result<OwnedFd, Errno> {
    // SAFETY: the set is initialised by `sigemptyset` before it is read.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        check(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()).into())?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        let fd = check(libc::signalfd(-1, &raw const set, flags).into())?;
        let fd = RawFd::try_from(fd).map_err(|_| Errno::BADF)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Blocks no signal any more.
pub(crate) fn unblock_signals() -> Result<(), Errno> {
    // SAFETY: the set is initialised by `sigemptyset` before it is read.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut())
    };
    check(result.into()).map(|_| ())
}

/// Becomes a program; returns only if that fails.
pub(crate) fn execute(program: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        let ends = std::iter::once(std::ptr::null());
        strings.iter().map(|s| s.as_ptr()).chain(ends).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both lists end with a null pointer, and their strings outlive the call.
    let result = unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    check(result.into()).err().unwrap_or(Errno::IO)
}

/// Ends this process without running what `atexit(3)` registered, which belongs to the process it was cloned from.
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: never returns.
    unsafe { libc::_exit(code) }
}

/// Signals a process, or with `None` all that this one may signal but itself.
pub(crate) fn kill(pid: Option<Pid>, signal: i32) -> Result<(), Errno> {
    let pid = pid.map_or(-1, |pid| Pid::as_raw(Some(pid)));
    // SAFETY: no memory is touched.
    check(unsafe { libc::kill(pid, signal) }.into()).map(|_| ())
}
