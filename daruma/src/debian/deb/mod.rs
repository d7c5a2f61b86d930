//! Binary packages (deb(5)): an `ar` archive of `debian-binary`, `control.tar` and `data.tar`.

mod ar;
mod control_tar;
mod decompress;

use std::io::{self, Read};

use super::{ControlError, ControlFiles, Stanza};
use crate::tree::tar::TarError;
use ar::Member;
use decompress::Decompressed;

/// Most bytes of a compressed `control.tar`. Its bulk is `md5sums`, about 100 bytes a file: this is room for a million files.
const MAX_CONTROL: u64 = 32 << 20;

/// Most bytes of `debian-binary`: `2.0\n` and whatever later minor versions put behind it (deb(5)).
const MAX_VERSION: u64 = 1 << 10;

/// A package whose control members have been read and whose data waits to be.
pub struct Deb<R> {
    control: ControlFiles,
    stanza: Stanza,
    data: DataTar<R>,
}

/// The decompressed `data.tar` of a package, as a stream. A read past a limit is an error, and so is an archive that ends
/// early or goes on after its last member; [`io::Error::other`] with a [`DebError`] in it.
pub struct DataTar<R> {
    tar: Decompressed<Member<R>>,
    ended: bool,
}

/// A file that is not a package, or not one that we take.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// Reading the file failed.
    #[error("cannot read the package")]
    Read(#[source] io::Error),
    /// The file is no `ar` archive, or is damaged.
    #[error("cannot read the package: {0}")]
    Archive(&'static str),
    /// Another member was expected.
    #[error("cannot read the package: its {place} member is `{name}`, not `{expected}`")]
    Member {
        /// First, second, third.
        place: &'static str,
        /// What is there.
        name: String,
        /// What must be there.
        expected: &'static str,
    },
    /// The format's version is one that we do not know.
    #[error("cannot read the package: its format is {0}, not 2")]
    Version(String),
    /// A member is larger than we take.
    #[error("cannot read the package: {what} is larger than {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// `control.tar` is damaged.
    #[error("cannot read the package's control.tar")]
    ControlTar(#[source] TarError),
    /// A member of `control.tar` is none that a package has.
    #[error("cannot use `{0}` of the package's control.tar: {1}")]
    ControlMember(String, &'static str),
    /// `control.tar` has no control file.
    #[error("cannot use the package's control.tar: there is no `control` in it")]
    NoControl,
    /// A member's compressed form is damaged.
    #[error("cannot decompress the package's {what}")]
    Decompress {
        /// Which member.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The control file is wrong.
    #[error("cannot use the package's control file")]
    Control(#[source] ControlError),
    /// The control file lacks a field.
    #[error("cannot use the package's control file: the field `{0}` is missing")]
    Field(&'static str),
}

impl<R: Read> Deb<R> {
    /// Reads the control members from `package` and stops where the data begins.
    pub fn parse(mut package: R) -> Result<Self, DebError> {
        ar::magic(&mut package)?;
        let mut version = Member::open(package)?;
        version.expect("first", "debian-binary", |name| name == "debian-binary")?;
        check_version(&mut version)?;
        let mut control = version.next()?;
        let compression = control.expect_tar("second", "control.tar")?;
        if control.size() > MAX_CONTROL {
            return Err(DebError::TooLarge {
                what: "control.tar",
                limit: MAX_CONTROL,
            });
        }
        let mut bytes = Vec::new();
        control.read_to_end(&mut bytes).map_err(read_error)?;
        let files = control_tar::read(&bytes, compression)?;
        let data = control.next()?;
        let compression = data.expect_tar("third", "data.tar")?;
        Ok(Self {
            stanza: control_stanza(&files)?,
            control: files,
            data: DataTar {
                tar: Decompressed::new(data, compression, "data.tar")?,
                ended: false,
            },
        })
    }

    /// The members of `control.tar`.
    pub fn control(&self) -> &ControlFiles {
        &self.control
    }

    /// The control file.
    pub fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    /// The control members and the data, which is to be read to its end.
    pub fn into_parts(self) -> (ControlFiles, DataTar<R>) {
        (self.control, self.data)
    }
}

/// `2.` and a minor version that readers need not know (deb(5)).
fn check_version<R: Read>(member: &mut Member<R>) -> Result<(), DebError> {
    if member.size() > MAX_VERSION {
        return Err(DebError::TooLarge {
            what: "debian-binary",
            limit: MAX_VERSION,
        });
    }
    let mut bytes = Vec::new();
    member.read_to_end(&mut bytes).map_err(read_error)?;
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    match line.strip_prefix(b"2.") {
        Some(minor) if !minor.is_empty() && minor.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(DebError::Version(
            String::from_utf8_lossy(line).into_owned(),
        )),
    }
}

fn control_stanza(files: &ControlFiles) -> Result<Stanza, DebError> {
    let file = files.get("control").ok_or(DebError::NoControl)?;
    let stanza = Stanza::parse(&file.data).map_err(DebError::Control)?;
    match ["Package", "Version", "Architecture"]
        .into_iter()
        .find(|field| stanza.get(field).is_none_or(str::is_empty))
    {
        Some(missing) => Err(DebError::Field(missing)),
        None => Ok(stanza),
    }
}

impl<R: Read> Read for DataTar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let count = self.tar.read(buffer)?;
        if count == 0 {
            self.ended = true;
            self.tar.source_mut().finish().map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

/// What a reader of ours says about the package, or that reading it failed.
fn read_error(error: io::Error) -> DebError {
    error.downcast().unwrap_or_else(DebError::Read)
}

impl From<DebError> for io::Error {
    fn from(error: DebError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests;
