//! Courses that runs have saved.

use chrono::{DateTime, Utc};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    types::ToJSON,
};
use uuid::Uuid;

use super::{
    Http, errors,
    example::{self, example},
    paging::{self, Cursor},
    reply::Reply,
    timestamp,
};
use crate::{
    refused,
    store::{CoursePlace, CourseSummary},
    wire::{ErrorCode, IdParam, Problem, Tag},
};

const LIST_LIMIT_DEFAULT: u64 = 50;

pub(super) struct CoursesApi {
    pub(super) http: Http,
}

/// A course in a list.
#[derive(Object)]
#[oai(example, rename_all = "camelCase")]
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
#[oai(example, rename_all = "camelCase", skip_serializing_if_is_none)]
struct CoursesPage {
    items: Vec<ListedCourse>,
    /// Give it as `cursor` to go on; absent at the end.
    next_cursor: Option<String>,
}

/// A course with everything in it.
#[derive(Object)]
#[oai(example)]
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

example!(ListedCourse {
    "courseId": example::COURSE,
    "sessionId": example::SESSION,
    "userId": example::USER,
    "title": "Rust ownership",
    "description": "Who owns a value, who borrows it, and for how long.",
    "parts": 3,
    "lessons": 9,
    "createdAt": "2026-01-31T12:01:07.456Z",
});

example!(CoursesPage {
    "items": [ListedCourse::example().to_json()],
    "nextCursor": "AAY3xa2sAAABmfeibB57OpxVLx1Oint7",
});

example!(Course {
    "id": example::COURSE,
    "title": "Rust ownership",
    "description": "Who owns a value, who borrows it, and for how long.",
    "target_audience": "Programmers who know another language",
    "prerequisites": ["Functions and variables"],
    "total_duration": "40 minutes",
    "parts": [{
        "part_number": 1,
        "title": "Owners",
        "description": "Every value has one owner.",
        "learning_goals": ["Tell who owns a value"],
        "lessons": [{
            "lesson_number": 1,
            "title": "Moves",
            "description": "Assignment moves a value.",
            "content": {
                "title": "Moves",
                "learning_objectives": ["See where a value moves"],
                "content": "A value that is assigned to another name moves there.",
                "key_concepts": ["move"],
                "examples": ["let b = a;"],
                "exercises": ["Find the move that the compiler complains of."],
                "estimated_duration": "40 minutes",
                "quiz": {"questions": [example_question(), example_question(), example_question()]},
            },
        }],
    }],
});

fn example_question() -> serde_json::Value {
    serde_json::json!({
        "question": "How many owners has a value?",
        "options": [
            {"option": "A", "text": "None", "is_correct": false},
            {"option": "B", "text": "One", "is_correct": true},
            {"option": "C", "text": "Two", "is_correct": false},
            {"option": "D", "text": "Any number", "is_correct": false},
        ],
        "explanation": "One at a time: when it goes out of scope, the value is dropped.",
    })
}

#[OpenApi(prefix_path = "/api/v1/courses", tag = "Tag::Courses")]
impl CoursesApi {
    /// Saved courses, newest first
    ///
    /// As the history of sessions: what is saved while somebody turns the pages stands before the first of them.
    #[oai(path = "/", method = "get", operation_id = "listCourses")]
    async fn list(
        &self,
        /// Only this user's.
        #[oai(example = "example::user")]
        user_id: Query<Option<Uuid>>,
        /// At most so many.
        #[oai(default = "list_limit_default", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// `nextCursor` of the page before.
        cursor: Query<Option<Cursor>>,
    ) -> Result<Reply<CoursesPage>, refused![BadRequest]> {
        let before = cursor.0.map(|cursor| CoursePlace { created_at: cursor.moment(), id: cursor.id });
        let limit = usize::try_from(limit.0).unwrap_or(1);
        let found = self.http.store.list_courses(user_id.0, before, limit + 1).await.map_err(errors::store)?;
        let (found, next_cursor) = paging::cut(found, limit, |course| Cursor {
            micros: course.created_at.timestamp_micros(),
            id: course.course_id,
        });
        Ok(Reply::new(&CoursesPage { items: found.into_iter().map(ListedCourse::from).collect(), next_cursor }))
    }

    /// One course with its parts, lessons, content and quizzes
    #[oai(path = "/:id", method = "get", operation_id = "getCourse")]
    async fn course(
        &self,
        /// The course.
        id: Path<IdParam>,
    ) -> Result<Reply<Course>, refused![NotFound]> {
        let not_found = || Problem::new(ErrorCode::NotFound, "there is no such course");
        let course_id = id.uuid().ok_or_else(not_found)?;
        let course = self.http.store.find_course(course_id).await.map_err(errors::store)?;
        let course = course.ok_or_else(not_found)?;
        Ok(Reply::raw(serde_json::to_string(&course).expect("courses serialise")))
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
