-- The history is listed newest first, by user, status, time or topic: what a page costs must not grow with the history. Columns
-- that every append changes are in no index, so that those updates stay HOT.

-- Only sessions that are not expired have one of the other statuses, so this index stays as small as the session TTL is short.
create index sessions_status on sessions (status, session_id) where expired_at is null;

-- Outside producers choose the ids of their courses, so these tell nothing of the order.
drop index courses_user;
create index courses_newest on courses (created_at desc, course_id desc);
create index courses_user on courses (user_id, created_at desc, course_id desc);

-- Topics in lower case, searched for parts of them. Apart from the sessions, whose rows change: the trigram index is written
-- once for each session and never in an append.
create table session_topics (
    session_id uuid primary key references sessions on delete cascade,
    topic text not null
);

create function note_topic() returns trigger language plpgsql as $$
begin
    insert into coursestream.session_topics (session_id, topic) values (new.session_id, lower(new.topic));
    return null;
end $$;

create trigger sessions_topic after insert on sessions for each row execute function note_topic();

insert into session_topics (session_id, topic) select session_id, lower(topic) from sessions;

-- pg_trgm comes with PostgreSQL and may be created by the owner of a database. Where it is not installed, a search reads the
-- topics from the newest on.
do $$
declare
    extension_schema name;
begin
    begin
        create extension if not exists pg_trgm with schema public;
    exception when others then
        raise notice 'pg_trgm cannot be created: topics are searched without an index (%)', sqlerrm;
    end;
    select n.nspname into extension_schema
        from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
    if found then
        execute format('create index session_topics_trigrams on session_topics using gin (topic %I.gin_trgm_ops)
            with (fastupdate = off)', extension_schema);
    end if;
end $$;
