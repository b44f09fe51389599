//! `coursestream generate`: starts a run on a server, shows its progress, and says where the course is.
//!
//! Owns the start (an idempotency key makes its retries safe) and what is shown of the run. Owns nothing of the run itself, which goes
//! on at the server whatever becomes of this command: every way out but the end of the run says how to follow it again.

use std::{
    io::{self, Write},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use chrono::Local;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, de::IgnoredAny};
use uuid::Uuid;

use self::screen::{Progress, Screen};
use super::{
    address::{ServerAddress, ServerArg},
    api::{Api, ApiError, RunRequest},
    follow::{FollowError, Item, follow, frame::Outcome, patience::Patience},
    line::{printable, short_line},
};
use crate::event::{Event, EventType, Offset, SessionId};

mod screen;
#[cfg(test)]
mod tests;

/// Whose courses are made from a command line that names no user: a fixed, valid UUID, so that they can be listed together.
pub const LOCAL_USER: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);

const TOPIC_CHARS_MAX: usize = 500;
const INTERRUPTED: u8 = 130;

/// Starts a run on a server and follows it to its end, resuming by itself when the connection drops. Exits with 0
/// when the course is there, 1 when the run failed or was cancelled, 2 when the server cannot be used, and 130 on
/// Ctrl-C, after which the run goes on.
#[derive(Debug, clap::Args)]
pub struct GenerateArgs {
    /// What the course is about, in 1 to 500 characters
    #[arg(value_parser = topic)]
    topic: String,
    /// Lets the model search the web
    #[arg(long)]
    search_web: bool,
    /// Whose course it is (a UUID); the default is a fixed user for courses made from the command line
    #[arg(long, value_name = "UUID", default_value_t = LOCAL_USER)]
    user_id: Uuid,
    #[command(flatten)]
    server: ServerArg,
}

fn topic(text: &str) -> Result<String, String> {
    let topic = text.trim();
    match topic.chars().count() {
        0 => Err("the topic is empty".to_owned()),
        1..=TOPIC_CHARS_MAX => Ok(topic.to_owned()),
        chars => Err(format!("the topic has {chars} characters, {TOPIC_CHARS_MAX} at most are allowed")),
    }
}

/// # Errors
///
/// Where the HTTP client cannot be built. What goes wrong later is told on stderr and in the exit code.
pub async fn run(args: GenerateArgs) -> anyhow::Result<ExitCode> {
    let api = Api::new(args.server.resolve()?, Duration::from_millis(250))?;
    let request = RunRequest { course_topic: args.topic, search_web: args.search_web, user_id: args.user_id };
    let mut interrupt = pin!(interrupt());
    let screen = Screen::open();

    let started = tokio::select! {
        started = start(&api, &request, &screen) => started,
        () = &mut interrupt => {
            screen.line("interrupted before the server answered: the run may have been started");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let session = match started {
        Ok(session) => session,
        Err(error) => return Ok(unusable(&screen, &error.into())),
    };
    screen.line(&format!("session {session}"));

    let items = follow(api.server(), session, Offset::ZERO, Patience::default());
    let ended = tokio::select! {
        ended = watch(items, &screen) => ended,
        () = &mut interrupt => {
            screen.line(&goes_on(api.server(), session));
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    match ended {
        Ok(end) => Ok(conclude(screen, api.server(), session, &end)),
        Err(error) => {
            let code = unusable(&screen, &error);
            screen.line(&goes_on(api.server(), session));
            Ok(code)
        }
    }
}

async fn start(api: &Api, request: &RunRequest, screen: &Screen) -> Result<SessionId, ApiError> {
    // One key for all attempts: a start whose answer was lost is found again instead of made twice.
    api.start_run(request, Uuid::new_v4(), |error, wait| {
        screen.line(&format!("{}, next try in {:.1} s", printable(&error.to_string()), wait.as_secs_f32()));
    })
    .await
}

/// What is known of a run when it is over.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    course: Option<CourseHead>,
}

/// As much of `course_generated` as is told at the end.
#[derive(Debug, PartialEq, Eq)]
struct CourseHead {
    title: String,
    parts: usize,
    lessons: usize,
}

impl CourseHead {
    fn read(data: Option<&str>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Generated {
            course: Course,
        }
        #[derive(Deserialize)]
        struct Course {
            title: String,
            parts: Vec<Part>,
        }
        #[derive(Deserialize)]
        struct Part {
            lessons: Vec<IgnoredAny>,
        }
        let Generated { course } = serde_json::from_str(data?).ok()?;
        let lessons = course.parts.iter().map(|part| part.lessons.len()).sum();
        Some(Self { title: course.title, parts: course.parts.len(), lessons })
    }
}

/// Shows a run until it is over.
async fn watch(items: impl Stream<Item = Result<Item, FollowError>>, screen: &Screen) -> anyhow::Result<End> {
    let mut items = pin!(items);
    let mut course = None;
    while let Some(item) = items.next().await {
        match item? {
            Item::Status { status, .. } => {
                screen.moved(Progress::default(), &status);
            }
            Item::Event(event) => {
                if event.kind == EventType::CourseGenerated {
                    course = CourseHead::read(data(&event));
                }
                show(&event, screen);
            }
            Item::Disconnected { retry_in, reason } => screen.line(&format!(
                "connection lost ({}), next try in {:.1} s",
                printable(&reason),
                retry_in.as_secs_f32()
            )),
            Item::Reconnected => screen.line("connected again"),
            Item::Complete(completion) => return Ok(End { outcome: completion.outcome, course }),
        }
    }
    bail!("the log broke off before the end of the run")
}

fn show(event: &Event, screen: &Screen) {
    let line = |mark: Option<&str>| screen.line(&short_line(event.timestamp, &Local, mark, &event.message));
    match event.kind {
        EventType::Log => line(None),
        EventType::Success => line(Some("ok:")),
        EventType::Error => line(Some("error:")),
        EventType::Progress => {
            let progress = Progress::read(data(event));
            if !screen.moved(progress, &event.message) {
                line(progress.label().as_deref());
            }
        }
        // The result is told at the end, the start by the session's id.
        EventType::CourseGenerated
        | EventType::SessionStarted
        | EventType::SessionCompleted
        | EventType::SessionFailed
        | EventType::SessionCancelled => {}
    }
}

fn data(event: &Event) -> Option<&str> {
    event.data.as_deref().map(serde_json::value::RawValue::get)
}

/// Says how it ended: the course on stdout, a failure on stderr.
fn conclude(screen: Screen, server: &ServerAddress, session: SessionId, end: &End) -> ExitCode {
    // The bar is cleared first, or it would be drawn into the result.
    drop(screen);
    match summary(server, session, end) {
        Ok(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(text) => {
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn summary(server: &ServerAddress, session: SessionId, end: &End) -> Result<String, String> {
    let page = server.session_page(session);
    let failed = |what: &str, error: &Option<String>| {
        let reason = error.as_deref().map(|error| format!(": {}", printable(error))).unwrap_or_default();
        Err(format!("the run {what}{reason}\nits log: {page}\n         {}\n", server.tail_command(session)))
    };
    match &end.outcome {
        Outcome::Completed { course_id } => {
            let mut text = String::new();
            if let Some(CourseHead { title, parts, lessons }) = &end.course {
                text += &format!("{}\n{}, {}\n", printable(title), count(*parts, "part"), count(*lessons, "lesson"));
            }
            if let Some(course_id) = course_id {
                text += &format!("GET {}\n", server.course(&printable(course_id)));
            }
            Ok(text + &format!("{page}\n"))
        }
        Outcome::Failed { error } => failed("failed", error),
        Outcome::Cancelled { error } => failed("was cancelled", error),
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn unusable(screen: &Screen, error: &anyhow::Error) -> ExitCode {
    screen.line(&format!("error: {}", printable(&format!("{error:#}"))));
    ExitCode::from(2)
}

fn goes_on(server: &ServerAddress, session: SessionId) -> String {
    format!("the run goes on at the server; to follow it again: {}", server.tail_command(session))
}

/// Ends on Ctrl-C. Where the signal cannot be listened for it still stops the command, without a word.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
