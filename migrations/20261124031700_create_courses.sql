-- Courses: the projection of `course_generated`, nested values in rows where people query them. The first event that
-- names a course id owns it.

create table coursestream.courses (
    course_id uuid primary key,
    session_id uuid not null references coursestream.sessions on delete cascade,
    user_id uuid not null,
    title text not null,
    description text not null,
    target_audience text not null,
    prerequisites text[] not null,
    total_duration text not null,
    created_at timestamptz not null
);
create index courses_user on coursestream.courses (user_id, course_id desc);
create index courses_session on coursestream.courses (session_id);

create table coursestream.course_parts (
    course_id uuid not null references coursestream.courses on delete cascade,
    part_number integer not null check (part_number between 1 and 5),
    title text not null,
    description text not null,
    learning_goals text[] not null,
    primary key (course_id, part_number)
);

create table coursestream.course_lessons (
    course_id uuid not null,
    part_number integer not null,
    lesson_number integer not null check (lesson_number between 1 and 5),
    title text not null,
    description text not null,
    content jsonb not null
        check (jsonb_typeof(content) = 'object')
        check (jsonb_typeof(content -> 'content') = 'string')
        check (jsonb_array_length(content -> 'quiz' -> 'questions') = 3),
    primary key (course_id, part_number, lesson_number),
    foreign key (course_id, part_number) references coursestream.course_parts on delete cascade
);
