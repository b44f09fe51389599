//! What a person sees of a run while it goes on: a progress bar with lines above it, or lines alone where stderr is
//! no terminal. Everything is on stderr: stdout is for the result.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::line::printable;

/// How far a run is, from the `data` of a `progress` event. Any part of it may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Progress {
    #[serde(default)]
    pub(super) done: Option<u64>,
    #[serde(default)]
    pub(super) total: Option<u64>,
}

impl Progress {
    /// `data` of any other shape says nothing about the progress: a message without numbers is still worth showing.
    #[must_use]
    pub(super) fn read(data: Option<&str>) -> Self {
        data.and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()
    }

    /// `[3/12]`, or nothing where one of the numbers is missing.
    #[must_use]
    pub(super) fn label(self) -> Option<String> {
        Some(format!("[{}/{}]", self.done?, self.total?))
    }
}

pub(super) enum Screen {
    Bar(ProgressBar),
    Lines,
}

impl Screen {
    /// By what stderr is.
    #[must_use]
    pub(super) fn open() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {elapsed_precise} {wide_msg}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Bar(bar)
    }

    /// `text` is printed as it is: what others wrote in it has been made [`printable`] before.
    pub(super) fn line(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.println(text),
            // Not eprintln!, which panics where stderr is closed.
            Self::Lines => {
                let _ = writeln!(io::stderr(), "{text}");
            }
        }
    }

    /// Moves the bar; `false` where there is none and a line is wanted instead.
    pub(super) fn moved(&self, progress: Progress, message: &str) -> bool {
        let Self::Bar(bar) = self else { return false };
        if let Some(total) = progress.total.filter(|total| bar.length() != Some(*total)) {
            bar.set_length(total);
            bar.set_style(style("{spinner} {elapsed_precise} [{bar:30}] {pos}/{len} {wide_msg}").progress_chars("=> "));
        }
        if let Some(done) = progress.done {
            bar.set_position(done);
        }
        bar.set_message(printable(message).into_owned());
        true
    }
}

/// The bar goes when the run is over: what is left on the terminal is the lines.
impl Drop for Screen {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A template of ours that did not parse would only be less pretty.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_whatever_is_there() {
        let some = |done, total| Progress { done: Some(done), total: Some(total) };
        assert_eq!(Progress::read(Some(r#"{"step":"content","done":3,"total":12}"#)), some(3, 12));
        assert_eq!(Progress::read(Some(r#"{"done":3}"#)), Progress { done: Some(3), total: None });
        for nothing in [None, Some("null"), Some("7"), Some(r#"{"done":-1,"total":"many"}"#), Some("{}")] {
            assert_eq!(Progress::read(nothing), Progress::default(), "{nothing:?}");
        }
        assert_eq!(some(3, 12).label().as_deref(), Some("[3/12]"));
        assert_eq!(Progress::read(Some(r#"{"total":12}"#)).label(), None);
    }
}
