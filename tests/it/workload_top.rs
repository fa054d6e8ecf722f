//! `perfkit workload top` on `pg_stat_statements` and on small logs.

use crate::support::cli::perfkit;
use crate::support::pg::{Database, Server};

const LOG: &str = "\
2026-11-22 11:48:11.100 UTC [7] LOG:  duration: 250.000 ms  statement: SELECT a FROM t WHERE b = 5
2026-11-22 11:48:11.200 UTC [7] LOG:  duration: 50.000 ms  statement: SELECT a FROM t WHERE b = 6
2026-11-22 11:48:11.300 UTC [7] LOG:  duration: 100.000 ms  statement: DELETE FROM t WHERE b = 6
";

#[test]
fn shares_orders_and_types() {
    let of = |args: &[&str]| {
        let command = [&["workload", "top", "a.log"], args].concat();
        perfkit(&command).file("a.log", LOG).succeeds().stdout
    };
    insta::assert_snapshot!(of(&[]), @r"
    total ms   share  calls  mean ms  rows  blocks  type    statement
         300  75.0 %      2      150     -       -  select  SELECT a FROM t WHERE b = $1
         100  25.0 %      1      100     -       -  delete  DELETE FROM t WHERE b = $1

    select 75.0 % (2 calls), delete 25.0 % (1 calls)
    ");
    insta::assert_snapshot!(of(&["--slow", "100ms", "--by", "calls", "--type", "delete"]), @r"
    total ms   share  calls  mean ms  rows  blocks  type    statement
         100  28.6 %      1      100     -       -  delete  DELETE FROM t WHERE b = $1

    select 71.4 % (1 calls), delete 28.6 % (1 calls)
    ");
    perfkit(&["workload", "top", "a.log", "--slow", "9s"]).file("a.log", LOG).fails(2, &["Lower `--slow`"]);
    perfkit(&["workload", "top", "a.log", "--by", "x"])
        .file("a.log", LOG)
        .fails(2, &["known are total, calls"]);
}

#[test]
fn the_counters_of_a_server_are_added_up() {
    let server =
        Server::start("", &["listen_addresses=", "shared_preload_libraries=pg_stat_statements"], 5442);
    let database: Database = server.database("shop");
    database.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS a");
    perfkit(&["workload", "top"]).on(&database).fails(2, &["pg_stat_statements is not available"]);
    database.execute("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()");
    for n in 0..5 {
        database.query(&format!("SELECT a FROM t WHERE a > {n} LIMIT 7"));
    }
    let top = perfkit(&["workload", "top", "--json", "--by", "rows"]).on(&database).succeeds().json();
    let first = &top["statements"][0];
    assert_eq!(
        (&first["calls"], &first["rows"], &first["type"]),
        (&5.into(), &35.into(), &"select".into()),
        "{top:#}"
    );
    assert!(first["blocks"].as_u64() >= Some(5), "{top:#}");
}
