//! A course, the parts it is generated from, and the rules it keeps. Pure.
//!
//! The generation steps yield an [`Outline`], then the [`LessonOutline`]s of each part, then the [`LessonContent`] of each
//! lesson; [`Course::assemble`] joins them. Every type checks its own rules in `check`, and a [`Violation`] names the
//! place and the rule, in words that a model can act upon and a person understands.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub const PARTS_MAX: usize = 5;
pub const LESSONS_PER_PART_MAX: usize = 5;
pub const QUESTIONS_PER_QUIZ: usize = 3;
pub const OPTION_LABELS: [&str; 4] = ["A", "B", "C", "D"];

/// What the whole course is about and how it is divided: the first step's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    pub title: String,
    pub description: String,
    pub target_audience: String,
    pub prerequisites: Vec<String>,
    pub total_duration: String,
    pub parts: Vec<PartOutline>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartOutline {
    pub part_number: usize,
    pub title: String,
    pub description: String,
    pub learning_goals: Vec<String>,
}

/// The lessons of one part: the second kind of step's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonList {
    pub lessons: Vec<LessonOutline>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonOutline {
    pub lesson_number: usize,
    pub title: String,
    pub description: String,
}

/// What a lesson teaches, with its quiz: the third kind of step's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonContent {
    pub title: String,
    pub learning_objectives: Vec<String>,
    pub content: String,
    pub key_concepts: Vec<String>,
    pub examples: Vec<String>,
    pub exercises: Vec<String>,
    pub estimated_duration: String,
    pub quiz: Quiz,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quiz {
    pub questions: Vec<Question>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub question: String,
    pub options: Vec<AnswerOption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerOption {
    /// `A` to `D`.
    pub option: String,
    pub text: String,
    pub is_correct: bool,
}

/// A finished course, as `course_generated` carries it and the courses endpoint returns it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub id: Uuid,
    pub title: String,
    pub description: String,
    pub target_audience: String,
    pub prerequisites: Vec<String>,
    pub total_duration: String,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub part_number: usize,
    pub title: String,
    pub description: String,
    pub learning_goals: Vec<String>,
    pub lessons: Vec<Lesson>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    pub lesson_number: usize,
    pub title: String,
    pub description: String,
    pub content: LessonContent,
}

/// One broken rule: where, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A path such as `parts[2].title`; empty for the whole value.
    pub place: String,
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.rule) } else { write!(f, "{}: {}", self.place, self.rule) }
    }
}

/// Every rule that a value breaks; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Violations(pub Vec<Violation>);

/// Collects violations while a check walks down a value.
#[derive(Default)]
struct Checker {
    path: Vec<String>,
    found: Vec<Violation>,
}

impl Checker {
    fn refuse(&mut self, rule: impl Into<String>) {
        self.found.push(Violation { place: self.path.join("."), rule: rule.into() });
    }

    fn within(&mut self, step: impl Into<String>, check: impl FnOnce(&mut Self)) {
        self.path.push(step.into());
        check(self);
        self.path.pop();
    }

    fn text(&mut self, field: &str, value: &str) {
        self.within(field, |c| {
            if value.trim().is_empty() {
                c.refuse("must not be empty");
            } else if value.contains('\0') {
                c.refuse("must not contain a NUL character");
            }
        });
    }

    fn texts(&mut self, field: &str, values: &[String], at_least_one: bool) {
        self.within(field, |c| {
            if at_least_one && values.is_empty() {
                c.refuse("must have at least one entry");
            }
        });
        for (index, value) in values.iter().enumerate() {
            self.text(&format!("{field}[{index}]"), value);
        }
    }

    fn count(&mut self, field: &str, found: usize, min: usize, max: usize) {
        self.within(field, |c| {
            if found < min || found > max {
                let allowed = if min == max { format!("exactly {min}") } else { format!("{min} to {max}") };
                c.refuse(format!("must have {allowed} entries, has {found}"));
            }
        });
    }

    fn number(&mut self, field: &str, found: usize, expected: usize) {
        self.within(field, |c| {
            if found != expected {
                c.refuse(format!("must be {expected} (numbered 1, 2, 3 … in order), is {found}"));
            }
        });
    }

    fn finish(self) -> Result<(), Violations> {
        if self.found.is_empty() { Ok(()) } else { Err(Violations(self.found)) }
    }
}

impl Outline {
    /// # Errors
    ///
    /// Every rule that the outline breaks.
    pub fn check(&self) -> Result<(), Violations> {
        let mut c = Checker::default();
        c.text("title", &self.title);
        c.text("description", &self.description);
        c.text("target_audience", &self.target_audience);
        c.texts("prerequisites", &self.prerequisites, false);
        c.text("total_duration", &self.total_duration);
        c.count("parts", self.parts.len(), 1, PARTS_MAX);
        for (index, part) in self.parts.iter().enumerate() {
            c.within(format!("parts[{index}]"), |c| {
                c.number("part_number", part.part_number, index + 1);
                c.text("title", &part.title);
                c.text("description", &part.description);
                c.texts("learning_goals", &part.learning_goals, true);
            });
        }
        c.finish()
    }
}

impl LessonList {
    /// # Errors
    ///
    /// Every rule that the list breaks.
    pub fn check(&self) -> Result<(), Violations> {
        let mut c = Checker::default();
        c.count("lessons", self.lessons.len(), 1, LESSONS_PER_PART_MAX);
        for (index, lesson) in self.lessons.iter().enumerate() {
            c.within(format!("lessons[{index}]"), |c| {
                c.number("lesson_number", lesson.lesson_number, index + 1);
                c.text("title", &lesson.title);
                c.text("description", &lesson.description);
            });
        }
        c.finish()
    }
}

impl LessonContent {
    /// # Errors
    ///
    /// Every rule that the content breaks.
    pub fn check(&self) -> Result<(), Violations> {
        let mut c = Checker::default();
        self.check_into(&mut c);
        c.finish()
    }

    fn check_into(&self, c: &mut Checker) {
        c.text("title", &self.title);
        c.texts("learning_objectives", &self.learning_objectives, true);
        c.text("content", &self.content);
        c.texts("key_concepts", &self.key_concepts, true);
        c.texts("examples", &self.examples, false);
        c.texts("exercises", &self.exercises, false);
        c.text("estimated_duration", &self.estimated_duration);
        c.within("quiz", |c| {
            c.count("questions", self.quiz.questions.len(), QUESTIONS_PER_QUIZ, QUESTIONS_PER_QUIZ);
            for (index, question) in self.quiz.questions.iter().enumerate() {
                c.within(format!("questions[{index}]"), |c| question.check_into(c));
            }
        });
    }
}

impl Question {
    fn check_into(&self, c: &mut Checker) {
        c.text("question", &self.question);
        c.count("options", self.options.len(), OPTION_LABELS.len(), OPTION_LABELS.len());
        for (index, (option, label)) in self.options.iter().zip(OPTION_LABELS).enumerate() {
            c.within(format!("options[{index}]"), |c| {
                c.text("text", &option.text);
                if option.option != label {
                    c.within("option", |c| c.refuse(format!("must be {label:?}, is {:?}", option.option)));
                }
            });
        }
        let correct = self.options.iter().filter(|option| option.is_correct).count();
        if correct != 1 {
            c.within("options", |c| c.refuse(format!("must have exactly one correct option, has {correct}")));
        }
        if let Some(explanation) = &self.explanation {
            c.within("explanation", |c| {
                if explanation.contains('\0') {
                    c.refuse("must not contain a NUL character");
                }
            });
        }
    }
}

impl Course {
    /// Joins the results of the generation steps. `lessons[p][l]` belongs to part `p + 1`, lesson `l + 1`.
    #[must_use]
    pub fn assemble(id: Uuid, outline: Outline, lessons: Vec<Vec<(LessonOutline, LessonContent)>>) -> Self {
        let parts = outline
            .parts
            .into_iter()
            .zip(lessons)
            .map(|(part, lessons)| Part {
                part_number: part.part_number,
                title: part.title,
                description: part.description,
                learning_goals: part.learning_goals,
                lessons: lessons
                    .into_iter()
                    .map(|(lesson, content)| Lesson {
                        lesson_number: lesson.lesson_number,
                        title: lesson.title,
                        description: lesson.description,
                        content,
                    })
                    .collect(),
            })
            .collect();
        Self {
            id,
            title: outline.title,
            description: outline.description,
            target_audience: outline.target_audience,
            prerequisites: outline.prerequisites,
            total_duration: outline.total_duration,
            parts,
        }
    }

    #[must_use]
    pub fn lesson_count(&self) -> usize {
        self.parts.iter().map(|part| part.lessons.len()).sum()
    }

    /// # Errors
    ///
    /// Every rule that the course breaks.
    pub fn check(&self) -> Result<(), Violations> {
        let mut c = Checker::default();
        c.text("title", &self.title);
        c.text("description", &self.description);
        c.text("target_audience", &self.target_audience);
        c.texts("prerequisites", &self.prerequisites, false);
        c.text("total_duration", &self.total_duration);
        c.count("parts", self.parts.len(), 1, PARTS_MAX);
        for (index, part) in self.parts.iter().enumerate() {
            c.within(format!("parts[{index}]"), |c| part.check_into(c, index + 1));
        }
        c.finish()
    }
}

impl Part {
    fn check_into(&self, c: &mut Checker, number: usize) {
        c.number("part_number", self.part_number, number);
        c.text("title", &self.title);
        c.text("description", &self.description);
        c.texts("learning_goals", &self.learning_goals, true);
        c.count("lessons", self.lessons.len(), 1, LESSONS_PER_PART_MAX);
        for (index, lesson) in self.lessons.iter().enumerate() {
            c.within(format!("lessons[{index}]"), |c| {
                c.number("lesson_number", lesson.lesson_number, index + 1);
                c.text("title", &lesson.title);
                c.text("description", &lesson.description);
                c.within("content", |c| lesson.content.check_into(c));
            });
        }
    }
}
