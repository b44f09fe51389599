//! Courses: what `course_generated` carried, in rows of their own. Written in the transaction that appends the event.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Store, StoreError, sessions::tellable};
use crate::{
    course::{Course, Lesson, LessonContent, Part},
    event::SessionId,
};

/// A course in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourseSummary {
    pub course_id: Uuid,
    pub session_id: SessionId,
    pub user_id: Uuid,
    pub title: String,
    pub description: String,
    pub parts: u32,
    pub lessons: u32,
    pub created_at: DateTime<Utc>,
}

/// The place of a course among all, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoursePlace {
    pub created_at: DateTime<Utc>,
    pub id: Uuid,
}

/// The data of a `course_generated` event.
#[derive(Serialize, Deserialize)]
struct Carried {
    course: Course,
}

/// The course that a `course_generated` event carries, where it carries one.
pub(super) fn carried(data: Option<&RawValue>) -> Option<Course> {
    serde_json::from_str::<Carried>(data?.get()).ok().map(|carried| carried.course)
}

/// Inserts the course; one that an earlier event brought stays as it is.
pub(super) async fn insert(
    connection: &mut PgConnection,
    session_id: SessionId,
    course: &Course,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into coursestream.courses
            (course_id, session_id, user_id, title, description, target_audience, prerequisites, total_duration, created_at)
        select $1, session_id, user_id, $3, $4, $5, $6, $7, $8 from coursestream.sessions where session_id = $2
        on conflict do nothing",
        course.id,
        session_id.as_uuid(),
        course.title,
        course.description,
        course.target_audience,
        &course.prerequisites,
        course.total_duration,
        at
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(());
    }
    for part in &course.parts {
        insert_part(connection, course.id, part).await?;
        for lesson in &part.lessons {
            insert_lesson(connection, course.id, part.part_number, lesson).await?;
        }
    }
    Ok(())
}

/// Deletes the parts of a course that is not there: whoever took it away by hand may have left them.
pub(super) async fn clear_parts(connection: &mut PgConnection, course_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with lessons as (
            delete from coursestream.course_lessons
            where course_id = $1 and not exists (select from coursestream.courses where course_id = $1)
        )
        delete from coursestream.course_parts
        where course_id = $1 and not exists (select from coursestream.courses where course_id = $1)",
        course_id
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_part(connection: &mut PgConnection, course_id: Uuid, part: &Part) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into coursestream.course_parts (course_id, part_number, title, description, learning_goals)
        values ($1, $2, $3, $4, $5)",
        course_id,
        number(part.part_number),
        part.title,
        part.description,
        &part.learning_goals
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_lesson(
    connection: &mut PgConnection,
    course_id: Uuid,
    part_number: usize,
    lesson: &Lesson,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into coursestream.course_lessons (course_id, part_number, lesson_number, title, description, content)
        values ($1, $2, $3, $4, $5, $6)",
        course_id,
        number(part_number),
        number(lesson.lesson_number),
        lesson.title,
        lesson.description,
        Json(&lesson.content) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Part and lesson numbers are 1 to 5.
fn number(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn place(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// A course, and the session whose event brought it.
pub(super) struct Saved {
    pub(super) course_id: Uuid,
    pub(super) session_id: SessionId,
    /// `None` where what is kept is no course: nobody but the database's owner can bring that about.
    pub(super) course: Option<Course>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) user_id: Uuid,
    /// Whether that is the user of the session, as its row says.
    pub(super) is_owned_by_session: bool,
}

/// Those that exist, in no order.
pub(super) async fn find_many(connection: &mut PgConnection, courses: &[Uuid]) -> Result<Vec<Saved>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select c.course_id, session_id, title, description, target_audience, prerequisites, total_duration, c.created_at,
            c.user_id, c.user_id = s.user_id as "is_owned_by_session!"
        from coursestream.courses c join coursestream.sessions s using (session_id) where c.course_id = any($1)"#,
        courses
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut parts = find_parts(&mut *connection, courses).await?;
    let unreadable = add_lessons(connection, courses, &mut parts).await?;
    let saved = rows.into_iter().map(|row| {
        let course = Course {
            id: row.course_id,
            title: row.title,
            description: row.description,
            target_audience: row.target_audience,
            prerequisites: row.prerequisites,
            total_duration: row.total_duration,
            parts: parts.remove(&row.course_id).unwrap_or_default(),
        };
        Saved {
            course_id: row.course_id,
            session_id: SessionId::from_uuid(row.session_id),
            course: (!unreadable.contains(&row.course_id)).then_some(course),
            created_at: row.created_at,
            user_id: row.user_id,
            is_owned_by_session: row.is_owned_by_session,
        }
    });
    Ok(saved.collect())
}

/// The ids of the courses that the sessions' events brought.
pub(super) async fn of_sessions(
    connection: &mut PgConnection,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, Uuid)>, sqlx::Error> {
    let ids: Vec<Uuid> = sessions.iter().map(SessionId::as_uuid).collect();
    let rows = sqlx::query!(
        "select session_id, course_id from coursestream.courses where session_id = any($1) order by session_id, course_id",
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (SessionId::from_uuid(row.session_id), row.course_id)).collect())
}

async fn find_parts(connection: &mut PgConnection, courses: &[Uuid]) -> Result<HashMap<Uuid, Vec<Part>>, sqlx::Error> {
    let rows = sqlx::query!(
        "select course_id, part_number, title, description, learning_goals from coursestream.course_parts
        where course_id = any($1) order by course_id, part_number",
        courses
    )
    .fetch_all(connection)
    .await?;
    let mut parts: HashMap<Uuid, Vec<Part>> = HashMap::new();
    for row in rows {
        parts.entry(row.course_id).or_default().push(Part {
            part_number: place(row.part_number),
            title: row.title,
            description: row.description,
            learning_goals: row.learning_goals,
            lessons: Vec::new(),
        });
    }
    Ok(parts)
}

/// Adds the lessons to their parts, and says of which courses some do not read.
async fn add_lessons(
    connection: &mut PgConnection,
    courses: &[Uuid],
    parts: &mut HashMap<Uuid, Vec<Part>>,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select course_id, part_number, lesson_number, title, description, content::text as "content!"
        from coursestream.course_lessons where course_id = any($1) order by course_id, part_number, lesson_number"#,
        courses
    )
    .fetch_all(connection)
    .await?;
    let mut unreadable = HashSet::new();
    for row in rows {
        let Ok(content) = serde_json::from_str::<LessonContent>(&row.content) else {
            unreadable.insert(row.course_id);
            continue;
        };
        let mut of_course = parts.get_mut(&row.course_id).into_iter().flatten();
        if let Some(part) = of_course.find(|part| part.part_number == place(row.part_number)) {
            part.lessons.push(Lesson {
                lesson_number: place(row.lesson_number),
                title: row.title,
                description: row.description,
                content,
            });
        }
    }
    Ok(unreadable)
}

impl Store {
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_course(&self, course_id: Uuid) -> Result<Option<Course>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let saved = find_many(&mut connection, &[course_id]).await?.pop();
        let unreadable = || StoreError::Unknown(format!("course {course_id} has a lesson that is none"));
        saved.map(|saved| saved.course.ok_or_else(unreadable)).transpose()
    }

    /// Whose course it is.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_course_owner(&self, course_id: Uuid) -> Result<Option<Uuid>, StoreError> {
        Ok(sqlx::query_scalar!("select user_id from coursestream.courses where course_id = $1", course_id)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Whether an event of the session brought the course.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn has_course(&self, session_id: SessionId, course_id: Uuid) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"select exists (select from coursestream.courses where course_id = $2 and session_id = $1)
                or exists (select from coursestream.sessions where session_id = $1 and course_id = $2) as "has!""#,
            session_id.as_uuid(),
            course_id
        )
        .fetch_one(&self.pool)
        .await?)
    }

    /// Saved courses, newest first, behind `before` where it is given.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn list_courses(
        &self,
        user_id: Option<Uuid>,
        before: Option<CoursePlace>,
        limit: usize,
    ) -> Result<Vec<CourseSummary>, StoreError> {
        let rows = sqlx::query!(
            r#"select course_id, session_id, user_id, title, description, created_at,
                (select count(*) from coursestream.course_parts p where p.course_id = c.course_id) as "parts!",
                (select count(*) from coursestream.course_lessons l where l.course_id = c.course_id) as "lessons!"
            from coursestream.courses c
            where ($1::uuid is null or user_id = $1)
                and ($2::timestamptz is null or (created_at, course_id) < ($2, $3::uuid))
            order by created_at desc, course_id desc limit $4"#,
            user_id,
            before.map(|place| tellable(place.created_at)),
            before.map(|place| place.id),
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| CourseSummary {
                course_id: row.course_id,
                session_id: SessionId::from_uuid(row.session_id),
                user_id: row.user_id,
                title: row.title,
                description: row.description,
                parts: u32::try_from(row.parts).unwrap_or(0),
                lessons: u32::try_from(row.lessons).unwrap_or(0),
                created_at: row.created_at,
            })
            .collect())
    }
}
