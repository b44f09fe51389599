//! The two forms of an exported log. Pure.
//!
//! NDJSON is the log itself: one envelope a line, the bytes that are sealed. CSV (RFC 4180, in UTF-8) is for spreadsheets, which take a
//! cell that begins with one of `= + - @`, a tab or a carriage return for a formula; messages come from models and from outside.
//! So a message or a datum that begins with one of these, or with an apostrophe, gets an apostrophe in front of it: what the
//! spreadsheet then shows is text, and whoever reads the file by program takes one leading apostrophe away.

use std::borrow::Cow;

use crate::event::{Event, format_timestamp};

/// How a log is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportForm {
    #[default]
    Ndjson,
    Csv,
}

const COLUMNS: [&str; 6] = ["sessionId", "offset", "timestamp", "type", "message", "data"];

impl ExportForm {
    /// Also the ending of the file's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// What stands before the first event of a log.
    #[must_use]
    pub fn head(self) -> Vec<u8> {
        match self {
            Self::Ndjson => Vec::new(),
            Self::Csv => csv([COLUMNS.map(Cow::Borrowed)]),
        }
    }

    /// Events, each with its line end.
    #[must_use]
    pub fn render(self, events: &[Event]) -> Vec<u8> {
        match self {
            Self::Ndjson => {
                let mut lines = Vec::new();
                for event in events {
                    lines.extend_from_slice(event.line().as_bytes());
                    lines.push(b'\n');
                }
                lines
            }
            Self::Csv => csv(events.iter().map(record)),
        }
    }
}

fn record(event: &Event) -> [Cow<'_, str>; 6] {
    // Line breaks between the tokens of JSON mean nothing, and are spaces in NDJSON too.
    let data = event.data.as_deref().map_or_else(String::new, |data| data.get().replace(['\n', '\r'], " "));
    [
        event.session_id.to_string().into(),
        event.offset.to_string().into(),
        format_timestamp(event.timestamp).into(),
        event.kind.as_str().into(),
        no_formula(&event.message),
        no_formula(&data).into_owned().into(),
    ]
}

fn no_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{text}").into() } else { text.into() }
}

fn csv<'a>(records: impl IntoIterator<Item = [Cow<'a, str>; 6]>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for record in records {
        writer.write_record(record.iter().map(|field| field.as_bytes())).expect("a vector takes what is written");
    }
    writer.into_inner().expect("a vector takes what is written")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::event::{Draft, EventType, Offset};

    const SESSION: &str = "01991234-5678-7abc-8def-0123456789ab";

    fn event(message: &str, data: Option<&str>) -> Event {
        let data = data.map(|text| Arc::from(RawValue::from_string(text.to_owned()).unwrap()));
        let at = DateTime::from_timestamp_millis(1_769_860_800_120).unwrap();
        Draft { kind: EventType::Log, message: message.to_owned(), data }.commit(
            SESSION.parse().unwrap(),
            Offset::new(17),
            at,
        )
    }

    fn row(message: &str, data: Option<&str>) -> String {
        String::from_utf8(ExportForm::Csv.render(&[event(message, data)])).unwrap()
    }

    #[test]
    fn records_are_rfc_4180s() {
        assert_eq!(ExportForm::Csv.head(), b"sessionId,offset,timestamp,type,message,data\r\n");
        let start = format!("{SESSION},17,2026-01-31T12:00:00.120Z,log,");
        assert_eq!(row("plain", None), format!("{start}plain,\r\n"));
        assert_eq!(
            row("a \"b\", c\nd", Some(r#"{"a":"b"}"#)),
            format!("{start}\"a \"\"b\"\", c\nd\",\"{{\"\"a\"\":\"\"b\"\"}}\"\r\n")
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1"] {
            let cells = row(text, None);
            assert!(cells.contains(&format!("'{text}")), "{cells}");
        }
        assert!(row("m", Some("-5")).ends_with(",m,'-5\r\n"));
        assert!(row("a=1", None).ends_with(",a=1,\r\n"));
    }

    #[test]
    fn lines_end_where_events_do() {
        let lines = ExportForm::Ndjson.render(&[event("a\nb", Some("{\n}")), event("c", None)]);
        let lines = String::from_utf8(lines).unwrap();
        assert!(lines.ends_with("}\n"));
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert_eq!(ExportForm::Ndjson.head(), b"");
    }

    proptest! {
        #[test]
        fn a_reader_gets_back_what_was_written(message in any::<String>(), number in any::<i64>()) {
            let data = number.to_string();
            let bytes = ExportForm::Csv.render(&[event(&message, Some(&data))]);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), 1);
            let read = |column: usize| {
                let cell = &records[0][column];
                cell.strip_prefix('\'').unwrap_or(cell).to_owned()
            };
            prop_assert_eq!(read(4), message);
            prop_assert_eq!(read(5), data);
        }
    }
}
