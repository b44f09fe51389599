-- Nodes took turns by advisory locks, which every login of the database may hold, an analyst's too: he could stop sealing, pruning
-- and new runs for as long as he liked. Rows of a table are locked by those alone who may update it.

create table coursestream.turns (
    what text primary key
);
insert into coursestream.turns (what) values ('seals'), ('prune'), ('queue'), ('partitions'), ('roles');
comment on table coursestream.turns is 'One row for each thing that one node does at a time. Whoever does it holds the row''s lock.';

-- Makes sure that a session created at `at_ms` has a partition of `events` to go to. False where its range has
-- been archived already: such a session would be older than everything that still runs.
create or replace function coursestream.ensure_partition(at_ms bigint, width_ms bigint) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    wanted uuid := coursestream.uuid_floor(at_ms);
    lower_ms bigint := at_ms - at_ms % width_ms;
    lower_id uuid;
    upper_id uuid;
    known coursestream.partitions;
    partition_name text;
begin
    select * into known from coursestream.partitions where lower_bound <= wanted and wanted < upper_bound;
    if found then
        return known.archived_at is null;
    end if;

    -- Nodes make the same partitions ahead at the same time.
    perform from coursestream.turns where what = 'partitions' for update;
    select * into known from coursestream.partitions where lower_bound <= wanted and wanted < upper_bound;
    if found then
        return known.archived_at is null;
    end if;

    -- The width is a setting and may have changed: fit between the neighbours.
    select greatest(coursestream.uuid_floor(lower_ms),
                    (select max(upper_bound::text)::uuid from coursestream.partitions where upper_bound <= wanted))
        into lower_id;
    select least(coursestream.uuid_floor(lower_ms + width_ms),
                 (select min(lower_bound::text)::uuid from coursestream.partitions where lower_bound > wanted))
        into upper_id;

    partition_name := 'events_' || to_char(to_timestamp(lower_ms / 1000.0) at time zone 'utc', 'YYYYMMDD_HH24MISS')
        || '_' || left(replace(lower_id::text, '-', ''), 12);

    -- Made apart and attached: CREATE … PARTITION OF would lock every append out, ATTACH does not. The CHECK lets
    -- this attach, and the later one to the archive, skip their scans.
    execute format('create table coursestream.%I (like coursestream.events including defaults including constraints,
        constraint %I check (session_id >= %L and session_id < %L))',
        partition_name, partition_name || '_range', lower_id, upper_id);
    execute format('create trigger events_no_truncate before truncate on coursestream.%I
        for each statement execute function coursestream.refuse_change()', partition_name);
    execute format('alter table coursestream.events attach partition coursestream.%I for values from (%L) to (%L)',
        partition_name, lower_id, upper_id);
    insert into coursestream.partitions (name, lower_bound, upper_bound) values (partition_name, lower_id, upper_id);
    return true;
end $$;

create or replace function coursestream.provide_service(role_name name) returns void language plpgsql as $$
declare
    found record;
begin
    -- Nodes that start together grant the same things.
    perform from coursestream.turns where what = 'roles' for update;
    if not exists (select from pg_catalog.pg_roles where rolname = role_name) then
        begin
            execute format('create role %I login', role_name);
        exception
            -- Another database of the cluster was faster.
            when duplicate_object or unique_violation then null;
        end;
    end if;
    execute format('grant usage on schema coursestream to %I', role_name);
    for found in
        select c.relname,
            case
                when c.relname = 'events' then 'select, insert'
                when c.relname in ('events_archive', 'partitions', '_sqlx_migrations', 'api_keys', 'analyst_users', 'model_prices',
                    'retention_floors') then 'select'
                when c.relname in ('secrets', 'seals', 'access_trail', 'seal_leaves', 'joins') then 'select, insert'
                when c.relname = 'sessions' then 'select, insert, update'
                when c.relname = 'turns' then 'select, update'
                else 'select, insert, update, delete'
            end as rights
        from pg_catalog.pg_class c
        where c.relnamespace = 'coursestream'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    loop
        execute format('revoke all on coursestream.%I from %I', found.relname, role_name);
        execute format('grant %s on coursestream.%I to %I', found.rights, found.relname, role_name);
    end loop;
    -- Keys are made and revoked by the owner; that one was used is all that a node has to say.
    execute format('grant update (last_used_at) on coursestream.api_keys to %I', role_name);
    execute format('grant execute on function coursestream.ensure_partition(bigint, bigint),
        coursestream.archive_partition(text), coursestream.drop_partition(text), coursestream.droppable_before(text),
        coursestream.delete_history(text, bigint), coursestream.delete_accesses(uuid, bigint) to %I', role_name);
    if to_regnamespace('analytics') is not null then
        execute format('grant usage on schema analytics to %I', role_name);
        execute format('grant select on all tables in schema analytics to %I', role_name);
        execute format('grant execute on all functions in schema analytics to %I', role_name);
    end if;
end $$;

-- Roles that were let in before may take turns: those that may move partitions.
do $$
declare
    granted record;
begin
    for granted in
        select distinct r.rolname from pg_catalog.pg_proc p
            cross join lateral aclexplode(p.proacl) a join pg_catalog.pg_roles r on r.oid = a.grantee
        where p.oid = 'coursestream.archive_partition(text)'::regprocedure and r.oid <> p.proowner
    loop
        perform coursestream.provide_service(granted.rolname);
    end loop;
end $$;
