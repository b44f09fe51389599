//! JSON from outside, checked once when it comes in and kept as text from then on.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// The text is JSON, but not JSON that the log and its readers can hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Checks that every reader of the log can take the text: numbers that fit a double (RFC 8785, section 3.2.2.3), strings without
/// lone surrogates or NUL (Postgres text has none), at most 128 levels deep.
///
/// # Errors
///
/// Names the first rule that is broken.
pub fn check_json(text: &str) -> Result<(), JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_any(Checked).map_err(|error| JsonError(error.to_string()))?;
    deserializer.end().map_err(|error| JsonError(error.to_string()))
}

/// Visits everything and keeps nothing.
struct Checked;

impl<'de> de::DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(E::custom("strings must not contain a NUL character")) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Checked)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key_seed(Checked)?.is_some() {
            entries.next_value_seed(Checked)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        check_json(text).expect_err(text).to_string()
    }

    #[test]
    fn what_every_reader_can_hold_is_taken() {
        for text in [
            "null",
            "true",
            "0",
            "-0",
            "1e308",
            "-1.7976931348623157e308",
            "18446744073709551616",
            "1e-400",
            r#""""#,
            r#""\u0001 \ud83e\udd80 🦀 \/""#,
            "[]",
            "{}",
            " [ 1 ,\n2 ] ",
            r#"{"a":{"b":[{}]},"a":2}"#,
        ] {
            assert!(check_json(text).is_ok(), "{text}");
        }
        assert!(check_json(&format!("{}{}", "[".repeat(127), "]".repeat(127))).is_ok());
    }

    #[test]
    fn what_some_reader_cannot_hold_is_refused() {
        for text in ["1e309", "-1e400", "[1,{\"a\":1e999}]"] {
            assert!(refused(text).contains("number out of range"), "{text}");
        }
        for text in [r#""\u0000""#, r#"["a\u0000b"]"#, r#"{"a\u0000":1}"#, r#"{"a":{"b":"\u0000"}}"#] {
            assert!(refused(text).contains("NUL"), "{text}: {}", refused(text));
        }
        for text in [r#""\ud800""#, r#""\udc00\ud800""#, r#"{"\udfff":1}"#] {
            let _ = refused(text);
        }
        assert!(refused(&format!("{}{}", "[".repeat(129), "]".repeat(129))).contains("recursion limit"));
        assert!(refused(&"[".repeat(1_000_000)).contains("recursion limit"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in
            ["", " ", "nul", "01", "1.", "+1", "NaN", "'a'", "[1,]", "{\"a\"}", "{1:2}", "1 2", "[] x", "\u{feff}1"]
        {
            let _ = refused(text);
        }
    }
}
