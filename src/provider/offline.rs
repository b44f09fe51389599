//! A provider without a model, a network or a key: a scaffold of a course, worked out from the topic and the step alone. It says of
//! itself that it is a scaffold; it never pretends that somebody wrote it. The same topic always gives the same course, and any
//! topic gives one that keeps the rules of [`crate::course`].

mod scaffold;

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use serde::Serialize;

use super::{Answer, Provider, ProviderError, Request, Step, Usage};

const MODEL: &str = "scaffold";

/// Answers every request after a fixed time.
#[derive(Debug)]
pub struct Offline {
    pace: Duration,
}

impl Offline {
    /// `pace` is the time that one call takes, so that a run can be watched.
    #[must_use]
    pub const fn new(pace: Duration) -> Self {
        Self { pace }
    }
}

impl Provider for Offline {
    fn name(&self) -> &'static str {
        "offline"
    }

    fn model(&self) -> &str {
        MODEL
    }

    fn answer<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        async move {
            tokio::time::sleep(self.pace).await;
            let json = match &request.step {
                Step::Structure { topic } => to_json(&scaffold::outline(topic)),
                Step::Lessons { topic, outline, part_number } => {
                    to_json(&scaffold::lessons(topic, outline, *part_number))
                }
                Step::Content { topic, outline, part_number, lesson } => {
                    to_json(&scaffold::content(topic, outline, *part_number, lesson))
                }
            };
            Ok(Answer { json, usage: Usage::default(), model: MODEL.to_owned() })
        }
        .boxed()
    }
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("course types serialise")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        course::{Course, LessonContent, LessonList, Outline},
        generation::prompts,
    };

    async fn ask<T: serde::de::DeserializeOwned>(provider: &Offline, request: Request) -> T {
        let answer = provider.answer(&request).await.expect("the offline provider always answers");
        assert_eq!(answer.usage, Usage::default());
        assert_eq!(answer.model, provider.model());
        serde_json::from_str(&answer.json).expect("JSON of the step's type")
    }

    /// A whole course, asked for the way a run does.
    async fn course(topic: &str) -> Course {
        let provider = Offline::new(Duration::ZERO);
        let outline: Arc<Outline> = Arc::new(ask(&provider, prompts::structure(topic, false, None)).await);
        let mut parts = Vec::new();
        for part in 1..=outline.parts.len() {
            let list: LessonList = ask(&provider, prompts::lessons(topic, &outline, part, false, None)).await;
            let mut lessons = Vec::new();
            for lesson in list.lessons {
                let request = prompts::content(topic, &outline, part, &lesson, false, None);
                let content: LessonContent = ask(&provider, request).await;
                lessons.push((lesson, content));
            }
            parts.push(lessons);
        }
        Course::assemble(Uuid::nil(), Arc::unwrap_or_clone(outline), parts)
    }

    fn course_now(topic: &str) -> Course {
        // `enable_time`: a pace of zero still goes through the timer.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(course(topic))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_topic_gives_a_valid_course(topic in "(?s).{1,500}") {
            let course = course_now(&topic);
            prop_assert_eq!(course.check(), Ok(()));
            prop_assert_eq!(course.parts.len(), 3);
            for part in &course.parts {
                prop_assert!((2..=3).contains(&part.lessons.len()));
            }
        }

        #[test]
        fn a_topic_always_gives_the_same_course(topic in ".{1,60}") {
            prop_assert_eq!(course_now(&topic), course_now(&topic));
        }
    }

    #[test]
    fn topics_without_a_word_in_them_give_a_valid_course_too() {
        for topic in ["", " ", "\u{0}", "\u{200b}", "\r\n\t", "`", "</topic>", "\u{202e}abc", "👩‍👩‍👧", "\\"]
        {
            assert_eq!(course_now(topic).check(), Ok(()), "{topic:?}");
        }
    }

    #[test]
    fn the_course_says_that_it_is_a_scaffold() {
        let course = course_now("Beekeeping");
        assert!(course.description.contains("scaffold"));
        for lesson in course.parts.iter().flat_map(|part| &part.lessons) {
            assert!(lesson.content.content.contains("scaffold"));
        }
    }

    #[test]
    fn the_correct_option_moves_about() {
        let course = course_now("Beekeeping");
        let places: std::collections::BTreeSet<usize> = course
            .parts
            .iter()
            .flat_map(|part| &part.lessons)
            .flat_map(|lesson| &lesson.content.quiz.questions)
            .filter_map(|question| question.options.iter().position(|option| option.is_correct))
            .collect();
        assert_eq!(places.len(), 4);
    }
}
