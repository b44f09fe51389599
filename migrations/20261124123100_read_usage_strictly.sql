-- A run's tokens and those of its steps were read from the same data by two rules: numbers in quotes, and one good number beside a
-- bad one, counted in steps and not in runs. Now both take an object whose token counts are whole numbers of at most 9 digits, and
-- nothing of any other.
create function analytics.usage_of(usage json) returns json
    language sql immutable parallel safe
    return case when json_typeof(usage) = 'object'
        and coalesce(json_typeof(usage -> 'promptTokens') = 'number' and usage ->> 'promptTokens' ~ '^[0-9]{1,9}$', true)
        and coalesce(json_typeof(usage -> 'completionTokens') = 'number' and usage ->> 'completionTokens' ~ '^[0-9]{1,9}$', true)
        then usage end;
comment on function analytics.usage_of(json) is
    'The value itself where it is an object whose promptTokens and completionTokens, if there, are whole numbers from 0 of at most 9 digits, else null.';
revoke execute on function analytics.usage_of(json) from public;

create or replace view analytics.steps as
select e.session_id, e."offset", d.step, analytics.whole_number(d.part)::integer as part,
    analytics.whole_number(d.lesson)::integer as lesson,
    analytics.whole_number(d.attempt)::integer as attempt, analytics.whole_number(d.tries)::integer as tries,
    d.model, analytics.whole_number(d."durationMs") as duration_ms,
    analytics.whole_number(analytics.usage_of(d.usage) ->> 'promptTokens') as prompt_tokens,
    analytics.whole_number(analytics.usage_of(d.usage) ->> 'completionTokens') as completion_tokens,
    e.recorded_at as finished_at
from coursestream.all_events e
-- Whole answers are in here: what looks at them at all does so only once.
cross join lateral json_to_record(
    case when e.type = 'success' and json_typeof(e.data) = 'object' then analytics.readable(e.data) end)
    as d (step text, part text, lesson text, attempt text, tries text, model text, "durationMs" text, usage json)
where e.type = 'success' and d.step is not null;

-- Views call functions with the rights of who asks: whoever may call the one that the view called before.
do $$
declare
    granted record;
begin
    for granted in
        select distinct r.rolname from pg_catalog.pg_proc p
            cross join lateral aclexplode(p.proacl) a join pg_catalog.pg_roles r on r.oid = a.grantee
        where p.oid = 'analytics.whole_number(text)'::regprocedure and r.oid <> p.proowner
    loop
        execute format('grant execute on function analytics.usage_of(json) to %I', granted.rolname);
    end loop;
    perform coursestream.mirror_analytics();
end $$;
