//! Getting at the text of interest in what a server sends. Pure.

use serde_json::Value;

/// Of any text from a server that is shown to people.
const SHOWN_CHARS_MAX: usize = 200;

/// The answer without a Markdown code fence around it, which models put there when nothing binds them to plain JSON.
pub(super) fn without_fence(text: &str) -> &str {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
    if text.starts_with(['{', '[']) {
        return text;
    }
    // A line break within a JSON string is escaped, so a fence at the start of a line is never part of the JSON.
    let Some(open) = line_starts(text).find(|&at| text[at..].starts_with("```")) else { return text };
    let Some(body) = text[open..].find('\n').map(|end| open + end + 1) else { return text };
    let close = line_starts(text).filter(|&at| at >= body && text[at..].starts_with("```")).last();
    text[body..close.unwrap_or(text.len())].trim()
}

fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1))
}

/// What an error body says, in the shapes that servers use; short enough to show.
pub(super) fn error_message(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let message = match &parsed {
        Some(value) => ["/error/message", "/error", "/message", "/detail", "/detail/0/msg"]
            .into_iter()
            .find_map(|path| value.pointer(path).and_then(Value::as_str))
            .unwrap_or_default(),
        // A page of HTML helps nobody.
        None if body.trim_start().starts_with('<') => "",
        None => body,
    };
    let message = one_line(message);
    if message.is_empty() { "no reason given".to_owned() } else { message }
}

/// One line of at most 200 characters, none of them a control character: it goes to logs and, with them, to the database, which
/// takes no NUL.
pub(super) fn one_line(text: &str) -> String {
    // Cut before the words are joined: the text may be a body of megabytes.
    let start: String = text.chars().take(SHOWN_CHARS_MAX * 4).collect();
    let words = start.replace(char::is_control, " ").split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => words[..end].to_owned(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fences_are_taken_off() {
        for (text, expected) in [
            ("{\"a\":1}", "{\"a\":1}"),
            (" \u{feff}\n{\"a\":1}\n", "{\"a\":1}"),
            ("```json\n{\"a\":1}\n```", "{\"a\":1}"),
            ("```\r\n{\"a\":1}\r\n```\r\n", "{\"a\":1}"),
            ("Here it is:\n```json\n{\"a\":1}\n```\nEnjoy!", "{\"a\":1}"),
            ("```json\n{\"a\":1}", "{\"a\":1}"),
            ("```json\n{\"a\":\"```rust\\nfn main() {}\\n```\"}\n```", "{\"a\":\"```rust\\nfn main() {}\\n```\"}"),
            ("{\"a\":\"x\\n```\"}", "{\"a\":\"x\\n```\"}"),
            ("no JSON at all", "no JSON at all"),
            ("```", "```"),
            ("", ""),
        ] {
            assert_eq!(without_fence(text), expected, "{text:?}");
        }
    }

    #[test]
    fn error_bodies_are_read_in_many_shapes() {
        for (body, expected) in [
            (r#"{"error":{"message":"No such model","type":"x"}}"#, "No such model"),
            (r#"{"error":"No such model"}"#, "No such model"),
            (r#"{"message":"No such\u0000\nmodel"}"#, "No such model"),
            (r#"{"detail":"No such model"}"#, "No such model"),
            (r#"{"detail":[{"loc":["body"],"msg":"No such model"}]}"#, "No such model"),
            ("No such model", "No such model"),
            ("<html>Bad gateway</html>", "no reason given"),
            ("{}", "no reason given"),
            ("", "no reason given"),
        ] {
            assert_eq!(error_message(body), expected, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn a_fenced_answer_is_the_answer(text in "(?s).{0,80}") {
            let json = serde_json::json!({"text": text}).to_string();
            let fenced = format!("```json\n{json}\n```");
            prop_assert_eq!(without_fence(&fenced), json.as_str());
        }

        #[test]
        fn any_text_can_be_shown(text in "(?s).{0,900}") {
            let shown = one_line(&text);
            prop_assert!(shown.chars().count() <= 200);
            prop_assert!(!shown.contains(char::is_control));
            without_fence(&text);
            error_message(&text);
        }
    }
}
