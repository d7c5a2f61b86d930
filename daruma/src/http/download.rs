//! Files fetched to disk: resumed where a former attempt broke off, never in place before their sha256 is right.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use super::retry::Attempts;
use super::{Client, HttpError, Request, Response, Url};

/// A sha256 to be met.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// From 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A file to fetch.
#[derive(Clone, Debug)]
pub struct Download {
    /// From where.
    pub url: Url,
    /// To where; until it is whole it stands beside under this name with `.part` added.
    pub dest: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Of the whole file.
    pub sha256: Checksum,
}

/// Chunks between server and file.
const CHUNK: usize = 128 * 1024;

impl Client {
    /// Fetches one file. `on_bytes` hears of bytes as they come, those found on disk included.
    /// A file whose name and size are right already is left as it is.
    pub fn download(&self, item: &Download, on_bytes: &dyn Fn(u64)) -> Result<(), HttpError> {
        let fail = |source| item.write_error(source);
        let Some(mut part) = Part::open(item).map_err(fail)? else {
            on_bytes(item.size);
            return Ok(());
        };
        let outcome = self.complete(item, &mut part, on_bytes);
        match &outcome {
            Ok(()) => part.publish(item).map_err(fail)?,
            // What is on disk is wrong, or its place is needed: keep nothing. Else it is a start for the next run.
            Err(e) if !e.is_transient() => drop(fs::remove_file(&part.path)),
            Err(_) => {}
        }
        outcome
    }

    /// Fetches many files, at most `parallel` at once. Outcomes come in the order of `items`.
    pub fn download_all(
        &self,
        items: &[Download],
        parallel: usize,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Vec<Result<(), HttpError>> {
        let queue = Mutex::new(items.iter().enumerate());
        let outcomes = Mutex::new(Vec::with_capacity(items.len()));
        let work = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, item)) = next else { break };
                let outcome = self.download(item, &|n| on_bytes(n));
                let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                outcomes.push((index, outcome));
            }
        };
        thread::scope(|scope| {
            for _ in 1..parallel.min(items.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut outcomes = outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Brings the part to its full size and checks it; a file that was put together from pieces gets one more chance as a whole.
    fn complete(
        &self,
        item: &Download,
        part: &mut Part,
        on_bytes: &dyn Fn(u64),
    ) -> Result<(), HttpError> {
        let mut pieces = u32::from(part.length > 0);
        on_bytes(part.length);
        let mut attempts = Attempts::new(&self.settings().timing);
        loop {
            let error = match self.extend(item, part, on_bytes, &mut pieces) {
                Ok(()) => match part.verify(item) {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let wait = match &error {
                HttpError::Checksum { .. } if pieces > 1 => {
                    part.clear().map_err(|e| item.write_error(e))?;
                    pieces = 0;
                    attempts.next(None)
                }
                e if e.is_transient() => attempts.next(None),
                _ => None,
            };
            match wait {
                Some(wait) => thread::sleep(wait),
                None => return Err(error),
            }
        }
    }

    /// Appends what is missing.
    fn extend(
        &self,
        item: &Download,
        part: &mut Part,
        on_bytes: &dyn Fn(u64),
        pieces: &mut u32,
    ) -> Result<(), HttpError> {
        if part.length == item.size {
            *pieces += 1;
            return Ok(());
        }
        let mut request = Request::get(item.url.clone());
        if part.length > 0 {
            request = request.header("Range", &format!("bytes={}-", part.length));
        }
        let mut response = self.send(&request)?;
        let continues = response.status == 206 && range_start(&response) == Some(part.length);
        if part.length > 0 && matches!(response.status, 200 | 206 | 416) && !continues {
            part.clear().map_err(|e| item.write_error(e))?;
            *pieces = 0;
        }
        // Not the range that was asked for, or none at all: begin anew.
        if matches!(response.status, 206 | 416) && !continues {
            response = self.send(&Request::get(item.url.clone()))?;
        }
        let response = response.ok()?;
        *pieces += 1;
        copy(item, response, part, on_bytes)
    }
}

fn range_start(response: &Response) -> Option<u64> {
    let range = response.header("Content-Range")?.strip_prefix("bytes ")?;
    range.split('-').next()?.parse().ok()
}

fn copy(
    item: &Download,
    response: Response,
    part: &mut Part,
    on_bytes: &dyn Fn(u64),
) -> Result<(), HttpError> {
    let missing = item.size - part.length;
    let wrong = |found| HttpError::Size {
        url: item.url.clone(),
        expected: item.size,
        found,
    };
    if let Some(announced) = response.content_length().filter(|n| *n != missing) {
        return Err(wrong(part.length + announced));
    }
    let mut body = response.into_body(missing);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = body.read_some(&mut buffer)?;
        if read == 0 {
            break;
        }
        part.append(&buffer[..read])
            .map_err(|e| item.write_error(e))?;
        on_bytes(read as u64);
    }
    if part.length == item.size {
        Ok(())
    } else {
        Err(wrong(part.length))
    }
}

impl Download {
    fn write_error(&self, source: io::Error) -> HttpError {
        HttpError::Write {
            url: self.url.clone(),
            path: self.dest.clone(),
            source,
        }
    }

    fn is_done(&self) -> bool {
        fs::metadata(&self.dest).is_ok_and(|meta| meta.len() == self.size)
    }
}

/// A file that is not whole yet, ours alone while this value lives.
struct Part {
    path: PathBuf,
    file: fs::File,
    length: u64,
    hash: Sha256,
}

impl Part {
    /// Opens or creates it under a lock; `None` where another process finished the file meanwhile.
    fn open(item: &Download) -> io::Result<Option<Self>> {
        if let Some(parent) = item.dest.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut name = item.dest.clone().into_os_string();
        name.push(".part");
        let path = PathBuf::from(name);
        loop {
            if item.is_done() {
                return Ok(None);
            }
            let file = fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)?;
            flock(file.file(), FlockOperation::LockExclusive)?;
            if same_file(&file, &path)? {
                let mut part = Self {
                    path,
                    file,
                    length: 0,
                    hash: Sha256::new(),
                };
                part.take_over(item.size)?;
                return Ok(Some(part));
            }
        }
    }

    /// Hashes what an earlier run left; more than the file can hold is thrown away.
    fn take_over(&mut self, size: u64) -> io::Result<()> {
        let left = self.file.metadata()?.len();
        if left > size {
            return self.clear();
        }
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = Read::by_ref(&mut self.file)
                .take(left - self.length)
                .read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.hash.update(&buffer[..read]);
            self.length += read as u64;
        }
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.length = 0;
        self.hash = Sha256::new();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn verify(&self, item: &Download) -> Result<(), HttpError> {
        let found = Checksum(self.hash.clone().finalize().into());
        if found == item.sha256 {
            return Ok(());
        }
        Err(HttpError::Checksum {
            url: item.url.clone(),
            expected: format!("{:?}", item.sha256),
            found: format!("{found:?}"),
        })
    }

    fn publish(&self, item: &Download) -> io::Result<()> {
        self.file.sync_data()?;
        fs::rename(&self.path, &item.dest)
    }
}

/// Whether the opened file still stands at `path`: its former holder may have renamed or removed it while we waited.
fn same_file(file: &fs::File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
