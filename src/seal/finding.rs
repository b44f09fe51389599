//! What a check of the seals finds.

use std::fmt;

use uuid::Uuid;

use super::{Difference, Sum};
use crate::event::SessionId;

/// Something that is not as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose log it is about.
    pub session_id: Option<SessionId>,
    /// Which link of the chain it is about, or of which link it is known.
    pub position: Option<u64>,
    pub what: Tampering,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// To events of a log.
    Events(Difference),
    /// To a log whose leaves cannot tell where.
    LogAltered,
    /// None of the session's events is left; `with_session`: nor its row.
    LogRemoved {
        with_session: bool,
    },
    /// The events are there, the session's row is not.
    SessionRemoved,
    /// The log is as it was sealed, and these columns of the session's row are not what it says.
    SessionAltered {
        columns: Vec<&'static str>,
    },
    /// A course is not as its event in the log carries it.
    CourseAltered {
        course_id: Uuid,
    },
    CourseRemoved {
        course_id: Uuid,
    },
    /// A course that no event of its session carries.
    CourseInserted {
        course_id: Uuid,
    },
    /// What stands in the table is no event.
    LogUnreadable {
        reason: String,
    },
    /// A partition of the event table is not there, and with it the logs of so many sealed sessions.
    PartitionRemoved {
        name: String,
        sessions: u64,
    },
    /// The leaves are not those that were sealed.
    LeavesAltered,
    LeavesRemoved,
    /// The link's own hash is not that of what it says.
    SealAltered,
    /// The link does not continue the one before it: that one was replaced.
    ChainBroken,
    /// Links from this position to that one are not there.
    SealsRemoved {
        first: u64,
        last: u64,
    },
    /// The session was sealed, but its seal is not there.
    SealRemoved,
    /// The chain has no link with a hash that somebody kept.
    HeadUnknown {
        sha256: Sum,
    },
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(difference) => difference.fmt(f),
            Self::LogAltered => f.write_str("the log was altered; its leaves cannot tell where"),
            Self::LogRemoved { with_session: false } => f.write_str("the whole log was removed"),
            Self::LogRemoved { with_session: true } => f.write_str("the session was removed with its whole log"),
            Self::SessionRemoved => f.write_str("the session was removed, its events were not"),
            Self::SessionAltered { columns } => {
                write!(f, "the session's row is not what its log says: {}", columns.join(", "))
            }
            Self::CourseAltered { course_id } => write!(f, "course {course_id} is not what the log says"),
            Self::CourseRemoved { course_id } => write!(f, "course {course_id} was removed, its event was not"),
            Self::CourseInserted { course_id } => write!(f, "course {course_id} was inserted: the log does not say it"),
            Self::LogUnreadable { reason } => write!(f, "the log cannot be read: {reason}"),
            Self::PartitionRemoved { name, sessions } => {
                write!(f, "partition {name} was removed, and with it the logs of {sessions} sealed sessions")
            }
            Self::LeavesAltered => f.write_str("the leaves of the seal were altered"),
            Self::LeavesRemoved => f.write_str("the leaves of the seal were removed"),
            Self::SealAltered => f.write_str("the seal was altered"),
            Self::ChainBroken => f.write_str("the seal does not continue the one before it, which was replaced"),
            Self::SealsRemoved { first, last } if first == last => write!(f, "seal {first} was removed"),
            Self::SealsRemoved { first, last } => write!(f, "seals {first} to {last} were removed"),
            Self::SealRemoved => f.write_str("the session was sealed, and its seal was removed"),
            Self::HeadUnknown { sha256 } => {
                write!(f, "the chain has no seal {sha256}: it was rewritten, or its end was cut off")
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.session_id, self.position) {
            (Some(session_id), Some(position)) => write!(f, "session {session_id} (seal {position}): {}", self.what),
            (Some(session_id), None) => write!(f, "session {session_id}: {}", self.what),
            (None, Some(position)) => write!(f, "seal {position}: {}", self.what),
            (None, None) => self.what.fmt(f),
        }
    }
}
