-- How long does each step take with each model, in milliseconds, and how many tokens does its answer have?
select model, step, count(*) as steps, percentile_cont(0.5) within group (order by duration_ms) as p50_ms,
    percentile_cont(0.95) within group (order by duration_ms) as p95_ms,
    avg(completion_tokens) as completion_tokens_avg
from analytics.steps
group by model, step
order by model, step;
