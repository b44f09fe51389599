-- What each append lane committed last: how it learns what became of a batch whose connection broke during COMMIT. A mark on the
-- sessions' rows could not say so, since another node may have appended there meanwhile; here nobody else writes.

create table coursestream.append_lanes (
    lane uuid primary key,
    append_id uuid not null,
    -- Where each session stood before the batch, in the order of their ids.
    bases bigint[] not null,
    recorded_at timestamptz not null
) with (
    -- Every batch updates its lane's row.
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0
);

alter table coursestream.sessions
    drop column last_append_id,
    -- How often a node gave the run back although it could have gone on: it stopped, or its database was away. These attempts
    -- are not held against the run.
    add column handed_back integer not null default 0;
