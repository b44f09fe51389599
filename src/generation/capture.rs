//! What is logged inside a run becomes part of that run's log, and of no other.
//!
//! A `tracing` layer looks at every event: one that happens inside a run's span goes into that run's queue, as a
//! `log` message. The run itself appends what was captured, in order with its own events.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::event::{Draft, EventType, SessionId};

/// The name of the span that a run works in; its field `session.id` says whose it is.
pub(super) const RUN_SPAN: &str = "run";
/// Only what this service says is captured; libraries talk about themselves.
const OWN_TARGET: &str = "coursestream";
/// Lines that wait for the run to append them. A run that falls so far behind loses the oldest, and says so.
const LINES_MAX: usize = 1_000;

/// The runs of this node whose spans are listened to. Cheap to clone.
#[derive(Clone, Default)]
pub struct Captures {
    queues: Arc<Mutex<HashMap<SessionId, Arc<Queue>>>>,
}

#[derive(Default)]
struct Queue {
    lines: Mutex<(VecDeque<Draft>, usize)>,
    news: Notify,
}

/// A run's captured lines. Capturing ends when it is dropped.
pub struct Capture {
    session_id: SessionId,
    captures: Captures,
    queue: Arc<Queue>,
}

impl Captures {
    /// The layer that captures; one for the whole process.
    #[must_use]
    pub fn layer(&self) -> CaptureLayer {
        CaptureLayer { captures: self.clone() }
    }

    /// Captures what happens in spans that are made for the session from now on.
    #[must_use]
    pub fn begin(&self, session_id: SessionId) -> Capture {
        let queue = Arc::new(Queue::default());
        self.queues().insert(session_id, queue.clone());
        Capture { session_id, captures: self.clone(), queue }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Capture {
    /// Takes what was captured so far.
    #[must_use]
    pub fn take(&self) -> Vec<Draft> {
        let (lines, lost) = std::mem::take(&mut *self.queue.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let mut drafts = Vec::with_capacity(lines.len() + 1);
        if lost > 0 {
            drafts.push(Draft::new(EventType::Log, format!("{lost} log lines are left out")));
        }
        drafts.extend(lines);
        drafts
    }

    /// Waits until something was captured.
    pub async fn news(&self) {
        self.queue.news.notified().await;
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let mut queues = self.captures.queues();
        if queues.get(&self.session_id).is_some_and(|queue| Arc::ptr_eq(queue, &self.queue)) {
            queues.remove(&self.session_id);
        }
    }
}

impl Queue {
    fn push(&self, line: Draft) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.0.len() >= LINES_MAX {
            lines.0.pop_front();
            lines.1 += 1;
        }
        lines.0.push_back(line);
        drop(lines);
        self.news.notify_one();
    }
}

/// See [`Captures::layer`].
pub struct CaptureLayer {
    captures: Captures,
}

impl<S> Layer<S> for CaptureLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if attributes.metadata().name() != RUN_SPAN {
            return;
        }
        let mut session = SessionField(None);
        attributes.record(&mut session);
        let queue = session.0.and_then(|session_id| self.captures.queues().get(&session_id).cloned());
        if let (Some(queue), Some(span)) = (queue, context.span(id)) {
            span.extensions_mut().insert(queue);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > tracing::Level::INFO || !metadata.target().starts_with(OWN_TARGET) {
            return;
        }
        let queue = context
            .event_scope(event)
            .and_then(|mut scope| scope.find_map(|span| span.extensions().get::<Arc<Queue>>().cloned()));
        if let Some(queue) = queue {
            let mut line = Line::default();
            event.record(&mut line);
            queue.push(line.into_draft(*metadata.level()));
        }
    }
}

struct SessionField(Option<SessionId>);

impl Visit for SessionField {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "session.id" {
            self.0 = format!("{value:?}").parse().ok();
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    fn into_draft(self, level: tracing::Level) -> Draft {
        // Postgres text has no NUL.
        let message = self.message.replace('\0', "\u{fffd}");
        let level = level.as_str().to_lowercase();
        let data = if self.fields.is_empty() {
            json!({"level": level})
        } else {
            json!({"level": level, "fields": self.fields})
        };
        Draft::new(EventType::Log, message).with_data(&data)
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
        } else {
            self.fields.insert(field.name().to_owned(), value.replace('\0', "\u{fffd}").into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn run_span(session_id: SessionId) -> tracing::Span {
        tracing::info_span!("run", session.id = %session_id)
    }

    #[test]
    fn a_line_goes_to_the_run_whose_span_it_is_in() {
        let captures = Captures::default();
        let subscriber = tracing_subscriber::registry().with(captures.layer());
        tracing::subscriber::with_default(subscriber, || {
            let (one, other) = (SessionId::generate(), SessionId::generate());
            let (first, second) = (captures.begin(one), captures.begin(other));
            tracing::info!("outside");
            run_span(one).in_scope(|| {
                tracing::info!("in the first");
                tracing::info_span!("deeper").in_scope(|| tracing::warn!(retry = 2, "deep in the first"));
                tracing::debug!("too quiet");
            });
            run_span(other).in_scope(|| tracing::info!("in the second"));
            let messages =
                |capture: &Capture| -> Vec<String> { capture.take().into_iter().map(|draft| draft.message).collect() };
            assert_eq!(messages(&first), ["in the first", "deep in the first"]);
            assert_eq!(messages(&second), ["in the second"]);
        });
    }

    #[test]
    fn too_many_lines_are_counted_not_kept() {
        let queue = Queue::default();
        for _ in 0..LINES_MAX + 5 {
            queue.push(Draft::new(EventType::Log, "x"));
        }
        let session_id = SessionId::generate();
        let capture = Capture { session_id, captures: Captures::default(), queue: Arc::new(queue) };
        let lines = capture.take();
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(lines[0].message, "5 log lines are left out");
    }
}
