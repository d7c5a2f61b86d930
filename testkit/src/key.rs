//! OpenPGP keys made on the spot, sound ones and unsound ones.

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SignedKeyDetails, SignedPublicKey,
    SignedPublicSubKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, PublicSubkey, RevocationCode, SecretKey, SecretSubkey,
    Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{
    Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, SecretParams, SignedUser,
    SigningKey, Tag, Timestamp,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Keeps the seeds of subkeys apart from those of other keys.
const SUBKEY_SEED: u64 = 1 << 32;

/// Keeps the seeds of keys that bind what is not theirs apart from those of other keys.
const STRANGER_SEED: u64 = 1 << 33;

/// The kind of the primary key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// As Debian's stable release keys.
    #[default]
    Ed25519,
    /// RSA with so many bits.
    Rsa(u32),
}

/// Whether there is a subkey, which then makes the signatures, and what is wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subkey {
    /// None: the primary key signs.
    #[default]
    None,
    /// A sound one.
    Sound,
    /// Its binding does not allow signatures.
    NotForSigning,
    /// Its binding lacks the signature that it must make itself.
    NoBackSignature,
    /// Withdrawn.
    Revoked,
    /// Past its time.
    Expired,
    /// The binding was made by another key.
    BoundByStranger,
}

/// What a key is to be.
#[derive(Clone, Debug)]
pub struct KeySpec {
    /// Equal seeds make equal keys.
    pub seed: u64,
    /// The primary key's kind.
    pub algorithm: Algorithm,
    /// Made at (seconds since 1970).
    pub created: u32,
    /// Seconds after its making.
    pub expires: Option<u32>,
    /// Withdrawn by its owner.
    pub revoked: bool,
    /// May the primary key sign?
    pub signs: bool,
    /// The signing subkey.
    pub subkey: Subkey,
    /// The hash of the signatures over data.
    pub hash: HashAlgorithm,
    /// The hash of the self-signatures.
    pub self_hash: HashAlgorithm,
    /// When signatures over data are made; now, if not said.
    pub signed_at: Option<u32>,
    /// Seconds after which signatures over data end.
    pub signature_expires: Option<u32>,
}

impl Default for KeySpec {
    fn default() -> Self {
        Self {
            seed: 1,
            algorithm: Algorithm::Ed25519,
            created: 1_700_000_000,
            expires: None,
            revoked: false,
            signs: true,
            subkey: Subkey::None,
            hash: HashAlgorithm::Sha256,
            self_hash: HashAlgorithm::Sha256,
            signed_at: None,
            signature_expires: None,
        }
    }
}

/// A key with its certificate.
#[derive(Clone, Debug)]
pub struct Key {
    spec: KeySpec,
    primary: SecretKey,
    subkey: Option<SecretSubkey>,
    certificate: SignedPublicKey,
}

type Made<T> = pgp::errors::Result<T>;

impl Key {
    /// A sound Ed25519 key; equal seeds make equal keys.
    pub fn sound(seed: u64) -> Self {
        Self::make(KeySpec {
            seed,
            ..KeySpec::default()
        })
    }

    /// A key as said.
    ///
    /// # Panics
    /// If OpenPGP has no such key.
    #[allow(clippy::expect_used)]
    pub fn make(spec: KeySpec) -> Self {
        Self::try_make(spec).expect("a key that OpenPGP can express")
    }

    fn try_make(spec: KeySpec) -> Made<Self> {
        let (primary, subkey) = (generate(&spec)?, generate_subkey(&spec)?);
        let mut revocations = Vec::new();
        if spec.revoked {
            revocations.push(revoke(&spec, &primary)?);
        }
        let users = vec![certify(&spec, &primary)?];
        let details = SignedKeyDetails::new(revocations, Vec::new(), users, Vec::new());
        let subkeys = subkey
            .iter()
            .map(|sub| bind(&spec, &primary, sub))
            .collect::<Made<_>>()?;
        Ok(Self {
            certificate: SignedPublicKey::new(primary.public_key().clone(), details, subkeys),
            primary,
            subkey,
            spec,
        })
    }

    /// The certificate, as it would stand in a keyring (binary).
    ///
    /// # Panics
    /// Not for memory buffers.
    #[allow(clippy::expect_used)]
    pub fn public(&self) -> Vec<u8> {
        self.certificate.to_bytes().expect("memory")
    }

    /// The certificate in ASCII armor.
    ///
    /// # Panics
    /// Not for memory buffers.
    #[allow(clippy::expect_used)]
    pub fn public_armored(&self) -> String {
        self.certificate
            .to_armored_string(ArmorOptions::default())
            .expect("memory")
    }

    /// The fingerprint of the primary key, upper-case hex.
    pub fn fingerprint(&self) -> String {
        hex::encode_upper(self.certificate.fingerprint().as_bytes())
    }

    /// `text` as a cleartext-signed message.
    pub fn clearsign(&self, text: &str) -> String {
        Self::clearsign_by(&[self], text)
    }

    /// `text` as a cleartext-signed message with a signature of each key.
    ///
    /// # Panics
    /// If a key cannot sign at all.
    #[allow(clippy::expect_used)]
    pub fn clearsign_by(keys: &[&Self], text: &str) -> String {
        let text = text.trim_end_matches('\n');
        let message = CleartextSignedMessage::new_many(text, |signed| {
            keys.iter()
                .map(|key| key.signature(signed.as_bytes()))
                .collect()
        });
        let message = message.expect("a key that can sign");
        message
            .to_armored_string(ArmorOptions::default())
            .expect("memory")
    }

    fn signature(&self, data: &[u8]) -> Made<Signature> {
        match &self.subkey {
            Some(sub) => self.sign_with(sub, data),
            None => self.sign_with(&self.primary, data),
        }
    }

    fn sign_with(&self, key: &impl SigningKey, data: &[u8]) -> Made<Signature> {
        let made = self
            .spec
            .signed_at
            .map_or_else(Timestamp::now, Timestamp::from_secs);
        let mut config = SignatureConfig::v4(SignatureType::Text, key.algorithm(), self.spec.hash);
        let mut hashed = vec![
            SubpacketData::SignatureCreationTime(made),
            SubpacketData::IssuerFingerprint(key.fingerprint()),
        ];
        hashed.extend(
            self.spec
                .signature_expires
                .map(|s| SubpacketData::SignatureExpirationTime(Duration::from_secs(s))),
        );
        config.hashed_subpackets = subpackets(hashed)?;
        config.unhashed_subpackets =
            subpackets(vec![SubpacketData::IssuerKeyId(key.legacy_key_id())])?;
        config.sign(key, &Password::empty(), data)
    }
}

fn parameters(spec: &KeySpec, kind: &KeyType, seed: u64) -> Made<(PubKeyInner, SecretParams)> {
    let (public, secret) = kind.generate(StdRng::seed_from_u64(seed))?;
    let created = Timestamp::from_secs(spec.created);
    let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public)?;
    Ok((inner, secret))
}

fn generate(spec: &KeySpec) -> Made<SecretKey> {
    let kind = match spec.algorithm {
        Algorithm::Ed25519 => KeyType::Ed25519Legacy,
        Algorithm::Rsa(bits) => KeyType::Rsa(bits),
    };
    let (public, secret) = parameters(spec, &kind, spec.seed)?;
    SecretKey::new(PublicKey::from_inner(public)?, secret)
}

fn generate_subkey(spec: &KeySpec) -> Made<Option<SecretSubkey>> {
    if spec.subkey == Subkey::None {
        return Ok(None);
    }
    let (public, secret) = parameters(spec, &KeyType::Ed25519Legacy, spec.seed + SUBKEY_SEED)?;
    SecretSubkey::new(PublicSubkey::from_inner(public)?, secret).map(Some)
}

fn flags(sign: bool, certify: bool) -> KeyFlags {
    let mut flags = KeyFlags::default();
    flags.set_sign(sign);
    flags.set_certify(certify);
    flags
}

fn subpackets(data: Vec<SubpacketData>) -> Made<Vec<Subpacket>> {
    data.into_iter().map(Subpacket::regular).collect()
}

fn self_signature(
    spec: &KeySpec,
    typ: SignatureType,
    at: u32,
    mut data: Vec<SubpacketData>,
    expires: Option<u32>,
    key: &impl KeyDetails,
) -> Made<SignatureConfig> {
    let mut config = SignatureConfig::v4(typ, key.algorithm(), spec.self_hash);
    data.insert(
        0,
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(at)),
    );
    data.push(SubpacketData::IssuerFingerprint(key.fingerprint()));
    data.extend(expires.map(|s| SubpacketData::KeyExpirationTime(Duration::from_secs(s))));
    config.hashed_subpackets = subpackets(data)?;
    config.unhashed_subpackets = subpackets(vec![SubpacketData::IssuerKeyId(key.legacy_key_id())])?;
    Ok(config)
}

fn certify(spec: &KeySpec, primary: &SecretKey) -> Made<SignedUser> {
    let name = format!("Testkit {} <testkit@example.invalid>", spec.seed);
    let id = UserId::from_str(PacketHeaderVersion::New, name)?;
    let data = vec![SubpacketData::KeyFlags(flags(spec.signs, true))];
    let (typ, at) = (SignatureType::CertPositive, spec.created);
    let config = self_signature(spec, typ, at, data, spec.expires, primary)?;
    let (public, none) = (primary.public_key(), Password::empty());
    let signature = config.sign_certification(primary, public, &none, Tag::UserId, &id)?;
    Ok(SignedUser::new(id, vec![signature]))
}

fn revocation() -> Vec<SubpacketData> {
    vec![SubpacketData::RevocationReason(
        RevocationCode::KeyCompromised,
        Vec::new().into(),
    )]
}

fn revoke(spec: &KeySpec, primary: &SecretKey) -> Made<Signature> {
    let at = spec.created + 60;
    let config = self_signature(
        spec,
        SignatureType::KeyRevocation,
        at,
        revocation(),
        None,
        primary,
    )?;
    config.sign_key(primary, &Password::empty(), primary.public_key())
}

fn bind(spec: &KeySpec, primary: &SecretKey, sub: &SecretSubkey) -> Made<SignedPublicSubKey> {
    let none = Password::empty();
    let (public, subkey) = (primary.public_key(), sub.public_key());
    let mut data = vec![SubpacketData::KeyFlags(flags(
        spec.subkey != Subkey::NotForSigning,
        false,
    ))];
    if spec.subkey != Subkey::NoBackSignature {
        let back = self_signature(
            spec,
            SignatureType::KeyBinding,
            spec.created,
            Vec::new(),
            None,
            sub,
        )?;
        let back = back.sign_primary_key_binding(sub, subkey, &none, public)?;
        data.push(SubpacketData::EmbeddedSignature(Box::new(back)));
    }
    let expires = (spec.subkey == Subkey::Expired).then_some(3600);
    let config = self_signature(
        spec,
        SignatureType::SubkeyBinding,
        spec.created,
        data,
        expires,
        primary,
    )?;
    let mut signatures = if spec.subkey == Subkey::BoundByStranger {
        let stranger = generate(&KeySpec {
            seed: spec.seed + STRANGER_SEED,
            ..spec.clone()
        })?;
        vec![config.sign_subkey_binding(&stranger, public, &none, subkey)?]
    } else {
        vec![config.sign_subkey_binding(primary, public, &none, subkey)?]
    };
    if spec.subkey == Subkey::Revoked {
        let at = spec.created + 60;
        let config = self_signature(
            spec,
            SignatureType::SubkeyRevocation,
            at,
            revocation(),
            None,
            primary,
        )?;
        signatures.push(config.sign_subkey_binding(primary, public, &none, subkey)?);
    }
    Ok(SignedPublicSubKey::new(subkey.clone(), signatures))
}
