-- When were the most sessions open at the same time?
select hour, sessions_max, sessions_avg
from analytics.concurrency
order by sessions_max desc, hour
limit 10;
