//! Parameters that several endpoints take.

use poem_openapi::{
    registry::MetaSchema,
    types::{ParseError, ParseFromParameter, ParseResult, ToJSON},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Problem;
use crate::event::{Offset, SessionId};

/// An id in a path. A text that is no UUID is the name of nothing: not a bad request, but not found.
#[derive(Clone, Copy, Debug)]
pub struct IdParam(Option<Uuid>);

impl IdParam {
    #[must_use]
    pub const fn uuid(self) -> Option<Uuid> {
        self.0
    }

    /// # Errors
    ///
    /// `session_not_found` where it is the id of no session.
    pub fn session(self) -> Result<SessionId, Problem> {
        self.0.map(SessionId::from_uuid).ok_or_else(Problem::no_session)
    }
}

/// An offset in a query. One that is beyond every log, however long a number, is beyond this log too.
#[derive(Clone, Copy, Debug, Default)]
pub struct OffsetParam(pub Offset);

/// A text in a query. Postgres' text has no NUL, so nothing that is searched has one.
#[derive(Clone, Debug)]
pub struct TextParam(pub String);

/// Digits alone: an offset is what this server wrote, and it writes no sign. Numbers that no log reaches are one number.
#[must_use]
pub fn parse_offset(text: &str) -> Option<Offset> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Offset::new(text.parse().unwrap_or(u64::MAX)))
}

/// The parts of [`Type`] that are the same for every parameter of one value.
macro_rules! param_type {
    ($type:ty, $name:literal, $schema:expr) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }
    };
}
pub(crate) use param_type;

param_type!(
    IdParam,
    "string(id)",
    MetaSchema {
        example: Some(json!("0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60")),
        ..MetaSchema::new_with_format("string", "uuid")
    }
);

param_type!(
    OffsetParam,
    "integer(offset)",
    // Without a format: any number of digits is one.
    MetaSchema { minimum: Some(0.0), example: Some(json!(17)), ..MetaSchema::new("integer") }
);

param_type!(
    TextParam,
    "string(text)",
    MetaSchema { pattern: Some(r"^[^\x00]*$".to_owned()), example: Some(json!("rust")), ..MetaSchema::new("string") }
);

impl ParseFromParameter for TextParam {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        if value.contains('\0') {
            return Err(ParseError::custom("must not contain a NUL character"));
        }
        Ok(Self(value.to_owned()))
    }
}

impl ParseFromParameter for IdParam {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(Self(Uuid::try_parse(value).ok()))
    }
}

impl ParseFromParameter for OffsetParam {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        parse_offset(value).map(Self).ok_or_else(|| ParseError::custom("must be a whole number from 0"))
    }
}

/// For examples in the document.
impl ToJSON for TextParam {
    fn to_json(&self) -> Option<Value> {
        Some(json!(self.0))
    }
}

/// For the default that the document shows.
impl ToJSON for OffsetParam {
    fn to_json(&self) -> Option<Value> {
        Some(json!(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// `Last-Event-ID` and its like.
        #[test]
        fn no_offset_is_too_strange(text in "[0-9+-]{0,30}.{0,40}") {
            let _ = parse_offset(&text);
            let _ = IdParam::parse_from_parameter(&text);
        }
    }

    #[test]
    fn offsets_are_digits_however_many() {
        for (text, offset) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1.0", None),
            ("1e3", None),
            (" 1", None),
        ] {
            assert_eq!(parse_offset(text), offset.map(Offset::new), "{text:?}");
        }
    }
}
