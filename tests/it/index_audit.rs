//! `perfkit index audit`: its findings and their fixes

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::{Finished, perfkit};
use crate::support::pg::Database;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) findings: Vec<Finding>,
    pub(crate) accepted: usize,
    pub(crate) frees_bytes: u64,
    pub(crate) schemas: Vec<String>,
    pub(crate) tables: usize,
    pub(crate) indexes: usize,
    pub(crate) counted_s: Option<f64>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) unseen: Vec<String>,
    pub(crate) unproven: Option<Unproven>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
pub(crate) struct Unproven {
    indexes: Vec<Value>,
    reason: String,
    wait_s: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
pub(crate) struct Finding {
    id: String,
    rule: String,
    severity: String,
    schema: String,
    table: String,
    index: Option<String>,
    columns: Vec<String>,
    message: String,
    remedy: String,
    fix_sql: Option<String>,
    undo_sql: Option<String>,
    frees_bytes: u64,
    change: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
pub(crate) struct Replica {
    pub(crate) label: String,
    pub(crate) counted_s: Option<f64>,
}

/// Runs an audit that has findings, or none.
pub(crate) fn audit(database: &Database, args: &[&str]) -> Report {
    let finished = perfkit(&[&["index", "audit", "--json"], args].concat()).on(database).run();
    let report: Report = finished.json_as();
    let expected = i32::from(!report.findings.is_empty());
    assert_eq!(finished.status, expected, "{}\n{}", finished.stdout, finished.stderr);
    report
}

pub(crate) fn ids(report: &Report) -> Vec<&str> {
    let mut ids: Vec<&str> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

/// What only the server can tell: each kind of index that is no duplicate although it looks like one, and one that is.
const LOOKALIKES: &str = "
    CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text, deleted boolean NOT NULL, tags text[]);
    CREATE INDEX users_name ON users (name);
    CREATE INDEX users_name_again ON users (name);
    CREATE INDEX users_name_pattern ON users (name text_pattern_ops);
    CREATE INDEX users_name_c ON users (name COLLATE \"POSIX\");
    CREATE INDEX users_name_nulls ON users (name NULLS FIRST);
    CREATE INDEX users_name_live ON users (name) WHERE NOT deleted;
    CREATE INDEX users_lower ON users (lower(name));
    CREATE INDEX users_upper ON users (upper(name));
    CREATE INDEX users_lower_c ON users (lower(name) COLLATE \"POSIX\");
    CREATE INDEX users_tags ON users USING gin (tags);
    CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX \"users, email\" ON users (email, name)";

#[test]
fn lookalikes_are_told_from_duplicates() {
    let database = Database::create();
    database.execute(LOOKALIKES);
    let report = audit(&database, &["--only", "duplicate-index", "--only", "redundant-index"]);
    assert_eq!(
        ids(&report),
        [
            "duplicate-index public.users.users_name_again",
            // Doubts that a person has to decide on.
            "redundant-index public.users.\"users, email\"",
            "redundant-index public.users.users_name_live",
        ]
    );
    let fixes = report.findings.iter().filter(|finding| finding.fix_sql.is_some());
    assert_eq!(fixes.count(), 1);
}

/// A table for each way to index a foreign key; deletes of parents say whether the index serves.
const FOREIGN_KEYS: &str = "
    CREATE TABLE p_int (id int PRIMARY KEY);
    CREATE TABLE p_big (id bigint PRIMARY KEY);
    CREATE TABLE p_text (id text PRIMARY KEY);
    CREATE TABLE p_two (a int, b int, PRIMARY KEY (a, b));
    CREATE TABLE p_array (id int[] PRIMARY KEY);
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
    CREATE TABLE p_enum (id mood PRIMARY KEY);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    INSERT INTO p_int SELECT i FROM generate_series(1, 6000) i;
    INSERT INTO p_big SELECT id FROM p_int;
    INSERT INTO p_text SELECT id FROM p_int;
    INSERT INTO p_two SELECT id, id FROM p_int;
    INSERT INTO p_array SELECT ARRAY[id] FROM p_int;
    INSERT INTO p_enum VALUES ('sad'), ('ok'), ('glad');
    CREATE TABLE plain (f int REFERENCES p_int);
    CREATE TABLE permuted (a int, b int, FOREIGN KEY (a, b) REFERENCES p_two);
    CREATE TABLE apart (a int, b int, x int, FOREIGN KEY (a, b) REFERENCES p_two);
    CREATE TABLE not_null (f int REFERENCES p_int);
    CREATE TABLE partial (f int REFERENCES p_int, x int);
    CREATE TABLE hashed (f int REFERENCES p_int);
    CREATE TABLE pattern (f text REFERENCES p_text);
    CREATE TABLE collated (f text REFERENCES p_text);
    CREATE TABLE included (f int REFERENCES p_int, x int);
    CREATE TABLE to_bigint (f int REFERENCES p_big);
    CREATE TABLE to_text (f varchar(20) REFERENCES p_text);
    CREATE TABLE brin (f int REFERENCES p_int);
    CREATE TABLE expression (f int REFERENCES p_int);
    CREATE TABLE of_domain (f positive REFERENCES p_int);
    CREATE TABLE of_enum (f mood REFERENCES p_enum);
    CREATE TABLE of_array (f int[] REFERENCES p_array);
    CREATE TABLE second (x int, f int REFERENCES p_int);
    INSERT INTO plain SELECT 1 + i * 7919 % 5000 FROM generate_series(1, 5000) i;
    INSERT INTO permuted SELECT f, f FROM plain;
    INSERT INTO apart SELECT f, f, f FROM plain;
    INSERT INTO not_null SELECT f FROM plain;
    INSERT INTO partial SELECT f, f % 5 FROM plain;
    INSERT INTO hashed SELECT f FROM plain;
    INSERT INTO pattern SELECT f FROM plain;
    INSERT INTO collated SELECT f FROM plain;
    INSERT INTO included SELECT f, f FROM plain;
    INSERT INTO to_bigint SELECT f FROM plain;
    INSERT INTO to_text SELECT f FROM plain;
    INSERT INTO brin SELECT f FROM plain;
    INSERT INTO expression SELECT f FROM plain;
    INSERT INTO of_domain SELECT f FROM plain;
    INSERT INTO of_enum SELECT (ARRAY['sad', 'ok'])[1 + f % 2]::mood FROM plain;
    INSERT INTO of_array SELECT ARRAY[f] FROM plain;
    INSERT INTO second SELECT f, f FROM plain;
    CREATE INDEX ON plain (f);
    CREATE INDEX ON permuted (b, a);
    CREATE INDEX ON apart (a, x, b);
    CREATE INDEX ON not_null (f) WHERE f IS NOT NULL;
    CREATE INDEX ON partial (f) WHERE x > 0;
    CREATE INDEX ON hashed USING hash (f);
    CREATE INDEX ON pattern (f text_pattern_ops);
    CREATE INDEX ON collated (f COLLATE \"POSIX\");
    CREATE INDEX ON included (x) INCLUDE (f);
    CREATE INDEX ON to_bigint (f);
    CREATE INDEX ON to_text (f);
    CREATE INDEX ON brin USING brin (f);
    CREATE INDEX ON expression ((f + 0));
    CREATE INDEX ON of_domain (f);
    CREATE INDEX ON of_enum (f);
    CREATE INDEX ON of_array (f);
    CREATE INDEX ON second (x, f);
    ANALYZE";

const DELETES: &str = "
    DELETE FROM p_int WHERE id > 5990;
    DELETE FROM p_big WHERE id > 5990;
    DELETE FROM p_text WHERE id::int > 5990;
    DELETE FROM p_two WHERE a > 5990;
    DELETE FROM p_enum WHERE id = 'glad';
    DELETE FROM p_array WHERE id[1] > 5990";

#[test]
fn foreign_keys_lack_an_index_exactly_where_deletes_use_none() {
    let database = Database::create();
    database.execute(FOREIGN_KEYS);
    let report = audit(&database, &["--only", "unindexed-foreign-key"]);
    let lacking: BTreeSet<String> = report.findings.into_iter().map(|finding| finding.table).collect();

    database.execute(DELETES);
    // What a session counted is seen some time after its end, scans of indexes together with deletes.
    let uncounted = "SELECT count(*) FROM pg_stat_user_tables WHERE relname LIKE 'p\\_%' AND n_tup_del = 0";
    while database.value(uncounted) != "0" {
        std::thread::yield_now();
    }
    let unused = database.query(
        "SELECT i.relname FROM pg_stat_user_indexes AS i JOIN pg_constraint AS c ON c.conrelid = i.relid
         WHERE c.contype = 'f' AND i.idx_scan = 0",
    );
    assert_eq!(lacking, unused.into_iter().collect());
    assert_eq!(lacking.len(), 6, "{lacking:?}");
}

const DEFECTS: &str = "
    CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, ref numeric UNIQUE);
    CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX users_email_note ON users (email);
    CREATE TABLE orders (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int REFERENCES users, at date, user_ref int REFERENCES users (ref)
    );
    CREATE INDEX orders_user ON orders (user_id);
    CREATE INDEX orders_user_at ON orders (user_id, at);
    ALTER TABLE orders ADD CONSTRAINT at_known CHECK (at IS NOT NULL) NOT VALID;
    COMMENT ON INDEX orders_user IS 'it''s old';
    SELECT setval('orders_id_seq', 2000000000);
    CREATE TABLE keyless (a int);
    CREATE TABLE logs (at date NOT NULL, kind int) PARTITION BY RANGE (at);
    CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TABLE logs_3 PARTITION OF logs FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
    CREATE INDEX logs_kind ON logs (kind);
    CREATE INDEX logs_kind_at ON logs (kind, at);
    INSERT INTO keyless VALUES (1), (1)";

pub(crate) fn with_defects() -> Database {
    let database = Database::create();
    database.execute(DEFECTS);
    // A unique build that fails leaves its index.
    let failed = database
        .with_client(|client| async move {
            Ok(client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY keyless_a ON keyless (a)").await)
        })
        .expect("the session lasts");
    assert!(failed.is_err());
    database
}

fn index_definitions(database: &Database) -> Vec<String> {
    database.query(
        "SELECT pg_get_indexdef(i.indexrelid) || i.indisvalid || coalesce(obj_description(i.indexrelid, 'pg_class'), '')
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
         WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1",
    )
}

#[test]
fn each_defect_is_found() {
    let report = audit(&with_defects(), &["--ignore", "unused-index"]);
    assert_eq!(
        ids(&report),
        [
            "duplicate-index public.users.users_email_note",
            "foreign-key-type-mismatch public.orders (user_ref)",
            "invalid-index public.keyless.keyless_a",
            "missing-primary-key public.keyless",
            "missing-primary-key public.logs",
            "redundant-index public.logs.logs_kind",
            "redundant-index public.orders.orders_user",
            "sequence-overflow public.orders (id)",
            "unvalidated-constraint public.orders (at)",
        ]
    );
    assert!(report.unseen.is_empty(), "{:?}", report.unseen);
}

/// Runs SQL as it was printed, one statement after the other.
fn run(database: &Database, sql: &str) {
    for statement in sql.lines() {
        database.execute(statement);
    }
}

#[test]
fn a_fix_ends_its_finding_and_undo_puts_the_index_back() {
    let database = with_defects();
    let before = index_definitions(&database);
    let only = ["--only", "duplicate-index", "--only", "redundant-index"];
    let report = audit(&database, &only);
    let fixed: Vec<&Finding> = report.findings.iter().filter(|finding| finding.fix_sql.is_some()).collect();
    assert_eq!(fixed.len(), 3);
    for finding in &fixed {
        run(&database, finding.fix_sql.as_deref().unwrap());
    }
    assert!(audit(&database, &only).findings.is_empty());
    for finding in fixed.iter().rev() {
        run(&database, finding.undo_sql.as_deref().unwrap());
    }
    assert_eq!(index_definitions(&database), before);
}

/// What `pg_get_indexdef` does not say is put back as well.
#[test]
fn undo_puts_comments_and_statistics_back() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, note text);
         INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 1000) AS i;
         CREATE INDEX t_lower ON t (lower(note));
         ALTER INDEX t_lower ALTER COLUMN 1 SET STATISTICS 50;
         COMMENT ON INDEX t_lower IS 'it''s by hand';
         CREATE INDEX t_lower_id ON t (lower(note), id);
         ANALYZE t",
    );
    let state = "SELECT pg_get_indexdef(c.oid) || a.attstattarget || obj_description(c.oid, 'pg_class')
                        || (SELECT count(*) FROM pg_stats WHERE tablename = 't_lower')
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                 WHERE c.relname = 't_lower'";
    let before = database.value(state);
    let report = audit(&database, &["--only", "redundant-index"]);
    assert_eq!(ids(&report), ["redundant-index public.t.t_lower"]);
    run(&database, report.findings[0].fix_sql.as_deref().unwrap());
    run(&database, report.findings[0].undo_sql.as_deref().unwrap());
    assert_eq!(database.value(state), before);
}

#[test]
fn the_table_is_for_people_and_files_are_for_ci() {
    let database = with_defects();
    let only = ["--only", "duplicate-index", "--only", "invalid-index"];
    let text = perfkit(&[&["index", "audit"], &only[..]].concat()).on(&database).exits(1).stdout;
    assert!(text.starts_with("severity  rule             place"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("-index ")).count(), 2, "{text}");
    assert!(text.contains("users_email_note"), "{text}");
    for (file, expected) in [
        ("audit.sql", "\nDROP INDEX CONCURRENTLY public.users_email_note;\n"),
        ("audit.md", "**duplicate-index**"),
        ("audit.html", "<pre>DROP INDEX CONCURRENTLY public.users_email_note;</pre>"),
        ("audit.sarif", "\"ruleId\": \"duplicate-index\""),
        ("audit.xml", "<testsuite name=\"duplicate-index\""),
        ("audit.csv", ",public,users,users_email_note,"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let args = [&["index", "audit", "-o", file], &only[..]].concat();
        perfkit(&args).within(folder.path()).on(&database).exits(1);
        let content = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(content.contains(expected), "{file}:\n{content}");
    }
}

#[test]
fn accepted_findings_stay_accepted() {
    let database = with_defects();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accepted.yaml");
    let run = |args: &[&str], status| -> Finished {
        let common = ["index", "audit", "--only", "duplicate-index", "--only", "invalid-index"];
        perfkit(&[&common, args].concat()).within(folder.path()).on(&database).exits(status)
    };
    run(&["--write-baseline", "accepted.yaml"], 0);
    let finished = run(&["--baseline", "accepted.yaml"], 0);
    assert!(finished.stdout.contains("no new findings (2 more accepted)"), "{}", finished.stdout);

    // What has a reason keeps it; what was put right is told; what has expired is reported again.
    let written = std::fs::read_to_string(&file).unwrap();
    let line = "  - finding: \"duplicate-index public.users.users_email_note\"\n";
    assert!(written.contains(line), "{written}");
    let dated = written.replace(line, &format!("{line}    reason: soon\n    until: \"2020-01-01\"\n"));
    std::fs::write(&file, dated).unwrap();
    database.execute("DROP INDEX keyless_a");
    let finished = run(&["--baseline", "accepted.yaml", "--write-baseline", "accepted.yaml"], 0);
    for expected in
        ["users_email_note\" was accepted until 2020-01-01", "keyless_a\", which is no longer found"]
    {
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("reason: \"soon\"") && !written.contains("keyless_a"), "{written}");
    run(&["--baseline", "accepted.yaml"], 1);

    // What a run does not look for stays accepted.
    let args = ["index", "audit", "--only", "redundant-index", "--write-baseline", "accepted.yaml"];
    perfkit(&args).within(folder.path()).on(&database).exits(0);
    let rewritten = std::fs::read_to_string(&file).unwrap();
    assert!(rewritten.contains("reason: \"soon\""), "{rewritten}");
}

#[test]
fn bad_input_is_refused() {
    let database = with_defects();
    let check = |args: &[&str], status, expected: &[&str]| {
        perfkit(&[&["index", "audit"], args].concat())
            .file("bad.yaml", "accepted:\n  - finding: a\n    until: tomorrow\n")
            .on(&database)
            .fails(status, expected);
    };
    check(&["--schema", "pubic"], 2, &["schema \"pubic\" does not exist", "Did you mean `public`?"]);
    check(&["--only", "duplicate-indexes"], 2, &["did you mean \"duplicate-index\"?"]);
    check(&["--baseline", "none.yaml"], 2, &["could not read baseline", "--write-baseline"]);
    check(&["--baseline", "bad.yaml"], 2, &["bad.yaml:3:12: until is \"tomorrow\""]);
    check(&["--replica", "postgresql://127.0.0.1:1/none"], 3, &["could not connect"]);
    check(&["--replica", "postgresql://h:port/x"], 2, &["invalid connection"]);
    let other = Database::create();
    check(&["--replica", &other.url], 2, &["is no replica of"]);
    check(&["--exact-bloat"], 2, &["CREATE EXTENSION pgstattuple"]);
}

#[test]
fn builds_that_run_are_no_leftovers() {
    let database = Database::create();
    database.execute("CREATE TABLE t (a int PRIMARY KEY, b int); CREATE TABLE other (a int)");
    // The build waits for this transaction.
    let report =
        database.while_session("BEGIN; UPDATE t SET b = 1; LOCK TABLE t IN ROW EXCLUSIVE MODE", || {
            let url = database.url.clone();
            let builder = std::thread::spawn(move || {
                Database { url }.execute("CREATE INDEX CONCURRENTLY t_b ON t (b)");
            });
            let waits = "SELECT count(*) FROM pg_stat_progress_create_index WHERE lockers_total > 0
                     AND datname = current_database()";
            while database.value(waits) == "0" {
                std::thread::yield_now();
            }
            (audit(&database, &["--only", "invalid-index"]), builder)
        });
    let (report, builder) = report;
    builder.join().expect("the build ends");
    assert!(report.findings.is_empty(), "{:?}", ids(&report));
}

/// A database that was just made has one note, and nothing that ends a CI job.
#[test]
fn young_counters_make_one_note() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b int, c int); CREATE INDEX t_b ON t (b); CREATE INDEX t_c ON t (c)",
    );
    let report = audit(&database, &[]);
    assert_eq!(ids(&report), [""; 0]);
    let unproven = report.unproven.expect("counters are as young as the server");
    let names: Vec<_> = unproven.indexes.iter().map(|index| index["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["t_b", "t_c"]);
    let text = perfkit(&["index", "audit"]).on(&database).succeeds().stdout;
    assert!(text.contains("2 indexes were not scanned, which proves nothing: "), "{text}");
    assert!(audit(&database, &["--ignore", "unused-index"]).unproven.is_none());
}

#[test]
fn bloat_is_measured_where_it_is_suspected() {
    let database = Database::create();
    database.execute(
        "CREATE EXTENSION pgstattuple; CREATE TABLE t (a int, b int);
         INSERT INTO t SELECT i, i FROM generate_series(1, 20000) i; CREATE INDEX t_a ON t (a); VACUUM ANALYZE t",
    );
    assert!(audit(&database, &["--only", "bloated-index", "--exact-bloat"]).findings.is_empty());
}

/// What a report proposes for an index is stored as that was, and all of it can be run.
#[test]
fn replacements_are_stored_as_before() {
    let database = Database::create();
    database.execute(
        "CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext;
         CREATE TABLE t (id int PRIMARY KEY, name text, other text);
         CREATE INDEX t_name ON t (name COLLATE \"POSIX\" DESC) WITH (fillfactor = 70) WHERE id IS NOT NULL;
         CREATE INDEX t_again ON t (name COLLATE \"POSIX\" DESC) WITH (fillfactor = 70) WHERE id IS NOT NULL AND name <> 'x';
         CREATE INDEX t_trgm ON t USING gist (name ext.gist_trgm_ops (siglen = 32)) WHERE id IS NOT NULL;
         CREATE INDEX t_lower ON t (lower(name)) WHERE id IS NOT NULL;
         ALTER INDEX t_lower ALTER COLUMN 1 SET STATISTICS 500;
         CREATE TABLE t_name_gist_trgm_ops_gist_idx ()",
    );
    let before = definitions_without_names(&database);
    let report = audit(&database, &["--only", "redundant-predicate"]);
    assert_eq!(report.findings.len(), 4, "{:?}", ids(&report));
    for finding in &report.findings {
        run(&database, finding.fix_sql.as_deref().expect("a fix"));
    }
    let expected: Vec<String> = before
        .iter()
        .map(|sql| sql.replace("(id IS NOT NULL) AND ", "").replace(" WHERE (id IS NOT NULL)", ""))
        .map(|sql| sql.replace("WHERE ((name <> 'x'::text))", "WHERE (name <> 'x'::text)"))
        .collect();
    let mut after = definitions_without_names(&database);
    let mut expected = expected;
    after.sort();
    expected.sort();
    assert_eq!(after, expected);
    let target = "SELECT a.attstattarget FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                  WHERE c.relname LIKE 't_lower_name%' AND a.attnum = 1";
    assert_eq!(database.value(target), "500");
}

/// Each definition from its access method on.
fn definitions_without_names(database: &Database) -> Vec<String> {
    let bodies = index_definitions(database).into_iter();
    bodies.map(|sql| sql.split_once(" USING ").map_or(String::new(), |(_, body)| body.to_owned())).collect()
}

/// Extended statistics tell how many combinations there are, so that the size of a fresh index is known.
#[test]
fn combinations_come_from_extended_statistics() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int) WITH (autovacuum_enabled = off);
         INSERT INTO t SELECT i, i % 1000, i % 1000 FROM generate_series(1, 100000) i;
         CREATE STATISTICS t_ab (ndistinct) ON b, a FROM t; CREATE INDEX t_a_b ON t (a, b); ANALYZE t",
    );
    let report = audit(&database, &["--only", "bloated-index", "--min-size", "1kB"]);
    assert!(report.findings.is_empty());
    assert!(!report.unseen.iter().any(|line| line.contains("t_a_b")), "{:?}", report.unseen);
}
