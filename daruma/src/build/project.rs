//! A project on disk: its recipe, its lock and its source.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::BuildError;
use crate::image::Digest;
use crate::lock::{self, Lock};
use crate::recipe::{self, Diagnostic, File, MAX_SIZE, Recipe, RecipeError, RecipeFiles, Secret};
use crate::store::AppId;

/// An application's directory and what its files say.
#[derive(Debug)]
pub struct Project {
    /// The directory, canonical.
    pub dir: PathBuf,
    /// Which app it is on this machine.
    pub id: AppId,
    /// What the user declares.
    pub recipe: Recipe,
    /// What is doubtful in the user's files.
    pub warnings: Vec<Diagnostic>,
    /// Files that steps 1 to 3 do not depend on but that stand in the image, by name.
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// `daruma.lock`; `None` where there is none yet.
    pub lock: Option<Lock>,
}

/// Recipe files that an app may read at run time. The others are daruma's alone, or hold secrets.
const METADATA: &[File] = &[File::Procfile];

impl Project {
    /// Reads the files of `dir`.
    pub fn open(dir: &Path) -> Result<Self, BuildError> {
        let dir = fs::canonicalize(dir)?;
        let texts = Texts::read(&dir)?;
        let (recipe, warnings) = Recipe::read(&texts.files)?;
        let lock = match read(&dir.join(lock::FILE_NAME))? {
            Some(bytes) => Some(Lock::parse(&String::from_utf8_lossy(&bytes))?),
            None => None,
        };
        let id = AppId::new(recipe.name.as_str(), &dir);
        Ok(Self {
            dir,
            id,
            recipe,
            warnings,
            metadata: texts.metadata,
            lock,
        })
    }

    /// The digests of the metadata files, by name.
    pub fn metadata_digests(&self) -> BTreeMap<String, Digest> {
        self.metadata
            .iter()
            .map(|(name, bytes)| (name.clone(), Digest::of(bytes)))
            .collect()
    }

    /// Where the lock stands.
    pub fn lock_path(&self) -> PathBuf {
        self.dir.join(lock::FILE_NAME)
    }
}

struct Texts {
    files: RecipeFiles,
    metadata: BTreeMap<String, Vec<u8>>,
}

impl Texts {
    fn read(dir: &Path) -> Result<Self, BuildError> {
        let mut metadata = BTreeMap::new();
        let mut text = |file: File| -> Result<Option<String>, BuildError> {
            let Some(bytes) = read_recipe(dir, file)? else {
                return Ok(None);
            };
            let text = recipe::decode(file, &bytes)?.to_owned();
            if METADATA.contains(&file) {
                metadata.insert(file.name().to_owned(), bytes);
            }
            Ok(Some(text))
        };
        let files = RecipeFiles {
            dir_name: dir
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            manifest: text(File::Manifest)?,
            procfile: text(File::Procfile)?,
            dotenv: text(File::Dotenv)?.map(Secret::new),
            app_json: text(File::AppJson)?,
        };
        Ok(Self { files, metadata })
    }
}

/// A recipe file's bytes; one that is too large is refused before it is read.
fn read_recipe(dir: &Path, file: File) -> Result<Option<Vec<u8>>, BuildError> {
    let path = dir.join(file.name());
    match fs::metadata(&path) {
        Ok(found) if found.len() > MAX_SIZE as u64 => Err(RecipeError::TooLong {
            file,
            size: usize::try_from(found.len()).unwrap_or(usize::MAX),
        }
        .into()),
        _ => Ok(read(&path)?),
    }
}

fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
