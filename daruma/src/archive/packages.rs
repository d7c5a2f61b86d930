//! From a verified `InRelease` to the text of its `Packages` files.

use std::sync::Arc;

use super::decode::{Packing, decode};
use super::pockets::{Accepted, Fetch, home};
use super::state::Kind;
use super::{ArchiveError, ListedFile, Network, PackagesIndex};
use crate::http::{HttpError, Request, Url};
use crate::image::Digest;

/// Largest decoded `Packages` taken; Debian's largest has 60 MB.
const MAX_PACKAGES: u64 = 512 * 1024 * 1024;

impl Fetch<'_> {
    pub(super) fn packages(&self, accepted: &Accepted) -> Result<Vec<PackagesIndex>, ArchiveError> {
        let components = self.archive.settings.components.iter();
        components
            .map(|component| self.component(accepted, component))
            .collect()
    }

    fn component(
        &self,
        accepted: &Accepted,
        component: &str,
    ) -> Result<PackagesIndex, ArchiveError> {
        let path = format!("{component}/binary-{}/Packages", self.arch);
        let not_listed = || ArchiveError::NotListed {
            url: accepted.url.clone(),
            path: path.clone(),
        };
        let plain = *accepted.release.files.get(&path).ok_or_else(not_listed)?;
        let kept = self.shelf();
        let bytes = if let Some(bytes) = kept.load(Kind::Packages, &plain.sha256) {
            bytes
        } else {
            let bytes = self.download(accepted, &path, plain)?;
            kept.store(Kind::Packages, &plain.sha256, &bytes)
                .map_err(home)?;
            bytes
        };
        let text = String::from_utf8(bytes).map_err(|_| ArchiveError::Index {
            url: self.dist(&accepted.base).child(&path),
            what: "it is not UTF-8",
        })?;
        Ok(PackagesIndex {
            component: component.to_owned(),
            sha256: plain.sha256,
            text: Arc::from(text),
        })
    }

    fn download(
        &self,
        accepted: &Accepted,
        path: &str,
        plain: ListedFile,
    ) -> Result<Vec<u8>, ArchiveError> {
        if self.archive.settings.network == Network::Offline {
            return Err(ArchiveError::Offline {
                suite: self.suite.clone(),
            });
        }
        let files = &accepted.release.files;
        let listed = |p: Packing| Some((p, *files.get(&format!("{path}{}", p.suffix()))?));
        let mut failure = None;
        for (packing, file) in Packing::BEST_FIRST.into_iter().filter_map(listed) {
            match self.packed(accepted, path, packing, file, plain) {
                // A mirror need not have every form that is listed.
                Err(ArchiveError::Http(error)) if error.is_gone() => failure = Some(error),
                outcome => return outcome,
            }
        }
        Err(failure.map_or_else(
            || ArchiveError::NotListed {
                url: accepted.url.clone(),
                path: path.to_owned(),
            },
            ArchiveError::Http,
        ))
    }

    fn packed(
        &self,
        accepted: &Accepted,
        path: &str,
        packing: Packing,
        file: ListedFile,
        plain: ListedFile,
    ) -> Result<Vec<u8>, ArchiveError> {
        let dist = self.dist(&accepted.base);
        let named = dist.child(&format!("{path}{}", packing.suffix()));
        let wrong = |what| ArchiveError::Index {
            url: named.clone(),
            what,
        };
        if file.size > MAX_PACKAGES || plain.size > MAX_PACKAGES {
            return Err(wrong("it is larger than any index"));
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let hashed = dist.child(&format!("{folder}/by-hash/SHA256/{}", file.sha256.hex()));
        let bytes = self.by_hash_or_name(accepted.release.by_hash, &hashed, &named, file.size)?;
        if bytes.len() as u64 != file.size || Digest::of(&bytes) != file.sha256 {
            return Err(wrong("it is not the file that InRelease lists"));
        }
        let text = decode(packing, &bytes, plain.size)
            .map_err(|_| wrong("it does not decompress to the size that InRelease lists"))?;
        if Digest::of(&text) != plain.sha256 {
            return Err(wrong(
                "it does not decompress to the file that InRelease lists",
            ));
        }
        Ok(text)
    }

    fn by_hash_or_name(
        &self,
        by_hash: bool,
        hashed: &Url,
        named: &Url,
        size: u64,
    ) -> Result<Vec<u8>, HttpError> {
        let get = |url: &Url| self.archive.client.fetch(&Request::get(url.clone()), size);
        if by_hash {
            match get(hashed) {
                Err(error) if error.is_gone() => {}
                outcome => return outcome.map(|fetched| fetched.bytes),
            }
        }
        get(named).map(|fetched| fetched.bytes)
    }
}
