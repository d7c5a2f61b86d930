//! The socket between caller and sandbox: whole messages, with descriptors where needed.
//!
//! To the sandbox: one message with the spec's file and perhaps a standard input, then one byte per signal.
//! From the sandbox: [`Report`]s. End of file in either direction means that the other side is gone.

use std::io::{IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::{Deserialize, Serialize};

use crate::child::Outcome;
use crate::error::Failure;

/// Longest message; reports hold a path or two (`PATH_MAX` is 4096).
const MESSAGE_MAX: usize = 16 * 1024;

/// Most descriptors in a message: the request and a standard input.
const FDS_MAX: usize = 2;

/// What the sandbox tells the caller.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The file system stands; the command starts now. A terminal's other end comes along.
    Started,
    /// The command will not start.
    Failed(Failure),
    /// The command ended.
    Ended(Outcome),
}

/// A pair of connected sockets, caller's first.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// Sends bytes and descriptors as one message.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::INVAL);
    }
    let parts = [IoSlice::new(bytes)];
    rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(&socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)
    })
    .map(|_| ())
}

/// Receives one message; no bytes mean end of file.
pub(crate) fn receive(
    socket: impl AsFd,
    flags: RecvFlags,
) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; MESSAGE_MAX];
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let received = rustix::io::retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        rustix::net::recvmsg(&socket, &mut parts, &mut ancillary, flags)
    })?;
    bytes.truncate(received.bytes);
    let fds = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    Ok((bytes, fds))
}

/// Sends a report, with a descriptor where it has one.
pub(crate) fn report(
    socket: impl AsFd,
    report: &Report,
    fd: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let bytes = serde_json::to_vec(report).map_err(|_| Errno::INVAL)?;
    let fds: Vec<_> = fd.into_iter().collect();
    send(socket, &bytes, &fds)
}

/// Writes a value into a file in memory that nobody can change any more.
pub(crate) fn seal<T: Serialize>(value: &T) -> std::io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create("daruma-sandbox", flags)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(&serde_json::to_vec(value)?)?;
    file.rewind()?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// Reads what [`seal`] wrote.
pub(crate) fn unseal<T: for<'de> Deserialize<'de>>(fd: OwnedFd) -> std::io::Result<T> {
    let mut bytes = Vec::new();
    std::fs::File::from(fd).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_and_its_descriptor_arrive_together() {
        let (left, right) = pair().expect("sockets");
        let file = seal(&"hello").expect("sealed");
        report(&left, &Report::Started, Some(file.as_fd())).expect("sent");
        let (bytes, mut fds) = receive(&right, RecvFlags::empty()).expect("received");
        let report: Report = serde_json::from_slice(&bytes).expect("a report");
        assert_eq!(report, Report::Started);
        let text: String = unseal(fds.remove(0)).expect("read");
        assert_eq!(text, "hello");
    }

    #[test]
    fn a_closed_socket_reads_as_an_empty_message() {
        let (left, right) = pair().expect("sockets");
        drop(left);
        let (bytes, fds) = receive(&right, RecvFlags::empty()).expect("received");
        assert!(bytes.is_empty() && fds.is_empty());
    }
}
