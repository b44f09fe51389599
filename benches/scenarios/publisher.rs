//! Outside producers: connections ("lanes") that post messages, each waiting for its answer before the next. They have a thread
//! and a runtime of their own, so that busy subscribers do not slow them down.
//!
//! With a fixed rate every lane has a schedule. A message that leaves late, because the answer before it was late or because it
//! is more than [`TIMER_SLACK`] behind, counts from its schedule: otherwise a server that stands still for a second would be
//! asked nothing in that second and would seem slow only once (coordinated omission). For the same reason what is behind at the end still
//! leaves, for as long again as the schedule was.

use std::{net::SocketAddr, sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::{sync::oneshot, task::JoinSet, time::Instant};

use crate::{
    histogram::Histogram,
    http::Connection,
    ledger::Ledger,
    token::{SESSIONS_MAX, Token, nanos, number_after},
};

/// Tokio's timers wake up to so much late by themselves.
const TIMER_SLACK: Duration = Duration::from_millis(2);
/// What is acknowledged so long after the schedule's end was in time.
const IN_TIME: Duration = Duration::from_millis(100);
/// Lanes from here on warm up: their latencies are not counted.
const WARM_UP_LANES: u16 = 0x800;

/// How much is published, how fast.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub lanes: u16,
    /// Messages a POST.
    pub batch: u32,
    pub pace: Pace,
    pub duration: Duration,
    /// A bound besides the duration.
    pub messages_max: u64,
    pub is_warm_up: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As fast as it goes with at most so many messages on their way to their subscribers.
    FlatOut { under_way_max: u64 },
    /// Messages per second in all.
    Rate(f64),
}

/// What came of a [`Plan`].
#[derive(Clone, Default)]
pub struct Published {
    pub messages: u64,
    /// What the schedule asked for; equals `messages` where there is none.
    pub scheduled: u64,
    /// Messages that were acknowledged when the schedule was over.
    pub in_time: u64,
    /// From sending a POST, or from when it ought to have been sent, to its answer.
    pub acks: Histogram,
    /// When each POST was (to be) sent and how long its answer took, in nanoseconds.
    pub ack_times: Vec<(u64, u64)>,
    pub first_nanos: u64,
}

/// Whether messages of the lane are measured.
pub const fn is_measured(lane: u16) -> bool {
    lane < WARM_UP_LANES
}

/// Publishes to all sessions of the ledger by turns. With at least as many sessions as lanes, a session belongs to one lane.
pub async fn publish(address: SocketAddr, ledger: &Arc<Ledger>, plan: Plan) -> Result<Published> {
    let (done, published) = oneshot::channel();
    let ledger = ledger.clone();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run_lanes(address, ledger, plan))
    };
    thread::Builder::new().name("publishers".to_owned()).spawn(move || done.send(work()))?;
    published.await.context("the publishers panicked")?
}

async fn run_lanes(address: SocketAddr, ledger: Arc<Ledger>, plan: Plan) -> Result<Published> {
    let mut lanes = JoinSet::new();
    let begin = Instant::now();
    for index in 0..plan.lanes {
        lanes.spawn(Lane::new(index, &plan, &ledger, begin).run(address, plan, ledger.clone()));
    }
    let mut all = Published { first_nanos: u64::MAX, ..Published::default() };
    while let Some(lane) = lanes.join_next().await {
        let lane = lane??;
        all.messages += lane.messages;
        all.scheduled += lane.scheduled;
        all.in_time += lane.in_time;
        all.acks.add(&lane.acks);
        all.ack_times.extend(lane.ack_times);
        all.first_nanos = all.first_nanos.min(lane.first_nanos);
    }
    ledger.check()?;
    Ok(all)
}

struct Lane {
    id: u16,
    /// Indexes of its sessions, and the number of the next message of each.
    sessions: Vec<(usize, u32)>,
    left: u64,
    deadline: Instant,
    /// How long after it what is behind the schedule may still leave.
    overtime: Duration,
    schedule: Option<Schedule>,
    published: Published,
}

struct Schedule {
    due: Instant,
    step: Duration,
}

impl Lane {
    fn new(index: u16, plan: &Plan, ledger: &Ledger, begin: Instant) -> Self {
        let (lane, lanes, count) = (usize::from(index), usize::from(plan.lanes), ledger.sessions.len());
        let own: Vec<usize> = if count >= lanes { (lane..count).step_by(lanes).collect() } else { vec![lane % count] };
        let schedule = match plan.pace {
            Pace::FlatOut { .. } => None,
            Pace::Rate(rate) => {
                let step = Duration::from_secs_f64(f64::from(plan.batch) * f64::from(plan.lanes) / rate);
                Some(Schedule { due: begin + step * u32::from(index) / u32::from(plan.lanes), step })
            }
        };
        Self {
            id: if plan.is_warm_up { WARM_UP_LANES + index } else { index },
            sessions: own.into_iter().map(|session| (session, 0)).collect(),
            left: plan.messages_max / lanes as u64 + u64::from(plan.messages_max % lanes as u64 > lane as u64),
            deadline: begin + plan.duration,
            overtime: plan.duration,
            schedule,
            published: Published { first_nanos: u64::MAX, ..Published::default() },
        }
    }

    async fn run(mut self, address: SocketAddr, plan: Plan, ledger: Arc<Ledger>) -> Result<Published> {
        let mut connection = Connection::open(address).await?;
        let paths: Vec<String> = self.sessions.iter().map(|(index, _)| path(&ledger, *index)).collect();
        let mut body = Vec::new();
        let mut free_at = Instant::now();
        for turn in (0..self.sessions.len()).cycle() {
            if self.left == 0 || ledger.is_broken() || !self.wait_for_turn(plan.pace, &ledger).await {
                break;
            }
            let count = u64::from(plan.batch).min(self.left) as u32;
            let behind = self.behind(free_at);
            let sent = nanos().saturating_sub(behind.as_nanos() as u64);
            let (session, number) = self.sessions[turn];
            let token = |index| Token { session: session as u16, lane: self.id, number: number + index, nanos: sent };
            body.clear();
            for index in 0..count {
                body.push(if index == 0 { b'[' } else { b',' });
                token(index).write_message(&mut body);
            }
            body.push(b']');

            ledger.expect(u64::from(count));
            let answer = match connection.post(&paths[turn], &body).await {
                Ok(answer) => answer,
                // Whether it was stored is not known, so nothing that follows could be judged.
                Err(error) => {
                    ledger.report(format!("{error:#}"));
                    break;
                }
            };
            let took = nanos() - sent;
            free_at = Instant::now();
            let first = number_after(answer, b"\"firstOffset\":").context("no firstOffset in the answer")?;
            let fingerprint = |index| token(index).fingerprint(first + u64::from(index));
            let fingerprints = (0..count).map(fingerprint).fold(0_u64, u64::wrapping_add);
            ledger.acknowledged(session, u64::from(count), first + u64::from(count) - 1, fingerprints);
            self.sessions[turn].1 += count;
            self.left -= u64::from(count);
            self.published.messages += u64::from(count);
            if self.deadline.elapsed() < IN_TIME {
                self.published.in_time += u64::from(count);
            }
            self.published.acks.record_nanos(took);
            self.published.ack_times.push((sent, took));
            self.published.first_nanos = self.published.first_nanos.min(sent);
        }
        // Posts that the schedule still asked for.
        let missed = self.schedule.as_ref().map_or(0.0, |schedule| {
            let left = self.deadline.saturating_duration_since(schedule.due);
            if self.left == 0 { 0.0 } else { left.as_secs_f64() / schedule.step.as_secs_f64() }
        });
        self.published.scheduled = self.published.messages + missed as u64 * u64::from(plan.batch);
        Ok(self.published)
    }

    /// Waits until the next message may or should leave; false where that is after the end.
    async fn wait_for_turn(&self, pace: Pace, ledger: &Ledger) -> bool {
        match (&self.schedule, pace) {
            (Some(schedule), _) => {
                tokio::time::sleep_until(schedule.due.min(self.deadline)).await;
                schedule.due < self.deadline && self.deadline.elapsed() < self.overtime
            }
            (None, Pace::FlatOut { under_way_max }) => {
                ledger.wait_for_room(under_way_max, self.deadline).await;
                Instant::now() < self.deadline
            }
            (None, Pace::Rate(_)) => unreachable!("a rate has a schedule"),
        }
    }

    /// How far behind its schedule the message leaves, where that is not the timer's doing; moves the schedule on.
    fn behind(&mut self, free_at: Instant) -> Duration {
        let Some(schedule) = &mut self.schedule else { return Duration::ZERO };
        let due = schedule.due;
        schedule.due += schedule.step;
        let behind = due.elapsed();
        if free_at > due || behind > TIMER_SLACK { behind } else { Duration::ZERO }
    }
}

fn path(ledger: &Ledger, session: usize) -> String {
    format!("/api/v1/sessions/{}/messages", ledger.sessions[session].id)
}

/// Creates sessions, several at a time, and returns their ids.
pub async fn create_sessions(address: SocketAddr, count: usize) -> Result<Vec<String>> {
    const AT_ONCE: usize = 16;
    ensure!(count <= SESSIONS_MAX, "a token tells {SESSIONS_MAX} sessions apart, not {count}");
    let mut lanes = JoinSet::new();
    for lane in 0..AT_ONCE.min(count) {
        let own = (count - lane).div_ceil(AT_ONCE);
        lanes.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut ids = Vec::with_capacity(own);
            for _ in 0..own {
                let body = br#"{"topic":"A course under load","user_id":"11111111-1111-4111-8111-111111111111"}"#;
                let answer = connection.post("/api/v1/sessions", body).await?;
                let created: serde_json::Value = serde_json::from_slice(answer)?;
                ids.push(created["sessionId"].as_str().context("no sessionId in the answer")?.to_owned());
            }
            anyhow::Ok(ids)
        });
    }
    let mut ids = Vec::with_capacity(count);
    while let Some(own) = lanes.join_next().await {
        ids.extend(own??);
    }
    Ok(ids)
}
