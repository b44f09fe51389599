-- What analysts may rely on: views that stay as they are while the tables under them change, move and are dropped.
--
-- Views run with their owner's rights, so that whoever reads them needs none on the tables. All of them stand on `runs`,
-- `joins` and `all_events`, which alone decide whose rows are seen.
--
-- Times are of the database's clock and in UTC; durations are in milliseconds; a run is a session, from its start on.

create schema if not exists analytics;

-- A partition holds an hour of sessions by their ids, which begin with the time: bounds on ids are what the planner can
-- leave partitions out by.
create function analytics.first_session_at(moment timestamptz) returns uuid
    language sql immutable strict parallel safe
    return (lpad(to_hex(greatest(0, floor(extract(epoch from moment) * 1000))::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Event data is kept as its writer wrote it, and JSON may hold what PostgreSQL's text cannot (a NUL, half of a surrogate
-- pair). Reading a field of such a value is an error, and one of them would fail every question that comes across it.
-- Escaped backslashes and whole pairs are taken out first, so that what is left is what cannot be read.
create function analytics.readable(data json) returns json
    language sql immutable parallel safe
    return case
        when data::text not like '%\\u%' then data
        when regexp_replace(data::text,
                '\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g')
            !~ '\\u(0000|[dD][89a-fA-F])' then data
    end;

-- Numbers in event data are a writer's own; what is none, or none that fits, counts as absent.
create function analytics.whole_number(number text) returns bigint
    language sql immutable parallel safe
    return case when number ~ '^[0-9]{1,15}$' then number::bigint end;

-- Live and archived.
create view coursestream.all_events as
select session_id, "offset", type, message, data, recorded_at from coursestream.events
union all
select session_id, "offset", type, message, data, recorded_at from coursestream.events_archive;

create view analytics.events as
select session_id, "offset", type, message, analytics.readable(data) as data, recorded_at from coursestream.all_events;

create view analytics.runs as
select session_id, topic, user_id, search_web, producer, provider, model, status,
    created_at as started_at, ended_at,
    (extract(epoch from ended_at - created_at) * 1000)::bigint as duration_ms,
    last_offset as events, log_count as logs, progress_count as progresses, success_count as successes,
    error_count as errors, prompt_tokens, completion_tokens, attempts, course_id, error
from coursestream.sessions;

create view analytics.run_latencies as
select r.session_id, r.provider, r.model, r.status, r.started_at, e.recorded_at as first_event_at, r.ended_at,
    case when r.producer is null and e.type <> 'session_cancelled'
        then (extract(epoch from e.recorded_at - r.started_at) * 1000)::bigint end as queue_wait_ms,
    (extract(epoch from e.recorded_at - r.started_at) * 1000)::bigint as first_event_ms,
    r.duration_ms
from analytics.runs r left join analytics.events e on e.session_id = r.session_id and e."offset" = 1;

create view analytics.steps as
select e.session_id, e."offset", d.step, analytics.whole_number(d.part)::integer as part,
    analytics.whole_number(d.lesson)::integer as lesson,
    analytics.whole_number(d.attempt)::integer as attempt, analytics.whole_number(d.tries)::integer as tries,
    d.model, analytics.whole_number(d."durationMs") as duration_ms,
    analytics.whole_number(d.usage ->> 'promptTokens') as prompt_tokens,
    analytics.whole_number(d.usage ->> 'completionTokens') as completion_tokens,
    e.recorded_at as finished_at
from coursestream.all_events e
-- Whole answers are in here: what looks at them at all does so only once.
cross join lateral json_to_record(
    case when e.type = 'success' and json_typeof(e.data) = 'object' then analytics.readable(e.data) end)
    as d (step text, part text, lesson text, attempt text, tries text, model text, "durationMs" text, usage json)
where e.type = 'success' and d.step is not null;

create view analytics.failures as
select r.session_id, r.ended_at as failed_at, coalesce(
        e.data ->> 'cause', case when r.producer is null then 'unknown' else 'producer' end) as cause,
    e.data ->> 'step' as step, analytics.whole_number(e.data ->> 'part')::integer as part,
    analytics.whole_number(e.data ->> 'lesson')::integer as lesson,
    r.error, r.provider, r.model, r.topic, r.user_id, r.started_at, r.duration_ms, r.attempts
from analytics.runs r
left join (
    -- The type twice: a condition on what comes out of `data` may be looked at before the condition on the type.
    select session_id, "offset", case when type = 'session_failed' then analytics.readable(data) end as data
    from coursestream.all_events where type = 'session_failed'
) as e on e.session_id = r.session_id and e."offset" = r.events
where r.status = 'failed';

create view analytics.failure_causes as
select cause, provider, count(*) as runs, count(distinct user_id) as users, min(failed_at) as first_failed_at,
    max(failed_at) as last_failed_at
from analytics.failures
group by cause, provider;

-- Hour by hour, so that a condition on the hour costs what its hours hold and not the history: sessions by the index on their
-- start, events by the partitions of their ids. Ids carry the clock of their node, which may differ by an hour.
create view analytics.hourly_runs as
select h.hour, r.started, r.completed, r.failed, r.cancelled, r.unfinished, r.events, r.prompt_tokens,
    r.completion_tokens, r.duration[1] as duration_p50_ms, r.duration[2] as duration_p95_ms,
    r.duration[3] as duration_p99_ms, r.queue_wait[1] as queue_wait_p50_ms, r.queue_wait[2] as queue_wait_p95_ms,
    r.queue_wait[3] as queue_wait_p99_ms, r.first_event[1] as first_event_p50_ms, r.first_event[2] as first_event_p95_ms,
    r.first_event[3] as first_event_p99_ms
from generate_series(
        (select date_bin('1 hour', min(started_at), timestamptz '2000-01-01 00:00:00+00') from analytics.runs),
        (select max(started_at) from analytics.runs), interval '1 hour') as h (hour)
cross join lateral (
    select count(*) as started,
        count(*) filter (where r.status = 'completed') as completed,
        count(*) filter (where r.status = 'failed') as failed,
        count(*) filter (where r.status = 'cancelled') as cancelled,
        count(*) filter (where r.ended_at is null) as unfinished,
        coalesce(sum(r.events), 0)::bigint as events,
        coalesce(sum(r.prompt_tokens), 0)::bigint as prompt_tokens,
        coalesce(sum(r.completion_tokens), 0)::bigint as completion_tokens,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by r.duration_ms) as duration,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by w.queue_wait_ms) as queue_wait,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by w.first_event_ms) as first_event
    from analytics.runs r
    left join (
        select session_id, type, recorded_at from analytics.events
        where "offset" = 1
            and session_id >= analytics.first_session_at(h.hour - interval '1 hour')
            and session_id < analytics.first_session_at(h.hour + interval '2 hours')
    ) as e on e.session_id = r.session_id
    cross join lateral (
        select (extract(epoch from e.recorded_at - r.started_at) * 1000)::bigint as first_event_ms,
            case when r.producer is null and e.type <> 'session_cancelled'
                then (extract(epoch from e.recorded_at - r.started_at) * 1000)::bigint end as queue_wait_ms
    ) as w
    where r.started_at >= h.hour and r.started_at < h.hour + interval '1 hour'
) as r;

create view analytics.hourly_events as
select date_bin('1 hour', recorded_at, timestamptz '2000-01-01 00:00:00+00') as hour, type, count(*) as events
from analytics.events
group by 1, 2;

create view analytics.hourly_steps as
select hour, step, model, steps, tries, prompt_tokens, completion_tokens, duration[1] as duration_p50_ms,
    duration[2] as duration_p95_ms, duration[3] as duration_p99_ms
from (
    select date_bin('1 hour', finished_at, timestamptz '2000-01-01 00:00:00+00') as hour, step, model,
        count(*) as steps, sum(tries)::bigint as tries, sum(prompt_tokens)::bigint as prompt_tokens,
        sum(completion_tokens)::bigint as completion_tokens,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by duration_ms) as duration
    from analytics.steps
    group by 1, 2, 3
) as s;

create view analytics.topics as
select lower(regexp_replace(btrim(topic), '\s+', ' ', 'g')) as topic, count(*) as runs,
    count(*) filter (where status = 'completed') as completed, count(*) filter (where status = 'failed') as failed,
    count(distinct user_id) as users, min(started_at) as first_started_at, max(started_at) as last_started_at,
    percentile_cont(0.5) within group (order by duration_ms) filter (where status = 'completed') as completed_p50_ms
from analytics.runs
group by 1;

create view analytics.users as
select user_id, count(*) as runs, count(*) filter (where status = 'completed') as completed,
    count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'cancelled') as cancelled,
    count(*) filter (where course_id is not null) as courses, sum(prompt_tokens)::bigint as prompt_tokens,
    sum(completion_tokens)::bigint as completion_tokens, min(started_at) as first_started_at,
    max(started_at) as last_started_at
from analytics.runs
group by user_id;

create view analytics.courses as
select c.course_id, c.session_id, c.user_id, c.title, c.target_audience, c.created_at,
    (select count(*) from coursestream.course_parts p where p.course_id = c.course_id) as parts,
    (select count(*) from coursestream.course_lessons l where l.course_id = c.course_id) as lessons
from coursestream.courses c join analytics.runs r using (session_id);

create view analytics.model_prices as
select provider, model, valid_from,
    lead(valid_from) over (partition by provider, model order by valid_from) as valid_until,
    currency, prompt_per_million, completion_per_million, source
from coursestream.model_prices;

create view analytics.run_costs as
select r.session_id, r.user_id, r.provider, r.model, r.started_at, r.prompt_tokens, r.completion_tokens, p.currency,
    (r.prompt_tokens * p.prompt_per_million + r.completion_tokens * p.completion_per_million) / 1000000 as cost
from analytics.runs r
left join lateral (
    select currency, prompt_per_million, completion_per_million from coursestream.model_prices p
    where p.provider = r.provider and p.model = r.model and p.valid_from <= r.started_at
    order by p.valid_from desc limit 1
) as p on true;

create view analytics.daily_costs as
select (started_at at time zone 'UTC')::date as day, provider, model, currency, count(*) as runs,
    sum(prompt_tokens)::bigint as prompt_tokens, sum(completion_tokens)::bigint as completion_tokens, sum(cost) as cost
from analytics.run_costs
group by 1, 2, 3, 4;

-- Starts and ends in the order of time; their running sum is what is open. Every hour has a point of its own, so that one
-- without a start or an end still has a line.
create view analytics.concurrency as
with changes as (
    select started_at as at, 1 as change from analytics.runs
    union all
    select ended_at, -1 from analytics.runs where ended_at is not null
    union all
    select hour, 0 from generate_series(
        (select date_bin('1 hour', min(started_at), timestamptz '2000-01-01 00:00:00+00') from analytics.runs),
        (select case when bool_or(ended_at is null) then now() else max(ended_at) end from analytics.runs),
        interval '1 hour') as hour
), points as (
    select at, sum(sum(change)) over (order by at)::bigint as open,
        coalesce(lead(at) over (order by at),
            date_bin('1 hour', at, timestamptz '2000-01-01 00:00:00+00') + interval '1 hour') as next_at
    from changes
    group by at
)
select date_bin('1 hour', at, timestamptz '2000-01-01 00:00:00+00') as hour, max(open) as sessions_max,
    sum(open * extract(epoch from next_at - at)) / sum(extract(epoch from next_at - at)) as sessions_avg
from points
group by 1;

create view analytics.joins as
select session_id, transport, last_seen as last_seen_offset, replayed as replayed_events, last_seen > 0 as is_resume,
    joined_at, node
from coursestream.joins;

create view analytics.resumes as
select session_id, transport, count(*) as joins, count(*) filter (where is_resume) as resumes,
    sum(replayed_events)::bigint as replayed_events, min(joined_at) as first_joined_at, max(joined_at) as last_joined_at
from analytics.joins
group by session_id, transport;

comment on schema analytics is
    'What analysts read: views of runs, their events, steps, costs and followers. Times are in UTC, durations in milliseconds.';

comment on function analytics.first_session_at(timestamptz) is
    'The lowest id that a session started at this moment can have. Bounds on session_id let a query of events, steps or joins leave out the hours that it does not ask for; take an hour more on both sides, for ids carry the clock of the node.';
comment on function analytics.readable(json) is
    'The value itself where PostgreSQL can read its fields, else null: JSON may hold characters that PostgreSQL''s text cannot.';
comment on function analytics.whole_number(text) is
    'The number where the text is a whole number from 0 of at most 15 digits, else null.';

comment on view analytics.runs is 'Every run that is kept, one row each: what was asked for, where it stands, what it took.';
comment on column analytics.runs.session_id is 'The session of the run: its id, which begins with the time of its start.';
comment on column analytics.runs.topic is 'What the course is to be about, as the user wrote it.';
comment on column analytics.runs.user_id is 'The user who asked.';
comment on column analytics.runs.search_web is 'Whether the model was allowed to search the web.';
comment on column analytics.runs.producer is 'The outside producer whose session it is; null for a run that this service generates.';
comment on column analytics.runs.provider is 'openai, offline, or the name of the outside producer; null while the run is queued.';
comment on column analytics.runs.model is 'The model that was asked; null while the run is queued and for outside producers.';
comment on column analytics.runs.status is 'queued, running, completed, failed or cancelled; expiry and archiving do not change it.';
comment on column analytics.runs.started_at is 'When the run was asked for.';
comment on column analytics.runs.ended_at is 'When it completed, failed or was cancelled; null before.';
comment on column analytics.runs.duration_ms is 'From started_at to ended_at, waiting for a node included; null before the end.';
comment on column analytics.runs.events is 'Events of all types in its log; the offset of the last one.';
comment on column analytics.runs.logs is 'Events of type log.';
comment on column analytics.runs.progresses is 'Events of type progress.';
comment on column analytics.runs.successes is 'Events of type success: finished steps, for a run that this service generates.';
comment on column analytics.runs.errors is 'Events of type error.';
comment on column analytics.runs.prompt_tokens is 'Tokens of prompts that the provider counted, answers that could not be used included.';
comment on column analytics.runs.completion_tokens is 'Tokens of answers that the provider counted, those that could not be used included.';
comment on column analytics.runs.attempts is 'Nodes that worked on the run, one after the other; 0 for outside producers.';
comment on column analytics.runs.course_id is 'The course that came of it; null where none did.';
comment on column analytics.runs.error is 'Why it failed, in words; null where it did not. analytics.failures has the cause.';

comment on view analytics.events is 'The whole log, live and archived: one row per event. Ask with session_id, or with bounds from first_session_at.';
comment on column analytics.events.session_id is 'The session; see analytics.runs.';
comment on column analytics.events."offset" is 'Position of the event in its session: 1, 2, 3 … without holes. Write it with a table name or quotes.';
comment on column analytics.events.type is 'log, progress, success, error, course_generated, session_started, session_completed, session_failed or session_cancelled.';
comment on column analytics.events.message is 'The event in words.';
comment on column analytics.events.data is 'What the event carries, as its writer wrote it; null where it carries nothing or PostgreSQL cannot read it.';
comment on column analytics.events.recorded_at is 'When the event was committed.';

comment on view analytics.run_latencies is 'How long each run took to get going and to end.';
comment on column analytics.run_latencies.session_id is 'The session; see analytics.runs.';
comment on column analytics.run_latencies.provider is 'openai, offline, or the name of the outside producer; null while the run is queued.';
comment on column analytics.run_latencies.model is 'The model that was asked.';
comment on column analytics.run_latencies.status is 'queued, running, completed, failed or cancelled.';
comment on column analytics.run_latencies.started_at is 'When the run was asked for.';
comment on column analytics.run_latencies.first_event_at is 'When its first event was committed; null while the run is queued.';
comment on column analytics.run_latencies.ended_at is 'When it completed, failed or was cancelled; null before.';
comment on column analytics.run_latencies.queue_wait_ms is 'From started_at until a node took the run up; null for runs that were cancelled before, and for outside producers.';
comment on column analytics.run_latencies.first_event_ms is 'From started_at until a follower saw the first event.';
comment on column analytics.run_latencies.duration_ms is 'From started_at to ended_at; null before the end.';

comment on view analytics.steps is 'Every finished step of a run: one answer of the model that was valid, one row. Runs are asked for the structure first, then for the lessons of each part, then for the content of each lesson.';
comment on column analytics.steps.session_id is 'The session; see analytics.runs.';
comment on column analytics.steps."offset" is 'The event that says so; see analytics.events.';
comment on column analytics.steps.step is 'structure, lessons or content; outside producers may name others.';
comment on column analytics.steps.part is 'The part of the course, from 1; null for the structure.';
comment on column analytics.steps.lesson is 'The lesson of the part, from 1; null for all steps but content.';
comment on column analytics.steps.attempt is 'Which of the nodes that worked on the run finished the step, from 1; null in logs of older versions.';
comment on column analytics.steps.tries is 'How often the model was asked until its answer was valid.';
comment on column analytics.steps.model is 'The model that answered, as its server names it.';
comment on column analytics.steps.duration_ms is 'From the first question to the valid answer, all tries included.';
comment on column analytics.steps.prompt_tokens is 'Tokens of the prompts of all tries.';
comment on column analytics.steps.completion_tokens is 'Tokens of the answers of all tries.';
comment on column analytics.steps.finished_at is 'When the step was committed.';

comment on view analytics.failures is 'Every run that failed, and why.';
comment on column analytics.failures.session_id is 'The session; see analytics.runs.';
comment on column analytics.failures.failed_at is 'When it failed.';
comment on column analytics.failures.cause is 'unauthorized, refused, unavailable, unreachable, timed_out: the model server; malformed, cut_off, declined, invalid_answer: its answers, after all tries; invalid_course: steps that fit their rules but not each other; interrupted: too many nodes lost the run; internal: a fault of this service; producer: an outside producer said so; unknown: the log does not say.';
comment on column analytics.failures.step is 'The step that failed: structure, lessons or content; null where it was none.';
comment on column analytics.failures.part is 'The part of the course at which the step was, from 1.';
comment on column analytics.failures.lesson is 'The lesson of the part at which the step was, from 1.';
comment on column analytics.failures.error is 'The failure in words.';
comment on column analytics.failures.provider is 'openai, offline, or the name of the outside producer.';
comment on column analytics.failures.model is 'The model that was asked.';
comment on column analytics.failures.topic is 'What the course was to be about.';
comment on column analytics.failures.user_id is 'The user who asked.';
comment on column analytics.failures.started_at is 'When the run was asked for.';
comment on column analytics.failures.duration_ms is 'From started_at to the failure.';
comment on column analytics.failures.attempts is 'Nodes that worked on the run.';

comment on view analytics.failure_causes is 'How often runs failed, by cause and provider.';
comment on column analytics.failure_causes.cause is 'See analytics.failures.';
comment on column analytics.failure_causes.provider is 'openai, offline, or the name of the outside producer.';
comment on column analytics.failure_causes.runs is 'Runs that failed so.';
comment on column analytics.failure_causes.users is 'Users whose runs failed so.';
comment on column analytics.failure_causes.first_failed_at is 'The first time.';
comment on column analytics.failure_causes.last_failed_at is 'The last time.';

comment on view analytics.hourly_runs is 'Throughput and latency by the hour in which runs were started, one row for every hour from the first run to the last. Ask with a condition on the hour.';
comment on column analytics.hourly_runs.hour is 'The beginning of the hour.';
comment on column analytics.hourly_runs.started is 'Runs that were started in the hour.';
comment on column analytics.hourly_runs.completed is 'Of those, how many have completed since.';
comment on column analytics.hourly_runs.failed is 'Of those, how many have failed since.';
comment on column analytics.hourly_runs.cancelled is 'Of those, how many were cancelled since.';
comment on column analytics.hourly_runs.unfinished is 'Of those, how many have not ended.';
comment on column analytics.hourly_runs.events is 'Events in their logs.';
comment on column analytics.hourly_runs.prompt_tokens is 'Tokens of their prompts.';
comment on column analytics.hourly_runs.completion_tokens is 'Tokens of their answers.';
comment on column analytics.hourly_runs.duration_p50_ms is 'Median of their durations, start to end; of those that have ended.';
comment on column analytics.hourly_runs.duration_p95_ms is '95th percentile of their durations.';
comment on column analytics.hourly_runs.duration_p99_ms is '99th percentile of their durations.';
comment on column analytics.hourly_runs.queue_wait_p50_ms is 'Median of the time until a node took them up.';
comment on column analytics.hourly_runs.queue_wait_p95_ms is '95th percentile of the time until a node took them up.';
comment on column analytics.hourly_runs.queue_wait_p99_ms is '99th percentile of the time until a node took them up.';
comment on column analytics.hourly_runs.first_event_p50_ms is 'Median of the time until their first event.';
comment on column analytics.hourly_runs.first_event_p95_ms is '95th percentile of the time until their first event.';
comment on column analytics.hourly_runs.first_event_p99_ms is '99th percentile of the time until their first event.';

comment on view analytics.hourly_events is 'Events by the hour in which they were committed, and type. Reads the whole log.';
comment on column analytics.hourly_events.hour is 'The beginning of the hour.';
comment on column analytics.hourly_events.type is 'See analytics.events.';
comment on column analytics.hourly_events.events is 'Events of the type in the hour.';

comment on view analytics.hourly_steps is 'Finished steps by the hour in which they were committed, step and model. Reads all steps.';
comment on column analytics.hourly_steps.hour is 'The beginning of the hour.';
comment on column analytics.hourly_steps.step is 'structure, lessons or content; outside producers may name others.';
comment on column analytics.hourly_steps.model is 'The model that answered, as its server names it.';
comment on column analytics.hourly_steps.steps is 'Steps that were finished.';
comment on column analytics.hourly_steps.tries is 'Questions that it took; beyond steps, answers were not valid.';
comment on column analytics.hourly_steps.prompt_tokens is 'Tokens of their prompts.';
comment on column analytics.hourly_steps.completion_tokens is 'Tokens of their answers.';
comment on column analytics.hourly_steps.duration_p50_ms is 'Median of their durations.';
comment on column analytics.hourly_steps.duration_p95_ms is '95th percentile of their durations.';
comment on column analytics.hourly_steps.duration_p99_ms is '99th percentile of their durations.';

comment on view analytics.topics is 'What courses are asked for. Topics that differ in case or spaces alone are one.';
comment on column analytics.topics.topic is 'The topic in lower case, with single spaces.';
comment on column analytics.topics.runs is 'Runs with the topic.';
comment on column analytics.topics.completed is 'Of those, how many have completed.';
comment on column analytics.topics.failed is 'Of those, how many have failed.';
comment on column analytics.topics.users is 'Users who asked for it.';
comment on column analytics.topics.first_started_at is 'When it was asked for first.';
comment on column analytics.topics.last_started_at is 'When it was asked for last.';
comment on column analytics.topics.completed_p50_ms is 'Median duration of those that completed.';

comment on view analytics.users is 'Users by what they asked for and what it took.';
comment on column analytics.users.user_id is 'The user.';
comment on column analytics.users.runs is 'Runs that the user started.';
comment on column analytics.users.completed is 'Of those, how many have completed.';
comment on column analytics.users.failed is 'Of those, how many have failed.';
comment on column analytics.users.cancelled is 'Of those, how many were cancelled.';
comment on column analytics.users.courses is 'Of those, how many brought a course.';
comment on column analytics.users.prompt_tokens is 'Tokens of their prompts.';
comment on column analytics.users.completion_tokens is 'Tokens of their answers.';
comment on column analytics.users.first_started_at is 'When the first of them was started.';
comment on column analytics.users.last_started_at is 'When the last of them was started.';

comment on view analytics.courses is 'Saved courses. Their texts are in the event of type course_generated of their session, and in the API.';
comment on column analytics.courses.course_id is 'The course; runs name it as theirs.';
comment on column analytics.courses.session_id is 'The session that brought it; see analytics.runs.';
comment on column analytics.courses.user_id is 'The user who asked for it.';
comment on column analytics.courses.title is 'Its title.';
comment on column analytics.courses.target_audience is 'Whom it is written for.';
comment on column analytics.courses.created_at is 'When it was saved.';
comment on column analytics.courses.parts is 'Its parts.';
comment on column analytics.courses.lessons is 'Its lessons in all parts.';

comment on view analytics.model_prices is 'What models cost, as the operator of this service entered it in coursestream.model_prices. No price is built in.';
comment on column analytics.model_prices.provider is 'The provider, as runs name it.';
comment on column analytics.model_prices.model is 'The model that is asked, as runs name it.';
comment on column analytics.model_prices.valid_from is 'From when on runs cost this; runs that start at this moment do.';
comment on column analytics.model_prices.valid_until is 'When the next price takes over; null for the last one.';
comment on column analytics.model_prices.currency is 'Three letters, ISO 4217.';
comment on column analytics.model_prices.prompt_per_million is 'Price of a million tokens of prompts.';
comment on column analytics.model_prices.completion_per_million is 'Price of a million tokens of answers.';
comment on column analytics.model_prices.source is 'Where the price was read.';

comment on view analytics.run_costs is 'What the provider asks for each run, by the price that held when it started.';
comment on column analytics.run_costs.session_id is 'The session; see analytics.runs.';
comment on column analytics.run_costs.user_id is 'The user who asked.';
comment on column analytics.run_costs.provider is 'openai, offline, or the name of the outside producer; null while the run is queued.';
comment on column analytics.run_costs.model is 'The model that was asked.';
comment on column analytics.run_costs.started_at is 'When the run was asked for.';
comment on column analytics.run_costs.prompt_tokens is 'Tokens of its prompts.';
comment on column analytics.run_costs.completion_tokens is 'Tokens of its answers.';
comment on column analytics.run_costs.currency is 'The currency of the cost; null where no price is known.';
comment on column analytics.run_costs.cost is 'Tokens times price; null, not 0, where no price is known.';

comment on view analytics.daily_costs is 'What the provider asks for the runs of a day, by model. Rows without a currency are runs whose price is not known.';
comment on column analytics.daily_costs.day is 'The day in UTC on which the runs were started.';
comment on column analytics.daily_costs.provider is 'openai, offline, or the name of the outside producer.';
comment on column analytics.daily_costs.model is 'The model that was asked.';
comment on column analytics.daily_costs.currency is 'The currency of the cost; null where no price is known.';
comment on column analytics.daily_costs.runs is 'Runs that were started on the day.';
comment on column analytics.daily_costs.prompt_tokens is 'Tokens of their prompts.';
comment on column analytics.daily_costs.completion_tokens is 'Tokens of their answers.';
comment on column analytics.daily_costs.cost is 'Tokens times price; null where no price is known.';

comment on view analytics.concurrency is 'How many sessions were open, queued or running, at the same time, by the hour: one row for every hour from the first start to the last end.';
comment on column analytics.concurrency.hour is 'The beginning of the hour.';
comment on column analytics.concurrency.sessions_max is 'The most that were open at one moment. One that ends as another starts is not open beside it.';
comment on column analytics.concurrency.sessions_avg is 'How many were open on average over the time of the hour.';

comment on view analytics.joins is 'Every time that a client came to follow a session. Statistics: a few may be missing where a node was killed or overwhelmed.';
comment on column analytics.joins.session_id is 'The session; see analytics.runs.';
comment on column analytics.joins.transport is 'websocket, socketio or sse.';
comment on column analytics.joins.last_seen_offset is 'The last event that the client had seen already; 0 where it began at the start.';
comment on column analytics.joins.replayed_events is 'Events that lay behind it at that moment and were to be replayed.';
comment on column analytics.joins.is_resume is 'Whether the client came back: it had seen something.';
comment on column analytics.joins.joined_at is 'When, by the clock of the node.';
comment on column analytics.joins.node is 'The node; its id is a new one each time it starts.';

comment on view analytics.resumes is 'How often clients came to each session, came back, and what they had missed, by transport.';
comment on column analytics.resumes.session_id is 'The session; see analytics.runs.';
comment on column analytics.resumes.transport is 'websocket, socketio or sse.';
comment on column analytics.resumes.joins is 'Times that a client came.';
comment on column analytics.resumes.resumes is 'Of those, how often it had seen something before.';
comment on column analytics.resumes.replayed_events is 'Events that were to be replayed to them.';
comment on column analytics.resumes.first_joined_at is 'The first time.';
comment on column analytics.resumes.last_joined_at is 'The last time.';
