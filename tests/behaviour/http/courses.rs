//! Courses that runs have saved.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_clear, assert_problem, assert_timestamp, assert_unharmed, keys};
use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::Service,
};

const OTHER_USER: &str = "22222222-2222-4222-8222-222222222222";

async fn get(api: &Api, path: &str) -> Answer {
    Answer::to(api.request(Method::GET, path)).await
}

async fn generate_for(api: &Api, topic: &str, user: &str) -> String {
    let body = json!({"course_topic": topic, "user_id": user});
    let (status, answer) = api.post("/api/v1/course-generation/generate", &body).await;
    assert_eq!(status, 200, "{answer}");
    let session = answer["sessionId"].as_str().unwrap();
    let summary = api.wait_for_end(session).await;
    summary["courseId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_course_is_nested_and_equals_what_its_event_carried() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let session = api.generate("Rust ownership").await;
    let summary = api.wait_for_end(&session).await;
    let events = api.events(&session).await;
    let generated = events.iter().find(|event| event["type"] == "course_generated").unwrap();

    let (status, course) = api.get(&format!("/api/v1/courses/{}", summary["courseId"].as_str().unwrap())).await;
    assert_eq!(status, 200);
    assert_eq!(course, generated["data"]["course"]);
    assert_eq!(course["id"], summary["courseId"]);
    let expected = ["description", "id", "parts", "prerequisites", "target_audience", "title", "total_duration"];
    assert_eq!(keys(&course), expected);

    let parts = course["parts"].as_array().unwrap();
    assert!((1..=5).contains(&parts.len()));
    for (number, part) in (1..).zip(parts) {
        assert_eq!(keys(part), ["description", "learning_goals", "lessons", "part_number", "title"]);
        assert_eq!(part["part_number"], number);
        let lessons = part["lessons"].as_array().unwrap();
        assert!((1..=5).contains(&lessons.len()));
        for (number, lesson) in (1..).zip(lessons) {
            assert_eq!(keys(lesson), ["content", "description", "lesson_number", "title"]);
            assert_eq!(lesson["lesson_number"], number);
            assert_lesson_content(&lesson["content"]);
        }
    }
    assert_unharmed(&service);
}

fn assert_lesson_content(content: &Value) {
    let expected = [
        "content",
        "estimated_duration",
        "examples",
        "exercises",
        "key_concepts",
        "learning_objectives",
        "quiz",
        "title",
    ];
    assert_eq!(keys(content), expected);
    let questions = content["quiz"]["questions"].as_array().unwrap();
    assert_eq!(questions.len(), 3);
    for question in questions {
        assert!(question["question"].is_string());
        assert!(question.get("explanation").is_none_or(Value::is_string));
        let options = question["options"].as_array().unwrap();
        let labels: Vec<&str> = options.iter().map(|option| option["option"].as_str().unwrap()).collect();
        assert_eq!(labels, ["A", "B", "C", "D"]);
        assert!(options.iter().all(|option| keys(option) == ["is_correct", "option", "text"]));
        assert_eq!(options.iter().filter(|option| option["is_correct"] == true).count(), 1);
    }
}

#[tokio::test]
async fn courses_are_listed_newest_first_in_pages() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    assert_eq!(api.get("/api/v1/courses").await.1, json!({"items": []}));

    let mut made = Vec::new();
    for (topic, user) in [("One", USER), ("Two", OTHER_USER), ("Three", USER), ("Four", USER), ("Five", OTHER_USER)] {
        made.push((generate_for(&api, topic, user).await, user));
    }
    made.reverse();
    let ids = |user: Option<&str>| -> Vec<String> {
        made.iter().filter(|(_, of)| user.is_none_or(|user| user == *of)).map(|(id, _)| id.clone()).collect()
    };

    for (filter, expected) in [
        (String::new(), ids(None)),
        (format!("&user_id={USER}"), ids(Some(USER))),
        (format!("&user_id={OTHER_USER}"), ids(Some(OTHER_USER))),
        ("&user_id=33333333-3333-4333-8333-333333333333".to_owned(), Vec::new()),
    ] {
        for limit in [1, 2, 5, 200] {
            let (mut cursor, mut found) = (String::new(), Vec::new());
            loop {
                let (status, page) = api.get(&format!("/api/v1/courses?limit={limit}{filter}{cursor}")).await;
                assert_eq!(status, 200, "{page}");
                let items = page["items"].as_array().unwrap();
                assert!(items.len() <= limit);
                found.extend(items.iter().map(|item| item["courseId"].as_str().unwrap().to_owned()));
                match page.get("nextCursor") {
                    Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{filter} in pages of {limit}");
        }
    }
    assert_unharmed(&service);
}

#[tokio::test]
async fn a_listed_course_says_whose_it_is_and_how_large() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    let id = generate_for(&api, "Rust ownership", USER).await;
    let (_, course) = api.get(&format!("/api/v1/courses/{id}")).await;
    let (_, page) = api.get("/api/v1/courses").await;
    let listed = &page["items"][0];
    let expected = ["courseId", "createdAt", "description", "lessons", "parts", "sessionId", "title", "userId"];
    assert_eq!(keys(listed), expected);
    assert_eq!((&listed["title"], &listed["userId"]), (&course["title"], &json!(USER)));
    let parts = course["parts"].as_array().unwrap();
    assert_eq!(listed["parts"], parts.len());
    assert_eq!(listed["lessons"], parts.iter().map(|part| part["lessons"].as_array().unwrap().len()).sum::<usize>());
    assert_timestamp(&listed["createdAt"]);
    let (status, _) = api.get(&format!("/api/v1/sessions/{}", listed["sessionId"].as_str().unwrap())).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_bad_parameter_or_an_unknown_course_is_refused() {
    let database = Database::create().await;
    let service = Service::start(&database).await;
    let api = Api::of(&service);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("user_id=me", "user_id"),
        ("user_id=", "user_id"),
        ("cursor=nonsense", "cursor"),
    ] {
        let problem = assert_problem(&get(&api, &format!("/api/v1/courses?{query}")).await, 400, "bad_request");
        assert_clear(problem["detail"].as_str().unwrap(), field);
    }
    for id in ["0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee", "x", "%00"] {
        assert_problem(&get(&api, &format!("/api/v1/courses/{id}")).await, 404, "not_found");
    }
    assert_unharmed(&service);
}
