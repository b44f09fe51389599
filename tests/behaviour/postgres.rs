//! The private cluster: what it survives, and what it refuses.
//!
//! Killing the process that owns a cluster takes another process: this binary starts itself again as [`processes::owner_process`].

mod processes;

use std::{
    fs::{self, Permissions},
    future::Future,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use coursestream::postgres::{ClusterError, DATABASE, PrivateCluster};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{geteuid, getpgid},
};
use sqlx::{ConnectOptions, PgConnection};
use tempfile::TempDir;

use self::processes::{Frozen, Owner, as_pid, owner_command};
#[cfg(target_os = "linux")]
use self::processes::{Process, as_owner_of};

const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn data_survives_a_restart() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let pid = cluster.postmaster_pid();
    assert_eq!(getpgid(Some(as_pid(pid))), Ok(as_pid(pid)), "a terminal's Ctrl-C does not reach it");
    assert!(cluster.log_path().is_file());
    let mut connection = connect(&cluster).await;
    for (name, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("max_connections", "100"),
    ] {
        let shown = sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut connection).await;
        assert_eq!(shown.ok(), Some(value.to_owned()), "{name}");
    }
    let lowered = sqlx::query_scalar("SELECT lower('ÉTÉ')").fetch_one(&mut connection).await;
    assert_eq!(lowered.ok(), Some("été".to_owned()), "letters beyond ASCII have cases");
    write_row(&mut connection).await;
    let socket_dir = fs::metadata(cluster.socket_dir()).unwrap();
    assert_eq!(socket_dir.mode() & 0o777, 0o700);

    // The connection is still open: a fast shutdown does not wait for it.
    stop(cluster).await;
    assert_eq!(kill(as_pid(pid), None), Err(nix::errno::Errno::ESRCH));

    let cluster = start(dir.path()).await;
    assert_eq!(rows(&mut connect(&cluster).await).await, 1);
    stop(cluster).await;
}

#[tokio::test]
async fn data_survives_kill_9_of_the_service() {
    let dir = data_dir();
    let owner = Owner::start(dir.path());
    write_row(&mut owner.connect().await).await;
    owner.kill_9();

    let cluster = start(dir.path()).await;
    assert_eq!(rows(&mut connect(&cluster).await).await, 1);
    stop(cluster).await;
}

#[tokio::test]
async fn data_survives_kill_9_of_service_and_postgres_at_once() {
    let dir = data_dir();
    let owner = Owner::start(dir.path());
    write_row(&mut owner.connect().await).await;
    kill(as_pid(owner.postmaster_pid), Signal::SIGKILL).unwrap();
    owner.kill_9();

    let cluster = start(dir.path()).await;
    assert_eq!(rows(&mut connect(&cluster).await).await, 1);
    stop(cluster).await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn postgres_shuts_down_by_itself_when_its_service_is_killed() {
    let dir = data_dir();
    let owner = Owner::start(dir.path());
    owner.kill_9();
    // A clean shutdown removes its file.
    gone(&dir.path().join("postgres/data/postmaster.pid")).await;
}

#[tokio::test]
async fn start_waits_for_the_shutdown_of_the_one_before() {
    let dir = data_dir();
    let owner = Owner::start(dir.path());
    let backend = owner.write_row_and_freeze().await;
    owner.kill_9();
    starts_only_after(backend, dir.path()).await;
}

#[tokio::test]
async fn start_waits_for_the_last_process_of_a_killed_postgres() {
    let dir = data_dir();
    let owner = Owner::start(dir.path());
    let backend = owner.write_row_and_freeze().await;
    kill(as_pid(owner.postmaster_pid), Signal::SIGKILL).unwrap();
    owner.kill_9();
    starts_only_after(backend, dir.path()).await;
}

async fn starts_only_after(frozen: Frozen, dir: &Path) {
    let mut starting = Box::pin(start(dir));
    // Long past the time that a start takes; nothing depends on how long.
    let early = tokio::time::timeout(Duration::from_secs(2), &mut starting).await;
    assert!(early.is_err(), "a process of the one before still works on the directory");
    drop(frozen);
    let cluster = starting.await;
    assert_eq!(rows(&mut connect(&cluster).await).await, 1);
    stop(cluster).await;
}

#[tokio::test]
async fn service_stops_postgres_on_its_way_out() {
    let dir = data_dir();
    let mut owner = Owner::start(dir.path());
    kill(as_pid(owner.process.0.id()), Signal::SIGTERM).unwrap();
    assert!(owner.process.0.wait().unwrap().success());
    assert_eq!(kill(as_pid(owner.postmaster_pid), None), Err(nix::errno::Errno::ESRCH));
}

#[tokio::test]
async fn kill_9_of_postgres_is_noticed() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    write_row(&mut connect(&cluster).await).await;
    kill(as_pid(cluster.postmaster_pid()), Signal::SIGKILL).unwrap();
    let error = in_time(cluster.exited()).await.to_string();
    assert!(error.starts_with("PostgreSQL ended (signal: 9 (SIGKILL))"), "{error}");

    // The one before is still at hand: it holds nothing.
    let again = start(dir.path()).await;
    assert_eq!(rows(&mut connect(&again).await).await, 1);
    stop(again).await;
}

#[tokio::test]
async fn dropped_cluster_shuts_down() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let data = cluster.data_dir().to_owned();
    drop(cluster);
    gone(&data.join("postmaster.pid")).await;
}

#[tokio::test]
async fn second_service_on_a_directory_is_refused() {
    let dir = data_dir();
    let owner = Owner::start(dir.path());
    let error = refused(dir.path()).await;
    let pid = owner.process.0.id();
    assert!(matches!(&error, ClusterError::InUse { pid: Some(holder), .. } if *holder == pid), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&format!("in use by process {pid};")), "{text}");
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    // And it did the first no harm.
    write_row(&mut owner.connect().await).await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn postgres_that_somebody_started_by_hand_is_left_alone() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let program = fs::read_link(format!("/proc/{}/exe", cluster.postmaster_pid())).unwrap();
    let (data, socket_dir) = (cluster.data_dir().to_owned(), cluster.socket_dir().to_owned());
    stop(cluster).await;

    let mut command = as_owner_of(&data, &program);
    command.arg("-D").arg(&data).arg("-k").arg(&socket_dir).args(["-c", "listen_addresses="]);
    let mut by_hand =
        Process(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap());
    let pid = by_hand.0.id();
    in_time(async {
        while !fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default().contains("ready") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let error = refused(dir.path()).await;
    assert!(matches!(&error, ClusterError::InUse { pid: Some(holder), .. } if *holder == pid), "{error:?}");
    kill(as_pid(pid), Signal::SIGINT).unwrap();
    assert!(by_hand.0.wait().unwrap().success());
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn stale_lock_files_that_name_a_stranger_do_not_matter() {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    let dir = data_dir();
    let mut cluster = start(dir.path()).await;
    write_row(&mut connect(&cluster).await).await;
    let data = cluster.data_dir().to_owned();
    let sleeper = Process(as_owner_of(&data, Path::new("/bin/sleep")).arg("600").spawn().unwrap());
    let zombie = Process(as_owner_of(&data, Path::new("/bin/sleep")).arg("0").spawn().unwrap());
    let zombie_pid = as_pid(zombie.0.id());
    waitid(Id::Pid(zombie_pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();

    for stranger in [sleeper.0.id(), zombie.0.id()] {
        kill(as_pid(cluster.postmaster_pid()), Signal::SIGKILL).unwrap();
        in_time(cluster.exited()).await;
        for file in [data.join("postmaster.pid"), cluster.socket_dir().join(".s.PGSQL.5432.lock")] {
            let text = fs::read_to_string(&file).unwrap();
            let (_, rest) = text.split_once('\n').unwrap();
            fs::write(&file, format!("{stranger}\n{rest}")).unwrap();
        }
        cluster = start(dir.path()).await;
        assert_eq!(rows(&mut connect(&cluster).await).await, 1);
    }
    kill(as_pid(sleeper.0.id()), None).expect("the stranger lives");
    stop(cluster).await;
}

#[tokio::test]
async fn half_made_cluster_is_made_anew() {
    let dir = data_dir();
    let staging = dir.path().join("postgres/data.new");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("PG_VERSION"), "15\n").unwrap();
    stop(start(dir.path()).await).await;
    assert!(!staging.exists());
}

#[tokio::test]
async fn long_path_puts_the_socket_elsewhere() {
    let dir = data_dir();
    let long = dir.path().join("a-folder-with-a-rather-long-name/".repeat(4));
    let cluster = start(&long).await;
    assert!(cluster.data_dir().starts_with(&long));
    let socket_dir = cluster.socket_dir().to_owned();
    assert!(socket_dir.starts_with("/tmp"), "{}", socket_dir.display());
    write_row(&mut connect(&cluster).await).await;
    stop(cluster).await;
    assert!(!socket_dir.exists(), "nothing stays behind outside of the data directory");
}

#[tokio::test]
async fn directory_closed_to_postgres_puts_the_data_elsewhere() {
    if !geteuid().is_root() {
        eprintln!("not checked: only root's clusters belong to another user");
        return;
    }
    let dir = data_dir();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    let cluster = start(dir.path()).await;
    let elsewhere = Elsewhere(cluster.data_dir().parent().unwrap().to_owned());
    assert!(elsewhere.0.starts_with("/var/lib/coursestream"), "{}", elsewhere.0.display());
    write_row(&mut connect(&cluster).await).await;
    stop(cluster).await;

    // Once there it is found there, even if the directory has been opened since.
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let cluster = start(dir.path()).await;
    assert_eq!(rows(&mut connect(&cluster).await).await, 1);
    stop(cluster).await;
}

#[tokio::test]
async fn cluster_that_was_closed_to_postgres_is_not_replaced_by_an_empty_one() {
    if !geteuid().is_root() {
        eprintln!("not checked: only root's clusters belong to another user");
        return;
    }
    let dir = data_dir();
    stop(start(dir.path()).await).await;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    let error = refused(dir.path()).await;
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn folder_of_a_stranger_is_not_taken_for_the_socket() {
    let dir = data_dir();
    let long = dir.path().join("a-folder-with-a-rather-long-name/".repeat(4));
    let cluster = start(&long).await;
    let socket_dir = cluster.socket_dir().to_owned();
    stop(cluster).await;
    std::os::unix::fs::symlink(dir.path(), &socket_dir).unwrap();
    let error = refused(&long).await;
    fs::remove_file(&socket_dir).unwrap();
    assert!(matches!(error, ClusterError::SocketDirTaken { .. }), "{error:?}");
}

#[tokio::test]
async fn data_of_another_version_is_refused() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let version_file = cluster.data_dir().join("PG_VERSION");
    stop(cluster).await;
    fs::write(version_file, "8\n").unwrap();
    let error = refused(dir.path()).await.to_string();
    assert!(error.contains("was made by PostgreSQL 8, but only version "), "{error}");
}

#[tokio::test]
async fn failing_start_shows_what_postgres_said() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let conf = cluster.data_dir().join("postgresql.conf");
    stop(cluster).await;
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text + "\nno_such_setting = 1\n").unwrap();
    let error = refused(dir.path()).await.to_string();
    assert!(error.contains("unrecognized configuration parameter \"no_such_setting\""), "{error}");
    assert!(!error.contains("shutting down"), "nothing of earlier runs: {error}");
}

#[test]
fn wrong_pg_bin_dir_is_told() {
    let dir = data_dir();
    let empty = tempfile::tempdir().unwrap();
    let output = owner_command(dir.path()).env("PG_BIN_DIR", empty.path()).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("PG_BIN_DIR is {}, but no initdb and postgres", empty.path().display())), "{text}");
}

/// A home folder outside of the test's own.
struct Elsewhere(PathBuf);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let _ = self.0.parent().map(fs::remove_dir);
    }
}

/// A data directory that every user can reach: root's PostgreSQL runs as another one.
fn data_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    dir
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("this does not take so long")
}

async fn gone(file: &Path) {
    in_time(async {
        while file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

async fn start(dir: &Path) -> PrivateCluster {
    in_time(PrivateCluster::start(dir)).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

async fn refused(dir: &Path) -> ClusterError {
    in_time(PrivateCluster::start(dir)).await.expect_err("this start is to be refused")
}

async fn stop(cluster: PrivateCluster) {
    in_time(cluster.stop()).await.unwrap();
}

async fn connect(cluster: &PrivateCluster) -> PgConnection {
    cluster.connect_options(DATABASE).connect().await.unwrap()
}

async fn write_row(connection: &mut PgConnection) {
    sqlx::raw_sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)").execute(connection).await.unwrap();
}

async fn rows(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(connection).await.unwrap()
}
