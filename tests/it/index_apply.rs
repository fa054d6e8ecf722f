//! `perfkit index apply`: builds, and what a run that ended leaves

use std::time::Duration;

use crate::index_apply_changes::{all_indexes, changes, waiting_changes};
use crate::support::cli::{output, perfkit};
use crate::support::pg::Database;

const SCRIPT: &str = "SELECT * FROM events WHERE user_id = 7 ORDER BY at DESC LIMIT 10";

pub(crate) fn events() -> Database {
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
    assert!(run.stderr.contains("left invalid by an unfinished build"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn a_leftover_that_has_become_valid_meanwhile_is_kept() {
    let database = events();
    // The journal says what is about to be dropped; somebody else makes it valid just then.
    apply(&["--yes"]).on(&database).succeeds();
    database.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_user_id_at_idx'::regclass",
    );
    let create = "CREATE FUNCTION repair() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'events_user_id_at_idx'::regclass;
         RETURN NULL; END $$;
         CREATE TRIGGER repair AFTER INSERT ON perfkit.index_journal FOR EACH ROW
         WHEN (NEW.entry #>> '{step,action,kind}' = 'drop_leftover' AND NEW.entry #>> '{step,state}' = 'started')
         EXECUTE FUNCTION repair()";
    database
        .with_client(|client| async move { client.batch_execute(create).await })
        .expect("it can be created");
    let oid = "SELECT 'events_user_id_at_idx'::regclass::oid";
    let before = database.value(oid);
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
    assert_eq!(database.value(oid), before);
    let states = "SELECT entry #>> '{step,state}' FROM perfkit.index_journal
                  WHERE entry #>> '{step,action,kind}' = 'drop_leftover' ORDER BY id";
    assert_eq!(database.query(states), ["planned", "started", "skipped"]);
}

#[test]
fn another_index_under_the_name_is_kept() {
    let database = events();
    database.execute("CREATE INDEX events_user_id_at_idx ON events (id)");
    apply(&["--yes"]).on(&database).succeeds();
    let other = BUILT.replace("(user_id, at)", "(id)");
    let second = BUILT.replace("at_idx", "at_idx_2");
    assert_eq!(indexes(&database), [other, second]);
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database).len(), 2);
}

pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events";

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
    // A transaction that can still see the table makes CREATE INDEX CONCURRENTLY wait, and then the drop of its leftover.
    let (child, _folder) = database.while_session(SNAPSHOT, || {
        let waiting = interrupted_apply(&database);
        let dropping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                        AND query LIKE 'DROP INDEX%' AND wait_event_type = 'Lock'";
        while database.value(dropping) == "0" {
            std::thread::sleep(Duration::from_millis(20));
        }
        waiting
    });
    let output = output(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(indexes(&database).is_empty());
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn an_interrupted_build_says_what_it_has_to_leave() {
    let database = events();
    database.while_session(SNAPSHOT, || {
        let (child, _folder) = interrupted_apply(&database);
        let output = output(child);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("index \"events_user_id_at_idx\" is left INVALID"), "{stderr}");
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

/// A run that was told to stop while its build waits.
fn interrupted_apply(database: &Database) -> (std::process::Child, tempfile::TempDir) {
    let (child, folder) = waiting_apply(database);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid fits"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    (child, folder)
}

#[test]
fn after_kill_9_one_more_run_puts_all_right() {
    let database = events();
    database.while_session(SNAPSHOT, || {
        let (mut child, _folder) = waiting_apply(&database);
        kill_with_backends(&database, &mut child);
        assert_eq!(indexes(&database), [format!("{BUILT} INVALID")]);
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn what_a_failed_rebuild_has_left_is_dropped_by_the_next_run() {
    let database = events();
    database.execute("CREATE INDEX fat ON events (at)");
    database.while_session(SNAPSHOT, || {
        let (mut child, _folder) = waiting_changes(&database, "REINDEX INDEX fat");
        kill_with_backends(&database, &mut child);
        assert_eq!(all_indexes(&database), ["fat", "fat_ccnew INVALID"]);
    });
    changes("REINDEX INDEX fat", &[]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["fat"]);
}

/// The server goes on building for nobody; when it is stopped, an INVALID index is left.
fn kill_with_backends(database: &Database, child: &mut std::process::Child) {
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    let building =
        "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'";
    database.query(&format!("SELECT pg_terminate_backend(pid) {building}"));
    while database.value(&format!("SELECT count(*) {building}")) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
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
    apply(&["--yes", "--journal", "journal.jsonl"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["must be owner", "42501"]);
    assert!(indexes(&database).is_empty());
}

#[test]
fn a_full_disk_does_not_spoil_the_journal_file() {
    let database = events();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let args = ["--journal", journal.to_str().unwrap()];
    changes("CREATE INDEX i ON events (at)", &args).on(&database).succeeds();
    let before = std::fs::read_to_string(&journal).unwrap();
    // A limit of the process's files, in blocks of 512 bytes, is hit in the midst of a line as the end of a disk is.
    let n_blocks = before.len().div_ceil(512);
    let command = changes("CREATE INDEX j ON events (user_id)", &args).on(&database);
    command
        .through_shell(&format!("trap '' XFSZ; ulimit -f {n_blocks}; exec \"$@\""))
        .fails(3, &["could not write journal", "File too large"]);
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), before);
    assert_eq!(all_indexes(&database), ["i"]);
    changes("CREATE INDEX j ON events (user_id)", &args).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["i", "j"]);
}
