//! `coursestream tail`: prints a session's log and follows it to its end.
//!
//! What is printed on stdout is the log and nothing else; what happens to the connection is told on stderr. An expired session
//! cannot be joined, but its history can be read, so its log is printed from there.

use std::{
    io::{self, Write},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use futures_util::StreamExt;

use super::{
    address::ServerArg,
    api::Api,
    follow::{
        FollowError, Item, follow,
        frame::{Completion, ErrorCode, Outcome},
        patience::Patience,
    },
    line::{log_line, printable},
};
use crate::event::{Event, EventType, Offset, SessionId};

#[cfg(test)]
mod tests;

const PAGE_EVENTS: usize = 500;

/// Prints a session's log and follows it to its end. Exits with 0 once the log is over, however the run ended, and
/// with 2 where it cannot be read.
#[derive(Debug, clap::Args)]
pub struct TailArgs {
    /// The session's id
    session: SessionId,
    /// Starts after this offset; 0 is the beginning of the log
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// Prints one event envelope (JSON) per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

/// # Errors
///
/// Where the HTTP client cannot be built. What goes wrong later is told on stderr and in the exit code.
pub async fn run(args: TailArgs) -> anyhow::Result<ExitCode> {
    let api = Api::new(args.server.clone().resolve()?, Duration::from_millis(250))?;
    let mut tail =
        Tail { api, session: args.session, printed: Offset::new(args.after), json: args.json, out: io::stdout() };
    match tail.print(Patience::default()).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // `tail … | head`: the reader has what it wanted.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            notice(&format!("error: {}", printable(&format!("{error:#}"))));
            Ok(ExitCode::from(2))
        }
    }
}

struct Tail<W> {
    api: Api,
    session: SessionId,
    /// The last offset that is on `out`, or need not be there.
    printed: Offset,
    json: bool,
    out: W,
}

impl<W: Write> Tail<W> {
    async fn print(&mut self, patience: Patience) -> anyhow::Result<()> {
        let mut items = pin!(follow(self.api.server(), self.session, self.printed, patience));
        while let Some(item) = items.next().await {
            match item {
                Ok(Item::Event(event)) => self.event(&event)?,
                Ok(Item::Complete(completion)) => return self.terminal(completion).await,
                Ok(Item::Status { status, .. }) if status == "queued" => notice("queued"),
                Ok(Item::Status { .. }) => {}
                Ok(Item::Disconnected { retry_in, reason }) => {
                    notice(&format!(
                        "connection lost ({}), next try in {:.1} s",
                        printable(&reason),
                        retry_in.as_secs_f32()
                    ));
                }
                Ok(Item::Reconnected) => notice("connected again"),
                Err(FollowError::Refused(error)) if error.code == ErrorCode::SessionExpired => {
                    return self.history().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("the log of {} broke off after offset {}", self.session, self.printed)
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        if event.offset != self.printed.next() {
            bail!("offset {} follows {}: the log is not whole", event.offset, self.printed);
        }
        let line = if self.json { event.line() } else { log_line(event) };
        self.line(&line)?;
        self.printed = event.offset;
        Ok(())
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        // A follower's reader wants each line when it happens, even through a pipe.
        self.out.flush()
    }

    /// The completion says how the session ended, but is no envelope: that is read from the log, like the time.
    async fn terminal(&mut self, completion: Completion) -> anyhow::Result<()> {
        if completion.offset <= self.printed {
            return Ok(());
        }
        let fetched = self.api.events(self.session, self.printed, 1).await;
        match fetched.map(|page| page.items.into_iter().next()) {
            Ok(Some(event)) => self.event(&event),
            Ok(None) if self.json => {
                bail!("the server does not return its terminal event, offset {}", completion.offset)
            }
            Err(error) if self.json => Err(error).context("cannot read the terminal event"),
            // The person at the terminal is better served by a line without its time than by none.
            Ok(None) | Err(_) => Ok(self.line(&completion_line(&completion))?),
        }
    }

    async fn history(&mut self) -> anyhow::Result<()> {
        loop {
            let page = self.api.events(self.session, self.printed, PAGE_EVENTS).await?;
            for event in &page.items {
                self.event(event)?;
            }
            if page.next_after.is_none() || page.items.is_empty() {
                return Ok(());
            }
        }
    }
}

fn completion_line(completion: &Completion) -> String {
    let (kind, message) = match &completion.outcome {
        Outcome::Completed { .. } => (EventType::SessionCompleted, None),
        Outcome::Failed { error } => (EventType::SessionFailed, error.as_deref()),
        Outcome::Cancelled { error } => (EventType::SessionCancelled, error.as_deref()),
    };
    let (offset, kind, no_time) = (completion.offset, kind.as_str(), "-");
    format!("{offset:>5}  {no_time:<24}  {kind:<17}  {}", printable(message.unwrap_or_default())).trim_end().to_owned()
}

pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// To stderr, where nobody need be listening.
pub(super) fn notice(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
