//! A model server that keeps account of what was paid for, and is not always well.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::support::{
    answers::{completion, course, refusal, step, topic},
    model::Model,
    scripted::Reply,
};

/// Usable answers that were given, by topic and step.
#[derive(Default)]
pub(super) struct Ledger(Mutex<HashMap<String, HashMap<String, u64>>>);

impl Ledger {
    pub(super) async fn serve(self: Arc<Self>) -> Model {
        Model::start(move |asked| {
            let ledger = Arc::clone(&self);
            async move {
                // Not of the faults' seed: the order in which requests come is chance anyway.
                let (pause, mood) = (rand::random_range(50..500), rand::random_range(0..20));
                tokio::time::sleep(Duration::from_millis(pause)).await;
                match mood {
                    0 => refusal(503, "overloaded"),
                    1 => completion("as a language model, I would rather not"),
                    2 => Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"cho".to_vec()),
                    _ => {
                        let mut paid = ledger.0.lock().unwrap();
                        *paid.entry(topic(&asked)).or_default().entry(step(&asked)).or_default() += 1;
                        course(&asked)
                    }
                }
            }
        })
        .await
    }

    /// How many steps of a topic were answered, and how many answers came on top of the first of each.
    pub(super) fn paid(&self, topic: &str) -> (u64, u64) {
        let paid = self.0.lock().unwrap();
        let steps = paid.get(topic);
        let answers: u64 = steps.map_or(0, |steps| steps.values().sum());
        let distinct = steps.map_or(0, HashMap::len) as u64;
        (distinct, answers - distinct)
    }
}
