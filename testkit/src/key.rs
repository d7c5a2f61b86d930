//! OpenPGP keys made on the spot, sound ones and unsound ones.

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedKeyDetails,
    SignedPublicKey, SignedPublicSubKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, RevocationCode, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType,
    Subpacket, SubpacketData,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, Password, SignedUser, SigningKey, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

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
    secret: SignedSecretKey,
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
        let secret = generate(&spec)?;
        let primary = &secret.primary_key;
        let public = primary.public_key().clone();
        let users = secret.details.users.iter().map(|user| {
            let config = self_signature(
                &spec,
                SignatureType::CertPositive,
                spec.created,
                vec![SubpacketData::KeyFlags(flags(spec.signs, true))],
                spec.expires,
                primary,
            )?;
            let signature = config.sign_certification(
                primary,
                &public,
                &Password::empty(),
                Tag::UserId,
                &user.id,
            )?;
            Ok(SignedUser::new(user.id.clone(), vec![signature]))
        });
        let revocations = if spec.revoked {
            vec![revoke(&spec, primary)?]
        } else {
            Vec::new()
        };
        let users: Made<Vec<_>> = users.collect();
        let details = SignedKeyDetails::new(revocations, Vec::new(), users?, Vec::new());
        let subkeys = match secret.secret_subkeys.first() {
            Some(sub) => vec![bind(&spec, primary, &sub.key)?],
            None => Vec::new(),
        };
        Ok(Self {
            certificate: SignedPublicKey::new(public, details, subkeys),
            secret,
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
        match self.secret.secret_subkeys.first() {
            Some(sub) => self.sign_with(&sub.key, data),
            None => self.sign_with(&self.secret.primary_key, data),
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

#[allow(clippy::expect_used)]
fn generate(spec: &KeySpec) -> Made<SignedSecretKey> {
    let kind = match spec.algorithm {
        Algorithm::Ed25519 => KeyType::Ed25519Legacy,
        Algorithm::Rsa(bits) => KeyType::Rsa(bits),
    };
    let created = Timestamp::from_secs(spec.created);
    let mut builder = SecretKeyParamsBuilder::default();
    builder
        .key_type(kind)
        .can_certify(true)
        .can_sign(true)
        .created_at(created)
        .primary_user_id(format!("Testkit {} <testkit@example.invalid>", spec.seed));
    if spec.subkey != Subkey::None {
        let subkey = SubkeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_sign(true)
            .created_at(created)
            .build();
        builder.subkey(subkey.expect("complete parameters"));
    }
    let parameters = builder.build().expect("complete parameters");
    parameters.generate(StdRng::seed_from_u64(spec.seed))
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
            seed: spec.seed + 1_000_000,
            subkey: Subkey::None,
            ..spec.clone()
        })?;
        vec![config.sign_subkey_binding(&stranger.primary_key, public, &none, subkey)?]
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
