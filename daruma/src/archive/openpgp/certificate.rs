//! Whether a certificate's key may sign, as far as the certificate itself can say.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::ser::Serialize;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams, Tag};

use super::keyring::{Fingerprint, Keyring};
use super::{Unfit, has_expired, is_strong, understood};

/// Smallest RSA modulus, in bits.
const MIN_RSA_BITS: u16 = 2048;

/// A key of a certificate.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    Primary(&'a PublicKey),
    Subkey(&'a PublicSubkey),
}

/// What the keyring says about a signature's maker.
pub(super) enum Fit<'a> {
    Unknown,
    Known {
        key: Key<'a>,
        outcome: Result<Fingerprint, Unfit>,
    },
}

impl Key<'_> {
    pub(super) fn verifies(self, signature: &Signature, data: &[u8]) -> bool {
        match self {
            Self::Primary(key) => signature.verify(key, data).is_ok(),
            Self::Subkey(key) => signature.verify(key, data).is_ok(),
        }
    }

    pub(super) fn created(self) -> u64 {
        let created = match self {
            Self::Primary(key) => key.created_at(),
            Self::Subkey(key) => key.created_at(),
        };
        u64::from(created.as_secs())
    }
}

/// Finds the key that a signature names, and whether it may sign.
pub(super) fn find<'a>(keyring: &'a Keyring, signature: &Signature, now: u64) -> Fit<'a> {
    for certificate in keyring.certificates() {
        if names(signature, &certificate.primary_key) {
            return Fit::Known {
                key: Key::Primary(&certificate.primary_key),
                outcome: primary_signs(certificate, now),
            };
        }
        let subkey = certificate
            .public_subkeys
            .iter()
            .find(|s| names(signature, &s.key));
        if let Some(subkey) = subkey {
            return Fit::Known {
                key: Key::Subkey(&subkey.key),
                outcome: subkey_signs(certificate, subkey, now),
            };
        }
    }
    Fit::Unknown
}

fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let (fingerprint, id) = (key.fingerprint(), key.legacy_key_id());
    signature.issuer_fingerprint().contains(&&fingerprint)
        || signature.issuer_key_id().contains(&&id)
}

fn primary_signs(certificate: &SignedPublicKey, now: u64) -> Result<Fingerprint, Unfit> {
    let newest = alive(certificate, now)?;
    if !newest.key_flags().sign() {
        return Err(Unfit::NotForSigning);
    }
    Ok(Fingerprint::of(&certificate.primary_key))
}

fn subkey_signs(
    certificate: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    now: u64,
) -> Result<Fingerprint, Unfit> {
    alive(certificate, now)?;
    let (primary, key) = (&certificate.primary_key, &subkey.key);
    strong_key(key.public_params())?;
    let of_type = |wanted| {
        let signatures = subkey
            .signatures
            .iter()
            .filter(move |s| s.typ() == Some(wanted));
        signatures.filter(|s| s.verify_subkey_binding(primary, key).is_ok())
    };
    // Withdrawn stays withdrawn, whatever binding comes later and however weak the hash.
    if of_type(SignatureType::SubkeyRevocation).next().is_some() {
        return Err(Unfit::KeyRevoked);
    }
    let newest = newest(of_type(SignatureType::SubkeyBinding), now)?;
    lives(key, newest, now)?;
    if !newest.key_flags().sign() {
        return Err(Unfit::NotForSigning);
    }
    // RFC 9580 §5.2.1.7: a signing subkey must say itself that it belongs to the primary key.
    let back = newest.embedded_signature().ok_or(Unfit::Unbound)?;
    if !is_strong(back) || back.verify_primary_key_binding(key, primary).is_err() {
        return Err(Unfit::Unbound);
    }
    Ok(Fingerprint::of(primary))
}

/// The self-signature that speaks for a certificate that is neither revoked nor expired.
fn alive(certificate: &SignedPublicKey, now: u64) -> Result<&Signature, Unfit> {
    let primary = &certificate.primary_key;
    strong_key(primary.public_params())?;
    let revocations = &certificate.details.revocation_signatures;
    if revocations.iter().any(|s| s.verify_key(primary).is_ok()) {
        return Err(Unfit::KeyRevoked);
    }
    let newest = newest(self_signatures(certificate), now)?;
    lives(primary, newest, now)?;
    Ok(newest)
}

/// Valid signatures of the primary key over itself and its user ids; a user id that was withdrawn has none.
fn self_signatures(certificate: &SignedPublicKey) -> impl Iterator<Item = &Signature> {
    let primary = &certificate.primary_key;
    let direct = certificate
        .details
        .direct_signatures
        .iter()
        .filter(move |s| s.typ() == Some(SignatureType::Key) && s.verify_key(primary).is_ok());
    let users = certificate.details.users.iter().flat_map(move |user| {
        let valid = move |s: &&Signature| {
            s.verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        };
        let is_revocation = |s: &&Signature| s.typ() == Some(SignatureType::CertRevocation);
        let withdrawn = user
            .signatures
            .iter()
            .filter(is_revocation)
            .any(|s| valid(&s));
        let certifications = user
            .signatures
            .iter()
            .filter(move |s| !withdrawn && !is_revocation(s));
        certifications.filter(valid)
    });
    direct.chain(users)
}

/// The newest signature that may be relied on now.
fn newest<'a>(
    signatures: impl Iterator<Item = &'a Signature>,
    now: u64,
) -> Result<&'a Signature, Unfit> {
    let mut why = Unfit::Unbound;
    let mut best: Option<&Signature> = None;
    for signature in signatures {
        let created = signature
            .created()
            .map_or(u64::MAX, |t| u64::from(t.as_secs()));
        if !is_strong(signature) {
            why = Unfit::WeakHash;
        } else if understood(signature).is_ok() && created <= now && !has_expired(signature, now) {
            best = best
                .filter(|b| b.created() >= signature.created())
                .or(Some(signature));
        }
    }
    best.ok_or(why)
}

fn lives(key: &impl KeyDetails, binding: &Signature, now: u64) -> Result<(), Unfit> {
    let created = u64::from(key.created_at().as_secs());
    let life = binding
        .key_expiration_time()
        .map_or(0, |d| u64::from(d.as_secs()));
    if created > now || (life != 0 && created + life <= now) {
        return Err(Unfit::KeyExpired);
    }
    Ok(())
}

fn strong_key(parameters: &PublicParams) -> Result<(), Unfit> {
    let strong = match parameters {
        PublicParams::RSA(rsa) => {
            // The first number of an RSA key is its modulus, and a number begins with its length in bits (RFC 9580 §3.2).
            let bytes = rsa.to_bytes().unwrap_or_default();
            bytes
                .first_chunk()
                .is_some_and(|bits| u16::from_be_bytes(*bits) >= MIN_RSA_BITS)
        }
        PublicParams::ECDSA(ecdsa) => matches!(
            ecdsa,
            EcdsaPublicParams::P256 { .. }
                | EcdsaPublicParams::P384 { .. }
                | EcdsaPublicParams::P521 { .. }
        ),
        PublicParams::EdDSALegacy(eddsa) => {
            matches!(eddsa, EddsaLegacyPublicParams::Ed25519 { .. })
        }
        PublicParams::Ed25519(_) => true,
        _ => false,
    };
    if strong { Ok(()) } else { Err(Unfit::WeakKey) }
}
