//! `perfkit index audit`: where it reads from, and what it can't see

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use crate::index_audit::{Report, audit, ids, with_defects};
use crate::support::cli::perfkit;
use crate::support::pg::{Database, Server};

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
