-- Every view that analysts of one user read has a barrier, not those alone that filter: a view that joins a table with the filtered
-- runs lets a cheap function of the query see the table's rows before the join has sorted them out.

create or replace function coursestream.mirror_analytics() returns void
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
        execute format('create view analytics_own.%I with (security_barrier) as %s', found.relname, definition);
    end loop;

    for found in select role_name from coursestream.analyst_users where exists (
        select from pg_roles where rolname = role_name)
    loop
        perform coursestream.grant_analytics_own(found.role_name);
    end loop;
end $$;

do $$ begin perform coursestream.mirror_analytics(); end $$;
