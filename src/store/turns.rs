//! Turns: what one node does at a time, whichever it is. Whoever does it holds the lock of a row until its transaction ends.
//!
//! Why no advisory locks: every login of the database may hold those, an analyst's too.

use sqlx::PgConnection;

/// A row of `turns`; the database has more of them for what its functions do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// Adding to the chain of seals.
    Seals,
    Prune,
    /// Admitting a run to the queue.
    Queue,
}

impl Turn {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::Prune => "prune",
            Self::Queue => "queue",
        }
    }
}

/// Waits for the turn, for as long as the transaction's `lock_timeout` says.
pub(super) async fn wait_for(connection: &mut PgConnection, turn: Turn) -> Result<(), sqlx::Error> {
    // A row that is not there is an error: without it nobody would wait.
    sqlx::query_scalar!("select what from coursestream.turns where what = $1 for update", turn.as_str())
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// Takes the turn unless another node has it.
pub(super) async fn try_take(connection: &mut PgConnection, turn: Turn) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query_scalar!(
        "select what from coursestream.turns where what = $1 for update skip locked",
        turn.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(taken.is_some())
}
