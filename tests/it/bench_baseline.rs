//! `perfkit bench --write-baseline` and `--baseline`

use std::path::Path;

use serde_json::Value;

use crate::support::cli::{Finished, perfkit};
use crate::support::pg::Database;

const CONFIG: &str = "workload:
  statements:
    - {name: by-key, sql: 'SELECT n FROM t WHERE id = $1', params: [{uniform: {min: 1, max: 5000}}]}
    - {name: some, sql: 'SELECT count(*) FROM t WHERE n = $1', params: [{uniform: {min: 0, max: 9}}]}
";

fn database() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n int) WITH (autovacuum_enabled = false);
         INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 5000) AS i; CREATE INDEX t_n ON t (n); VACUUM ANALYZE t",
    );
    database
}

fn bench(folder: &Path, database: &Database, args: &[&str], status: i32) -> Finished {
    std::fs::write(folder.join("perfkit.yaml"), CONFIG).expect("the folder can be written");
    let args = [&["bench", "--duration", "200ms", "--warm-up", "100ms", "-c", "2"], args].concat();
    perfkit(&args).within(folder).on(database).exits(status)
}

#[test]
fn the_same_work_passes_and_more_is_found() {
    let (database, folder) = (database(), tempfile::tempdir().unwrap());
    bench(folder.path(), &database, &["--write-baseline", "base.json"], 0);
    let same = bench(folder.path(), &database, &["--baseline", "base.json", "--json"], 0).json();
    assert_eq!(same["baseline"]["comparable"], true);
    let gates = same["baseline"]["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 8);
    assert!(gates.iter().all(|gate| gate["outcome"] == "same"), "{gates:?}");

    database.execute("DROP INDEX t_n");
    let worse = bench(folder.path(), &database, &["--baseline", "base.json", "--json"], 1).json();
    let gates = worse["baseline"]["gates"].as_array().unwrap();
    let worse: Vec<(&Value, &Value)> = gates
        .iter()
        .filter(|gate| gate["outcome"] == "worse")
        .map(|gate| (&gate["statement"], &gate["figure"]))
        .collect();
    assert_eq!(worse, [(&"some".into(), &"blocks".into())]);
    assert!(gates.iter().any(|gate| gate["figure"] == "plan" && gate["outcome"] == "another"));
    let markdown = bench(folder.path(), &database, &["--baseline", "base.json", "-o", "a.md"], 1);
    assert!(markdown.stderr.contains("wrote a.md"), "{}", markdown.stderr);
    let text = std::fs::read_to_string(folder.path().join("a.md")).unwrap();
    assert!(text.contains("| some | blocks |") && text.contains("| worse |"), "{text}");
}

#[test]
fn other_circumstances_are_not_comparable() {
    let (database, folder) = (database(), tempfile::tempdir().unwrap());
    bench(folder.path(), &database, &["--write-baseline", "base.json"], 0);
    database.execute("CREATE TABLE other (i int)");
    let run = bench(folder.path(), &database, &["--baseline", "base.json"], 4);
    assert!(run.stderr.contains("not comparable: there were 1 tables and are 2"), "{}", run.stderr);
    let run = bench(folder.path(), &database, &["--baseline", "base.json", "--seed", "7", "--json"], 4);
    assert!(run.json()["baseline"]["differences"].as_array().unwrap().len() == 2, "{}", run.stdout);
    bench(folder.path(), &database, &["--baseline", "none.json"], 2);
    std::fs::write(folder.path().join("bad.json"), "{}").unwrap();
    let run = bench(folder.path(), &database, &["--baseline", "bad.json"], 2);
    assert!(run.stderr.contains("--write-baseline"), "{}", run.stderr);
}

/// What changes data is rolled back, and counted all the same.
#[test]
fn counting_changes_nothing() {
    let (database, folder) = (database(), tempfile::tempdir().unwrap());
    let config = "workload: {statements: [{name: add, sql: 'INSERT INTO t VALUES (-1, 5)'}]}\n";
    std::fs::write(folder.path().join("w.yaml"), config).unwrap();
    let args = [
        "bench",
        "--duration",
        "100ms",
        "--warm-up",
        "50ms",
        "--allow-writes",
        "-w",
        "w.yaml",
        "--write-baseline",
        "b.json",
    ];
    // Every execution of the load after the first one fails on the key.
    perfkit(&args).within(folder.path()).on(&database).run();
    let baseline: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("b.json")).unwrap()).unwrap();
    let work = &baseline["statements"][0]["work"];
    assert!(work["wal_records"].as_u64().unwrap() >= 20 && work["blocks"].as_u64().unwrap() > 0, "{work}");
    assert_eq!(database.value("SELECT count(*) FROM t WHERE id = -1"), "1");
}
