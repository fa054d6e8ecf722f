//! What `perfkit bench` says of the server beside the client.

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::{Database, Server};

const CONFIG: &str = "workload:
  statements:
    - {name: read, sql: 'SELECT n FROM t WHERE id = $1', params: [{uniform: {min: 1, max: 1000}}]}
    - {name: write, sql: 'UPDATE t SET n = n + 1 WHERE id = $1', params: [{uniform: {min: 1, max: 1000}}]}
";

fn bench(database: &Database, args: &[&str]) -> (Value, String) {
    let args =
        [&["bench", "--json", "--duration", "1500ms", "--warm-up", "1ms", "-c", "2", "--allow-writes"], args]
            .concat();
    let run = perfkit(&args).file("perfkit.yaml", CONFIG).on(database).succeeds();
    (run.json(), run.stderr)
}

#[test]
fn counts_the_work_of_each_statement_by_every_protocol() {
    let server =
        Server::start("", &["listen_addresses=", "shared_preload_libraries=pg_stat_statements"], 5432);
    let database = Database { url: server.url("postgres", "postgres") };
    database.execute(
        "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (id int PRIMARY KEY, n int);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 1000) AS i; VACUUM ANALYZE t",
    );
    for protocol in ["prepared", "simple"] {
        let (report, _) = bench(&database, &["--protocol", protocol, "--rate", "200"]);
        let server = &report["server"];
        let statements = server["statements"].as_array().unwrap();
        let names: Vec<_> = statements.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["read", "write"], "{protocol}");
        for (of_server, of_client) in statements.iter().zip(report["statements"].as_array().unwrap()) {
            let [calls, count] = [&of_server["calls"], &of_client["count"]].map(|n| n.as_u64().unwrap());
            // What the warm-up had on its way may count on one side.
            assert!(calls.abs_diff(count) <= 10 + count / 10, "{protocol}: {calls} and {count}");
            assert!(of_server["exec_ms"].as_f64().unwrap() > 0.0);
            let (rows, hit) =
                (of_server["rows"].as_u64().unwrap(), of_server["shared_blks_hit"].as_u64().unwrap());
            assert!(rows == calls && hit >= 2 * calls, "{of_server}");
        }
        assert!(statements[1]["wal_bytes"].as_u64().unwrap() > 0);
        assert!(server["checkpoints"].is_u64() && server["wait_samples"].as_u64().unwrap() > 3);
        let plans = server["plans"].as_array().unwrap();
        assert!(plans.len() == 2 && plans.iter().all(|plan| plan["shape"].as_str().unwrap().len() == 16));
    }
}

#[test]
fn sees_what_sessions_wait_for_and_misses_the_extension_quietly() {
    let database = Database::create();
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int)");
    let config = "workload: {statements: [{name: nap, sql: SELECT pg_sleep(0.05)}]}\n";
    let run = perfkit(&["bench", "--json", "--duration", "1500ms", "-c", "4"])
        .file("perfkit.yaml", config)
        .on(&database)
        .succeeds();
    let server = &run.json()["server"];
    assert!(server["statements"].is_null());
    assert_eq!(server["waits"][0]["name"], "Timeout: PgSleep");
    assert!(server["waits"][0]["share"].as_f64().unwrap() > 0.8, "{server}");
    assert!(server["notes"][0].as_str().unwrap().starts_with("pg_stat_statements is not in this database"));
    assert!(!run.stderr.contains("pg_stat_statements"), "{}", run.stderr);
}
