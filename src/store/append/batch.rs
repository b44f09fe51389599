//! What goes into one commit. Pure.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::{AppendError, Request, Writer};
use crate::{event::SessionId, projection::Delta};

/// Events of one commit. Past this, a larger batch only makes those in it wait longer.
pub(super) const BATCH_EVENTS_MAX: usize = 4_096;

/// The requests of one session in one batch, in the order in which they came.
pub(super) struct Group {
    pub(super) session_id: SessionId,
    pub(super) writer: Writer,
    pub(super) requests: Vec<Request>,
    pub(super) delta: Delta,
}

impl Group {
    fn new(request: Request) -> Self {
        let delta = Delta::of(&request.drafts);
        Self { session_id: request.session_id, writer: request.writer, requests: vec![request], delta }
    }

    /// Nothing may follow a terminal event, one statement checks one fence per session, and of two appends with one mark the
    /// second has to find the first committed.
    fn takes(&self, request: &Request) -> bool {
        self.writer == request.writer
            && !self.delta.phase.is_some_and(|phase| phase.is_ended())
            && (request.mark.is_none() || self.requests.iter().all(|earlier| earlier.mark != request.mark))
    }

    /// Tells those whose patience is over. While nobody knows whether the batch was committed, their requests stay in it; else
    /// they leave it, unwritten.
    pub(super) fn give_up(&mut self, now: Instant, in_flight: bool) {
        let error = if in_flight { AppendError::OutcomeUnknown } else { AppendError::Unavailable };
        for request in self.requests.iter_mut().filter(|request| request.give_up_at <= now) {
            request.answer(Err(error.clone()));
        }
        if !in_flight {
            self.requests.retain(|request| request.reply.is_some());
            self.delta = Delta::default();
            for request in &self.requests {
                add(&mut self.delta, request);
            }
        }
    }

    /// Whether the append statement writes all of it.
    pub(super) fn is_plain(&self) -> bool {
        self.delta.counts.course_generated == 0 && self.requests.iter().all(|request| request.mark.is_none())
    }

    fn push(&mut self, request: Request) {
        add(&mut self.delta, &request);
        self.requests.push(request);
    }
}

fn add(delta: &mut Delta, request: &Request) {
    for draft in &request.drafts {
        delta.add(draft.kind, &draft.message, draft.data.as_deref().map(|raw| raw.get()));
    }
}

/// Takes what fits into one commit off the queue. What does not (a second writer of a session, an append behind
/// a terminal event) stays for the next, and so does everything behind it of that session: order is
/// kept. The groups come in the order of their sessions' ids.
pub(super) fn take(queue: &mut VecDeque<Request>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<SessionId, Option<usize>> = HashMap::new();
    let mut left = VecDeque::new();
    let mut events = 0;
    while let Some(request) = queue.pop_front() {
        if events > 0 && events + request.drafts.len() > BATCH_EVENTS_MAX {
            queue.push_front(request);
            break;
        }
        let count = request.drafts.len();
        match places.get(&request.session_id) {
            None => {
                places.insert(request.session_id, Some(groups.len()));
                groups.push(Group::new(request));
                events += count;
            }
            Some(Some(place)) if groups[*place].takes(&request) => {
                groups[*place].push(request);
                events += count;
            }
            Some(_) => {
                places.insert(request.session_id, None);
                left.push_back(request);
            }
        }
    }
    left.append(queue);
    *queue = left;
    groups.sort_unstable_by_key(|group| group.session_id);
    groups
}
