//! How much of a foreign archive is accepted.

/// Bounds and policy of a [`super::Reader`]. The defaults suit image layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries in the archive.
    pub entries: u64,
    /// Bytes of one extension header (long name, PAX records).
    pub extension_bytes: u64,
    /// Bytes of all extension headers before one entry.
    pub extensions_per_entry: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Whether devices are accepted.
    pub devices: Devices,
    /// Whether the end must be marked.
    pub end: End,
}

/// What becomes of device nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// They are entries like others.
    Accept,
    /// They are an error.
    Refuse,
}

/// What stands after the last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Zero blocks, or nothing: what container tools accept.
    Optional,
    /// At least one block of zeros: an archive that is cut off between two entries is an error.
    Marked,
}

impl Limits {
    /// The whole of a distribution's archive has fewer files; a layer with more is made to hurt.
    pub const ENTRIES: u64 = 2_000_000;
    /// What Go's `archive/tar`, which reads layers for Docker and Podman, accepts (`maxSpecialFileSize`).
    pub const EXTENSION_BYTES: u64 = 1 << 20;
    /// A long name, a long link target and PAX records may precede one entry.
    pub const EXTENSIONS_PER_ENTRY: u64 = 2 * Self::EXTENSION_BYTES;
    /// Larger than any single file that belongs into an image.
    pub const FILE_BYTES: u64 = 64 << 30;
    /// Larger than any image that registries take.
    pub const TOTAL_BYTES: u64 = 256 << 30;

    /// For members of Debian packages: no devices (Debian policy 10.6), and an end that is marked (deb(5): a whole tar).
    pub fn package() -> Self {
        Self {
            devices: Devices::Refuse,
            end: End::Marked,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: Self::ENTRIES,
            extension_bytes: Self::EXTENSION_BYTES,
            extensions_per_entry: Self::EXTENSIONS_PER_ENTRY,
            file_bytes: Self::FILE_BYTES,
            total_bytes: Self::TOTAL_BYTES,
            devices: Devices::Accept,
            end: End::Optional,
        }
    }
}
