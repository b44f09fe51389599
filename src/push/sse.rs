//! Server-sent events: `GET /api/v1/sessions/{id}/stream`.
//!
//! `id` is the offset, so a browser's `EventSource` resumes by itself; the stream ends after the terminal event, and a
//! reconnection after that is answered with 204, which makes it stop (WHATWG HTML, section 9.2.3).

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use poem::{Body, IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::{Json, Payload},
    registry::{MetaSchema, MetaSchemaRef},
};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{Gauge, Outgoing, Pump, Push};
use crate::{
    event::{Offset, SessionId},
    wire::{ErrorCode, Join, Problem, ServerEvent, Tag},
};

const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// A body of server-sent events.
pub struct EventStream(Body);

impl Payload for EventStream {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            // nginx would hold events back otherwise.
            .header("x-accel-buffering", "no")
            .body(self.0)
    }
}

#[derive(ApiResponse)]
pub enum StreamAnswer {
    /// The events behind the last-seen offset, and the live ones after them.
    #[oai(status = 200)]
    Events(EventStream),
    /// The session has ended and the client has all of it: an `EventSource` stops here.
    #[oai(status = 204)]
    Over,
    /// A parameter is not valid, or the offset is beyond the end of the log.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// There is no such session.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The session has expired; its events are in the history.
    #[oai(status = 410, content_type = "application/problem+json")]
    Expired(Json<Problem>),
    /// The log cannot be read at the moment.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

pub struct SseApi {
    pub push: Push,
}

#[OpenApi(prefix_path = "/api/v1")]
impl SseApi {
    /// Follow a session as server-sent events
    ///
    /// Each event's `id` is its offset, `event` the name of the real-time event, `data` its payload. Starts behind
    /// `Last-Event-ID`, or `lastSeenOffset` where that header is absent, or from the start. A comment every 15 s keeps the
    /// connection open. Ends after the terminal event.
    #[oai(path = "/sessions/:id/stream", method = "get", operation_id = "streamSession", tag = "Tag::Sessions")]
    async fn stream(
        &self,
        /// The session.
        id: Path<String>,
        /// The last-seen offset.
        #[oai(name = "lastSeenOffset")]
        last_seen_offset: Query<Option<String>>,
        /// The last-seen offset, as browsers send it; wins over the query.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
    ) -> StreamAnswer {
        let Ok(session_id) = id.0.parse::<SessionId>() else {
            return refuse(ErrorCode::SessionNotFound, "there is no such session");
        };
        let (name, text) = match (last_event_id.0, last_seen_offset.0) {
            (Some(text), _) if !text.is_empty() => ("Last-Event-ID", Some(text)),
            (_, text) => ("lastSeenOffset", text),
        };
        let last_seen = match text.as_deref().map(read_offset) {
            None => None,
            Some(Some(last_seen)) => Some(last_seen),
            Some(None) => return refuse(ErrorCode::BadRequest, &format!("{name}: must be a whole number from 0")),
        };
        self.follow(Join { session_id, last_seen }).await
    }
}

impl SseApi {
    async fn follow(&self, join: Join) -> StreamAnswer {
        let mut pump = Pump::new(self.push.feed.clone());
        let status = match pump.join(join).await {
            Ok(status) => status,
            Err(ServerEvent::Error { code, message, .. }) => return refuse(code, &message),
            Err(ServerEvent::Status { .. }) => unreachable!("a refusal is an error"),
        };
        let is_ended = matches!(&status, ServerEvent::Status { status, last_offset, .. }
            if status.is_ended() && join.last_seen == Some(*last_offset));
        if is_ended {
            return StreamAnswer::Over;
        }
        let events = events(pump, status.sse().into(), self.push.shutdown.clone());
        StreamAnswer::Events(EventStream(Body::from_bytes_stream(events)))
    }
}

/// Digits alone: an offset is what this server wrote, and it writes no sign.
fn read_offset(text: &str) -> Option<Offset> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).map(Offset::new)
}

struct Following {
    pump: Pump,
    first: Option<Bytes>,
    heartbeat: Interval,
    shutdown: CancellationToken,
    is_over: bool,
    _gauge: Gauge,
}

/// Pulled by the connection as fast as the peer takes it.
fn events(
    pump: Pump,
    first: Bytes,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let mut heartbeat = tokio::time::interval(HEARTBEAT_EVERY);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let following =
        Following { pump, first: Some(first), heartbeat, shutdown, is_over: false, _gauge: Gauge::new("sse") };
    stream::unfold(following, |mut following| async move {
        let bytes = following.next().await?;
        Some((Ok(bytes), following))
    })
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        tokio::select! {
            () = self.shutdown.cancelled() => None,
            _ = self.heartbeat.tick() => Some(Bytes::from_static(b": still here\n\n")),
            delivery = self.pump.next() => {
                self.heartbeat.reset();
                let mut bytes = Vec::new();
                for item in &delivery.items {
                    match item {
                        Outgoing::Frame(frame) => {
                            self.is_over |= frame.is_terminal();
                            bytes.extend_from_slice(frame.sse());
                        }
                        Outgoing::Event(event) => bytes.extend_from_slice(event.sse().as_bytes()),
                    }
                }
                Some(bytes.into())
            }
        }
    }
}

fn refuse(code: ErrorCode, detail: &str) -> StreamAnswer {
    let problem = Json(Problem::new(code, detail));
    match code {
        ErrorCode::SessionNotFound | ErrorCode::NotFound => StreamAnswer::NotFound(problem),
        ErrorCode::SessionExpired => StreamAnswer::Expired(problem),
        ErrorCode::BadRequest | ErrorCode::OffsetAhead => StreamAnswer::BadRequest(problem),
        ErrorCode::Unauthorized
        | ErrorCode::Forbidden
        | ErrorCode::TooManySessions
        | ErrorCode::Internal
        | ErrorCode::NotSealed
        | ErrorCode::SessionEnded
        | ErrorCode::IdempotencyKeyReused
        | ErrorCode::MethodNotAllowed
        | ErrorCode::PayloadTooLarge
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::Unavailable => StreamAnswer::Unavailable(Json(Problem::new(ErrorCode::Unavailable, detail))),
    }
}
