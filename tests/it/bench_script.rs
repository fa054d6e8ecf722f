//! `perfkit bench --file`: scripts of pgbench

use std::path::PathBuf;
use std::process::Command;

use crate::bench::{Report, Statement};
use crate::support::cli::{Finished, Perfkit, perfkit};
use crate::support::pg::{Database, bin, major};

/// A third of a second on two connections, unless `args` say otherwise.
fn bench(args: &[&str], script: &str) -> Perfkit {
    let defaults = [["--duration", "300ms"], ["--connections", "2"], ["--warm-up", "0s"]];
    let missing = defaults.into_iter().filter(|[name, _]| !args.contains(name)).flatten();
    let args: Vec<&str> = ["bench", "--json", "--file", "s.sql"]
        .into_iter()
        .chain(missing)
        .chain(args.iter().copied())
        .collect();
    perfkit(&args).file("s.sql", script)
}

/// Runs a script that may change data, and returns the figures of the script and of its statements.
fn figures(args: &[&str], script: &str, database: &Database) -> (Statement, Vec<Statement>) {
    let args = [&["--allow-writes"], args].concat();
    let report: Report = bench(&args, script).on(database).succeeds().json_as();
    let mut scripts = report.statements;
    assert_eq!(scripts.len(), 1);
    (scripts.remove(0), report.script_statements)
}

/// The classes of the first script's errors. Figures of a script that always fails are null.
fn errors(run: &Finished) -> Vec<String> {
    let json = run.json();
    let classes = json["statements"][0]["errors_by_sqlstate"].as_object().expect("there are classes");
    classes.keys().cloned().collect()
}

/// The real pgbench, which some packages of the server lack.
fn pgbench() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = installed.map(|version| version.path().join("bin/pgbench"));
    [bin().join("pgbench")]
        .into_iter()
        .chain(found)
        .find(|path| path.exists())
        .expect("there is a pgbench beside the server programs or below /usr/lib/postgresql")
}

fn run_pgbench(database: &Database, args: &[&str]) {
    let mut command = Command::new(pgbench());
    let output = command.args(args).arg(&database.url).output().expect("pgbench runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const EXPRESSIONS: [&str; 50] = [
    "1 + 2 * 3 - 4 / 3 % 2",
    "-7 / 2",
    "-7 % 3",
    "- 2 * - 3 + + 4",
    "7.0 / 2 - 1e-3",
    "1.0 / 3",
    "1e15 * 10.0",
    "123456789.0 * 1000000",
    ".00001 + 0.0",
    "1 | 2 # 7 & 12",
    "1 << 3 >> 1 << 2",
    "~ 1 + 2",
    "~ 1 | 4",
    "-1 >> 1",
    "1 = 1 and not 2 > 3 or false",
    "not 1 = 2",
    "NULL and false",
    "false and null",
    "true or null",
    "null + 1",
    "null is null",
    "1 is not null and 1 notnull and not 1 isnull",
    "1 = 2 is false",
    "2 >= 2.0 and 2 <> 3 and 2 != 3 and 1 < 2 and 2 <= 2",
    "case when 1 > 2 then 3 when 0 then 4 else 5 end",
    "case when null then 1 end",
    "case when 0.1 then 1.50 else 2 end",
    "abs(-17) + abs(-0.5)",
    "greatest(5, 4, 3, 2) - least(5, 4.0, 3, 2)",
    "least(:x, 3)",
    "int(5.4 + 3.8) + int(2.5) + int(3.5) + int(-2.5)",
    "double(5432) / 7",
    "pi() * 2",
    "sqrt(2.0) + exp(1.0) + ln(10)",
    "mod(54, 32) + mod(-54, 5)",
    "pow(2.0, 10) + power(2, -3)",
    "hash(10)",
    "hash(10, 5432)",
    "hash_fnv1a(10)",
    "hash_fnv1a(-10, 5432)",
    "hash_murmur2(10, -5432)",
    "-9223372036854775808",
    "9223372036854775807 - 1",
    "int(9.007199254740993e15)",
    "1.0 = 1 and 1 = 1.0",
    "random(4, 4) + random_zipfian(4, 4, 2) + random_gaussian(4, 4, 2) + random_exponential(4, 4, 2)",
    "(:x * 100 + :y) * :x",
    "case when :flag then :x else :y end",
    "permute(7, 100, 5432) + 1000 * permute(8, 100, 1)",
    "permute(123456789, 9223372036854775807) + permute(3, 3, -1)",
];

/// The same script, run by both, stores the same values.
#[test]
fn expressions_have_the_values_that_pgbench_gives_them() {
    let database = Database::create();
    // The permutation of version 14 is another one.
    let expressions: Vec<&str> =
        EXPRESSIONS.into_iter().filter(|text| major() > 14 || !text.starts_with("permute")).collect();
    let script = |table: &str| {
        let sets = expressions.iter().enumerate().map(|(i, text)| format!("\\set v{i} {text}\n"));
        let rows: Vec<String> =
            (0..expressions.len()).map(|i| format!("({i}, coalesce(:v{i}::text, 'NULL'))")).collect();
        let sets: String = sets.collect();
        format!("{sets}INSERT INTO {table} VALUES {};\n", rows.join(", "))
    };
    database
        .execute("CREATE TABLE by_pgbench (i int, value text); CREATE TABLE by_perfkit (i int, value text)");
    let definitions = ["-D", "x=3", "-D", "y=4.5", "-D", "flag=yes", "-D", "default_seed=77"];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script("by_pgbench")).unwrap();
    let path = file.path().to_str().unwrap();
    run_pgbench(&database, &[&["-n", "-t", "1", "-M", "prepared", "-f", path], &definitions[..]].concat());
    for protocol in ["extended", "prepared"] {
        let args = [&["--protocol", protocol], &definitions[..]].concat();
        let (run, _) = figures(&args, &script("by_perfkit"), &database);
        assert!(run.count > 0 && run.errors == 0, "{:?}", run.errors_by_sqlstate);
    }
    let different = database.query(
        "SELECT i || ': ' || a.value || ' is not ' || b.value FROM by_pgbench AS a
         JOIN (SELECT DISTINCT * FROM by_perfkit) AS b USING (i) WHERE a.value <> b.value ORDER BY i",
    );
    let named: Vec<String> = different
        .iter()
        .map(|row| {
            let i: usize = row.split(':').next().unwrap().parse().unwrap();
            format!("{} {row}", expressions[i])
        })
        .collect();
    assert!(named.is_empty(), "{named:#?}");
    assert_eq!(database.value("SELECT count(DISTINCT i) FROM by_perfkit"), expressions.len().to_string());
}

#[test]
fn a_script_is_a_transaction_of_several_statements() {
    let database = Database::create();
    database.execute("CREATE TABLE t AS SELECT 0 AS n; CREATE TABLE log (n int, txid bigint)");
    let script = "\\set d random(1, 5)\nBEGIN;\nUPDATE t SET n = n + :d;\nINSERT INTO log VALUES (:d, txid_current());\n-- the end\nEND;\n";
    for protocol in ["simple", "extended", "prepared"] {
        database.execute("UPDATE t SET n = 0; TRUNCATE log");
        let (run, statements) = figures(&["--protocol", protocol], script, &database);
        let names: Vec<&str> = statements.iter().map(|statement| statement.name.as_str()).collect();
        assert_eq!(names, ["s.sql:2", "s.sql:3", "s.sql:4", "s.sql:6"]);
        assert!(run.count > 0 && run.errors == 0, "{protocol}");
        assert!(statements.iter().all(|statement| statement.count >= run.count && statement.errors == 0));
        assert!(run.p50_ms >= statements[1].p50_ms, "the whole takes longer than a part");
        assert_eq!(
            database.value(
                "SELECT sum(log.n) = t.n AND count(*) = count(DISTINCT txid) FROM log, t GROUP BY t.n"
            ),
            "t"
        );
        assert_eq!(database.value("SELECT min(n) >= 1 AND max(n) <= 5 FROM log"), "t");
    }
}

#[test]
fn results_and_conditions_lead_a_script() {
    let database = Database::create();
    database.execute("CREATE TABLE log (branch text, a text, b text)");
    let script = "SELECT 7 AS a, NULL AS b, 'unused' AS c \\gset p_\n\
        SELECT 1 AS q \\; SELECT 2 AS r WHERE false \\; SELECT generate_series(3, 4) AS s \\aset\n\
        \\if :p_a = 7 and :p_b is null and random(0, 1) = 1\n\
        INSERT INTO log VALUES ('then', :q, :s);\n\
        \\else\n\
        INSERT INTO log VALUES ('else');\n\
        \\endif\n";
    let (run, _) = figures(&["--protocol", "simple"], script, &database);
    assert!(run.count > 0 && run.errors == 0, "{:?}", run.errors_by_sqlstate);
    let branches = database.query("SELECT DISTINCT concat_ws(' ', branch, a, b) FROM log ORDER BY 1");
    assert_eq!(branches, ["else", "then 1 4"]);
    let script = "SELECT 'it''s' AS a, NULL AS b \\gset\n\\if :b is null\nINSERT INTO log VALUES ('g', :a, :b);\n\\endif\n";
    for protocol in ["extended", "prepared"] {
        database.execute("TRUNCATE log");
        let (run, _) = figures(&["--protocol", protocol], script, &database);
        assert!(run.count > 0 && run.errors == 0, "{:?}", run.errors_by_sqlstate);
        assert_eq!(
            database.query("SELECT DISTINCT branch || ' ' || a || ' ' || (b IS NULL)::text FROM log"),
            ["g it's true"]
        );
    }
}

#[test]
fn a_result_of_no_row_or_several_fails_the_run() {
    let database = Database::create();
    let script = "SELECT 1 AS a FROM generate_series(1, (:client_id * 2)) \\gset\nSELECT :a;\n";
    let run = bench(&["--connections", "1"], script).on(&database).exits(4);
    assert_eq!(errors(&run), ["P0002"]);
    assert!(run.stderr.contains("s.sql:1: \\gset takes one row, and there is none"), "{}", run.stderr);
    assert_eq!(errors(&bench(&["-D", "client_id=1"], script).on(&database).exits(4)), ["P0003"]);
}

#[test]
fn pipelines_send_without_waiting() {
    let database = Database::create();
    database.execute("CREATE TABLE log (n int)");
    let script = "\\set n 1\n\\startpipeline\nBEGIN;\nINSERT INTO log VALUES (:n);\n\\syncpipeline\nINSERT INTO log VALUES (:n + 1);\nCOMMIT;\n\\endpipeline\nSELECT 1;\n";
    for protocol in ["extended", "prepared"] {
        database.execute("TRUNCATE log");
        let (run, statements) = figures(&["--protocol", protocol], script, &database);
        assert!(run.count > 0 && run.errors == 0, "{protocol}: {:?}", run.errors_by_sqlstate);
        assert!(statements.iter().all(|statement| statement.count >= run.count), "{protocol}");
        let done: u64 = database.value("SELECT count(*) FROM log WHERE n = 2").parse().unwrap();
        assert!(done >= run.count);
    }
    bench(&["--protocol", "simple", "--allow-writes"], script)
        .on(&database)
        .fails(2, &["the simple protocol has no pipelines", "--protocol extended"]);
}

#[test]
fn an_error_in_a_pipeline_ends_the_run_alone() {
    let database = Database::create();
    database.execute("CREATE TABLE log (n int)");
    // Half of the runs fail between two statements that are prepared with them.
    let script = "\\set n random(0, 1)\n\\startpipeline\nBEGIN;\nINSERT INTO log VALUES (1);\nSELECT 1 / :n::int;\nINSERT INTO log VALUES (2);\nCOMMIT;\n\\endpipeline\n";
    let (run, statements) = figures(&["--protocol", "prepared"], script, &database);
    assert_eq!(run.errors_by_sqlstate.keys().collect::<Vec<_>>(), ["22012"]);
    assert!(run.count > 0 && run.errors > 0);
    assert_eq!(statements[2].errors, run.errors);
    assert!(statements[3].errors == 0 && statements[3].count < statements[1].count);
    assert_eq!(
        database.value("SELECT count(*) FILTER (WHERE n = 1) = count(*) FILTER (WHERE n = 2) FROM log"),
        "t"
    );
}

/// A conflict is tried again with the same random numbers, after the transaction was rolled back.
#[test]
fn conflicts_are_tried_again_from_the_beginning() {
    let database = Database::create();
    database.load(
        "CREATE SEQUENCE tries; CREATE SEQUENCE last; CREATE TABLE log (n bigint);
         CREATE FUNCTION again(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('tries') % 2 = 1 THEN
                 PERFORM setval('last', n);
                 RAISE EXCEPTION 'in the way' USING ERRCODE = 'serialization_failure';
             END IF;
             IF (SELECT last_value FROM last) <> n THEN RAISE EXCEPTION 'another number'; END IF;
             RETURN n;
         END $$",
    );
    let script = "\\set n random(1, 1000000000000000)\nBEGIN;\nINSERT INTO log VALUES (:n);\nSELECT again(:n);\nEND;\n";
    let (run, statements) = figures(&["--connections", "1"], script, &database);
    assert!(run.count > 0 && run.errors == 0, "{:?}", run.errors_by_sqlstate);
    assert_eq!(run.retries, run.count);
    assert_eq!(statements[2].errors_by_sqlstate.keys().collect::<Vec<_>>(), ["40001"]);
    assert_eq!(database.value("SELECT count(*) FROM log"), run.count.to_string());
    assert_eq!(database.value("SELECT count(*) = count(DISTINCT n) FROM log"), "t");
}

#[test]
fn a_transaction_that_stays_open_is_an_error() {
    let database = Database::create();
    database.execute("CREATE TABLE log (n int)");
    let run = bench(&["--allow-writes"], "BEGIN;\nINSERT INTO log VALUES (1);\n").on(&database).exits(4);
    assert_eq!(errors(&run), ["25001"]);
    assert_eq!(database.value("SELECT count(*) FROM log"), "0");
}

#[test]
fn each_transaction_may_have_a_connection_of_its_own() {
    let database = Database::create();
    database.execute("CREATE TABLE log (pid int, client int)");
    let script = "INSERT INTO log VALUES (pg_backend_pid(), :client_id);\nSELECT 1;\n";
    let (run, statements) = figures(&["--connect"], script, &database);
    assert!(run.count > 2 && run.errors == 0);
    assert!(run.p50_ms > statements[0].p50_ms + statements[1].p50_ms, "to connect counts");
    assert_eq!(database.value("SELECT count(*) = count(DISTINCT pid) FROM log"), "t");
    assert_eq!(database.value("SELECT count(DISTINCT client) FROM log"), "2");
    let plain = perfkit(&["bench", "--json", "-C", "--duration", "300ms", "-c", "2", "--warm-up", "0s"])
        .file("perfkit.yaml", "workload: {statements: [{name: one, sql: SELECT 1}]}\n");
    let report: Report = plain.on(&database).succeeds().json_as();
    assert!(report.statements[0].count > 2 && report.script_statements.is_empty());
}

#[test]
fn sleeping_is_part_of_the_transaction_alone() {
    let database = Database::create();
    let script = "\\set ms 20\nSELECT 1;\n\\sleep :ms ms\n\\sleep 20ms\nSELECT 2;\n";
    let report: Report = bench(&["--duration", "1s"], script).on(&database).succeeds().json_as();
    let run = &report.statements[0];
    assert!(run.count > 2 && run.count <= 52, "{}", run.count);
    assert!(run.p50_ms >= 40.0 && report.script_statements[1].p50_ms < run.p50_ms);
}

#[test]
fn clients_draw_the_same_numbers_with_any_number_of_threads() {
    let database = Database::create();
    database.execute("CREATE TABLE log (id serial, threads text, client int, n int)");
    let script = "\\set n random_zipfian(1, 1000000, 1.1)\nINSERT INTO log (threads, client, n) VALUES (:threads, :client_id, :n);\n";
    for threads in ["1", "2"] {
        let threads_are = format!("threads={threads}");
        let args = [
            "--threads",
            threads,
            "-D",
            &threads_are,
            "--connections",
            "3",
            "--seed",
            "7",
            "--duration",
            "600ms",
        ];
        figures(&args, script, &database);
    }
    let drawn = database.query(
        "SELECT concat_ws(' ', client, (array_agg(n ORDER BY id))[1:5]) FROM log GROUP BY client, threads ORDER BY client, threads",
    );
    assert_eq!(drawn.len(), 6);
    assert!(drawn.chunks(2).all(|pair| pair[0] == pair[1]), "{drawn:?}");
    assert_ne!(drawn[0], drawn[2]);
}

#[test]
fn weights_say_how_often_a_script_runs() {
    let database = Database::create();
    let args =
        ["bench", "--json", "-f", "a.sql@3", "-f", "b.sql", "-f", "a.sql@0", "--duration", "1s", "-c", "2"];
    let run = perfkit(&args).file("a.sql", "SELECT 1;").file("b.sql", "SELECT 2");
    let report = run.on(&database).succeeds().json();
    let counts = [0, 1, 2].map(|i| report["statements"][i]["count"].as_u64().unwrap());
    let share = counts[0] as f64 / (counts[0] + counts[1]) as f64;
    assert!((0.7..0.8).contains(&share), "{counts:?}");
    assert_eq!((&report["statements"][2]["name"], counts[2]), (&"a.sql (2)".into(), 0));
}

#[test]
fn built_in_scripts_run_on_the_tables_of_pgbench() {
    let database = Database::create();
    let run = |name: &str, args: &[&str]| {
        let defaults = ["bench", "--json", "--duration", "300ms", "-c", "2", "-b", name];
        perfkit(&[&defaults, args].concat()).on(&database)
    };
    run("select-only", &[]).fails(2, &["pgbench_branches", "pgbench -i"]);
    run_pgbench(&database, &["-i", "-q", "-s", "2"]);
    let report: Report = run("select-only", &[]).succeeds().json_as();
    assert!(report.statements[0].count > 0 && report.statements[0].errors == 0);
    run("tpcb-like", &[]).fails(2, &["tpcb-like:6: the script changes data: UPDATE", "--allow-writes"]);
    for (name, n_statements) in [("tpcb-like", 7), ("simple", 5)] {
        let report: Report = run(name, &["--allow-writes"]).succeeds().json_as();
        assert!(report.statements[0].count > 0 && report.statements[0].errors == 0);
        assert_eq!(report.script_statements.len(), n_statements);
    }
    assert_eq!(
        database.value(
            "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)"
        ),
        "t"
    );
    assert_eq!(database.value("SELECT count(DISTINCT bid) FROM pgbench_history"), "2");
    run("s", &[]).fails(2, &["there is no one built-in script \"s\"", "simple-update"]);
}

#[test]
fn what_cannot_be_run_is_refused_at_the_start() {
    let database = Database::create();
    for (script, expected) in [
        ("\\set x 1 +\nSELECT 1;", &["s.sql:1:11: the expression ends too early"][..]),
        ("SELECT :ad;", &["s.sql:1:8: undefined variable \"ad\"", "-D ad=VALUE"]),
        ("\\setrandom x 1 10\nSELECT 1;", &["s.sql:1:1: \\setrandom is gone", "random(min, max)"]),
        ("\\shell true\nSELECT 1;", &["s.sql:1:1: \\shell is not run", "\\gset"]),
        ("\\set x 1\nSELECT ':x';", &["s.sql:2: variable :x stands within quotes", "--protocol simple"]),
        ("SELECT 1;\nDELETE FROM t;", &["s.sql:2: the script changes data: DELETE FROM t", "--allow-writes"]),
        ("SELECT 1;\nSELECT * FROM nowhere;", &["s.sql:2: the statement cannot be run", "nowhere"]),
    ] {
        bench(&[], script).on(&database).fails(2, expected);
    }
    bench(&["--file", "gone.sql"], "SELECT 1;")
        .on(&database)
        .fails(2, &["could not read script \"gone.sql\""]);
    bench(&["--workload", "s.sql"], "SELECT 1;").on(&database).exits(2);
    bench(&["-D", "x"], "SELECT 1;").on(&database).exits(2);
}

/// A script that comes to nothing without the server keeps the loop neither from the other one nor from its end.
#[test]
fn a_step_that_cannot_be_done_is_counted_and_told() {
    let database = Database::create();
    let args = ["--file", "good.sql"];
    let run = bench(&args, "\\set x 1 / (:client_id - :client_id)\nSELECT :x;").file("good.sql", "SELECT 1;");
    let run = run.on(&database).exits(4);
    assert_eq!(errors(&run), ["22012"]);
    assert!(run.json()["statements"][0]["count"] == 0 && run.json()["statements"][1]["count"] != 0);
    assert!(run.stderr.contains("s.sql:1: division by zero"), "{}", run.stderr);
}

#[test]
fn a_rate_is_one_of_scripts() {
    let database = Database::create();
    let args = ["--rate", "100", "--duration", "1s"];
    let report: Report = bench(&args, "SELECT 1;\nSELECT 2;").on(&database).succeeds().json_as();
    assert!((90..=100).contains(&report.statements[0].count), "{}", report.statements[0].count);
    assert!(report.schedule_lag["p50_ms"].as_f64().is_some());
}
