//! Every read through the endpoints for auditors is in the access trail before its answer leaves.
//!
//! An answer waits until its entry is durable: a read that is not in the trail did not get its answer. Entries that arrive
//! while others are being written are written together, so many reads cost one commit. The queue is bounded; where it is full
//! the request waits, and where its entry cannot be written it is answered with 503. What was read and answered with an error is
//! in the trail as well.

use std::{net::IpAddr, sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound, Utc};
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{StatusCode, Uri},
};
use poem_openapi::OperationId;
use serde_json::{Map, Value, map::Entry as Place};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client_address::TrustedProxies;
use crate::{
    store::{Access, Store},
    wire::{AsProblem, ErrorCode, Form, Problem},
};

/// The operations that are recorded, by their ids in the document. One more is one more line.
pub(super) const RECORDED: [&str; 11] = [
    "listSessions",
    "getSession",
    "getSessionEvents",
    "exportSession",
    "listSeals",
    "getSeal",
    "verifySession",
    "verifyHistory",
    "listCourses",
    "getCourse",
    "listAccesses",
];

/// Entries that wait to be written. Beyond it requests wait for a place.
const QUEUE_MAX: usize = 1_024;
/// How long a request waits for its entry.
const PATIENCE: Duration = Duration::from_secs(10);
/// Characters that are kept of a parameter.
const PARAMETER_CHARACTERS_MAX: usize = 500;

/// Who asks, for the trail: whoever lets requests in puts it into their extensions.
#[derive(Clone, Debug)]
pub struct Principal(pub String);

struct Entry {
    access: Access,
    /// Dropped where the entry could not be written.
    written: oneshot::Sender<()>,
}

/// The way into the access trail. Cheap to clone.
#[derive(Clone)]
pub struct Trail {
    queue: mpsc::Sender<Entry>,
    proxies: TrustedProxies,
}

/// Writes the entries.
pub struct Recorder {
    queue: mpsc::Receiver<Entry>,
    store: Store,
}

impl Trail {
    #[must_use]
    pub fn new(store: Store, proxies: TrustedProxies) -> (Self, Recorder) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        (Self { queue: sender, proxies }, Recorder { queue, store })
    }

    /// A trail that leads nowhere: for describing what would be recorded.
    #[must_use]
    pub fn idle() -> Self {
        Self { queue: mpsc::channel(1).0, proxies: TrustedProxies::default() }
    }

    async fn write(&self, access: Access) -> Result<(), Problem> {
        let (written, waiting) = oneshot::channel();
        let write = async {
            self.queue.send(Entry { access, written }).await.ok()?;
            waiting.await.ok()
        };
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(Some(())) => Ok(()),
            Ok(None) | Err(_) => {
                Err(Problem::new(ErrorCode::Unavailable, "the access could not be recorded, so there is no answer"))
            }
        }
    }
}

impl Recorder {
    /// Writes until it is told to stop, and then what is still queued.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut entries = Vec::new();
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut entries, QUEUE_MAX) => {
                    if count == 0 {
                        return;
                    }
                    self.write(&mut entries).await;
                }
                () = stop.cancelled() => break,
            }
        }
        self.queue.close();
        while self.queue.recv_many(&mut entries, QUEUE_MAX).await > 0 {
            self.write(&mut entries).await;
        }
    }

    async fn write(&self, entries: &mut Vec<Entry>) {
        let (accesses, waiting): (Vec<_>, Vec<_>) =
            entries.drain(..).map(|entry| (entry.access, entry.written)).unzip();
        match self.store.insert_accesses(&accesses).await {
            Ok(()) => {
                metrics::counter!("coursestream_accesses_recorded_total").increment(accesses.len() as u64);
                for written in waiting {
                    // A client that has gone is recorded all the same.
                    let _ = written.send(());
                }
            }
            Err(error) => tracing::warn!(%error, accesses = accesses.len(), "accesses could not be recorded"),
        }
    }
}

/// Records what the endpoint answers, where it is an operation for auditors.
pub(super) async fn record<E: Endpoint>(next: Arc<E>, request: Request, trail: Trail) -> poem::Result<Response> {
    let asked = Asked::of(&request, &trail.proxies);
    let answer = next.call(request).await.map(IntoResponse::into_response);
    let (operation, status) = match &answer {
        Ok(response) => (response.data::<OperationId>(), response.status()),
        Err(error) => (error.data::<OperationId>(), error.status()),
    };
    let Some(operation) = operation.filter(|operation| RECORDED.contains(&operation.0)) else { return answer };
    match trail.write(asked.access(operation.0, status)).await {
        Ok(()) => answer,
        Err(problem) => Ok(AsProblem::respond(&problem)),
    }
}

/// What is known of a request before it is carried out.
struct Asked {
    at: DateTime<Utc>,
    uri: Uri,
    principal: Option<String>,
    address: Option<IpAddr>,
}

impl Asked {
    fn of(request: &Request, proxies: &TrustedProxies) -> Self {
        Self {
            at: Utc::now().trunc_subsecs(3),
            uri: request.original_uri().clone(),
            principal: request.extensions().get().map(|Principal(name)| name.clone()),
            address: proxies.client(request),
        }
    }

    fn access(self, operation: &str, status: StatusCode) -> Access {
        let (session_id, parameters) = parameters(&self.uri);
        Access {
            access_id: Access::id_at(self.at),
            at: self.at,
            principal: self.principal,
            address: self.address,
            operation: operation.to_owned(),
            session_id,
            parameters,
            status: status.as_u16(),
        }
    }
}

/// The session that a path names, and all other parameters: `id` for whatever else it names, and the query. What is given more
/// than once is kept in full, since which of the values counts is the operation's affair.
fn parameters(uri: &Uri) -> (Option<Uuid>, Map<String, Value>) {
    let mut parameters = Map::new();
    let mut session_id = None;
    let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty()).skip(2);
    if let (Some(resource), Some(id)) = (segments.next(), segments.next()) {
        session_id = Uuid::try_parse(id).ok().filter(|_| resource == "sessions");
        if session_id.is_none() && resource != "audit" {
            add(&mut parameters, "id", id);
        }
    }
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        // A credential, if one that is soon worth nothing.
        if name != "ticket" {
            add(&mut parameters, &name, &value);
        }
    }
    (session_id, parameters)
}

/// A second value makes a list of them, in the order of the request.
fn add(parameters: &mut Map<String, Value>, name: &str, value: &str) {
    match parameters.entry(kept(name)) {
        Place::Vacant(place) => {
            place.insert(kept(value).into());
        }
        Place::Occupied(mut place) => match place.get_mut() {
            Value::Array(values) => values.push(kept(value).into()),
            first => *first = Value::Array(vec![first.take(), kept(value).into()]),
        },
    }
}

/// The beginning of a name or a value. Postgres' JSON has no NUL.
fn kept(text: &str) -> String {
    text.chars().take(PARAMETER_CHARACTERS_MAX).collect::<String>().replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(uri: &str) -> (Option<String>, Value) {
        let (session_id, found) = parameters(&uri.parse().unwrap());
        (session_id.map(|id| id.to_string()), found.into())
    }

    #[test]
    fn a_session_is_told_from_other_parameters() {
        let session = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
        assert_eq!(
            read(&format!("/api/v1/sessions/{session}/events?after=3&type=log%2Cerror")),
            (Some(session.to_owned()), json!({"after": "3", "type": "log,error"}))
        );
        assert_eq!(read("/api/v1/sessions?topic=%00"), (None, json!({"topic": "\u{fffd}"})));
        assert_eq!(read(&format!("/api/v1/courses/{session}")), (None, json!({"id": session})));
        assert_eq!(read("/api/v1/sessions/x"), (None, json!({"id": "x"})));
        assert_eq!(read(&format!("/api/v1/sessions/{session}/export")), (Some(session.to_owned()), json!({})));
        assert_eq!(
            read(&format!("/api/v1/courses/{session}?id=other&id=third")),
            (None, json!({"id": [session, "other", "third"]}))
        );
        assert_eq!(
            read("/api/v1/sessions?user_id=read&limit=1&user_id=pretended"),
            (None, json!({"user_id": ["read", "pretended"], "limit": "1"}))
        );
        assert_eq!(read("/api/v1/verify?after=2"), (None, json!({"after": "2"})));
        assert_eq!(read("/api/v1/audit/access?limit=2"), (None, json!({"limit": "2"})));
    }

    #[test]
    fn long_values_are_cut() {
        let (_, found) = read(&format!("/api/v1/sessions?topic={}", "x".repeat(5_000)));
        assert_eq!(found["topic"].as_str().unwrap().len(), PARAMETER_CHARACTERS_MAX);
    }
}
