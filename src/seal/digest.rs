//! The hashes of one log, event by event: memory grows by the leaves alone.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Sum;
use crate::event::{Event, EventType, Offset, SessionId, format_timestamp};

/// The envelope as RFC 8785 writes it; see the [module](super) for the one exception.
#[must_use]
pub fn canonical(event: &Event) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a> {
        session_id: SessionId,
        offset: Offset,
        #[serde(rename = "type")]
        kind: EventType,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
        timestamp: String,
    }
    let canonical = || {
        let Event { session_id, offset, kind, message, data, timestamp } = event;
        let data = data.as_deref().map(|data| serde_json::from_str(data.get())).transpose()?;
        serde_json_canonicalizer::to_vec(&Envelope {
            session_id: *session_id,
            offset: *offset,
            kind: *kind,
            message,
            data,
            timestamp: format_timestamp(*timestamp),
        })
    };
    canonical().unwrap_or_else(|_| event.line().into_bytes())
}

/// One event's hash, by which it is known wherever in the log it stands.
pub(super) type Leaf = [u8; LEAF_BYTES];

const LEAF_BYTES: usize = 16;

fn leaf(line: &str) -> Leaf {
    // Nothing before it is text of somebody else.
    let content = line.find("\"type\":").map_or(line, |at| &line[at..]);
    let mut leaf = Leaf::default();
    leaf.copy_from_slice(&Sha256::digest(content)[..LEAF_BYTES]);
    leaf
}

/// Hashes a log while it is read.
#[derive(Clone, Default)]
pub struct LogDigest {
    log: Sha256,
    export: Sha256,
    leaves: Leaves,
}

/// What a log is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub log_sha256: Sum,
    pub export_sha256: Sum,
    pub leaves: Leaves,
}

impl LogDigest {
    /// Takes the next event. Offsets ascend.
    pub fn add(&mut self, event: &Event) {
        let line = event.line();
        self.log.update(canonical(event));
        self.log.update(b"\n");
        self.export.update(&line);
        self.export.update(b"\n");
        debug_assert!(event.offset > self.leaves.last_offset(), "offsets ascend");
        self.leaves.0.push((event.offset, leaf(&line)));
    }

    #[must_use]
    pub fn finish(self) -> Fingerprint {
        Fingerprint { log_sha256: self.log.into(), export_sha256: self.export.into(), leaves: self.leaves }
    }
}

/// The leaves of a log's events by their offsets, which ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaves(pub(super) Vec<(Offset, Leaf)>);

/// Offsets without an event for which zeros are kept. A log has none; this keeps a forged offset from filling the memory.
const HOLES_MAX: u64 = 1 << 20;

impl Leaves {
    /// How many events there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The offset of the last event.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.0.last().map_or(Offset::ZERO, |(offset, _)| *offset)
    }

    /// As they are kept: 16 bytes for each offset from 1. `None` where too many offsets have no event.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let last = self.last_offset().get();
        if last - self.0.len() as u64 > HOLES_MAX {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(last).ok()? * LEAF_BYTES];
        for (offset, leaf) in &self.0 {
            let at = usize::try_from(offset.get() - 1).ok()? * LEAF_BYTES;
            bytes[at..at + LEAF_BYTES].copy_from_slice(leaf);
        }
        Some(bytes)
    }

    /// From what is kept. Bytes at the end that are no whole leaf are left out: their hash is not the sealed one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (leaves, _) = bytes.as_chunks::<LEAF_BYTES>();
        let by_offset = (1..).map(Offset::new).zip(leaves.iter().copied());
        Self(by_offset.filter(|(_, leaf)| *leaf != Leaf::default()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use serde_json::value::RawValue;

    use super::*;

    fn event(offset: u64, message: &str, data: Option<&str>) -> Event {
        Event {
            session_id: "01991234-5678-7abc-8def-0123456789ab".parse().unwrap(),
            offset: Offset::new(offset),
            kind: EventType::Log,
            message: message.to_owned(),
            data: data.map(|text| Arc::from(RawValue::from_string(text.to_owned()).unwrap())),
            timestamp: DateTime::from_timestamp_millis(1_769_860_800_120).unwrap(),
        }
    }

    fn canonical_data(data: &str) -> String {
        let text = String::from_utf8(canonical(&event(1, "m", Some(data)))).unwrap();
        let (_, rest) = text.split_once(r#"{"data":"#).unwrap();
        rest.split_once(r#","message":"m","offset":1"#).unwrap().0.to_owned()
    }

    #[test]
    fn the_canonical_envelope_is_rfc_8785s() {
        let data = Some(r#"{ "b" : 1.0, "a" : "\u00e9\/" }"#);
        assert_eq!(
            String::from_utf8(canonical(&event(7, "Half \"way\"\n\u{7f}", data))).unwrap(),
            "{\"data\":{\"a\":\"é/\",\"b\":1},\"message\":\"Half \\\"way\\\"\\n\u{7f}\",\"offset\":7,\
             \"sessionId\":\"01991234-5678-7abc-8def-0123456789ab\",\"timestamp\":\"2026-01-31T12:00:00.120Z\",\"type\":\"log\"}"
        );
        // RFC 8785, section 3.2.2 and 3.2.3.
        for (data, expected) in [
            (
                "[333333333.33333329, 1E30, 4.50, 2e-3, 1e-27, -0, 1e21, 1e-7]",
                "[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1e+21,1e-7]",
            ),
            ("[9007199254740993, 18446744073709551616]", "[9007199254740992,18446744073709552000]"),
            (
                r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
                "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
            ),
            ("null", "null"),
        ] {
            assert_eq!(canonical_data(data), expected);
        }
    }

    #[test]
    fn data_that_is_no_i_json_counts_as_it_is_spelled() {
        for data in ["1e999", r#""\ud800""#] {
            let event = event(1, "m", Some(data));
            assert_eq!(canonical(&event), event.line().into_bytes());
        }
    }

    #[test]
    fn spelling_shows_in_the_export_alone() {
        let digest = |data| {
            let mut digest = LogDigest::default();
            digest.add(&event(1, "m", Some(data)));
            digest.finish()
        };
        let sealed = digest(r#"{"a":1}"#);
        for respelled in [r#"{"a": 1}"#, r#"{"a":1.0}"#, r#"{"a":2,"a":1}"#] {
            let found = digest(respelled);
            assert_eq!(found.log_sha256, sealed.log_sha256, "{respelled}");
            assert_ne!(found.export_sha256, sealed.export_sha256, "{respelled}");
            assert_ne!(found.leaves, sealed.leaves, "{respelled}");
        }
        assert_ne!(digest(r#"{"a":2}"#).log_sha256, sealed.log_sha256);
    }

    #[test]
    fn leaves_are_kept_with_their_holes() {
        let mut digest = LogDigest::default();
        for offset in [1, 2, 5] {
            digest.add(&event(offset, "same", None));
        }
        let leaves = digest.finish().leaves;
        assert_eq!(leaves.0[0].1, leaves.0[2].1, "a leaf knows no offset");
        let bytes = leaves.to_bytes().unwrap();
        assert_eq!(bytes.len(), 5 * LEAF_BYTES);
        assert_eq!(Leaves::from_bytes(&bytes), leaves);
        assert_eq!(Leaves::default().to_bytes().unwrap(), [0; 0]);
        assert!(Leaves(vec![(Offset::new(u64::MAX), [1; LEAF_BYTES])]).to_bytes().is_none());
    }
}
