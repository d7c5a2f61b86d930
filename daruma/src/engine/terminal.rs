//! A job's terminal and daruma's own: bytes both ways, the window's size, and raw mode while it lasts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;

use daruma_sandbox::WindowSize;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

/// One read; terminals hand out at most 4 KiB at once (`N_TTY_BUF_SIZE`).
const CHUNK: usize = 4096;

/// The size of daruma's terminal; `None` where its standard input or output is none.
pub(super) fn size_of_own() -> Option<WindowSize> {
    let (input, output) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    if !rustix::termios::isatty(input) || !rustix::termios::isatty(output) {
        return None;
    }
    let size = tcgetwinsize(input).ok()?;
    Some(WindowSize {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}

/// Relays between two terminals until the job's is gone. Dropped, it gives daruma's terminal its old mode back.
#[derive(Debug)]
pub(super) struct Relay {
    output: Option<JoinHandle<()>>,
    input: Option<JoinHandle<()>>,
    stop: UnixStream,
    resized: signal_hook::SigId,
    _raw: RawMode,
}

impl Relay {
    /// Relays between daruma's terminal and the controlling end of the job's.
    pub(super) fn start(job: OwnedFd) -> io::Result<Self> {
        let input = rustix::stdio::stdin().try_clone_to_owned()?;
        let output = rustix::stdio::stdout().try_clone_to_owned()?;
        Self::between(input, output, job)
    }

    fn between(input: OwnedFd, output: OwnedFd, job: OwnedFd) -> io::Result<Self> {
        let raw = RawMode::enter(input.try_clone()?)?;
        let job = Arc::new(job);
        let (stop, stopped) = UnixStream::pair()?;
        let (resize, resized) = UnixStream::pair()?;
        resized.set_nonblocking(true)?;
        let resized_id =
            signal_hook::low_level::pipe::register(signal_hook::consts::SIGWINCH, resize)?;
        let from = Arc::clone(&job);
        Ok(Self {
            output: Some(std::thread::spawn(move || copy_output(&from, &output))),
            input: Some(std::thread::spawn(move || {
                copy_input(&input, &job, &resized, &stopped);
            })),
            stop,
            resized: resized_id,
            _raw: raw,
        })
    }

    /// Waits until all that the job printed is out, then ends the relay.
    pub(super) fn finish(mut self) {
        join(self.output.take());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.resized);
        // Ends the input thread, which may be waiting for a key.
        let _ = self.stop.shutdown(std::net::Shutdown::Both);
        join(self.input.take());
    }
}

/// A thread that panicked has nothing more to do.
fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

/// Until the job's terminal has no other end any more, which reads as an error (EIO).
fn copy_output(job: &OwnedFd, output: &OwnedFd) {
    let mut buffer = [0; CHUNK];
    while let Ok(count @ 1..) = rustix::io::retry_on_intr(|| rustix::io::read(job, &mut buffer)) {
        if write_all(output, &buffer[..count]).is_err() {
            return;
        }
    }
}

/// Until told to stop, or either terminal is gone.
fn copy_input(input: &OwnedFd, job: &OwnedFd, resized: &UnixStream, stopped: &UnixStream) {
    loop {
        let mut sources = [input.as_fd(), resized.as_fd(), stopped.as_fd()].map(wait_for);
        if rustix::io::retry_on_intr(|| poll(&mut sources, None)).is_err() {
            return;
        }
        let [typed, resize, stop] = sources.map(|source| !source.revents().is_empty());
        if stop || (resize && pass_size(resized, input, job).is_err()) {
            return;
        }
        if typed && pass_chunk(input, job).is_err() {
            return;
        }
    }
}

fn wait_for(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

fn pass_size(resized: &UnixStream, own: &OwnedFd, job: &OwnedFd) -> Result<(), Errno> {
    let mut marks = [0; 64];
    rustix::io::read(resized, &mut marks)?;
    tcsetwinsize(job, tcgetwinsize(own)?)
}

fn pass_chunk(input: &OwnedFd, job: &OwnedFd) -> Result<(), Errno> {
    let mut buffer = [0; CHUNK];
    match rustix::io::retry_on_intr(|| rustix::io::read(input, &mut buffer))? {
        0 => Err(Errno::PIPE),
        count => write_all(job, &buffer[..count]),
    }
}

fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let count = rustix::io::retry_on_intr(|| rustix::io::write(to, bytes))?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// A terminal that hands every key on at once, until this value is dropped.
struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl std::fmt::Debug for RawMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawMode").finish_non_exhaustive()
    }
}

impl RawMode {
    fn enter(terminal: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Drain, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to restore.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::OpenptFlags;
    use rustix::termios::{LocalModes, Winsize};

    /// Controlling end and other end of a new terminal.
    fn terminal() -> (OwnedFd, OwnedFd) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controlling = rustix::pty::openpt(flags).expect("a terminal");
        rustix::pty::unlockpt(&controlling).expect("unlocked");
        let other = rustix::pty::ioctl_tiocgptpeer(&controlling, flags).expect("its end");
        (controlling, other)
    }

    fn read(fd: &OwnedFd) -> Vec<u8> {
        let mut buffer = [0; CHUNK];
        let count = rustix::io::read(fd, &mut buffer).expect("read");
        buffer[..count].to_vec()
    }

    fn is_raw(fd: &OwnedFd) -> bool {
        let modes = tcgetattr(fd).expect("attributes").local_modes;
        !modes.contains(LocalModes::ICANON)
    }

    #[test]
    fn keys_output_and_size_pass_and_the_old_mode_comes_back() {
        let (user, own) = terminal();
        let (controlling, job) = terminal();
        let copy = |fd: &OwnedFd| fd.try_clone().expect("a copy");
        let relay = Relay::between(copy(&own), copy(&own), copy(&controlling)).expect("a relay");
        assert!(is_raw(&own));

        write_all(&user, b"key\r").expect("typed");
        assert_eq!(read(&job), b"key\n");
        write_all(&job, b"out").expect("printed");
        let mut seen = Vec::new();
        while !seen.ends_with(b"out") {
            seen.extend(read(&user));
        }

        let size = Winsize {
            ws_row: 11,
            ws_col: 22,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&user, size).expect("resized");
        signal_hook::low_level::raise(signal_hook::consts::SIGWINCH).expect("raised");
        while tcgetwinsize(&job).expect("a size").ws_row != 11 {
            std::thread::yield_now();
        }

        drop((job, controlling));
        relay.finish();
        assert!(!is_raw(&own));
    }
}
