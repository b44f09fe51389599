-- The role that nodes run as, where they do not run as the schema's owner: it adds events and reads them, and can neither
-- change nor take away a single one. Whole partitions come and go through three functions that run with their owner's rights, and
-- only where the history says that it is time.

alter function coursestream.ensure_partition(bigint, bigint) security definer set search_path = pg_catalog, pg_temp;

create or replace function coursestream.archive_partition(partition_name text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    moved coursestream.partitions;
begin
    select * into strict moved from coursestream.partitions where name = partition_name and archived_at is null;
    if exists (select from coursestream.sessions
               where expired_at is null and session_id >= moved.lower_bound and session_id < moved.upper_bound) then
        raise exception 'partition % has sessions that are not expired', moved.name using errcode = 'restrict_violation';
    end if;
    execute format('alter table coursestream.events detach partition coursestream.%I', moved.name);
    execute format('alter table coursestream.events_archive attach partition coursestream.%I for values from (%L) to (%L)',
        moved.name, moved.lower_bound, moved.upper_bound);
    update coursestream.partitions set archived_at = now() where name = moved.name;
end $$;

create or replace function coursestream.drop_partition(partition_name text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    dropped coursestream.partitions;
begin
    select * into strict dropped from coursestream.partitions where name = partition_name and archived_at is not null;
    if exists (select from coursestream.sessions
               where session_id >= dropped.lower_bound and session_id < dropped.upper_bound) then
        raise exception 'partition % has sessions that are kept', dropped.name using errcode = 'restrict_violation';
    end if;
    execute format('alter table coursestream.events_archive detach partition coursestream.%I', dropped.name);
    execute format('drop table coursestream.%I', dropped.name);
    delete from coursestream.partitions where name = dropped.name;
end $$;

-- Whoever may run them may move and drop history.
revoke execute on function coursestream.ensure_partition(bigint, bigint) from public;
revoke execute on function coursestream.archive_partition(text) from public;
revoke execute on function coursestream.drop_partition(text) from public;

-- Lets a role run nodes, and takes from it whatever else it had here. Makes the role where it is missing: it may log in, but
-- has no password. Called anew after each migration, which may have brought tables.
create function coursestream.provide_service(role_name name) returns void language plpgsql as $$
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
                when c.relname in ('events_archive', 'partitions', '_sqlx_migrations', 'api_keys', 'analyst_users', 'model_prices')
                    then 'select'
                when c.relname in ('secrets', 'seals') then 'select, insert'
                when c.relname in ('access_trail', 'seal_leaves', 'joins') then 'select, insert, delete'
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
        coursestream.archive_partition(text), coursestream.drop_partition(text) to %I', role_name);
    if to_regnamespace('analytics') is not null then
        execute format('grant usage on schema analytics to %I', role_name);
        execute format('grant select on all tables in schema analytics to %I', role_name);
        execute format('grant execute on all functions in schema analytics to %I', role_name);
    end if;
end $$;
revoke execute on function coursestream.provide_service(name) from public;
