//! The command's terminal, made by the sandbox's own devpts so that `tty(1)` works inside.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::error::{During, Step};
use crate::spec::WindowSize;

/// Both ends of a terminal.
pub(crate) struct Terminal {
    caller: OwnedFd,
    command: OwnedFd,
}

impl Terminal {
    /// Opens a terminal in the finished root; it belongs to `user`.
    pub(crate) fn open(size: WindowSize, user: (u32, u32)) -> Step<Self> {
        let step = || "open a terminal".to_owned();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let caller = rustix::fs::open("/dev/pts/ptmx", flags, Mode::empty()).during(step)?;
        rustix::pty::unlockpt(&caller).during(step)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let command = rustix::pty::ioctl_tiocgptpeer(&caller, flags).during(step)?;
        let size = Winsize {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&caller, size).during(step)?;
        let (uid, gid) = (Uid::from_raw(user.0), Gid::from_raw(user.1));
        rustix::fs::fchown(&command, Some(uid), Some(gid)).during(step)?;
        Ok(Self { caller, command })
    }

    /// The controlling end.
    pub(crate) fn caller(&self) -> BorrowedFd<'_> {
        self.caller.as_fd()
    }

    /// Makes the terminal this session's and its standard streams.
    pub(crate) fn take(&self) -> Step<()> {
        let step = || "take the terminal".to_owned();
        rustix::process::ioctl_tiocsctty(&self.command).during(step)?;
        rustix::stdio::dup2_stdin(&self.command).during(step)?;
        rustix::stdio::dup2_stdout(&self.command).during(step)?;
        rustix::stdio::dup2_stderr(&self.command).during(step)
    }
}
