//! Time and memory of `perfkit index suggest` for a thousand different statements over twenty tables.

use std::fmt::Write as _;

use serde_json::Value;

use crate::memory::run;
use crate::support::Sandbox;

const N_TABLES: usize = 20;
const N_STATEMENTS: usize = 1000;
const COLUMNS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub(crate) fn measure() {
    let sandbox = Sandbox::start();
    let mut schema = String::new();
    for n in 0..N_TABLES {
        let _ = writeln!(
            schema,
            "CREATE TABLE t{n} (id int PRIMARY KEY, a int, b int, c text, d timestamptz, e numeric, f bool, g int, h text);
             INSERT INTO t{n} SELECT i, i % 1000, i % 77, 'c' || i % 500, timestamptz '2026-01-01' + i * interval '1 minute',
             i % 333, i % 50 = 0, i * 7919 % 20000, md5(i::text) FROM generate_series(1, 20000) AS i;"
        );
    }
    sandbox.session(async |client| client.batch_execute(&schema).await.expect("the tables are filled"));
    sandbox.session(async |client| client.batch_execute("VACUUM ANALYZE").await.expect("statistics"));
    let folder = tempfile::tempdir().expect("a folder for the workload");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (workload, report) = (path("workload.sql"), path("report.json"));
    std::fs::write(&workload, statements()).expect("the workload is written");
    let (run, _) =
        run(&mut sandbox.command(&["index", "suggest", "--quiet", "-w", &workload, "-o", &report]), |_| ());
    assert!(run.status.success(), "suggest ended with {}", run.status);
    let report = std::fs::read_to_string(&report).expect("the report was written");
    let report: Value = serde_json::from_str(&report).expect("suggest writes JSON");
    println!(
        "{} statements: {:.1} s, {} planner calls for {} candidates, {} MB resident at the most; cost {:.0} -> {:.0} with {} indexes",
        report["workload"]["statements"],
        run.elapsed.as_secs_f64(),
        report["what_if"]["calls"],
        report["what_if"]["candidates"],
        run.peak_kb / 1000,
        report["workload"]["cost_before"].as_f64().unwrap_or(0.0),
        report["workload"]["cost_after"].as_f64().unwrap_or(0.0),
        report["suggestions"].as_array().map_or(0, Vec::len),
    );
}

/// Different statements of one to three conditions, some with an order or a join.
fn statements() -> String {
    let mut state = 1_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut found = std::collections::BTreeSet::new();
    while found.len() < N_STATEMENTS {
        let (table, other) = (below(N_TABLES), below(N_TABLES));
        let first = below(COLUMNS.len());
        let conditions: Vec<String> = (0..=below(3))
            .map(|n| {
                let operator = if n > 0 && below(3) == 0 { ">" } else { "=" };
                format!("x.{} {operator} ${}", COLUMNS[(first + 3 * n) % COLUMNS.len()], n + 1)
            })
            .collect();
        let what = ["x.id", "x.*", "count(*)"][below(3)];
        let join = if below(12) == 0 { format!(" JOIN t{other} AS y ON y.a = x.g") } else { String::new() };
        let order = match below(5) {
            0 if what != "count(*)" => format!(" ORDER BY x.{} DESC LIMIT 10", COLUMNS[below(COLUMNS.len())]),
            _ => String::new(),
        };
        found.insert(format!(
            "SELECT {what} FROM t{table} AS x{join} WHERE {}{order};",
            conditions.join(" AND ")
        ));
    }
    found.into_iter().collect::<Vec<_>>().join("\n")
}
