//! An HTTP server on 127.0.0.1 that serves a map of paths, with faults by path, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What goes wrong for a path.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Never answers.
    Hang,
    /// Sends so many bytes of the body, then nothing, and keeps the connection.
    HangAfter(usize),
    /// Sends so many bytes of the body, then closes.
    CutAfter(usize),
    /// Announces this length, sends the body as it is.
    Length(u64),
    /// Sends the body without an announced length.
    NoLength,
    /// Answers with this status, and a `Retry-After` if there is one.
    Status(u16, Option<&'static str>),
    /// Redirects to this location.
    Redirect(String),
    /// Answers a request for a range with the whole.
    NoRange,
    /// Sends so many bytes at a time, with this pause between.
    Slow(usize, Duration),
    /// Sends these bytes, with a length that fits them.
    Instead(Vec<u8>),
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// `GET`.
    pub method: String,
    /// As it stood in the request line.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What was sent along.
    pub body: Vec<u8>,
}

#[derive(Default)]
struct World {
    files: BTreeMap<String, Vec<u8>>,
    faults: BTreeMap<String, (Fault, u32)>,
    log: Vec<Hit>,
}

/// The server; it ends with this value.
pub struct Server {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// A server for `files`, whose names begin with `/`.
    ///
    /// # Panics
    /// If there is no port to be had on the loopback.
    #[allow(clippy::expect_used)]
    pub fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback");
        let address = listener.local_addr().expect("its number");
        let world = Arc::new(Mutex::new(World {
            files,
            ..World::default()
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (world.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (world, stop) = (shared.clone(), ended.clone());
                thread::spawn(move || converse(&stream, &world, &stop));
            }
        });
        Self {
            address,
            world,
            stop,
        }
    }

    /// A server for nothing yet.
    pub fn empty() -> Self {
        Self::start(BTreeMap::new())
    }

    /// `http://127.0.0.1:port` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `bytes` at `path` from now on.
    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.world().files.insert(path.to_owned(), bytes.into());
    }

    /// Serves all of `files` from now on, beside what it serves already.
    pub fn put_all(&self, files: BTreeMap<String, Vec<u8>>) {
        self.world().files.extend(files);
    }

    /// Serves nothing at `path` from now on.
    pub fn remove(&self, path: &str) {
        self.world().files.remove(path);
    }

    /// What is served at `path`.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.world().files.get(path).cloned()
    }

    /// The paths that contain `part`.
    pub fn paths(&self, part: &str) -> Vec<String> {
        let world = self.world();
        world
            .files
            .keys()
            .filter(|p| p.contains(part))
            .cloned()
            .collect()
    }

    /// Every request for `path` meets `fault`.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.fault_times(path, fault, u32::MAX);
    }

    /// The next `times` requests for `path` meet `fault`.
    pub fn fault_times(&self, path: &str, fault: Fault, times: u32) {
        self.world().faults.insert(path.to_owned(), (fault, times));
    }

    /// Takes the faults of all paths away.
    pub fn heal(&self) {
        self.world().faults.clear();
    }

    /// What was asked so far, and forgets it.
    pub fn take_log(&self) -> Vec<Hit> {
        std::mem::take(&mut self.world().log)
    }

    /// How often paths that contain `part` were asked for since the log was taken.
    pub fn count(&self, part: &str) -> usize {
        self.world()
            .log
            .iter()
            .filter(|hit| hit.target.contains(part))
            .count()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, so that its port is free again.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers one connection's requests until it closes, or until a fault says that nothing more comes.
fn converse(stream: &TcpStream, world: &Mutex<World>, stop: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    while let Some(hit) = read_request(&mut reader) {
        let path = path_of(&hit.target);
        let (file, fault) = {
            let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
            world.log.push(hit.clone());
            (
                world.files.get(&path).cloned(),
                next_fault(&mut world, &path),
            )
        };
        let answer = Answer::to(&hit, file, fault.as_ref());
        if !answer.send(stream, fault.as_ref(), stop) {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// The path of an origin-form or absolute-form target, without its query.
fn path_of(target: &str) -> String {
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    path.split('?').next().unwrap_or_default().to_owned()
}

fn next_fault(world: &mut World, path: &str) -> Option<Fault> {
    let (fault, times) = world.faults.get_mut(path)?;
    *times = times.checked_sub(1)?;
    Some(fault.clone())
}

fn read_request(reader: &mut impl BufRead) -> Option<Hit> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Hit {
        method,
        target,
        headers,
        body,
    })
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    head_only: bool,
}

impl Answer {
    fn to(hit: &Hit, file: Option<Vec<u8>>, fault: Option<&Fault>) -> Self {
        let mut answer = Self {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            head_only: hit.method == "HEAD",
        };
        match (fault, file) {
            (Some(Fault::Status(status, retry)), _) => {
                answer.status = *status;
                answer
                    .headers
                    .extend(retry.map(|r| ("Retry-After", r.to_owned())));
            }
            (Some(Fault::Redirect(to)), _) => {
                answer.status = 302;
                answer.headers.push(("Location", to.clone()));
            }
            (Some(Fault::Instead(bytes)), _) => answer.body.clone_from(bytes),
            (_, None) => answer.status = 404,
            (fault, Some(file)) => answer.fill(hit, file, !matches!(fault, Some(Fault::NoRange))),
        }
        answer
    }

    fn fill(&mut self, hit: &Hit, file: Vec<u8>, ranges: bool) {
        let etag = format!("\"{}\"", crate::sha256(&file));
        if hit.headers.get("if-none-match") == Some(&etag) {
            self.status = 304;
            return;
        }
        self.headers.push(("ETag", etag));
        let range = hit.headers.get("range").filter(|_| ranges);
        let start = range.and_then(|r| {
            r.strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        });
        match start {
            Some(start) if start < file.len() => {
                self.status = 206;
                let range = format!("bytes {start}-{}/{}", file.len() - 1, file.len());
                self.headers.push(("Content-Range", range));
                self.body = file[start..].to_vec();
            }
            Some(_) => self.status = 416,
            None => self.body = file,
        }
    }

    /// Whether the connection may carry another request.
    fn send(&self, stream: &TcpStream, fault: Option<&Fault>, stop: &AtomicBool) -> bool {
        if matches!(fault, Some(Fault::Hang)) {
            wait(stop);
            return false;
        }
        let length = match fault {
            Some(Fault::Length(length)) => Some(*length),
            Some(Fault::NoLength) => None,
            _ => Some(self.body.len() as u64),
        };
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &length.map_or("Connection: close\r\n".to_owned(), |n| {
            format!("Content-Length: {n}\r\n")
        });
        head += "\r\n";
        let mut stream = stream;
        if stream.write_all(head.as_bytes()).is_err() || self.head_only {
            return self.head_only;
        }
        self.send_body(stream, fault, stop)
    }

    fn send_body(&self, mut stream: &TcpStream, fault: Option<&Fault>, stop: &AtomicBool) -> bool {
        let part = |n: &usize| &self.body[..(*n).min(self.body.len())];
        match fault {
            Some(Fault::HangAfter(n)) => {
                let _ = stream.write_all(part(n));
                wait(stop);
                false
            }
            Some(Fault::CutAfter(n)) => {
                let _ = stream.write_all(part(n));
                false
            }
            Some(Fault::Slow(chunk, pause)) => self.body.chunks(*chunk).all(|bytes| {
                thread::sleep(*pause);
                !stop.load(Ordering::SeqCst) && stream.write_all(bytes).is_ok()
            }),
            Some(Fault::Length(_) | Fault::NoLength) => {
                let _ = stream.write_all(&self.body);
                false
            }
            _ => stream.write_all(&self.body).is_ok(),
        }
    }
}

/// Until the server ends.
fn wait(stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(20));
    }
}
