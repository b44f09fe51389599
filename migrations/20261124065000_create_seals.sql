-- Seals: what each ended session's log was, by its hashes, in a chain, so that it can be proved later that nothing was changed
-- or taken out. `src/seal.rs` says which bytes are hashed.

-- Null until the session has its seal; then that seal's time.
alter table coursestream.sessions add column sealed_at timestamptz;
create index sessions_unsealed on coursestream.sessions (ended_at) where ended_at is not null and sealed_at is null;
create index sessions_sealed on coursestream.sessions (sealed_at) where sealed_at is not null;

-- The chain. It outlives the sessions: dropping history adds a link that says so, and takes none away.
create table coursestream.seals (
    position bigint primary key check (position > 0),
    kind text not null check (kind in ('session', 'retention')),
    previous_sha256 bytea not null check (octet_length(previous_sha256) = 32),
    sha256 bytea not null unique check (octet_length(sha256) = 32),
    sealed_at timestamptz not null,

    -- Of an ended session.
    session_id uuid unique,
    last_offset bigint check (last_offset >= 0),
    log_sha256 bytea check (octet_length(log_sha256) = 32),
    export_sha256 bytea check (octet_length(export_sha256) = 32),
    leaves_sha256 bytea check (octet_length(leaves_sha256) = 32),

    -- Of a range of sessions whose history was dropped: from lower_bound to before upper_bound.
    lower_bound uuid,
    upper_bound uuid,
    sessions bigint check (sessions >= 0),

    check (num_nonnulls(session_id, last_offset, log_sha256, export_sha256, leaves_sha256)
        = case kind when 'session' then 5 else 0 end),
    check (num_nonnulls(lower_bound, upper_bound, sessions) = case kind when 'retention' then 3 else 0 end)
);
create index seals_sealed_at on coursestream.seals (sealed_at);
create index seals_retention on coursestream.seals (lower_bound) where kind = 'retention';

-- The hashes of a log's single events, which tell where it was changed. They go with the history.
create table coursestream.seal_leaves (
    session_id uuid primary key,
    leaves bytea not null
);
-- Hashes do not compress.
alter table coursestream.seal_leaves alter column leaves set storage external;

create function coursestream.refuse_seal_change() returns trigger language plpgsql as $$
begin
    raise exception 'seals are immutable: % on % is refused', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger seals_immutable before update or delete on coursestream.seals
    for each row execute function coursestream.refuse_seal_change();
create trigger seals_no_truncate before truncate on coursestream.seals
    for each statement execute function coursestream.refuse_seal_change();

-- Leaves go once the chain says that their history was dropped, and not before.
create function coursestream.refuse_leaves_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and exists (
        select from coursestream.seals
        where kind = 'retention' and lower_bound <= old.session_id and old.session_id < upper_bound
    ) then
        return old;
    end if;
    raise exception 'seals are immutable: % on % is refused', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger seal_leaves_immutable before update or delete on coursestream.seal_leaves
    for each row execute function coursestream.refuse_leaves_change();
create trigger seal_leaves_no_truncate before truncate on coursestream.seal_leaves
    for each statement execute function coursestream.refuse_seal_change();
