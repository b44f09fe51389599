-- What is the log made of? Events of each type, and how many a run has on average.
select type, count(*) as events, count(*)::float8 / (select count(*) from analytics.runs) as events_per_run
from analytics.events
group by type
order by events desc, type;
