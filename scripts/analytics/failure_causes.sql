-- Why do runs fail? Each cause with its share of all failures, in percent, and when it came up last.
select cause, sum(runs)::bigint as runs, round(100 * sum(runs) / sum(sum(runs)) over (), 2) as percent,
    max(last_failed_at) as last_failed_at
from analytics.failure_causes
group by cause
order by runs desc, cause;
