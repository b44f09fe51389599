//! Busy, broken and hostile model servers.

use super::*;

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let server = Aimock::with_fixtures(json!([
        {"match": {"sequenceIndex": 0}, "response": {"error": {"message": "slow down"}, "status": 429, "retryAfter": 1}},
        {"match": {"sequenceIndex": 1}, "response": {"content": "{\"a\":1}"}},
    ]))
    .await;
    let (answer, log) = listening(ask_structure(&provider(&server.base_url))).await;
    assert_eq!(answer.unwrap().json, "{\"a\":1}");
    // Without the header it would have been a few milliseconds.
    assert_eq!(log, ["WARN the model server answered 429; retrying in 1 s (attempt 2 of 3)"]);
}

#[tokio::test]
async fn a_server_that_recovers_is_asked_until_it_does() {
    let down =
        |index| json!({"match": {"sequenceIndex": index}, "response": {"error": {"message": "x"}, "status": 500}});
    let server = Aimock::with_fixtures(json!([
        down(0),
        down(1),
        {"match": {"sequenceIndex": 2}, "response": {"content": "{\"a\":1}"}},
    ]))
    .await;
    let (answer, log) = listening(ask_structure(&provider(&server.base_url))).await;
    assert_eq!(answer.unwrap().json, "{\"a\":1}");
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].starts_with("WARN the model server answered 500; retrying in "), "{log:?}");
    assert!(log[1].ends_with(" ms (attempt 3 of 3)"), "{log:?}");
}

#[tokio::test]
async fn a_server_that_stays_down_is_given_up() {
    let server =
        Aimock::with_fixtures(json!([{"match": {}, "response": {"error": {"message": "x"}, "status": 500}}])).await;
    let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { status: 500, attempts: 3 }), "{error:?}");
    assert_eq!(server.paths().await.len(), 3);
}

#[tokio::test]
async fn dropped_connections_and_broken_envelopes_are_asked_again() {
    let server = Aimock::with_fixtures(json!([
        {"match": {"sequenceIndex": 0}, "response": {"content": "x"}, "chaos": {"disconnectRate": 1}},
        {"match": {"sequenceIndex": 1}, "response": {"content": "x"}, "chaos": {"malformedRate": 1}},
        {"match": {"sequenceIndex": 2}, "response": {"content": "{\"a\":1}"}},
    ]))
    .await;
    let (answer, log) = listening(ask_structure(&provider(&server.base_url))).await;
    assert_eq!(answer.unwrap().json, "{\"a\":1}");
    assert!(log[0].contains("could not be reached"), "{log:?}");
    assert!(log[1].contains("could not be understood"), "{log:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let whole = completion("{\"a\":1}");
    let server = Scripted::start(vec![scripted::cut(&whole), scripted::json(200, &whole)]).await;
    let (answer, log) = listening(ask_structure(&provider(&server.base_url))).await;
    assert_eq!(answer.unwrap().json, "{\"a\":1}");
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("broke off in the middle of its answer"), "{log:?}");

    let server = Scripted::start(vec![scripted::cut(&whole)]).await;
    let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable { attempts: 3, .. }), "{error:?}");
}

#[tokio::test]
async fn an_envelope_that_stays_nonsense_is_malformed() {
    for body in ["<html>hello</html>", "{}", "[]", r#"{"choices":[]}"#, r#"{"error":{"message":"x"}}"#, ""] {
        let server = Scripted::start(vec![scripted::json(200, body)]).await;
        let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Malformed { .. }), "{body}: {error:?}");
        assert_eq!(server.received().len(), 3, "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_the_caller_s_to_judge() {
    let server = Aimock::with_fixtures(json!([{"match": {}, "response": {"content": "Bees are fine animals."}}])).await;
    let answer = ask_structure(&provider(&server.base_url)).await.unwrap();
    assert_eq!(answer.json, "Bees are fine animals.");
    assert_eq!(server.paths().await.len(), 1);
}

#[tokio::test]
async fn an_answer_cut_at_its_length_limit_is_told_with_its_cost() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30});
    let server = Aimock::with_fixtures(json!([
        {"match": {}, "response": {"content": "{\"a\":", "finishReason": "length", "usage": usage}},
    ]))
    .await;
    let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
    let paid = Usage { prompt_tokens: 10, completion_tokens: 20 };
    assert!(matches!(error, ProviderError::CutOff { usage } if usage == paid), "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_told_in_the_model_s_words() {
    let body =
        r#"{"choices":[{"message":{"content":null,"refusal":"I cannot help with that."},"finish_reason":"stop"}]}"#;
    let server = Scripted::start(vec![scripted::json(200, body)]).await;
    let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
    assert_eq!(error.to_string(), "the model declined to answer: I cannot help with that.");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again() {
    for status in [401, 403] {
        let error = json!({"error": {"message": "Incorrect API key provided"}, "status": status});
        let server = Aimock::with_fixtures(json!([{"match": {}, "response": error}])).await;
        let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unauthorized), "{error:?}");
        assert_eq!(server.paths().await.len(), 1);
    }
}

#[tokio::test]
async fn a_refused_request_is_told_in_the_server_s_words_without_the_key() {
    let message = format!("No model for {KEY}: {}", "x".repeat(1_000));
    let server = Scripted::start(vec![scripted::json(404, &json!({"error": {"message": message}}).to_string())]).await;
    let (error, log) = listening(ask_structure(&provider(&server.base_url))).await;
    let ProviderError::Refused { status: 404, detail } = error.unwrap_err() else { panic!("a refusal") };
    assert!(detail.starts_with("No model for [key]: xxx"), "{detail}");
    assert_eq!(detail.chars().count(), 200);
    assert_eq!(log, [""; 0]);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let reply = "HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Scripted::start(vec![scripted::Reply::Bytes(reply.into())]).await;
    let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 307, .. }), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline_and_not_asked_again() {
    let server = Scripted::start(vec![scripted::Reply::Silence]).await;
    let call_timeout = Duration::from_secs(2);
    let provider = OpenAi::new(OpenAiOptions { call_timeout, ..options(&server.base_url) }).unwrap();
    let error = ask_structure(&provider).await.unwrap_err();
    assert!(matches!(error, ProviderError::TimedOut { seconds: 2 }), "{error:?}");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    // Bound, so that nobody else gets the port, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base_url = format!("http://{}/v1", socket.local_addr().unwrap());
    let error = ask_structure(&provider(&base_url)).await.unwrap_err();
    let ProviderError::Unreachable { attempts: 3, detail } = error else { panic!("{error:?}") };
    assert!(detail.to_lowercase().contains("refused"), "{detail}");
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let body = "x".repeat(9 * 1024 * 1024);
    let server = Scripted::start(vec![scripted::json(200, &body)]).await;
    let error = ask_structure(&provider(&server.base_url)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Malformed { .. }), "{error:?}");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn no_log_line_holds_the_key_or_the_prompt() {
    let body = format!("{KEY} Beekeeping");
    let server = Scripted::start(vec![scripted::json(500, &body)]).await;
    let provider = provider(&server.base_url);
    let (error, log) = listening(ask_structure_with_search(&provider)).await;
    let told = format!("{log:?} {} {options:?}", error.unwrap_err(), options = options(&server.base_url));
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(!told.contains(KEY) && !told.contains("Beekeeping"), "{told}");
}
