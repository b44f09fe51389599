-- Questions about a span of time: when sessions were created, and when they ended. Neither column changes with an append
-- (`ended_at` does once, at the end, where other indexes change as well), so updates of running sessions stay HOT.

create index sessions_created on coursestream.sessions (created_at);
create index sessions_ended_at on coursestream.sessions (ended_at) where ended_at is not null;
