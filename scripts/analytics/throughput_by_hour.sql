-- How many runs are started in each hour, and what has become of them since?
select hour, started, completed, failed, cancelled, unfinished
from analytics.hourly_runs
order by hour;
