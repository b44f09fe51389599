-- Do users come back? How many started runs on one day only, on two, on three …
select days, count(*) as users
from (
    select user_id, count(distinct (started_at at time zone 'UTC')::date) as days
    from analytics.runs
    group by user_id
) as u
group by days
order by days;
