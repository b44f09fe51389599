//! Seals, and whether what is kept is what was sealed.

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    registry::MetaSchema,
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Http, errors,
    example::{self, example},
    reply::Reply,
    timestamp,
    vocabulary::{SealKind, TamperingKind},
};
use crate::{
    auth::policy::Action,
    event::SessionId,
    refused,
    seal::{self, Change, Difference, Sealed, Sum, Tampering},
    store::{SealedWhen, StoreError, Verified},
    wire::{ErrorCode, IdParam, Identity, Problem, Tag, param_type},
};

const LIMIT_DEFAULT: u64 = 500;

pub(super) struct SealsApi {
    pub(super) http: Http,
}

/// A link of the chain of seals. `sha256` is the SHA-256 of the object without that member, as RFC 8785 writes it. All hashes are 64
/// hexadecimal digits.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct Seal {
    /// Place in the chain: 1, 2, 3 … with no holes.
    position: u64,
    kind: SealKind,
    /// Whose log it is.
    session_id: Option<Uuid>,
    /// The offset of the log's last event.
    last_offset: Option<u64>,
    /// Of the envelopes in order, each as RFC 8785 writes it and followed by a line feed.
    log_sha256: Option<Hash>,
    /// Of the NDJSON export.
    export_sha256: Option<Hash>,
    /// Of the leaves, by which a check tells where a log was changed: for each offset the first 16 bytes of the SHA-256 of the
    /// event's NDJSON line from its `"type"` on.
    leaves_sha256: Option<Hash>,
    /// Of dropped history: the lowest id of a session that it can have had.
    lower_bound: Option<Uuid>,
    /// Of dropped history: the lowest id behind it.
    upper_bound: Option<Uuid>,
    /// Of dropped history: how many sealed sessions it had.
    sessions: Option<u64>,
    /// `sha256` of the link before; zeros for the first.
    previous_sha256: Hash,
    /// When the seal was made.
    #[oai(serialize_with = "timestamp::millis")]
    sealed_at: DateTime<Utc>,
    /// Of the seal itself.
    sha256: Hash,
}

/// Some links of the chain, in its order.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct SealsPage {
    items: Vec<Seal>,
    /// Give it as `after` to go on; absent at the end.
    next_after: Option<u64>,
}

/// The end of the chain. Whoever keeps it can ask later, with `head`, whether the chain still has it.
#[derive(Object)]
#[oai(example)]
struct Head {
    /// 0 before anything was sealed.
    position: u64,
    /// Of the last link; zeros before anything was sealed.
    sha256: Hash,
}

/// Something that is not as it was sealed.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct Finding {
    what: TamperingKind,
    /// Whose log or seal it is about.
    session_id: Option<Uuid>,
    /// Of the seal in the chain.
    position: Option<u64>,
    /// Of events: the first that it is about.
    first_offset: Option<u64>,
    /// Of events: the last that it is about.
    last_offset: Option<u64>,
    /// Of moved events: where the first of them is now.
    moved_to: Option<u64>,
    /// Of a session's row: the columns that are not what its log says.
    columns: Option<Vec<String>>,
    /// Of a course: which.
    course_id: Option<Uuid>,
    /// The same in words.
    detail: String,
}

/// Whether a session is as it was sealed.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
struct SessionVerification {
    session_id: Uuid,
    /// Nothing was found. Where `dropped` is true, of the seal alone.
    intact: bool,
    /// The history was dropped at the end of its retention, as the chain says.
    dropped: bool,
    /// Events that were read.
    events: u64,
    findings: Vec<Finding>,
}

/// What was checked of the chain, and what is not as it was sealed.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct Verification {
    /// Nothing was found on this page.
    intact: bool,
    findings: Vec<Finding>,
    /// Links of the chain that were checked.
    seals: u64,
    /// Logs that were held against their seals.
    sessions: u64,
    /// Events that were read.
    events: u64,
    /// Sessions whose history was dropped at the end of its retention, as the chain says.
    dropped: u64,
    /// Ended sessions that have no seal yet, counted up to 10,000.
    unsealed: u64,
    head: Head,
    /// Give it as `after` to go on; absent at the end.
    next_after: Option<u64>,
}

/// A SHA-256.
#[derive(Debug)]
struct Hash(Sum);

param_type!(
    Hash,
    "string(sha256)",
    MetaSchema {
        min_length: Some(64),
        max_length: Some(64),
        pattern: Some("^[0-9a-f]{64}$".to_owned()),
        ..MetaSchema::new("string")
    }
);

impl ToJSON for Hash {
    fn to_json(&self) -> Option<Value> {
        Some(json!(self.0.to_string()))
    }
}

impl ParseFromJSON for Hash {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let sum = value.as_ref().and_then(Value::as_str).unwrap_or_default().parse();
        sum.map(Self).map_err(ParseError::custom)
    }
}

/// A SHA-256 that somebody kept, in whatever case.
#[derive(Debug)]
struct KeptHash(Sum);

param_type!(
    KeptHash,
    "string(kept-sha256)",
    MetaSchema {
        min_length: Some(64),
        max_length: Some(64),
        pattern: Some("^[0-9A-Fa-f]{64}$".to_owned()),
        example: Some(json!(SEAL)),
        ..MetaSchema::new("string")
    }
);

impl ParseFromParameter for KeptHash {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        value.parse().map(Self).map_err(ParseError::custom)
    }
}

const SEAL: &str = "9f2c4f0d6a1b8e37c5d09a64f1e2b7837d40c9156ab2e8f30471d5c98e6b0a12";
const SEAL_BEFORE: &str = "27ab90e14cd3f6580b1e7d92a4c6358fe0719b2d84f35ca6d1e80b794c2f6a35";

example!(Seal {
    "position": 1_204,
    "kind": "session",
    "sessionId": example::SESSION,
    "lastOffset": 42,
    "logSha256": "c81d37e5a9402f6bd03e91c7f458ab260d7fe3914c85b6a2709de1f34b58c06a",
    "exportSha256": "5e0b92d4c7813fa6e2d5901b4f6c38a7b1e9d0724a83fc65d2907b1e8c4f53d6",
    "leavesSha256": "d13f68a0b5e9274c8f1d03b76ea5c94270d8f31be64a9c0572db8e16f3a4907c",
    "previousSha256": SEAL_BEFORE,
    "sealedAt": "2026-01-31T12:01:08.501Z",
    "sha256": SEAL,
});

example!(SealsPage { "items": [Seal::example().to_json()], "nextAfter": 1_204 });

example!(Head { "position": 1_204, "sha256": SEAL });

example!(Finding {
    "what": "events_altered",
    "sessionId": example::SESSION,
    "position": 1_204,
    "firstOffset": 17,
    "lastOffset": 18,
    "detail": format!("session {} (seal 1204): offsets 17 to 18 were altered", example::SESSION),
});

example!(SessionVerification {
    "sessionId": example::SESSION,
    "intact": false,
    "dropped": false,
    "events": 42,
    "findings": [Finding::example().to_json()],
});

example!(Verification {
    "intact": false,
    "findings": [Finding::example().to_json()],
    "seals": 500,
    "sessions": 498,
    "events": 20_916,
    "dropped": 0,
    "unsealed": 1,
    "head": Head::example().to_json(),
    "nextAfter": 1_500,
});

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Audit")]
impl SealsApi {
    /// The chain of seals
    ///
    /// From its beginning on, links behind `after`: what is sealed while somebody turns the pages stands at the end. Each link's
    /// `previousSha256` is the `sha256` of the one before it. The seals of history that was dropped at the end of its retention stay,
    /// and a link of the kind `retention` tells of it.
    #[oai(path = "/seals", method = "get", operation_id = "listSeals")]
    async fn seals(
        &self,
        identity: Identity,
        /// `nextAfter` of the page before: a position in the chain.
        #[oai(default, validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        after: Query<u64>,
        /// At most so many seals.
        #[oai(default = "limit_default", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
    ) -> Result<Reply<SealsPage>, refused![BadRequest]> {
        identity.may_at_all(Action::CheckSeals)?;
        let limit = usize::try_from(limit.0).unwrap_or(1);
        let mut found = self.http.store.list_seals(after.0, limit + 1).await.map_err(errors::store)?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next_after = found.last().map(|(seal, _)| seal.position).filter(|_| has_more);
        let items = found.iter().map(|(seal, sha256)| Seal::new(seal, *sha256)).collect();
        Ok(Reply::new(&SealsPage { items, next_after }))
    }

    /// A session's seal
    ///
    /// Ended sessions get their seals within seconds. A seal outlives its session's history.
    #[oai(path = "/sessions/:id/seal", method = "get", operation_id = "getSeal")]
    async fn seal(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
    ) -> Result<Reply<Seal>, refused![SessionNotFound, NotSealed]> {
        identity.may_at_all(Action::CheckSeals)?;
        let session_id = id.session()?;
        let found = self.http.store.find_seal(session_id).await.map_err(errors::store)?;
        match found {
            Some((seal, sha256)) => Ok(Reply::new(&Seal::new(&seal, sha256))),
            None => Err(self.no_seal(session_id).await.into()),
        }
    }

    /// Whether a session is as it was sealed
    ///
    /// Recomputes the hashes of its log and of its seal, and names what was altered, moved, removed or inserted. A log that is as it
    /// was sealed is then what the session's row and its courses are held against.
    #[oai(path = "/sessions/:id/verify", method = "get", operation_id = "verifySession")]
    async fn verify_session(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
    ) -> Result<Reply<SessionVerification>, refused![SessionNotFound, NotSealed]> {
        identity.may_at_all(Action::CheckSeals)?;
        let session_id = id.session()?;
        let found = self.http.store.verify_session(session_id).await.map_err(errors::store)?;
        let Some(verified) = found else { return Err(self.no_seal(session_id).await.into()) };
        Ok(Reply::new(&SessionVerification {
            session_id: session_id.as_uuid(),
            intact: verified.findings.is_empty(),
            dropped: verified.dropped > 0,
            events: verified.events,
            findings: verified.findings.iter().map(Finding::from).collect(),
        }))
    }

    /// Whether the history is as it was sealed
    ///
    /// Checks the chain of seals, the logs that they seal, and what sessions and courses tell against the logs, a page at a time: a
    /// page ends after `limit` seals, or sooner where it has read many events. Follow `nextAfter` to the end: what is missing there shows on the last page.
    #[oai(path = "/verify", method = "get", operation_id = "verifyHistory")]
    async fn verify(
        &self,
        identity: Identity,
        /// Only what was sealed at this moment or later.
        #[oai(example = "example::moment")]
        from: Query<Option<DateTime<Utc>>>,
        /// Only what was sealed before this moment.
        #[oai(example = "example::an_hour_later")]
        to: Query<Option<DateTime<Utc>>>,
        /// `nextAfter` of the page before: a position in the chain.
        // Up to what JSON's numbers hold exactly (RFC 8259, section 6): 2^53 - 1.
        #[oai(default, validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        after: Query<u64>,
        /// At most so many seals.
        #[oai(default = "limit_default", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// The `sha256` of a head that was kept earlier: is it still in the chain?
        head: Query<Option<KeptHash>>,
    ) -> Result<Reply<Verification>, refused![BadRequest]> {
        identity.may_at_all(Action::CheckSeals)?;
        let kept = head.0.map(|KeptHash(sum)| sum);
        let when = SealedWhen { from: from.0, to: to.0 };
        // Of nothing that was checked it would be said that it is intact.
        if matches!((when.from, when.to), (Some(from), Some(to)) if from >= to) {
            return Err(Problem::new(ErrorCode::BadRequest, "from: must be before to").into());
        }
        let limit = usize::try_from(limit.0).unwrap_or(1);
        Ok(Reply::new(&self.page(after.0, when, limit, kept).await.map_err(errors::store)?))
    }
}

impl SealsApi {
    async fn page(
        &self,
        after: u64,
        when: SealedWhen,
        limit: usize,
        kept: Option<Sum>,
    ) -> Result<Verification, StoreError> {
        let store = &self.http.store;
        let mut verified = store.verify_after(after, when, limit).await?;
        if let Some(sha256) = kept
            && !store.chain_has(sha256).await?
        {
            let what = Tampering::HeadUnknown { sha256 };
            verified.findings.push(seal::Finding { session_id: None, position: None, what });
        }
        let Verified { findings, seals, sessions, events, dropped, next_after } = verified;
        let unsealed = store.seal_backlog().await?.sessions;
        let head = store.chain_head().await?;
        Ok(Verification {
            intact: findings.is_empty(),
            findings: findings.iter().map(Finding::from).collect(),
            seals,
            sessions,
            events,
            dropped,
            unsealed,
            head: Head { position: head.position, sha256: Hash(head.sha256) },
            next_after,
        })
    }

    /// Why there is no seal.
    async fn no_seal(&self, session_id: SessionId) -> Problem {
        match self.http.store.find_head(session_id).await {
            Ok(Some(head)) if head.phase.is_ended() => {
                Problem::new(ErrorCode::NotSealed, "the session has ended and will be sealed within seconds")
            }
            Ok(Some(_)) => Problem::new(ErrorCode::NotSealed, "the session has not ended, and is sealed when it has"),
            Ok(None) => Problem::no_session(),
            Err(error) => errors::store(error),
        }
    }
}

fn limit_default() -> u64 {
    LIMIT_DEFAULT
}

impl Seal {
    fn new(seal: &seal::Seal, sha256: Sum) -> Self {
        let mut link = Self {
            position: seal.position,
            kind: SealKind::from(&seal.what),
            session_id: None,
            last_offset: None,
            log_sha256: None,
            export_sha256: None,
            leaves_sha256: None,
            lower_bound: None,
            upper_bound: None,
            sessions: None,
            previous_sha256: Hash(seal.previous_sha256),
            sealed_at: seal.sealed_at,
            sha256: Hash(sha256),
        };
        match seal.what {
            Sealed::Session { session_id, last_offset, log_sha256, export_sha256, leaves_sha256 } => {
                link.session_id = Some(session_id.as_uuid());
                link.last_offset = Some(last_offset.get());
                [link.log_sha256, link.export_sha256, link.leaves_sha256] =
                    [log_sha256, export_sha256, leaves_sha256].map(|sum| Some(Hash(sum)));
            }
            Sealed::Retention { lower_bound, upper_bound, sessions } => {
                [link.lower_bound, link.upper_bound] = [lower_bound, upper_bound].map(Some);
                link.sessions = Some(sessions);
            }
        }
        link
    }
}

impl From<&seal::Finding> for Finding {
    fn from(finding: &seal::Finding) -> Self {
        let (first, last, moved_to) = match finding.what {
            Tampering::Events(Difference { first, last, change }) => {
                let to = if let Change::Moved { to } = change { Some(to) } else { None };
                (Some(first), Some(last), to)
            }
            _ => (None, None, None),
        };
        let columns = match &finding.what {
            Tampering::SessionAltered { columns } => Some(columns.iter().map(ToString::to_string).collect()),
            _ => None,
        };
        let course_id = match finding.what {
            Tampering::CourseAltered { course_id }
            | Tampering::CourseRemoved { course_id }
            | Tampering::CourseInserted { course_id } => Some(course_id),
            _ => None,
        };
        Self {
            what: TamperingKind::from(&finding.what),
            session_id: finding.session_id.map(|session_id| session_id.as_uuid()),
            position: finding.position,
            first_offset: first.map(|offset| offset.get()),
            last_offset: last.map(|offset| offset.get()),
            moved_to: moved_to.map(|offset| offset.get()),
            columns,
            course_id,
            detail: finding.to_string(),
        }
    }
}
