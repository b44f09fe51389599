-- How often do clients lose their connection and come back, over what, and how much had they missed? Percent of followed
-- sessions with a resume, and events to be replayed for each.
select transport, count(*) as sessions, round(100.0 * count(*) filter (where resumes > 0) / count(*), 2) as resumed_percent,
    sum(resumes)::bigint as resumes, sum(replayed_events)::float8 / sum(joins)::float8 as replayed_per_join
from analytics.resumes
group by transport
order by transport;
