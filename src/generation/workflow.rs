//! What a run has done and what comes next, as a fold over its log. Pure.
//!
//! Every finished step is an event whose data carries its result, so whoever holds the log can go on with the run: no
//! step that is in the log is asked from the model again.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    course::{Course, LessonContent, LessonList, LessonOutline, Outline, Violations},
    event::{Event, EventType, Offset},
    provider::Usage,
};

/// One question to the model. Numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKey {
    Structure,
    Lessons { part: usize },
    Content { part: usize, lesson: usize },
}

impl StepKey {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Lessons { .. } => "lessons",
            Self::Content { .. } => "content",
        }
    }

    #[must_use]
    pub const fn part(self) -> Option<usize> {
        match self {
            Self::Structure => None,
            Self::Lessons { part } | Self::Content { part, .. } => Some(part),
        }
    }

    #[must_use]
    pub const fn lesson(self) -> Option<usize> {
        match self {
            Self::Structure | Self::Lessons { .. } => None,
            Self::Content { lesson, .. } => Some(lesson),
        }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure => f.write_str("the course structure"),
            Self::Lessons { part } => write!(f, "the lessons of part {part}"),
            Self::Content { part, lesson } => write!(f, "lesson {part}.{lesson}"),
        }
    }
}

/// What a step yields.
#[derive(Clone, Debug, PartialEq)]
pub enum StepResult {
    Structure(Outline),
    Lessons(LessonList),
    Content(LessonContent),
}

/// The data of a step's `success` event.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepData {
    pub step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<usize>,
    pub result: serde_json::Value,
    #[serde(default)]
    pub usage: Usage,
    #[serde(default)]
    pub model: String,
    /// Which of the nodes that have worked on the run did the step, from 1; 0 in logs of older versions.
    #[serde(default)]
    pub attempt: u32,
    /// How often the model was asked until its answer was valid.
    #[serde(default)]
    pub tries: u32,
    #[serde(default)]
    pub duration_ms: u64,
    /// How far the run is after this step: steps done, steps known of, and a percentage.
    #[serde(default)]
    pub done: usize,
    #[serde(default)]
    pub total: usize,
    #[serde(default)]
    pub percent: u8,
}

/// How far a run is. `total` grows while the course takes shape; `percent` does not go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
    pub percent: u8,
}

/// A run, as its log tells it.
#[derive(Clone, Debug, Default)]
pub struct WorkflowState {
    pub last_offset: Offset,
    pub is_started: bool,
    pub is_ended: bool,
    /// How many nodes have worked on the run.
    pub attempts: u32,
    pub course_id: Option<Uuid>,
    pub outline: Option<Arc<Outline>>,
    lessons: BTreeMap<usize, LessonList>,
    contents: BTreeMap<(usize, usize), LessonContent>,
}

#[derive(Deserialize)]
struct Attempt {
    attempt: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    course_id: Uuid,
}

impl WorkflowState {
    pub fn apply(&mut self, event: &Event) {
        self.last_offset = event.offset;
        let data = event.data.as_deref().map_or("null", |raw| raw.get());
        match event.kind {
            EventType::SessionStarted => {
                self.is_started = true;
                self.count_attempt(data);
            }
            EventType::Log => self.count_attempt(data),
            EventType::Success => {
                if let Some((key, result)) = parse_step(data) {
                    self.record(key, result);
                }
            }
            EventType::CourseGenerated => {
                self.course_id = serde_json::from_str::<Generated>(data).ok().map(|generated| generated.course_id);
            }
            EventType::SessionCompleted | EventType::SessionFailed | EventType::SessionCancelled => {
                self.is_ended = true;
            }
            EventType::Progress | EventType::Error => {}
        }
    }

    fn count_attempt(&mut self, data: &str) {
        if let Ok(Attempt { attempt: Some(attempt) }) = serde_json::from_str(data) {
            self.attempts = self.attempts.max(attempt);
        }
    }

    /// Notes the result of a step.
    pub fn record(&mut self, key: StepKey, result: StepResult) {
        match (key, result) {
            (StepKey::Structure, StepResult::Structure(outline)) => self.outline = Some(Arc::new(outline)),
            (StepKey::Lessons { part }, StepResult::Lessons(list)) => {
                self.lessons.insert(part, list);
            }
            (StepKey::Content { part, lesson }, StepResult::Content(content)) => {
                self.contents.insert((part, lesson), content);
            }
            // A key and a result that do not belong together are no step of this workflow.
            (StepKey::Structure | StepKey::Lessons { .. } | StepKey::Content { .. }, _) => {}
        }
    }

    /// The steps that can be done now, in the order in which they are wanted: first what makes the shape of the course
    /// known, then the contents from front to back.
    #[must_use]
    pub fn ready(&self) -> Vec<StepKey> {
        let Some(outline) = &self.outline else { return vec![StepKey::Structure] };
        let parts = 1..=outline.parts.len();
        let lists = parts.clone().filter(|part| !self.lessons.contains_key(part)).map(|part| StepKey::Lessons { part });
        let contents = parts.flat_map(|part| {
            let count = self.lessons.get(&part).map_or(0, |list| list.lessons.len());
            (1..=count)
                .filter(move |lesson| !self.contents.contains_key(&(part, *lesson)))
                .map(move |lesson| StepKey::Content { part, lesson })
        });
        lists.chain(contents).collect()
    }

    #[must_use]
    pub fn lesson(&self, part: usize, lesson: usize) -> Option<&LessonOutline> {
        self.lessons.get(&part)?.lessons.get(lesson.checked_sub(1)?)
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        let Some(outline) = &self.outline else { return Progress { done: 0, total: 1, percent: 0 } };
        let parts = outline.parts.len();
        let lessons: usize = self.lessons.values().map(|list| list.lessons.len()).sum();
        let share = |done: usize, of: usize, weight: usize| done * weight / of.max(1);
        // Contents count in full only once all lists are there: until then their number is not known.
        let lists = share(self.lessons.len(), parts, 10);
        let contents = if self.lessons.len() == parts { share(self.contents.len(), lessons, 80) } else { 0 };
        Progress {
            done: 1 + self.lessons.len() + self.contents.len(),
            total: 1 + parts + lessons,
            percent: u8::try_from(10 + lists + contents).unwrap_or(100),
        }
    }

    /// The finished course; `None` while steps are missing.
    ///
    /// # Errors
    ///
    /// The rules that the assembled course breaks.
    pub fn course(&self, id: Uuid) -> Option<Result<Course, Violations>> {
        let outline = self.outline.as_ref().filter(|_| self.ready().is_empty())?;
        let lessons = (1..=outline.parts.len())
            .map(|part| {
                let outlines = self.lessons.get(&part).map(|list| list.lessons.clone()).unwrap_or_default();
                outlines
                    .into_iter()
                    .zip(1..)
                    .filter_map(|(outline, lesson)| Some((outline, self.contents.get(&(part, lesson))?.clone())))
                    .collect()
            })
            .collect();
        let course = Course::assemble(id, outline.as_ref().clone(), lessons);
        Some(course.check().map(|()| course))
    }
}

/// Reads a step's `success` event; `None` for any other.
fn parse_step(data: &str) -> Option<(StepKey, StepResult)> {
    let data: StepData = serde_json::from_str(data).ok()?;
    match (data.step.as_str(), data.part, data.lesson) {
        ("structure", _, _) => {
            Some((StepKey::Structure, StepResult::Structure(serde_json::from_value(data.result).ok()?)))
        }
        ("lessons", Some(part), _) => {
            Some((StepKey::Lessons { part }, StepResult::Lessons(serde_json::from_value(data.result).ok()?)))
        }
        ("content", Some(part), Some(lesson)) => {
            let content = serde_json::from_value(data.result).ok()?;
            Some((StepKey::Content { part, lesson }, StepResult::Content(content)))
        }
        _ => None,
    }
}

/// Reads a model's answer to a step and checks it against the course rules.
///
/// # Errors
///
/// What is wrong with the answer, in words that a model can act upon.
pub fn read_answer(key: StepKey, json: &str) -> Result<StepResult, String> {
    fn parse<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, String> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(|error| {
            let (place, inner) = (error.path().to_string(), error.into_inner());
            if !inner.is_data() {
                return format!("not JSON: {inner}");
            }
            // Nobody looks at the text's lines again; the place in the value is what helps.
            let rule = inner.to_string();
            let rule = rule.split(" at line ").next().unwrap_or_default();
            if place == "." { rule.to_owned() } else { format!("{place}: {rule}") }
        })
    }
    match key {
        StepKey::Structure => {
            let outline: Outline = parse(json)?;
            outline.check().map_err(|violations| violations.to_string())?;
            Ok(StepResult::Structure(outline))
        }
        StepKey::Lessons { .. } => {
            let list: LessonList = parse(json)?;
            list.check().map_err(|violations| violations.to_string())?;
            Ok(StepResult::Lessons(list))
        }
        StepKey::Content { .. } => {
            let content: LessonContent = parse(json)?;
            content.check().map_err(|violations| violations.to_string())?;
            Ok(StepResult::Content(content))
        }
    }
}

impl StepResult {
    /// As it stands in the log.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let json = match self {
            Self::Structure(outline) => serde_json::to_value(outline),
            Self::Lessons(list) => serde_json::to_value(list),
            Self::Content(content) => serde_json::to_value(content),
        };
        json.expect("results of our own types serialise")
    }

    /// One line for a reader of the log.
    #[must_use]
    pub fn headline(&self, key: StepKey) -> String {
        match self {
            Self::Structure(outline) => format!("“{}”: {}", outline.title, counted(outline.parts.len(), "part")),
            Self::Lessons(list) => {
                format!("Part {} has {}", key.part().unwrap_or(0), counted(list.lessons.len(), "lesson"))
            }
            Self::Content(content) => format!(
                "Lesson {}.{} “{}” is written",
                key.part().unwrap_or(0),
                key.lesson().unwrap_or(0),
                content.title
            ),
        }
    }
}

/// `1 part`, `3 parts`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
