//! `perfkit index suggest --verify`

use std::time::Duration;

use serde::Deserialize;

use crate::support::cli::{Finished, Perfkit, output, perfkit};
use crate::support::pg::Database;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verification {
    place: String,
    runs: usize,
    tables: Vec<Copied>,
    statements: Vec<Statement>,
    indexes: Vec<Index>,
    skipped: Vec<Skipped>,
    missing: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copied {
    schema: String,
    table: String,
    rows: u64,
    share: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    statement: String,
    ms_before: f64,
    ms_after: f64,
    blocks_before: f64,
    blocks_after: f64,
    verdict: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    ddl: String,
    name: String,
    estimated_bytes: u64,
    built_bytes: u64,
    share: f64,
    outcome: String,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skipped {
    sql: String,
    reason: String,
}

fn suggest(database: &Database, script: &str, args: &[&str]) -> Perfkit {
    let args = [&["index", "suggest", "--json", "-w", "w.sql"], args].concat();
    perfkit(&args).file("w.sql", script).on(database)
}

fn verification(run: &Finished) -> Verification {
    serde_json::from_value(run.json()["verification"].clone())
        .unwrap_or_else(|error| panic!("{error}:\n{}", run.stdout))
}

fn n_suggestions(run: &Finished) -> usize {
    run.json()["suggestions"].as_array().expect("suggestions").len()
}

/// 60,000 orders of 3,000 customers.
fn orders() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE customers (id int PRIMARY KEY, name text);
         INSERT INTO customers SELECT i, 'name ' || i FROM generate_series(1, 3000) AS i;
         CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, note text, total int) WITH (autovacuum_enabled = off);
         INSERT INTO orders SELECT i, 1 + i % 3000, repeat('x', 50), i % 100 FROM generate_series(1, 60000) AS i;
         VACUUM ANALYZE customers; VACUUM ANALYZE orders",
    );
    database
}

const OF_CUSTOMER: &str = "SELECT * FROM orders WHERE customer_id = 42";

fn indexes(database: &Database) -> Vec<String> {
    database.query("SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'orders'::regclass ORDER BY 1")
}

#[test]
fn runs_on_a_copy_and_confirms_what_helps() {
    let database = orders();
    let run = suggest(&database, OF_CUSTOMER, &["--verify", "--verify-runs", "3"]).succeeds();
    let found = verification(&run);
    assert_eq!((found.place.as_str(), found.runs), ("a local copy", 3));
    assert!(found.skipped.is_empty() && found.missing.is_empty(), "{found:?}");
    let [table] = &found.tables[..] else { panic!("{found:?}") };
    assert_eq!((table.schema.as_str(), table.table.as_str(), table.rows), ("public", "orders", 60_000));
    assert!((table.share - 1.0).abs() < 1e-9);
    let [statement] = &found.statements[..] else { panic!("{found:?}") };
    assert_eq!(statement.verdict, "faster", "{found:?}");
    assert!(!statement.statement.is_empty() && statement.ms_after < statement.ms_before);
    assert!(statement.blocks_after < statement.blocks_before / 10.0, "{found:?}");
    let [index] = &found.indexes[..] else { panic!("{found:?}") };
    assert!(index.ddl.contains("(customer_id") && index.name.starts_with("orders_customer_id"), "{found:?}");
    assert_eq!((index.outcome.as_str(), index.reason.as_deref(), index.share), ("helps", None, 1.0));
    assert!(index.built_bytes > 0 && index.estimated_bytes > 0);
    assert_eq!(n_suggestions(&run), 1);
    assert_eq!(indexes(&database), ["orders_pkey"]);
}

#[test]
fn takes_back_what_does_not_help() {
    let database = orders();
    // The statistics still say that few orders are of this customer.
    database.execute("UPDATE orders SET customer_id = 42");
    let run = suggest(&database, OF_CUSTOMER, &["--verify", "--verify-runs", "2"]).succeeds();
    let found = verification(&run);
    assert_eq!(found.indexes[0].outcome, "unhelpful", "{found:?}");
    assert_eq!(n_suggestions(&run), 0, "{}", run.stdout);
    assert!(run.stderr.contains("no longer suggested: orders (customer_id"), "{}", run.stderr);
}

#[test]
fn samples_large_tables_with_what_they_refer_to() {
    let database = orders();
    let script = "SELECT * FROM orders JOIN customers ON customers.id = customer_id WHERE orders.id = 7; \
                  SELECT * FROM orders WHERE customer_id = 42";
    let run =
        suggest(&database, script, &["--verify", "--verify-runs", "2", "--verify-rows", "1000"]).succeeds();
    let found = verification(&run);
    let [orders, customers] = &found.tables[..] else { panic!("{found:?}") };
    assert_eq!((orders.table.as_str(), customers.table.as_str()), ("orders", "customers"));
    assert!(orders.share > 0.0 && orders.share < 0.1 && customers.share < 0.5, "{found:?}");
    assert!(customers.rows > 0 && customers.rows <= 1000, "{found:?}");
    for index in &found.indexes {
        assert!(index.share < 1.0 && index.outcome != "unhelpful", "{found:?}");
    }
    assert_eq!(n_suggestions(&run), found.indexes.len());
}

#[test]
fn writes_run_on_the_copy_and_are_rolled_back() {
    let database = orders();
    let script = format!(
        "{OF_CUSTOMER}; UPDATE orders SET total = total + 1 WHERE customer_id = 42; DELETE FROM customers WHERE id = 43; \
         INSERT INTO orders VALUES (60001, 42, 'new', 1); INSERT INTO orders VALUES (1, 42, 'there already', 1)"
    );
    let run = suggest(&database, &script, &["--verify", "--verify-runs", "2"]).succeeds();
    let found = verification(&run);
    assert_eq!(found.statements.len(), 3, "{found:?}");
    let reasons: Vec<&str> = found.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
    let [deleted, inserted] = &reasons[..] else { panic!("{found:?}") };
    assert!(deleted.contains("foreign key") && inserted.contains("duplicate key"), "{found:?}");
    assert!(found.skipped[1].sql.contains("there already"));
    let verdicts: Vec<&str> = found.statements.iter().map(|statement| statement.verdict.as_str()).collect();
    assert_eq!(verdicts[..2], ["faster", "faster"], "{found:?}");
    assert_eq!(database.value("SELECT sum(total) FROM orders"), "2970000");
}

#[test]
fn a_named_database_gets_its_indexes_for_a_while_only() {
    let database = orders();
    let clone = orders();
    clone.execute("CREATE INDEX perfkit_verify_7 ON orders (total)");
    let script = format!("{OF_CUSTOMER}; DELETE FROM orders WHERE id = 1");
    let run =
        suggest(&database, &script, &["--verify-on", &clone.url, "--verify-runs", "2", "--yes"]).succeeds();
    let found = verification(&run);
    assert!(found.place.contains("database test_"), "{found:?}");
    assert_eq!(found.statements[0].verdict, "faster", "{found:?}");
    assert_eq!(found.indexes[0].outcome, "helps");
    assert!(found.tables.is_empty() && found.skipped[0].reason.contains("only reads"), "{found:?}");
    assert!(run.stderr.contains("dropped 1 indexes that a killed run had left"), "{}", run.stderr);
    assert_eq!(indexes(&clone), ["orders_pkey"]);
    assert_eq!(clone.value("SELECT count(*) FROM orders"), "60000");
}

#[test]
fn a_named_database_is_not_touched_unasked() {
    let database = orders();
    suggest(&database, OF_CUSTOMER, &["--verify-on", &database.url])
        .fails(2, &["cannot ask for confirmation", "--yes"]);
    database.while_session("SELECT pg_advisory_lock(hashtext('perfkit'), hashtext('index'))", || {
        suggest(&database, OF_CUSTOMER, &["--verify-on", &database.url, "--yes"])
            .fails(3, &["another perfkit is changing indexes"]);
    });
}

/// Starts a run on the database itself and returns when its index is there.
fn verifying(database: &Database) -> (std::process::Child, tempfile::TempDir) {
    let args = ["--verify-on", &database.url, "--verify-runs", "20", "--yes"];
    let script = "SELECT count(*) FROM orders AS a JOIN orders AS b USING (total) WHERE a.customer_id = 42";
    let (mut child, folder) = suggest(database, script, &args).spawn();
    while indexes(database).len() < 2 {
        assert!(child.try_wait().expect("the run is ours").is_none(), "it ended without an index");
        std::thread::sleep(Duration::from_millis(5));
    }
    (child, folder)
}

#[test]
fn ctrl_c_drops_the_indexes() {
    let database = orders();
    let (child, _folder) = verifying(&database);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = output(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(indexes(&database), ["orders_pkey"]);
}

#[test]
fn the_next_run_drops_what_kill_9_left() {
    let database = orders();
    let (mut child, _folder) = verifying(&database);
    child.kill().unwrap();
    child.wait().unwrap();
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'";
    while database.value(others) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(indexes(&database).len() > 1);
    suggest(&database, OF_CUSTOMER, &["--verify-on", &database.url, "--verify-runs", "1", "--yes"])
        .succeeds();
    assert_eq!(indexes(&database), ["orders_pkey"]);
}

#[test]
fn rows_must_be_readable() {
    let database = orders();
    database.execute("GRANT SELECT (id, customer_id) ON orders TO nobody_special");
    suggest(&database, "SELECT id FROM orders WHERE customer_id = 42", &["--verify"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["copy rows of table \"orders\"", "42501"]);
}

#[test]
fn without_the_flag_nothing_runs() {
    let run = suggest(&orders(), OF_CUSTOMER, &[]).succeeds();
    assert!(run.json()["verification"].is_null());
}
