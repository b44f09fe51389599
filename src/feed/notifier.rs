//! Tells other nodes which sessions moved.
//!
//! Apart from the appends: a NOTIFY in their transaction would make every commit wait for every other (invariant 5).
//! What moves while one statement is under way goes with the next. Payload: `m<node>;<session>:<offset>,…`, under 8,000 bytes
//! (the limit of NOTIFY).
//!
//! The channel has a name that only nodes know: any login of the database may send on a channel and listen to it, analysts too.
//!
//! What a receiver must tolerate: payloads that are lost, doubled, late, out of order, or about sessions it does not follow.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Shared;
use crate::event::{Offset, SessionId};

const PAYLOAD_BYTES_MAX: usize = 7_900;

/// Sessions that moved since the last statement.
#[derive(Default)]
pub(super) struct Gathered {
    moved: Mutex<HashMap<SessionId, Offset>>,
    news: Notify,
}

impl Gathered {
    pub(super) fn add(&self, moved: impl Iterator<Item = (SessionId, Offset)>) {
        let mut gathered = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        for (session_id, last) in moved {
            let known = gathered.entry(session_id).or_default();
            *known = last.max(*known);
        }
        drop(gathered);
        self.news.notify_one();
    }

    fn take(&self) -> HashMap<SessionId, Offset> {
        std::mem::take(&mut self.moved.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) async fn run(shared: &Shared, stop: CancellationToken) {
    loop {
        let is_last = tokio::select! {
            () = shared.notifier.news.notified() => false,
            () = stop.cancelled() => true,
        };
        let moved = shared.notifier.take();
        if !moved.is_empty()
            && let Err(error) = shared.store.notify(&shared.channel, &payloads(shared.node, &moved)).await
        {
            // Other nodes find what moved in their sweep.
            tracing::warn!(%error, "other nodes could not be told which sessions moved");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if is_last {
            return;
        }
    }
}

fn payloads(node: Uuid, moved: &HashMap<SessionId, Offset>) -> Vec<String> {
    let start = || format!("m{};", node.simple());
    let mut payloads = vec![start()];
    for (session_id, last) in moved {
        let entry = format!("{}:{last},", session_id.as_uuid().simple());
        if payloads.last().is_none_or(|payload| payload.len() + entry.len() > PAYLOAD_BYTES_MAX) {
            payloads.push(start());
        }
        if let Some(payload) = payloads.last_mut() {
            let _ = payload.write_str(&entry);
        }
    }
    payloads
}

/// What came over the channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Moved { node: Uuid, sessions: Vec<(SessionId, Offset)> },
    Probe { node: Uuid, number: u64 },
}

pub(super) fn probe(node: Uuid, number: u64) -> String {
    format!("p{};{number}", node.simple())
}

/// `None` for what this version does not know: newer nodes may share the channel.
pub(super) fn parse(payload: &str) -> Option<Heard> {
    let (head, body) = payload.split_once(';')?;
    let node = Uuid::try_parse(head.get(1..)?).ok()?;
    match head.as_bytes().first()? {
        b'm' => {
            let sessions = body
                .split_terminator(',')
                .map(|entry| {
                    let (id, offset) = entry.split_once(':')?;
                    Some((id.parse().ok()?, Offset::new(offset.parse().ok()?)))
                })
                .collect::<Option<_>>()?;
            Some(Heard::Moved { node, sessions })
        }
        b'p' => Some(Heard::Probe { node, number: body.parse().ok()? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn payloads_are_short_and_say_it_all(offsets in prop::collection::vec(1u64..u64::MAX, 0..900)) {
            let node = Uuid::new_v4();
            let moved: HashMap<SessionId, Offset> =
                offsets.into_iter().map(|offset| (SessionId::generate(), Offset::new(offset))).collect();
            let mut heard = HashMap::new();
            for payload in payloads(node, &moved) {
                prop_assert!(payload.len() < 8_000);
                let Some(Heard::Moved { node: from, sessions }) = parse(&payload) else {
                    return Err(TestCaseError::fail("did not parse"));
                };
                prop_assert_eq!(from, node);
                heard.extend(sessions);
            }
            prop_assert_eq!(heard, moved);
        }

        #[test]
        fn nonsense_is_ignored(payload in ".*") {
            let _ = parse(&payload);
        }
    }

    #[test]
    fn a_probe_comes_back() {
        let node = Uuid::new_v4();
        assert_eq!(parse(&probe(node, 7)), Some(Heard::Probe { node, number: 7 }));
    }
}
