//! What `ldconfig` reads of a shared library.

use object::elf::{
    DT_NULL, DT_SONAME, DT_STRSZ, DT_STRTAB, EM_386, EM_AARCH64, EM_X86_64, ET_DYN, FileHeader32,
    FileHeader64, PT_DYNAMIC,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

/// A library's name for the loader, and its kind in the cache.
pub(super) struct Library {
    pub(super) soname: Option<String>,
    /// `FLAG_ELF_LIBC6` with the machine's bits (glibc's `ldconfig.h`).
    pub(super) flags: u32,
}

const LIBC6: u32 = 0x0003;
const X8664: u32 = 0x0300;
const AARCH64: u32 = 0x0a00;

/// Reads a shared object; `None` where it is none, or for a machine that is not known.
pub(super) fn library(data: &[u8]) -> Option<Library> {
    match FileKind::parse(data).ok()? {
        FileKind::Elf64 => read::<FileHeader64<Endianness>>(data),
        FileKind::Elf32 => read::<FileHeader32<Endianness>>(data),
        _ => None,
    }
}

fn read<E: FileHeader<Endian = Endianness>>(data: &[u8]) -> Option<Library> {
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    if header.e_type(endian) != ET_DYN {
        return None;
    }
    let flags = match header.e_machine(endian) {
        EM_X86_64 if header.is_class_64() => LIBC6 | X8664,
        EM_AARCH64 => LIBC6 | AARCH64,
        EM_386 => LIBC6,
        _ => return None,
    };
    let segments = header.program_headers(endian, data).ok()?;
    let dynamic = segments
        .iter()
        .find(|segment| segment.p_type(endian) == PT_DYNAMIC)?;
    let (mut soname, mut table, mut size) = (None, None, None);
    for entry in dynamic.dynamic(endian, data).ok()?? {
        let value: u64 = entry.d_val(endian).into();
        match entry.tag(endian) {
            DT_NULL => break,
            DT_SONAME => soname = Some(value),
            DT_STRTAB => table = Some(value),
            DT_STRSZ => size = Some(value),
            _ => {}
        }
    }
    let soname = match (soname, table, size) {
        (Some(soname), Some(table), Some(size)) => {
            let strings = segments
                .iter()
                .find_map(|segment| segment.data_range(endian, data, table, size).ok()?)?;
            let text = strings.get(usize::try_from(soname).ok()?..)?;
            let end = text.iter().position(|&byte| byte == 0)?;
            Some(String::from_utf8(text[..end].to_vec()).ok()?)
        }
        _ => None,
    };
    Some(Library { soname, flags })
}
