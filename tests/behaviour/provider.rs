//! The OpenAI provider against model servers: what it asks for, what it makes of the answers, and how it gets on with servers that
//! do not take everything.

mod failures;

use std::{sync::Arc, time::Duration};

use coursestream::{
    course::{Course, LessonContent, LessonList, Outline},
    generation::prompts,
    provider::{Answer, OpenAi, OpenAiOptions, Provider, ProviderError, Request, Usage},
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    aimock::Aimock,
    logs::listening,
    scripted::{self, Scripted},
};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const KEY: &str = "sk-test-0123456789";

fn options(base_url: &str) -> OpenAiOptions {
    OpenAiOptions {
        api_key: Some(KEY.into()),
        base_url: base_url.to_owned(),
        model: "test-model".to_owned(),
        call_timeout: Duration::from_secs(60),
        attempts_max: 3,
        retry_delay_min: Duration::from_millis(1),
    }
}

fn provider(base_url: &str) -> OpenAi {
    OpenAi::new(options(base_url)).unwrap()
}

async fn ask(provider: &OpenAi, request: Request) -> Result<Answer, ProviderError> {
    provider.answer(&request).await
}

async fn ask_structure(provider: &OpenAi) -> Result<Answer, ProviderError> {
    ask(provider, prompts::structure("Beekeeping", false, None)).await
}

async fn ask_structure_with_search(provider: &OpenAi) -> Result<Answer, ProviderError> {
    ask(provider, prompts::structure("Beekeeping", true, None)).await
}

/// A chat completion as a server sends it.
fn completion(content: &str) -> String {
    json!({"model": "m", "choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).to_string()
}

#[tokio::test]
async fn a_whole_course_comes_from_structured_answers() {
    let server = Aimock::with_course().await;
    // The slash must not end up doubled in the path.
    let provider = provider(&format!("{}/", server.base_url));
    let topic = "Beekeeping";
    let mut usage = Usage::default();

    let answer = ask(&provider, prompts::structure(topic, false, None)).await.unwrap();
    assert_eq!(answer.model, "test-model");
    usage += answer.usage;
    let outline: Arc<Outline> = Arc::new(serde_json::from_str(&answer.json).unwrap());
    let mut parts = Vec::new();
    for part in 1..=outline.parts.len() {
        let answer = ask(&provider, prompts::lessons(topic, &outline, part, false, None)).await.unwrap();
        usage += answer.usage;
        let list: LessonList = serde_json::from_str(&answer.json).unwrap();
        let mut lessons = Vec::new();
        for lesson in list.lessons {
            let answer = ask(&provider, prompts::content(topic, &outline, part, &lesson, false, None)).await.unwrap();
            usage += answer.usage;
            let content: LessonContent = serde_json::from_str(&answer.json).unwrap();
            assert_eq!(content.title, lesson.title);
            lessons.push((lesson, content));
        }
        parts.push(lessons);
    }

    let course = Course::assemble(Uuid::nil(), Arc::unwrap_or_clone(outline), parts);
    assert_eq!(course.check(), Ok(()));
    assert_eq!(course.lesson_count(), 3);
    assert_eq!(usage, Usage { prompt_tokens: 1_420, completion_tokens: 2_200 });

    let journal = server.journal().await;
    let formats: Vec<_> = journal.iter().map(|entry| &entry["body"]["response_format"]).collect();
    let names: Vec<_> = formats.iter().map(|format| format["json_schema"]["name"].as_str().unwrap()).collect();
    let [outline, list, content] = ["course_outline", "lesson_list", "lesson_content"];
    assert_eq!(names, [outline, list, content, content, list, content]);
    assert!(formats.iter().all(|format| format["type"] == "json_schema" && format["json_schema"]["strict"] == true));
    assert!(server.paths().await.iter().all(|path| path == CHAT));
}

#[tokio::test]
async fn a_web_search_goes_through_the_responses_api() {
    let server = Aimock::with_course().await;
    let provider = provider(&server.base_url);
    let (answer, log) = listening(ask_structure_with_search(&provider)).await;
    let answer = answer.unwrap();
    let outline: Outline = serde_json::from_str(&answer.json).unwrap();
    assert_eq!(outline.check(), Ok(()));
    assert_eq!(answer.usage, Usage { prompt_tokens: 120, completion_tokens: 240 });
    assert_eq!(server.paths().await, [RESPONSES]);
    assert_eq!(log, [""; 0]);
}

#[tokio::test]
async fn a_web_search_request_carries_the_tool_the_schema_and_the_key() {
    let server = Scripted::start(vec![scripted::json(404, "{}"), scripted::json(200, &completion("{}"))]).await;
    ask_structure_with_search(&provider(&server.base_url)).await.unwrap();
    let received = server.received();
    assert_eq!(received[0].path, RESPONSES);
    assert!(received[0].head.contains(&format!("authorization: Bearer {KEY}")));
    let body = &received[0].body;
    assert_eq!(body["tools"], json!([{"type": "web_search"}]));
    assert_eq!(body["text"]["format"]["type"], "json_schema");
    assert_eq!(body["text"]["format"]["name"], "course_outline");
    assert_eq!(body["text"]["format"]["strict"], true);
    assert_eq!(body["text"]["format"]["schema"]["additionalProperties"], false);
    assert_eq!(received[1].path, CHAT);
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent() {
    let server = Scripted::start(vec![scripted::json(200, &completion("{}"))]).await;
    for api_key in [None, Some(" ".into())] {
        let provider = OpenAi::new(OpenAiOptions { api_key, ..options(&server.base_url) }).unwrap();
        ask_structure(&provider).await.unwrap();
    }
    assert!(server.received().iter().all(|request| !request.head.contains("authorization")));
}

/// Chat answers; what the Responses API does is up to the test.
async fn search_that_fails(response: serde_json::Value) -> (Aimock, Answer, Vec<String>) {
    let server = Aimock::with_fixtures(json!([
        {"match": {"responseFormat": "json_schema"}, "response": {"content": "{\"by\":\"chat\"}", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}},
        response,
    ]))
    .await;
    let provider = provider(&server.base_url);
    let (answer, log) = listening(ask_structure_with_search(&provider)).await;
    let answer = answer.unwrap();
    assert_eq!(answer.json, "{\"by\":\"chat\"}");
    assert_eq!(server.paths().await, [RESPONSES, CHAT]);
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("WARN web search failed ("), "{log:?}");
    assert!(log[0].ends_with("; generation goes on without it"), "{log:?}");
    (server, answer, log)
}

#[tokio::test]
async fn a_refused_web_search_falls_back_to_chat_and_says_why() {
    let response =
        json!({"match": {}, "response": {"error": {"message": "No web search on this plan"}, "status": 403}});
    let (_server, _, log) = search_that_fails(response).await;
    assert!(log[0].contains("refused the API key"), "{log:?}");

    let response = json!({"match": {}, "response": {"error": {"message": "Unknown tool web_search"}, "status": 400}});
    let (_server, _, log) = search_that_fails(response).await;
    assert!(log[0].contains("(400): Unknown tool web_search"), "{log:?}");
}

#[tokio::test]
async fn a_broken_web_search_falls_back_to_chat_without_asking_twice() {
    search_that_fails(json!({"match": {}, "response": {"error": {"message": "x"}, "status": 500}})).await;
    search_that_fails(json!({"match": {}, "response": {"content": "x"}, "chaos": {"malformedRate": 1}})).await;
    search_that_fails(json!({"match": {}, "response": {"content": "x"}, "chaos": {"disconnectRate": 1}})).await;
}

#[tokio::test]
async fn an_unusable_web_search_falls_back_to_chat_and_its_tokens_are_counted() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30});
    let paid = Usage { prompt_tokens: 11, completion_tokens: 22 };

    let prose = json!({"match": {}, "response": {"content": "Bees are fine animals.", "usage": usage}});
    assert_eq!(search_that_fails(prose).await.1.usage, paid);

    let cut = json!({"match": {}, "response": {"content": "{", "finishReason": "length", "usage": usage}});
    let (_server, answer, log) = search_that_fails(cut).await;
    assert_eq!(answer.usage, paid);
    assert!(log[0].contains("length limit"), "{log:?}");
}

#[tokio::test]
async fn a_web_search_that_takes_too_long_falls_back_to_chat() {
    let server =
        Scripted::start(vec![scripted::Reply::Silence, scripted::json(200, &completion("{\"by\":\"chat\"}"))]).await;
    let call_timeout = Duration::from_secs(2);
    let provider = OpenAi::new(OpenAiOptions { call_timeout, ..options(&server.base_url) }).unwrap();
    let (answer, log) = listening(ask_structure_with_search(&provider)).await;
    assert_eq!(answer.unwrap().json, "{\"by\":\"chat\"}");
    assert!(log[0].contains("web search failed (the model did not answer within 2 s)"), "{log:?}");
}

#[tokio::test]
async fn a_server_without_json_schema_is_asked_for_json_mode_from_then_on() {
    let server = Aimock::with_fixtures(json!([
        {"match": {"responseFormat": "json_schema"}, "response": {"error": {"message": "response_format json_schema is not supported"}, "status": 400}},
        {"match": {"responseFormat": "json_object", "systemMessage": "additionalProperties"}, "response": {"content": "```json\n{\"a\":1}\n```"}},
    ]))
    .await;
    let provider = provider(&server.base_url);
    let (answer, log) = listening(ask_structure(&provider)).await;
    assert_eq!(answer.unwrap().json, "{\"a\":1}");
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("does not take a JSON schema (400); asking for JSON mode from now on"), "{log:?}");

    let (answer, log) = listening(ask_structure(&provider)).await;
    assert_eq!(answer.unwrap().json, "{\"a\":1}");
    assert_eq!(log, [""; 0]);
    let journal = server.journal().await;
    let formats: Vec<_> = journal.iter().map(|entry| entry["body"]["response_format"]["type"].as_str()).collect();
    assert_eq!(formats, [Some("json_schema"), Some("json_object"), Some("json_object")]);
}

#[tokio::test]
async fn a_server_without_any_response_format_finds_the_schema_in_the_prompt() {
    let rejection = |kind| json!({"match": {"responseFormat": kind}, "response": {"error": {"message": "unknown field response_format"}, "status": 422}});
    let server = Aimock::with_fixtures(json!([
        rejection("json_schema"),
        rejection("json_object"),
        {"match": {"systemMessage": "additionalProperties"}, "response": {"content": "Of course:\n```\n{\"a\":1}\n```"}},
    ]))
    .await;
    let provider = provider(&server.base_url);
    for _ in 0..2 {
        assert_eq!(ask_structure(&provider).await.unwrap().json, "{\"a\":1}");
    }
    let journal = server.journal().await;
    let formats: Vec<_> = journal.iter().map(|entry| entry["body"]["response_format"]["type"].as_str()).collect();
    assert_eq!(formats, [Some("json_schema"), Some("json_object"), None, None]);
}
