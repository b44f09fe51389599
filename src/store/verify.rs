//! Holding the logs against their seals, the seals against each other, and what is kept beside the logs against the logs.
//!
//! Work is bounded: one call checks some links of the chain and says where the next call goes on. A log is read to its end, however
//! long: its events are let go as they are read, and 24 bytes are kept of each (and, of each course, its hash). Sessions whose
//! history was dropped at the end of its retention are known by the link that says so, and are no finding.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Store, StoreError, digests,
    fold::{CourseChange, CourseDifference, LogFold, compare_courses, compare_row},
    seals::{SealRow, sum},
    sessions::{self, count, tellable},
};
use crate::{
    event::{Offset, SessionId},
    seal::{Finding, Fingerprint, Leaves, LogDigest, Seal, Sealed, Sum, Tampering, compare},
};

/// Links by the time at which they were added; what is `None` bounds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SealedWhen {
    /// At this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
}

/// What a call has checked and found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    pub findings: Vec<Finding>,
    /// Links of the chain.
    pub seals: u64,
    /// Logs that were held against their seals.
    pub sessions: u64,
    pub events: u64,
    /// Sessions whose history was dropped, as the chain says.
    pub dropped: u64,
    /// The position behind which the next call goes on; `None` at the end.
    pub next_after: Option<u64>,
}

/// After so many events a call ends with the log that it is at.
const EVENTS_MAX: u64 = 50_000;
/// Sessions without their seals that one call names.
const UNSEALED_MAX: i64 = 1_000;

/// A link with what belongs to it.
struct Row {
    seal: Seal,
    sha256: Sum,
    has_session: bool,
    /// Of the leaves that are kept.
    leaves_sha256: Option<Sum>,
}

impl Row {
    const fn last_offset(&self) -> u64 {
        match self.seal.what {
            Sealed::Session { last_offset, .. } => last_offset.get(),
            Sealed::Retention { .. } => 0,
        }
    }
}

/// What was sealed of a session.
#[derive(Clone, Copy)]
struct Expected {
    session_id: SessionId,
    position: u64,
    last_offset: Offset,
    log_sha256: Sum,
    export_sha256: Sum,
    leaves_sha256: Sum,
    has_session: bool,
    leaves_found: Option<Sum>,
}

impl Store {
    /// Checks up to `limit` links behind the position `after`, and the logs that they seal.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn verify_after(&self, after: u64, when: SealedWhen, limit: usize) -> Result<Verified, StoreError> {
        let [from, to] = [when.from, when.to].map(|moment| moment.map(tellable));
        let when = SealedWhen { from, to };
        let mut connection = self.pool.acquire().await?;
        let mut rows = read_rows(&mut connection, after, when, limit).await?;
        let is_last = rows.len() < limit;
        let first = rows.first().map(|row| row.seal.position);
        let before = read_before(&mut connection, first).await?;
        let mut verified = Verified::default();
        let checked = check_logs(&mut connection, &rows, &mut verified).await?;
        let is_cut = checked < rows.len();
        rows.truncate(checked);
        check_chain(before.as_ref(), &rows, &mut verified);
        let has_more = is_cut || !is_last;
        let until = if has_more { rows.last().map(|row| row.seal.sealed_at) } else { when.to };
        let since = before.map(|before| before.sealed_at);
        find_unsealed(&mut connection, since, until, &mut verified).await?;
        verified.next_after = rows.last().map(|row| row.seal.position).filter(|_| has_more);
        verified.findings.sort_by_key(|finding| (finding.position.is_none(), finding.position));
        Ok(verified)
    }

    /// Checks one session's seal, its place in the chain and its log; `None` where it has no seal.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn verify_session(&self, session_id: SessionId) -> Result<Option<Verified>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let position =
            sqlx::query_scalar!("select position from coursestream.seals where session_id = $1", session_id.as_uuid())
                .fetch_optional(&mut *connection)
                .await?;
        let mut verified = Verified::default();
        let Some(position) = position else {
            let is_marked = sqlx::query_scalar!(
                r#"select sealed_at is not null as "is_marked!" from coursestream.sessions where session_id = $1"#,
                session_id.as_uuid()
            )
            .fetch_optional(&mut *connection)
            .await?;
            if is_marked != Some(true) {
                return Ok(None);
            }
            let what = Tampering::SealRemoved;
            verified.findings.push(Finding { session_id: Some(session_id), position: None, what });
            return Ok(Some(verified));
        };
        let after = count(position).saturating_sub(1);
        // The next one as well: that it continues this one is what keeps this one from being replaced.
        let rows = read_rows(&mut connection, after, SealedWhen::default(), 2).await?;
        let before = read_before(&mut connection, Some(count(position))).await?;
        check_chain(before.as_ref(), &rows, &mut verified);
        check_logs(&mut connection, &rows[..rows.len().min(1)], &mut verified).await?;
        Ok(Some(verified))
    }
}

async fn read_rows(
    connection: &mut PgConnection,
    after: u64,
    when: SealedWhen,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query!(
        r#"select c.position, c.previous_sha256, c.sha256, c.sealed_at, c.session_id, c.last_offset, c.log_sha256,
            c.export_sha256, c.leaves_sha256, c.lower_bound, c.upper_bound, c.sessions,
            s.session_id is not null as "has_session!", sha256(l.leaves) as leaves_found
        from coursestream.seals c
            left join coursestream.sessions s on s.session_id = c.session_id
            left join coursestream.seal_leaves l on l.session_id = c.session_id
        where c.position > $1
            and ($2::timestamptz is null or c.sealed_at >= $2)
            and ($3::timestamptz is null or c.sealed_at < $3)
        order by c.position limit $4"#,
        i64::try_from(after).unwrap_or(i64::MAX),
        when.from,
        when.to,
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let leaves_sha256 = row.leaves_found.as_deref().map(sum).transpose()?;
            let has_session = row.has_session;
            let (seal, sha256) = SealRow {
                position: row.position,
                previous_sha256: row.previous_sha256,
                sha256: row.sha256,
                sealed_at: row.sealed_at,
                session_id: row.session_id,
                last_offset: row.last_offset,
                log_sha256: row.log_sha256,
                export_sha256: row.export_sha256,
                leaves_sha256: row.leaves_sha256,
                lower_bound: row.lower_bound,
                upper_bound: row.upper_bound,
                sessions: row.sessions,
            }
            .try_into()?;
            Ok(Row { seal, sha256, has_session, leaves_sha256 })
        })
        .collect()
}

/// The link before those that are checked.
struct Before {
    position: u64,
    sha256: Sum,
    sealed_at: DateTime<Utc>,
}

/// The nearest link before a position; without one, the last of the chain.
async fn read_before(connection: &mut PgConnection, position: Option<u64>) -> Result<Option<Before>, StoreError> {
    let row = sqlx::query!(
        "select position, sha256, sealed_at from coursestream.seals
        where position < $1 order by position desc limit 1",
        position.map_or(i64::MAX, |position| i64::try_from(position).unwrap_or(i64::MAX))
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok(Before { position: count(row.position), sha256: sum(&row.sha256)?, sealed_at: row.sealed_at }))
        .transpose()
}

fn session_of(seal: &Seal) -> Option<SessionId> {
    match seal.what {
        Sealed::Session { session_id, .. } => Some(session_id),
        Sealed::Retention { .. } => None,
    }
}

fn check_chain(before: Option<&Before>, rows: &[Row], verified: &mut Verified) {
    let (mut position, mut sha256) = before.map_or((0, Sum::ZERO), |before| (before.position, before.sha256));
    for row in rows {
        let seal = &row.seal;
        if seal.position > position + 1 {
            let what = Tampering::SealsRemoved { first: position + 1, last: seal.position - 1 };
            verified.findings.push(Finding { session_id: None, position: None, what });
        }
        let mut find = |what| {
            let finding = Finding { session_id: session_of(seal), position: Some(seal.position), what };
            verified.findings.push(finding);
        };
        if is_altered(row) {
            find(Tampering::SealAltered);
        } else if seal.position == position + 1 && seal.previous_sha256 != sha256 {
            find(Tampering::ChainBroken);
        }
        (position, sha256) = (seal.position, row.sha256);
    }
    verified.seals += rows.len() as u64;
}

fn is_altered(row: &Row) -> bool {
    row.seal.sha256() != row.sha256
}

/// Holds logs against their seals until enough was read, and says how many rows were done.
async fn check_logs(connection: &mut PgConnection, rows: &[Row], verified: &mut Verified) -> Result<usize, StoreError> {
    let mut findings = Vec::new();
    let mut gone = Vec::new();
    let mut done = 0;
    while done < rows.len() && verified.events < EVENTS_MAX {
        let taken = digests::take_batch(&rows[done..], Row::last_offset);
        // What an altered seal says of its log is nothing to go by.
        let batch: Vec<Expected> =
            rows[done..done + taken].iter().filter(|row| !is_altered(row)).filter_map(expected).collect();
        let logs = read_logs(connection, &batch).await?;
        // Logs that are as they were sealed: what is kept beside them can be held against them.
        let mut sound = Vec::new();
        for expected in &batch {
            let found = match logs.get(&expected.session_id) {
                None => vec![Tampering::LogRemoved { with_session: !expected.has_session }],
                Some(Err(reason)) => vec![Tampering::LogUnreadable { reason: reason.clone() }],
                Some(Ok(Log { fingerprint, fold })) => {
                    verified.events += fingerprint.leaves.len() as u64;
                    if expected.has_session && is_as_sealed(expected, fingerprint) {
                        sound.push((expected, fold));
                    }
                    check_log(connection, expected, fingerprint).await?
                }
            };
            verified.sessions += 1;
            match found.as_slice() {
                [Tampering::LogRemoved { .. }] if expected.last_offset == Offset::ZERO => {}
                [Tampering::LogRemoved { .. }] => gone.push(*expected),
                _ => findings.extend(found.into_iter().map(|what| (*expected, what))),
            }
        }
        findings.extend(check_projections(connection, &sound).await?);
        done += taken;
    }
    settle(connection, findings, gone, verified).await?;
    Ok(done)
}

fn expected(row: &Row) -> Option<Expected> {
    match row.seal.what {
        Sealed::Session { session_id, last_offset, log_sha256, export_sha256, leaves_sha256 } => Some(Expected {
            session_id,
            position: row.seal.position,
            last_offset,
            log_sha256,
            export_sha256,
            leaves_sha256,
            has_session: row.has_session,
            leaves_found: row.leaves_sha256,
        }),
        Sealed::Retention { .. } => None,
    }
}

/// A log that was read.
struct Log {
    fingerprint: Fingerprint,
    fold: LogFold,
}

impl From<(LogDigest, LogFold)> for Log {
    fn from((digest, fold): (LogDigest, LogFold)) -> Self {
        Self { fingerprint: digest.finish(), fold }
    }
}

/// The logs that there are; of one that does not read, why.
async fn read_logs(
    connection: &mut PgConnection,
    batch: &[Expected],
) -> Result<HashMap<SessionId, Result<Log, String>>, StoreError> {
    if batch.is_empty() {
        return Ok(HashMap::new());
    }
    let sessions: Vec<SessionId> = batch.iter().map(|expected| expected.session_id).collect();
    match digests::read_many::<(LogDigest, LogFold)>(connection, &sessions).await {
        Ok(logs) => return Ok(logs.into_iter().map(|(session_id, log)| (session_id, Ok(log.into()))).collect()),
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => {}
    }
    let mut logs = HashMap::with_capacity(sessions.len());
    for session_id in sessions {
        match digests::read_many::<(LogDigest, LogFold)>(connection, &[session_id]).await {
            Ok(found) => logs.extend(found.into_iter().map(|(session_id, log)| (session_id, Ok(log.into())))),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => drop(logs.insert(session_id, Err(error.to_string()))),
        }
    }
    Ok(logs)
}

/// Holds the sessions' rows and courses against their logs.
async fn check_projections(
    connection: &mut PgConnection,
    sound: &[(&Expected, &LogFold)],
) -> Result<Vec<(Expected, Tampering)>, StoreError> {
    if sound.is_empty() {
        return Ok(Vec::new());
    }
    let folds: Vec<(SessionId, &LogFold)> = sound.iter().map(|(expected, fold)| (expected.session_id, *fold)).collect();
    let by_id: HashMap<SessionId, &Expected> =
        sound.iter().map(|(expected, _)| (expected.session_id, *expected)).collect();
    let sessions: Vec<SessionId> = folds.iter().map(|(session_id, _)| *session_id).collect();
    let rows = sessions::rows(&mut *connection, &sessions).await?;
    let rows: HashMap<SessionId, _> = rows.into_iter().map(|row| (SessionId::from_uuid(row.session_id), row)).collect();
    let mut found = Vec::new();
    for (expected, fold) in sound {
        let Some(row) = rows.get(&expected.session_id) else { continue };
        let columns: Vec<&str> = compare_row(row, fold).into_iter().map(|difference| difference.column).collect();
        if !columns.is_empty() {
            found.push((**expected, Tampering::SessionAltered { columns }));
        }
    }
    for CourseDifference { session_id, course_id, what } in compare_courses(connection, &folds).await? {
        let is_outside = rows.get(&session_id).is_some_and(|row| row.producer.is_some());
        let what = match what {
            CourseChange::Altered => Tampering::CourseAltered { course_id },
            CourseChange::Removed if is_outside && has_dropped(connection).await? => continue,
            CourseChange::Removed => Tampering::CourseRemoved { course_id },
            CourseChange::Inserted => Tampering::CourseInserted { course_id },
        };
        found.extend(by_id.get(&session_id).map(|expected| (**expected, what)));
    }
    Ok(found)
}

/// Whether any history was dropped. Outside producers choose the ids of their courses: of two sessions with the same course it
/// was the first one's, and went with it.
async fn has_dropped(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from coursestream.seals where kind = 'retention') as "has_dropped!""#
    )
    .fetch_one(connection)
    .await?)
}

fn is_as_sealed(expected: &Expected, log: &Fingerprint) -> bool {
    log.log_sha256 == expected.log_sha256 && log.export_sha256 == expected.export_sha256
}

async fn check_log(
    connection: &mut PgConnection,
    expected: &Expected,
    log: &Fingerprint,
) -> Result<Vec<Tampering>, StoreError> {
    let mut found = Vec::new();
    let leaves = match expected.leaves_found {
        None => Some(Tampering::LeavesRemoved),
        Some(found) if found != expected.leaves_sha256 => Some(Tampering::LeavesAltered),
        Some(_) => None,
    };
    if !is_as_sealed(expected, log) {
        if leaves.is_none() {
            let sealed = read_leaves(connection, expected.session_id).await?;
            found.extend(compare(&sealed, &log.leaves).into_iter().map(Tampering::Events));
        }
        if found.is_empty() {
            found.push(Tampering::LogAltered);
        }
    }
    found.extend(leaves);
    if !expected.has_session {
        found.push(Tampering::SessionRemoved);
    }
    Ok(found)
}

async fn read_leaves(connection: &mut PgConnection, session_id: SessionId) -> Result<Leaves, StoreError> {
    let leaves =
        sqlx::query_scalar!("select leaves from coursestream.seal_leaves where session_id = $1", session_id.as_uuid())
            .fetch_optional(connection)
            .await?;
    Ok(Leaves::from_bytes(&leaves.unwrap_or_default()))
}

/// Adds to the result what is a finding: not where the history was dropped, perhaps while it was being checked. Logs that went
/// with their partition are named by that.
async fn settle(
    connection: &mut PgConnection,
    findings: Vec<(Expected, Tampering)>,
    gone: Vec<Expected>,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    if findings.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let suspects: Vec<Expected> = findings.iter().map(|(expected, _)| *expected).chain(gone.iter().copied()).collect();
    let dropped = find_dropped(connection, &suspects).await?;
    verified.dropped += dropped.len() as u64;
    verified.sessions -= dropped.len() as u64;
    let mut add = |expected: &Expected, what| {
        let (session_id, position) = (Some(expected.session_id), Some(expected.position));
        verified.findings.push(Finding { session_id, position, what });
    };
    for (expected, what) in findings {
        if !dropped.contains(&expected.session_id) {
            add(&expected, what);
        }
    }
    let gone: Vec<Expected> = gone.into_iter().filter(|expected| !dropped.contains(&expected.session_id)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let mut partitions: Vec<(MissingPartition, u64)> =
        find_missing_partitions(connection).await?.into_iter().map(|partition| (partition, 0)).collect();
    for expected in &gone {
        let id = expected.session_id.as_uuid();
        let partition = partitions.iter_mut().find(|(partition, _)| partition.lower <= id && id < partition.upper);
        match partition {
            Some((_, sessions)) => *sessions += 1,
            None => add(expected, Tampering::LogRemoved { with_session: !expected.has_session }),
        }
    }
    for (MissingPartition { name, .. }, sessions) in partitions.into_iter().filter(|(_, sessions)| *sessions > 0) {
        let what = Tampering::PartitionRemoved { name, sessions };
        verified.findings.push(Finding { session_id: None, position: None, what });
    }
    Ok(())
}

/// Those whose range a later link says to be dropped.
async fn find_dropped(connection: &mut PgConnection, suspects: &[Expected]) -> Result<HashSet<SessionId>, StoreError> {
    let ids: Vec<Uuid> = suspects.iter().map(|expected| expected.session_id.as_uuid()).collect();
    let positions: Vec<i64> =
        suspects.iter().map(|expected| i64::try_from(expected.position).unwrap_or(i64::MAX)).collect();
    let dropped = sqlx::query_scalar!(
        r#"select s.session_id as "session_id!" from unnest($1::uuid[], $2::bigint[]) as s (session_id, position)
        where exists (
            select from coursestream.seals r
            where r.kind = 'retention' and r.position > s.position
                and r.lower_bound <= s.session_id and s.session_id < r.upper_bound
        )"#,
        &ids,
        &positions
    )
    .fetch_all(connection)
    .await?;
    Ok(dropped.into_iter().map(SessionId::from_uuid).collect())
}

/// A partition that should be there.
struct MissingPartition {
    name: String,
    lower: Uuid,
    upper: Uuid,
}

async fn find_missing_partitions(connection: &mut PgConnection) -> Result<Vec<MissingPartition>, StoreError> {
    Ok(sqlx::query_as!(
        MissingPartition,
        "select name, lower_bound as lower, upper_bound as upper from coursestream.partitions p
        where not exists (
            select from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
            where c.relname = p.name
                and i.inhparent in ('coursestream.events'::regclass, 'coursestream.events_archive'::regclass)
        )
        order by lower_bound"
    )
    .fetch_all(connection)
    .await?)
}

/// Sessions that were sealed in this time, as their rows say, and of which the chain knows nothing.
async fn find_unsealed(
    connection: &mut PgConnection,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let unsealed = sqlx::query_scalar!(
        "select session_id from coursestream.sessions s
        where sealed_at > coalesce($1::timestamptz, '-infinity') and sealed_at <= coalesce($2::timestamptz, 'infinity')
            and not exists (select from coursestream.seals c where c.session_id = s.session_id)
        order by sealed_at, session_id limit $3",
        since,
        until,
        UNSEALED_MAX
    )
    .fetch_all(connection)
    .await?;
    verified.findings.extend(unsealed.into_iter().map(|session_id| Finding {
        session_id: Some(SessionId::from_uuid(session_id)),
        position: None,
        what: Tampering::SealRemoved,
    }));
    Ok(())
}
