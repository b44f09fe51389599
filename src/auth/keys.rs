//! API keys: how they look, and what is kept of them. Pure.
//!
//! `csk_<id>_<secret>`: the id (48 bits) is for look-up and logs, the secret (256 random bits) opens the door. What is kept is the
//! secret's SHA-256. A slow hash would protect nothing here: it makes guessing passwords expensive, and nobody guesses
//! 256 random bits however fast he hashes; it would only make every request slow.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "csk_";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// Names a key; no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_BYTES]);

impl KeyId {
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// From its text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that was just made: its text is shown once.
pub struct NewKey {
    pub id: KeyId,
    pub sha256: [u8; 32],
    text: SecretString,
}

impl NewKey {
    #[must_use]
    pub fn generate() -> Self {
        let id = KeyId(rand::random());
        let secret: [u8; SECRET_BYTES] = rand::random();
        let text = format!("{PREFIX}{id}_{}", hex::encode(secret));
        Self { id, sha256: Sha256::digest(secret).into(), text: text.into() }
    }

    /// The key itself, to be shown and forgotten.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
}

/// What a caller says that he holds.
pub struct Presented {
    pub id: KeyId,
    sha256: [u8; 32],
}

impl Presented {
    /// `None` where the text is no key of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let secret: [u8; SECRET_BYTES] = unhex(secret)?;
        Some(Self { id: KeyId::parse(id)?, sha256: Sha256::digest(secret).into() })
    }

    /// Whether it is the key of which this hash was kept. Takes the same time whatever the difference.
    #[must_use]
    pub fn is(&self, sha256: &[u8; 32]) -> bool {
        self.sha256.ct_eq(sha256).into()
    }
}

/// The hash of what looks like a session's write token: 64 hexadecimal digits.
#[must_use]
pub fn write_token_sha256(text: &str) -> Option<[u8; 32]> {
    unhex::<SECRET_BYTES>(text).map(|_| Sha256::digest(text).into())
}

/// Lower case alone, as we write it: one secret has one text.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_opens_its_own_lock_alone() {
        let (key, other) = (NewKey::generate(), NewKey::generate());
        let presented = Presented::parse(key.reveal()).unwrap();
        assert_eq!(presented.id, key.id);
        assert!(presented.is(&key.sha256));
        assert!(!presented.is(&other.sha256));
        assert_eq!(KeyId::parse(&key.id.to_string()), Some(key.id));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let key = NewKey::generate();
        let text = key.reveal();
        for wrong in
            ["", "csk_", "csk__", &text[1..], &text[..text.len() - 1], &text.to_uppercase(), &format!("{text}0")]
        {
            assert!(Presented::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_write_token_is_hashed_as_its_text() {
        let token = "ab".repeat(32);
        assert_eq!(write_token_sha256(&token), Some(Sha256::digest(&token).into()));
        assert_eq!(write_token_sha256(&token[1..]), None);
        assert_eq!(write_token_sha256(&"AB".repeat(32)), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(csk_)?[0-9a-f_]{0,20}.{0,80}") {
            let _ = Presented::parse(&text);
            let _ = write_token_sha256(&text);
        }
    }
}
