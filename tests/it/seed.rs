//! `perfkit seed`

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
    streams: usize,
    elapsed_ms: f64,
    rows_ms: f64,
    bytes_sent: u64,
    rows_loaded: u64,
    rows_replaced: u64,
    indexes_rebuilt: u64,
    gaps: Vec<serde_json::Value>,
    /// Of `--make-partitions`.
    partitions: Vec<serde_json::Value>,
    wanted_bytes: Option<u64>,
    estimated_bytes: Option<u64>,
    total_bytes: u64,
    /// Of `--from-stats`.
    statistics: Option<serde_json::Value>,
    plans: Option<serde_json::Value>,
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
    assert!(report.as_of.ends_with("T00:00:00Z") && report.run_id.len() == 23);
    assert!(report.streams > 0 && report.elapsed_ms > report.rows_ms && report.bytes_sent > 100_000);
    assert_eq!(
        (report.rows_loaded, report.rows_replaced, report.indexes_rebuilt, report.gaps.len()),
        (7100, 0, 0, 0)
    );
    assert_eq!((report.wanted_bytes, report.estimated_bytes), (None, None));
    assert!(report.total_bytes > report.tables.iter().map(|table| table.bytes).sum());
    assert_eq!((report.statistics, report.plans), (None, None));
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
            "ccc27902c52e6584f5122bb55c3bc253",
            "a08730edcd99214d35c4e30d5dda3ced",
            "f5c7175b2b622261f567a4239cb05eee"
        ]
    );
}

#[test]
fn refuses_tables_that_are_not_empty() {
    let database = Database::create();
    perfkit(&["seed", "--users", "10"]).on(&database).succeeds();
    perfkit(&["seed", "--users", "10"]).on(&database).fails(2, &["is not empty", "--append", "seed clean"]);
    perfkit(&["seed", "--users", "10", "--append"]).on(&database).succeeds();
    assert_eq!(count(&database, "users"), 20);
    assert_eq!(count(&database, "sleep_records"), 1000);
    assert_eq!(database.value("SELECT max(id) FROM sleep_records"), "1000");
}

#[test]
fn few_users_have_few_to_follow() {
    // One alone can only follow oneself.
    for (users, follows) in [("1", 1), ("2", 2), ("5", 20)] {
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
fn fills_any_schema() {
    let database = Database::create();
    database.execute(
        "CREATE TYPE status AS ENUM ('new', 'paid', 'sent');
         CREATE DOMAIN cents AS int CHECK (VALUE >= 0) NOT NULL;
         CREATE TABLE customers (id uuid PRIMARY KEY, email varchar(60) NOT NULL UNIQUE, country char(2), born date);
         CREATE TABLE \"orderLines\" (\"orderId\" bigint, line smallint, price cents, PRIMARY KEY (\"orderId\", line));
         CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             customer_id uuid NOT NULL REFERENCES customers, status status NOT NULL, tags text[], details jsonb,
             placed_at timestamptz NOT NULL, shipped_at timestamptz CHECK (shipped_at >= placed_at),
             total numeric(10,2) NOT NULL CHECK (total BETWEEN 1 AND 500), CHECK (status <> 'sent' OR shipped_at IS NOT NULL),
             code text NOT NULL CHECK (code ~ '^[A-Z]{3}-[0-9]{4}$') UNIQUE, twice int GENERATED ALWAYS AS (1 + 1) STORED);
         ALTER TABLE \"orderLines\" ADD FOREIGN KEY (\"orderId\") REFERENCES orders;
         CREATE TABLE bookings (room int, during tstzrange, EXCLUDE USING gist (during WITH &&));
         CREATE TABLE readings (at timestamptz NOT NULL, value real) PARTITION BY RANGE (at);
         CREATE TABLE readings_old PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
         CREATE TABLE readings_new PARTITION OF readings FOR VALUES FROM ('2025-07-01') TO ('2026-01-01')",
    );
    let run = perfkit(&["seed", "--orders", "500", "--rows", "readings=300", "--as-of", AS_OF, "--json"])
        .on(&database)
        .succeeds();
    let report: Report = run.json_as();
    assert_eq!(report.gaps.len(), 0, "{:?}", report.gaps);
    assert!(report.partitions.is_empty());
    assert_eq!(report.tables.len(), 5);
    assert_eq!(count(&database, "orders"), 500);
    assert_eq!(count(&database, "readings"), 300);
    assert!(count(&database, "readings_old") > 0 && count(&database, "readings_new") > 0);
    for table in ["customers", "\"orderLines\"", "bookings"] {
        assert!(count(&database, table) > 0, "{table} is empty");
    }
    assert!(count(&database, "(SELECT DISTINCT status FROM orders) AS s") == 3);
}

#[test]
fn says_what_it_cannot_seed() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE never (id int NOT NULL CHECK (id > 3 AND id < 2), note text NOT NULL);
         CREATE TABLE parts (at date NOT NULL) PARTITION BY RANGE (at);
         CREATE TABLE fine (id int PRIMARY KEY)",
    );
    let run = perfkit(&["seed", "--dry-run"]).on(&database).exits(1);
    for said in ["parts gets no rows: it has no partition", "never gets no rows", "never_id_check"] {
        assert!(run.stdout.contains(said), "{said}: {}", run.stdout);
    }
    perfkit(&["seed", "--fin", "9"]).on(&database).fails(2, &["no table is called \"fin\"", "fine"]);
    perfkit(&["seed", "--schema", "nowhere"]).on(&database).fails(2, &["nowhere"]);
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
fn a_second_run_at_once_is_refused() {
    let database = Database::create();
    let lock = "SELECT pg_advisory_lock(hashtext('perfkit'), hashtext('seed'))";
    database.while_session(lock, || {
        perfkit(&["seed"]).on(&database).fails(3, &["another perfkit is seeding"]);
    });
    perfkit(&["seed"]).on(&database).succeeds();
}
