//! Ends an app that another daruma runs.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::state::Seen;
use super::supervisor::DEFAULT_GRACE;
use super::{AppId, RunDir, RunError};

/// How long a daruma has to stop its app by default: the processes' own grace, and time to tell of it.
pub const STOP_GRACE: Duration = DEFAULT_GRACE.saturating_add(Duration::from_secs(5));

/// How long a killed process may take to go.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// An app that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The daruma that ran it.
    pub pid: u32,
    /// How that ended.
    pub how: HowStopped,
}

/// How a daruma ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowStopped {
    /// By itself, after it was told.
    Terminated,
    /// It had to be killed; the engine ends its processes within two seconds.
    Killed,
}

impl RunDir {
    /// Tells the daruma that runs `app` to stop, and kills it if it is still there after `grace`.
    pub fn stop(&self, app: &AppId, grace: Duration) -> Result<Stopped, RunError> {
        let pid = self.holder(app)?;
        let process = Handle::open(pid)?.ok_or_else(|| not_running(app))?;
        // Only now is it sure that the handle is the holder's: had the number gone to another process before it was
        // opened, the lock would be free by now.
        if self.holder(app)? != pid {
            return Err(not_running(app));
        }
        process.signal(Signal::TERM)?;
        let how = if process.wait(grace)? {
            HowStopped::Terminated
        } else {
            process.signal(Signal::KILL)?;
            if !process.wait(KILL_WAIT)? {
                let app = app.to_string();
                return Err(RunError::StillThere { app, pid });
            }
            HowStopped::Killed
        };
        self.look(app)?;
        Ok(Stopped { pid, how })
    }

    fn holder(&self, app: &AppId) -> Result<u32, RunError> {
        match self.look(app)? {
            Seen::Running(state) => Ok(state.pid),
            Seen::Free => Err(not_running(app)),
            Seen::Starting => Err(RunError::StillStarting {
                app: app.to_string(),
            }),
        }
    }
}

fn not_running(app: &AppId) -> RunError {
    RunError::NotRunning {
        app: app.to_string(),
    }
}

/// A process by descriptor (pidfd_open(2)): its number may be given to another process, the descriptor is not.
struct Handle {
    fd: OwnedFd,
    pid: u32,
}

impl Handle {
    /// `None` where there is no such process.
    fn open(pid: u32) -> Result<Option<Self>, RunError> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self { fd, pid })),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => Err(failed("find", pid, error)),
        }
    }

    /// A process that has ended meanwhile is as good as signalled.
    fn signal(&self, signal: Signal) -> Result<(), RunError> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(failed("signal", self.pid, error)),
        }
    }

    /// Whether it ended within `time`.
    fn wait(&self, time: Duration) -> Result<bool, RunError> {
        let began = Instant::now();
        loop {
            let left = time.saturating_sub(began.elapsed());
            let timeout = Timespec::try_from(left).ok();
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed("wait for", self.pid, error)),
            }
        }
    }
}

fn failed(action: &'static str, pid: u32, error: Errno) -> RunError {
    RunError::Process {
        action,
        pid,
        source: io::Error::from(error),
    }
}
