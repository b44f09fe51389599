//! Connection state recovery without state: everything is in the tokens that the client keeps.
//!
//! A client that was given a `pid` remembers the last argument of each event, if it is a string, and sends both when it
//! reconnects. So each event of ours ends with a *cursor*: every session that the socket has joined and how far it was served.
//! A restarted node or another one goes on from it; only the key is shared, through the database.
//!
//! A cursor is a list of *stamps*, one per session, each signed for itself. A stamp depends on the session and the offset
//! alone, so an event's stamp is made once and goes to all who follow the session. What the signatures are worth: nobody makes
//! a stamp for a session that he was not served. What they are not: leave to join. Recovering joins the sessions anew, with
//! every check that a join has.

use std::{fmt::Write, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Map, Value};
use sha2::Sha256;
use uuid::Uuid;

use crate::event::{Offset, SessionId};

/// A `pid` is taken for so long after it was issued. An older one starts afresh, with a new `pid`.
const PID_AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Node clocks differ.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// A cursor that lists more sessions than may be joined is not one of ours.
const STAMPS_MAX: usize = super::super::pump::SESSIONS_MAX;
/// 96 bits: a guess takes a request.
const TAG_BYTES: usize = 12;
/// Neither is in base64's alphabet, neither is escaped in JSON.
const FIELD: char = '.';
const NEXT: char = '~';

/// Where a socket stands in each session.
pub type Positions = Vec<(SessionId, Offset)>;

/// Signs tokens, and knows its own again. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    /// With the key worked in already: two blocks per signature are left.
    mac: Hmac<Sha256>,
}

/// What a client that connects may go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Where it stood. Its `pid` stays, which tells it that it need not join again.
    Recovered { pid: String, positions: Positions },
    /// Nothing that it could be held to. It gets this `pid`, and is expected to join. `hints` is where it stood, where its
    /// tokens are authentic and only too old: a join that names no offset goes on from there.
    Fresh { pid: String, hints: Positions },
}

impl Keys {
    /// # Panics
    ///
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn new(secret: &SecretSlice<u8>) -> Self {
        Self { mac: Hmac::new_from_slice(secret.expose_secret()).expect("HMAC takes keys of any length") }
    }

    /// `purpose` keeps the signature of one kind of token from being one of another's.
    fn sign(&self, purpose: u8, id: Uuid, number: u64) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&[purpose]);
        mac.update(id.as_bytes());
        mac.update(&number.to_be_bytes());
        mac
    }

    fn tag(&self, purpose: u8, id: Uuid, number: u64) -> String {
        BASE64.encode(&self.sign(purpose, id, number).finalize().into_bytes()[..TAG_BYTES])
    }

    fn is_authentic(&self, tag: &str, purpose: u8, id: Uuid, number: u64) -> bool {
        // Compared in constant time.
        BASE64.decode(tag).is_ok_and(|tag| {
            tag.len() == TAG_BYTES && self.sign(purpose, id, number).verify_truncated_left(&tag).is_ok()
        })
    }

    /// The stamp of one session: it was served up to this offset.
    #[must_use]
    pub fn stamp(&self, session_id: SessionId, offset: Offset) -> String {
        let id = session_id.as_uuid();
        let mut stamp = BASE64.encode(id.as_bytes());
        let _ = write!(stamp, "{FIELD}{offset}{FIELD}{}", self.tag(b's', id, offset.get()));
        stamp
    }

    fn read_stamp(&self, stamp: &str) -> Option<(SessionId, Offset)> {
        let (id, rest) = stamp.split_once(FIELD)?;
        let (offset, tag) = rest.split_once(FIELD)?;
        let id = Uuid::from_slice(&BASE64.decode(id).ok()?).ok()?;
        let offset: u64 = offset.parse().ok()?;
        self.is_authentic(tag, b's', id, offset).then_some((SessionId::from_uuid(id), Offset::new(offset)))
    }

    /// `None` unless every stamp is authentic.
    fn read_cursor(&self, cursor: &str) -> Option<Positions> {
        if cursor.split(NEXT).nth(STAMPS_MAX).is_some() {
            return None;
        }
        cursor.split(NEXT).map(|stamp| self.read_stamp(stamp)).collect()
    }

    /// Its id holds the time of issue.
    fn issue_pid(&self, now: DateTime<Utc>) -> String {
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()));
        format!("{}{FIELD}{}", BASE64.encode(id.as_bytes()), self.tag(b'p', id, 0))
    }

    /// When an authentic `pid` was issued.
    fn read_pid(&self, pid: &str) -> Option<DateTime<Utc>> {
        let (id, tag) = pid.split_once(FIELD)?;
        let id = Uuid::from_slice(&BASE64.decode(id).ok()?).ok()?;
        let (seconds, nanos) = id.get_timestamp()?.to_unix();
        let issued = DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)?;
        self.is_authentic(tag, b'p', id, 0).then_some(issued)
    }

    /// What the client's `auth` is worth. Nothing in it is an error: what is not ours counts for nothing.
    #[must_use]
    pub fn claim(&self, auth: &Map<String, Value>, now: DateTime<Utc>) -> Claim {
        let text = |field: &str| auth.get(field).and_then(Value::as_str);
        let pid = text("pid").and_then(|pid| Some((pid, self.read_pid(pid)?)));
        let positions = text("offset").and_then(|cursor| self.read_cursor(cursor));
        match (pid, positions) {
            // A client without a cursor has nothing to go on from. It may have asked for a join that was lost with the
            // connection, so it must not be told that it was recovered.
            (Some((pid, issued)), Some(positions)) if is_fresh(issued, now) => {
                Claim::Recovered { pid: pid.to_owned(), positions }
            }
            (Some(_), Some(hints)) => Claim::Fresh { pid: self.issue_pid(now), hints },
            (_, _) => Claim::Fresh { pid: self.issue_pid(now), hints: Positions::new() },
        }
    }
}

fn is_fresh(issued: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    issued <= now + CLOCK_SKEW_MAX && now <= issued + PID_AGE_MAX
}

/// Appends the cursor that these stamps make.
pub fn write_cursor<'a>(stamps: impl Iterator<Item = &'a str>, text: &mut String) {
    for (index, stamp) in stamps.enumerate() {
        if index > 0 {
            text.push(NEXT);
        }
        text.push_str(stamp);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(secret: u8) -> Keys {
        Keys::new(&vec![secret; 32].into())
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn positions() -> Positions {
        (1..4).map(|n| (SessionId::generate(), Offset::new(n * 17))).collect()
    }

    fn cursor(keys: &Keys, positions: &Positions) -> String {
        let stamps: Vec<String> = positions.iter().map(|(id, offset)| keys.stamp(*id, *offset)).collect();
        let mut text = String::new();
        write_cursor(stamps.iter().map(String::as_str), &mut text);
        text
    }

    fn auth(pid: &str, offset: &str) -> Map<String, Value> {
        let auth = serde_json::json!({"pid": pid, "offset": offset, "token": "the user's own"});
        auth.as_object().unwrap().clone()
    }

    fn hints(claim: Claim) -> Option<Positions> {
        match claim {
            Claim::Fresh { hints, .. } => Some(hints),
            Claim::Recovered { .. } => None,
        }
    }

    #[test]
    fn a_client_that_comes_back_is_recovered_by_any_node_with_the_key() {
        let positions = positions();
        let pid = keys(1).issue_pid(now());
        let auth = auth(&pid, &cursor(&keys(1), &positions));
        assert_eq!(keys(1).claim(&auth, now() + PID_AGE_MAX), Claim::Recovered { pid, positions });
    }

    #[test]
    fn with_another_key_nothing_is_known() {
        let auth = auth(&keys(1).issue_pid(now()), &cursor(&keys(1), &positions()));
        assert_eq!(hints(keys(2).claim(&auth, now())), Some(vec![]));
    }

    #[test]
    fn an_old_pid_starts_afresh_and_its_cursor_is_a_hint() {
        let positions = positions();
        let auth = auth(&keys(1).issue_pid(now()), &cursor(&keys(1), &positions));
        let later = now() + PID_AGE_MAX + Duration::from_secs(1);
        assert_eq!(hints(keys(1).claim(&auth, later)), Some(positions));
    }

    #[test]
    fn a_pid_without_a_cursor_starts_afresh() {
        let pid = keys(1).issue_pid(now());
        for offset in ["", "~", "AAAA", "x.1.y"] {
            assert_eq!(hints(keys(1).claim(&auth(&pid, offset), now())), Some(vec![]), "{offset:?}");
        }
        let mut only_pid = auth(&pid, "");
        only_pid.remove("offset");
        assert_eq!(hints(keys(1).claim(&only_pid, now())), Some(vec![]));
    }

    #[test]
    fn a_forged_pid_brings_nothing_even_with_an_authentic_cursor() {
        let cursor = cursor(&keys(1), &positions());
        for pid in ["", "x", "forged.pid", &keys(2).issue_pid(now())] {
            assert_eq!(hints(keys(1).claim(&auth(pid, &cursor), now())), Some(vec![]), "{pid:?}");
        }
    }

    #[test]
    fn a_stamp_is_no_pid() {
        let id = Uuid::now_v7();
        let as_pid = format!("{}.{}", BASE64.encode(id.as_bytes()), keys(1).tag(b's', id, 0));
        assert_eq!(keys(1).read_pid(&as_pid), None);
    }

    #[test]
    fn a_cursor_of_too_many_sessions_is_not_ours() {
        let stamp = keys(1).stamp(SessionId::generate(), Offset::new(1));
        assert!(keys(1).read_cursor(&vec![stamp.as_str(); STAMPS_MAX].join("~")).is_some());
        assert!(keys(1).read_cursor(&vec![stamp.as_str(); STAMPS_MAX + 1].join("~")).is_none());
    }

    proptest! {
        #[test]
        fn no_changed_stamp_is_authentic(at in 0_usize..45, byte in proptest::char::range('-', 'z')) {
            let stamp = keys(1).stamp(SessionId::generate(), Offset::new(123));
            let mut changed: Vec<char> = stamp.chars().collect();
            let at = at % changed.len();
            prop_assume!(changed[at] != byte);
            changed[at] = byte;
            let changed: String = changed.into_iter().collect();
            prop_assert_eq!(keys(1).read_stamp(&changed), None);
        }

        #[test]
        fn no_auth_is_too_strange(pid in ".{0,60}", offset in "[A-Za-z0-9._~-]{0,120}") {
            prop_assert_eq!(hints(keys(1).claim(&auth(&pid, &offset), now())), Some(vec![]));
        }
    }
}
