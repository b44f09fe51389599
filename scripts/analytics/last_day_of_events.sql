-- What was written in the last day of the history? The bounds on ids leave all other hours of the log unread; runs that
-- began up to six hours earlier are looked at too.
with last as (select max(started_at) as at from analytics.runs)
select type, count(*) as events
from analytics.events, last
where session_id >= analytics.first_session_at((select at from last) - interval '30 hours')
    and recorded_at >= at - interval '24 hours' and recorded_at <= at
group by type
order by events desc, type;
