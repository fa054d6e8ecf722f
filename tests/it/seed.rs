//! `perfkit seed`

use std::time::Duration;

use serde::Deserialize;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

const AS_OF: &str = "2026-01-31";

fn md5(database: &Database, table: &str) -> String {
    database.value(&format!("SELECT md5(string_agg(t::text, E'\\n' ORDER BY id)) FROM {table} AS t"))
}

fn count(database: &Database, from: &str) -> u64 {
    database.value(&format!("SELECT count(*) FROM {from}")).parse().expect("a count")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    schema_version: u32,
    tables: Vec<Seeded>,
    run_id: String,
    seed: u64,
    as_of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seeded {
    table: String,
    rows: u64,
    bytes: u64,
    elapsed_ms: f64,
}

#[test]
fn fills_an_empty_database_with_the_scenario() {
    let database = Database::create();
    let run = perfkit(&["seed", "--users", "100", "--json"]).on(&database).succeeds();
    let report: Report = run.json_as();
    assert_eq!((report.schema_version, report.seed), (1, 42));
    assert!(report.as_of.ends_with("T00:00:00Z") && report.run_id.len() == 16);
    for seeded in &report.tables {
        assert_eq!(count(&database, &seeded.table), seeded.rows);
        assert!(seeded.bytes > 0 && seeded.elapsed_ms >= 0.0);
    }
    assert!(run.stderr.contains("creating the built-in scenario bedtime"), "{}", run.stderr);
    let rows = |table: &str| report.tables.iter().find(|seeded| seeded.table == table).unwrap().rows;
    assert_eq!((rows("users"), rows("sleep_records"), rows("follows")), (100, 5000, 2000));
    // The schema's 17 indexes are there, and its foreign keys hold.
    let n_indexes = "pg_index JOIN pg_class c ON c.oid = indrelid WHERE relname IN \
                     ('users', 'sleep_records', 'follows') AND NOT indisprimary";
    assert_eq!(count(&database, n_indexes), 17);
    assert_eq!(count(&database, "pg_constraint WHERE contype = 'f' AND convalidated"), 3);
}

#[test]
fn data_is_plausible() {
    let database = Database::with_bedtime();
    assert_eq!(count(&database, "follows WHERE user_id = following_user_id"), 0);
    assert_eq!(count(&database, "(SELECT DISTINCT user_id, following_user_id FROM follows) AS f"), 2000);
    assert_eq!(count(&database, "sleep_records WHERE wake_time <= bedtime"), 0);
    assert_eq!(count(&database, "sleep_records WHERE (wake_time IS NULL) <> (duration_minutes IS NULL)"), 0);
    assert_eq!(
        count(&database, "sleep_records r JOIN users u ON u.id = r.user_id WHERE r.bedtime < u.created_at"),
        0
    );
    let active = count(&database, "sleep_records WHERE wake_time IS NULL");
    assert!((1..=50).contains(&active), "{active} of 5000 are asleep");
    assert_eq!(count(&database, "sleep_records WHERE bedtime >= '2026-01-31' OR bedtime < '2025-01-31'"), 0);
    let most: u64 = database
        .value("SELECT max(n) FROM (SELECT count(*) AS n FROM sleep_records GROUP BY user_id) AS c")
        .parse()
        .unwrap();
    assert!((100..400).contains(&most), "some users record oftener than the mean of 50: {most}");
    // Sequences go on after the seeded keys.
    database.execute("INSERT INTO users (name) VALUES ('new')");
    assert_eq!(database.value("SELECT max(id) FROM users"), "101");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let seeded = |seed: &str| {
        let database = Database::create();
        perfkit(&["seed", "--users", "30", "--as-of", AS_OF, "--seed", seed]).on(&database).succeeds();
        ["users", "sleep_records", "follows"].map(|table| md5(&database, table))
    };
    let first = seeded("42");
    assert_eq!(first, seeded("42"));
    assert_ne!(first, seeded("43"));
    // Golden: these bytes never change without a new version of the generator.
    assert_eq!(
        first,
        [
            "aece81657c416671ef3b8147bd6ad397",
            "89235278b8c7bbb373ce92043c6fd48e",
            "6d314e82be8640f2c1eeb138218d1a21"
        ]
    );
}

#[test]
fn refuses_tables_that_are_not_empty() {
    let database = Database::create();
    perfkit(&["seed", "--users", "10"]).on(&database).succeeds();
    perfkit(&["seed", "--users", "10"])
        .on(&database)
        .fails(2, &["is not empty", "--append", "Nothing was loaded"]);
    perfkit(&["seed", "--users", "10", "--append"]).on(&database).succeeds();
    assert_eq!(count(&database, "users"), 20);
    assert_eq!(count(&database, "sleep_records"), 1000);
    assert_eq!(database.value("SELECT max(id) FROM sleep_records"), "1000");
}

#[test]
fn few_users_have_few_to_follow() {
    for (users, follows) in [("1", 0), ("2", 2), ("5", 20)] {
        let database = Database::create();
        perfkit(&["seed", "--users", users]).on(&database).succeeds();
        assert_eq!(count(&database, "follows"), follows, "{users} users");
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let database = Database::create();
    let run = perfkit(&["seed", "--users", "1000", "--dry-run"]).on(&database).succeeds();
    assert!(run.stdout.contains("50,000"), "{}", run.stdout);
    assert_eq!(count(&database, "pg_tables WHERE schemaname = 'public'"), 0);
}

#[test]
fn says_what_it_cannot_seed() {
    let database = Database::create();
    database.execute("CREATE TABLE invoices (id int)");
    perfkit(&["seed"]).on(&database).fails(2, &["cannot tell how to seed", "invoices", "bedtime"]);

    let database = Database::create();
    database.execute(
        "CREATE TABLE users (id bigint PRIMARY KEY, name text, created_at timestamptz, updated_at timestamptz,
         email text NOT NULL)",
    );
    perfkit(&["seed"]).on(&database).fails(2, &["column \"email\" of table \"users\"", "NOT NULL"]);

    let database = Database::create();
    database.execute(
        "CREATE TABLE users (id uuid PRIMARY KEY, name text, created_at timestamptz, updated_at timestamptz)",
    );
    perfkit(&["seed"]).on(&database).fails(2, &["column \"id\" of table \"users\" has type uuid"]);
}

#[test]
fn seeds_the_scenarios_tables_that_are_there() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE users (id int PRIMARY KEY, name varchar(80), created_at timestamp, updated_at date)",
    );
    perfkit(&["seed", "--users", "50"]).on(&database).succeeds();
    assert_eq!(count(&database, "users WHERE name <> ''"), 50);
}

#[test]
fn a_killed_backend_leaves_nothing() {
    let database = Database::create();
    perfkit(&["seed", "--users", "1"]).on(&database).succeeds();
    let (mut child, _folder) = perfkit(&["seed", "--users", "20000", "--append"]).on(&database).spawn();
    let seeding =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'";
    while database.value(seeding) == "0" {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'",
    );
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("Nothing was loaded"), "{stderr}");
    assert_eq!((count(&database, "users"), count(&database, "sleep_records")), (1, 50));
}

#[test]
fn a_second_run_at_once_is_refused() {
    let database = Database::create();
    let lock = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('perfkit'), hashtext('seed'))";
    database.while_session(lock, || {
        perfkit(&["seed"]).on(&database).fails(3, &["another perfkit is seeding"]);
    });
    perfkit(&["seed"]).on(&database).succeeds();
}
