//! An event as one line for a person. Pure.
//!
//! Messages come from models and from outside producers. So no text of theirs reaches a terminal before [`printable`]
//! has made its control characters visible: an escape sequence could rewrite what was printed before it.

use std::{borrow::Cow, fmt::Write};

use chrono::{DateTime, TimeZone, Utc};

use crate::event::{Event, format_timestamp};

/// `text` on one line, with control and text-direction characters escaped (`\n`, `\u{1b}`).
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Offset, time, type and message; the time as the envelope has it, so that a line can be found again in an export.
#[must_use]
pub fn log_line(event: &Event) -> String {
    let Event { offset, kind, timestamp, message, .. } = event;
    let kind = kind.as_str();
    format!("{offset:>5}  {}  {kind:<17}  {}", format_timestamp(*timestamp), printable(message))
}

/// Time of day in `zone`, a mark for what went well or badly, and the message.
#[must_use]
pub fn short_line<Z: TimeZone>(timestamp: DateTime<Utc>, zone: &Z, mark: Option<&str>, message: &str) -> String
where
    Z::Offset: std::fmt::Display,
{
    let mut line = timestamp.with_timezone(zone).format("%H:%M:%S").to_string();
    if let Some(mark) = mark {
        // Writing to a string cannot fail.
        let _ = write!(line, " {mark}");
    }
    let _ = write!(line, " {}", printable(message));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, Offset, SessionId};

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(printable("Überblick: 3 × ✓"), "Überblick: 3 × ✓");
        assert_eq!(printable("two\nlines"), r"two\nlines");
        assert_eq!(printable("\u{1b}[2J\u{7f}\u{9b}1m"), r"\u{1b}[2J\u{7f}\u{9b}1m");
        assert_eq!(printable("a\u{202e}b"), r"a\u{202e}b");
    }

    #[test]
    fn lines_stay_in_their_columns() {
        let time = DateTime::parse_from_rfc3339("2026-01-31T12:00:00.123Z").unwrap().to_utc();
        let event = Draft::new(EventType::Log, "a\tb").commit(SessionId::generate(), Offset::new(7), time);
        assert_eq!(log_line(&event), r"    7  2026-01-31T12:00:00.123Z  log                a\tb");
        assert_eq!(short_line(time, &Utc, Some("error:"), "no"), "12:00:00 error: no");
        assert_eq!(short_line(time, &Utc, None, "yes"), "12:00:00 yes");
    }
}
