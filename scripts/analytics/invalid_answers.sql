-- How often does a model have to be asked again because its answer was not valid? Percent of steps that took more than one
-- try, and the questions beyond the first.
select model, count(*) as steps, round(100.0 * count(*) filter (where tries > 1) / count(*), 2) as retried_percent,
    sum(tries - 1)::bigint as further_questions
from analytics.steps
group by model
order by model;
