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
            && request.mark.as_ref().is_none_or(|mark| {
                self.requests.iter().all(|earlier| earlier.mark.as_ref().is_none_or(|earlier| !earlier.excludes(mark)))
            })
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

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        event::{Draft, EventType},
        store::ProducerMark,
    };

    fn request(session: u128, writer: Writer, drafts: Vec<Draft>) -> Request {
        let session_id = SessionId::from_uuid(uuid::Uuid::from_u128(session));
        Request { session_id, writer, drafts, mark: None, give_up_at: Instant::now(), reply: None }
    }

    fn logs(count: usize) -> Vec<Draft> {
        vec![Draft::new(EventType::Log, "x"); count]
    }

    fn end() -> Vec<Draft> {
        vec![Draft::new(EventType::SessionCompleted, "x")]
    }

    /// The requests in each group, told apart by how many drafts they have.
    fn taken(queue: &mut VecDeque<Request>) -> Vec<Vec<usize>> {
        take(queue).iter().map(|group| group.requests.iter().map(|request| request.drafts.len()).collect()).collect()
    }

    #[test]
    fn appends_of_one_writer_go_together() {
        let producer = |session, count| request(session, Writer::Producer, logs(count));
        let mut queue = VecDeque::from([producer(1, 1), producer(2, 2), producer(1, 3)]);
        assert_eq!(taken(&mut queue), [vec![1, 3], vec![2]]);
        assert!(queue.is_empty());
    }

    #[test]
    fn nothing_goes_with_what_ends_its_session() {
        let mut queue = VecDeque::from([
            request(1, Writer::Producer, logs(2)),
            request(1, Writer::Producer, end()),
            request(1, Writer::Producer, logs(3)),
            request(1, Writer::Producer, logs(4)),
        ]);
        assert_eq!(taken(&mut queue), [vec![2, 1]]);
        assert_eq!(taken(&mut queue), [vec![3, 4]]);
    }

    #[test]
    fn a_second_writer_waits_and_so_does_everything_behind_it() {
        let run = |fence, count| request(1, Writer::Run { fence }, logs(count));
        let mut queue = VecDeque::from([run(1, 1), run(2, 2), run(1, 3), request(2, Writer::Producer, logs(4))]);
        assert_eq!(taken(&mut queue), [vec![1], vec![4]]);
        assert_eq!(taken(&mut queue), [vec![2]]);
        assert_eq!(taken(&mut queue), [vec![3]]);
    }

    #[test]
    fn two_appends_with_one_mark_go_one_after_the_other() {
        let marked = |seq, count| {
            let mark = Some(ProducerMark { producer_id: "p".to_owned(), seq, messages_sha256: Vec::new() });
            Request { mark, ..request(1, Writer::Producer, logs(count)) }
        };
        let mut queue = VecDeque::from([marked(1, 1), marked(2, 2), marked(1, 3), marked(3, 4)]);
        assert_eq!(taken(&mut queue), [vec![1, 2]]);
        assert_eq!(taken(&mut queue), [vec![3, 4]]);
    }

    #[test]
    fn a_batch_is_bounded_but_takes_one_append_whatever_its_size() {
        let mut queue: VecDeque<Request> =
            (0..3).map(|session| request(session, Writer::Producer, logs(BATCH_EVENTS_MAX / 2))).collect();
        assert_eq!(taken(&mut queue).len(), 2);
        assert_eq!(queue.len(), 1);
        let mut queue = VecDeque::from([request(1, Writer::Producer, logs(BATCH_EVENTS_MAX + 1))]);
        assert_eq!(taken(&mut queue), [vec![BATCH_EVENTS_MAX + 1]]);
    }

    #[test]
    fn those_who_give_up_leave_the_batch_unless_it_may_be_written() {
        let batch =
            || take(&mut VecDeque::from([request(1, Writer::Producer, logs(2)), request(1, Writer::Producer, end())]));
        let late = Instant::now() + std::time::Duration::from_secs(1);
        let mut groups = batch();
        groups[0].give_up(late, true);
        assert_eq!((groups[0].requests.len(), groups[0].delta.events), (2, 3));
        groups[0].give_up(late, false);
        assert_eq!((groups[0].requests.len(), &groups[0].delta), (0, &Delta::default()));
    }

    proptest! {
        /// Whatever is queued is taken once, and each session's appends in the order in which they came.
        #[test]
        fn every_session_keeps_its_order(queued in vec((0u128..4, 0i64..3, 1usize..600, any::<bool>()), 0..60)) {
            let mut queue = VecDeque::new();
            let mut expected: HashMap<SessionId, Vec<usize>> = HashMap::new();
            for (number, (session, fence, count, is_end)) in queued.into_iter().enumerate() {
                let mut drafts = if is_end { end() } else { logs(count) };
                drafts[0].message = number.to_string();
                let request = request(session, Writer::Run { fence }, drafts);
                expected.entry(request.session_id).or_default().push(number);
                queue.push_back(request);
            }
            let mut found: HashMap<SessionId, Vec<usize>> = HashMap::new();
            while !queue.is_empty() {
                let groups = take(&mut queue);
                prop_assert!(!groups.is_empty(), "something is taken each time");
                let mut sessions: Vec<SessionId> = groups.iter().map(|group| group.session_id).collect();
                sessions.sort();
                sessions.dedup();
                prop_assert_eq!(sessions.len(), groups.len(), "a session has one group");
                for group in groups {
                    let drafts = group.requests.iter().map(|request| request.drafts.len() as u64).sum::<u64>();
                    prop_assert_eq!(group.delta.events, drafts);
                    let numbers = group.requests.iter().map(|request| request.drafts[0].message.parse::<usize>().unwrap());
                    found.entry(group.session_id).or_default().extend(numbers);
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
