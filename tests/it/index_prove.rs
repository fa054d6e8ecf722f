//! `perfkit index apply --prove`

use std::time::Duration;

use serde::Deserialize;

use crate::support::cli::{Finished, Perfkit, output, perfkit};
use crate::support::pg::Database;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    runs: usize,
    statements: Vec<Statement>,
    changes: Vec<Change>,
    skipped: Vec<Skipped>,
    undone: Option<Undone>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    statement: String,
    ms_before: f64,
    ms_after: f64,
    blocks_before: f64,
    /// Not known of a statement that was cancelled.
    blocks_after: Option<f64>,
    verdict: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    action: String,
    schema: String,
    table: String,
    index: String,
    effect: String,
    reason: String,
    slows: Vec<String>,
    undo: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skipped {
    sql: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undone {
    steps: Vec<serde_json::Value>,
    statements: Vec<Statement>,
}

/// 50,000 events of 500 users, whose index of users is `by_user`.
fn events() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE events (id int PRIMARY KEY, user_id int, kind int, at timestamptz, note text)
         WITH (autovacuum_enabled = off);
         INSERT INTO events SELECT i, i % 500, i % 700, timestamptz '2026-01-01' + i * interval '1 minute', 'n' || i
         FROM generate_series(1, 50000) AS i;
         CREATE INDEX by_user ON events (user_id); VACUUM ANALYZE events",
    );
    database
}

const OF_USER: &str = "SELECT note FROM events WHERE user_id = 7";
const OF_KIND: &str = "SELECT note FROM events WHERE kind = 7";

fn indexes(database: &Database) -> Vec<String> {
    database.query(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
         WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary AND indisvalid ORDER BY 1",
    )
}

/// Applies a script and proves it by a workload.
fn prove(database: &Database, workload: &[&str], changes: &str, args: &[&str]) -> Perfkit {
    let args =
        [&["index", "apply", "changes.sql", "-w", "w.sql", "--prove", "--yes", "--runs", "2"], args].concat();
    perfkit(&args).file("w.sql", &workload.join(";\n")).file("changes.sql", changes).on(database)
}

fn proof(run: &Finished) -> Proof {
    serde_json::from_value(run.json()["proof"].clone())
        .unwrap_or_else(|error| panic!("{error}:\n{}", run.stdout))
}

/// Each change as `action index: effect`, with a `!` before what is to be undone.
fn effects(proof: &Proof) -> Vec<String> {
    let describe = |change: &Change| {
        assert_eq!(change.schema, "public");
        assert!(!change.table.is_empty() && !change.reason.is_empty(), "{change:?}");
        assert_eq!(change.slows.is_empty(), change.effect != "slows", "{change:?}");
        let mark = if change.undo { "!" } else { "" };
        format!("{mark}{} {}: {}", change.action, change.index, change.effect)
    };
    proof.changes.iter().map(describe).collect()
}

#[test]
fn what_the_advisor_builds_helps_and_stays() {
    let database = events();
    let run = perfkit(&["index", "apply", "-w", "w.sql", "--prove", "--auto-undo", "--yes", "--json"])
        .file("w.sql", OF_KIND)
        .on(&database)
        .succeeds();
    let found = proof(&run);
    assert_eq!(effects(&found), ["build events_kind_include_note_idx: helps"], "{}", run.stdout);
    assert_eq!((found.runs, found.undone.is_none()), (5, true));
    let [statement] = &found.statements[..] else { panic!("{found:?}") };
    assert_eq!(statement.verdict, "faster");
    assert!(!statement.statement.is_empty() && statement.ms_after < statement.ms_before, "{found:?}");
    assert!(statement.blocks_after.is_some_and(|after| after < statement.blocks_before), "{found:?}");
    assert_eq!(indexes(&database), ["by_user", "events_kind_include_note_idx"]);
}

#[test]
fn a_useless_index_is_reported_and_undone_if_that_is_wanted() {
    let database = events();
    let script = "CREATE INDEX useless ON events (at); CREATE INDEX helpful ON events (kind)";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.md").display().to_string();
    let run = prove(&database, &[OF_USER, OF_KIND], script, &["-o", &path]).exits(1);
    for part in ["index \"useless\" does not help", "--auto-undo", "perfkit index undo"] {
        assert!(run.stderr.contains(part), "no {part} in {}", run.stderr);
    }
    let written = std::fs::read_to_string(&path).expect("it is written");
    assert!(written.contains("| build | useless | events | unhelpful |"), "{written}");
    assert_eq!(indexes(&database), ["by_user", "helpful", "useless"]);

    database.execute("DROP INDEX useless; DROP INDEX helpful");
    let run = prove(&database, &[OF_USER, OF_KIND], script, &["--auto-undo", "--json"]).exits(1);
    let found = proof(&run);
    assert_eq!(effects(&found), ["!build useless: unhelpful", "build helpful: helps"]);
    let undone = found.undone.expect("it was undone");
    assert_eq!(undone.steps[0]["result"], "undone");
    assert_eq!(indexes(&database), ["by_user", "helpful"]);
    // The rest of the run can still be undone.
    perfkit(&["index", "undo", "--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), ["by_user"]);
}

#[test]
fn a_drop_that_makes_a_statement_slower_is_put_back() {
    let database = events();
    database.execute("CREATE INDEX idle ON events (at); COMMENT ON INDEX by_user IS 'mine'");
    let script = "DROP INDEX by_user; DROP INDEX idle";
    let run = prove(&database, &[OF_USER], script, &["--auto-undo", "--json"]).exits(1);
    let found = proof(&run);
    let mut all = effects(&found);
    all.sort();
    assert_eq!(all, ["!drop by_user: slows", "drop idle: harmless"], "{}", run.stdout);
    assert_eq!(found.statements[0].verdict, "slower");
    let undone = found.undone.expect("it was undone");
    assert_eq!(undone.statements.len(), 1);
    assert_ne!(undone.statements[0].verdict, "slower", "{undone:?}");
    assert_eq!(indexes(&database), ["by_user"]);
    assert_eq!(database.value("SELECT obj_description('by_user'::regclass)"), "mine");
    assert!(run.stderr.contains("is missed"), "{}", run.stderr);
}

#[test]
fn an_index_that_takes_over_stays() {
    let database = events();
    let script = "CREATE INDEX wide ON events (user_id, id); DROP INDEX by_user";
    let run = prove(&database, &[OF_USER], script, &["--auto-undo", "--json"]).run();
    let found = proof(&run);
    // Whatever the clock says, one of the two is there in the end.
    let is_kept = found.statements[0].verdict != "slower";
    assert_eq!(run.status, i32::from(!is_kept), "{}", run.stdout);
    assert_eq!(indexes(&database), if is_kept { ["wide"] } else { ["by_user"] }, "{}", run.stdout);
}

#[test]
fn what_no_read_can_show_is_not_called_useless() {
    let database = events();
    database.execute(
        "CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE other (id int, a int);
         CREATE TABLE children (id int PRIMARY KEY, parent_id int REFERENCES parents, a int);
         INSERT INTO children SELECT i, NULL, i FROM generate_series(1, 1000) AS i; ANALYZE children",
    );
    let workload = [
        "SELECT note FROM events WHERE id = 7",
        "UPDATE events SET note = 'x' WHERE kind = 7",
        "SELECT a FROM children WHERE id = 7",
    ];
    let script = "CREATE INDEX for_update ON events (kind); CREATE UNIQUE INDEX no_twins ON events (note);
                  CREATE INDEX for_key ON children (parent_id); CREATE INDEX unread ON other (a)";
    let run = prove(&database, &workload, script, &["--auto-undo", "--json"]).succeeds();
    let found = proof(&run);
    let all = ["for_update", "no_twins", "for_key", "unread"].map(|index| format!("build {index}: unproven"));
    assert_eq!(effects(&found), all, "{}", run.stdout);
    let reasons: Vec<&str> = found.changes.iter().map(|change| change.reason.as_str()).collect();
    assert!(reasons[0].contains("which was not run, uses it"), "{reasons:?}");
    assert_eq!(
        reasons[1..],
        [
            "it keeps duplicates out",
            "it serves the checks of foreign key children_parent_id_fkey",
            "no statement that ran reads its table",
        ]
    );
    let [skipped] = &found.skipped[..] else { panic!("{found:?}") };
    assert!(skipped.sql.starts_with("UPDATE") && skipped.reason == "only reads are run", "{skipped:?}");
    assert_eq!(database.value("SELECT count(*) FROM events WHERE note = 'x'"), "0");
}

#[test]
fn partitions_are_judged_with_the_whole() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE p (id int, a int, b int) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10000);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10000) TO (20000);
         INSERT INTO p SELECT i, i, i FROM generate_series(0, 19999) AS i; VACUUM ANALYZE p",
    );
    let script = "CREATE INDEX p_a ON p (a); CREATE INDEX p_b ON p (b)";
    let run =
        prove(&database, &["SELECT id FROM p WHERE a = 77"], script, &["--auto-undo", "--json"]).exits(1);
    assert_eq!(effects(&proof(&run)), ["build p_a: helps", "!build p_b: unhelpful"], "{}", run.stdout);
    assert_eq!(indexes(&database), ["p1_a", "p2_a", "p_a"]);
}

#[test]
fn statements_that_may_do_anything_are_not_run() {
    let database = events();
    database.execute(
        "CREATE FUNCTION anything(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
         CREATE FUNCTION nothing(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
    );
    let workload = [
        "SELECT anything(kind) FROM events WHERE id = 7",
        "SELECT pg_advisory_lock(id) FROM events WHERE id = 7",
        "SELECT id FROM events WHERE id = 7 FOR UPDATE",
        "SELECT nothing(kind) FROM events WHERE kind = 7",
    ];
    let run = prove(&database, &workload, "CREATE INDEX helpful ON events (kind)", &["--json"]).succeeds();
    let found = proof(&run);
    assert_eq!(effects(&found), ["build helpful: helps"], "{}", run.stdout);
    let reasons: Vec<&str> = found.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
    for (reason, part) in reasons.iter().zip(["anything", "pg_advisory_lock", "read-only transaction"]) {
        assert!(reason.contains(part), "{reasons:?}");
    }
    assert_eq!(reasons.len(), 3, "{reasons:?}");
}

#[test]
fn a_statement_that_the_timeout_ends_afterwards_got_slower() {
    let database = events();
    // Without the index, each of the rows reads the whole table.
    let slow = "SELECT sum((SELECT count(*) FROM events WHERE user_id = g % 500)) FROM generate_series(1, 2000) AS g";
    let args = ["--auto-undo", "--json", "--statement-timeout", "1500ms"];
    let run = prove(&database, &[slow], "DROP INDEX by_user", &args).exits(1);
    let found = proof(&run);
    assert_eq!(effects(&found), ["!drop by_user: slows"], "{}", run.stdout);
    assert!(found.statements[0].ms_after >= 1500.0, "{found:?}");
    assert_eq!(indexes(&database), ["by_user"]);
}

#[test]
fn refuses_before_anything_is_changed() {
    let database = events();
    let script = "CREATE INDEX helpful ON events (kind)";
    let without = |args: &[&str]| {
        let args = [&["index", "apply", "changes.sql", "--yes"], args].concat();
        perfkit(&args).file("changes.sql", script).on(&database)
    };
    without(&["--prove"]).fails(2, &["there is no workload", "--workload"]);
    without(&["--auto-undo"]).fails(2, &["--prove"]);
    prove(&database, &["DELETE FROM events WHERE id = 7"], script, &[])
        .fails(2, &["nothing can be proven", "only reads are run"]);
    // What will be run is a part of the plan.
    perfkit(&["index", "apply", "changes.sql", "-w", "w.sql", "--prove"])
        .file("w.sql", OF_KIND)
        .file("changes.sql", script)
        .on(&database)
        .fails(2, &["cannot ask", "the workload's reads (up to 1) run 5 times before and after"]);
    assert_eq!(indexes(&database), ["by_user"]);
}

/// Starts a run, waits until its statements run once more after the change, and sends it a signal.
fn stopped_while_proving(database: &Database, signal: nix::sys::signal::Signal) -> std::process::Output {
    let slow = "SELECT pg_sleep(0.3), count(*) FROM events WHERE kind = 7";
    let (mut child, _folder) =
        prove(database, &[slow], "CREATE INDEX helpful ON events (kind)", &["--auto-undo"]).spawn();
    let after = "SELECT count(*) FROM pg_stat_activity JOIN pg_index ON indexrelid = to_regclass('helpful') AND indisvalid
                 WHERE datname = current_database() AND state = 'active' AND query LIKE 'EXPLAIN%pg_sleep%'";
    while database.value(after) == "0" {
        assert!(child.try_wait().expect("the run is ours").is_none(), "apply ended too early");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::kill(pid, signal).expect("it runs");
    output(child)
}

#[test]
fn a_proof_that_is_cut_short_leaves_a_run_that_can_be_undone() {
    use nix::sys::signal::Signal::{SIGINT, SIGKILL};
    for signal in [SIGINT, SIGKILL] {
        let database = events();
        let output = stopped_while_proving(&database, signal);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if signal == SIGINT {
            assert_eq!(output.status.code(), Some(130), "{stderr}");
            assert!(stderr.contains("The changes are made; `perfkit index undo "), "{stderr}");
            // What was done is told all the same.
            assert!(String::from_utf8_lossy(&output.stdout).contains("helpful"), "{stderr}");
        }
        assert_eq!(indexes(&database), ["by_user", "helpful"]);
        perfkit(&["index", "undo", "--yes"]).on(&database).succeeds();
        assert_eq!(indexes(&database), ["by_user"]);
    }
}
