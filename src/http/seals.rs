//! Seals, and whether what is kept is what was sealed.

use chrono::{DateTime, Utc};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::{Http, errors, timestamp};
use crate::{
    event::SessionId,
    seal::{self, Change, Difference, Sealed, Sum, Tampering},
    store::{SealedWhen, StoreError, Verified},
    wire::{ErrorCode, Problem, Tag},
};

const LIMIT_DEFAULT: u64 = 500;

pub(super) struct SealsApi {
    pub(super) http: Http,
}

/// A link of the chain of seals. `sha256` is the SHA-256 of the object without that member, as RFC 8785 writes it. All hashes are 64
/// hexadecimal digits.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct Seal {
    /// Place in the chain: 1, 2, 3 … with no holes.
    position: u64,
    /// `session`.
    kind: String,
    session_id: Option<Uuid>,
    /// The offset of the log's last event.
    last_offset: Option<u64>,
    /// Of the envelopes in order, each as RFC 8785 writes it and followed by a line feed.
    log_sha256: Option<String>,
    /// Of the NDJSON export.
    export_sha256: Option<String>,
    /// Of the leaves, by which a check tells where a log was changed: for each offset the first 16 bytes of the SHA-256 of the
    /// event's NDJSON line from its `"type"` on.
    leaves_sha256: Option<String>,
    /// `sha256` of the link before; zeros for the first.
    previous_sha256: String,
    #[oai(serialize_with = "timestamp::millis")]
    sealed_at: DateTime<Utc>,
    sha256: String,
}

/// The end of the chain. Whoever keeps it can ask later, with `head`, whether the chain still has it.
#[derive(Object)]
struct Head {
    /// 0 before anything was sealed.
    position: u64,
    sha256: String,
}

/// Something that is not as it was sealed.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct Finding {
    /// `events_altered`, `events_removed`, `events_inserted`, `events_moved`, `log_altered` (where is not known), `log_removed`,
    /// `log_unreadable`, `session_removed`, `partition_removed`, `leaves_altered`, `leaves_removed`, `seal_altered`, `chain_broken`,
    /// `seals_removed`, `seal_removed` or `head_unknown`.
    what: String,
    session_id: Option<Uuid>,
    /// Of the seal in the chain.
    position: Option<u64>,
    /// Of events: the first that it is about.
    first_offset: Option<u64>,
    /// Of events: the last that it is about.
    last_offset: Option<u64>,
    /// Of moved events: where the first of them is now.
    moved_to: Option<u64>,
    /// The same in words.
    detail: String,
}

/// Whether a session is as it was sealed.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
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
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
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

#[derive(ApiResponse)]
enum Refusal {
    /// A parameter is not valid.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[derive(ApiResponse)]
enum SessionRefusal {
    /// There is no such session (`session_not_found`), or it has no seal yet (`not_sealed`).
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let refusal = match problem.status {
            400 => Self::BadRequest,
            503 => Self::Unavailable,
            _ => Self::Internal,
        };
        refusal(Json(problem))
    }
}

impl From<Problem> for SessionRefusal {
    fn from(problem: Problem) -> Self {
        let refusal = match problem.status {
            404 => Self::NotFound,
            503 => Self::Unavailable,
            _ => Self::Internal,
        };
        refusal(Json(problem))
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Audit")]
impl SealsApi {
    /// A session's seal
    ///
    /// Ended sessions get their seals within seconds. A seal outlives its session's history.
    #[oai(path = "/sessions/:id/seal", method = "get", operation_id = "getSeal")]
    async fn seal(
        &self,
        /// The session.
        id: Path<String>,
    ) -> Result<Json<Seal>, SessionRefusal> {
        let session_id = id.0.parse().map_err(|_| errors::no_session())?;
        let found = self.http.store.find_seal(session_id).await.map_err(|error| errors::store(&error))?;
        match found {
            Some((seal, sha256)) => Ok(Json(Seal::new(&seal, sha256))),
            None => Err(self.no_seal(session_id).await.into()),
        }
    }

    /// Whether a session is as it was sealed
    ///
    /// Recomputes the hashes of its log and of its seal, and names what was altered, moved, removed or inserted.
    #[oai(path = "/sessions/:id/verify", method = "get", operation_id = "verifySession")]
    async fn verify_session(
        &self,
        /// The session.
        id: Path<String>,
    ) -> Result<Json<SessionVerification>, SessionRefusal> {
        let session_id: SessionId = id.0.parse().map_err(|_| errors::no_session())?;
        let found = self.http.store.verify_session(session_id).await.map_err(|error| errors::store(&error))?;
        let Some(verified) = found else { return Err(self.no_seal(session_id).await.into()) };
        Ok(Json(SessionVerification {
            session_id: session_id.as_uuid(),
            intact: verified.findings.is_empty(),
            dropped: verified.dropped > 0,
            events: verified.events,
            findings: verified.findings.iter().map(Finding::from).collect(),
        }))
    }

    /// Whether the history is as it was sealed
    ///
    /// Checks the chain of seals and the logs that they seal, a page at a time: a page ends after `limit` seals, or sooner where it
    /// has read many events. Follow `nextAfter` to the end: what is missing there shows on the last page.
    #[oai(path = "/verify", method = "get", operation_id = "verifyHistory")]
    async fn verify(
        &self,
        /// Only what was sealed at this moment or later.
        from: Query<Option<DateTime<Utc>>>,
        /// Only what was sealed before this moment.
        to: Query<Option<DateTime<Utc>>>,
        /// `nextAfter` of the page before: a position in the chain.
        #[oai(default, validator(maximum(value = "9223372036854775807")))]
        after: Query<u64>,
        /// At most so many seals.
        #[oai(default = "limit_default", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// The `sha256` of a head that was kept earlier: is it still in the chain?
        head: Query<Option<String>>,
    ) -> Result<Json<Verification>, Refusal> {
        let kept: Option<Sum> = head
            .0
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: seal::NotASum| Problem::new(ErrorCode::BadRequest, format!("head: {error}")))?;
        let when = SealedWhen { from: from.0, to: to.0 };
        let limit = usize::try_from(limit.0).unwrap_or(1);
        let page = self.page(after.0, when, limit, kept).await;
        Ok(Json(page.map_err(|error| errors::store(&error))?))
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
            head: Head { position: head.position, sha256: head.sha256.to_string() },
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
            Ok(None) => errors::no_session(),
            Err(error) => errors::store(&error),
        }
    }
}

fn limit_default() -> u64 {
    LIMIT_DEFAULT
}

impl Seal {
    fn new(seal: &seal::Seal, sha256: Sum) -> Self {
        let (mut session, mut offset, mut sums) = (None, None, [None, None, None]);
        if let Sealed::Session { session_id, last_offset, log_sha256, export_sha256, leaves_sha256 } = seal.what {
            (session, offset) = (Some(session_id.as_uuid()), Some(last_offset.get()));
            sums = [log_sha256, export_sha256, leaves_sha256].map(|sum| Some(sum.to_string()));
        }
        let [log_sha256, export_sha256, leaves_sha256] = sums;
        Self {
            position: seal.position,
            kind: "session".to_owned(),
            session_id: session,
            last_offset: offset,
            log_sha256,
            export_sha256,
            leaves_sha256,
            previous_sha256: seal.previous_sha256.to_string(),
            sealed_at: seal.sealed_at,
            sha256: sha256.to_string(),
        }
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
        Self {
            what: finding.what.as_str().to_owned(),
            session_id: finding.session_id.map(|session_id| session_id.as_uuid()),
            position: finding.position,
            first_offset: first.map(|offset| offset.get()),
            last_offset: last.map(|offset| offset.get()),
            moved_to: moved_to.map(|offset| offset.get()),
            detail: finding.to_string(),
        }
    }
}
