-- How long has each step taken with each model in the last seven days of the history, in milliseconds, and how many tokens does
-- its answer have? Every answer is read for it; the bound on ids leaves the rest of the log unread.
select model, step, count(*) as steps, percentile_cont(0.5) within group (order by duration_ms) as p50_ms,
    percentile_cont(0.95) within group (order by duration_ms) as p95_ms,
    avg(completion_tokens) as completion_tokens_avg
from analytics.steps
where session_id >= analytics.first_session_at((select max(started_at) from analytics.runs) - interval '7 days')
group by model, step
order by model, step;
