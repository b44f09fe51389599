-- What are courses asked for most, and does it work? Percent of the topic's runs that have completed.
select topic, runs, users, round(100.0 * completed / runs, 2) as completed_percent
from analytics.topics
order by runs desc, topic
limit 20;
