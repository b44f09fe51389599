-- How long do people wait: for a node to take their run up, for the first event, for the end? Median and 95th percentile in
-- milliseconds of the runs that were started on each day.
select date_trunc('day', started_at, 'UTC') as day, count(*) as runs,
    percentile_cont(0.5) within group (order by queue_wait_ms) as queue_wait_p50_ms,
    percentile_cont(0.95) within group (order by queue_wait_ms) as queue_wait_p95_ms,
    percentile_cont(0.5) within group (order by first_event_ms) as first_event_p50_ms,
    percentile_cont(0.95) within group (order by first_event_ms) as first_event_p95_ms,
    percentile_cont(0.5) within group (order by duration_ms) as duration_p50_ms,
    percentile_cont(0.95) within group (order by duration_ms) as duration_p95_ms
from analytics.run_latencies
group by day
order by day;
