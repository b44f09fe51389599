//! Courses that runs have saved.

use chrono::{DateTime, Utc};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::{Http, errors, raw::Raw, timestamp};
use crate::{
    store::CourseSummary,
    wire::{ErrorCode, Problem, Tag},
};

const LIST_LIMIT_DEFAULT: u64 = 50;

pub(super) struct CoursesApi {
    pub(super) http: Http,
}

/// A course in a list.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct ListedCourse {
    course_id: Uuid,
    /// The session whose run wrote it.
    session_id: Uuid,
    user_id: Uuid,
    title: String,
    description: String,
    parts: u32,
    lessons: u32,
    #[oai(serialize_with = "timestamp::millis")]
    created_at: DateTime<Utc>,
}

/// Some courses, newest first.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct CoursesPage {
    items: Vec<ListedCourse>,
    /// Give it as `cursor` to go on; absent at the end.
    next_cursor: Option<String>,
}

/// A course with everything in it.
#[derive(Object)]
struct Course {
    id: Uuid,
    title: String,
    description: String,
    target_audience: String,
    prerequisites: Vec<String>,
    total_duration: String,
    /// 1 to 5 parts.
    parts: Vec<Part>,
}

#[derive(Object)]
struct Part {
    part_number: u32,
    title: String,
    description: String,
    learning_goals: Vec<String>,
    /// 1 to 5 lessons.
    lessons: Vec<Lesson>,
}

#[derive(Object)]
struct Lesson {
    lesson_number: u32,
    title: String,
    description: String,
    content: LessonContent,
}

#[derive(Object)]
struct LessonContent {
    title: String,
    learning_objectives: Vec<String>,
    content: String,
    key_concepts: Vec<String>,
    examples: Vec<String>,
    exercises: Vec<String>,
    estimated_duration: String,
    quiz: Quiz,
}

#[derive(Object)]
struct Quiz {
    /// Three questions.
    questions: Vec<Question>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Question {
    question: String,
    /// Four options, exactly one of them correct.
    options: Vec<AnswerOption>,
    explanation: Option<String>,
}

#[derive(Object)]
struct AnswerOption {
    /// `A` to `D`.
    option: String,
    text: String,
    is_correct: bool,
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// The courses.
    #[oai(status = 200)]
    Found(Json<CoursesPage>),
    /// A parameter is not valid.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[derive(ApiResponse)]
enum CourseAnswer {
    /// The course.
    #[oai(status = 200)]
    Found(Raw<Course>),
    /// There is no such course.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The server could not answer.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// The database is away.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

#[OpenApi(prefix_path = "/api/v1/courses", tag = "Tag::Courses")]
impl CoursesApi {
    /// Saved courses, newest first
    #[oai(path = "/", method = "get", operation_id = "listCourses")]
    async fn list(
        &self,
        /// Only this user's.
        user_id: Query<Option<Uuid>>,
        /// At most so many.
        #[oai(default = "list_limit_default", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> ListAnswer {
        let before = match cursor.0.map(|text| Uuid::try_parse(&text)).transpose() {
            Ok(before) => before,
            Err(_) => {
                let detail = "cursor: must be the nextCursor of an earlier page";
                return ListAnswer::BadRequest(Json(Problem::new(ErrorCode::BadRequest, detail)));
            }
        };
        let limit = usize::try_from(limit.0).unwrap_or(1);
        match self.http.store.list_courses(user_id.0, before, limit).await {
            Ok(courses) => {
                let next_cursor =
                    if courses.len() < limit { None } else { courses.last().map(|c| c.course_id.to_string()) };
                let items = courses.into_iter().map(ListedCourse::from).collect();
                ListAnswer::Found(Json(CoursesPage { items, next_cursor }))
            }
            Err(error) => match errors::store(&error) {
                problem if problem.status == 503 => ListAnswer::Unavailable(Json(problem)),
                problem => ListAnswer::Internal(Json(problem)),
            },
        }
    }

    /// One course with its parts, lessons, content and quizzes
    #[oai(path = "/:id", method = "get", operation_id = "getCourse")]
    async fn course(
        &self,
        /// The course.
        id: Path<String>,
    ) -> CourseAnswer {
        let not_found = || CourseAnswer::NotFound(Json(Problem::new(ErrorCode::NotFound, "there is no such course")));
        let Ok(course_id) = Uuid::try_parse(&id.0) else { return not_found() };
        match self.http.store.find_course(course_id).await {
            Ok(Some(course)) => {
                CourseAnswer::Found(Raw::new(serde_json::to_string(&course).expect("courses serialise")))
            }
            Ok(None) => not_found(),
            Err(error) => match errors::store(&error) {
                problem if problem.status == 503 => CourseAnswer::Unavailable(Json(problem)),
                problem => CourseAnswer::Internal(Json(problem)),
            },
        }
    }
}

fn list_limit_default() -> u64 {
    LIST_LIMIT_DEFAULT
}

impl From<CourseSummary> for ListedCourse {
    fn from(course: CourseSummary) -> Self {
        Self {
            course_id: course.course_id,
            session_id: course.session_id.as_uuid(),
            user_id: course.user_id,
            title: course.title,
            description: course.description,
            parts: course.parts,
            lessons: course.lessons,
            created_at: course.created_at,
        }
    }
}
