//! Where the values of `perfkit bench` come from: distributions, sequences, queries, files, traces.

use crate::bench::Report;
use crate::support::cli::{Finished, Perfkit, perfkit};
use crate::support::pg::Database;

fn config(sql: &str, params: &str) -> String {
    format!("workload:\n  statements:\n    - name: one\n      sql: {sql}\n      params:\n{params}\n")
}

fn bench(config: &str, args: &[&str]) -> Perfkit {
    let fixed = ["bench", "--json", "--duration", "500ms", "-c", "3", "--allow-writes"];
    perfkit(&[&fixed, args].concat()).file("perfkit.yaml", config)
}

fn without_errors(run: &Finished) -> Report {
    let report: Report = run.json_as();
    assert!(report.statements[0].count > 0, "{}", run.stdout);
    assert_eq!(report.statements[0].errors_by_sqlstate.len(), 0, "{}", run.stdout);
    report
}

#[test]
fn numbers_are_spread_and_counted() {
    let database = Database::create();
    database.execute("CREATE TABLE t (id int PRIMARY KEY, middle int, low int)");
    let params = "        - {sequence: {min: 10}}
        - {normal: {min: 1, max: 100, parameter: 5}}
        - {exponential: {min: 1, max: 100, parameter: 5}}";
    for threads in ["1", "3"] {
        database.execute("TRUNCATE t");
        let config = config("INSERT INTO t VALUES ($1, $2, $3)", params);
        without_errors(&bench(&config, &["--threads", threads]).on(&database).succeeds());
        // Each client has every third number, without a gap, the warm-up included.
        let gaps = "SELECT count(*) FROM (SELECT id, lag(id) OVER (PARTITION BY id % 3 ORDER BY id) AS before FROM t) AS s
                    WHERE before IS NOT NULL AND id <> before + 3";
        assert_eq!(database.value(gaps), "0");
        assert_eq!(database.value("SELECT count(DISTINCT id % 3) || ' ' || min(id) FROM t"), "3 10");
        assert_eq!(
            database.value(
                "SELECT (min(middle) >= 1 AND max(middle) <= 100 AND avg(middle) BETWEEN 45 AND 55)
                    || ' ' || (min(low) >= 1 AND max(low) <= 100 AND avg(low) BETWEEN 12 AND 28) FROM t"
            ),
            "true true"
        );
    }
}

/// The values of each client, in their order, are those of the seed, whoever drives it.
#[test]
fn a_seed_gives_the_same_values_for_any_number_of_threads() {
    let database = Database::create();
    database.execute("CREATE TABLE drawn (n serial, client int DEFAULT pg_backend_pid(), value text)");
    let config =
        config("INSERT INTO drawn (value) VALUES ($1)", "        - {normal: {min: 1, max: 1000000000}}");
    let streams = |threads| {
        database.execute("TRUNCATE drawn");
        without_errors(&bench(&config, &["--warm-up", "0s", "--threads", threads]).on(&database).succeeds());
        let mut streams = database.query(
            "SELECT string_agg(value, ' ' ORDER BY n) FROM
             (SELECT *, row_number() OVER (PARTITION BY client ORDER BY n) AS place FROM drawn) AS d
             WHERE place <= 5 GROUP BY client",
        );
        streams.sort();
        streams
    };
    let of_one = streams("1");
    assert_eq!(of_one.len(), 3);
    assert_eq!(of_one, streams("3"));
}

#[test]
fn values_are_read_from_queries_and_files() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE people (id int, name text);
         INSERT INTO people SELECT i, CASE WHEN i % 7 > 0 THEN 'p' || i END FROM generate_series(1, 50) AS i;
         CREATE TABLE picked (id int, name text, number int, word text)",
    );
    let params = "        - {query: \"SELECT id, name FROM people\"}
        - {query: \"SELECT id, name FROM people\", column: name}
        - {csv: values/words.csv, column: number}
        - {csv: values/words.csv, column: 1}";
    let words = "word,number\n\"a, b\",1\n,2\n\"\",3\n";
    let config = config("INSERT INTO picked VALUES ($1, $2, $3, $4)", params);
    let run = bench(&config, &[]);
    std::fs::create_dir(run.folder().join("values")).unwrap();
    let run = run.file("values/words.csv", words);
    without_errors(&run.on(&database).succeeds());
    // Values of one source are of one row.
    let strays = "SELECT count(*) FROM picked AS p WHERE NOT EXISTS
        (SELECT FROM people AS o WHERE o.id = p.id AND o.name IS NOT DISTINCT FROM p.name)";
    assert_eq!(database.value(strays), "0");
    assert_eq!(
        database.query("SELECT DISTINCT number || ' ' || coalesce(word, 'NULL') FROM picked ORDER BY 1"),
        ["1 a, b", "2 NULL", "3 "]
    );
    assert!(database.value("SELECT count(DISTINCT id) FROM picked").parse::<u32>().unwrap() > 20);
}

const LOG: &str = "\
2026-11-22 11:48:11.100 UTC [7] LOG:  duration: 2.000 ms  statement: SELECT count(*) FROM t WHERE id = 5 AND kind = 'a'
2026-11-22 11:48:11.200 UTC [7] LOG:  duration: 2.000 ms  statement: SELECT count(*) FROM t WHERE id = 6 AND kind = 'b'
2026-11-22 11:48:11.300 UTC [7] LOG:  duration: 2.000 ms  statement: SELECT count(*) FROM gone WHERE id = 6
2026-11-22 11:48:11.400 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT max(id) FROM t
";

#[test]
fn values_are_those_of_a_trace() {
    let database = Database::create();
    database.execute("CREATE TABLE t (id int, kind text); CREATE TABLE seen (id int, kind text)");
    let sql = "SELECT count(*) FROM t WHERE kind = $1 AND id = $2";
    let params = "        - {trace: app.log}\n        - {trace: app.log}";
    let run = bench(&config(sql, params), &[]).file("app.log", LOG);
    run.on(&database).fails(2, &["perfkit.yaml:6:", "no execution of the statement"]);

    // A parameter in two places takes the values of calls that had one constant in both.
    let both = "INSERT INTO seen SELECT $1::int, 'both' WHERE $1::int > 0";
    let twice =
        LOG.replace("SELECT max(id) FROM t", "INSERT INTO seen SELECT '8'::int, 'both' WHERE '8'::int > 0");
    let params = "        - {trace: app.log}";
    without_errors(&bench(&config(both, params), &[]).file("app.log", &twice).on(&database).succeeds());
    assert_eq!(database.query("SELECT DISTINCT id || kind FROM seen"), ["8both"]);
    database.execute("TRUNCATE seen");
    let params = "        - {trace: app.log}\n        - {trace: app.log}";

    let sql = "INSERT INTO seen VALUES ($1, $2)";
    let log =
        LOG.replace("SELECT count(*) FROM t WHERE id = 5 AND kind = 'a'", "insert into seen values (5, 'a')");
    let run = bench(&config(sql, params), &[]).file("app.log", &log);
    without_errors(&run.on(&database).succeeds());
    assert_eq!(database.query("SELECT DISTINCT id || kind FROM seen"), ["5a"]);
}

/// Traces and logs are workloads themselves, of every command.
#[test]
fn a_log_is_a_workload() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (id int, kind text); INSERT INTO t SELECT i, 'a' FROM generate_series(1, 20000) AS i; ANALYZE t",
    );
    let run = |args: &[&str]| perfkit(args).file("app.log", LOG).on(&database).succeeds();
    let bench = run(&["bench", "--json", "--duration", "500ms", "-w", "app.log"]);
    let report: Report = bench.json_as();
    assert_eq!(report.statements.len(), 2);
    assert!(report.statements.iter().all(|statement| statement.count > 0 && statement.errors == 0));
    let share = report.statements[0].count as f64 / report.statements[1].count as f64;
    assert!(share > 1.0, "two calls against one: {share}");
    assert!(bench.stderr.contains("left out: SELECT count(*) FROM gone"), "{}", bench.stderr);

    let suggest = run(&["index", "suggest", "--json", "-w", "app.log"]).json();
    assert_eq!(suggest["suggestions"][0]["columns"][0], "id", "{suggest:#}");
    let explain = run(&["explain", "--json", "--top", "1", "-w", "app.log"]);
    assert!(explain.stdout.contains("Seq Scan"), "{}", explain.stdout);

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.log"), LOG).unwrap();
    perfkit(&["capture", "log", "--redact", "-o", "app.trace", "app.log"]).within(folder.path()).succeeds();
    let redacted = perfkit(&["bench", "--json", "--duration", "300ms", "-w", "app.trace"])
        .within(folder.path())
        .on(&database)
        .succeeds();
    assert!(redacted.stderr.contains("without their values"), "{}", redacted.stderr);
}

/// One rule for all commands: what somebody sent and this database does not take is named, and the rest goes on.
#[test]
fn statements_of_another_database_are_left_out() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (id int, kind text); INSERT INTO t SELECT i, 'a' FROM generate_series(1, 2000) AS i; ANALYZE t",
    );
    // As costly as all others, and without a duration: it is not known to have been observed by its time alone.
    let log = format!(
        "{LOG}2026-11-22 11:48:12.000 UTC [7] LOG:  duration: 900.000 ms  statement: SELECT max(id) FROM lost\n\
         2026-11-22 11:48:13.000 UTC [7] LOG:  statement: SELECT min(id) FROM gone\n"
    );
    let only_gone: String = log.split_inclusive('\n').filter(|line| line.contains("FROM gone")).collect();
    let commands: [&[&str]; 6] = [
        &["explain", "--top", "9"],
        &["explain", "--top", "9", "--estimate-only"],
        &["index", "suggest"],
        &["bench", "--duration", "300ms"],
        &["bench", "compare", "--calibrate", "--block", "100ms", "--max-pairs", "3", "-c", "2"],
        &["bench", "find-max", "--until", "p50 < 1s", "--window", "50ms", "-c", "2"],
    ];
    for command in commands {
        let args = [command, &["-w", "app.log"]].concat();
        let run = perfkit(&args).file("app.log", &log).on(&database).run();
        assert!(matches!(run.status, 0 | 1 | 4), "{command:?} {}: {}", run.status, run.stderr);
        for table in ["lost", "gone"] {
            let lines = run.stderr.lines().filter(|line| {
                line.contains("left out: SELECT")
                    && line.contains(&format!("relation \"{table}\" does not exist"))
            });
            assert!(lines.count() >= 1, "{command:?} {table}: {}", run.stderr);
        }
        perfkit(&args)
            .file("app.log", &only_gone)
            .on(&database)
            .fails(2, &["no statement of the workload can be used in this database", "does not exist"]);
    }
    // What somebody describes is meant to run.
    let described = "SELECT count(*) FROM gone;\nSELECT 1 FROM t;\n";
    for command in ["explain", "bench"] {
        perfkit(&[command, "-w", "app.sql"])
            .file("app.sql", described)
            .on(&database)
            .fails(2, &["relation \"gone\" does not exist"]);
    }
}

#[test]
fn what_cannot_be_read_is_an_error_at_the_start() {
    let database = Database::create();
    database.execute("CREATE TABLE t (id int)");
    let fails = |params: &str, expected: &[&str]| {
        let run = bench(&config("SELECT count(*) FROM t WHERE id = $1", params), &[]);
        run.file("words.csv", "word,number\nx,1\ny,two\nz,3\n")
            .file("none.csv", "word\n")
            .file("odd.csv", "a,b\n1\n")
            .on(&database)
            .fails(2, expected);
    };
    let number = "        - {csv: words.csv, column: number}";
    fails(
        number,
        &["words.csv:3:", "invalid input syntax for type integer: \"two\"", "$1 of statement \"one\""],
    );
    fails(
        "        - {csv: words.csv, column: id}",
        &["words.csv:1: there is no column \"id\"", "word, number"],
    );
    fails("        - {csv: none.csv}", &["none.csv: the file holds no row", "perfkit.yaml:6:"]);
    fails("        - {csv: odd.csv}", &["odd.csv:2: it has 1 values instead of 2"]);
    fails("        - {csv: gone.csv}", &["could not read", "gone.csv"]);
    fails("        - {query: SELECT id FROM t}", &["perfkit.yaml:6:", "the query returns no row"]);
    fails(
        "        - {query: SELECT 1 AS a, column: b}",
        &["perfkit.yaml:6:", "there is no column \"b\"; it has a"],
    );
    fails("        - {query: DELETE FROM t}", &["perfkit.yaml:6:", "must be a SELECT"]);
    fails("        - {query: SELECT id FROM gone}", &["perfkit.yaml:6:", "gone"]);
    fails("        - {normal: {min: 1, max: 9, parameter: 1}}", &["perfkit.yaml:6", "2 at least"]);
    fails("        - {query: SELECT 'x'}", &["statement \"one\" cannot be run", "\"x\""]);
}

#[test]
fn clients_think_and_tries_have_an_end() {
    let database = Database::create();
    let config = "workload: {statements: [{name: one, sql: SELECT 1}]}\n";
    let run =
        |args: &[&str], config: &str| -> Report { bench(config, args).on(&database).succeeds().json_as() };
    // Two turns in 500 ms at the most, three clients.
    assert!(run(&["--think", "300ms"], config).statements[0].count <= 6);
    let of_file = format!("{config}bench: {{think: 300ms}}\n");
    assert!(run(&[], &of_file).statements[0].count <= 6);
    bench(config, &["--think", "300ms", "--rate", "10"]).on(&database).fails(2, &["--think"]);

    database.query(
        "CREATE FUNCTION conflict() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE SQLSTATE '40001'; END$$",
    );
    let config =
        "workload: {statements: [{name: one, sql: SELECT conflict()}, {name: two, sql: SELECT 1}]}\n";
    for (tries, per_error) in [("1", 0), ("3", 2)] {
        // What only failed has no latency, and a run with it is none.
        let report = bench(config, &["--max-tries", tries]).on(&database).exits(4).json();
        let one = &report["statements"][0];
        let (errors, retries) = (one["errors"].as_u64().unwrap(), one["retries"].as_u64().unwrap());
        assert!(errors > 0 && retries == per_error * errors, "{errors} {retries}");
    }
}
