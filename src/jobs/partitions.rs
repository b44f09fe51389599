//! Makes partitions ahead, so that no start of a session has to wait for one.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Partitions beyond the current one.
const AHEAD: u32 = 2;

pub(super) async fn run(store: Store, due: Arc<Notify>, stop: CancellationToken) {
    loop {
        if let Err(error) = store.ensure_partitions_ahead(AHEAD).await {
            tracing::warn!(%error, "partitions could not be made ahead; they will be made on demand");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = due.notified() => {}
        }
    }
}
