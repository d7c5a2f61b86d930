//! Pages that are made from the code.

use std::path::Path;

/// Writes `docs/reference/cli.md`.
pub(crate) fn write() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    fs_err::create_dir_all(&root)?;
    fs_err::write(root.join("cli.md"), daruma::cmd::reference())
}
