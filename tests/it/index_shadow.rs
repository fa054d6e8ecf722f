//! The shadow: a copy of schema and statistics plans as its database does.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cli::{finished, output, perfkit};
use crate::support::pg::{Database, major};

/// Everything that a schema can hold and a plan can depend on.
const SCHEMA: &str = "
CREATE SCHEMA shop; CREATE SCHEMA other; CREATE EXTENSION pg_trgm SCHEMA other; CREATE EXTENSION btree_gist;
CREATE COLLATION shop.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN shop.mail AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE shop.address AS (street text, zip int);
CREATE TYPE shop.span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
CREATE FUNCTION shop.norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(trim($1)) $$;
CREATE FUNCTION shop.same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT $1 = $2 $$;
CREATE OPERATOR shop.<=> (FUNCTION = shop.same, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(shop.<=>), RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE AGGREGATE shop.total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE CAST (text AS shop.address) WITH INOUT;
CREATE TEXT SEARCH DICTIONARY shop.words (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION shop.plain (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION shop.plain ALTER MAPPING FOR word WITH shop.words, simple;
CREATE SEQUENCE shop.numbers;

CREATE TABLE shop.customers (gone int, id int PRIMARY KEY, name text COLLATE shop.no_case, mail shop.mail, mood shop.mood,
    home shop.address, city text, zip int, doc jsonb, body text, tags text[], label varchar(20));
ALTER TABLE shop.customers DROP COLUMN gone;
INSERT INTO shop.customers SELECT i, 'n' || i % 500, 'm' || i || '@x', (ARRAY['sad', 'ok', 'happy']::shop.mood[])[1 + i % 3],
    ROW('s' || i, i % 99)::shop.address, 'city' || i % 60, i % 120, jsonb_build_object('k', i % 1000, 'l', 'v' || i % 7),
    md5(i::text) || ' ' || md5((i * 7)::text), ARRAY['t' || i % 90, 'x'], 'l' || i % 40 FROM generate_series(1, 20000) AS i;
CREATE INDEX ON shop.customers (name); CREATE INDEX ON shop.customers (shop.norm(mail));
CREATE INDEX ON shop.customers (mood) WHERE mood = 'sad'; CREATE INDEX ON shop.customers (label text_pattern_ops);
CREATE INDEX ON shop.customers USING gin (doc jsonb_path_ops); CREATE INDEX ON shop.customers USING gin (body other.gin_trgm_ops);
CREATE INDEX ON shop.customers USING gin (tags); CREATE INDEX customers_zip ON shop.customers (zip DESC NULLS LAST) INCLUDE (city);
CREATE INDEX ON shop.customers USING gin (to_tsvector('shop.plain', body));
CREATE STATISTICS shop.of_city (ndistinct, dependencies, mcv) ON city, zip FROM shop.customers;
CREATE STATISTICS other.of_expression (mcv) ON (zip % 7), mood FROM shop.customers;

CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer_id int NOT NULL REFERENCES shop.customers, at timestamptz, amount numeric(10, 2),
    state text, during tstzrange, span shop.span, position point, parts int4multirange, CHECK (amount >= 0), UNIQUE (customer_id, id) DEFERRABLE) WITH (fillfactor = 80, parallel_workers = 3);
INSERT INTO shop.orders SELECT i, 1 + i % 20000, timestamptz '2026-01-01' + i * interval '1 minute', i % 1000, 's' || i % 5,
    tstzrange(timestamptz '2026-01-01' + i * interval '1 minute', timestamptz '2026-01-02' + i * interval '1 minute'),
    shop.span(i, i + 5), point(i % 500, i % 300), int4multirange(int4range(i, i + 3)) FROM generate_series(1, 60000) AS i;
CREATE INDEX ON shop.orders USING brin (at) WITH (pages_per_range = 16); CREATE INDEX ON shop.orders USING gist (during);
CREATE INDEX ON shop.orders USING gist (position); CREATE INDEX ON shop.orders USING hash (state);
CREATE INDEX ON shop.orders (state, at DESC) WHERE amount > 900;

CREATE TABLE shop.events (id bigint, at date NOT NULL, kind int NOT NULL, note text, PRIMARY KEY (id, at, kind)) PARTITION BY RANGE (at);
CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (kind);
CREATE TABLE other.\"Events 2a\" PARTITION OF shop.events_2 FOR VALUES IN (0, 1); CREATE TABLE shop.events_2b PARTITION OF shop.events_2 DEFAULT;
CREATE TABLE shop.events_0 (note text, gone int, kind int NOT NULL, at date NOT NULL, id bigint, CONSTRAINT odd_name PRIMARY KEY (id, at, kind));
ALTER TABLE shop.events_0 DROP COLUMN gone; ALTER TABLE shop.events ATTACH PARTITION shop.events_0 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO shop.events SELECT i, date '2025-12-01' + i % 85, i % 9, 'n' || i % 70 FROM generate_series(1, 50000) AS i;
CREATE INDEX ON shop.events (note, at); CREATE INDEX by_kind ON shop.events (kind);
CREATE TABLE shop.base (z int, CHECK (z < 1000)); CREATE TABLE shop.child (extra text) INHERITS (shop.base);
INSERT INTO shop.child SELECT i % 50, 'e' FROM generate_series(1, 20000) AS i;
CREATE TABLE other.items (id int PRIMARY KEY, w int); CREATE INDEX customers_zip ON other.items (w);
INSERT INTO other.items SELECT i, i % 77 FROM generate_series(1, 9000) AS i;
CREATE TABLE shop.empty (a int, b text);

CREATE MATERIALIZED VIEW shop.sums AS SELECT customer_id, sum(amount) AS amount FROM shop.orders GROUP BY 1;
CREATE UNIQUE INDEX ON shop.sums (customer_id);
CREATE VIEW shop.grouped AS SELECT c.id, c.city, count(*) AS n FROM shop.customers AS c JOIN shop.orders AS o ON o.customer_id = c.id GROUP BY c.id;
CREATE VIEW other.few AS SELECT * FROM shop.grouped WHERE city = 'city7';
CREATE FUNCTION shop.orders_of(int) RETURNS SETOF shop.orders LANGUAGE sql STABLE AS $$ SELECT * FROM shop.orders WHERE customer_id = $1 $$;
VACUUM ANALYZE";

/// With a method whose costs are those of a btree or less, and with one whose costs rest on pages that nobody can read.
const STATEMENTS: [(&str, f64); 36] = [
    ("SELECT * FROM shop.customers WHERE id = 77", 0.01),
    ("SELECT * FROM shop.customers WHERE name = 'n5'", 0.01),
    ("SELECT * FROM shop.customers WHERE shop.norm(mail) = 'm7@x'", 0.01),
    ("SELECT * FROM shop.customers WHERE mood = 'sad' ORDER BY mood LIMIT 5", 0.01),
    ("SELECT * FROM shop.customers WHERE label LIKE 'l3%'", 0.01),
    ("SELECT * FROM shop.customers WHERE city = 'city7' AND zip = 7", 0.01),
    ("SELECT city, zip, count(*) FROM shop.customers GROUP BY 1, 2", 0.01),
    ("SELECT * FROM shop.customers WHERE zip % 7 = 3 AND mood = 'ok'", 0.01),
    ("SELECT zip % 7, count(*) FROM shop.customers GROUP BY 1", 0.01),
    ("SELECT city FROM shop.customers WHERE zip = 30", 0.01),
    ("SELECT * FROM shop.customers WHERE doc @> '{\"k\": 5}'", 0.1),
    ("SELECT * FROM shop.customers WHERE body ILIKE '%abcde%'", 0.1),
    ("SELECT * FROM shop.customers WHERE tags @> ARRAY['t3']", 0.1),
    (
        "SELECT * FROM shop.customers WHERE to_tsvector('shop.plain', body) @@ to_tsquery('shop.plain', 'abc')",
        0.1,
    ),
    ("SELECT * FROM shop.customers WHERE zip OPERATOR(shop.<=>) 5", 0.01),
    ("SELECT shop.total(zip) FROM shop.customers", 0.01),
    ("SELECT * FROM shop.orders WHERE customer_id = 5", 0.01),
    ("SELECT * FROM shop.orders WHERE at BETWEEN '2026-01-05' AND '2026-01-06'", 0.1),
    ("SELECT * FROM shop.orders WHERE during @> timestamptz '2026-01-05'", 0.1),
    ("SELECT * FROM shop.orders WHERE span && shop.span(5, 50)", 0.01),
    ("SELECT * FROM shop.orders WHERE parts && int4range(5, 50)", 0.01),
    ("SELECT * FROM shop.orders ORDER BY position <-> point(5, 5) LIMIT 3", 0.1),
    ("SELECT * FROM shop.orders WHERE state = 's3' AND amount > 950 ORDER BY at DESC LIMIT 10", 0.01),
    ("SELECT sum(amount) FROM shop.orders", 0.01),
    (
        "SELECT c.city, sum(o.amount) FROM shop.orders AS o JOIN shop.customers AS c ON c.id = o.customer_id GROUP BY 1",
        0.01,
    ),
    ("SELECT * FROM shop.events WHERE note = 'n5' AND at > '2026-01-15'", 0.01),
    ("SELECT * FROM shop.events WHERE id = 5", 0.01),
    ("SELECT count(*) FROM shop.events WHERE kind = 1", 0.01),
    ("SELECT note, count(*) FROM shop.events GROUP BY 1", 0.01),
    ("SELECT * FROM shop.base WHERE z + 0 = 5", 0.01),
    ("SELECT * FROM shop.base WHERE z = 2000", 0.01),
    ("SELECT * FROM shop.empty WHERE a = 1", 0.01),
    ("SELECT * FROM shop.sums WHERE customer_id = 5", 0.01),
    ("SELECT * FROM other.few", 0.01),
    ("SELECT * FROM shop.orders_of(5)", 0.01),
    ("SELECT * FROM shop.orders WHERE id = nextval('shop.numbers')", 0.01),
];

/// The cost of a page read out of order (`random_page_cost`): so much may be wrong in the cheapest plans.
const PAGE_COST: f64 = 4.0;

fn cost(plan: &str) -> f64 {
    let plan: Value = serde_json::from_str(plan).expect("the plan is JSON");
    plan.pointer("/0/Plan/Total Cost").and_then(Value::as_f64).expect("the plan has a cost")
}

/// Plans statements on the database and on its shadow as this role, and compares.
fn compare(database: &Database, user: &str, statements: &[(&str, f64)]) {
    let script = statements.iter().map(|(sql, _)| *sql).collect::<Vec<_>>().join(";\n");
    let run = perfkit(&["explain", "--estimate-only", "--json", "-f", "w.sql"])
        .file("w.sql", &script)
        .env("DATABASE_URL", database.url_for(user))
        .succeeds();
    assert!(!run.stderr.contains("lacks") && !run.stderr.contains("skipped"), "{}", run.stderr);
    let report = run.json();
    let explained =
        report.get("statements").unwrap_or(&report).as_array().expect("one report a statement").clone();
    assert_eq!(explained.len(), statements.len());
    let target = Database { url: database.url_for(user) };
    let mut wrong = Vec::new();
    for ((sql, tolerance), one) in statements.iter().zip(&explained) {
        let expected = cost(&target.value(&format!("EXPLAIN (FORMAT JSON) {sql}")));
        let found = one.pointer("/plan/nodes/0/total_cost").and_then(Value::as_f64).expect("a cost");
        let difference = (found - expected).abs();
        if difference > tolerance * expected && difference > PAGE_COST / 4.0 {
            wrong.push(format!("{sql}: {found} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_object_is_planned_as_on_the_target() {
    let database = Database::create();
    database.execute(SCHEMA);
    if major() >= 18 {
        database.execute("CREATE TABLE shop.computed (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c int GENERATED ALWAYS AS (a + 1) STORED)");
        compare(&database, "postgres", &[("SELECT * FROM shop.computed WHERE b = 4 AND c = 3", 0.01)]);
    }
    compare(&database, "postgres", &STATEMENTS);
}

#[test]
fn row_security_is_planned_for_whom_it_applies_to() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE notes (id int PRIMARY KEY, owner text, tenant int, body text);
         INSERT INTO notes SELECT i, 'o' || i % 50, i % 9, 'b' || i FROM generate_series(1, 20000) AS i;
         CREATE INDEX ON notes (tenant); GRANT SELECT ON notes TO nobody_special;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON notes FOR SELECT USING (tenant = 3);
         CREATE POLICY never ON notes TO postgres USING (owner = 'o1'); VACUUM ANALYZE notes",
    );
    compare(&database, "postgres", &[("SELECT * FROM notes WHERE body = 'b5'", 0.01)]);
    // The statistics are hidden from the role that the policies are for, from its planner not.
    let run = perfkit(&["explain", "SELECT * FROM notes WHERE body = 'b5'", "--estimate-only"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .succeeds();
    assert!(run.stdout.contains("tenant = 3") && !run.stdout.contains("o1"), "{}", run.stdout);
    assert!(run.stderr.contains("statistics of \"notes\": not readable"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_copied_is_said() {
    let database = Database::create();
    database.execute(
        "CREATE EXTENSION pg_trgm; CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, 'b' || i FROM generate_series(1, 5000) AS i;
         CREATE INDEX ON t USING gin (b gin_trgm_ops); CREATE INDEX ON t (a); CREATE TABLE secret (a int);
         INSERT INTO secret SELECT generate_series(1, 1000); GRANT SELECT ON t TO nobody_special;
         CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
         CREATE FOREIGN TABLE far (a int) SERVER nowhere; VACUUM ANALYZE;
         UPDATE pg_extension SET extname = 'no_such_extension' WHERE extname = 'pg_trgm'",
    );
    let run = perfkit(&["explain", "SELECT * FROM t WHERE a = 5", "--estimate-only"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .succeeds();
    for expected in [
        "extension \"no_such_extension\"",
        "index \"t_b_idx\": operator class \"gin_trgm_ops\" does not exist",
        "statistics of \"secret\"",
        "foreign tables: \"far\"",
    ] {
        assert!(run.stderr.contains(expected), "no {expected:?} in:\n{}", run.stderr);
    }
    assert!(run.stdout.contains("t_a_idx"), "{}", run.stdout);
}

/// The planner runs functions that it takes for constant; what the target's do there must not reach this machine.
#[test]
fn functions_of_the_target_have_no_rights_here() {
    let database = Database::create();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("taken");
    database.execute(&format!(
        "CREATE FUNCTION evil(int) RETURNS int LANGUAGE sql IMMUTABLE SECURITY DEFINER AS
         $$ SELECT length(pg_read_file('{}')) $$; CREATE TABLE t (a int, b int)",
        file.display()
    ));
    std::fs::write(&file, "1234").expect("the folder can be written");
    let run = perfkit(&["explain", "SELECT * FROM t WHERE a = evil(b) OR a = evil(7)", "--estimate-only"])
        .on(&database)
        .run();
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("permission denied for function pg_read_file"), "{}", run.stderr);
}

/// Bytes that the files below a folder really take; sparse ones take less than they are long.
fn disk_usage(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_usage(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        // It went away meanwhile.
        Err(_) => 0,
    });
    bytes.sum()
}

#[test]
#[ignore = "takes a minute: make prove-shadow"]
#[expect(clippy::print_stdout, reason = "a proof prints its figures")]
fn prove_shadow_of_a_terabyte() {
    const N_TABLES: u64 = 500;
    const TABLE_PAGES: u64 = (1 << 40) / 8192 / N_TABLES;
    let database = Database::create();
    for n in 0..N_TABLES {
        database.execute(&format!(
            "CREATE TABLE t{n} (id bigint PRIMARY KEY, a int, b text, c timestamptz, d jsonb, e numeric, f uuid, g bool);
             INSERT INTO t{n} SELECT i, i % 50, 'b' || i, now(), '{{}}', i, gen_random_uuid(), true FROM generate_series(1, 500) AS i;
             CREATE INDEX ON t{n} (a); CREATE INDEX ON t{n} (b, c); CREATE INDEX ON t{n} USING gin (d)"
        ));
    }
    database.execute("VACUUM ANALYZE");
    let snapshot = |args: &[&str], folder: &Path| {
        let args = [&["index", "suggest", "-w", "w.sql", "--json"], args].concat();
        perfkit(&args)
            .env("TMPDIR", folder)
            .file("w.sql", "SELECT * FROM t7 WHERE f = 'c2d29867-3d0b-d497-9191-18a9d8ee7830';")
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The shadow's server may run as another user, who makes its folder here.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .expect("the folder is ours");
    let file = folder.path().join("snapshot.json");
    let path = file.to_str().expect("its name is text");
    snapshot(&["--snapshot", path], folder.path()).on(&database).succeeds();

    let text = std::fs::read_to_string(&file).expect("it was written");
    let mut saved: Value = serde_json::from_str(&text).expect("it is JSON");
    for table in saved["catalog"]["tables"].as_array_mut().expect("a snapshot has tables") {
        let factor = TABLE_PAGES / table["n_pages"].as_u64().expect("a number");
        let scale = |value: &mut Value| {
            *value = match value.as_u64() {
                Some(count) => (count * factor).into(),
                None => (value.as_f64().expect("a number") * factor as f64).into(),
            };
        };
        for name in ["n_rows", "n_pages", "n_all_visible_pages"] {
            scale(&mut table[name]);
        }
        for index in table["indexes"].as_array_mut().expect("a table has indexes") {
            scale(&mut index["n_rows"]);
            scale(&mut index["size_bytes"]);
        }
    }
    std::fs::write(&file, saved.to_string()).expect("the folder can be written");

    // The snapshot lies there as well.
    let before = disk_usage(folder.path());
    let start = Instant::now();
    let (mut child, _folder) = snapshot(&["--from-snapshot", path], folder.path()).spawn();
    let mut most = 0;
    while child.try_wait().expect("it can be waited for").is_none() {
        most = most.max(disk_usage(folder.path()).saturating_sub(before));
        std::thread::sleep(Duration::from_millis(100));
    }
    let run = finished(&output(child));
    // Megabytes as PostgreSQL counts them.
    let (elapsed, most_mb) = (start.elapsed(), most >> 20);
    println!("500 tables, 1 TB: {:.1} s, {most_mb} MB of disk at the most", elapsed.as_secs_f64());
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(run.json()["suggestions"][0]["table"], "t7", "{}", run.stdout);
    assert!(elapsed < Duration::from_mins(1) && most_mb < 200, "{elapsed:?}, {most_mb} MB");
}
