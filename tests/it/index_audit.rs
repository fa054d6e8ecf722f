//! `perfkit index audit`

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::{Finished, perfkit};
use crate::support::pg::{Database, Server};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
struct Report {
    schema_version: u32,
    findings: Vec<Finding>,
    accepted: usize,
    frees_bytes: u64,
    schemas: Vec<String>,
    tables: usize,
    indexes: usize,
    counted_s: Option<f64>,
    replicas: Vec<Replica>,
    unseen: Vec<String>,
    unproven: Option<Unproven>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
struct Unproven {
    indexes: Vec<Value>,
    reason: String,
    wait_s: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading them checks that they are there")]
struct Finding {
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
struct Replica {
    label: String,
    counted_s: Option<f64>,
}

/// Runs an audit that has findings, or none.
fn audit(database: &Database, args: &[&str]) -> Report {
    let finished = perfkit(&[&["index", "audit", "--json"], args].concat()).on(database).run();
    let report: Report = finished.json_as();
    let expected = i32::from(!report.findings.is_empty());
    assert_eq!(finished.status, expected, "{}\n{}", finished.stdout, finished.stderr);
    report
}

fn ids(report: &Report) -> Vec<&str> {
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

fn with_defects() -> Database {
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
fn other_schemas_are_audited_when_asked() {
    let database = Database::create();
    database.execute(
        "CREATE SCHEMA \"Other\"; CREATE TABLE \"Other\".t (a int PRIMARY KEY); CREATE INDEX t_a ON \"Other\".t (a);
         CREATE TABLE fine (a int PRIMARY KEY)",
    );
    let finished = perfkit(&["index", "audit", "--ignore", "unused-index"]).on(&database).succeeds();
    assert!(
        finished.stderr.contains("not audited: 1 tables of \"Other\"; add `--schema '*'`"),
        "{}",
        finished.stderr
    );
    for schema in ["Other", "*"] {
        let report = audit(&database, &["--schema", schema, "--ignore", "unused-index"]);
        assert_eq!(ids(&report), ["duplicate-index \"Other\".t.t_a"]);
    }
}

#[test]
fn a_role_without_rights_is_told_what_it_cannot_see() {
    let database = with_defects();
    database.execute(
        "CREATE TABLE large AS SELECT i AS a, repeat('x', 100) AS b FROM generate_series(1, 20000) i;
         ALTER TABLE large ADD PRIMARY KEY (a); VACUUM ANALYZE large; GRANT USAGE ON SCHEMA public TO nobody_special",
    );
    let url = database.url_for("nobody_special");
    let restricted = Database { url };
    let report = audit(&restricted, &["--ignore", "unused-index"]);
    assert!(ids(&report).contains(&"redundant-index public.orders.orders_user"));
    for expected in ["statistics of public.large:", "how far 1 sequences are"] {
        assert!(report.unseen.iter().any(|line| line.starts_with(expected)), "{:?}", report.unseen);
    }
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

#[test]
fn scans_on_a_replica_count() {
    let primary = Server::start("true", &["listen_addresses=", "autovacuum=off"], 5432);
    let database = Database { url: primary.url("postgres", "postgres") };
    database.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b int); CREATE INDEX t_b ON t (b);
         INSERT INTO t SELECT i, i FROM generate_series(1, 5000) i; ANALYZE t; CHECKPOINT",
    );
    // What is on disk after a checkpoint, while nobody writes, is a backup.
    let copy = format!(
        "rm -rf ./* && cp -a {}/data/. . && rm -f postmaster.pid && touch standby.signal",
        primary.folder.display()
    );
    let standby = Server::start(&copy, &["listen_addresses=", "hot_standby=on"], 5432);
    let replica = Database { url: standby.url("postgres", "postgres") };
    let unused = ["--only", "unused-index", "--min-stats-age", "1ms"];
    assert_eq!(ids(&audit(&database, &unused)), ["unused-index public.t.t_b"]);
    assert_eq!(ids(&audit(&replica, &["--ignore", "unused-index"])), [""; 0]);

    replica.execute("SELECT * FROM t WHERE b = 7");
    while replica.value("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 't_b'") == "0" {
        std::thread::yield_now();
    }
    let report = audit(&database, &[&unused[..], &["--replica", &replica.url]].concat());
    assert_eq!(ids(&report), [""; 0]);
    assert_eq!(report.replicas.len(), 1);
    assert!(report.replicas[0].counted_s.is_some());
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

#[test]
fn a_snapshot_is_audited_without_its_database() {
    let database = with_defects();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.sql"), "SELECT id FROM users WHERE email = 'a'").unwrap();
    perfkit(&["index", "suggest", "-w", "w.sql", "--snapshot", "db.json"])
        .within(folder.path())
        .on(&database)
        .succeeds();
    let finished =
        perfkit(&["index", "audit", "--from-snapshot", "db.json", "--only", "duplicate-index", "--json"])
            .within(folder.path())
            .exits(1);
    let report: Report = finished.json_as();
    assert_eq!(ids(&report), ["duplicate-index public.users.users_email_note"]);
    assert_eq!(report.unseen.len(), 1);
}

/// The other side of a foreign key and the parent of a partition count, whatever schema they are in.
#[test]
fn a_schema_is_audited_with_what_it_refers_to() {
    let database = Database::create();
    database.execute(
        "CREATE SCHEMA far; CREATE TABLE far.p (id int PRIMARY KEY);
         CREATE TABLE logs (at int, note text) PARTITION BY RANGE (at); CREATE INDEX logs_at ON logs (at);
         CREATE TABLE far.logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (9);
         CREATE INDEX logs_1_at_again ON far.logs_1 (at);
         CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES far.p)",
    );
    let only = |rules: &[&'static str]| rules.iter().flat_map(|rule| ["--only", rule]).collect::<Vec<_>>();
    let rules = only(&["unindexed-foreign-key", "missing-primary-key", "duplicate-index"]);
    let near = audit(&database, &rules);
    assert_eq!(ids(&near), ["missing-primary-key public.logs", "unindexed-foreign-key public.child (p)"]);
    assert_eq!(near.tables, 2);
    let far = audit(&database, &[&["--schema", "far"][..], &rules].concat());
    assert_eq!(ids(&far), ["duplicate-index far.logs_1.logs_1_at_again"]);
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

#[test]
fn what_cannot_be_read_of_the_workload_is_said() {
    let database = with_defects();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.sql"), "SELECT 1;\nVACUUM;\nSELECT a FROM users WHERE (;\n")
        .unwrap();
    let args = ["index", "audit", "--only", "duplicate-index", "-w", "w.sql", "--json"];
    let finished = perfkit(&args).within(folder.path()).on(&database).exits(1);
    let report: Report = finished.json_as();
    assert!(
        report.unseen.iter().any(|line| line.starts_with("what a statement of the workload asks: ")
            && line.contains("cannot be parsed")),
        "{:?}",
        report.unseen
    );
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

/// What a definition can hold: every method, order, collation, operator class, parameter, option and way of quoting.
const INDEX_KINDS: &str = "
    CREATE SCHEMA \"Other\"; CREATE DOMAIN word AS text; CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TABLE \"Other\".t (a int, \"B\" text, \"order\" int);
    CREATE INDEX ON \"Other\".t (a); CREATE INDEX ON \"Other\".t (\"B\", \"order\" DESC);
    CREATE TABLE t (a int PRIMARY KEY, b text, c varchar(9), d word, e mood, f int[], g char(3), h name, i inet, j cidr,
                    k tsvector, l point, m jsonb, n text COLLATE \"C\", o int4range, p oid, q timestamptz, UNIQUE (b, c),
                    EXCLUDE USING gist (o WITH &&), UNIQUE (p) INCLUDE (q) DEFERRABLE);
    ALTER TABLE t ADD COLUMN dropped int; ALTER TABLE t DROP COLUMN dropped; ALTER TABLE t ADD COLUMN r int NOT NULL DEFAULT 1;
    CREATE INDEX ON t (b, a DESC, c ASC NULLS FIRST, q DESC NULLS LAST); CREATE INDEX ON t (c); CREATE INDEX ON t (d);
    CREATE INDEX ON t (e); CREATE INDEX ON t (f); CREATE INDEX ON t (g); CREATE INDEX ON t (h); CREATE INDEX ON t (i);
    CREATE INDEX ON t (j); CREATE INDEX ON t (n); CREATE INDEX ON t (n COLLATE \"POSIX\"); CREATE INDEX ON t (o);
    CREATE INDEX ON t (b text_pattern_ops); CREATE INDEX ON t (c varchar_ops); CREATE INDEX ON t (c bpchar_ops);
    CREATE INDEX ON t (p, r) INCLUDE (b, q); CREATE UNIQUE INDEX ON t (r, a); CREATE INDEX again ON t (r) WITH (fillfactor = 70);
    CREATE INDEX ON t (lower(b), a, (c || b) COLLATE \"C\"); CREATE INDEX ON t (a) WHERE b = 'x'; CREATE INDEX \"left\" ON t (a);
    CREATE INDEX ON t USING hash (b); CREATE INDEX ON t USING gin (k); CREATE INDEX ON t USING gin (m jsonb_path_ops);
    CREATE INDEX ON t USING gist (l); CREATE INDEX ON t USING gist (k tsvector_ops (siglen = 100));
    CREATE INDEX ON t USING brin (q) WITH (pages_per_range = 4); CREATE INDEX ON t USING brin (a int4_minmax_multi_ops);
    CREATE INDEX ON t USING spgist (b); ALTER TABLE t CLUSTER ON t_c_idx; ALTER TABLE t REPLICA IDENTITY FULL;
    CREATE INDEX ON t ((CASE WHEN a > 1 THEN b END)) WHERE (CASE WHEN a > 1 THEN b END) = 'x';
    CREATE INDEX ON t (a DESC) INCLUDE (b) WHERE CASE WHEN a > 1 THEN b IN ('x', 'y') ELSE NOT b ~~ 'y%' END;
    CREATE TABLE parted (a int, b int) PARTITION BY RANGE (a); CREATE TABLE part PARTITION OF parted DEFAULT;
    CREATE INDEX ON parted (b, a); CREATE INDEX ON ONLY parted (a); CREATE MATERIALIZED VIEW seen AS SELECT * FROM t;
    CREATE INDEX ON seen (a)";

#[test]
fn definitions_are_those_of_the_server() {
    let database = Database::create();
    database.execute(INDEX_KINDS);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.sql"), "SELECT a FROM t WHERE r = 1").unwrap();
    perfkit(&["index", "suggest", "-w", "w.sql", "--snapshot", "db.json"])
        .within(folder.path())
        .on(&database)
        .succeeds();
    let text = std::fs::read_to_string(folder.path().join("db.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let indexes = list(&snapshot["catalog"]["tables"]).into_iter().flat_map(|table| list(&table["indexes"]));
    let mut told = Vec::new();
    for index in indexes {
        told.push(index["definition"].as_str().unwrap().to_owned());
        for (key, n) in list(&index["keys"]).iter().zip(1..) {
            let name = key["column"].as_str().or(key["expression"].as_str()).unwrap();
            let name = if key["column"].is_null() { name.to_owned() } else { format!("column {name}") };
            told.push(format!("{} {n}: {name}", index["name"].as_str().unwrap()));
        }
    }
    told.sort();
    let mut expected = database.query(
        "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
         WHERE c.relnamespace::regnamespace::text IN ('public', '\"Other\"')
         UNION ALL
         SELECT c.relname || ' ' || n || ': ' || coalesce('column ' || a.attname, pg_get_indexdef(c.oid, n, false))
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
         CROSS JOIN LATERAL generate_series(1, i.indnkeyatts::int) AS n
         LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1] AND a.attnum > 0
         WHERE c.relnamespace::regnamespace::text IN ('public', '\"Other\"')",
    );
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn many_tables_are_read_in_two_sessions() {
    let database = Database::create();
    let tables = "DO $$ BEGIN
        FOR n IN 1..1100 LOOP EXECUTE format('CREATE TABLE t%s (a int, b text)', n); END LOOP;
    END $$";
    database.with_client(async |client| client.batch_execute(tables).await).expect("the tables are made");
    database.execute(
        "CREATE INDEX ON t1 (a); CREATE INDEX t1_again ON t1 (a); CREATE INDEX ON t1100 (lower(b));
         CREATE INDEX t1100_again ON t1100 (lower(b)); CREATE SEQUENCE s AS smallint OWNED BY t2.a; SELECT setval('s', 32000)",
    );
    let report = audit(&database, &["--only", "duplicate-index", "--only", "sequence-overflow"]);
    assert_eq!(
        ids(&report),
        [
            "duplicate-index public.t1.t1_again",
            "duplicate-index public.t1100.t1100_again",
            "sequence-overflow public.t2 (a)"
        ]
    );
    assert_eq!((report.tables, report.indexes), (1100, 4));

    // The second session goes to the server that answered the first one, and asks no other host again.
    let (mute, n_asked, is_over) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), AtomicUsize::new(0), AtomicBool::new(false));
    let address = mute.local_addr().unwrap();
    let hosts = database.url.replace("host=", "host=127.0.0.1,");
    let url = hosts.replace("port=", &format!("port={},", address.port())) + "&sslmode=disable";
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                drop(mute.accept());
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                n_asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        let finished = perfkit(&["index", "audit", "--only", "duplicate-index"]).on(&Database { url }).run();
        is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(address));
        assert_eq!(finished.status, 1, "{}", finished.stderr);
    });
    assert_eq!(n_asked.load(Ordering::SeqCst), 1);
}

#[test]
fn replicas_are_waited_for_all_at_once() {
    let database = Database::create();
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [first, second] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    let n_reached = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for listener in &listeners {
            let n_reached = &n_reached;
            scope.spawn(move || {
                let session = listener.accept();
                n_reached.fetch_add(1, Ordering::SeqCst);
                // Neither is refused before both were asked.
                while n_reached.load(Ordering::SeqCst) < 2 {
                    std::thread::yield_now();
                }
                drop(session);
            });
        }
        let url = |address| format!("postgresql://u@{address}/d?sslmode=disable");
        let finished = perfkit(&["index", "audit", "--replica", &url(first), "--replica", &url(second)])
            .on(&database)
            .run();
        let n_at_once = n_reached.load(Ordering::SeqCst);
        // Whoever still waits for a visitor goes on.
        for address in [first, second] {
            drop(TcpStream::connect(address));
        }
        assert_eq!(finished.status, 3);
        assert!(finished.stderr.contains("could not connect"), "{}", finished.stderr);
        assert_eq!(n_at_once, 2);
    });
}
