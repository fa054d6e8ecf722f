//! `perfkit index suggest` finds every kind of index, also where other advisors are known to be wrong.

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// Returns what stands behind ON in each suggestion, sorted.
fn suggested(database: &Database, script: &str) -> Vec<String> {
    let report = report(database, script, &[]);
    let suggestions = report["suggestions"].as_array().expect("a list");
    let ddl = suggestions.iter().map(|suggestion| suggestion["ddl"].as_str().expect("DDL"));
    // Of a partitioned table that is one index for each partition, then the parent's.
    let mut found: Vec<String> = ddl
        .filter_map(|ddl| ddl.lines().rfind(|line| line.starts_with("CREATE INDEX")))
        .map(|ddl| ddl.split_once(" ON ").expect("it names a table").1.trim_end_matches(';').to_owned())
        .collect();
    found.sort();
    found
}

fn report(database: &Database, script: &str, args: &[&str]) -> Value {
    let args = [&["index", "suggest", "--json", "-w", "w.sql"], args].concat();
    perfkit(&args).file("w.sql", script).on(database).succeeds().json_as()
}

fn check(database: &Database, cases: &[(&str, &[&str])]) {
    for (script, expected) in cases {
        assert_eq!(suggested(database, script), *expected, "{script}");
    }
}

/// Customers, orders and items, with primary keys alone.
fn shop() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE customers (id int PRIMARY KEY, email text NOT NULL, name varchar(40) NOT NULL, country text NOT NULL,
           created_at timestamp NOT NULL, deleted_at timestamp);
         INSERT INTO customers SELECT i, 'User' || i || '@example.com', 'name ' || md5(i::text), 'c' || i % 50,
           timestamp '2025-01-01' + i * interval '5 minutes', CASE WHEN i % 100 = 0 THEN now() END
           FROM generate_series(1, 60000) AS i;
         CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, is_paid bool NOT NULL,
           total numeric(10, 2) NOT NULL, placed_at timestamptz NOT NULL, note text);
         INSERT INTO orders SELECT i, 1 + (i * 7919) % 60000,
           CASE WHEN i % 200 = 0 THEN 'pending' WHEN i % 5 = 0 THEN 'sent' ELSE 'done' END, i % 300 > 0,
           (i * 31 % 100000) / 100.0, timestamptz '2025-01-01' + i * interval '1 minute', repeat('x', 60)
           FROM generate_series(1, 200000) AS i;
         VACUUM ANALYZE",
    );
    database
}

#[test]
fn operators_decide_the_order_of_columns() {
    check(
        &shop(),
        &[
            // A range column first would read all of it.
            (
                "SELECT * FROM orders WHERE placed_at > '2025-05-01' AND customer_id = 7",
                &["public.orders (customer_id, placed_at)"],
            ),
            (
                "SELECT * FROM orders ORDER BY status DESC, placed_at LIMIT 10",
                &["public.orders (status, placed_at DESC)"],
            ),
            (
                "SELECT * FROM orders ORDER BY customer_id DESC NULLS LAST, total LIMIT 10",
                &["public.orders (customer_id NULLS FIRST, total DESC)"],
            ),
            ("SELECT max(total) FROM orders", &["public.orders (total)"]),
        ],
    );
}

#[test]
fn what_an_index_there_can_do_is_not_suggested() {
    let database = shop();
    database.execute("CREATE INDEX ON orders (customer_id, is_paid)");
    check(
        &database,
        &[
            ("SELECT * FROM orders WHERE customer_id = 7", &[]),
            ("DELETE FROM orders WHERE customer_id = 7 AND is_paid", &[]),
        ],
    );
}

#[test]
fn partial_for_what_the_workload_repeats() {
    let database = shop();
    check(
        &database,
        &[(
            "SELECT * FROM orders WHERE status = 'pending' ORDER BY placed_at LIMIT $1;
             SELECT * FROM orders WHERE status = 'pending' AND placed_at < $1",
            &["public.orders (placed_at) WHERE status = 'pending'"],
        )],
    );
    let found = suggested(&database, "SELECT * FROM orders WHERE NOT is_paid AND customer_id = $1");
    assert_eq!(found, ["public.orders (customer_id) WHERE NOT is_paid"]);
}

#[test]
fn expressions() {
    check(
        &shop(),
        &[
            ("SELECT * FROM customers WHERE lower(email) = $1", &["public.customers (lower(email))"]),
            (
                "SELECT * FROM customers WHERE LOWER(c.email) = 'a'"
                    .replace("customers", "customers c")
                    .as_str(),
                &["public.customers (lower(email))"],
            ),
            (
                "SELECT * FROM customers WHERE date_trunc('day', created_at) = '2025-02-01'",
                &["public.customers (date_trunc('day', created_at))"],
            ),
        ],
    );
}

#[test]
fn patterns() {
    let database = shop();
    // The database's collation is C, the column's is not.
    database.execute(
        "CREATE EXTENSION pg_trgm;
         CREATE TABLE pages (id int, title text COLLATE \"und-x-icu\" NOT NULL, body text);
         INSERT INTO pages SELECT i, md5(i::text), md5(i::text) || md5((i + 1)::text) FROM generate_series(1, 50000) AS i;
         VACUUM ANALYZE pages",
    );
    check(
        &database,
        &[
            ("SELECT * FROM pages WHERE title LIKE 'abcd%'", &["public.pages (title text_pattern_ops)"]),
            ("SELECT * FROM customers WHERE email LIKE 'User777%'", &["public.customers (email)"]),
        ],
    );
    let found = suggested(&database, "SELECT * FROM pages WHERE body ILIKE '%abcdef12%'");
    assert_eq!(found, ["public.pages USING gin (body gin_trgm_ops)"]);
}

#[test]
fn documents_arrays_and_texts() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE metrics (id int PRIMARY KEY, data jsonb NOT NULL, tags text[] NOT NULL, words tsvector);
         INSERT INTO metrics SELECT i,
           jsonb_build_object('category', 'c' || i % 500, 'tags', jsonb_build_array('t' || i % 700, 'u' || i % 900), 'filler', repeat('f', 80)),
           ARRAY['a' || i % 800, 'b' || i % 600], to_tsvector('simple', 'w' || i % 1000 || ' v' || i % 700)
           FROM generate_series(1, 40000) AS i; VACUUM ANALYZE",
    );
    let cases: &[(&str, &[&str])] = &[
        (
            "SELECT * FROM metrics WHERE data ->> 'category' = 'c7'",
            &["public.metrics ((data ->> 'category'))"],
        ),
        (
            "SELECT * FROM metrics WHERE data @> '{\"category\": \"c7\"}'",
            &["public.metrics USING gin (data jsonb_path_ops)"],
        ),
        (
            "SELECT * FROM metrics WHERE data -> 'tags' ?| ARRAY['t7']",
            &["public.metrics USING gin ((data -> 'tags'))"],
        ),
        ("SELECT * FROM metrics WHERE tags @> ARRAY['a7']", &["public.metrics USING gin (tags)"]),
        (
            "SELECT * FROM metrics WHERE words @@ to_tsquery('simple', 'w7 & v7')",
            &["public.metrics USING gin (words)"],
        ),
    ];
    check(&database, cases);
}

#[test]
fn names_are_those_of_the_database() {
    let database = Database::create();
    database.execute(
        "CREATE SCHEMA \"Bar\"; CREATE SCHEMA other;
         CREATE TABLE \"Bar\".\"Items\" (\"Id\" int, \"Owner Id\" int);
         INSERT INTO \"Bar\".\"Items\" SELECT i, i % 5000 FROM generate_series(1, 50000) AS i;
         CREATE TABLE public.twins (id int, owner int); CREATE TABLE other.twins (id int, owner int);
         INSERT INTO public.twins SELECT i, i % 5000 FROM generate_series(1, 50000) AS i;
         INSERT INTO other.twins SELECT i, i % 5000 FROM generate_series(1, 50000) AS i;
         CREATE INDEX ON other.twins (owner); VACUUM ANALYZE",
    );
    check(
        &database,
        &[
            ("SELECT * FROM \"Bar\".\"Items\" WHERE \"Owner Id\" = 7", &["\"Bar\".\"Items\" (\"Owner Id\")"]),
            ("SELECT * FROM twins WHERE owner = 7", &["public.twins (owner)"]),
            ("SELECT * FROM other.twins WHERE owner = 7", &[]),
        ],
    );
}

#[test]
fn partitioned_tables_get_one_index_for_all() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE logs (id int, at date NOT NULL, kind text) PARTITION BY RANGE (at);
         CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
         CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
         INSERT INTO logs SELECT i, date '2026-01-01' + i % 50, 'k' || i % 3000 FROM generate_series(1, 90000) AS i;
         VACUUM ANALYZE",
    );
    check(&database, &[("SELECT * FROM logs WHERE kind = 'k5'", &["ONLY public.logs (kind)"])]);
}

#[test]
fn views_are_looked_through() {
    let database = shop();
    database.execute("CREATE VIEW buyers AS SELECT c.id, c.country AS land, o.customer_id AS buyer FROM customers c JOIN orders o ON o.customer_id = c.id");
    check(&database, &[("SELECT * FROM buyers WHERE buyer = 7", &["public.orders (customer_id)"])]);
}

#[test]
fn large_correlated_tables_get_a_brin() {
    let database = Database::create();
    database.execute(
        "CREATE UNLOGGED TABLE readings (at timestamptz NOT NULL, sensor int NOT NULL, value float8, filler text);
         INSERT INTO readings SELECT timestamptz '2026-01-01' + i * interval '1 second', i % 100, random(), repeat('f', 200)
           FROM generate_series(1, 400000) AS i; VACUUM ANALYZE readings",
    );
    let report = report(
        &database,
        "SELECT sum(value) FROM readings WHERE at BETWEEN '2026-01-02' AND '2026-01-03'",
        &["--storage-budget", "200kB"],
    );
    assert_eq!(report["suggestions"][0]["method"], "brin", "{report:#}");
}

#[test]
fn deleting_a_parent_needs_the_foreign_key_indexed() {
    let database = shop();
    database
        .execute("ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE");
    let found = suggested(&database, "DELETE FROM customers WHERE id = 7");
    assert_eq!(found, ["public.orders (customer_id)"]);
}

#[test]
fn one_index_serves_several_statements() {
    // The single-column one is a prefix of the other.
    check(
        &shop(),
        &[(
            "SELECT * FROM customers WHERE country = $1 AND name = $2;
             SELECT * FROM customers WHERE country = $1 ORDER BY created_at DESC LIMIT 5;
             SELECT max(created_at) FROM customers WHERE country = $1",
            &["public.customers (country, created_at)", "public.customers (name)"],
        )],
    );
}

#[test]
fn a_wider_index_replaces_the_narrow_one() {
    let database = shop();
    database.execute(
        "CREATE INDEX orders_by_status ON orders (status); COMMENT ON INDEX orders_by_status IS 'the first one'",
    );
    let report = report(
        &database,
        "SELECT count(*) FROM orders WHERE status = 'sent' AND placed_at > '2025-05-15'",
        &["--kinds", "btree"],
    );
    assert_eq!(report["suggestions"][0]["replaces"], serde_json::json!(["orders_by_status"]), "{report:#}");
    assert_eq!(report["drops"][0]["ddl"], "DROP INDEX CONCURRENTLY public.orders_by_status;");
    let undo = report["drops"][0]["undo_ddl"].as_str().unwrap();
    assert!(undo.starts_with("CREATE INDEX CONCURRENTLY orders_by_status ON public.orders"), "{undo}");
    assert!(undo.ends_with(";\nCOMMENT ON INDEX public.orders_by_status IS 'the first one';"), "{undo}");
}
