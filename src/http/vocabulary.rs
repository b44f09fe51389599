//! Closed sets of words, as the document has them.

use std::borrow::Cow;

use poem_openapi::{
    Enum,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromParameter, ParseResult, ToJSON, Type},
};

use crate::{
    event::EventType,
    projection::Status,
    seal::{Change, Difference, Sealed, Tampering},
    wire::ExportForm,
};

/// Where a session stands.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case", remote = "Status")]
pub(super) enum SessionStatus {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
    Expired,
}

/// What an event tells: the five types of messages, and the four turns of a session's life.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "EventType", rename_all = "snake_case", remote = "EventType")]
pub(super) enum EventKind {
    Log,
    Progress,
    Success,
    Error,
    CourseGenerated,
    SessionStarted,
    SessionCompleted,
    SessionFailed,
    SessionCancelled,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase", remote = "ExportForm")]
pub(super) enum ExportFormat {
    Ndjson,
    Csv,
}

/// What a link of the chain of seals tells of: the log of an ended session, or history that was dropped at the end of its retention.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum SealKind {
    Session,
    Retention,
}

impl From<&Sealed> for SealKind {
    fn from(what: &Sealed) -> Self {
        match what {
            Sealed::Session { .. } => Self::Session,
            Sealed::Retention { .. } => Self::Retention,
        }
    }
}

/// What was done to something that was sealed. `log_altered`: where is not known. `session_altered` and those of courses: the log is
/// as it was sealed, and what is kept beside it is not what it says. `head_unknown`: the chain does not have the head that was
/// asked for.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "Tampering", rename_all = "snake_case")]
pub(super) enum TamperingKind {
    EventsAltered,
    EventsRemoved,
    EventsInserted,
    EventsMoved,
    LogAltered,
    LogRemoved,
    LogUnreadable,
    SessionRemoved,
    SessionAltered,
    CourseAltered,
    CourseRemoved,
    CourseInserted,
    PartitionRemoved,
    LeavesAltered,
    LeavesRemoved,
    SealAltered,
    ChainBroken,
    SealsRemoved,
    SealRemoved,
    HeadUnknown,
}

impl From<&Tampering> for TamperingKind {
    fn from(what: &Tampering) -> Self {
        match what {
            Tampering::Events(Difference { change: Change::Altered, .. }) => Self::EventsAltered,
            Tampering::Events(Difference { change: Change::Removed, .. }) => Self::EventsRemoved,
            Tampering::Events(Difference { change: Change::Inserted, .. }) => Self::EventsInserted,
            Tampering::Events(Difference { change: Change::Moved { .. }, .. }) => Self::EventsMoved,
            Tampering::LogAltered => Self::LogAltered,
            Tampering::LogRemoved { .. } => Self::LogRemoved,
            Tampering::LogUnreadable { .. } => Self::LogUnreadable,
            Tampering::SessionRemoved => Self::SessionRemoved,
            Tampering::SessionAltered { .. } => Self::SessionAltered,
            Tampering::CourseAltered { .. } => Self::CourseAltered,
            Tampering::CourseRemoved { .. } => Self::CourseRemoved,
            Tampering::CourseInserted { .. } => Self::CourseInserted,
            Tampering::PartitionRemoved { .. } => Self::PartitionRemoved,
            Tampering::LeavesAltered => Self::LeavesAltered,
            Tampering::LeavesRemoved => Self::LeavesRemoved,
            Tampering::SealAltered => Self::SealAltered,
            Tampering::ChainBroken => Self::ChainBroken,
            Tampering::SealsRemoved { .. } => Self::SealsRemoved,
            Tampering::SealRemoved => Self::SealRemoved,
            Tampering::HeadUnknown { .. } => Self::HeadUnknown,
        }
    }
}

/// Any of some words, in a query: the parameter is given several times, or its words are separated by commas. Why not a `Vec`
/// that does not explode: poem-openapi would panic where it is not given.
#[derive(Debug)]
pub(super) struct AnyOf<T>(pub(super) Vec<T>);

impl<T: Type> Type for AnyOf<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = T::RawValueType;

    fn name() -> Cow<'static, str> {
        format!("any_of_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let items = Some(Box::new(T::schema_ref()));
        MetaSchemaRef::Inline(Box::new(MetaSchema { items, ..MetaSchema::new("array") }))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(self.0.iter().filter_map(Type::as_raw_value))
    }
}

impl<T: ParseFromParameter> ParseFromParameter for AnyOf<T> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Self::parse_from_parameters([value])
    }

    fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(values: I) -> ParseResult<Self> {
        let mut words = Vec::new();
        for value in values {
            for word in value.as_ref().split(',') {
                let word = T::parse_from_parameter(word.trim());
                words.push(word.map_err(|_| ParseError::<Self>::custom(format!("must be of {}", words_of::<T>())))?);
            }
        }
        Ok(Self(words))
    }
}

/// For examples in the document.
impl<T: ToJSON> ToJSON for AnyOf<T> {
    fn to_json(&self) -> Option<serde_json::Value> {
        self.0.to_json()
    }
}

/// All words of a vocabulary, as the document has them.
fn words_of<T: Type>() -> String {
    let schema = Registry::new().create_fake_schema::<T>();
    let words: Vec<&str> = schema.enum_items.iter().filter_map(|word| word.as_str()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_words_that_are_sent() {
        for status in Status::ALL {
            assert_eq!(SessionStatus::from(status).to_json(), Some(status.as_str().into()));
        }
        for kind in EventType::ALL {
            assert_eq!(EventKind::from(kind).to_json(), Some(kind.as_str().into()));
        }
        for form in [ExportForm::Ndjson, ExportForm::Csv] {
            assert_eq!(ExportFormat::from(form).to_json(), Some(form.as_str().into()));
        }
    }

    #[test]
    fn words_come_one_by_one_or_between_commas() {
        let read = |values: &[&str]| {
            AnyOf::<SessionStatus>::parse_from_parameters(values).map(|words| words.to_json().unwrap())
        };
        assert_eq!(read(&["failed, running"]).unwrap(), serde_json::json!(["failed", "running"]));
        assert_eq!(read(&["failed", "running"]).unwrap(), serde_json::json!(["failed", "running"]));
        let refused = read(&["failed,done"]).unwrap_err();
        assert!(refused.message().ends_with("must be of queued, running, completed, failed, cancelled, expired"));
        assert!(read(&[""]).is_err());
    }
}
