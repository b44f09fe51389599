//! `coursestream export`: a session's log as a file, whole or not at all.
//!
//! A connection that breaks is made again and goes on behind the last line that came whole. CSV is made here, from the same lines:
//! so one cursor does for both forms. A file gets its name once it is whole.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use futures_util::StreamExt;
use serde::Deserialize;

use super::{
    address::ServerArg,
    api::Api,
    follow::patience::Patience,
    line::printable,
    tail::{is_broken_pipe, notice},
};
use crate::{
    event::{Event, Offset, SessionId},
    wire::ExportForm,
};

#[cfg(test)]
mod tests;

/// Prints a session's log as it is at this moment, or writes it to a file; goes on by itself when the connection drops.
/// Exits with 0 once all of it is there, and with 2 where it cannot be read.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The session's id
    session: SessionId,
    /// Starts after this offset; 0 is the beginning of the log
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// ndjson is one event envelope (JSON) per line; csv is for spreadsheets
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Format,
    /// Where to write it; stdout without it. The file appears once it is whole
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Ndjson,
    Csv,
}

impl From<Format> for ExportForm {
    fn from(format: Format) -> Self {
        match format {
            Format::Ndjson => Self::Ndjson,
            Format::Csv => Self::Csv,
        }
    }
}

/// # Errors
///
/// Where the HTTP client cannot be built. What goes wrong later is told on stderr and in the exit code.
pub async fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let api = Api::new(args.server.clone().resolve()?, Duration::from_millis(250))?;
    let (session, after, form) = (args.session, Offset::new(args.after), args.format.into());
    let exported = match &args.output {
        None => Export { api, session, form, exported: after, out: BufWriter::new(io::stdout()) }.write().await,
        Some(file) => {
            to_file(file, async |out| Export { api, session, form, exported: after, out }.write().await).await
        }
    };
    match exported {
        Ok(last) => {
            if let Some(file) = &args.output {
                notice(&format!("offsets {} to {last} are in {}", after.next(), file.display()));
            }
            Ok(ExitCode::SUCCESS)
        }
        // `export … | head`: the reader has what it wanted.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            notice(&format!("error: {}", printable(&format!("{error:#}"))));
            Ok(ExitCode::from(2))
        }
    }
}

/// Written beside it under another name, so that no part is taken for the whole.
async fn to_file(
    file: &Path,
    write: impl AsyncFnOnce(BufWriter<File>) -> anyhow::Result<Offset>,
) -> anyhow::Result<Offset> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let out = File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
    match write(BufWriter::new(out)).await {
        Ok(last) => {
            std::fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))?;
            Ok(last)
        }
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            Err(error)
        }
    }
}

struct Export<W> {
    api: Api,
    session: SessionId,
    form: ExportForm,
    /// The last offset that was written, or need not be.
    exported: Offset,
    out: W,
}

/// Why a part of the export ended before the export did.
enum Broken {
    /// Perhaps the next one goes on.
    Passing(String),
    Lasting(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Lasting(error.into())
    }
}

impl<W: Write> Export<W> {
    async fn write(self) -> anyhow::Result<Offset> {
        self.write_with(Patience::default()).await
    }

    /// Writes the log to its end and says where that was.
    async fn write_with(mut self, patience: Patience) -> anyhow::Result<Offset> {
        if self.exported == Offset::ZERO {
            self.out.write_all(&self.form.head())?;
        }
        let (mut backoff, mut attempts, mut has_begun) = (patience.backoff(), 0, false);
        loop {
            let before = self.exported;
            let reason = match self.part(&patience).await {
                Ok(()) => {
                    self.out.flush()?;
                    return Ok(self.exported);
                }
                Err(Broken::Passing(reason)) => reason,
                Err(Broken::Lasting(error)) => return Err(error),
            };
            if self.exported > before {
                (backoff, attempts, has_begun) = (patience.backoff(), 0, true);
            }
            attempts += 1;
            if attempts >= if has_begun { patience.attempts_max } else { patience.attempts_before_join_max } {
                bail!("gave up after {attempts} attempts, at offset {}: {reason}", self.exported);
            }
            let wait = backoff.next().unwrap_or(patience.backoff_max);
            notice(&format!("connection lost ({}), next try in {:.1} s", printable(&reason), wait.as_secs_f32()));
            tokio::time::sleep(wait).await;
        }
    }

    /// One answer of the server, as far as it comes.
    async fn part(&mut self, patience: &Patience) -> Result<(), Broken> {
        let mut body = match self.api.export(self.session, self.exported).await {
            Ok(response) => response.bytes_stream(),
            Err(error) if error.is_passing() => return Err(Broken::Passing(describe(&error))),
            Err(error) => return Err(error.into()),
        };
        let mut waiting = Vec::new();
        loop {
            match tokio::time::timeout(patience.silence, body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    waiting.extend_from_slice(&bytes);
                    if let Some(end) = end_of_lines(&waiting) {
                        self.lines(&waiting[..end])?;
                        waiting.drain(..end);
                    }
                }
                Ok(None) if waiting.is_empty() => return Ok(()),
                Ok(None) => return Err(Broken::Passing("the last line is not whole".to_owned())),
                Ok(Some(Err(error))) => return Err(Broken::Passing(describe(&error))),
                Err(_) => return Err(Broken::Passing(format!("nothing came for {} s", patience.silence.as_secs()))),
            }
        }
    }

    /// Whole lines, each with its line feed.
    fn lines(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Place {
            offset: Offset,
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let unreadable = || "the server sent what is no event; is it a coursestream server?";
            let Place { offset } = serde_json::from_slice(line).with_context(unreadable)?;
            if offset <= self.exported {
                bail!("offset {offset} came after {}", self.exported);
            }
            match self.form {
                ExportForm::Ndjson => self.out.write_all(line)?,
                ExportForm::Csv => {
                    let event: Event = serde_json::from_slice(line).with_context(unreadable)?;
                    self.out.write_all(&self.form.render(&[event]))?;
                }
            }
            self.exported = offset;
        }
        Ok(())
    }
}

/// Where the last whole line ends.
fn end_of_lines(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
}

/// An error with its causes: of a broken body, the first says little.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
