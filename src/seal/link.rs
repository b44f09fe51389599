//! One link of the chain.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{Fingerprint, Sum};
use crate::event::{Offset, SessionId, format_timestamp};

/// A link of the chain. Serialises as the object whose canonical form is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// Place in the chain: 1, 2, 3 … with no holes.
    pub position: u64,
    #[serde(flatten)]
    pub what: Sealed,
    pub previous_sha256: Sum,
    #[serde(serialize_with = "millis")]
    pub sealed_at: DateTime<Utc>,
}

/// What a link is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Sealed {
    /// The log of an ended session.
    Session { session_id: SessionId, last_offset: Offset, log_sha256: Sum, export_sha256: Sum, leaves_sha256: Sum },
    /// The history of all sessions from `lower_bound` to before `upper_bound` was dropped; so many had been sealed.
    Retention { lower_bound: Uuid, upper_bound: Uuid, sessions: u64 },
}

impl Sealed {
    /// What the seal of a log says. `leaves` are the fingerprint's, as they are kept.
    #[must_use]
    pub fn session(session_id: SessionId, fingerprint: &Fingerprint, leaves: &[u8]) -> Self {
        Self::Session {
            session_id,
            last_offset: fingerprint.leaves.last_offset(),
            log_sha256: fingerprint.log_sha256,
            export_sha256: fingerprint.export_sha256,
            leaves_sha256: Sum::of(leaves),
        }
    }
}

impl Seal {
    /// The bytes that are hashed.
    ///
    /// # Panics
    ///
    /// Where a seal does not serialise: it always does.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("seals serialise")
    }

    #[must_use]
    pub fn sha256(&self) -> Sum {
        Sum::of(&self.canonical())
    }
}

fn millis<S: Serializer>(timestamp: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_timestamp(*timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(what: Sealed) -> Seal {
        let sealed_at = DateTime::from_timestamp_millis(1_769_860_800_120).unwrap();
        Seal { position: 3, what, previous_sha256: Sum::ZERO, sealed_at }
    }

    #[test]
    fn a_seal_is_hashed_as_the_object_that_it_is() {
        let (zero, abc) = ("0".repeat(64), Sum::of(b"abc"));
        let session_id = "01991234-5678-7abc-8def-0123456789ab";
        let of_session = seal(Sealed::Session {
            session_id: session_id.parse().unwrap(),
            last_offset: Offset::new(28),
            log_sha256: abc,
            export_sha256: abc,
            leaves_sha256: abc,
        });
        assert_eq!(
            String::from_utf8(of_session.canonical()).unwrap(),
            format!(
                r#"{{"exportSha256":"{abc}","kind":"session","lastOffset":28,"leavesSha256":"{abc}","logSha256":"{abc}","position":3,"previousSha256":"{zero}","sealedAt":"2026-01-31T12:00:00.120Z","sessionId":"{session_id}"}}"#
            )
        );
        let id: Uuid = session_id.parse().unwrap();
        let of_retention = seal(Sealed::Retention { lower_bound: id, upper_bound: id, sessions: 7 });
        assert_eq!(
            String::from_utf8(of_retention.canonical()).unwrap(),
            format!(
                r#"{{"kind":"retention","lowerBound":"{id}","position":3,"previousSha256":"{zero}","sealedAt":"2026-01-31T12:00:00.120Z","sessions":7,"upperBound":"{id}"}}"#
            )
        );
        assert_eq!(of_session.sha256(), Sum::of(&of_session.canonical()));
    }
}
