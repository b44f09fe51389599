//! What is to be appended, by whom, and who follows: made up at random.

use std::sync::Arc;

use coursestream::{
    course::{AnswerOption, Course, Lesson, LessonContent, OPTION_LABELS, Part, Question, Quiz},
    event::{Draft, EventType},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{json, value::RawValue};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) lanes: usize,
    pub(super) sessions: Vec<SessionPlan>,
}

#[derive(Clone, Debug)]
pub(super) struct SessionPlan {
    /// By an outside producer; else it is a run with a lease.
    pub(super) is_produced: bool,
    /// Those who write at the same time, each its steps in order; every second one on another node.
    pub(super) writers: Vec<Vec<Step>>,
    pub(super) subscribers: Vec<Subscriber>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One behind the other, without waiting for what becomes of them.
    Append(Vec<(Vec<Draft>, By)>),
    /// Another node takes the run over, and the rightful writers go on with its fence.
    TakeOver,
}

/// By what right somebody appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Rightful,
    /// With the fence of a holder that was overtaken.
    Stale,
    /// A producer on a run, or a run on a producer's session.
    Stranger,
}

#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    /// On the node that hears only from others.
    pub(super) is_far: bool,
    /// How much of what is planned is in the log when it joins, about.
    pub(super) joins_after_percent: u8,
    /// How much of what is in the log then it has seen.
    pub(super) starts_at_percent: u8,
    /// From the start, without saying so.
    pub(super) names_no_offset: bool,
}

impl Step {
    pub(super) fn drafts(&self) -> usize {
        let Self::Append(appends) = self else { return 0 };
        appends.iter().filter(|(_, by)| *by == By::Rightful).map(|(drafts, _)| drafts.len()).sum()
    }
}

pub(super) fn plans() -> impl Strategy<Value = Plan> {
    (1..=4usize, vec(sessions(), 1..=4)).prop_map(|(lanes, sessions)| Plan { lanes, sessions })
}

fn sessions() -> impl Strategy<Value = SessionPlan> {
    let subscribers = vec(
        (any::<bool>(), 0..=100u8, 0..=100u8, any::<bool>()).prop_map(
            |(is_far, joins_after_percent, starts_at_percent, names_no_offset)| Subscriber {
                is_far,
                joins_after_percent,
                starts_at_percent,
                names_no_offset,
            },
        ),
        1..=5,
    );
    (any::<bool>(), vec(vec(steps(), 1..=5), 1..=3), subscribers)
        .prop_map(|(is_produced, writers, subscribers)| SessionPlan { is_produced, writers, subscribers })
}

fn steps() -> impl Strategy<Value = Step> {
    let by = prop_oneof![8 => Just(By::Rightful), 1 => Just(By::Stale), 1 => Just(By::Stranger)];
    prop_oneof![
        5 => (batches(), by.clone()).prop_map(|append| Step::Append(vec![append])),
        4 => vec((batches(), by), 2..=6).prop_map(Step::Append),
        1 => Just(Step::TakeOver),
    ]
}

/// 1 to 50 drafts; small ones are more usual. Where one ends the session, it is the last.
fn batches() -> impl Strategy<Value = Vec<Draft>> {
    let messages = prop_oneof![vec(messages(), 1..=4), vec(messages(), 1..=50)];
    (messages, option::weighted(0.08, endings())).prop_map(|(mut drafts, ending)| {
        if let Some(ending) = ending {
            drafts.pop();
            drafts.push(ending);
        }
        drafts
    })
}

fn messages() -> impl Strategy<Value = Draft> {
    let plain =
        (select(vec![EventType::Log, EventType::Progress, EventType::Success, EventType::Error]), text(), data())
            .prop_map(|(kind, message, data)| draft(kind, &message, data));
    let started = (text(), 1..5u32).prop_map(|(model, attempt)| {
        let data = json!({"provider": "offline", "model": model, "attempt": attempt});
        Draft::new(EventType::SessionStarted, "Started").with_data(&data)
    });
    let named = any::<u128>().prop_map(|id| {
        Draft::new(EventType::CourseGenerated, "A course").with_data(&json!({"courseId": Uuid::from_u128(id)}))
    });
    let carried = any::<u128>().prop_map(|id| {
        let course = course(Uuid::from_u128(id));
        let data = json!({"courseId": course.id, "course": course, "summary": {}});
        Draft::new(EventType::CourseGenerated, "A course").with_data(&data)
    });
    prop_oneof![20 => plain, 1 => started, 1 => named, 1 => carried]
}

fn endings() -> impl Strategy<Value = Draft> {
    let kinds = vec![EventType::SessionCompleted, EventType::SessionFailed, EventType::SessionCancelled];
    (select(kinds), text(), data()).prop_map(|(kind, message, data)| draft(kind, &message, data))
}

fn draft(kind: EventType, message: &str, data: Option<String>) -> Draft {
    let data = data.map(|text| Arc::from(RawValue::from_string(text).unwrap()));
    Draft { kind, message: message.to_owned(), data }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,12}", "[^\0]{0,30}"]
}

/// JSON that the projections read, that they ignore, and that is not as they would have it, in any spelling.
fn data() -> impl Strategy<Value = Option<String>> {
    let read = (any::<u32>(), any::<u32>(), any::<u128>(), text(), 0..9u32).prop_map(
        |(prompt, completion, id, text, attempt)| {
            json!({
                "usage": {"promptTokens": prompt, "completionTokens": completion},
                "courseId": Uuid::from_u128(id), "error": text, "attempt": attempt,
            })
            .to_string()
        },
    );
    let other = select(vec![
        "{}",
        "[]",
        "0",
        "\"\"",
        "true",
        "[ 1.0 , 1e2 ]",
        r#"{"usage":7,"attempt":"x","courseId":[],"error":{}}"#,
        r#"{"usage":{"promptTokens":-1}}"#,
        r#"{"b":1, "a":{"usage":{"promptTokens":9}}}"#,
        r#"{"error":null}"#,
        "{\n\t\"a\": 1\r\n}",
    ]);
    option::weighted(0.6, prop_oneof![read, other.prop_map(str::to_owned)])
}

fn course(id: Uuid) -> Course {
    let text = || "Text".to_owned();
    let option = |label: &str| AnswerOption { option: label.to_owned(), text: text(), is_correct: label == "B" };
    let question = Question { question: text(), options: OPTION_LABELS.map(option).into(), explanation: None };
    let content = LessonContent {
        title: text(),
        learning_objectives: vec![text()],
        content: text(),
        key_concepts: vec![text()],
        examples: Vec::new(),
        exercises: Vec::new(),
        estimated_duration: text(),
        quiz: Quiz { questions: vec![question; 3] },
    };
    let lesson = Lesson { lesson_number: 1, title: text(), description: text(), content };
    let part = Part {
        part_number: 1,
        title: text(),
        description: text(),
        learning_goals: vec![text()],
        lessons: vec![lesson],
    };
    Course {
        id,
        title: text(),
        description: text(),
        target_audience: text(),
        prerequisites: Vec::new(),
        total_duration: text(),
        parts: vec![part],
    }
}
