//! A client of the server-sent events, such as `EventSource` is, but one that can be cut.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use super::{api::Api, service::PATIENCE, socket::Received};

/// Where a client says that it goes on from.
#[derive(Clone, Copy, Default)]
pub struct Resume<'a> {
    pub last_event_id: Option<&'a str>,
    pub last_seen_offset: Option<&'a str>,
}

impl<'a> Resume<'a> {
    pub fn header(last_event_id: &'a str) -> Self {
        Self { last_event_id: Some(last_event_id), last_seen_offset: None }
    }

    pub fn query(last_seen_offset: &'a str) -> Self {
        Self { last_event_id: None, last_seen_offset: Some(last_seen_offset) }
    }
}

/// An open stream. Dropping it cuts the connection.
pub struct Sse {
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    unread: Vec<u8>,
    /// What `EventSource` would send as `Last-Event-ID`.
    pub last_event_id: Option<String>,
}

/// Asks for a session's stream; the answer may be a refusal.
pub async fn ask(api: &Api, session: &str, resume: Resume<'_>) -> Response {
    request(&api.http, &api.url(""), session, resume).send().await.unwrap()
}

fn request(http: &Client, base_url: &str, session: &str, resume: Resume<'_>) -> RequestBuilder {
    let mut url = Url::parse(&format!("{base_url}/api/v1/sessions/{session}/stream")).unwrap();
    if let Some(offset) = resume.last_seen_offset {
        url.query_pairs_mut().append_pair("lastSeenOffset", offset);
    }
    let request = http.get(url);
    match resume.last_event_id {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    }
}

impl Sse {
    pub async fn open(api: &Api, session: &str, resume: Resume<'_>) -> Self {
        Self::of(ask(api, session, resume).await, resume)
    }

    /// From a base URL where perhaps nobody answers: `None` then, and where the node is not able to.
    pub async fn try_open(http: &Client, base_url: &str, session: &str, resume: Resume<'_>) -> Option<Self> {
        let response = request(http, base_url, session, resume).send().await.ok()?;
        (response.status() != StatusCode::SERVICE_UNAVAILABLE).then(|| Self::of(response, resume))
    }

    fn of(response: Response, resume: Resume<'_>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: Box::pin(response.bytes_stream()),
            unread: Vec::new(),
            last_event_id: resume.last_event_id.map(str::to_owned),
        }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Received> {
        self.try_next().await.expect("the stream is not cut")
    }

    /// The same where the stream may be cut.
    pub async fn try_next(&mut self) -> reqwest::Result<Option<Received>> {
        // What was looked through and holds no end of an event.
        let mut searched = 0;
        loop {
            if let Some(at) = self.unread[searched..].windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..searched + at + 2).collect();
                searched = 0;
                if let Some(event) = self.read(std::str::from_utf8(&block).unwrap()) {
                    return Ok(Some(event));
                }
                continue;
            }
            searched = self.unread.len().saturating_sub(1);
            let more = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("something comes");
            match more {
                Some(bytes) => self.unread.extend_from_slice(&bytes?),
                None => {
                    assert!(self.unread.is_empty(), "the stream ends between two events");
                    return Ok(None);
                }
            }
        }
    }

    /// One block of fields (WHATWG HTML, section 9.2.6); `None` for a comment.
    fn read(&mut self, block: &str) -> Option<Received> {
        let (mut id, mut event, mut data) = (None, None, None);
        for line in block.lines().filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(": ").expect("a field and its value");
            let place = match field {
                "id" => &mut id,
                "event" => &mut event,
                "data" => &mut data,
                "" => continue,
                _ => panic!("unknown field: {line}"),
            };
            assert!(place.replace(value.to_owned()).is_none(), "twice in one event: {line}");
        }
        let received = Received { event: event?, data: serde_json::from_str::<Value>(&data?).unwrap() };
        let offset = received.offset().map(|offset| offset.to_string());
        assert_eq!(id, offset, "the id is the offset, and only events of the log have one");
        self.last_event_id = id.or(self.last_event_id.take());
        Some(received)
    }

    /// The next event, which must be of this name.
    pub async fn expect(&mut self, event: &str) -> Value {
        let received = self.next().await.expect("the stream goes on");
        assert_eq!(received.event, event, "{}", received.data);
        received.data
    }

    /// The events of the log up to the end of the stream, in the order in which they come.
    pub async fn until_end(&mut self) -> Vec<Received> {
        let mut received = Vec::new();
        while let Some(event) = self.next().await {
            if event.offset().is_some() {
                received.push(event);
            }
        }
        received
    }
}
