//! The server process behind a connection.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// How long a process may take to end, in milliseconds.
const TERMINATE_TIMEOUT_MS: i64 = 5_000;

/// Names a server process. Its number alone would do for another one, after a while.
pub(super) struct Backend {
    pid: i32,
    started_at: DateTime<Utc>,
}

impl Backend {
    /// The process that serves `connection`.
    pub(super) async fn of(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = sqlx::query!(
            r#"select pid as "pid!", backend_start as "started_at!" from pg_stat_activity where pid = pg_backend_pid()"#
        )
        .fetch_one(connection)
        .await?;
        Ok(Self { pid: row.pid, started_at: row.started_at })
    }

    /// Ends the process, if it still runs, and waits until it has ended: nothing that was sent to it is carried out after that.
    pub(super) async fn terminate(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let ended = sqlx::query_scalar!(
            "select pg_terminate_backend(pid, $3) from pg_stat_activity where pid = $1 and backend_start = $2",
            self.pid,
            self.started_at,
            TERMINATE_TIMEOUT_MS
        )
        .fetch_optional(connection)
        .await?;
        // No row: it has ended before.
        if ended.is_none_or(|ended| ended == Some(true)) {
            Ok(())
        } else {
            Err(sqlx::Error::Protocol("the server process of a lost connection does not end".to_owned()))
        }
    }
}
