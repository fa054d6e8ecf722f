//! `perfkit seed --size`: tables take what was asked for.

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// How far a size may be off, as a share of it.
const TOLERANCE: f64 = 0.03;

/// Wide rows: texts and documents, some of which go to the TOAST table, a stored column, and one that was dropped.
const WIDE: &str = "
    CREATE TABLE authors (id bigserial PRIMARY KEY, name text NOT NULL, bio text, settings jsonb, born date);
    CREATE TABLE articles (id bigserial PRIMARY KEY, author_id bigint NOT NULL REFERENCES authors, title text NOT NULL,
        body text NOT NULL, a int, b int, c int, d int, metadata jsonb NOT NULL, old int, published_at timestamptz NOT NULL,
        search tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED) WITH (fillfactor = 80);
    ALTER TABLE articles DROP COLUMN old;
    ALTER TABLE articles ALTER body SET STORAGE EXTERNAL;
    CREATE INDEX ON articles USING gin (search)";

/// Narrow rows with many indexes: on random, on rising and on few values, unique and not, of expressions and in part.
const INDEXED: &str = "
    CREATE TABLE accounts (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, login varchar(60) NOT NULL,
        country char(2) NOT NULL, is_active boolean NOT NULL, created_at timestamptz NOT NULL);
    CREATE UNIQUE INDEX ON accounts (lower(login));
    CREATE INDEX ON accounts (country, created_at);
    CREATE INDEX ON accounts (created_at) WHERE is_active;
    CREATE TABLE logins (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts,
        token uuid NOT NULL UNIQUE, address inet NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX ON logins (account_id);
    CREATE INDEX ON logins (address);
    CREATE INDEX ON logins USING brin (at)";

/// Partitions of two kinds, a lookup table, a join of two tables, and tables of which each row has few or many others.
const PARTITIONED: &str = "
    CREATE TABLE device_types (id int PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE devices (id bigserial PRIMARY KEY, type_id int NOT NULL REFERENCES device_types, serial text NOT NULL UNIQUE);
    CREATE TABLE tags (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE device_tags (device_id bigint REFERENCES devices, tag_id bigint REFERENCES tags, PRIMARY KEY (device_id, tag_id));
    CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, device_id bigint NOT NULL REFERENCES devices,
        at date NOT NULL, value double precision NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2025-05-01');
    CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM ('2025-05-01') TO ('2025-09-01');
    CREATE TABLE readings_3 PARTITION OF readings FOR VALUES FROM ('2025-09-01') TO ('2026-01-01');
    CREATE INDEX ON readings (device_id);
    CREATE TABLE alarms (id bigserial, device_id bigint NOT NULL REFERENCES devices, text text, PRIMARY KEY (id))
        PARTITION BY HASH (id);
    CREATE TABLE alarms_0 PARTITION OF alarms FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE alarms_1 PARTITION OF alarms FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE INDEX ON alarms_1 (device_id)";

fn database(schema: &str) -> Database {
    let database = Database::create();
    database.execute(schema);
    database
}

/// What all tables take with their indexes.
fn total_bytes(database: &Database) -> u64 {
    let total = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class
                 WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace";
    database.value(total).parse().expect("a sum")
}

/// Seeds, and compares what the tables take with what was asked for and with what was said.
fn check(database: &Database, megabytes: u64, n_streams: u8, more: &[&str]) {
    let (size, n_streams) = (format!("{megabytes}MB"), n_streams.to_string());
    let mut args =
        vec!["seed", "--json", "--yes", "--as-of", "2026-01-01", "--size", &size, "--streams", &n_streams];
    args.extend(more);
    let report = perfkit(&args).on(database).succeeds().json();
    let (wanted, reached) = (megabytes << 20, total_bytes(database));
    let share = reached as f64 / wanted as f64;
    assert!((share - 1.0).abs() <= TOLERANCE, "{share} of {size}: {report:#}");
    assert_eq!(
        (report["wanted_bytes"].as_u64(), report["total_bytes"].as_u64()),
        (Some(wanted), Some(reached))
    );
    let estimated = report["estimated_bytes"].as_u64().expect("it was estimated");
    assert!((estimated as f64 / wanted as f64 - 1.0).abs() <= TOLERANCE, "{estimated} of {wanted}");
}

#[test]
fn wide_rows_take_what_was_asked_for() {
    check(&database(WIDE), 60, 1, &[]);
    check(&database(WIDE), 60, 2, &[]);
}

#[test]
fn many_indexes_take_what_was_asked_for() {
    check(&database(INDEXED), 100, 1, &[]);
    // Too small for indexes to be built after the rows.
    check(&database(INDEXED), 16, 2, &[]);
}

#[test]
fn partitions_and_fan_outs_take_what_was_asked_for() {
    check(&database(PARTITIONED), 80, 2, &[]);
}

#[test]
fn rows_that_are_there_or_asked_for_count() {
    let database = database(INDEXED);
    check(&database, 30, 1, &["--rows", "accounts=20000"]);
    assert_eq!(database.value("SELECT count(*) FROM accounts"), "20000");
    check(&database, 60, 1, &["--append"]);
    assert_ne!(database.value("SELECT count(*) FROM accounts"), "20000");
}

#[test]
fn a_dry_run_measures_and_leaves_nothing() {
    let database = database(PARTITIONED);
    let before = total_bytes(&database);
    let plan = perfkit(&["seed", "--dry-run", "--json", "--size", "20MB"]).on(&database).succeeds().json();
    assert_eq!(plan["wanted_bytes"], 20 << 20);
    let estimated = plan["estimated_bytes"].as_u64().expect("it was estimated");
    assert!((estimated as f64 / f64::from(20 << 20) - 1.0).abs() <= TOLERANCE, "{estimated}");
    // But for the maps that VACUUM makes.
    let after = total_bytes(&database);
    assert!(after < before + 300_000, "{after} after {before}");
    let text = perfkit(&["seed", "--dry-run", "--size", "20MB"]).on(&database).succeeds();
    assert!(text.stdout.contains("20 MB asked for"), "{}", text.stdout);
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'perfkit_size%'";
    assert_eq!(database.value(left), "0");
}

#[test]
fn a_table_in_a_change_is_not_waited_for_long() {
    let database = database(INDEXED);
    database.while_session("BEGIN; LOCK TABLE logins IN ACCESS EXCLUSIVE MODE", || {
        perfkit(&["seed", "--dry-run", "--no-rehearsal", "--size", "20MB", "--lock-timeout", "100ms"])
            .on(&database)
            .fails(3, &["lock timeout"]);
    });
}

#[test]
fn sizes_out_of_reach_are_refused() {
    let database = database(PARTITIONED);
    let refused = |args: &[&str], expected: &[&str]| {
        let args: Vec<&str> = ["seed", "--yes"].iter().chain(args).copied().collect();
        perfkit(&args).on(&database).fails(2, expected);
    };
    refused(&["--size", "10kB"], &["cannot fill the tables with only 10 kB", "at the least", "greater size"]);
    refused(&["--size", "1MB", "--rows", "readings=50000"], &["only 1.0 MB"]);
    refused(&["--size", "1MB", "--scale", "2"], &["--size", "--scale"]);
    refused(&["--size", "much"], &["not a size", "64MB"]);
    let all = ["device_types=5", "devices=5", "tags=5", "device_tags=5", "readings=5", "alarms=5"];
    let all: Vec<&str> = all.iter().flat_map(|rows| ["--rows", rows]).chain(["--size", "50MB"]).collect();
    refused(&all, &["cannot fill the tables with 50 MB", "at the most"]);
    assert_eq!(database.value("SELECT count(*) FROM devices"), "0");
    perfkit(&["seed", "--dry-run", "--size", "1GB"])
        .on(&Database::create())
        .fails(2, &["without any", "--rows"]);
}

#[test]
fn the_built_in_scenario_grows_to_a_size() {
    let database = Database::create();
    check(&database, 40, 2, &[]);
}

/// How streams meet is chance: what they leave half empty is not in the size.
#[test]
fn streams_leave_no_index_half_empty() {
    let loose = "SELECT count(*)
                 FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
                 WHERE t.relname = 'logins' AND x.indisprimary
                 AND pg_relation_size(i.oid) > 1.05 * t.reltuples * 20 / 0.9";
    let database = database(INDEXED);
    check(&database, 60, 4, &[]);
    assert_eq!(database.value(loose), "0");
}
