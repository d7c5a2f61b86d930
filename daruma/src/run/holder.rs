//! Whether a port is free, and who holds it if not (proc(5), `/proc/net/tcp` and `/proc/<pid>/fd`).

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use fs_err as fs;

use super::RunError;

/// State `LISTEN` in `/proc/net/tcp` (the kernel's `include/net/tcp_states.h`).
const LISTEN: &str = "0A";

/// More of a socket table is not read: 16 MiB hold about 100,000 sockets.
const MAX_TABLE: u64 = 16 << 20;

/// More of a command's name is not read; the kernel keeps 16 bytes.
const MAX_COMM: u64 = 64;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its command, at most 15 bytes, without arguments (they may hold secrets).
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (pid {})", self.command, self.pid)
    }
}

/// An error that says why, unless a process could listen on `port` of every address of this machine.
pub fn check_free(port: u16) -> Result<(), RunError> {
    for ip in [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ] {
        match listen(SocketAddr::new(ip, port)) {
            // A machine without IPv6 has nobody listening there.
            Err(RunError::Listen { .. }) if ip.is_ipv6() => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// Listens, or says who does.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    let port = address.port();
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => RunError::PortTaken {
            port,
            holder: holder(port),
        },
        io::ErrorKind::PermissionDenied => RunError::PortDenied { port },
        _ => RunError::Listen {
            address: address.to_string(),
            source,
        },
    })
}

/// The first process that this user may look at and that listens on `port`.
fn holder(port: u16) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables
        .iter()
        .filter_map(|path| read(Path::new(path), MAX_TABLE).ok());
    let sockets: BTreeSet<String> = texts
        .flat_map(|text| listening_sockets(&text, port))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let pids = fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid| holds(*pid, &sockets))
        .map(|pid| Holder {
            pid,
            command: command(pid),
        })
}

fn read(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(limit)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// The names (`socket:[inode]`) of the sockets that listen on `port` in a table of `/proc/net`.
fn listening_sockets(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let name = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        (local.ends_with(&suffix) && state == LISTEN).then(|| format!("socket:[{inode}]"))
    };
    table.lines().skip(1).filter_map(name).collect()
}

fn holds(pid: u32, sockets: &BTreeSet<String>) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    entries
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.to_str().is_some_and(|text| sockets.contains(text)))
}

fn command(pid: u32) -> String {
    let comm = read(Path::new(&format!("/proc/{pid}/comm")), MAX_COMM).unwrap_or_default();
    let printable = |c: char| if c.is_control() { '?' } else { c };
    comm.trim_end().chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:0BB8 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 100 0 0 10 0
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000 100 0 0 10 0
   3: garbage";

    #[test]
    fn only_listening_sockets_of_that_port_are_found() {
        assert_eq!(listening_sockets(TABLE, 3000), ["socket:[4711]"]);
        assert_eq!(listening_sockets(TABLE, 3001), Vec::<String>::new());
        assert_eq!(listening_sockets("", 3000), Vec::<String>::new());
    }

    #[test]
    fn a_taken_port_names_its_holder() {
        let held = TcpListener::bind(("127.0.0.1", 0)).expect("bound");
        let port = held.local_addr().expect("an address").port();
        match check_free(port) {
            Err(RunError::PortTaken {
                holder: Some(holder),
                ..
            }) => {
                assert_eq!(holder.pid, std::process::id());
                assert!(!holder.command.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}
