-- Partitions of the event table: made ahead, moved whole into the archive, dropped whole. The dynamic SQL that this
-- takes stays here, where its only inputs are numbers and names that it made itself.

create table coursestream.partitions (
    name text primary key,
    lower_bound uuid not null unique,
    upper_bound uuid not null unique,
    archived_at timestamptz,
    check (lower_bound < upper_bound)
);

-- The smallest UUIDv7 of a millisecond since the epoch.
create function coursestream.uuid_floor(at_ms bigint) returns uuid
    language sql immutable strict parallel safe
    return (lpad(to_hex(at_ms), 12, '0') || repeat('0', 20))::uuid;

-- Makes sure that a session created at `at_ms` has a partition of `events` to go to. False where its range has
-- been archived already: such a session would be older than everything that still runs.
create function coursestream.ensure_partition(at_ms bigint, width_ms bigint) returns boolean
    language plpgsql as $$
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
    perform pg_advisory_xact_lock(hashtext('coursestream.partitions'));
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

-- Moves a partition with all its rows from `events` to `events_archive`. Needs the table for a moment alone, so the
-- caller sets a lock timeout.
create function coursestream.archive_partition(partition_name text) returns void language plpgsql as $$
declare
    moved coursestream.partitions;
begin
    select * into strict moved from coursestream.partitions where name = partition_name and archived_at is null;
    execute format('alter table coursestream.events detach partition coursestream.%I', moved.name);
    execute format('alter table coursestream.events_archive attach partition coursestream.%I for values from (%L) to (%L)',
        moved.name, moved.lower_bound, moved.upper_bound);
    update coursestream.partitions set archived_at = now() where name = moved.name;
end $$;

-- Drops an archived partition with all its rows: the end of the history retention.
create function coursestream.drop_partition(partition_name text) returns void language plpgsql as $$
declare
    dropped coursestream.partitions;
begin
    select * into strict dropped from coursestream.partitions where name = partition_name and archived_at is not null;
    execute format('alter table coursestream.events_archive detach partition coursestream.%I', dropped.name);
    execute format('drop table coursestream.%I', dropped.name);
    delete from coursestream.partitions where name = dropped.name;
end $$;
