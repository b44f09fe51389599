-- Analysts who may see one user's runs and no others: a login is tied to a user, and reads the schema `analytics_own`, which has
-- the views of `analytics` over that user's rows alone.
--
-- Why not policies on the tables: views run with their owner's rights, so policies would have to hold for the owner as well, and for
-- every node that writes. And why views of their own: a barrier keeps a query's functions from seeing rows that are filtered out, and
-- the planner from using what it knows about them, which those who may see everything should not pay for.

create table coursestream.analyst_users (
    role_name name primary key,
    user_id uuid not null
);

-- Whose rows this connection sees: that of the login, whatever role it sets afterwards. Null, which equals nobody, for any other.
create function coursestream.analyst_user() returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
    return (select user_id from coursestream.analyst_users where role_name = session_user);

-- Makes the views of `analytics_own` anew from those of `analytics`. For migrations that change these.
create function coursestream.mirror_analytics() returns void
    language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    found record;
    names text;
    definition text;
begin
    drop schema if exists analytics_own cascade;
    create schema analytics_own;
    comment on schema analytics_own is 'The views of the schema analytics over the rows of one user: that of the login.';

    create view analytics_own.runs with (security_barrier) as
        select r.* from analytics.runs r where r.user_id = (select coursestream.analyst_user());
    create view analytics_own.all_events with (security_barrier) as
        select e.* from coursestream.all_events e where e.session_id in (
            select s.session_id from coursestream.sessions s where s.user_id = (select coursestream.analyst_user()));
    create view analytics_own.joins with (security_barrier) as
        select j.* from analytics.joins j where j.session_id in (
            select s.session_id from coursestream.sessions s where s.user_id = (select coursestream.analyst_user()));

    select string_agg(c.relname, '|') into names from pg_class c
        where c.relnamespace = 'analytics'::regnamespace and c.relkind = 'v';
    -- In the order in which they were made, so that each finds those it stands on.
    for found in
        select c.oid, c.relname from pg_class c
        where c.relnamespace = 'analytics'::regnamespace and c.relkind = 'v' and c.relname not in ('runs', 'joins')
        order by c.oid
    loop
        -- With this search path every name in a definition has its schema. A name before a parenthesis is a function's.
        definition := regexp_replace(pg_get_viewdef(found.oid), '\manalytics\.(' || names || ')\M(?!\()',
            'analytics_own.\1', 'g');
        definition := replace(definition, 'coursestream.all_events', 'analytics_own.all_events');
        execute format('create view analytics_own.%I as %s', found.relname, definition);
    end loop;

    for found in select role_name from coursestream.analyst_users where exists (
        select from pg_roles where rolname = role_name)
    loop
        perform coursestream.grant_analytics_own(found.role_name);
    end loop;
end $$;

create function coursestream.grant_analytics_own(analyst name) returns void
    language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    execute format('grant usage on schema analytics_own, analytics to %I', analyst);
    execute format('grant select on all tables in schema analytics_own to %I', analyst);
    -- The views call them, with the rights of who asks.
    execute format('grant execute on all functions in schema analytics to %I', analyst);
    execute format('grant execute on function coursestream.analyst_user() to %I', analyst);
end $$;

-- Ties a login to a user. Makes it where it is missing, without a password, and with the bounds of other analysts.
create function coursestream.provide_user_analyst(analyst name, whose uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from pg_roles where rolname = analyst) then
        execute format('create role %I login connection limit 20', analyst);
        execute format('alter role %I set statement_timeout = %L', analyst, '60s');
        execute format('alter role %I set idle_in_transaction_session_timeout = %L', analyst, '30s');
        execute format('alter role %I set default_transaction_read_only = on', analyst);
        execute format('alter role %I set search_path = analytics_own', analyst);
        execute format('alter role %I set jit = off', analyst);
    end if;
    insert into coursestream.analyst_users (role_name, user_id) values (analyst, whose)
        on conflict (role_name) do update set user_id = excluded.user_id;
    perform coursestream.grant_analytics_own(analyst);
end $$;
comment on function coursestream.provide_user_analyst(name, uuid) is
    'Lets a login, which is made where it is missing, read the views of analytics_own: one user''s rows and nothing else.';

revoke execute on function coursestream.analyst_user() from public;
revoke execute on function coursestream.mirror_analytics() from public;
revoke execute on function coursestream.grant_analytics_own(name) from public;
revoke execute on function coursestream.provide_user_analyst(name, uuid) from public;

do $$ begin perform coursestream.mirror_analytics(); end $$;
