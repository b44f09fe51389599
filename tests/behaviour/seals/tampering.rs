//! What somebody who owns the database does to the log of a sealed session is named: what, and at which offsets.

use serde_json::json;
use sqlx::PgConnection;

use super::{Check, execute, intruder, sealed_session, start};
use crate::support::{api::Api, database::Database};

/// Seals three sessions, does something to the second, and checks that just this is found of it, nothing of the others, and the same when it is
/// asked for alone.
async fn found_after(
    what: impl AsyncFnOnce(&mut PgConnection, &str),
    expected: &[(&str, &[u64])],
) -> (Database, Vec<String>) {
    let database = Database::create().await;
    let service = start(&database).await;
    let api = Api::of(&service);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(sealed_session(&api).await);
    }
    Check::of(&database, &api).await.assert_clean();

    let session = &sessions[1];
    what(&mut intruder(&database).await, session).await;
    let check = Check::of(&database, &api).await;
    let expected: Vec<(&str, Vec<u64>)> = expected.iter().map(|(what, at)| (*what, at.to_vec())).collect();
    assert_eq!(check.about(session), expected, "{:#?}", check.findings);
    assert_eq!(check.findings.len(), expected.len(), "{:#?}", check.findings);

    let (status, alone) = api.get(&format!("/api/v1/sessions/{session}/verify")).await;
    assert_eq!((status.as_u16(), &alone["intact"], &alone["dropped"]), (200, &json!(false), &json!(false)), "{alone}");
    assert_eq!(alone["findings"], json!(check.findings), "{alone}");
    let arguments = ["verify", session, "--database-url", &database.url];
    let (status, stdout, _) = crate::support::service::try_run(&arguments).await;
    assert_eq!(status.code(), Some(1), "{stdout}");
    for finding in &check.findings {
        assert!(stdout.lines().any(|line| line == finding["detail"]), "{stdout}");
    }
    for other in [&sessions[0], &sessions[2]] {
        let (_, intact) = api.get(&format!("/api/v1/sessions/{other}/verify")).await;
        assert_eq!((&intact["intact"], &intact["events"]), (&json!(true), &json!(6)), "{intact}");
    }
    assert!(!service.stderr().contains("panicked"));
    (database, sessions)
}

#[tokio::test]
async fn an_altered_event_is_named_whatever_of_it_was_altered() {
    let alter = |set: &'static str, offset: u64| {
        async move |connection: &mut PgConnection, session: &str| {
            let sql = format!(
                "update coursestream.events set {set} where session_id = '{session}' and \"offset\" = {offset}"
            );
            assert_eq!(execute(connection, sql).await, 1);
        }
    };
    found_after(alter("message = 'another'", 3), &[("events_altered", &[3, 3])]).await;
    found_after(alter(r#"data = '{"b":2,"a":[1e21,0,9007199254740992]}'"#, 2), &[("events_altered", &[2, 2])]).await;
    found_after(alter("data = null", 5), &[("events_altered", &[5, 5])]).await;
    found_after(alter("type = 'success'", 4), &[("events_altered", &[4, 4])]).await;
    found_after(alter("recorded_at = recorded_at + interval '1 ms'", 6), &[("events_altered", &[6, 6])]).await;
}

#[tokio::test]
async fn data_that_is_spelled_otherwise_is_named() {
    // The same by RFC 8785, yet not what was written.
    let respell = async |connection: &mut PgConnection, session: &str| {
        let sql = format!(
            r#"update coursestream.events set data = '{{"b": 7, "b":1, "a":[1e21, 0, 9007199254740992]}}'
            where session_id = '{session}' and "offset" = 2"#
        );
        assert_eq!(execute(connection, sql).await, 1);
    };
    found_after(respell, &[("events_altered", &[2, 2])]).await;
}

#[tokio::test]
async fn events_that_swap_their_places_are_named() {
    let swap = async |connection: &mut PgConnection, session: &str| {
        for (from, to) in [(2, 1_000), (4, 2), (1_000, 4)] {
            let sql = format!(
                "update coursestream.events set \"offset\" = {to} where session_id = '{session}' and \"offset\" = {from}"
            );
            assert_eq!(execute(connection, sql).await, 1);
        }
    };
    found_after(swap, &[("events_moved", &[2, 2, 4]), ("events_moved", &[4, 4, 2])]).await;
}

#[tokio::test]
async fn removed_events_are_named() {
    let remove = |which: &'static str| {
        async move |connection: &mut PgConnection, session: &str| {
            let sql = format!("delete from coursestream.events where session_id = '{session}' and {which}");
            assert!(execute(connection, sql).await > 0);
        }
    };
    found_after(remove("\"offset\" = 3"), &[("events_removed", &[3, 3])]).await;
    found_after(remove("\"offset\" = 6"), &[("events_removed", &[6, 6])]).await;
    found_after(remove("\"offset\" between 2 and 4"), &[("events_removed", &[2, 4])]).await;
    // And the rest closed up.
    let close_up = async |connection: &mut PgConnection, session: &str| {
        remove("\"offset\" = 3")(connection, session).await;
        for shift in ["+ 999", "- 1000"] {
            let which = format!("where session_id = '{session}' and \"offset\" > 3");
            execute(connection, format!("update coursestream.events set \"offset\" = \"offset\" {shift} {which}"))
                .await;
        }
    };
    found_after(close_up, &[("events_removed", &[3, 3]), ("events_moved", &[4, 6, 3])]).await;
}

#[tokio::test]
async fn inserted_events_are_named() {
    let insert = |offset: u64| {
        async move |connection: &mut PgConnection, session: &str| {
            let sql = format!(
                "insert into coursestream.events select session_id, {offset}, 'log', 'It was always here', null, recorded_at
                from coursestream.events where session_id = '{session}' and \"offset\" = 1"
            );
            assert_eq!(execute(connection, sql).await, 1);
        }
    };
    found_after(insert(7), &[("events_inserted", &[7, 7])]).await;
    found_after(insert(9_000_000_000), &[("events_inserted", &[9_000_000_000, 9_000_000_000])]).await;
    let make_room = async |connection: &mut PgConnection, session: &str| {
        for shift in ["+ 1000", "- 999"] {
            let which = format!("where session_id = '{session}' and \"offset\" >= 3");
            execute(connection, format!("update coursestream.events set \"offset\" = \"offset\" {shift} {which}"))
                .await;
        }
        insert(3)(connection, session).await;
    };
    found_after(make_room, &[("events_moved", &[3, 6, 4]), ("events_inserted", &[3, 3])]).await;
}

#[tokio::test]
async fn a_removed_session_is_named() {
    let events = async |connection: &mut PgConnection, session: &str| {
        execute(connection, format!("delete from coursestream.events where session_id = '{session}'")).await;
    };
    let row = async |connection: &mut PgConnection, session: &str| {
        execute(connection, format!("delete from coursestream.sessions where session_id = '{session}'")).await;
    };
    found_after(events, &[("log_removed", &[])]).await;
    found_after(row, &[("session_removed", &[])]).await;
    let both = async |connection: &mut PgConnection, session: &str| {
        events(connection, session).await;
        row(connection, session).await;
        execute(connection, format!("delete from coursestream.seal_leaves where session_id = '{session}'")).await;
    };
    let (database, sessions) = found_after(both, &[("log_removed", &[])]).await;
    let said = crate::support::service::try_run(&["verify", "--database-url", &database.url]).await.1;
    assert!(
        said.contains(&format!("session {} (seal 2): the session was removed with its whole log", sessions[1])),
        "{said}"
    );
}

#[tokio::test]
async fn without_its_leaves_a_log_is_known_to_be_altered_but_not_where() {
    let leaves = |sql: &'static str| {
        async move |connection: &mut PgConnection, session: &str| {
            assert_eq!(execute(connection, format!("{sql} where session_id = '{session}'")).await, 1);
        }
    };
    let remove = leaves("delete from coursestream.seal_leaves");
    found_after(&remove, &[("leaves_removed", &[])]).await;
    let alter =
        leaves("update coursestream.seal_leaves set leaves = set_byte(leaves, 0, (get_byte(leaves, 0) + 1) % 256)");
    found_after(alter, &[("leaves_altered", &[])]).await;
    let both = async |connection: &mut PgConnection, session: &str| {
        remove(connection, session).await;
        let sql =
            format!("update coursestream.events set message = 'x' where session_id = '{session}' and \"offset\" = 2");
        execute(connection, sql).await;
    };
    found_after(both, &[("log_altered", &[]), ("leaves_removed", &[])]).await;
}

#[tokio::test]
async fn what_is_no_event_any_more_is_named() {
    let unreadable = async |connection: &mut PgConnection, session: &str| {
        execute(connection, "alter table coursestream.events drop constraint events_type_check").await;
        let sql =
            format!("update coursestream.events set type = 'gossip' where session_id = '{session}' and \"offset\" = 2");
        assert_eq!(execute(connection, sql).await, 1);
    };
    found_after(unreadable, &[("log_unreadable", &[])]).await;
}
