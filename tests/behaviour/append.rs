//! Whatever is appended, by whomever, at the same time and in whatever pieces: the log has it in order, its projections are its
//! fold, what was refused left no trace, and everybody who follows sees exactly the rest.

mod plan;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use coursestream::{
    event::{Draft, Event, Offset, SessionId},
    feed::{Feed, ListenerOptions},
    projection::SessionState,
    store::{
        AppendError, Appended, Appender, NewSession, OutsideProducer, Store, StoreOptions, Writer, append::OnCommit,
    },
};
use futures_util::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseResult, TestRunner},
};
use sqlx::PgPool;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::plan::{By, Plan, SessionPlan, Step, Subscriber};
use crate::support::{database::Database, service::PATIENCE};

const CASES: u32 = 24;

#[test]
fn the_log_its_projections_and_its_followers_agree_whatever_is_appended() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let nodes = runtime.block_on(Nodes::start());
    let config = Config { cases: CASES, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&plan::plans(), |plan| runtime.block_on(nodes.try_out(plan)));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Two nodes that append, one of which is followed as well, and one that only hears of it all.
struct Nodes {
    store: Store,
    near: Feed,
    other: Feed,
    far: Feed,
    pool: PgPool,
    _database: Database,
}

/// What became of one append.
struct Outcome {
    drafts: Vec<Draft>,
    by: By,
    result: Result<Appended, AppendError>,
    /// Whether the session had certainly ended, or not, where one writer alone can tell.
    was_ended: Option<bool>,
}

/// One session while its plan is carried out.
struct Running {
    pool: PgPool,
    appenders: [Appender; 2],
    session_id: SessionId,
    is_produced: bool,
    fence: AtomicI64,
    /// Events that are known to be in the log.
    committed: AtomicU64,
    progress: watch::Sender<u64>,
}

impl Nodes {
    async fn start() -> Self {
        let database = Database::create().await;
        let options = StoreOptions {
            connect: database.url.parse().unwrap(),
            is_pooled: false,
            direct: database.url.parse().unwrap(),
            connections_max: 10,
            acquire_timeout: Duration::from_secs(30),
            partition_width: Duration::from_secs(3_600),
        };
        let store = Store::connect(options).await.unwrap();
        let [near, other, far] =
            [(); 3].map(|()| Feed::new(store.clone(), Uuid::new_v4(), "coursestream_test".to_owned()));
        // They run as long as the test does.
        let never = CancellationToken::new();
        for feed in [&near, &far] {
            let listener = ListenerOptions { connect: store.direct_options(), probe_every: Duration::from_secs(5) };
            tokio::spawn(feed.clone().run_listener(listener, never.clone()));
            tokio::spawn(feed.clone().run_sweep(never.clone()));
        }
        for feed in [&near, &other] {
            let (feed, stop) = (feed.clone(), never.clone());
            tokio::spawn(async move { feed.run_notifier(stop).await });
        }
        let pool = PgPool::connect_lazy_with(database.options());
        Self { pool, store, near, other, far, _database: database }
    }

    async fn try_out(&self, plan: Plan) -> TestCaseResult {
        let mut lanes = JoinSet::new();
        let appenders = [&self.near, &self.other].map(|feed| {
            let feed = feed.clone();
            let on_commit: OnCommit = Arc::new(move |batch| feed.committed(batch));
            Appender::start(&self.store, plan.lanes, &on_commit, &mut lanes)
        });
        let mut sessions = Vec::new();
        for session in plan.sessions {
            let appenders = appenders.clone();
            sessions.push(self.begin(appenders, session).await);
        }
        for session in sessions {
            let outcome = tokio::time::timeout(PATIENCE, self.finish(session)).await;
            outcome.unwrap_or_else(|_| Err(TestCaseError::fail("somebody waits for ever")))?;
        }
        drop(appenders);
        tokio::time::timeout(PATIENCE, async { while lanes.join_next().await.is_some() {} })
            .await
            .map_err(|_| TestCaseError::fail("a lane does not end with its appender"))
    }

    async fn begin(&self, appenders: [Appender; 2], plan: SessionPlan) -> Begun {
        let producer = OutsideProducer { name: "a program".to_owned(), write_token_sha256: Vec::new() };
        let new = NewSession {
            topic: "Anything".to_owned(),
            search_web: false,
            user_id: Uuid::new_v4(),
            producer: plan.is_produced.then_some(producer),
        };
        let (session_id, _) = self.store.create_session(&new).await.unwrap();
        let running = Arc::new(Running {
            pool: self.pool.clone(),
            appenders,
            session_id,
            is_produced: plan.is_produced,
            fence: AtomicI64::new(0),
            committed: AtomicU64::new(0),
            progress: watch::Sender::new(0),
        });
        if !plan.is_produced {
            running.take_over().await;
        }
        let (done, is_done) = watch::channel(None);
        let total: usize = plan.writers.iter().flatten().map(Step::drafts).sum();
        let subscribers = plan
            .subscribers
            .into_iter()
            .map(|subscriber| {
                let feed = if subscriber.is_far { self.far.clone() } else { self.near.clone() };
                tokio::spawn(follow(feed, running.clone(), subscriber, total as u64, is_done.clone()))
            })
            .collect();
        let is_alone = plan.writers.len() == 1;
        let writers = plan
            .writers
            .into_iter()
            .enumerate()
            .map(|(number, steps)| tokio::spawn(running.clone().write(number, steps, is_alone)))
            .collect();
        Begun { running, writers, subscribers, done }
    }

    async fn finish(&self, begun: Begun) -> TestCaseResult {
        let Begun { running, writers, subscribers, done } = begun;
        let mut outcomes = Vec::new();
        for writer in writers {
            let of_one = writer.await.map_err(|error| TestCaseError::fail(format!("a writer fell over: {error}")))?;
            let lasts: Vec<Offset> = of_one.iter().filter_map(|o| Some(o.result.as_ref().ok()?.last)).collect();
            prop_assert!(
                lasts.is_sorted(),
                "what one writer appends one after the other stays in that order: {lasts:?}"
            );
            outcomes.extend(of_one);
        }
        let log = read_all(&self.store, running.session_id).await;
        let _ = done.send(Some(log.len() as u64));
        assert_log(&log, &outcomes)?;
        assert_refusals(&running, &log, &outcomes)?;
        self.assert_projection(running.session_id, &log).await?;
        for subscriber in subscribers {
            let (start, seen) =
                subscriber.await.map_err(|error| TestCaseError::fail(format!("a follower fell over: {error}")))?;
            let rest: Vec<String> = log.iter().filter(|event| event.offset > start).map(envelope).collect();
            prop_assert_eq!(seen, rest, "behind {}", start);
        }
        Ok(())
    }

    async fn assert_projection(&self, session_id: SessionId, log: &[Event]) -> TestCaseResult {
        let fold = SessionState::fold(log);
        let row = self.store.find_summary(session_id).await.unwrap().unwrap();
        let projected = SessionState {
            phase: row.head.phase,
            last_offset: row.head.last_offset.get(),
            counts: row.counts,
            course_id: row.course_id,
            error: row.error,
            provider: row.provider,
            model: row.model,
            prompt_tokens: row.usage.prompt_tokens,
            completion_tokens: row.usage.completion_tokens,
            attempts: row.attempts,
        };
        prop_assert_eq!(projected, fold);
        let ended_at = log.last().filter(|event| event.kind.is_terminal()).map(|event| event.timestamp);
        prop_assert_eq!(row.ended_at, ended_at);
        prop_assert_eq!(self.store.rebuild_session(session_id, false).await.unwrap(), vec![]);
        Ok(())
    }
}

/// A session whose plan is under way.
struct Begun {
    running: Arc<Running>,
    writers: Vec<JoinHandle<Vec<Outcome>>>,
    subscribers: Vec<JoinHandle<(Offset, Vec<String>)>>,
    done: watch::Sender<Option<u64>>,
}

impl Running {
    async fn take_over(&self) {
        // As where another node claims it.
        let seize = "update coursestream.sessions set fence = fence + 1 where session_id = $1 and ended_at is null returning fence";
        let seized =
            sqlx::query_scalar::<_, i64>(seize).bind(self.session_id.as_uuid()).fetch_optional(&self.pool).await;
        if let Some(fence) = seized.unwrap() {
            self.fence.fetch_max(fence, Ordering::SeqCst);
        }
    }

    fn writer(&self, by: By) -> Writer {
        let fence = self.fence.load(Ordering::SeqCst);
        match (by, self.is_produced) {
            (By::Rightful, true) | (By::Stranger, false) => Writer::Producer,
            (By::Rightful, false) => Writer::Run { fence },
            (By::Stale, false) => Writer::Run { fence: fence - 1 },
            (By::Stale | By::Stranger, true) => Writer::Run { fence: 7 },
        }
    }

    async fn write(self: Arc<Self>, number: usize, steps: Vec<Step>, is_alone: bool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut is_ended = false;
        for step in steps {
            let appends = match step {
                Step::TakeOver if self.is_produced => continue,
                Step::TakeOver => {
                    self.take_over().await;
                    continue;
                }
                Step::Append(appends) => appends,
            };
            let appender = &self.appenders[number % 2];
            let results = join_all(
                appends
                    .iter()
                    .map(|(drafts, by)| appender.append(self.session_id, self.writer(*by), drafts.clone(), PATIENCE)),
            );
            for ((drafts, by), result) in appends.iter().zip(results.await) {
                let was_ended = is_alone.then_some(is_ended);
                if let Ok(appended) = &result {
                    is_ended |= drafts.last().unwrap().kind.is_terminal();
                    self.committed.fetch_max(appended.last.get(), Ordering::SeqCst);
                }
                outcomes.push(Outcome { drafts: drafts.clone(), by: *by, result, was_ended });
            }
            self.progress.send_replace(self.committed.load(Ordering::SeqCst));
        }
        outcomes
    }
}

/// Joins when about so much has been written, behind some offset, and takes what comes until it has everything.
async fn follow(
    feed: Feed,
    running: Arc<Running>,
    subscriber: Subscriber,
    total: u64,
    mut is_done: watch::Receiver<Option<u64>>,
) -> (Offset, Vec<String>) {
    let mut progress = running.progress.subscribe();
    let wanted = total * u64::from(subscriber.joins_after_percent) / 100;
    tokio::select! {
        _ = progress.wait_for(|committed| *committed >= wanted) => {}
        // Refused appends never make it so far.
        _ = is_done.wait_for(Option::is_some) => {}
    }
    let committed = running.committed.load(Ordering::SeqCst);
    let start = Offset::new(committed * u64::from(subscriber.starts_at_percent) / 100);
    let last_seen = if start == Offset::ZERO && subscriber.names_no_offset { None } else { Some(start) };
    let (head, mut subscription) = feed.join(running.session_id, last_seen).await.unwrap();
    assert!(head.last_offset.get() >= start.get());
    let mut seen = Vec::new();
    loop {
        if is_done.borrow_and_update().is_some_and(|end| subscription.cursor().get() >= end) {
            return (start, seen);
        }
        tokio::select! {
            chunk = subscription.next() => match chunk.unwrap() {
                Some(frames) => seen.extend(frames.iter().map(|frame| envelope(frame.event()))),
                None => return (start, seen),
            },
            _ = is_done.changed() => {}
        }
    }
}

async fn read_all(store: &Store, session_id: SessionId) -> Vec<Event> {
    let mut log: Vec<Event> = Vec::new();
    loop {
        let after = log.last().map_or(Offset::ZERO, |event| event.offset);
        let page = store.read_after(session_id, after, 500).await.unwrap();
        log.extend(page.events);
        if page.is_dry {
            return log;
        }
    }
}

fn envelope(event: &Event) -> String {
    serde_json::to_string(event).unwrap()
}

/// What was said to be in the log is in it where it was said to be, and nothing else is.
fn assert_log(log: &[Event], outcomes: &[Outcome]) -> TestCaseResult {
    let mut expected: Vec<Option<&Draft>> = vec![None; log.len()];
    for Outcome { drafts, result, .. } in outcomes {
        let Ok(Appended { first, last }) = result else { continue };
        prop_assert_eq!(last.get() - first.get() + 1, drafts.len() as u64);
        for (offset, draft) in (first.get()..).zip(drafts) {
            let place = usize::try_from(offset).unwrap() - 1;
            prop_assert!(place < log.len(), "offset {} is not in the log", offset);
            prop_assert!(expected[place].replace(draft).is_none(), "offset {} was given twice", offset);
        }
    }
    for (offset, (event, draft)) in (1..).zip(log.iter().zip(expected)) {
        prop_assert_eq!(event.offset.get(), offset, "no hole");
        let Some(draft) = draft else { return Err(TestCaseError::fail(format!("nobody wrote offset {offset}"))) };
        prop_assert_eq!(event.kind, draft.kind);
        prop_assert_eq!(&event.message, &draft.message);
        let [kept, given] = [&event.data, &draft.data].map(|data| data.as_deref().map(|raw| raw.get()));
        prop_assert_eq!(kept, given, "to the byte");
    }
    let endings = log.iter().filter(|event| event.kind.is_terminal()).count();
    prop_assert!(endings <= 1, "a session ends once");
    prop_assert!(endings == 0 || log.last().unwrap().kind.is_terminal(), "nothing follows the end");
    Ok(())
}

/// Nobody is refused without a reason, and nobody is let in against one.
fn assert_refusals(running: &Running, log: &[Event], outcomes: &[Outcome]) -> TestCaseResult {
    let has_ended = log.last().is_some_and(|event| event.kind.is_terminal());
    let was_taken_over = running.fence.load(Ordering::SeqCst) > 1;
    for Outcome { by, result, was_ended, .. } in outcomes {
        match (result, was_ended) {
            (Ok(_), Some(true)) => return Err(TestCaseError::fail("an append behind the end")),
            (Ok(_), _) => prop_assert_eq!(*by, By::Rightful),
            (Err(AppendError::Ended), was_ended) => {
                prop_assert!(has_ended);
                prop_assert_ne!(*was_ended, Some(false));
            }
            (Err(AppendError::Fenced), was_ended) => {
                prop_assert_ne!(*was_ended, Some(true));
                let is_overtaken = was_ended.is_none() && was_taken_over && !running.is_produced;
                prop_assert!(*by != By::Rightful || is_overtaken);
            }
            (Err(error), _) => return Err(TestCaseError::fail(format!("{error}"))),
        }
    }
    Ok(())
}
