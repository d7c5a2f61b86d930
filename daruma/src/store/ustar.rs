//! Headers of the archives that are handed to others (POSIX.1-1988 ustar): short ASCII names, no owner, no time.

use super::StoreError;

/// Length of a header, and what members are filled up to.
pub(super) const BLOCK: usize = 512;

/// A larger size does not fit into eleven octal digits.
const MAX_SIZE: u64 = (1 << 33) - 1;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Dir,
}

/// The header of a member; names are ours and shorter than 100 bytes.
pub(super) fn header(name: &str, kind: Kind, size: u64) -> Result<[u8; BLOCK], StoreError> {
    if name.len() > 100 || size > MAX_SIZE {
        return Err(StoreError::ArchiveMember {
            name: name.to_owned(),
            size,
        });
    }
    let (mode, flag) = match kind {
        Kind::File => (0o644, b'0'),
        Kind::Dir => (0o755, b'5'),
    };
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut block[100..108], mode);
    octal(&mut block[108..116], 0);
    octal(&mut block[116..124], 0);
    octal(&mut block[124..136], size);
    octal(&mut block[136..148], 0);
    block[148..156].fill(b' ');
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum = block.iter().map(|&byte| u64::from(byte)).sum();
    octal(&mut block[148..155], sum);
    Ok(block)
}

/// Writes a number as octal digits and a NUL.
fn octal(field: &mut [u8], number: u64) {
    let digits = format!("{number:0width$o}\0", width = field.len() - 1);
    field.copy_from_slice(digits.as_bytes());
}

/// The zero bytes that follow a member of this size.
pub(super) fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    &ZEROS[..(BLOCK - rest) % BLOCK]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_its_size_and_a_sum_that_is_right() {
        let block = header("blobs/sha256/ab", Kind::File, 1_000).expect("fits");
        assert_eq!(&block[124..136], b"00000001750\0");
        let sum = u64::from_str_radix(std::str::from_utf8(&block[148..154]).expect("digits"), 8);
        let bytes = block
            .iter()
            .enumerate()
            .map(|(at, &b)| if (148..156).contains(&at) { b' ' } else { b });
        assert_eq!(sum, Ok(bytes.map(u64::from).sum()));
        assert!(header("a", Kind::File, MAX_SIZE + 1).is_err());
        assert!(header(&"a".repeat(101), Kind::Dir, 0).is_err());
    }

    #[test]
    fn padding_fills_the_last_block_and_no_more() {
        for (size, zeros) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)] {
            assert_eq!(padding(size).len(), zeros, "{size}");
        }
    }
}
