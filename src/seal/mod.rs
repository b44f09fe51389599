//! Seals: what a log was when its session ended, and the chain that they form. Pure.
//!
//! # Which bytes are hashed
//!
//! Three hashes of a log go into its seal, over its events in the order of their offsets; all are SHA-256:
//!
//! - `logSha256` over the *canonical* envelopes: each as RFC 8785 (JCS) writes it, followed by a line feed. Whoever has the log as
//!   parsed JSON, from wherever and however it was spelled, can make these bytes again. An envelope whose `data` is no I-JSON
//!   (which only somebody who writes into the database by hand can bring about) counts as its line of the export instead.
//! - `exportSha256` over the NDJSON export, byte for byte: [`Event::line`](crate::event::Event::line) of each, followed by a line
//!   feed. `sha256sum` of an exported file is this. It also sees what the canonical form does not: white space and key order in
//!   `data`, the spelling of numbers, the first of two equal keys.
//! - `leavesSha256` over the log's leaves, one of 16 bytes for each offset from 1: the start of the SHA-256 of the event's export
//!   line from its `"type":` on, so without the session and the offset; zeros for an offset that had no event. Leaves prove
//!   nothing that the two others do not; they tell *where* a log was changed. They are kept with the history and go with it.
//!
//! A seal is a link of one chain over all sessions. Its own hash is over the canonical form (RFC 8785, no line feed) of the object
//! that the API answers, without the member `sha256`; `previousSha256` is the hash of the link before, for the first one
//! zeros. Positions are 1, 2, 3 … without holes. When history is dropped at the end of its retention, a link of the kind
//! `retention` says which range of sessions it was, and their seals stay.
//!
//! # What it shows, and what it cannot
//!
//! An event, a whole log, a session, a partition or a seal that is altered, moved, taken out or put in after its session was sealed shows,
//! and is named. So is what is kept beside a sealed log and is not what it says: its session's row and courses, which are in no
//! hash. What happened before (a second or so after the session ended) does not. Nor can a chain defend itself against somebody who
//! owns the database and computes it anew from some link on, or cuts off its end and all that belongs to it: keep its head (the
//! hash of the last link) somewhere else, and ask whether the chain still has it.

mod compare;
mod digest;
mod finding;
mod link;

pub use compare::{Change, Difference, compare};
pub use digest::{Fingerprint, Leaves, LogDigest, canonical};
pub use finding::{Finding, Tampering};
pub use link::{Seal, Sealed};

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A SHA-256; as text 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sum([u8; 32]);

impl Sum {
    /// What the first link of the chain has for the one before it.
    pub const ZERO: Self = Self([0; 32]);

    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// `None` where they are not 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<Sha256> for Sum {
    fn from(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is no SHA-256.
#[derive(Debug, thiserror::Error)]
#[error("must be a SHA-256: 64 hexadecimal digits")]
pub struct NotASum;

impl FromStr for Sum {
    type Err = NotASum;

    fn from_str(text: &str) -> Result<Self, NotASum> {
        let mut sum = [0; 32];
        hex::decode_to_slice(text, &mut sum).map_err(|_| NotASum)?;
        Ok(Self(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_it_is_written() {
        let sum = Sum::of(b"abc");
        // FIPS 180-2, appendix B.1.
        assert_eq!(sum.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sum.to_string().parse::<Sum>().unwrap(), sum);
        assert_eq!(sum.to_string().to_uppercase().parse::<Sum>().unwrap(), sum);
        for text in ["", "ba78", &"g".repeat(64), &"é".repeat(32), &"+1".repeat(32)] {
            assert!(text.parse::<Sum>().is_err(), "{text}");
        }
    }
}
