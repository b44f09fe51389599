//! Seals ended sessions: soon after they ended here, and now and then those that ended where nobody got to it.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{ChainHead, Store, StoreError, Unreadable};

/// How often sessions are looked for of which this node does not know: of nodes that are gone, and from before there were seals.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(30);

pub(super) async fn run(store: Store, gather: Duration, ended: Arc<Notify>, due: Arc<Notify>, stop: CancellationToken) {
    let mut unreadable = Unreadable::default();
    loop {
        if let Err(error) = seal(&store, &mut unreadable, &stop).await {
            tracing::warn!(%error, "sealing was cut short; the next pass goes on with it");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = due.notified() => {}
            () = ended.notified() => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(gather) => {}
                }
            }
        }
    }
}

async fn seal(store: &Store, unreadable: &mut Unreadable, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut sealed = 0;
    while !stop.is_cancelled() {
        let pass = store.seal_ended(unreadable).await?;
        metrics::counter!("coursestream_sessions_sealed_total").increment(pass.sealed);
        sealed += pass.sealed;
        if !pass.has_more {
            break;
        }
    }
    if sealed > 0 {
        // Where logs are kept, the head of the chain is kept.
        let ChainHead { position, sha256 } = store.chain_head().await?;
        tracing::info!(sealed, position, head = %sha256, "sealed");
    }
    Ok(())
}
