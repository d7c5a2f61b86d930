//! The members of a package's `control.tar`.

use std::collections::BTreeMap;

/// One member of `control.tar`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFile {
    /// Permission bits.
    pub mode: u32,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// The members of `control.tar` by name without `./` (`control`, `postinst`, `conffiles`, `md5sums`, `triggers`, …;
/// deb-control(5) and the pages it names).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlFiles(BTreeMap<String, ControlFile>);

impl ControlFiles {
    /// The member called `name`.
    pub fn get(&self, name: &str) -> Option<&ControlFile> {
        self.0.get(name)
    }

    /// The text of the member called `name`, bytes that are not UTF-8 replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|file| String::from_utf8_lossy(&file.data).into_owned())
    }

    /// All members, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ControlFile)> {
        self.0.iter().map(|(name, file)| (name.as_str(), file))
    }
}

impl FromIterator<(String, ControlFile)> for ControlFiles {
    fn from_iter<I: IntoIterator<Item = (String, ControlFile)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}
