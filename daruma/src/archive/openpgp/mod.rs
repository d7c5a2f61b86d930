//! Who signed an index, by a policy of our own on top of rPGP's arithmetic.
//!
//! The policy: the message is one cleartext-signed message and nothing else (`framing`); a signature counts if it is a text
//! signature of version 4 with SHA-256 or stronger, neither expired nor from the future, made by a key that
//! `certificate` finds fit; one that counts is needed, and a false one by a known key spoils the whole message.

mod certificate;
mod framing;
mod keyring;

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    Packet, PacketParser, Signature, SignatureType, SignatureVersion, SubpacketData,
};

use certificate::Fit;
pub(super) use framing::MAX_MESSAGE;
pub use framing::Malformed;
pub use keyring::{Fingerprint, InvalidFingerprint, Keyring, KeyringError};

/// Signatures looked at in one message; Debian's have at most four.
const MAX_SIGNATURES: usize = 16;

/// How far a signer's clock may be ahead of ours, in seconds.
const CLOCK_SKEW: u64 = 24 * 60 * 60;

/// The signed text and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What was signed, lines ended by `\n`, trailing blanks removed; nothing else of the message may be read.
    pub text: String,
    /// The primary keys whose signatures count, in the message's order.
    pub signers: Vec<Fingerprint>,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// No keyring has the key.
    #[error("the key is not in any keyring")]
    UnknownKey,
    /// It, or a self-signature of its key, uses SHA-1, MD5 or something unheard of.
    #[error("the hash algorithm is too weak")]
    WeakHash,
    /// RSA below 2048 bits, DSA, or a curve that nobody uses here.
    #[error("the key is too weak")]
    WeakKey,
    /// Not a version 4 signature over text.
    #[error("it is no signature over text")]
    WrongKind,
    /// It says that something must be understood that is not.
    #[error("it has a critical part that is not understood")]
    Critical,
    /// Past its time.
    #[error("the signature has expired")]
    SignatureExpired,
    /// Made later than now, or before its key.
    #[error("the signature's date cannot be right")]
    WrongDate,
    /// The key is past its time.
    #[error("the key has expired")]
    KeyExpired,
    /// The key was withdrawn by its owner.
    #[error("the key is revoked")]
    KeyRevoked,
    /// The key is for other uses.
    #[error("the key is not for signing")]
    NotForSigning,
    /// Nothing valid ties the subkey to its certificate, or the certificate to its owner.
    #[error("the key is not bound to its certificate")]
    Unbound,
    /// The suite is pinned to other keys.
    #[error("the suite is pinned to other keys")]
    NotPinned,
}

/// A message is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is not one cleartext-signed message.
    #[error("cannot read the signed message: {0}")]
    Malformed(#[from] Malformed),
    /// A known key's signature does not fit the text.
    #[error("cannot trust the message: the signature of {0} is false, so the text was changed")]
    False(String),
    /// Nothing spoils it, but no signature counts.
    #[error("cannot trust the message: {}", list(.0))]
    NoneCounts(Vec<(String, Unfit)>),
}

fn list(refused: &[(String, Unfit)]) -> String {
    if refused.is_empty() {
        return "it has no signature".to_owned();
    }
    let each: Vec<String> = refused
        .iter()
        .map(|(key, why)| format!("key {key}: {why}"))
        .collect();
    each.join("; ")
}

/// Verifies `message` at the time `now` (seconds since 1970). `pinned` narrows the keyring to these primary keys, where given.
pub fn verify(
    message: &[u8],
    keyring: &Keyring,
    pinned: Option<&[Fingerprint]>,
    now: u64,
) -> Result<Verified, VerifyError> {
    let message = framing::parse(message)?;
    let data = message.signed();
    let (mut signers, mut refused) = (Vec::new(), Vec::new());
    for signature in signatures(&message.signatures)? {
        let name = issuer(&signature);
        match judge(&signature, &data, &message.hashes, keyring, now) {
            Judgement::Counts(signer) if pinned.is_none_or(|p| p.contains(&signer)) => {
                signers.push(signer);
            }
            Judgement::Counts(_) => refused.push((name, Unfit::NotPinned)),
            Judgement::Unfit(why) => refused.push((name, why)),
            Judgement::False => return Err(VerifyError::False(name)),
        }
    }
    if signers.is_empty() {
        return Err(VerifyError::NoneCounts(refused));
    }
    Ok(Verified {
        text: message.text(),
        signers,
    })
}

fn signatures(packets: &[u8]) -> Result<Vec<Signature>, Malformed> {
    let mut found = Vec::new();
    for packet in PacketParser::new(packets) {
        match packet {
            Ok(Packet::Signature(signature)) if found.len() < MAX_SIGNATURES => {
                found.push(signature);
            }
            _ => return Err(Malformed("its signature block holds something else")),
        }
    }
    Ok(found)
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature
        .issuer_fingerprint()
        .first()
        .map(|f| format!("{f:X}"));
    let id = || signature.issuer_key_id().first().map(hex::encode_upper);
    fingerprint
        .or_else(id)
        .unwrap_or_else(|| "without a name".to_owned())
}

enum Judgement {
    Counts(Fingerprint),
    Unfit(Unfit),
    False,
}

fn judge(
    signature: &Signature,
    data: &[u8],
    hashes: &[String],
    keyring: &Keyring,
    now: u64,
) -> Judgement {
    let found = certificate::find(keyring, signature, now);
    let (key, fit) = match found {
        Fit::Unknown => return Judgement::Unfit(Unfit::UnknownKey),
        Fit::Known { key, outcome } => (key, outcome),
    };
    if let Err(why) = form(signature, key.created(), now) {
        return Judgement::Unfit(why);
    }
    let announced = signature.hash_alg().is_some_and(|hash| {
        hashes
            .iter()
            .any(|h| h.eq_ignore_ascii_case(&hash.to_string()))
    });
    if !announced || !key.verifies(signature, data) {
        return Judgement::False;
    }
    match fit {
        Ok(signer) => Judgement::Counts(signer),
        Err(why) => Judgement::Unfit(why),
    }
}

/// What can be said of a signature without its key's help.
fn form(signature: &Signature, key_created: u64, now: u64) -> Result<(), Unfit> {
    if signature.typ() != Some(SignatureType::Text) || signature.version() != SignatureVersion::V4 {
        return Err(Unfit::WrongKind);
    }
    if !is_strong(signature) {
        return Err(Unfit::WeakHash);
    }
    understood(signature)?;
    let created = signature.created().map_or(0, |t| u64::from(t.as_secs()));
    if created < key_created || created > now + CLOCK_SKEW {
        return Err(Unfit::WrongDate);
    }
    if has_expired(signature, now) {
        return Err(Unfit::SignatureExpired);
    }
    Ok(())
}

/// The hashes that both OpenPGP implementations in use by Debian accept and that nobody can break.
fn is_strong(signature: &Signature) -> bool {
    matches!(
        signature.hash_alg(),
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
    )
}

/// RFC 9580 §5.2.3.7: a critical subpacket that is unknown makes the signature invalid.
fn understood(signature: &Signature) -> Result<(), Unfit> {
    let config = signature.config().ok_or(Unfit::WrongKind)?;
    let unknown = config.hashed_subpackets().any(|part| {
        part.is_critical
            && matches!(
                part.data,
                SubpacketData::Other(..)
                    | SubpacketData::Experimental(..)
                    | SubpacketData::Notation(_)
            )
    });
    if unknown {
        Err(Unfit::Critical)
    } else {
        Ok(())
    }
}

fn has_expired(signature: &Signature, now: u64) -> bool {
    let created = signature.created().map_or(0, |t| u64::from(t.as_secs()));
    signature
        .signature_expiration_time()
        .is_some_and(|life| life.as_secs() != 0 && created + u64::from(life.as_secs()) <= now)
}
