//! A session's whole log as a file.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, stream};
use poem::{Body, IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};

use super::{Http, errors, example, vocabulary::ExportFormat};
use crate::{
    auth::policy::Action,
    event::{Draft, Event, EventType, Offset, SessionId},
    feed::JoinError,
    refused,
    store::{Store, StoreError},
    wire::{ErrorCode, ExportForm, IdParam, Identity, OffsetParam, Problem, Tag},
};

/// Events that are read and sent at a time.
const PAGE: usize = 500;
/// Where the export ends, so that a client knows whether it has it whole.
pub(crate) const LAST_OFFSET: &str = "coursestream-last-offset";

pub(super) struct ExportApi {
    pub(super) http: Http,
}

#[OpenApi(prefix_path = "/api/v1/sessions", tag = "Tag::Audit")]
impl ExportApi {
    /// A session's whole log, streamed
    ///
    /// Events behind `after` up to the end that the log has when the export begins (`Coursestream-Last-Offset`); of a running session
    /// that is what there is by then. The same before and after the session expires.
    ///
    /// `ndjson` is the log itself: one envelope a line, as on the wire; its SHA-256 is the seal's `exportSha256`. `csv` (RFC 4180) is
    /// for spreadsheets: a message or a datum that begins with `=`, `+`, `-`, `@`, a tab, a carriage return or an apostrophe has
    /// an apostrophe in front of it, so that it is no formula.
    ///
    /// A connection that breaks breaks the body; it is resumed with the last offset that arrived whole as `after`. The parts
    /// together are the file: CSV has its line of column names only where `after` is 0.
    #[oai(path = "/:id/export", method = "get", operation_id = "exportSession")]
    async fn export(
        &self,
        identity: Identity,
        /// The session.
        id: Path<IdParam>,
        /// The form.
        #[oai(default = "format_default")]
        format: Query<ExportFormat>,
        /// Events behind this offset; 0 for the start.
        #[oai(default)]
        after: Query<OffsetParam>,
    ) -> Result<Download, refused![BadRequest, OffsetAhead, SessionNotFound]> {
        identity.may_at_all(Action::ExportSession)?;
        let session_id = id.session()?;
        let (form, OffsetParam(after)) = (ExportForm::from(format.0), after.0);
        let store = &self.http.store;
        let head = store.find_head(session_id).await.map_err(errors::store)?;
        identity.may_touch(Action::ExportSession, head.map(|head| head.user_id))?;
        let last = head.ok_or_else(Problem::no_session)?.last_offset;
        if after > last {
            let ahead = JoinError::OffsetAhead { asked: after, last }.to_string();
            let detail = ahead.replacen("lastSeenOffset", "after", 1);
            return Err(Problem::new(ErrorCode::OffsetAhead, detail).into());
        }
        let mut pages = Pages { store: store.clone(), session_id, cursor: after, last, is_over: false };
        // The first page here: what fails now is still a problem and not a broken body.
        let first = pages.next().await.map_err(errors::store)?.unwrap_or_default();
        let mut start = if after == Offset::ZERO { form.head() } else { Vec::new() };
        start.extend(form.render(&first));
        let body = Body::from_bytes_stream(body(pages, start.into(), form));
        Ok(Download { session_id, form, after, last, body })
    }
}

fn format_default() -> ExportFormat {
    ExportFormat::Ndjson
}

fn example_event() -> Event {
    let message = "Checking what is asked for".to_owned();
    Draft { kind: EventType::Log, message, data: None }.commit(
        SessionId::from_uuid(example::session().unwrap_or_default()),
        Offset::new(2),
        example::moment().unwrap_or_default(),
    )
}

/// Reads the log on, as fast as its reader takes it.
struct Pages {
    store: Store,
    session_id: SessionId,
    cursor: Offset,
    last: Offset,
    is_over: bool,
}

impl Pages {
    /// The next events; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Event>>, StoreError> {
        if self.is_over || self.cursor >= self.last {
            return Ok(None);
        }
        let mut page = self.store.read_after(self.session_id, self.cursor, PAGE).await?;
        page.events.retain(|event| event.offset <= self.last);
        match page.events.last() {
            Some(event) => self.cursor = event.offset,
            None => self.is_over = true,
        }
        // A log that ends too early is as it is where its session is still there; else it was dropped meanwhile.
        if self.is_over && self.store.find_head(self.session_id).await?.is_none() {
            return Err(StoreError::Unknown("the session was dropped while its log was exported".to_owned()));
        }
        Ok((!self.is_over).then_some(page.events))
    }
}

/// What fails breaks the body off: no reader takes a part of the log for the whole.
fn body(pages: Pages, start: Bytes, form: ExportForm) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((pages, Some(start)), move |(mut pages, start)| async move {
        if let Some(start) = start {
            return Ok(Some((start, (pages, None))));
        }
        match pages.next().await {
            Ok(events) => Ok(events.map(|events| (form.render(&events).into(), (pages, None)))),
            Err(error) => {
                tracing::warn!(session.id = %pages.session_id, event.offset = pages.cursor.get(), %error,
                    "an export broke off");
                break_off()
            }
        }
    })
}

/// Ends the connection at once. Why not an error out of the stream: poem's server polls a connection once more after it has failed, and
/// hyper then ends the body in order. So the task of the connection unwinds, without a word on stderr.
fn break_off() -> ! {
    std::panic::resume_unwind(Box::new("the log cannot be read on"))
}

/// A log as a file.
pub(super) struct Download {
    session_id: SessionId,
    form: ExportForm,
    after: Offset,
    last: Offset,
    body: Body,
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let (session_id, ending) = (self.session_id, self.form.as_str());
        let part = if self.after == Offset::ZERO { String::new() } else { format!("-after-{}", self.after) };
        Response::builder()
            .content_type(self.form.content_type())
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{session_id}{part}.{ending}\""))
            .header(header::CACHE_CONTROL, "no-store")
            .header(LAST_OFFSET, self.last.to_string())
            // nginx would collect the file before it sends any of it.
            .header("x-accel-buffering", "no")
            .body(self.body)
    }
}

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let media = |form: ExportForm| {
            let example = [form.head(), form.render(&[example_event()])].concat();
            let example = Some(String::from_utf8_lossy(&example).into());
            MetaMediaType {
                content_type: form.content_type(),
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema { example, ..MetaSchema::new("string") })),
            }
        };
        let header = |name: &str, description: &str, schema| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: true,
            deprecated: false,
            schema,
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The log.",
                status: Some(200),
                status_range: None,
                content: vec![media(ExportForm::Ndjson), media(ExportForm::Csv)],
                headers: vec![
                    header("Content-Disposition", "The name of the file.", String::schema_ref()),
                    header(
                        "Coursestream-Last-Offset",
                        "The offset of the last event of this export.",
                        u64::schema_ref(),
                    ),
                ],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
