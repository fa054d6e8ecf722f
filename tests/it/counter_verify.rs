//! `perfkit counter verify` and `perfkit counter repair`.

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::{output, perfkit};
use crate::support::pg::{Database, Server};

const SCHEMA: &str = "
    CREATE TABLE keywords (id bigint PRIMARY KEY);
    CREATE TABLE mentions (id bigint PRIMARY KEY, keyword_id bigint NOT NULL REFERENCES keywords);
    CREATE INDEX ON mentions (keyword_id);
    INSERT INTO keywords SELECT generate_series(1, 50);
    INSERT INTO mentions SELECT i, 1 + i % 50 FROM generate_series(1, 1000) AS i";

/// Changes that no trigger sees, and one that somebody else would have made.
const DRIFT: &str = "SET session_replication_role = replica; DELETE FROM mentions WHERE id <= 30; RESET session_replication_role;
    UPDATE keywords SET mentions_count = 7 WHERE id = 50";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    schema_version: u32,
    counters: Vec<Counter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    table: String,
    column: String,
    rows_checked: u64,
    drifted: u64,
    absolute_error: u64,
    examples: Vec<Value>,
    causes: Vec<Value>,
}

fn with_counter() -> Database {
    let database = Database::create();
    add_counter(&database);
    database
}

fn add_counter(database: &Database) {
    database.execute(SCHEMA);
    perfkit(&["counter", "add", "keywords.mentions_count", "--counts", "mentions", "--yes"])
        .on(database)
        .succeeds();
}

fn drift(database: &Database) {
    database.load(DRIFT);
}

fn verify(database: &Database, status: i32) -> Report {
    perfkit(&["counter", "verify", "--json", "--examples", "2"]).on(database).exits(status).json_as()
}

#[test]
fn drift_is_found_and_repaired() {
    let database = with_counter();
    let right = verify(&database, 0);
    assert_eq!(right.schema_version, 1);
    let [counter] = &right.counters[..] else { panic!("one counter") };
    assert_eq!((counter.table.as_str(), counter.column.as_str()), ("public.keywords", "mentions_count"));
    assert_eq!((counter.rows_checked, counter.drifted, counter.absolute_error), (50, 0, 0));
    assert!(counter.examples.is_empty() && counter.causes.is_empty());

    drift(&database);
    let wrong = verify(&database, 1);
    assert_eq!((wrong.counters[0].drifted, wrong.counters[0].absolute_error), (31, 43));
    assert_eq!(wrong.counters[0].examples.len(), 2);
    assert_eq!(
        wrong.counters[0].examples[0],
        serde_json::json!({ "key": { "id": "50" }, "kept": 7, "counted": 20 })
    );
    let text = perfkit(&["counter", "verify"]).on(&database).exits(1).stdout;
    assert!(text.contains("id 50: 7 instead of 20") && text.contains("session_replication_role"), "{text}");

    let plan = perfkit(&["counter", "repair", "--dry-run"]).on(&database).succeeds().stdout;
    assert!(plan.contains("id 50: 7 → 20") && plan.contains("and 26 more"), "{plan}");
    assert_eq!(verify(&database, 1).counters[0].drifted, 31);
    // Nobody is there to ask.
    perfkit(&["counter", "repair"]).on(&database).fails(2, &["--yes"]);
    let repaired: Value = perfkit(&["counter", "repair", "--yes", "--json"]).on(&database).succeeds().json();
    assert_eq!(
        (&repaired["counters"][0]["drifted"], &repaired["counters"][0]["left"]),
        (&31.into(), &0.into())
    );
    assert_eq!(verify(&database, 0).counters[0].drifted, 0);
    let again = perfkit(&["counter", "repair", "--yes"]).on(&database).succeeds();
    assert!(again.stderr.contains("there is nothing to repair"));
}

#[test]
fn what_is_pending_counts_and_is_repaired_in_every_mode() {
    for (mode, has_index) in [("queue", true), ("queue", false), ("slots", true)] {
        let database = Database::create();
        database.execute(SCHEMA);
        if !has_index {
            database.execute("DROP INDEX mentions_keyword_id_idx");
        }
        let add =
            ["counter", "add", "keywords.mentions_count", "--counts", "mentions", "--mode", mode, "--yes"];
        perfkit(&add).on(&database).succeeds();
        database.execute("INSERT INTO mentions SELECT i, 3 FROM generate_series(5001, 5010) AS i");
        assert_eq!(verify(&database, 0).counters[0].drifted, 0, "{mode}");
        drift(&database);
        assert_eq!(verify(&database, 1).counters[0].drifted, 31, "{mode}");
        perfkit(&["counter", "repair", "--yes"]).on(&database).succeeds();
        database.execute("DELETE FROM mentions WHERE id BETWEEN 5001 AND 5005");
        assert_eq!(verify(&database, 0).counters[0].drifted, 0, "{mode}");
        perfkit(&["counter", "fold"]).on(&database).succeeds();
        assert_eq!(verify(&database, 0).counters[0].drifted, 0, "{mode}");
    }
}

#[test]
fn migration_files_make_the_counter() {
    let database = Database::create();
    database.execute(SCHEMA);
    let add = [
        "counter",
        "add",
        "keywords.mentions_count",
        "--counts",
        "mentions",
        "--migration",
        "golang-migrate",
    ];
    let command = perfkit(&add).on(&database);
    let folder = command.folder().join("migrations");
    std::fs::create_dir(&folder).unwrap();
    let (child, _folder) = command.spawn();
    let output = output(child);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = |direction: &str| {
        let mut names: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|path| path.to_string_lossy().ends_with(direction));
        names.sort();
        names.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(database.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'perfkit%'"), "0");
    for text in files(".up.sql") {
        database.load(&text);
    }
    let made = verify(&database, 0);
    assert_eq!((made.counters[0].rows_checked, made.counters[0].drifted), (50, 0));
    for text in files(".down.sql").iter().rev() {
        database.load(text);
    }
    assert_eq!(verify(&database, 0).counters.len(), 0);
    assert_eq!(database.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'perfkit%'"), "0");
    let columns = "SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'keywords'::regclass AND attnum > 0
        AND NOT attisdropped";
    assert_eq!(database.value(columns), "id");
}

#[test]
fn names_and_databases_without_counters_are_told() {
    let database = with_counter();
    perfkit(&["counter", "verify", "keywords.mention_count"])
        .on(&database)
        .fails(2, &["there is no counter", "Did you mean \"keywords.mentions_count\"?"]);
    perfkit(&["counter", "repair", "keywords"]).on(&database).fails(2, &["names no column"]);
    let empty = Database::create();
    let finished = perfkit(&["counter", "verify"]).on(&empty).succeeds();
    assert!(finished.stderr.contains("this database has no counters"));
    assert_eq!(verify(&empty, 0).counters.len(), 0);
}

/// Whoever truncates the counted table is let by, and what it waits for is never verify.
#[test]
fn verify_gives_way_to_who_locks_the_table() {
    let database = with_counter();
    let lock = "BEGIN; LOCK TABLE mentions IN ACCESS EXCLUSIVE MODE";
    let (child, _folder) = database.while_session(lock, || {
        let running = perfkit(&["counter", "verify"]).on(&database).spawn();
        std::thread::sleep(std::time::Duration::from_millis(400));
        // Its own locks are given up between the tries.
        database.load("BEGIN; LOCK TABLE keywords IN ACCESS EXCLUSIVE MODE; COMMIT");
        running
    });
    assert!(output(child).status.success());
}

#[test]
fn a_standby_verifies_as_well() {
    let primary =
        Server::start("true", &["listen_addresses=", "wal_level=replica", "max_wal_senders=2"], 5432);
    let database = Database { url: primary.url("postgres", "postgres") };
    add_counter(&database);
    drift(&database);
    database.execute("CHECKPOINT");
    // What is on disk after a checkpoint, while nobody writes, is a backup.
    let copy = format!(
        "rm -rf ./* && cp -a {}/data/. . && rm -f postmaster.pid && touch standby.signal",
        primary.folder.display()
    );
    let standby = Server::start(&copy, &["listen_addresses=", "hot_standby=on"], 5432);
    let replica = Database { url: standby.url("postgres", "postgres") };
    assert_eq!(verify(&replica, 1).counters[0].drifted, 31);
    perfkit(&["counter", "repair", "--yes"]).on(&replica).fails(3, &["is a standby"]);
}
