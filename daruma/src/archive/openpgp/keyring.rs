//! Certificates from several places, as one.

use std::fmt;
use std::io::Cursor;
use std::str::FromStr;

use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::types::KeyDetails;
use serde::{Deserialize, Serialize};

/// Largest keyring file read; Debian's has 56 kB.
const MAX_KEYRING: usize = 4 * 1024 * 1024;

/// A primary key's fingerprint (RFC 9580 §5.5.4): 40 upper-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

/// The text is not 40 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fingerprint (expected 40 hex digits)")]
pub struct InvalidFingerprint(String);

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits: String = text.chars().filter(|c| *c != ' ').collect();
        if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidFingerprint(text.to_owned()));
        }
        Ok(Self(digits.to_ascii_uppercase()))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fingerprint {
    pub(super) fn of(key: &impl KeyDetails) -> Self {
        Self(hex::encode_upper(key.fingerprint().as_bytes()))
    }
}

/// A file is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// It is larger than any keyring.
    #[error("cannot read the keyring: it is larger than {MAX_KEYRING} bytes")]
    TooLarge,
    /// It holds no OpenPGP certificate.
    #[error("cannot read the keyring")]
    Format(#[source] Box<pgp::errors::Error>),
}

/// The certificates that may sign. One certificate found in several places counts as one, with the revocations of all.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    certificates: Vec<SignedPublicKey>,
}

impl Keyring {
    /// Debian's archive keys of the day this program was made.
    pub fn embedded() -> Self {
        let mut keyring = Self::default();
        // A test holds that the embedded file parses; a keyring without it still could hold the host's keys.
        let _ = keyring.add(include_bytes!("../keys/debian-archive-keyring.pgp"));
        keyring
    }

    /// Adds the certificates of a file, binary or in ASCII armor. Those that cannot be read are left out.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), KeyringError> {
        if bytes.len() > MAX_KEYRING {
            return Err(KeyringError::TooLarge);
        }
        let (certificates, _) = SignedPublicKey::from_reader_many(Cursor::new(bytes))
            .map_err(|error| KeyringError::Format(Box::new(error)))?;
        for certificate in certificates.filter_map(Result::ok) {
            self.merge(certificate);
        }
        Ok(())
    }

    /// How many certificates it holds.
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    pub(super) fn certificates(&self) -> &[SignedPublicKey] {
        &self.certificates
    }

    fn merge(&mut self, new: SignedPublicKey) {
        let known = self
            .certificates
            .iter_mut()
            .find(|c| c.primary_key == new.primary_key);
        let Some(known) = known else {
            self.certificates.push(new);
            return;
        };
        let details = &mut known.details;
        details
            .revocation_signatures
            .extend(new.details.revocation_signatures);
        details
            .direct_signatures
            .extend(new.details.direct_signatures);
        details.users.extend(new.details.users);
        for subkey in new.public_subkeys {
            match known
                .public_subkeys
                .iter_mut()
                .find(|s| s.key == subkey.key)
            {
                Some(same) => same.signatures.extend(subkey.signatures),
                None => known.public_subkeys.push(subkey),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_keys_are_read_and_are_the_same_twice() {
        let mut keyring = Keyring::embedded();
        assert_eq!(keyring.len(), 9);
        keyring
            .add(include_bytes!("../keys/debian-archive-keyring.pgp"))
            .expect("added");
        assert_eq!(keyring.len(), 9);
    }

    #[test]
    fn fingerprints_may_be_written_in_groups() {
        let grouped = "4d64 fec1 19c2 0290 67d6 e791 f8d2 585b 8783 d481".parse::<Fingerprint>();
        assert_eq!(
            grouped.map(|f| f.to_string()).as_deref(),
            Ok("4D64FEC119C2029067D6E791F8D2585B8783D481")
        );
        assert!("F8D2585B8783D481".parse::<Fingerprint>().is_err());
    }
}
