//! Chores on a schedule.
//!
//! The scheduler only wakes; every job is a task of the node's own, so one that takes longer than its interval is not started
//! a second time, and shutting down waits for it.

mod partitions;
mod prune;
mod seal;

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinSet};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// When the jobs run and what they keep.
#[derive(Clone, Copy, Debug)]
pub struct JobOptions {
    pub prune_every: Duration,
    pub session_ttl: Duration,
    pub history_retention: Duration,
    pub access_retention: Duration,
    pub partition_width: Duration,
    pub seal_every: Duration,
}

/// Runs all jobs until told to stop. `ended` rings when a session has ended on this node.
///
/// # Errors
///
/// When the scheduler cannot be set up.
pub async fn run(
    store: Store,
    options: JobOptions,
    ended: Arc<Notify>,
    stop: CancellationToken,
) -> Result<(), JobSchedulerError> {
    let mut scheduler = JobScheduler::new().await?;
    let mut tasks = JoinSet::new();

    let due = wake_every(&scheduler, options.prune_every).await?;
    tasks.spawn(prune::run(store.clone(), options, due, stop.clone()));

    // Twice in a partition's time, so that one missed run leaves none missing.
    let due = wake_every(&scheduler, (options.partition_width / 2).max(Duration::from_secs(1))).await?;
    tasks.spawn(partitions::run(store.clone(), due, stop.clone()));

    let due = wake_every(&scheduler, seal::SWEEP_EVERY).await?;
    tasks.spawn(seal::run(store, options.seal_every, ended, due, stop));

    scheduler.start().await?;
    while tasks.join_next().await.is_some() {}
    scheduler.shutdown().await
}

/// A bell that rings once in every interval. Rings that nobody waits for are one ring.
async fn wake_every(scheduler: &JobScheduler, every: Duration) -> Result<Arc<Notify>, JobSchedulerError> {
    let bell = Arc::new(Notify::new());
    let ring = bell.clone();
    scheduler.add(Job::new_repeated(every, move |_, _| ring.notify_one())?).await?;
    Ok(bell)
}
