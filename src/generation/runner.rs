//! Claims runs for this node, keeps their leases alive, and hands back what it cannot finish.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Captures, Generation,
    run::{HandBack, Run, RunOptions},
};
use crate::{
    feed::Feed,
    provider::Provider,
    store::{Claim, Renewal},
};

/// How this node runs.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// Runs at once on this node.
    pub running_max: usize,
    pub lease_ttl: Duration,
    /// How long steps that are under way may go on once the node is told to stop.
    pub grace: Duration,
    pub run: RunOptions,
}

/// How often queued runs and those of dead nodes are looked for.
const CLAIM_EVERY: Duration = Duration::from_secs(1);
/// Tries at a lease whose row is locked, and the pause between them.
const RENEWALS_MAX: usize = 20;
const RENEWAL_PAUSE: Duration = Duration::from_millis(50);
/// How long a node that stops waits for a lease to be handed back.
const RELEASE_MAX: Duration = Duration::from_secs(2);

/// The runs of this node.
pub struct Runner {
    generation: Generation,
    feed: Feed,
    provider: Arc<dyn Provider>,
    captures: Captures,
    options: RunnerOptions,
    held: Held,
}

/// The leases that this node holds, and how to stop their runs.
#[derive(Clone, Default)]
struct Held {
    runs: Arc<Mutex<HashMap<Renewal, CancellationToken>>>,
}

impl Held {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Renewal, CancellationToken>) -> T) -> T {
        work(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A lease is renewed for as long as this lives: until its run is over, and no longer where the run panics.
struct Holding {
    held: Held,
    lease: Renewal,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.with(|held| held.remove(&self.lease));
    }
}

impl Runner {
    #[must_use]
    pub fn new(
        generation: Generation,
        feed: Feed,
        provider: Arc<dyn Provider>,
        captures: Captures,
        options: RunnerOptions,
    ) -> Self {
        Self { generation, feed, provider, captures, options, held: Held::default() }
    }

    /// Runs until it is told to stop. Then nothing new is claimed, steps under way get the grace period, and the leases of
    /// what is not finished are handed back, so that another node goes on at once.
    pub async fn run(self, stop: CancellationToken) {
        let mut runs = JoinSet::new();
        let renewing = CancellationToken::new();
        let renewer =
            tokio::spawn(renew(self.generation.clone(), self.held.clone(), self.options.lease_ttl, renewing.clone()));
        loop {
            let room = self.options.running_max.saturating_sub(runs.len());
            if room > 0 {
                match self.generation.store.claim_runs(self.generation.node, self.options.lease_ttl, room).await {
                    Ok(claims) => {
                        for claim in claims {
                            self.spawn(&mut runs, claim, &stop);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "queued runs could not be looked for"),
                }
            }
            metrics::gauge!("coursestream_runs_running").set(runs.len() as f64);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.generation.news.notified() => {}
                () = tokio::time::sleep(CLAIM_EVERY) => {}
                Some(ended) = runs.join_next() => report(ended),
            }
        }
        while let Some(ended) = runs.join_next().await {
            report(ended);
        }
        renewing.cancel();
        let _ = renewer.await;
    }

    fn spawn(&self, runs: &mut JoinSet<()>, claim: Claim, stop: &CancellationToken) {
        let lease = Renewal { session_id: claim.session_id, fence: claim.fence };
        let lost = CancellationToken::new();
        self.held.with(|held| held.insert(lease, lost.clone()));
        let run = Run {
            claim,
            store: self.generation.store.clone(),
            appender: self.generation.appender.clone(),
            feed: self.feed.clone(),
            provider: self.provider.clone(),
            options: self.options.run.clone(),
        };
        let (held, store, captures) = (self.held.clone(), self.generation.store.clone(), self.captures.clone());
        let (stop, grace) = (stop.clone(), self.options.grace);
        runs.spawn(async move {
            let holding = Holding { held, lease };
            let hand_back = run.carry_out(&captures, &stop, grace, &lost).await;
            drop(holding);
            let Some(hand_back) = hand_back else { return };
            let released = store.release_run(lease, hand_back == HandBack::Excused);
            match tokio::time::timeout(RELEASE_MAX, released).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(session.id = %lease.session_id, %error, "a lease could not be handed back; it will run out");
                }
                Err(_) => tracing::warn!(session.id = %lease.session_id, "a lease could not be handed back; it will run out"),
            }
        });
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The lease runs out and another attempt is made, a bounded number of times.
        tracing::error!(%error, "a run ended by a panic");
    }
}

/// Renews the leases well before they run out, and stops runs whose lease is somebody else's now.
async fn renew(generation: Generation, held: Held, ttl: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ttl / 3) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = renew_all(&generation, &held, ttl) => {}
        }
    }
}

/// A row that is locked at the moment, as every append locks it, is tried again a few times.
async fn renew_all(generation: &Generation, held: &Held, ttl: Duration) {
    let mut leases: Vec<Renewal> = held.with(|held| held.keys().copied().collect());
    for _ in 0..RENEWALS_MAX {
        if leases.is_empty() {
            return;
        }
        let kept = match generation.store.renew_leases(generation.node, &leases, ttl).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "leases could not be renewed");
                return;
            }
        };
        held.with(|held| {
            for lease in leases.iter().filter(|lease| !kept.iter().any(|(kept, _)| kept == *lease)) {
                if let Some(lost) = held.get(lease) {
                    lost.cancel();
                }
            }
        });
        leases = kept.into_iter().filter(|(_, is_renewed)| !is_renewed).map(|(lease, _)| lease).collect();
        tokio::time::sleep(RENEWAL_PAUSE).await;
    }
}

impl Generation {
    /// The id of this node, as it stands in its leases.
    #[must_use]
    pub const fn node(&self) -> Uuid {
        self.node
    }
}
