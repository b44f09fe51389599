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
    payload::Payload,
    registry::{MetaSchema, MetaSchemaRef},
};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{Gauge, Outgoing, Pump, Push};
use crate::{
    refused,
    store::Transport,
    wire::{ErrorCode, IdParam, Join, OffsetParam, Problem, ServerEvent, Tag, parse_offset},
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
}

type Refusal = refused![BadRequest, OffsetAhead, SessionNotFound, SessionExpired];

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
        id: Path<IdParam>,
        /// The last-seen offset.
        #[oai(name = "lastSeenOffset")]
        last_seen_offset: Query<Option<OffsetParam>>,
        /// The last-seen offset, as browsers send it; wins over the query.
        #[oai(name = "Last-Event-ID", example = "example_offset")]
        last_event_id: Header<Option<String>>,
    ) -> Result<StreamAnswer, Refusal> {
        let session_id = id.session()?;
        let last_seen = match last_event_id.0.filter(|text| !text.is_empty()) {
            Some(text) => {
                Some(parse_offset(&text).ok_or_else(|| Problem::bad("Last-Event-ID: must be a whole number from 0"))?)
            }
            None => last_seen_offset.0.map(|OffsetParam(offset)| offset),
        };
        Ok(self.follow(Join { session_id, last_seen }).await?)
    }
}

impl SseApi {
    async fn follow(&self, join: Join) -> Result<StreamAnswer, Problem> {
        let mut pump = self.push.pump(Transport::Sse);
        let status = match pump.join(join).await {
            Ok(status) => status,
            Err(ServerEvent::Error { code, message, .. }) => return Err(refusal(code, message)),
            Err(ServerEvent::Status { .. }) => unreachable!("a refusal is an error"),
        };
        let is_ended = matches!(&status, ServerEvent::Status { status, last_offset, .. }
            if status.is_ended() && join.last_seen == Some(*last_offset));
        if is_ended {
            return Ok(StreamAnswer::Over);
        }
        let events = events(pump, status.sse().into(), self.push.shutdown.clone());
        Ok(StreamAnswer::Events(EventStream(Body::from_bytes_stream(events))))
    }
}

fn example_offset() -> Option<String> {
    Some("17".to_owned())
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

/// What a follower is told besides is that the log cannot be read at the moment: the problem of everybody.
fn refusal(code: ErrorCode, detail: String) -> Problem {
    match code {
        ErrorCode::BadRequest | ErrorCode::OffsetAhead | ErrorCode::SessionNotFound | ErrorCode::SessionExpired => {
            Problem::new(code, detail)
        }
        _ => Problem::new(ErrorCode::Unavailable, detail),
    }
}
