//! Expires ended sessions, moves their partitions to the archive, drops what is older than the retention.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::JobOptions;
use crate::store::{Pruned, Store};

pub(super) async fn run(store: Store, options: JobOptions, due: Arc<Notify>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = due.notified() => {}
        }
        match store.prune(options.session_ttl, options.history_retention).await {
            Ok(pruned) => report(pruned),
            Err(error) => tracing::warn!(%error, "pruning was cut short; the next pass goes on with it"),
        }
        match store.prune_accesses(options.access_retention).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "the retention of these entries of the access trail is over"),
            Err(error) => tracing::warn!(%error, "the access trail was not pruned; the next pass tries again"),
        }
        if let Err(error) = store.prune_receipts().await {
            tracing::warn!(%error, "receipts of append lanes were not pruned; the next pass tries again");
        }
    }
}

fn report(pruned: Pruned) {
    let Pruned { expired, archived, dropped, is_elsewhere } = pruned;
    metrics::counter!("coursestream_sessions_expired_total").increment(expired);
    metrics::counter!("coursestream_partitions_archived_total").increment(archived);
    metrics::counter!("coursestream_partitions_dropped_total").increment(dropped);
    if is_elsewhere {
        tracing::debug!("another node is pruning");
    } else if expired + archived + dropped > 0 {
        tracing::info!(expired, archived, dropped, "pruned");
    }
}
