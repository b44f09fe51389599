-- The log, and what is projected from it. One schema, which is there before the first migration, holds everything, so that a
-- database can be shared.

-- One row per session. It stays when the events move to the archive: it is the history.
create table coursestream.sessions (
    session_id uuid primary key,

    -- The request: given once, never changed.
    topic text not null,
    search_web boolean not null,
    user_id uuid not null,
    created_at timestamptz not null,
    -- The name of the outside producer; null for a run that this service generates.
    producer text,
    write_token_sha256 bytea,

    -- The projection: the fold of the session's events, written in the transaction that appends them.
    status text not null default 'queued'
        check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
    ended_at timestamptz,
    last_offset bigint not null default 0 check (last_offset >= 0),
    log_count bigint not null default 0,
    progress_count bigint not null default 0,
    success_count bigint not null default 0,
    error_count bigint not null default 0,
    course_generated_count bigint not null default 0,
    course_id uuid,
    error text,
    provider text,
    model text,
    prompt_tokens bigint not null default 0,
    completion_tokens bigint not null default 0,
    attempts integer not null default 0,

    -- The lease: which node may append to the run, and until when it need not say so again. The fence grows with every
    -- holder; an append that carries an older one is refused.
    fence bigint not null default 0,
    lease_node uuid,
    lease_expires_at timestamptz,

    -- The last append that was committed: how a writer whose connection broke during COMMIT learns what became of it.
    last_append_id uuid,

    -- Set by pruning once the session ended longer ago than the session TTL.
    expired_at timestamptz,

    check ((ended_at is null) = (status in ('queued', 'running')))
) with (
    -- Every append updates its session's row: free space on the page keeps these updates HOT.
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0.05
);

create index sessions_user on coursestream.sessions (user_id, session_id desc);
create index sessions_open on coursestream.sessions (session_id) where ended_at is null;
create index sessions_unexpired on coursestream.sessions (session_id) where expired_at is null;
create index sessions_ended on coursestream.sessions (ended_at) where ended_at is not null and expired_at is null;

-- The session that a first request with this key was answered with.
create table coursestream.idempotency_keys (
    user_id uuid not null,
    key text not null,
    request_sha256 bytea not null,
    session_id uuid not null references coursestream.sessions on delete cascade,
    primary key (user_id, key)
);
create index idempotency_keys_session on coursestream.idempotency_keys (session_id);

-- The events themselves. Ids of sessions are UUIDv7, so a range of ids is a range of creation times.
-- `data` is json and not jsonb: it leaves exactly as it came in, so a replayed event equals the live one to the byte.
create table coursestream.events (
    session_id uuid not null,
    "offset" bigint not null check ("offset" > 0),
    type text not null check (type in ('log', 'progress', 'success', 'error', 'course_generated',
        'session_started', 'session_completed', 'session_failed', 'session_cancelled')),
    message text not null,
    data json,
    recorded_at timestamptz not null,
    primary key (session_id, "offset")
) partition by range (session_id);

create table coursestream.events_archive (
    like coursestream.events including constraints,
    primary key (session_id, "offset")
) partition by range (session_id);

-- Events are immutable; only whole partitions come and go.
create function coursestream.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are immutable: % on % is refused', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger events_immutable before update or delete on coursestream.events
    for each row execute function coursestream.refuse_change();
create trigger events_immutable before update or delete on coursestream.events_archive
    for each row execute function coursestream.refuse_change();
create trigger events_no_truncate before truncate on coursestream.events
    for each statement execute function coursestream.refuse_change();
create trigger events_no_truncate before truncate on coursestream.events_archive
    for each statement execute function coursestream.refuse_change();
