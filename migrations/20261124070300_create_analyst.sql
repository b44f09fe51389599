-- The role that analysts log in as. It belongs to the cluster and not to the database, so another database may have made it
-- before, or be making it right now; and on a managed server the migrating role may not make roles at all. Then the migration
-- goes on without: whoever administers the server makes it, and calls the function again.
--
-- It may log in, since its settings hold for logins only and not for members, but it has no password: until it gets one, only
-- those are let in whom pg_hba.conf trusts anyway.

create function coursestream.provide_analyst() returns text language plpgsql as $$
declare
    is_missing boolean := not exists (select from pg_catalog.pg_roles where rolname = 'coursestream_analyst');
begin
    if is_missing then
        begin
            create role coursestream_analyst login connection limit 20;
            alter role coursestream_analyst set statement_timeout = '60s';
            -- An open transaction holds locks that archiving a partition waits for.
            alter role coursestream_analyst set idle_in_transaction_session_timeout = '30s';
            alter role coursestream_analyst set default_transaction_read_only = on;
            alter role coursestream_analyst set search_path = analytics;
            -- Compiling a query over many partitions takes longer than running it.
            alter role coursestream_analyst set jit = off;
        exception
            -- Another database of the cluster was faster.
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise notice 'role coursestream_analyst was not made: % may not make roles; make it and call coursestream.provide_analyst()',
                    current_user;
                return 'missing';
        end;
    end if;
    grant usage on schema analytics to coursestream_analyst;
    grant select on all tables in schema analytics to coursestream_analyst;
    grant execute on all functions in schema analytics to coursestream_analyst;
    return 'provided';
end $$;
comment on function coursestream.provide_analyst() is
    'Makes the role coursestream_analyst where it is missing, and lets it read the schema analytics and nothing else.';

revoke execute on all functions in schema analytics from public;
revoke execute on function coursestream.provide_analyst() from public;
do $$ begin perform coursestream.provide_analyst(); end $$;
