-- How many runs a user has under way is asked before each start of one.
create index sessions_open_user on coursestream.sessions (user_id) where ended_at is null;
