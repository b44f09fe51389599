-- Which completed runs took longest, and how much of that was waiting for a node?
select r.session_id, r.topic, r.model, r.duration_ms, l.queue_wait_ms, r.events
from analytics.runs r join analytics.run_latencies l using (session_id)
where r.status = 'completed' and r.producer is null
order by r.duration_ms desc, r.session_id
limit 20;
