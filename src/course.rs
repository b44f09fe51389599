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
    #[serde(deserialize_with = "number")]
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
    #[serde(deserialize_with = "number")]
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
    #[serde(deserialize_with = "number")]
    pub part_number: usize,
    pub title: String,
    pub description: String,
    pub learning_goals: Vec<String>,
    pub lessons: Vec<Lesson>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    #[serde(deserialize_with = "number")]
    pub lesson_number: usize,
    pub title: String,
    pub description: String,
    pub content: LessonContent,
}

/// A whole number. What is no place in a list, such as a negative one, becomes 0 and is left to the rules, which say what was
/// expected.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    i64::deserialize(deserializer).map(|number| usize::try_from(number).unwrap_or(0))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        "Text".to_owned()
    }

    fn course() -> Course {
        let option = |label: &str| AnswerOption { option: label.to_owned(), text: text(), is_correct: label == "C" };
        let question =
            Question { question: text(), options: OPTION_LABELS.map(option).into(), explanation: Some(text()) };
        let content = LessonContent {
            title: text(),
            learning_objectives: vec![text()],
            content: text(),
            key_concepts: vec![text()],
            examples: vec![text()],
            exercises: vec![text()],
            estimated_duration: text(),
            quiz: Quiz { questions: vec![question; QUESTIONS_PER_QUIZ] },
        };
        let lesson =
            |number| Lesson { lesson_number: number, title: text(), description: text(), content: content.clone() };
        let part = |number| Part {
            part_number: number,
            title: text(),
            description: text(),
            learning_goals: vec![text()],
            lessons: (1..=2).map(lesson).collect(),
        };
        Course {
            id: Uuid::nil(),
            title: text(),
            description: text(),
            target_audience: text(),
            prerequisites: vec![text()],
            total_duration: text(),
            parts: (1..=2).map(part).collect(),
        }
    }

    fn violations(alter: impl FnOnce(&mut Course)) -> Vec<String> {
        let mut altered = course();
        alter(&mut altered);
        altered.check().expect_err("the rule is broken").0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_course_within_its_bounds_keeps_the_rules() {
        assert_eq!(course().check(), Ok(()));
        for (parts, lessons) in [(1, 1), (PARTS_MAX, LESSONS_PER_PART_MAX)] {
            let mut course = course();
            let (part, lesson) = (course.parts[0].clone(), course.parts[0].lessons[0].clone());
            let lessons = (1..=lessons).map(|number| Lesson { lesson_number: number, ..lesson.clone() }).collect();
            let part = Part { lessons, ..part };
            course.parts = (1..=parts).map(|number| Part { part_number: number, ..part.clone() }).collect();
            assert_eq!(course.check(), Ok(()));
        }
        let mut sparse = course();
        sparse.prerequisites.clear();
        sparse.parts[0].lessons[0].content.examples.clear();
        sparse.parts[0].lessons[0].content.exercises.clear();
        sparse.parts[0].lessons[0].content.quiz.questions[0].explanation = None;
        assert_eq!(sparse.check(), Ok(()));
    }

    #[test]
    fn a_violation_names_the_place_and_the_rule() {
        assert_eq!(violations(|course| course.title = "  ".to_owned()), ["title: must not be empty"]);
        assert_eq!(
            violations(|course| course.parts[1].lessons[0].content.key_concepts[0] = "a\0".to_owned()),
            ["parts[1].lessons[0].content.key_concepts[0]: must not contain a NUL character"]
        );
        assert_eq!(violations(|course| course.parts.clear()), ["parts: must have 1 to 5 entries, has 0"]);
        assert_eq!(
            violations(|course| course.parts[0].lessons.clear()),
            ["parts[0].lessons: must have 1 to 5 entries, has 0"]
        );
        assert_eq!(
            violations(|course| course.parts[0].learning_goals.clear()),
            ["parts[0].learning_goals: must have at least one entry"]
        );
        assert_eq!(
            violations(|course| course.parts[1].part_number = 3),
            ["parts[1].part_number: must be 2 (numbered 1, 2, 3 … in order), is 3"]
        );
        assert_eq!(
            violations(|course| course.parts[0].lessons.swap(0, 1)),
            [
                "parts[0].lessons[0].lesson_number: must be 1 (numbered 1, 2, 3 … in order), is 2",
                "parts[0].lessons[1].lesson_number: must be 2 (numbered 1, 2, 3 … in order), is 1",
            ]
        );
    }

    #[test]
    fn a_quiz_has_three_questions_with_one_right_answer_of_four() {
        let in_quiz = |alter: fn(&mut Quiz)| {
            let found = violations(|course| alter(&mut course.parts[0].lessons[0].content.quiz));
            found.into_iter().map(|found| found.replace("parts[0].lessons[0].content.quiz.", "")).collect::<Vec<_>>()
        };
        assert_eq!(in_quiz(|quiz| drop(quiz.questions.pop())), ["questions: must have exactly 3 entries, has 2"]);
        assert_eq!(
            in_quiz(|quiz| quiz.questions.push(quiz.questions[0].clone())),
            ["questions: must have exactly 3 entries, has 4"]
        );
        assert_eq!(
            in_quiz(|quiz| quiz.questions[1].options[2].is_correct = false),
            ["questions[1].options: must have exactly one correct option, has 0"]
        );
        assert_eq!(
            in_quiz(|quiz| quiz.questions[1].options[0].is_correct = true),
            ["questions[1].options: must have exactly one correct option, has 2"]
        );
        assert_eq!(
            in_quiz(|quiz| quiz.questions[0].options[3].option = "d".to_owned()),
            [r#"questions[0].options[3].option: must be "D", is "d""#]
        );
        assert_eq!(
            in_quiz(|quiz| quiz.questions[0].options.truncate(3)),
            ["questions[0].options: must have exactly 4 entries, has 3"]
        );
        assert_eq!(
            in_quiz(|quiz| quiz.questions[2].explanation = Some("\0".to_owned())),
            ["questions[2].explanation: must not contain a NUL character"]
        );
    }

    #[test]
    fn every_broken_rule_is_named_at_once() {
        let found = violations(|course| {
            course.title.clear();
            course.parts[0].title.clear();
            course.parts[1].lessons[1].content.quiz.questions[0].question.clear();
        });
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn the_steps_of_a_course_keep_its_rules_and_make_it() {
        let whole = course();
        let outline = Outline {
            title: text(),
            description: text(),
            target_audience: text(),
            prerequisites: vec![text()],
            total_duration: text(),
            parts: (1..=2)
                .map(|part_number| PartOutline {
                    part_number,
                    title: text(),
                    description: text(),
                    learning_goals: vec![text()],
                })
                .collect(),
        };
        assert_eq!(outline.check(), Ok(()));
        let list = LessonList {
            lessons: (1..=2)
                .map(|lesson_number| LessonOutline { lesson_number, title: text(), description: text() })
                .collect(),
        };
        assert_eq!(list.check(), Ok(()));
        let content = whole.parts[0].lessons[0].content.clone();
        assert_eq!(content.check(), Ok(()));
        let lessons: Vec<_> = list.lessons.iter().map(|lesson| (lesson.clone(), content.clone())).collect();
        let assembled = Course::assemble(Uuid::nil(), outline.clone(), vec![lessons.clone(), lessons]);
        assert_eq!(assembled, whole);
        assert_eq!(assembled.lesson_count(), 4);

        let without_parts = Outline { parts: Vec::new(), ..outline };
        assert_eq!(without_parts.check().unwrap_err().to_string(), "parts: must have 1 to 5 entries, has 0");
        let numbered_from_two =
            LessonList { lessons: vec![LessonOutline { lesson_number: 2, title: text(), description: text() }] };
        assert!(numbered_from_two.check().is_err());
    }
}
