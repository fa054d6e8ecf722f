//! `perfkit index undo`

use std::time::Duration;

use serde::Deserialize;

use crate::support::cli::{Perfkit, finished, output, perfkit};
use crate::support::pg::Database;

/// A table with indexes that say more than a definition does.
fn events() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE events (id bigint PRIMARY KEY, user_id int, kind text, at timestamptz, \"Odd col\" int);
         INSERT INTO events SELECT i, i % 500, 'k' || i % 9, timestamptz '2026-01-01' + i * interval '1 minute', i
         FROM generate_series(1, 5000) AS i;
         CREATE INDEX \"Wide one\" ON events (user_id DESC, lower(kind), \"Odd col\") INCLUDE (at)
             WITH (fillfactor = 70);
         ALTER INDEX \"Wide one\" ALTER COLUMN 2 SET STATISTICS 321;
         COMMENT ON INDEX \"Wide one\" IS 'it''s wide'; ALTER TABLE events CLUSTER ON \"Wide one\";
         CREATE UNIQUE INDEX events_unique ON events (id, user_id); CREATE INDEX events_at ON events USING brin (at) WHERE kind <> 'k''1';
         CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
         CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
         CREATE INDEX parts_at ON parts (at); COMMENT ON INDEX parts_1_at_idx IS 'of January';
         CREATE INDEX own ON parts_2 (id); ANALYZE events",
    );
    database
}

/// All that is known of the indexes of events and parts.
fn catalog(database: &Database) -> Vec<String> {
    database.query(
        "SELECT concat_ws(' | ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indisclustered,
                obj_description(i.indexrelid), c.reltablespace, h.inhparent::regclass,
                (SELECT string_agg(a.attnum || '=' || a.attstattarget, ',') FROM pg_attribute AS a
                 WHERE a.attrelid = c.oid AND a.attstattarget >= 0))
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
         LEFT JOIN pg_inherits AS h ON h.inhrelid = c.oid
         WHERE i.indrelid::regclass::text ~ '^(events|parts)' ORDER BY 1",
    )
}

const SCRIPT: &str = "CREATE INDEX events_new ON events (at, user_id);
    CREATE INDEX parts_new ON parts (id);
    REINDEX INDEX events_unique;
    DROP INDEX \"Wide one\"; DROP INDEX events_at; DROP INDEX parts_at;";

fn apply(script: &str, args: &[&str]) -> Perfkit {
    perfkit(&[&["index", "apply", "changes.sql", "--yes"], args].concat()).file("changes.sql", script)
}

fn undo(args: &[&str]) -> Perfkit {
    perfkit(&[&["index", "undo"], args].concat())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the mirror names every key")]
struct Report {
    schema_version: u32,
    run: Option<String>,
    dry_run: bool,
    steps: Vec<ReportStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the mirror names every key")]
struct ReportStep {
    ordinal: u32,
    schema: String,
    table: String,
    index: String,
    result: String,
    reason: Option<String>,
    elapsed_ms: Option<f64>,
    statements: Vec<ReportStatement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the mirror names every key")]
struct ReportStatement {
    sql: String,
    lock: String,
    relation: String,
    in_transaction: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the mirror names every key")]
struct Runs {
    schema_version: u32,
    runs: Vec<RunRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the mirror names every key")]
struct RunRow {
    run: String,
    started_at: String,
    state: String,
    perfkit_version: String,
    target: String,
    n_steps: usize,
    n_undone: usize,
}

fn runs(database: &Database) -> Vec<RunRow> {
    undo(&["--list", "--json"]).on(database).succeeds().json_as::<Runs>().runs
}

#[test]
fn everything_is_as_it_was() {
    let database = events();
    let before = catalog(&database);
    apply(SCRIPT, &[]).on(&database).succeeds();
    let after = catalog(&database);
    assert!(!after.iter().any(|index| index.contains("Wide one")), "{after:#?}");
    assert!(after.iter().any(|index| index.contains("parts_1_new")), "{after:#?}");

    let dry = undo(&["--dry-run"]).on(&database).succeeds();
    assert!(dry.stdout.contains("DROP INDEX CONCURRENTLY IF EXISTS public.events_new;"), "{}", dry.stdout);
    assert!(dry.stdout.contains("CREATE INDEX CONCURRENTLY \"Wide one\""), "{}", dry.stdout);
    assert!(dry.stdout.contains("SHARE UPDATE EXCLUSIVE lock on public.events"), "{}", dry.stdout);
    assert_eq!(catalog(&database), after);
    undo(&[]).on(&database).fails(2, &["--yes"]);

    let report: Report = undo(&["--yes", "--json"]).on(&database).succeeds().json_as();
    assert_eq!(catalog(&database), before);
    // What was dropped comes back before what took its place goes.
    let of = |name: &str| report.steps.iter().position(|step| step.index == name).unwrap();
    assert!(of("Wide one") < of("events_new"));
    assert!(report.steps.iter().all(|step| ["undone", "nothing"].contains(&step.result.as_str())));

    let [run] = &runs(&database)[..] else { panic!("one run") };
    assert_eq!((run.state.as_str(), run.n_undone), ("undone", run.n_steps));
    let again = undo(&["--yes", "--json"]).on(&database).succeeds();
    assert!(again.stderr.contains("nothing to undo"), "{}", again.stderr);
    assert!(again.json_as::<Report>().steps.is_empty());
}

#[test]
fn a_predicate_that_the_server_rewrites_comes_back() {
    let database = events();
    let create = "CREATE INDEX some ON events (user_id) WHERE kind IN ('k1', 'k2') AND at BETWEEN '2026-01-01 00:00+00'
        AND '2026-01-02 00:00+00' AND NOT (\"Odd col\" <> 3) AND lower(kind) LIKE 'k%'";
    let without = catalog(&database);
    apply(create, &[]).on(&database).succeeds();
    let with = catalog(&database);
    assert!(with.iter().any(|index| index.contains("= ANY (ARRAY[")), "{with:#?}");
    let again = apply(create, &[]).on(&database).succeeds();
    assert!(again.stderr.contains("everything is as it is wanted"), "{}", again.stderr);

    apply("DROP INDEX some", &[]).on(&database).succeeds();
    assert_eq!(catalog(&database), without);
    undo(&["--yes"]).on(&database).succeeds();
    assert_eq!(catalog(&database), with);
    undo(&["--yes"]).on(&database).succeeds();
    assert_eq!(catalog(&database), without);
}

#[test]
fn runs_are_undone_newest_first_or_by_name() {
    let database = events();
    assert!(runs(&database).is_empty());
    let before = catalog(&database);
    apply("CREATE INDEX one ON events (at)", &[]).on(&database).succeeds();
    let between = catalog(&database);
    apply("CREATE INDEX two ON events (kind)", &[]).on(&database).succeeds();
    let listed = runs(&database);
    assert_eq!(listed.len(), 2);
    assert!(listed[0].run > listed[1].run, "the newest is first");
    let text = undo(&["--list"]).on(&database).succeeds().stdout;
    assert!(text.contains("1 create"), "{text}");
    undo(&["nonsense", "--yes"]).on(&database).fails(2, &["no run \"nonsense\"", "--list"]);
    undo(&["2", "--yes"]).on(&database).fails(2, &["2 runs begin with"]);

    undo(&["--yes"]).on(&database).succeeds();
    assert_eq!(catalog(&database), between);
    undo(&[&listed[1].run, "--yes"]).on(&database).succeeds();
    assert_eq!(catalog(&database), before);
}

#[test]
fn a_journal_in_a_file_needs_no_schema() {
    let database = events();
    database.execute(
        "ALTER TABLE events OWNER TO nobody_special; ALTER TABLE parts OWNER TO nobody_special;
         ALTER TABLE parts_1 OWNER TO nobody_special; ALTER TABLE parts_2 OWNER TO nobody_special;
         GRANT CREATE ON SCHEMA public TO nobody_special",
    );
    let url = database.url_for("nobody_special");
    let before = catalog(&database);
    apply(SCRIPT, &[]).env("DATABASE_URL", &url).fails(3, &["42501", "--journal FILE"]);
    assert_eq!(catalog(&database), before);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = ["--journal", path.to_str().unwrap()];
    let undo = |args: &[&str]| undo(&[args, &journal].concat()).env("DATABASE_URL", &url);
    undo(&["--list"]).fails(3, &["journal.jsonl"]);
    apply(SCRIPT, &journal).env("DATABASE_URL", &url).succeeds();
    assert_ne!(catalog(&database), before);
    // A perfkit that was killed while it wrote.
    let mut text = std::fs::read_to_string(&path).unwrap();
    let whole = text.clone();
    text.push_str("{\"entry\":\"step\",\"run\":\"é");
    text.pop();
    std::fs::write(&path, [text.as_bytes(), &[0xc3]].concat()).unwrap();
    let list = undo(&["--list"]).succeeds();
    assert!(list.stderr.contains("not written to its end"), "{}", list.stderr);
    undo(&["--yes"]).succeeds();
    assert_eq!(catalog(&database), before);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(&whole) && !text.contains("\"é"), "what was torn is cut off");
    assert_eq!(database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'perfkit'"), "0");

    // The runs of another database are not its own.
    let other = Database::create();
    let list = perfkit(&[&["index", "undo", "--list"], &journal[..]].concat()).on(&other).succeeds();
    assert!(list.stderr.contains("no runs"), "{}", list.stderr);
    std::fs::write(&path, "nonsense\n").unwrap();
    undo(&["--list"]).fails(2, &["journal.jsonl", "line 1"]);
}

#[test]
fn what_has_changed_since_is_left_and_said() {
    let database = events();
    apply(SCRIPT, &[]).on(&database).succeeds();
    database.execute(
        "DROP INDEX events_new; CREATE INDEX events_new ON events (kind); ALTER TABLE events DROP COLUMN \"Odd col\"",
    );
    let run = undo(&["--yes"]).on(&database).exits(1);
    for part in ["not what the run has created any more", "column \"Odd col\" of table public.events is gone"]
    {
        assert!(run.stdout.contains(part) && run.stderr.contains(part), "{}\n{}", run.stdout, run.stderr);
    }
    let after = catalog(&database).join("\n");
    for (part, expected) in [
        ("events_new ON public.events USING btree (kind)", true),
        ("Wide one", false),
        ("events_at ON", true),
        ("parts_at ON", true),
        ("parts_new", false),
    ] {
        assert_eq!(after.contains(part), expected, "{part} in {after}");
    }
    database.execute("DROP TABLE events; DROP TABLE parts");
    undo(&["--yes"]).on(&database).exits(1);
}

/// Starts a command and returns when its statement waits for an older transaction.
fn waiting(
    database: &Database,
    command: Perfkit,
    statement: &str,
) -> (std::process::Child, tempfile::TempDir) {
    let (mut child, folder) = command.on(database).spawn();
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid)
         WHERE a.datname = current_database() AND a.query LIKE '{statement}%' AND NOT l.granted
         AND l.locktype = 'virtualxid'"
    );
    while database.value(&waiting) == "0" {
        assert!(child.try_wait().expect("the run is ours").is_none(), "it ended without waiting");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, folder)
}

/// Kills perfkit, and the server process that goes on with its statement.
fn kill(database: &Database, mut child: std::process::Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let working = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'";
    database.query(&format!("SELECT pg_terminate_backend(pid) {working}"));
    while database.value(&format!("SELECT count(*) {working}")) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
}

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events";

#[test]
fn an_undo_that_was_killed_goes_on() {
    let database = events();
    let before = catalog(&database);
    apply(SCRIPT, &[]).on(&database).succeeds();
    database.while_session(SNAPSHOT, || {
        let (child, _folder) = waiting(&database, undo(&["--yes"]), "CREATE INDEX CONCURRENTLY");
        kill(&database, child);
    });
    assert!(catalog(&database).iter().any(|index| index.contains(" | f | ")), "an INVALID index is left");
    assert_eq!(runs(&database)[0].state, "unfinished");
    undo(&["--yes"]).on(&database).succeeds();
    assert_eq!(catalog(&database), before);
}

/// As `apply --auto-undo` leaves the journal when it is killed: it was to take back one change and no other.
#[test]
fn an_undo_of_a_part_that_was_killed_takes_back_that_part() {
    let database = events();
    let before = catalog(&database);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = ["--journal", path.to_str().unwrap()];
    apply(SCRIPT, &journal).on(&database).succeeds();
    let after = catalog(&database);
    let mut text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().rfind(|line| line.contains("\"name\":\"events_at\"")).unwrap();
    let mut entry: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(entry["step"]["state"], "done");
    entry["step"]["state"] = "undoing".into();
    text = format!("{text}{entry}\n");
    std::fs::write(&path, text).unwrap();

    let undo = || undo(&[&["--yes"], &journal[..]].concat()).on(&database);
    let run = undo().succeeds();
    for said in ["was cut short; this finishes it", "other steps of the run stay"] {
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    let index = before.iter().find(|index| index.contains("INDEX events_at ")).unwrap();
    let mut expected = after.clone();
    expected.push(index.clone());
    expected.sort();
    let mut found = catalog(&database);
    found.sort();
    assert_eq!(found, expected);
    undo().succeeds();
    assert_eq!(catalog(&database), before);
}

#[test]
fn what_the_server_goes_on_with_is_waited_for() {
    let database = events();
    let before = catalog(&database);
    apply(SCRIPT, &[]).on(&database).succeeds();
    let again = database.while_session(SNAPSHOT, || {
        let (mut child, _folder) = waiting(&database, undo(&["--yes"]), "CREATE INDEX CONCURRENTLY");
        child.kill().unwrap();
        child.wait().unwrap();
        // Both the build and the second undo wait for this session, which ends now.
        undo(&["--yes"]).on(&database).spawn()
    });
    let (child, _folder) = again;
    let finished = finished(&output(child));
    assert_eq!(finished.status, 0, "{}", finished.stderr);
    assert_eq!(catalog(&database), before);
}

#[test]
fn a_half_dropped_index_is_made_valid_again() {
    let database = events();
    let before = catalog(&database);
    database.while_session(SNAPSHOT, || {
        let (child, _folder) =
            waiting(&database, apply("DROP INDEX \"Wide one\"", &[]), "DROP INDEX CONCURRENTLY");
        kill(&database, child);
    });
    assert_ne!(catalog(&database), before);
    let run = undo(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("REINDEX INDEX CONCURRENTLY public.\"Wide one\""), "{}", run.stderr);
    assert_eq!(catalog(&database), before);
}

#[test]
fn a_drop_that_a_second_run_has_completed_is_undone() {
    let database = events();
    let before = catalog(&database);
    let drop = || apply("DROP INDEX \"Wide one\"", &[]);
    database.while_session(SNAPSHOT, || {
        let (child, _folder) = waiting(&database, drop(), "DROP INDEX CONCURRENTLY");
        kill(&database, child);
    });
    drop().on(&database).succeeds();
    assert_eq!(catalog(&database).len(), before.len() - 1);
    undo(&["--yes"]).on(&database).succeeds();
    assert_eq!(catalog(&database), before);
}

#[test]
fn what_replaced_an_index_stays_until_that_is_back() {
    let database = events();
    apply("CREATE INDEX events_new ON events (id, user_id, at); DROP INDEX events_unique", &[])
        .on(&database)
        .succeeds();
    database.execute(
        "ALTER TABLE events DROP CONSTRAINT events_pkey; INSERT INTO events SELECT * FROM events LIMIT 2",
    );
    let run = undo(&["--yes"]).on(&database).exits(1);
    assert!(run.stdout.contains("events_unique\" of its table did not come back"), "{}", run.stdout);
    let after = catalog(&database).join("\n");
    assert!(after.contains("events_new") && !after.contains("events_unique"), "{after}");
    database.execute(
        "DELETE FROM events WHERE ctid IN (SELECT max(ctid) FROM events GROUP BY id HAVING count(*) > 1)",
    );
    undo(&["--yes"]).on(&database).succeeds();
    let after = catalog(&database).join("\n");
    assert!(!after.contains("events_new") && after.contains("events_unique"), "{after}");
}

#[test]
fn another_perfkit_at_work_is_waited_for_no_longer_than_a_moment() {
    let database = events();
    apply("CREATE INDEX one ON events (at)", &[]).on(&database).succeeds();
    database.while_session("SELECT pg_advisory_lock(hashtext('perfkit'), hashtext('index'))", || {
        undo(&["--yes"]).on(&database).fails(3, &["another perfkit is changing indexes"]);
    });
}

#[test]
fn a_journal_that_somebody_else_has_planted_is_not_trusted() {
    let database = events();
    apply("CREATE INDEX one ON events (at)", &[]).on(&database).succeeds();
    let before = catalog(&database);
    database.execute("ALTER TABLE perfkit.index_journal OWNER TO nobody_special");
    for run in [undo(&["--list"]), undo(&["--yes"]), apply("CREATE INDEX two ON events (kind)", &[])] {
        run.on(&database).fails(2, &["perfkit.index_journal", "role \"nobody_special\"", "--journal FILE"]);
    }
    assert_eq!(catalog(&database), before);
    let name = database.value("SELECT current_database()");
    database.execute(&format!("ALTER DATABASE {name} OWNER TO nobody_special"));
    undo(&["--yes"]).on(&database).succeeds();
}
