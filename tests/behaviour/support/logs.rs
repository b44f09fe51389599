//! What a piece of work said through `tracing`, as its reader would see it.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tracing::{Event, Subscriber, field::Field, instrument::WithSubscriber};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Ears {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("coursestream") {
            return;
        }
        let mut line = Line(metadata.level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.0.push_str(&format!(" {value:?}")),
            name => self.0.push_str(&format!(" {name}={value:?}")),
        }
    }
}

/// Runs `work` and returns, beside its output, every line that the product logged in it: `LEVEL message field=value`.
pub(crate) async fn listening<F: Future>(work: F) -> (F::Output, Vec<String>) {
    let ears = Ears::default();
    let output = work.with_subscriber(tracing_subscriber::registry().with(ears.clone())).await;
    let lines = ears.0.lock().unwrap().clone();
    (output, lines)
}
