-- What a node may drop: history and entries of the access trail that are older than the owner says, and nothing younger, whatever
-- its own settings are. A node that was taken over would otherwise end the retention of everything, and say so in the chain of
-- seals. So it deletes no session and no entry itself: two functions do, with their owner's rights.

create table coursestream.retention_floors (
    what text primary key check (what in ('history', 'access')),
    kept interval not null check (kept >= interval '0')
);
insert into coursestream.retention_floors (what, kept) values ('history', interval '30 days'), ('access', interval '365 days');
comment on table coursestream.retention_floors is 'How long nodes that do not own the schema have to keep what there is.';

-- The smallest UUIDv7 of the moment up to which the login may drop something. The schema's owner may do as he likes.
create function coursestream.droppable_before(what_kind text) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
    return coursestream.uuid_floor(case
        when pg_has_role(session_user, (select nspowner from pg_namespace where nspname = 'coursestream'), 'usage')
            then (x'ffffffffffff')::bigint
        else greatest(0, floor(extract(epoch from now() - (
            select kept from coursestream.retention_floors where what = what_kind)) * 1000))::bigint
    end);

-- Deletes a batch of what hangs on an archived partition whose time is over; says how much. Zero: nothing is left of it.
create function coursestream.delete_history(partition_name text, batch_max bigint) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    outdated coursestream.partitions;
    deleted bigint;
begin
    select * into strict outdated from coursestream.partitions where name = partition_name and archived_at is not null;
    if outdated.upper_bound > coursestream.droppable_before('history') then
        raise exception 'partition % is to be kept', outdated.name using errcode = 'restrict_violation';
    end if;
    -- With their courses.
    delete from coursestream.sessions where session_id in (
        select session_id from coursestream.sessions
        where session_id >= outdated.lower_bound and session_id < outdated.upper_bound and expired_at is not null
        limit batch_max);
    get diagnostics deleted = row_count;
    if deleted > 0 then
        return deleted;
    end if;
    -- No foreign key does it for these.
    delete from coursestream.joins where ctid = any(array(
        select ctid from coursestream.joins
        where session_id >= outdated.lower_bound and session_id < outdated.upper_bound limit batch_max));
    get diagnostics deleted = row_count;
    if deleted > 0 then
        return deleted;
    end if;
    delete from coursestream.seal_leaves where session_id in (
        select session_id from coursestream.seal_leaves
        where session_id >= outdated.lower_bound and session_id < outdated.upper_bound limit batch_max);
    get diagnostics deleted = row_count;
    return deleted;
end $$;

create or replace function coursestream.drop_partition(partition_name text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    dropped coursestream.partitions;
begin
    select * into strict dropped from coursestream.partitions where name = partition_name and archived_at is not null;
    if dropped.upper_bound > coursestream.droppable_before('history') then
        raise exception 'partition % is to be kept', dropped.name using errcode = 'restrict_violation';
    end if;
    if exists (select from coursestream.sessions
               where session_id >= dropped.lower_bound and session_id < dropped.upper_bound) then
        raise exception 'partition % has sessions that are kept', dropped.name using errcode = 'restrict_violation';
    end if;
    execute format('alter table coursestream.events_archive detach partition coursestream.%I', dropped.name);
    execute format('drop table coursestream.%I', dropped.name);
    delete from coursestream.partitions where name = dropped.name;
end $$;

-- Deletes a batch of entries of the access trail that are older than `kept_from` and may go; says how many.
create function coursestream.delete_accesses(kept_from uuid, batch_max bigint) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    deleted bigint;
begin
    perform set_config('coursestream.trail_retention', 'over', true);
    delete from coursestream.access_trail where access_id in (
        select access_id from coursestream.access_trail
        where access_id < least(kept_from, coursestream.droppable_before('access'))
        order by access_id limit batch_max);
    get diagnostics deleted = row_count;
    perform set_config('coursestream.trail_retention', '', true);
    return deleted;
end $$;

revoke execute on function coursestream.droppable_before(text), coursestream.delete_history(text, bigint),
    coursestream.delete_accesses(uuid, bigint) from public;

create or replace function coursestream.provide_service(role_name name) returns void language plpgsql as $$
declare
    found record;
begin
    -- Nodes that start together grant the same things.
    perform pg_advisory_xact_lock(hashtext('coursestream.provide_service'));
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

-- Roles that were let in before keep their way in, and lose the right to delete: those that may move partitions.
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
