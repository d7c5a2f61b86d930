//! The launcher: what the caller's program becomes when it is executed again for a sandbox.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::error::{During, Failure, Step};
use crate::ids::Ids;
use crate::launch::open_null;
use crate::reclaim::Owner;
use crate::spec::{Network, Spec};
use crate::sys::{self, Cloned, Close};
use crate::wire::{self, Report};

/// The only argument of a launcher.
pub(crate) const ENTRY: &str = "__sandbox";

/// What a launcher is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Run a command.
    Run(Box<Spec>),
    /// Only try whether namespaces and id maps can be had.
    Try(Ids),
    /// Remove directories whose files belong to mapped ids.
    Remove {
        /// How they are mapped.
        ids: Ids,
        /// What to remove; each with all below.
        paths: Vec<PathBuf>,
    },
    /// Give files to mapped ids.
    SetOwners {
        /// How they are mapped.
        ids: Ids,
        /// Where the files are.
        dir: PathBuf,
        /// Whose each is to be.
        owners: Vec<Owner>,
    },
}

impl Request {
    pub(crate) fn ids(&self) -> &Ids {
        match self {
            Self::Run(spec) => &spec.ids,
            Self::Try(ids) | Self::Remove { ids, .. } | Self::SetOwners { ids, .. } => ids,
        }
    }

    /// Who the only id inside is, where there is only one.
    fn user(&self) -> (u32, u32) {
        match self {
            Self::Run(spec) => spec.user,
            _ => (0, 0),
        }
    }
}

/// Becomes a sandbox, and never returns, if this program was executed to that end. Call it first in `main`.
pub fn enter_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|arg| arg == ENTRY) {
        sys::end(i32::from(serve().is_err()));
    }
}

/// Everything here happens in a process with one thread.
fn serve() -> Result<(), Errno> {
    sys::close_from(3, Close::Now)?;
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let (_, fds) = wire::receive(&socket, RecvFlags::empty())?;
    let Ok([request, stdin]) = <[OwnedFd; 2]>::try_from(fds) else {
        return Err(Errno::PROTO);
    };
    rustix::stdio::dup2_stdin(stdin)?;
    let outcome = wire::unseal(request)
        .during(|| "read the sandbox's spec".to_owned())
        .and_then(|request| launch(&request, &socket));
    match outcome {
        Ok(init) => watch(init, socket),
        Err(failure) => wire::report(&socket, &Report::Failed(failure), None),
    }
}

/// Clones the init and maps its ids.
fn launch(request: &Request, socket: &OwnedFd) -> Step<Pid> {
    let (mapped, tell) = pipe_with(PipeFlags::CLOEXEC).during(|| "make a pipe".to_owned())?;
    match sys::clone(namespaces(request)).map_err(refusal)? {
        Cloned::Child => {
            drop(tell);
            sys::end(crate::init::run(request, socket, &mapped))
        }
        Cloned::Parent(init) => {
            request
                .ids()
                .write_maps(init.as_raw_nonzero().get(), request.user())
                .inspect_err(|_| abandon(init))?;
            // A failure means that the init has died, which `watch` notices.
            let _ = rustix::io::write(&tell, b"1");
            Ok(init)
        }
    }
}

fn namespaces(request: &Request) -> libc::c_int {
    let mut flags = libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWCGROUP;
    if request.ids().need_user_namespace() {
        flags |= libc::CLONE_NEWUSER;
    }
    if matches!(request, Request::Run(spec) if spec.network == Network::None) {
        flags |= libc::CLONE_NEWNET;
    }
    flags
}

fn refusal(errno: Errno) -> Failure {
    Failure {
        action: "make namespaces".to_owned(),
        errno: errno.raw_os_error(),
        refused: true,
    }
}

fn abandon(init: Pid) {
    // It waits for its ids and has done nothing yet; both calls fail only if it is gone.
    let _ = rustix::process::kill_process(init, rustix::process::Signal::KILL);
    let _ = rustix::process::waitpid(Some(init), WaitOptions::empty());
}

/// Waits for the end of the init. The streams are the command's alone, so that their readers see its end.
fn watch(init: Pid, socket: OwnedFd) -> Result<(), Errno> {
    let_go_of_streams()?;
    drop(socket);
    rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(init), WaitOptions::empty()))?;
    Ok(())
}

/// Puts `/dev/null` in the place of the standard streams.
pub(crate) fn let_go_of_streams() -> Result<(), Errno> {
    let null = open_null()?;
    rustix::stdio::dup2_stdin(null.as_fd())?;
    rustix::stdio::dup2_stdout(null.as_fd())?;
    rustix::stdio::dup2_stderr(null.as_fd())
}
