//! `perfkit seed --make-partitions`: tables that have none get some, and lose them with the rows.

use crate::support::cli::perfkit;
use crate::support::pg::Database;

const TABLES: [&str; 7] = ["by_month", "by_day", "by_id", "by_kind", "by_hash", "by_expression", "by_two"];

fn database() -> Database {
    let database = Database::create();
    database.load(
        "CREATE TYPE kind AS ENUM ('a', 'b', 'c');
         CREATE TABLE by_month (id bigint GENERATED ALWAYS AS IDENTITY, created_at timestamptz NOT NULL, PRIMARY KEY (id, created_at))
             PARTITION BY RANGE (created_at);
         CREATE TABLE by_day (created_on date NOT NULL CHECK (created_on BETWEEN '2024-02-20' AND '2024-03-05'), n int)
             PARTITION BY RANGE (created_on);
         CREATE TABLE by_id (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
         CREATE TABLE by_kind (id int, kind kind, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
         CREATE TABLE by_hash (id uuid PRIMARY KEY) PARTITION BY HASH (id);
         CREATE TABLE by_expression (name text NOT NULL) PARTITION BY LIST (lower(name));
         CREATE TABLE by_two (created_at timestamp NOT NULL, id int NOT NULL) PARTITION BY RANGE (created_at, id);
         CREATE TABLE child (id int PRIMARY KEY, of int NOT NULL REFERENCES by_id)",
    );
    database
}

fn count(database: &Database, from: &str) -> u64 {
    database.value(&format!("SELECT count(*) FROM {from}")).parse().expect("a count")
}

fn n_partitions(database: &Database) -> u64 {
    count(database, "pg_class WHERE relispartition AND relkind = 'r'")
}

#[test]
fn partitions_are_made_and_go_with_the_rows() {
    let database = database();
    let args = ["seed", "--as-of", "2026-01-31"];
    let with = |more: &[&str]| perfkit(&[&args[..], more].concat());

    let run = with(&["--dry-run"]).on(&database).exits(1);
    assert!(
        run.stdout.contains("by_hash gets no rows: it has no partition (`--make-partitions` makes some)")
    );
    let run = with(&["--dry-run", "--make-partitions"]).on(&database).succeeds();
    for ddl in [
        "CREATE TABLE public.by_month_2024_03 PARTITION OF public.by_month FOR VALUES FROM ('2024-03-01 00:00:00+00') TO ('2024-04-01",
        "CREATE TABLE public.by_day_2024_02_29 PARTITION OF public.by_day FOR VALUES FROM ('2024-02-29') TO ('2024-03-01')",
        "PARTITION OF public.by_kind FOR VALUES IN ('b')",
        "CREATE TABLE public.by_hash_3 PARTITION OF public.by_hash FOR VALUES WITH (MODULUS 4, REMAINDER 3)",
        "CREATE TABLE public.by_expression_default PARTITION OF public.by_expression DEFAULT",
        "FOR VALUES FROM ('2024-03-01 00:00:00', MINVALUE) TO ('2024-04-01 00:00:00', MINVALUE)",
    ] {
        assert!(run.stdout.contains(ddl), "{ddl} in {}", run.stdout);
    }
    assert_eq!(n_partitions(&database), 0);

    let run = with(&["--make-partitions"]).on(&database).exits(2);
    assert!(run.stderr.contains("cannot ask for confirmation"), "{}", run.stderr);
    assert_eq!(n_partitions(&database), 0);

    let run = with(&["--make-partitions", "--yes", "--json"]).on(&database).succeeds();
    let made = run.json()["partitions"].as_array().expect("partitions").len() as u64;
    assert_eq!(n_partitions(&database), made);
    for table in TABLES.into_iter().chain(["child"]) {
        assert_ne!(count(&database, table), 0, "{table} is empty");
    }
    assert!(count(&database, "(SELECT DISTINCT tableoid FROM by_month) AS d") >= 20);
    assert_eq!(count(&database, "(SELECT DISTINCT tableoid FROM by_hash) AS d"), 4);

    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert_eq!(n_partitions(&database), 0);
}

#[test]
fn partitions_with_rows_of_others_stay() {
    let database = database();
    perfkit(&["seed", "--make-partitions", "--yes"]).on(&database).succeeds();
    let one = "INSERT INTO by_kind VALUES (1000000, 'b') RETURNING tableoid::regclass";
    let partition = database.value(one);
    let run = perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert!(
        run.stderr.contains(&format!("partition public.{partition} stays: it has rows")),
        "{}",
        run.stderr
    );
    assert_eq!((n_partitions(&database), count(&database, "by_kind")), (1, 1));
    assert_eq!(count(&database, "by_month"), 0);
}
