-- Who uses the most tokens?
select user_id, runs, courses, prompt_tokens + completion_tokens as tokens
from analytics.users
order by tokens desc, user_id
limit 20;
