-- At which step do runs fail, by model? Runs that failed at no step of theirs are left out.
select model, step, count(*) as runs, count(distinct session_id) filter (where attempts > 1) as after_a_takeover
from analytics.failures
where step is not null
group by model, step
order by runs desc, model, step;
