//! `perfkit counter backfill`, `status`, `pause` and `resume`, and runs that are killed

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::counter_add::{DRIFT, mentions};
use crate::support::StopAtDrop;
use crate::support::cli::{Perfkit, perfkit};
use crate::support::pg::Database;

const COUNTS: [&str; 5] = ["counter", "add", "keywords.mentions_count", "--counts", "mentions"];
/// So slow that it can be caught at it.
pub(crate) const SLOWLY: [&str; 5] = ["--yes", "--batch-time", "5ms", "--duty", "0.1"];
const COUNTED: &str = "SELECT count(*) FROM keywords WHERE mentions_count IS NOT NULL";

pub(crate) fn add(args: &[&str]) -> Perfkit {
    perfkit(&[&COUNTS[..], args].concat())
}

pub(crate) fn await_counted(database: &Database, n: u32) {
    database.await_true(&format!("SELECT count(*) >= {n} FROM keywords WHERE mentions_count IS NOT NULL"));
}

fn kill(child: &mut Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

pub(crate) fn end(mut child: Child) -> (bool, String) {
    let mut stderr = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("it is text");
    (child.wait().expect("it ends").success(), stderr)
}

/// Keeps the last of 2,000 keywords from being counted, so that a run does not end. The steps before a count need the table, so
/// that this comes after them.
const HOLD_LAST: &str = "BEGIN; SELECT FROM keywords WHERE id = 2000 FOR UPDATE";

/// Writes until it is told to stop; each statement changes other counters, none that of the last keyword.
fn write(database: &Database, stop: &AtomicBool, seed: u64) {
    let database = Database { url: database.url.clone() };
    let mut n = seed;
    while !stop.load(Ordering::Relaxed) {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (key, other) = ((n >> 33) % 1999 + 1, (n >> 13) % 1999 + 1);
        let sql = match (n >> 50) % 5 {
            0 => format!(
                "INSERT INTO mentions (keyword_id) SELECT 1 + ({key} + i) % 1999 FROM generate_series(1, 5) AS i"
            ),
            1 => format!("DELETE FROM mentions WHERE keyword_id = {key}"),
            2 => format!("UPDATE mentions SET keyword_id = {other} WHERE keyword_id = {key}"),
            3 => format!(
                "BEGIN; INSERT INTO mentions (keyword_id) VALUES ({key}); SAVEPOINT s; DELETE FROM mentions WHERE keyword_id = {other}; ROLLBACK TO s; COMMIT"
            ),
            _ => format!("BEGIN; INSERT INTO mentions (keyword_id) VALUES ({key}); ROLLBACK"),
        };
        match database.try_query(&sql) {
            Ok(_) => {}
            Err(error) => {
                assert!(error.code().is_some_and(|code| code.code() == "40P01"), "{sql}: {error:?}");
            }
        }
        // Each statement connects anew, which would leave the count little of two processors.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_run_goes_on_while_others_write_and_nothing_drifts() {
    for (index, more) in [
        ("", Vec::new()),
        ("DROP INDEX mentions_by_keyword", Vec::new()),
        ("", vec!["--mode", "queue"]),
        ("", vec!["--mode", "slots"]),
    ] {
        let database = mentions(2000, 6000);
        database.execute(index);
        let stop = AtomicBool::new(false);
        // A session that is not idle keeps the pauses between the batches.
        database.while_session("BEGIN", || {
            std::thread::scope(|scope| {
                for seed in 1..=2 {
                    let (database, stop) = (&database, &stop);
                    scope.spawn(move || write(database, stop, seed));
                }
                let _stop = StopAtDrop(&stop);
                let (mut first, _folder) = add(&[&SLOWLY, &more[..]].concat()).on(&database).spawn();
                await_counted(&database, 1);
                database.while_session(HOLD_LAST, || {
                    kill(&mut first);
                    let again = add(&[&["--yes"], &more[..]].concat());
                    let (mut second, _folder) = again.on(&database).spawn();
                    await_counted(&database, 400);
                    kill(&mut second);
                    assert_ne!(database.value(COUNTED), "2000");
                });
                add(&[&["--yes"], &more[..]].concat()).on(&database).succeeds();
            });
        });
        perfkit(&["counter", "fold"]).on(&database).succeeds();
        assert_eq!(database.value(DRIFT), "0", "{index} {more:?}");
    }
}

/// Starts a run that waits for a file to go away; returns it with the file.
pub(crate) fn held(database: &Database, more: &[&str]) -> (Child, PathBuf, tempfile::TempDir) {
    let run = add(&[&["--yes", "--pause-file", "stop"], more].concat()).file("stop", "").on(database);
    let file = run.folder().join("stop");
    let (child, folder) = run.spawn();
    database.await_true(&held_by("file"));
    assert_eq!(database.value(COUNTED), "0");
    (child, file, folder)
}

/// Whether a run says that it waits for this.
pub(crate) fn held_by(what: &str) -> String {
    format!(
        "SELECT entry #>> '{{progress,held_by}}' LIKE '%{what}%' FROM perfkit.counter_journal
         WHERE entry ->> 'entry' = 'progress' ORDER BY id DESC LIMIT 1"
    )
}

#[test]
fn another_terminal_sees_a_run_and_lets_it_wait() {
    let database = mentions(200, 500);
    let (child, file, _folder) = held(&database, &[]);
    perfkit(&["counter", "pause"]).on(&database).succeeds();
    let status = || perfkit(&["counter", "status", "--json"]).on(&database).succeeds().json();
    assert_eq!(status()["runs"][0]["state"], "paused");
    assert_eq!(status()["runs"][0]["progress"]["waits_for"], "the pause file is there");
    let run = add(&["--yes"]).on(&database).exits(3);
    assert!(run.stderr.contains("another perfkit is changing counters"), "{}", run.stderr);
    std::fs::remove_file(file).expect("it is there");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(database.value(COUNTED), "0");
    perfkit(&["counter", "resume"]).on(&database).succeeds();
    let (is_done, stderr) = end(child);
    assert!(is_done, "{stderr}");
    assert_eq!(status()["runs"][0]["state"], "done");
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn a_run_that_was_killed_is_told_of() {
    let database = mentions(200, 500);
    let (mut child, _, _folder) = held(&database, &[]);
    kill(&mut child);
    database.await_true("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'",
    );
    let status = perfkit(&["counter", "status", "--json"]).on(&database).succeeds().json();
    assert_eq!(status["runs"][0]["state"], "cut short");
    perfkit(&["counter", "pause"]).on(&database).fails(2, &["no such run is under way"]);
    add(&["--yes"]).on(&database).succeeds();
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn a_query_lets_a_run_wait() {
    let database = mentions(200, 500);
    database.execute("CREATE TABLE switches (is_on bool); INSERT INTO switches VALUES (true)");
    let (child, file, _folder) = held(&database, &["--pause-when", "SELECT is_on FROM switches"]);
    std::fs::remove_file(file).expect("it is there");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(database.value(COUNTED), "0");
    database.execute("UPDATE switches SET is_on = false");
    let (is_done, stderr) = end(child);
    assert!(is_done, "{stderr}");
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn an_interrupted_run_says_how_it_goes_on() {
    let database = mentions(200, 500);
    let (child, _, _folder) = held(&database, &[]);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    let (is_done, stderr) = end(child);
    assert!(!is_done && stderr.contains("run the command again"), "{stderr}");
    let status = perfkit(&["counter", "status", "--json"]).on(&database).succeeds().json();
    assert_eq!(status["runs"][0]["state"], "failed");
    add(&["--yes"]).on(&database).succeeds();
    assert_eq!(database.value(DRIFT), "0");
}

const BACKFILL: [&str; 6] =
    ["counter", "backfill", "keywords.mentions_count", "--counts", "mentions", "--yes"];

#[test]
fn columns_of_others_are_counted_and_judged() {
    let database = mentions(300, 3000);
    perfkit(&BACKFILL).on(&database).fails(2, &["no column \"mentions_count\"", "counter add"]);
    database.execute("ALTER TABLE keywords ADD COLUMN mentions_count int NOT NULL DEFAULT 0; UPDATE keywords SET mentions_count = id");
    let run = perfkit(&BACKFILL).on(&database).exits(1);
    assert!(run.stderr.contains("no trigger of public.mentions names column"), "{}", run.stderr);
    assert_eq!(database.value(DRIFT), "0");
    database.load(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE keywords SET mentions_count = mentions_count - 1 WHERE id = old.keyword_id;
             UPDATE keywords SET mentions_count = mentions_count + 1 WHERE id = new.keyword_id;
             RETURN NULL; END $$;
         CREATE TRIGGER keep AFTER INSERT OR DELETE ON mentions FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let run = perfkit(&BACKFILL).on(&database).exits(1);
    assert!(run.stderr.contains("at UPDATE of") && run.stderr.contains("at TRUNCATE of"), "{}", run.stderr);
    assert!(!run.stderr.contains("at INSERT of"), "{}", run.stderr);
    database.execute("DROP INDEX mentions_by_keyword");
    perfkit(&BACKFILL).on(&database).fails(2, &["no index", "CREATE INDEX CONCURRENTLY"]);
}

#[test]
fn a_column_that_was_there_is_counted_once_and_stays_when_it_is_dropped() {
    let database = mentions(300, 3000);
    database.execute("ALTER TABLE keywords ADD COLUMN mentions_count int NOT NULL DEFAULT 0; UPDATE keywords SET mentions_count = id");
    add(&["--yes"]).on(&database).succeeds();
    assert_eq!(database.value(DRIFT), "0");
    let again = add(&["--yes"]).on(&database).succeeds();
    assert!(again.stderr.contains("everything is as it is wanted"), "{}", again.stderr);
    perfkit(&["counter", "drop", "keywords.mentions_count", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value(DRIFT), "0");
    assert_eq!(database.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'perfkit%'"), "0");
}

#[test]
fn a_count_of_a_column_that_was_there_goes_on_after_its_last_row() {
    let database = mentions(2000, 4000);
    database.execute(
        "ALTER TABLE keywords ADD COLUMN mentions_count int; UPDATE keywords SET mentions_count = -id",
    );
    database.while_session("BEGIN", || {
        let (mut child, _folder) = add(&SLOWLY).on(&database).spawn();
        let has_cursor = "SELECT entry #>> '{progress,cursor}' IS NOT NULL FROM perfkit.counter_journal
                          WHERE entry ->> 'entry' = 'progress' ORDER BY id DESC LIMIT 1";
        database.await_true("SELECT count(*) < 2000 FROM keywords WHERE mentions_count < 0");
        database.while_session(HOLD_LAST, || {
            database.await_true(has_cursor);
            kill(&mut child);
            assert_ne!(database.value("SELECT count(*) FROM keywords WHERE mentions_count < 0"), "0");
        });
    });
    let run = add(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("goes on where it was"), "{}", run.stderr);
    assert_eq!(database.value(DRIFT), "0");
}
