//! A disk without room. What PostgreSQL says then is raised by a trigger, while a table of ours says so.

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection, Executor};

use super::{Producer, follows_without_loss};
use crate::support::{
    api::{Api, USER},
    database::Database,
    service::Service,
    socket::{Socket, assert_whole},
};

/// Error 53100 (disk_full), as where a table cannot be extended.
const FULL_DISK: &str = "
    create table public.disk (is_full boolean not null);
    insert into public.disk values (false);
    create function public.fill() returns trigger language plpgsql as $$
    begin
        if (select is_full from public.disk) then
            raise exception 'could not extend file \"base/1/1\": No space left on device' using errcode = '53100';
        end if;
        return null;
    end $$;
    create trigger fill after insert on coursestream.events for each statement execute function public.fill();
    create trigger fill after insert on coursestream.sessions for each statement execute function public.fill()";

async fn set_full(database: &Database, is_full: bool) {
    let mut connection = database.connect().await;
    sqlx::query("update public.disk set is_full = $1").bind(is_full).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_says_so_and_passes() {
    let database = Database::create().await;
    let service = Service::start_with(&database, &["--offline-pace", "100ms", "--lease-ttl", "60s"]).await;
    let api = Api::of(&service);
    let mut connection = database.connect().await;
    connection.execute(FULL_DISK).await.unwrap();
    connection.close().await.unwrap();
    let run = api.generate("Rust ownership").await;
    let mut run_socket = Socket::connect(&service).await;
    run_socket.join(&run).await;
    let producer = Producer::start(&service).await;
    let mut socket = Socket::connect(&service).await;
    socket.join(&producer.session).await;
    producer.reaches(&service, 20).await;

    set_full(&database, true).await;
    // Whoever starts something now is told at once.
    let body = json!({"course_topic": "No room", "user_id": USER});
    let (status, answer) = api.post("/api/v1/course-generation/generate", &body).await;
    assert_eq!((status, &answer["success"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)), "{answer}");
    let body = json!({"topic": "No room", "user_id": USER});
    let (status, answer) = api.post("/api/v1/sessions", &body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")), "{answer}");
    // What is there can be read all the while, and the node lives.
    let before = api.events(&producer.session).await.len() as u64;
    assert_eq!(api.get("/health/live").await.0, StatusCode::OK);
    set_full(&database, false).await;

    producer.reaches(&service, before + 20).await;
    follows_without_loss(&mut socket, before + 20).await;
    assert!(producer.stop_and_check(&service).await > 0);
    let received = run_socket.until_complete().await;
    assert_whole(&received);
    assert_eq!(received.last().unwrap().data["success"], true, "the run has waited for room");
    let topics = api.get("/api/v1/sessions").await.1;
    assert!(!topics.to_string().contains("No room"), "{topics}");
}
