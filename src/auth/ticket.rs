//! Tickets: short-lived leave to open the stream of one session, for a browser's `EventSource`, which cannot set headers.
//! Pure.
//!
//! A ticket stands in a URL, and URLs end up in histories and logs: so it opens one session, to the one who asked for it, for
//! a minute or so, and can be traded for nothing else. It is signed by a key that all nodes share. Whoever it was issued to
//! is judged again when it is used: a key may have been revoked since.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use uuid::Uuid;

use super::{AuthError, Granted, Principal, Role, Roles, keys::KeyId};
use crate::event::SessionId;

const VERSION: u8 = 1;
const PAYLOAD_BYTES: usize = 51;
const TAG_BYTES: usize = 32;

/// Issues tickets, and knows its own again. Cheap to clone.
#[derive(Clone)]
pub struct Tickets {
    mac: Hmac<Sha256>,
    /// How long a ticket can be used.
    pub ttl: Duration,
}

impl Tickets {
    /// # Panics
    ///
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn new(secret: &SecretSlice<u8>, ttl: Duration) -> Self {
        Self { mac: Hmac::new_from_slice(secret.expose_secret()).expect("HMAC takes keys of any length"), ttl }
    }

    fn sign(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        // Keeps a ticket's signature from being one of anything else.
        mac.update(b"ticket");
        mac.update(payload);
        mac
    }

    /// A ticket for this caller and this session, and when it runs out.
    #[must_use]
    pub fn issue(&self, granted: &Granted, session_id: SessionId, now: DateTime<Utc>) -> (String, DateTime<Utc>) {
        let expires = now + TimeDelta::from_std(self.ttl).unwrap_or_default();
        let expires = granted.until.map_or(expires, |until| until.min(expires));
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES + TAG_BYTES);
        bytes.push(VERSION);
        let (kind, id, roles) = match &granted.principal {
            Principal::Open => (0, Uuid::nil(), 0),
            Principal::User(user_id) => (1, *user_id, 0),
            Principal::Key(id, roles) => (2, widen(*id), bits(*roles)),
            // Opens no session for reading, so neither does its ticket.
            Principal::Writer(_) => (3, Uuid::nil(), 0),
        };
        bytes.push(kind);
        bytes.push(roles);
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(session_id.as_uuid().as_bytes());
        bytes.extend_from_slice(&expires.timestamp().to_be_bytes());
        bytes.extend_from_slice(&granted.until.map_or(0, |until| until.timestamp()).to_be_bytes());
        let tag = self.sign(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        (BASE64.encode(&bytes), expires)
    }

    /// Whom a ticket was issued to, where it is ours, of this session and not run out.
    ///
    /// # Errors
    ///
    /// [`AuthError::Expired`] where it has run out, [`AuthError::Invalid`] for everything else.
    pub fn redeem(&self, ticket: &str, session_id: SessionId, now: DateTime<Utc>) -> Result<Granted, AuthError> {
        if ticket.len() > 4 * (PAYLOAD_BYTES + TAG_BYTES) / 3 + 4 {
            return Err(AuthError::Invalid);
        }
        let bytes = BASE64.decode(ticket).map_err(|_| AuthError::Invalid)?;
        let (payload, tag) = bytes.split_at_checked(PAYLOAD_BYTES).ok_or(AuthError::Invalid)?;
        // Compared in constant time, before anything in it is believed.
        self.sign(payload).verify_slice(tag).map_err(|_| AuthError::Invalid)?;
        let read = Payload::read(payload).ok_or(AuthError::Invalid)?;
        if read.session_id != session_id {
            return Err(AuthError::Invalid);
        }
        if read.expires <= now {
            return Err(AuthError::Expired);
        }
        Ok(Granted { principal: read.principal, until: read.until })
    }
}

struct Payload {
    principal: Principal,
    session_id: SessionId,
    expires: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Payload {
    fn read(payload: &[u8]) -> Option<Self> {
        let (head, rest) = payload.split_at_checked(3)?;
        let (id, rest) = rest.split_at_checked(16)?;
        let (session_id, rest) = rest.split_at_checked(16)?;
        let (expires, until) = rest.split_at_checked(8)?;
        let (id, session_id) = (Uuid::from_slice(id).ok()?, Uuid::from_slice(session_id).ok()?);
        let principal = match head {
            [VERSION, 0, _] => Principal::Open,
            [VERSION, 1, _] => Principal::User(id),
            [VERSION, 2, roles] => Principal::Key(narrow(id), roles_of(*roles)),
            _ => return None,
        };
        let time = |bytes: &[u8]| DateTime::from_timestamp(i64::from_be_bytes(bytes.try_into().ok()?), 0);
        let until = time(until)?;
        Some(Self {
            principal,
            session_id: SessionId::from_uuid(session_id),
            expires: time(expires)?,
            until: (until.timestamp() != 0).then_some(until),
        })
    }
}

fn widen(id: KeyId) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(id.as_bytes());
    Uuid::from_bytes(bytes)
}

fn narrow(id: Uuid) -> KeyId {
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&id.as_bytes()[..6]);
    KeyId::from_bytes(bytes)
}

fn bits(roles: Roles) -> u8 {
    Role::ALL.into_iter().enumerate().fold(0, |bits, (place, role)| bits | u8::from(roles.has(role)) << place)
}

fn roles_of(bits: u8) -> Roles {
    Role::ALL.into_iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1).map(|(_, role)| role).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tickets(secret: u8) -> Tickets {
        Tickets::new(&vec![secret; 32].into(), Duration::from_secs(60))
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn user(until: Option<DateTime<Utc>>) -> Granted {
        Granted { principal: Principal::User(Uuid::from_u128(7)), until }
    }

    #[test]
    fn a_ticket_is_its_owners_for_its_session_and_its_time() {
        let session_id = SessionId::generate();
        let roles: Roles = [Role::Auditor, Role::Operator].into_iter().collect();
        for principal in [
            Principal::Open,
            Principal::User(Uuid::from_u128(7)),
            Principal::Key(KeyId::from_bytes([1, 2, 3, 4, 5, 6]), roles),
        ] {
            let granted = Granted { principal, until: Some(now() + TimeDelta::hours(1)) };
            let (ticket, expires) = tickets(1).issue(&granted, session_id, now());
            assert_eq!(expires, now() + TimeDelta::seconds(60));
            assert_eq!(tickets(1).redeem(&ticket, session_id, now()), Ok(granted));
            assert_eq!(tickets(1).redeem(&ticket, session_id, expires), Err(AuthError::Expired));
            assert_eq!(tickets(1).redeem(&ticket, SessionId::generate(), now()), Err(AuthError::Invalid));
            assert_eq!(tickets(2).redeem(&ticket, session_id, now()), Err(AuthError::Invalid));
        }
    }

    #[test]
    fn a_ticket_does_not_outlive_the_token_that_it_was_bought_with() {
        let until = now() + TimeDelta::seconds(5);
        let (_, expires) = tickets(1).issue(&user(Some(until)), SessionId::generate(), now());
        assert_eq!(expires, until);
    }

    proptest! {
        #[test]
        fn no_changed_ticket_is_ours(at in 0_usize..111, with in proptest::char::range('-', 'z')) {
            let session_id = SessionId::generate();
            let (ticket, _) = tickets(1).issue(&user(None), session_id, now());
            let mut changed: Vec<char> = ticket.chars().collect();
            let at = at % changed.len();
            prop_assume!(changed[at] != with);
            changed[at] = with;
            let changed: String = changed.into_iter().collect();
            prop_assert_eq!(tickets(1).redeem(&changed, session_id, now()), Err(AuthError::Invalid));
        }

        #[test]
        fn no_text_is_too_strange(text in "[A-Za-z0-9_-]{0,120}.{0,40}") {
            prop_assert_eq!(tickets(1).redeem(&text, SessionId::generate(), now()), Err(AuthError::Invalid));
        }
    }
}
