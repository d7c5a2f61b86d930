//! Pid 1 of a sandbox: makes its surroundings, starts the command, reaps, forwards signals, and ends everything.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions};

use crate::child::Outcome;
use crate::enter::{Request, let_go_of_streams};
use crate::error::{During, Step};
use crate::root::{self, Leftovers};
use crate::spec::{Network, Spec};
use crate::sys::{self, Cloned};
use crate::terminal::Terminal;
use crate::wire::{self, Report};
use crate::{main_process, reclaim};

/// Runs until the command has ended or the caller is gone; returns the init's own exit code.
pub(crate) fn run(request: &Request, socket: &OwnedFd, mapped: &OwnedFd) -> i32 {
    let done = wait_for_maps(mapped).and_then(|()| match request {
        Request::Run(spec) => command(spec, socket),
        Request::Try(_) => try_mounts(),
        Request::Remove { paths, .. } => reclaim::remove_all(paths),
        Request::SetOwners { dir, owners, .. } => reclaim::set_owners(dir, owners),
    });
    let report = match (done, request) {
        (Err(failure), _) => Report::Failed(failure),
        (Ok(outcome), Request::Run(_)) => Report::Ended(outcome),
        (Ok(_), _) => Report::Started,
    };
    // Nobody is left to tell if this fails.
    i32::from(wire::report(socket, &report, None).is_err())
}

/// The kernel kills the init with the launcher; before that is arranged, the launcher's end shows as end of file.
fn wait_for_maps(mapped: &OwnedFd) -> Step<()> {
    let step = || "wait for the sandbox's ids".to_owned();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).during(step)?;
    let mut byte = [0];
    match rustix::io::retry_on_intr(|| rustix::io::read(mapped, &mut byte)).during(step)? {
        0 => Err(Errno::PIPE).during(step),
        _ => Ok(()),
    }
}

/// What a sandbox needs beyond namespaces.
fn try_mounts() -> Step<Outcome> {
    root::detach_from_host()?;
    root::try_tmpfs()?;
    Ok(Outcome::Exited(0))
}

fn command(spec: &Spec, socket: &OwnedFd) -> Step<Outcome> {
    let leftovers = surroundings(spec)?;
    let terminal = spec
        .terminal
        .map(|size| Terminal::open(size, spec.user))
        .transpose()?;
    let signals = sys::child_signals().during(|| "watch for the ends of processes".to_owned())?;
    let main = match sys::clone(0).during(|| "start the main process".to_owned())? {
        Cloned::Child => main_process::run(spec, socket, terminal.as_ref()),
        Cloned::Parent(main) => main,
    };
    drop(terminal);
    let_go_of_streams().during(|| "let go of the standard streams".to_owned())?;
    let outcome = attend(main, socket, &signals).during(|| "watch the main process".to_owned())?;
    leftovers.remove();
    Ok(outcome)
}

fn surroundings(spec: &Spec) -> Step<Leftovers> {
    // For mount points and for the command alike, whatever the caller's is.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    // Where the kernel has no keyrings, there is none to hide.
    let _ = sys::new_session_keyring();
    if spec.network == Network::None {
        sys::raise_loopback().during(|| "raise the loopback interface".to_owned())?;
    }
    rustix::system::sethostname(spec.hostname.as_bytes())
        .during(|| "set the host name".to_owned())?;
    let leftovers = root::build(spec)?;
    rustix::process::chdir(spec.cwd.as_str())
        .during(|| format!("enter the working directory {}", spec.cwd))?;
    // Hides /proc/1 from the command: this program's file, its memory, its socket.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .during(|| "hide the init".to_owned())?;
    Ok(leftovers)
}

/// Forwards signals and reaps until the main process has ended; then kills what is left.
fn attend(main: Pid, socket: &OwnedFd, signals: &OwnedFd) -> Result<Outcome, Errno> {
    let outcome = loop {
        let mut sources = [
            PollFd::new(socket, PollFlags::IN),
            PollFd::new(signals, PollFlags::IN),
        ];
        rustix::io::retry_on_intr(|| poll(&mut sources, None))?;
        let [from_caller, from_kernel] = sources.map(|source| !source.revents().is_empty());
        if from_kernel && let Some(outcome) = reap(main, signals)? {
            break outcome;
        }
        if from_caller && forward(main, socket)? == Caller::WantsEnd {
            break Outcome::Signalled(SIGKILL);
        }
    };
    end_all();
    Ok(outcome)
}

/// SIGKILL (signal(7)).
const SIGKILL: u8 = 9;

#[derive(PartialEq, Eq)]
enum Caller {
    Stays,
    WantsEnd,
}

/// Hands one message's signals on. The caller's end, or SIGKILL, ends everything.
fn forward(main: Pid, socket: &OwnedFd) -> Result<Caller, Errno> {
    let (numbers, _) = match wire::receive(socket, RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN) => return Ok(Caller::Stays),
        Err(Errno::CONNRESET) => return Ok(Caller::WantsEnd),
        other => other?,
    };
    if numbers.is_empty() || numbers.contains(&SIGKILL) {
        return Ok(Caller::WantsEnd);
    }
    for number in numbers {
        // The main process may have ended, or the number be no signal.
        let _ = sys::kill(Some(main), number.into());
    }
    Ok(Caller::Stays)
}

/// Reaps all that has ended; the outcome if the main process is among it.
fn reap(main: Pid, signals: &OwnedFd) -> Result<Option<Outcome>, Errno> {
    drain(signals)?;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == main => return Ok(Some(outcome(status))),
            Ok(Some(_)) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Signals are merged while they are pending, so that one read says nothing about how many children ended.
fn drain(signals: &OwnedFd) -> Result<(), Errno> {
    let mut record = [0u8; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(signals.as_fd(), &mut record) {
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}

fn outcome(status: rustix::process::WaitStatus) -> Outcome {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Outcome::Exited(byte(code)),
        (None, Some(signal)) => Outcome::Signalled(byte(signal)),
        (None, None) => Outcome::Signalled(SIGKILL),
    }
}

fn end_all() {
    // Fails only where nothing is left.
    let _ = sys::kill(None, SIGKILL.into());
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::empty()) {}
}
