//! How far a follower has come in one session's log, as a state machine. Pure: no socket, no clock.
//!
//! [`Position::take`] answers each [`Frame`] with one [`Step`]. The last-seen offset moves by exactly one or not at all, so
//! whatever a server repeats or leaves out, the steps carry each event once and in order.

use super::frame::{Completion, Frame, SessionError, StatusReport};
use crate::event::{Event, Offset, SessionId};

/// What the follower is to do about a frame.
#[derive(Clone, Debug)]
pub enum Step {
    Status(StatusReport),
    /// The next event of the log.
    Event(Event),
    /// The log is over, and everything before its end has been seen.
    Complete(Completion),
    /// Seen before, about another session, or unknown.
    Ignore,
    /// An offset was skipped: this connection cannot be trusted, the log is joined again.
    Gap {
        expected: Offset,
        got: Offset,
    },
    /// An error that may go away.
    Retry(SessionError),
    GiveUp(SessionError),
}

/// How far a follower has come in one session's log.
#[derive(Clone, Debug)]
pub struct Position {
    session: SessionId,
    last_seen: Offset,
}

impl Position {
    #[must_use]
    pub const fn after(session: SessionId, last_seen: Offset) -> Self {
        Self { session, last_seen }
    }

    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    #[must_use]
    pub const fn last_seen(&self) -> Offset {
        self.last_seen
    }

    pub fn take(&mut self, frame: Frame) -> Step {
        match frame {
            Frame::Status(report) if report.session_id == self.session => self.take_status(report),
            Frame::Update(event) if event.session_id == self.session => {
                self.advance(event.offset).unwrap_or(Step::Event(event))
            }
            Frame::Complete(completion) if completion.session_id == self.session => {
                match self.advance(completion.offset) {
                    Some(gap @ Step::Gap { .. }) => gap,
                    // A follower that asked for what lies after the terminal event may still be told how it ended.
                    _ => Step::Complete(completion),
                }
            }
            Frame::Error(error) if error.session_id.is_none_or(|id| id == self.session) => {
                if error.code.is_final() {
                    Step::GiveUp(error)
                } else {
                    Step::Retry(error)
                }
            }
            Frame::Status(_) | Frame::Update(_) | Frame::Complete(_) | Frame::Error(_) | Frame::Unknown(_) => {
                Step::Ignore
            }
        }
    }

    /// A follower that starts at the terminal event gets no event at all, only the status: without this it would wait for ever.
    fn take_status(&self, report: StatusReport) -> Step {
        match report.outcome() {
            Some(outcome) if report.last_offset == self.last_seen => {
                Step::Complete(Completion { session_id: self.session, offset: report.last_offset, outcome })
            }
            _ => Step::Status(report),
        }
    }

    /// `None` where `offset` is the next one, which is then the last seen.
    fn advance(&mut self, offset: Offset) -> Option<Step> {
        let expected = self.last_seen.next();
        if offset > expected {
            return Some(Step::Gap { expected, got: offset });
        }
        if offset < expected {
            return Some(Step::Ignore);
        }
        self.last_seen = offset;
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Draft, EventType};

    fn update(session: SessionId, offset: u64) -> Frame {
        let offset = Offset::new(offset);
        Frame::Update(Draft::new(EventType::Log, "line").commit(session, offset, chrono::DateTime::UNIX_EPOCH))
    }

    #[test]
    fn an_error_without_a_session_is_about_the_only_one_there_is() {
        let frame = Frame::parse(r#"{"event":"session_error","data":{"code":"bad_request","message":"too large"}}"#);
        let mut position = Position::after(SessionId::generate(), Offset::ZERO);
        let Step::GiveUp(error) = position.take(frame.unwrap()) else { panic!("not given up") };
        assert_eq!(error.to_string(), "too large (bad_request)");
    }

    #[test]
    fn an_ended_status_ends_nothing_while_events_are_missing() {
        let session = SessionId::generate();
        let report = StatusReport { session_id: session, status: "completed".to_owned(), last_offset: Offset::new(2) };
        let mut position = Position::after(session, Offset::new(1));
        assert!(matches!(position.take(Frame::Status(report)), Step::Status(_)));
    }

    proptest! {
        /// Whatever a server repeats, skips or shuffles: what comes out is start+1, start+2, … without a hole.
        #[test]
        fn steps_carry_each_event_once_and_in_order(start in 0_u64..5, offsets in prop::collection::vec(0_u64..12, 0..80)) {
            let session = SessionId::generate();
            let mut position = Position::after(session, Offset::new(start));
            let mut seen = start;
            for offset in offsets {
                match position.take(update(session, offset)) {
                    Step::Event(event) => {
                        seen += 1;
                        prop_assert_eq!(event.offset.get(), seen);
                    }
                    Step::Ignore => prop_assert!(offset <= seen),
                    Step::Gap { expected, got } => {
                        prop_assert_eq!((expected.get(), got.get()), (seen + 1, offset));
                        prop_assert!(offset > seen + 1);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
                prop_assert_eq!(position.last_seen().get(), seen);
            }
        }
    }
}
