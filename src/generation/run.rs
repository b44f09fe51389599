//! One run on this node, from its claim to its end.
//!
//! Everything that the run appends goes through one loop, in order: results of steps, progress, and the lines that were
//! logged on the way. Model calls run beside it, several at a time.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    capture::{Capture, Captures},
    prompts,
    workflow::{StepData, StepKey, StepResult, WorkflowState, read_answer},
};
use crate::{
    event::{Draft, EventType, Offset},
    feed::Feed,
    projection::SessionRequest,
    provider::{Provider, ProviderError, Request, Usage},
    store::{AppendError, Appender, Claim, Store, StoreError, Writer},
};

/// Bounds of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Model calls of one run at a time.
    pub calls_max: usize,
    /// How often the model is asked for one step until its answer is valid.
    pub tries_max: u32,
    /// How many nodes may work on one run, one after the other, before it counts as failed.
    pub attempts_max: u32,
}

/// How long an append of a run waits for the database. Beyond it the lease has long run out and another node goes on.
const APPEND_PATIENCE: Duration = Duration::from_secs(60);
/// What a run that stops may still take to write down what it has, beyond its grace.
const LAST_APPEND_MAX: Duration = Duration::from_secs(2);
const FOLD_PAGE: usize = 500;

pub(super) struct Run {
    pub(super) claim: Claim,
    pub(super) store: Store,
    pub(super) appender: Appender,
    pub(super) feed: Feed,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) options: RunOptions,
}

/// Why a run stops without having ended its session.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the log cannot be read: {0}")]
    Read(#[from] StoreError),
    #[error("the log cannot be written: {0}")]
    Append(#[from] AppendError),
    #[error("this node stops")]
    Stopping,
    #[error("the session is no longer this node's")]
    Lost,
}

impl Interrupted {
    /// Whether it is none of the run's doing.
    const fn is_excuse(&self) -> bool {
        match self {
            Self::Stopping => true,
            Self::Read(error) => error.is_transient(),
            Self::Append(error) => matches!(error, AppendError::Unavailable | AppendError::OutcomeUnknown),
            Self::Lost => false,
        }
    }
}

/// How an unfinished run is given to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandBack {
    /// The attempt is not held against the run.
    Excused,
    Counted,
}

/// A step that has no result, after all tries.
struct StepFailure {
    key: StepKey,
    /// In one word; see [`failed`].
    cause: &'static str,
    reason: String,
    usage: Usage,
}

/// The model's answers broke the course rules until no try was left.
const INVALID_ANSWER: &str = "invalid_answer";
/// The steps fit their rules, but not each other.
const INVALID_COURSE: &str = "invalid_course";
/// Too many nodes have lost the run.
const INTERRUPTED: &str = "interrupted";
/// A fault of this service.
const INTERNAL: &str = "internal";

struct StepDone {
    key: StepKey,
    result: StepResult,
    model: String,
    usage: Usage,
    tries: u32,
    duration_ms: u64,
}

type Steps = FuturesUnordered<BoxFuture<'static, Result<StepDone, StepFailure>>>;

impl Run {
    /// Works on the run until its session has ended, its lease is lost, or the node stops. What it returns says how the lease,
    /// which may still be ours then, is to be handed back.
    pub(super) async fn carry_out(
        self,
        captures: &Captures,
        stop: &CancellationToken,
        grace: Duration,
        lost: &CancellationToken,
    ) -> Option<HandBack> {
        let session_id = self.claim.session_id;
        let capture = captures.begin(session_id);
        let span = tracing::info_span!(parent: None, "run", session.id = %session_id);
        let ended_elsewhere = ended_elsewhere(self.feed.clone(), &self.claim);
        let work = self.work(&capture, stop, grace).instrument(span);
        let result = tokio::select! {
            // The log first: a run that is told of its own end has nothing left to do.
            biased;
            result = work => result,
            () = ended_elsewhere => Err(Interrupted::Lost),
            () = lost.cancelled() => Err(Interrupted::Lost),
            // Also where it waits for a database that does not answer.
            () = async {
                stop.cancelled().await;
                tokio::time::sleep(grace + LAST_APPEND_MAX).await;
            } => Err(Interrupted::Stopping),
        };
        match result {
            Ok(()) => None,
            Err(
                Interrupted::Lost
                | Interrupted::Append(AppendError::Fenced | AppendError::Ended | AppendError::NotFound),
            ) => {
                tracing::info!(session.id = %session_id, "the run has ended or goes on elsewhere");
                None
            }
            Err(reason @ (Interrupted::Stopping | Interrupted::Read(_) | Interrupted::Append(_))) => {
                tracing::warn!(session.id = %session_id, %reason, "a run is handed back unfinished");
                Some(if reason.is_excuse() { HandBack::Excused } else { HandBack::Counted })
            }
        }
    }

    async fn work(&self, capture: &Capture, stop: &CancellationToken, grace: Duration) -> Result<(), Interrupted> {
        let mut state = self.fold().await?;
        if state.is_ended {
            return Ok(());
        }
        if !self.take_up(&mut state, capture).await? {
            return Ok(());
        }
        match self.steps(&mut state, capture, stop, grace).await? {
            Ok(()) => self.complete(&state, capture).await,
            Err(failure) => self.fail(&failure, capture).await,
        }
    }

    async fn fold(&self) -> Result<WorkflowState, StoreError> {
        let mut state = WorkflowState::default();
        loop {
            let page = self.store.read_after(self.claim.session_id, state.last_offset, FOLD_PAGE).await?;
            for event in &page.events {
                state.apply(event);
            }
            if page.is_dry {
                return Ok(state);
            }
        }
    }

    /// Says in the log that this node works on the run. False where too many have tried: then the run has failed.
    async fn take_up(&self, state: &mut WorkflowState, capture: &Capture) -> Result<bool, Interrupted> {
        let attempt = state.attempts + 1;
        let interruptions = state.attempts.saturating_sub(self.claim.handed_back);
        state.attempts = attempt;
        if interruptions >= self.options.attempts_max {
            let error = format!("the run was interrupted {interruptions} times and is given up");
            self.append(capture, vec![failed(&error, INTERRUPTED, None, Usage::default())]).await?;
            return Ok(false);
        }
        let draft = if state.is_started {
            metrics::counter!("coursestream_runs_taken_over_total").increment(1);
            Draft::new(EventType::Log, format!("The run was interrupted and goes on (attempt {attempt})"))
                .with_data(&json!({"attempt": attempt}))
        } else {
            Draft::new(EventType::SessionStarted, "The run has started").with_data(&Started {
                request: SessionRequest {
                    topic: Some(self.claim.topic.clone()),
                    search_web: Some(self.claim.search_web),
                    user_id: Some(self.claim.user_id),
                    started_at: Some(self.claim.created_at),
                    producer: None,
                },
                provider: self.provider.name(),
                model: self.provider.model(),
                attempt,
            })
        };
        self.append(capture, vec![draft]).await?;
        state.is_started = true;
        Ok(true)
    }

    /// Does step after step until none is missing.
    async fn steps(
        &self,
        state: &mut WorkflowState,
        capture: &Capture,
        stop: &CancellationToken,
        grace: Duration,
    ) -> Result<Result<(), StepFailure>, Interrupted> {
        let mut running: Steps = FuturesUnordered::new();
        let mut under_way = HashSet::new();
        let stopped = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::pin!(stopped);
        loop {
            if !stop.is_cancelled() {
                let wanted: Vec<StepKey> = state
                    .ready()
                    .into_iter()
                    .filter(|key| !under_way.contains(key))
                    .take(self.options.calls_max.saturating_sub(running.len()))
                    .collect();
                if !wanted.is_empty() {
                    let begun = wanted.iter().map(|key| begins(state, *key)).collect();
                    self.append(capture, begun).await?;
                }
                for key in wanted {
                    under_way.insert(key);
                    running.push(self.step(state, key));
                }
            }
            if running.is_empty() {
                return if state.ready().is_empty() { Ok(Ok(())) } else { Err(Interrupted::Stopping) };
            }
            tokio::select! {
                Some(done) = running.next() => match done {
                    Ok(done) => {
                        under_way.remove(&done.key);
                        state.record(done.key, done.result.clone());
                        self.append(capture, vec![succeeded(state, done)]).await?;
                    }
                    Err(failure) => return Ok(Err(failure)),
                },
                () = capture.news() => self.append(capture, Vec::new()).await?,
                () = &mut stopped => return Err(Interrupted::Stopping),
            }
        }
    }

    /// Asks the model for one step until its answer is valid.
    fn step(&self, state: &WorkflowState, key: StepKey) -> BoxFuture<'static, Result<StepDone, StepFailure>> {
        let ask = Ask { key, topic: self.claim.topic.clone(), search_web: self.claim.search_web, state: state.clone() };
        let (provider, tries_max) = (self.provider.clone(), self.options.tries_max);
        Box::pin(async move { ask.until_valid(provider.as_ref(), tries_max).await }.in_current_span())
    }

    async fn complete(&self, state: &WorkflowState, capture: &Capture) -> Result<(), Interrupted> {
        // Both in one append: a course without its ending, or the other way round, cannot be.
        let course_id = state.course_id.unwrap_or_else(Uuid::now_v7);
        let mut drafts = Vec::new();
        if state.course_id.is_none() {
            let course = match state.course(course_id) {
                Some(Ok(course)) => course,
                Some(Err(violations)) => {
                    let failure = failed(&violations.to_string(), INVALID_COURSE, None, Usage::default());
                    return self.fail_with(capture, &violations.to_string(), failure).await;
                }
                None => return Err(Interrupted::Stopping),
            };
            let summary = json!({
                "title": course.title,
                "parts": course.parts.len(),
                "lessons": course.lesson_count(),
            });
            drafts.push(
                Draft::new(EventType::Progress, "Saving the course")
                    .with_data(&json!({"step": "save", "percent": 100})),
            );
            drafts.push(
                Draft::new(EventType::CourseGenerated, format!("The course “{}” is ready", course.title))
                    .with_data(&json!({"courseId": course_id, "course": course, "summary": summary})),
            );
        }
        drafts.push(
            Draft::new(EventType::SessionCompleted, "The run is complete").with_data(&json!({"courseId": course_id})),
        );
        self.append(capture, drafts).await
    }

    async fn fail(&self, failure: &StepFailure, capture: &Capture) -> Result<(), Interrupted> {
        let error = format!("{}: {}", failure.key, failure.reason);
        let ending = failed(&error, failure.cause, Some(failure.key), failure.usage);
        self.fail_with(capture, &error, ending).await
    }

    async fn fail_with(&self, capture: &Capture, error: &str, ending: Draft) -> Result<(), Interrupted> {
        // For the operator; outside of the run's span, since its own log says it below.
        tracing::warn!(parent: None, session.id = %self.claim.session_id, "a run failed: {error}");
        self.append(capture, vec![Draft::new(EventType::Error, error), ending]).await
    }

    /// Appends what was logged since the last time, then the drafts.
    async fn append(&self, capture: &Capture, drafts: Vec<Draft>) -> Result<(), Interrupted> {
        let mut all = capture.take();
        all.extend(drafts);
        if all.is_empty() {
            return Ok(());
        }
        let writer = Writer::Run { fence: self.claim.fence };
        self.appender.append(self.claim.session_id, writer, all, APPEND_PATIENCE).await?;
        Ok(())
    }
}

/// Returns when the session's terminal event is committed: by a cancellation, or by the node that took the run over.
async fn ended_elsewhere(feed: Feed, claim: &Claim) {
    let mut last = Offset::ZERO;
    loop {
        if let Ok((head, mut subscription)) = feed.join(claim.session_id, Some(last)).await {
            if head.phase.is_ended() {
                return;
            }
            while let Ok(next) = subscription.next().await {
                match next {
                    Some(frames) if frames.last().is_some_and(|frame| frame.is_terminal()) => return,
                    Some(_) => last = subscription.cursor(),
                    None => return,
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn begins(state: &WorkflowState, key: StepKey) -> Draft {
    let progress = state.progress();
    Draft::new(EventType::Progress, format!("Working on {key}")).with_data(&json!({
        "step": key.name(), "part": key.part(), "lesson": key.lesson(),
        "done": progress.done, "total": progress.total, "percent": progress.percent,
    }))
}

/// The data of `session_started`.
#[derive(Serialize)]
struct Started<'a> {
    #[serde(flatten)]
    request: SessionRequest,
    provider: &'a str,
    model: &'a str,
    attempt: u32,
}

/// The terminal event of a failed run: the failure in words for people, and its cause and place for those who count.
fn failed(error: &str, cause: &'static str, key: Option<StepKey>, usage: Usage) -> Draft {
    let (part, lesson) = (key.and_then(StepKey::part), key.and_then(StepKey::lesson));
    Draft::new(EventType::SessionFailed, "The run failed").with_data(&json!({
        "error": error, "usage": usage, "cause": cause, "step": key.map(StepKey::name), "part": part, "lesson": lesson,
    }))
}

fn succeeded(state: &WorkflowState, done: StepDone) -> Draft {
    let progress = state.progress();
    let data = StepData {
        step: done.key.name().to_owned(),
        part: done.key.part(),
        lesson: done.key.lesson(),
        result: done.result.to_json(),
        usage: done.usage,
        model: done.model,
        attempt: state.attempts,
        tries: done.tries,
        duration_ms: done.duration_ms,
        done: progress.done,
        total: progress.total,
        percent: progress.percent,
    };
    Draft::new(EventType::Success, done.result.headline(done.key)).with_data(&data)
}

/// What a model can do about an answer that did not arrive whole.
fn reword(error: &ProviderError) -> String {
    match error {
        ProviderError::CutOff { .. } => {
            "the answer was cut off at its length limit; answer much more briefly".to_owned()
        }
        other => other.to_string(),
    }
}

/// A model call, counted by how it ended. One that is dropped on its way was cancelled.
struct Call {
    outcome: &'static str,
}

impl Call {
    const fn begin() -> Self {
        Self { outcome: "cancelled" }
    }

    /// It was answered, or given up, and cost so much.
    fn end(&mut self, outcome: &'static str, usage: Usage) {
        self.outcome = outcome;
        metrics::counter!("coursestream_model_tokens_total", "kind" => "prompt").increment(usage.prompt_tokens);
        metrics::counter!("coursestream_model_tokens_total", "kind" => "completion").increment(usage.completion_tokens);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        metrics::counter!("coursestream_model_calls_total", "outcome" => self.outcome).increment(1);
    }
}

/// One step's question.
struct Ask {
    key: StepKey,
    topic: String,
    search_web: bool,
    state: WorkflowState,
}

impl Ask {
    async fn until_valid(self, provider: &dyn Provider, tries_max: u32) -> Result<StepDone, StepFailure> {
        let began = Instant::now();
        let key = self.key;
        let mut usage = Usage::default();
        let mut correction: Option<String> = None;
        for try_number in 1..=tries_max {
            let Some(request) = self.request(correction.as_deref()) else {
                let reason = "its place in the course is missing".to_owned();
                return Err(StepFailure { key, cause: INTERNAL, reason, usage });
            };
            let mut call = Call::begin();
            let (wrong, cause, is_final) = match provider.answer(&request).await {
                Ok(answer) => {
                    usage += answer.usage;
                    match read_answer(key, &answer.json) {
                        Ok(result) => {
                            call.end("valid", answer.usage);
                            let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                            let model = answer.model;
                            return Ok(StepDone { key, result, model, usage, tries: try_number, duration_ms });
                        }
                        Err(wrong) => {
                            call.end("invalid", answer.usage);
                            correction = Some(wrong.clone());
                            (wrong, INVALID_ANSWER, false)
                        }
                    }
                }
                Err(error) => {
                    call.end("failed", error.usage());
                    usage += error.usage();
                    // What was wrong with an earlier answer is not what was wrong with this one.
                    correction = Some(reword(&error));
                    (error.to_string(), error.cause(), !error.is_worth_rewording())
                }
            };
            if is_final {
                return Err(StepFailure { key, cause, reason: wrong, usage });
            }
            if try_number == tries_max {
                let reason = format!("the model gave no usable answer in {tries_max} tries; the last: {wrong}");
                return Err(StepFailure { key, cause, reason, usage });
            }
            tracing::warn!(
                "{key}: the answer is not usable ({wrong}); asking again, try {} of {tries_max}",
                try_number + 1
            );
        }
        Err(StepFailure { key, cause: INTERNAL, reason: "no tries are allowed".to_owned(), usage })
    }

    fn request(&self, correction: Option<&str>) -> Option<Request> {
        let Self { key, topic, search_web, state } = self;
        match *key {
            StepKey::Structure => Some(prompts::structure(topic, *search_web, correction)),
            StepKey::Lessons { part } => {
                Some(prompts::lessons(topic, state.outline.as_ref()?, part, *search_web, correction))
            }
            StepKey::Content { part, lesson } => {
                let (outline, lesson) = (state.outline.as_ref()?, state.lesson(part, lesson)?);
                Some(prompts::content(topic, outline, part, lesson, *search_web, correction))
            }
        }
    }
}
