//! Who read what: the access trail.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object, OpenApi,
    param::Query,
    types::{Any, ToJSON},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Http, errors,
    example::{self, example},
    paging::{self, Cursor},
    reply::Reply,
    timestamp,
};
use crate::{
    auth::policy::Action,
    refused,
    store::{Access, AccessFilter},
    wire::{Identity, Tag, TextParam},
};

const LIST_LIMIT_DEFAULT: u64 = 50;

pub(super) struct AuditApi {
    pub(super) http: Http,
}

/// One read of the history.
#[derive(Object)]
#[oai(example, rename = "Access", rename_all = "camelCase", skip_serializing_if_is_none)]
struct AccessEntry {
    access_id: Uuid,
    /// When it was asked for.
    #[oai(serialize_with = "timestamp::millis")]
    at: DateTime<Utc>,
    /// Who asked; absent while the server runs open.
    principal: Option<String>,
    /// Where the request came from.
    address: Option<String>,
    /// The operation's id in this document; `join_session` where a session was followed by a key, on whatever transport.
    operation: String,
    /// The session that was asked for, where it was one.
    session_id: Option<Uuid>,
    /// The other parameters, as they were given: texts, or lists of texts.
    parameters: Any<Map<String, Value>>,
    /// The status of the answer.
    status: u16,
}

/// Some entries of the access trail, newest first.
#[derive(Object)]
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct AccessesPage {
    items: Vec<AccessEntry>,
    /// Give it as `cursor` to go on; absent at the end.
    next_cursor: Option<String>,
}

example!(AccessEntry {
    "accessId": "0199f7b0-11aa-7d30-8f5b-a1c2d3e4f506",
    "at": "2026-01-31T12:15:00.001Z",
    "address": "192.0.2.7",
    "operation": "getSessionEvents",
    "sessionId": example::SESSION,
    "parameters": {"after": "17", "limit": "100"},
    "status": 200,
});

example!(AccessesPage { "items": [AccessEntry::example().to_json()], "nextCursor": "AAY3xa2sAAABmfeibB57OpxVLx1Oint7" });

#[OpenApi(prefix_path = "/api/v1/audit", tag = "Tag::Audit")]
impl AuditApi {
    /// Who read what, newest first
    ///
    /// Every read of the history through this API: of the list of sessions, of a session, its events, its export, its seal, of
    /// courses, of whether anything was changed, and of this trail; and every session that a key follows over a stream. A read is in
    /// the trail before it is answered. A parameter that was given more than once is a list of all its values.
    #[oai(path = "/access", method = "get", operation_id = "listAccesses")]
    #[allow(clippy::too_many_arguments)]
    async fn access(
        &self,
        identity: Identity,
        /// Only reads of this session.
        #[oai(example = "example::session")]
        session_id: Query<Option<Uuid>>,
        /// Only reads by this principal.
        principal: Query<Option<TextParam>>,
        /// Only reads from this address.
        #[oai(example = "example::address")]
        address: Query<Option<IpAddr>>,
        /// Only reads by this operation: its id in this document, or `join_session`.
        #[oai(example = "example_operation")]
        operation: Query<Option<TextParam>>,
        /// Only reads at this moment or later.
        #[oai(example = "example::moment")]
        after: Query<Option<DateTime<Utc>>>,
        /// Only reads before this moment.
        #[oai(example = "example::moment")]
        before: Query<Option<DateTime<Utc>>>,
        /// At most so many.
        #[oai(default = "list_limit_default", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// `nextCursor` of the page before.
        cursor: Query<Option<Cursor>>,
    ) -> Result<Reply<AccessesPage>, refused![BadRequest]> {
        identity.may_at_all(Action::ReadTrail)?;
        let filter = AccessFilter {
            session_id: session_id.0,
            principal: principal.0.map(|TextParam(principal)| principal),
            address: address.0.map(|address| address.to_canonical()),
            operation: operation.0.map(|TextParam(operation)| operation),
            after: after.0,
            before: before.0,
        };
        let limit = usize::try_from(limit.0).unwrap_or(1);
        let found = self.http.store.list_accesses(&filter, cursor.0.map(|cursor| cursor.id), limit + 1);
        let (found, next_cursor) = paging::cut(found.await.map_err(errors::store)?, limit, |access| Cursor {
            micros: access.at.timestamp_micros(),
            id: access.access_id,
        });
        Ok(Reply::new(&AccessesPage { items: found.into_iter().map(AccessEntry::from).collect(), next_cursor }))
    }
}

fn list_limit_default() -> u64 {
    LIST_LIMIT_DEFAULT
}

#[allow(clippy::unnecessary_wraps, reason = "poem-openapi asks for this form")]
fn example_operation() -> Option<TextParam> {
    Some(TextParam("getSessionEvents".to_owned()))
}

impl From<Access> for AccessEntry {
    fn from(access: Access) -> Self {
        Self {
            access_id: access.access_id,
            at: access.at,
            principal: access.principal,
            address: access.address.map(|address| address.to_string()),
            operation: access.operation,
            session_id: access.session_id,
            parameters: Any(access.parameters),
            status: access.status,
        }
    }
}
