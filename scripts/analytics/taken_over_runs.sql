-- How many runs were interrupted and taken over by another node, and how did they end?
select attempts, status, count(*) as runs
from analytics.runs
where attempts > 1
group by attempts, status
order by attempts, status;
