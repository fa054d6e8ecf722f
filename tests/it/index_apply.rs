//! `perfkit index apply`

use std::time::Duration;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

const SCRIPT: &str = "SELECT * FROM events WHERE user_id = 7 ORDER BY at DESC LIMIT 10";

fn events() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE events (id bigint PRIMARY KEY, user_id int, at timestamptz);
         INSERT INTO events SELECT i, i % 500, timestamptz '2026-01-01' + i * interval '1 minute'
         FROM generate_series(1, 50000) AS i; VACUUM ANALYZE events",
    );
    database
}

fn apply(args: &[&str]) -> crate::support::cli::Perfkit {
    let args = [&["index", "apply", "-w", "w.sql"], args].concat();
    perfkit(&args).file("w.sql", SCRIPT)
}

fn indexes(database: &Database) -> Vec<String> {
    database.query(
        "SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END FROM pg_index
         WHERE indrelid = 'events'::regclass AND NOT indisprimary ORDER BY 1",
    )
}

const BUILT: &str = "CREATE INDEX events_user_id_at_idx ON public.events USING btree (user_id, at)";

#[test]
fn builds_once_and_skips_what_exists() {
    let database = events();
    let run = apply(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("CREATE INDEX CONCURRENTLY events_user_id_at_idx"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
    let run = apply(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("no index to build"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn asks_first() {
    let database = events();
    apply(&[]).on(&database).fails(2, &["cannot ask", "--yes", "CREATE INDEX CONCURRENTLY"]);
    apply(&["--dry-run"]).on(&database).succeeds();
    assert!(indexes(&database).is_empty());
}

#[test]
fn builds_what_suggest_saved() {
    let database = events();
    let saved = perfkit(&["index", "suggest", "--json", "-w", "w.sql"])
        .file("w.sql", SCRIPT)
        .on(&database)
        .succeeds()
        .stdout;
    let from_file = || {
        perfkit(&["index", "apply", "saved.json", "--yes", "--json"]).file("saved.json", &saved).on(&database)
    };
    let report = from_file().succeeds().json();
    assert_eq!(report["indexes"][0]["built"], true);
    assert_eq!(indexes(&database), [BUILT]);
    assert_eq!(from_file().succeeds().json()["indexes"][0]["built"], false);
    perfkit(&["index", "apply", "bad.json", "--yes"])
        .file("bad.json", "{}")
        .on(&database)
        .fails(2, &["bad.json"]);
}

#[test]
fn an_invalid_leftover_is_built_anew() {
    let database = events();
    database.execute("CREATE INDEX events_user_id_at_idx ON events (user_id, at)");
    database.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_user_id_at_idx'::regclass",
    );
    let run = apply(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("left invalid"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn another_index_under_the_name_is_kept() {
    let database = events();
    database.execute("CREATE INDEX events_user_id_at_idx ON events (id)");
    apply(&["--yes"]).on(&database).fails(2, &["exists with another definition"]);
}

/// Starts a run and returns when its build waits for an older transaction.
fn waiting_apply(database: &Database) -> (std::process::Child, tempfile::TempDir) {
    let (mut child, folder) = apply(&["--yes"]).on(database).spawn();
    let waiting = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() \
                   AND phase LIKE 'waiting%'";
    while database.value(waiting) == "0" {
        assert!(child.try_wait().expect("the run is ours").is_none(), "apply ended without waiting");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, folder)
}

#[test]
fn an_interrupted_build_leaves_nothing_invalid() {
    let database = events();
    // A transaction that can still see the table makes CREATE INDEX CONCURRENTLY wait.
    database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
        let (mut child, _folder) = waiting_apply(&database);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        // Dropping the leftover waits for the same old transaction, so give up on waiting for it.
        let deadline = std::time::Instant::now() + Duration::from_secs(25);
        while child.try_wait().unwrap().is_none() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn after_kill_9_one_more_run_puts_all_right() {
    let database = events();
    database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
        let (mut child, _folder) = waiting_apply(&database);
        child.kill().unwrap();
        child.wait().unwrap();
        // The server goes on building for nobody; when it is stopped, an INVALID index is left.
        let building =
            "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'";
        database.query(&format!("SELECT pg_terminate_backend(pid) {building}"));
        while database.value(&format!("SELECT count(*) {building}")) != "0" {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(indexes(&database), [format!("{BUILT} INVALID")]);
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn a_second_run_at_once_is_refused() {
    let database = events();
    database.while_session("SELECT pg_advisory_lock(hashtext('perfkit'), hashtext('index'))", || {
        apply(&["--yes"])
            .on(&database)
            .fails(3, &["another perfkit is changing indexes", "process ", "pg_advisory_lock"]);
    });
}

#[test]
fn missing_privilege_changes_nothing() {
    let database = events();
    database.execute("GRANT SELECT ON events TO nobody_special");
    apply(&["--yes"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["must be owner", "42501"]);
    assert!(indexes(&database).is_empty());
}
