-- How often did a model have to be asked again in the last seven days of the history because its answer was not valid? Percent of
-- steps that took more than one try, and the questions beyond the first.
select model, count(*) as steps, round(100.0 * count(*) filter (where tries > 1) / count(*), 2) as retried_percent,
    sum(tries - 1)::bigint as further_questions
from analytics.steps
where session_id >= analytics.first_session_at((select max(started_at) from analytics.runs) - interval '7 days')
group by model
order by model;
