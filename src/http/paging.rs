//! Pages of a list: opaque cursors, and how many entries a page has.

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chrono::{DateTime, Utc};
use poem_openapi::{
    registry::MetaSchema,
    types::{ParseError, ParseFromParameter, ParseResult},
};
use serde_json::json;
use uuid::Uuid;

use crate::wire::param_type;

const TEXT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The place of an entry in a list that is ordered by a moment and, at the same moment, by an id. To clients it is a text that
/// they give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Microseconds since 1970.
    pub(super) micros: i64,
    pub(super) id: Uuid,
}

/// Characters of a cursor.
const LENGTH: usize = 32;

impl Cursor {
    /// The moment. One that cannot be told stands for the beginning or the end of all time.
    pub(super) fn moment(self) -> DateTime<Utc> {
        let edge = if self.micros < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp_micros(self.micros).unwrap_or(edge)
    }

    pub(super) fn text(self) -> String {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.micros.to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        TEXT.encode(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = TEXT.decode(text).ok()?;
        let (micros, id) = bytes.split_first_chunk()?;
        Some(Self { micros: i64::from_be_bytes(*micros), id: Uuid::from_slice(id).ok()? })
    }
}

param_type!(
    Cursor,
    "string(cursor)",
    MetaSchema {
        min_length: Some(LENGTH),
        max_length: Some(LENGTH),
        pattern: Some(format!("^[A-Za-z0-9_-]{{{LENGTH}}}$")),
        example: Some(json!("AAY3xa2sAAABmfeibB57OpxVLx1Oint7")),
        ..MetaSchema::new("string")
    }
);

impl ParseFromParameter for Cursor {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Self::parse(value).ok_or_else(|| ParseError::custom("must be the nextCursor of an earlier page"))
    }
}

/// Cuts a page to its size. One entry more than asked for was read, to tell whether there is a next page; then it begins behind
/// the last entry of this one.
pub(super) fn cut<T>(mut entries: Vec<T>, limit: usize, cursor: impl Fn(&T) -> Cursor) -> (Vec<T>, Option<String>) {
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| has_more).map(|last| cursor(last).text());
    (entries, next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(micros: i64, id: u128) {
            let cursor = Cursor { micros, id: Uuid::from_u128(id) };
            prop_assert_eq!(cursor.text().len(), LENGTH);
            prop_assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }

        /// So that the pattern in the document says all there is to say.
        #[test]
        fn every_text_of_the_form_is_a_place(text in "[A-Za-z0-9_-]{32}") {
            prop_assert_eq!(Cursor::parse(&text).unwrap().text(), text);
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "next",
            "AAY3xa2sAAABmfeibB57OpxVLx1Oint",
            "AAY3xa2sAAABmfeibB57OpxVLx1Oint7A",
            "AAY3xa2sAAABmfeibB57OpxVLx1Oint+",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_page_that_is_just_full_is_the_last() {
        let cursor = |n: &i64| Cursor { micros: *n, id: Uuid::nil() };
        assert_eq!(cut(vec![3, 2], 2, cursor), (vec![3, 2], None));
        assert_eq!(cut(vec![3, 2, 1], 2, cursor), (vec![3, 2], Some(cursor(&2).text())));
        assert_eq!(cut(Vec::new(), 2, cursor), (vec![], None));
    }
}
