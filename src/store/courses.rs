//! Courses: what `course_generated` carried, in rows of their own. Written in the transaction that appends the event.

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
    pub(super) session_id: SessionId,
    pub(super) course: Course,
    pub(super) created_at: DateTime<Utc>,
    /// Whether it belongs to the user whose session brought it.
    pub(super) is_owned_by_session: bool,
}

pub(super) async fn find(connection: &mut PgConnection, course_id: Uuid) -> Result<Option<Saved>, sqlx::Error> {
    let Some(row) = sqlx::query!(
        r#"select session_id, title, description, target_audience, prerequisites, total_duration, c.created_at,
            c.user_id = s.user_id as "is_owned_by_session!"
        from coursestream.courses c join coursestream.sessions s using (session_id) where c.course_id = $1"#,
        course_id
    )
    .fetch_optional(&mut *connection)
    .await?
    else {
        return Ok(None);
    };
    let mut parts = find_parts(&mut *connection, course_id).await?;
    for (part_number, lesson) in find_lessons(connection, course_id).await? {
        if let Some(part) = parts.iter_mut().find(|part| part.part_number == part_number) {
            part.lessons.push(lesson);
        }
    }
    let course = Course {
        id: course_id,
        title: row.title,
        description: row.description,
        target_audience: row.target_audience,
        prerequisites: row.prerequisites,
        total_duration: row.total_duration,
        parts,
    };
    Ok(Some(Saved {
        session_id: SessionId::from_uuid(row.session_id),
        course,
        created_at: row.created_at,
        is_owned_by_session: row.is_owned_by_session,
    }))
}

/// The ids of the courses that a session's events brought.
pub(super) async fn of_session(connection: &mut PgConnection, session_id: SessionId) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select course_id from coursestream.courses where session_id = $1 order by course_id",
        session_id.as_uuid()
    )
    .fetch_all(connection)
    .await
}

async fn find_parts(connection: &mut PgConnection, course_id: Uuid) -> Result<Vec<Part>, sqlx::Error> {
    let rows = sqlx::query!(
        "select part_number, title, description, learning_goals from coursestream.course_parts
        where course_id = $1 order by part_number",
        course_id
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Part {
            part_number: place(row.part_number),
            title: row.title,
            description: row.description,
            learning_goals: row.learning_goals,
            lessons: Vec::new(),
        })
        .collect())
}

async fn find_lessons(connection: &mut PgConnection, course_id: Uuid) -> Result<Vec<(usize, Lesson)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select part_number, lesson_number, title, description, content as "content: Json<LessonContent>"
        from coursestream.course_lessons where course_id = $1 order by part_number, lesson_number"#,
        course_id
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let lesson = Lesson {
                lesson_number: place(row.lesson_number),
                title: row.title,
                description: row.description,
                content: row.content.0,
            };
            (place(row.part_number), lesson)
        })
        .collect())
}

impl Store {
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn find_course(&self, course_id: Uuid) -> Result<Option<Course>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(find(&mut connection, course_id).await?.map(|saved| saved.course))
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
