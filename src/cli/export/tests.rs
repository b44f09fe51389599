use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use poem::{
    Body, EndpointExt, IntoResponse, Response, Route, Server, get, handler,
    http::StatusCode,
    listener::TcpAcceptor,
    web::{Data, Json, Query},
};
use serde_json::json;

use super::*;

const SESSION: &str = "01991234-5678-7abc-8def-0123456789ab";

/// What the server answers, one after the other: pieces of a body and whether it ends in order, or a status.
type Script = Mutex<VecDeque<Result<(Vec<String>, bool), StatusCode>>>;

struct Fake {
    script: Script,
    asked: Mutex<Vec<u64>>,
}

#[derive(Deserialize)]
struct Asked {
    after: u64,
}

#[handler]
fn answer(Query(Asked { after }): Query<Asked>, Data(fake): Data<&Arc<Fake>>) -> Response {
    fake.asked.lock().unwrap().push(after);
    match fake.script.lock().unwrap().pop_front().expect("no more answers are scripted") {
        Err(status) => Json(json!({"detail": "so it is"})).with_status(status).into_response(),
        Ok((pieces, is_whole)) => {
            let pieces = pieces.into_iter().map(Some).chain((!is_whole).then_some(None));
            // Each in a packet of its own, else the break would overtake what was before it.
            let paced = futures_util::stream::iter(pieces).then(async |piece| {
                tokio::time::sleep(Duration::from_millis(5)).await;
                match piece {
                    Some(piece) => Ok::<_, io::Error>(piece.into_bytes()),
                    // The connection's task unwinds: with an error, poem's server would end the body in order.
                    None => std::panic::resume_unwind(Box::new("broken")),
                }
            });
            Body::from_bytes_stream(Box::pin(paced)).into_response()
        }
    }
}

fn line(offset: u64) -> String {
    format!(
        r#"{{"sessionId":"{SESSION}","offset":{offset},"type":"log","message":"=m","data":{{"a": 1.0}},"timestamp":"2026-01-31T12:00:00.123Z"}}"#
    ) + "\n"
}

/// What was written, where it ended, and what the server was asked for.
async fn run_script(
    script: Vec<Result<(Vec<String>, bool), StatusCode>>,
    form: ExportForm,
    after: u64,
) -> (String, anyhow::Result<Offset>, Vec<u64>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let fake = Arc::new(Fake { script: Mutex::new(script.into()), asked: Mutex::default() });
    let routes = Route::new().at("/api/v1/sessions/:id/export", get(answer)).data(fake.clone());
    tokio::spawn(Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap()).run(routes));
    let patience = Patience {
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(2),
        attempts_before_join_max: 3,
        attempts_max: 4,
        ..Patience::default()
    };
    let api = Api::new(address, Duration::from_millis(1)).unwrap();
    let mut out = Vec::new();
    let export = Export { api, session: SESSION.parse().unwrap(), form, exported: Offset::new(after), out: &mut out };
    let result = export.write_with(patience).await;
    let asked = fake.asked.lock().unwrap().clone();
    (String::from_utf8(out).unwrap(), result, asked)
}

#[tokio::test]
async fn a_log_is_written_to_the_byte() {
    let log = line(1) + &line(2) + &line(3);
    let (start, end) = log.split_at(70);
    let script = vec![Ok((vec![start.to_owned(), end.to_owned()], true))];
    let (written, result, asked) = run_script(script, ExportForm::Ndjson, 0).await;
    assert_eq!(result.unwrap().get(), 3);
    assert_eq!((written, asked), (log, vec![0]));
}

#[tokio::test]
async fn a_broken_body_is_gone_on_with_behind_its_last_whole_line() {
    let script = vec![
        Err(StatusCode::SERVICE_UNAVAILABLE),
        Ok((vec![line(4) + &line(5) + &line(6)[..50]], false)),
        Ok((vec![line(6)[..10].to_owned()], false)),
        // In order, but not at the end of a line.
        Ok((vec![line(6) + &line(7)[..9]], true)),
        Ok((vec![line(7)], true)),
    ];
    let (written, result, asked) = run_script(script, ExportForm::Ndjson, 3).await;
    assert_eq!(result.unwrap().get(), 7);
    assert_eq!(written, line(4) + &line(5) + &line(6) + &line(7));
    assert_eq!(asked, [3, 3, 5, 5, 6]);
}

#[tokio::test]
async fn csv_has_its_columns_once() {
    let script = vec![Ok((vec![line(1)], false)), Ok((vec![line(2)], true))];
    let (written, result, _) = run_script(script, ExportForm::Csv, 0).await;
    result.unwrap();
    let row = |offset| format!("{SESSION},{offset},2026-01-31T12:00:00.123Z,log,'=m,\"{{\"\"a\"\": 1.0}}\"\r\n");
    assert_eq!(written, format!("sessionId,offset,timestamp,type,message,data\r\n{}{}", row(1), row(2)));
    let (written, ..) = run_script(vec![Ok((vec![line(2)], true))], ExportForm::Csv, 1).await;
    assert_eq!(written, row(2));
}

#[tokio::test]
async fn what_does_not_get_better_is_given_up() {
    let (_, result, asked) = run_script(vec![Err(StatusCode::NOT_FOUND)], ExportForm::Ndjson, 0).await;
    assert_eq!((format!("{:#}", result.unwrap_err()), asked.len()), ("so it is (HTTP 404)".to_owned(), 1));
    let (_, result, asked) = run_script(vec![Err(StatusCode::BAD_GATEWAY); 3], ExportForm::Ndjson, 0).await;
    assert!(result.unwrap_err().to_string().contains("after 3 attempts"));
    assert_eq!(asked.len(), 3);
    for nonsense in ["<html>\n".to_owned(), line(1) + &line(1)] {
        let (_, result, _) = run_script(vec![Ok((vec![nonsense], true))], ExportForm::Ndjson, 0).await;
        result.unwrap_err();
    }
}
