//! Extended attributes of open files (xattr(7)).

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use rustix::fs::{fgetxattr, flistxattr, getxattr, listxattr};
use rustix::io::Errno;

/// `XATTR_LIST_MAX` and `XATTR_SIZE_MAX` of Linux's `limits.h`: nothing is larger.
const MAX: usize = 64 << 10;

/// Most files have no attributes or short ones.
const USUAL: usize = 256;

type Attributes = BTreeMap<String, Vec<u8>>;

/// All attributes of a file that is open for reading; none where its file system has no such thing.
pub(super) fn of_file(file: BorrowedFd<'_>) -> rustix::io::Result<Attributes> {
    read(
        |buffer| flistxattr(file, buffer),
        |name, buffer| fgetxattr(file, name, buffer),
    )
}

/// All attributes of what a descriptor names that is not open for reading.
pub(super) fn of_name(name: BorrowedFd<'_>) -> rustix::io::Result<Attributes> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", name.as_raw_fd());
    read(
        |buffer| listxattr(path.as_str(), buffer),
        |attribute, buffer| getxattr(path.as_str(), attribute, buffer),
    )
}

fn read(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&str, &mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Attributes> {
    let mut attributes = Attributes::new();
    let names = match sized(list) {
        Err(Errno::NOTSUP) => return Ok(attributes),
        other => other?,
    };
    for name in names.split(|&b| b == 0).filter(|name| !name.is_empty()) {
        // PAX keys are UTF-8, and so is every name that the kernel and its tools use.
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(Errno::ILSEQ);
        };
        match sized(|buffer| get(name, buffer)) {
            // Gone since it was listed, or listed for those who may read it only.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => {}
            value => _ = attributes.insert(name.to_owned(), value?),
        }
    }
    Ok(attributes)
}

/// Calls with a short buffer, then with one that always suffices.
fn sized(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut short = [0; USUAL];
    match call(&mut short) {
        Err(Errno::RANGE) => {}
        len => return len.map(|len| short[..len].to_vec()),
    }
    let mut buffer = vec![0; MAX];
    let len = call(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}
