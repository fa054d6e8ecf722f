//! `perfkit workload n-plus-one` on a small log, as people and programs see it.

use std::io::{BufRead as _, BufReader};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::support::KilledAtDrop;
use crate::support::cli::perfkit;
use crate::support::pg::{Database, Server};

/// A list and a look-up for each of its rows, through the simple protocol.
fn log() -> String {
    log_of(3, "2.000")
}

/// The same with so many milliseconds from one end to the next.
fn log_of(step_ms: u64, duration_ms: &str) -> String {
    let line = |ms: u64, sql: &str| {
        format!("2026-11-22 11:48:11.{ms:03} UTC [7] LOG:  duration: {duration_ms} ms  statement: {sql}\n")
    };
    let lookups: String = (0..6)
        .map(|id| {
            let sql = format!("SELECT name FROM authors WHERE id = {id} /*route='/posts'*/");
            line(100 + (id + 1) * step_ms, &sql)
        })
        .collect();
    line(100, "SELECT id, author_id FROM posts LIMIT 6 /*route='/posts'*/") + &lookups
}

#[test]
fn a_loop_is_shown_with_what_it_costs() {
    let finished = perfkit(&["workload", "n-plus-one", "a.log"]).file("a.log", &log()).exits(1);
    insta::assert_snapshot!(finished.stdout, @r"
    n-plus-one: 6 calls in one burst, 15.0 ms wasted, confidence medium
      after     SELECT id, author_id FROM posts LIMIT $1
      repeated  SELECT name FROM authors WHERE id = $1
      values    id = 0, 1, 2, …
      seen      1 times, 6 calls in all; fingerprint 972f966449d59d81
      from      route=/posts
      doubt     how many rows the query before gave is not known
      remedy    fetch all at once with `= ANY ($1)`, or join the query before
      rewrite   not proven: no database was named to try it on
        SELECT id, name FROM authors WHERE id = ANY ($1::bigint[])
      note      the types of its parameters are guessed from the values
    ");
}

#[test]
fn accepted_statements_do_not_fail() {
    let found = perfkit(&["workload", "n-plus-one", "--json", "a.log"]).file("a.log", &log()).exits(1).json();
    let fingerprint = found["findings"][0]["fingerprint"].as_str().unwrap();
    let accepted =
        perfkit(&["workload", "n-plus-one", "--ignore", &fingerprint[..8], "a.log"]).file("a.log", &log());
    assert!(accepted.succeeds().stdout.contains("no loops found"));
}

#[test]
fn loops_that_cost_hardly_anything_are_counted() {
    let quick = log_of(0, "0.002");
    let args = ["workload", "n-plus-one", "--offline", "a.log"];
    let finished = perfkit(&args).file("a.log", &quick).succeeds();
    assert_eq!(finished.stdout, "no loop wastes 5 ms or more; `--strict` shows 1 that waste less\n");
}

#[test]
fn a_log_without_loops_is_fine() {
    let log = log();
    let log: String = log.split_inclusive('\n').take(3).collect();
    let finished = perfkit(&["workload", "n-plus-one", "a.log"]).file("a.log", &log).succeeds();
    assert_eq!(finished.stdout, "no loops found\n");
}

/// A capture proxy whose trace stays when it ends.
struct Proxy {
    child: KilledAtDrop,
    port: u16,
    folder: TempDir,
    _home: TempDir,
}

impl Proxy {
    fn start(database: &Database, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let trace = folder.path().join("a.trace").display().to_string();
        let args = ["capture", "proxy", "--listen", "127.0.0.1:0", "-o", &trace, "-d", &database.url];
        let (child, home) = perfkit(&[&args[..], more].concat()).spawn();
        let mut child = KilledAtDrop(child);
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("text");
            line.strip_prefix("proxy: 127.0.0.1:")?.split(' ').next()?.parse().ok()
        });
        // Nobody may see a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port: port.expect("it starts"), folder, _home: home }
    }

    /// Runs something with a client of the proxy, then ends both; returns the folder with the trace.
    #[expect(
        clippy::disallowed_methods,
        reason = "the client of an application, which goes through the proxy"
    )]
    fn record<F: Future<Output = ()>>(self, database: &Database, talk: impl FnOnce(Client) -> F) -> TempDir {
        let name = database.value("SELECT current_database()");
        let url = format!("host=127.0.0.1 port={} user=postgres dbname={name}", self.port);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&url, NoTls).await.expect("the proxy takes connections");
            let connection = tokio::spawn(connection);
            talk(client).await;
            drop(connection.await);
        });
        let Self { mut child, folder, .. } = self;
        kill(Pid::from_raw(child.id().try_into().expect("a small number")), Signal::SIGINT)
            .expect("it is ours");
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        folder
    }
}

/// Records of people asleep, without an index on whose they are.
fn sleepers() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE users (id int PRIMARY KEY, name text);
         INSERT INTO users SELECT i, 'n' || i FROM generate_series(1, 60) AS i;
         CREATE TABLE sleep_records (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, bedtime timestamptz NOT NULL);
         INSERT INTO sleep_records SELECT i, 1 + i * 7 % 50, timestamptz '2026-01-01' + i * interval '1 hour'
         FROM generate_series(1, 6000) AS i;
         ANALYZE",
    );
    database
}

fn finding<'a>(report: &'a Value, statement: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("a list");
    let found = findings.iter().find(|it| it["statement"].as_str().is_some_and(|it| it.contains(statement)));
    found.unwrap_or_else(|| panic!("no {statement:?} in {report:#}"))
}

const LIST: &str = "SELECT id, user_id FROM sleep_records ORDER BY bedtime DESC LIMIT 20";
const USER: &str = "SELECT name FROM users WHERE id = $1";
const NEWEST: &str = "SELECT id, bedtime FROM sleep_records WHERE user_id = $1 ORDER BY bedtime DESC LIMIT 3";
const COUNT: &str = "SELECT count(*) FROM sleep_records WHERE user_id = $1";

#[test]
fn a_loop_through_the_proxy_is_proven_and_its_rewrite_too() {
    let database = sleepers();
    let folder = Proxy::start(&database, &[]).record(&database, async |mut client| {
        for sql in [USER, NEWEST, COUNT] {
            let transaction = client.transaction().await.expect("it begins");
            let rows = transaction.query(LIST, &[]).await.expect("it runs");
            let statement = transaction.prepare(sql).await.expect("it is right");
            for row in rows {
                transaction.query(&statement, &[&row.get::<_, i32>("user_id")]).await.expect("it runs");
            }
            transaction.commit().await.expect("it ends");
        }
    });
    let command = |more: &[&str]| {
        perfkit(&[&["workload", "n-plus-one", "--strict", "a.trace"], more].concat()).within(folder.path())
    };
    let report = command(&["--json"]).on(&database).exits(1).json();

    let user = finding(&report, "FROM users");
    assert_eq!(
        (user["rule"].as_str(), user["confidence"].as_str()),
        (Some("n-plus-one"), Some("high")),
        "{user:#}"
    );
    assert_eq!(user["origins"][0]["column"], "user_id", "{user:#}");
    assert_eq!(
        user["parent_statement"],
        "SELECT id, user_id FROM sleep_records ORDER BY bedtime DESC LIMIT $1"
    );
    let rewrite = &user["rewrite"];
    assert_eq!(
        (&rewrite["verified"], rewrite["form"].as_str()),
        (&Value::Bool(true), Some("any")),
        "{rewrite:#}"
    );
    assert_eq!(rewrite["sql"], "SELECT id, name FROM users WHERE id = ANY ($1::integer[])");
    assert!(rewrite["speed_up"].as_f64().is_some_and(|ratio| ratio > 1.0), "{rewrite:#}");
    assert_eq!(rewrite["index"]["existing"], "users_pkey");
    assert_eq!(rewrite["joined"]["verified"], true, "{rewrite:#}");

    let newest = &finding(&report, "ORDER BY bedtime DESC LIMIT $2")["rewrite"];
    assert_eq!(
        (&newest["verified"], newest["form"].as_str()),
        (&Value::Bool(true), Some("lateral")),
        "{newest:#}"
    );
    let ddl = newest["index"]["ddl"].as_str().unwrap_or_default();
    assert!(ddl.contains("sleep_records (user_id, bedtime"), "{newest:#}");

    let count = finding(&report, "count(*)");
    assert_eq!(count["rule"], "count-loop");
    let rewrite = &count["rewrite"];
    assert_eq!(
        (&rewrite["verified"], rewrite["form"].as_str()),
        (&Value::Bool(true), Some("grouped")),
        "{rewrite:#}"
    );
    assert!(rewrite["speed_up"].as_f64().is_some_and(|ratio| ratio > 1.0), "{rewrite:#}");
    assert_eq!(rewrite["counter"], "perfkit counter add users.sleep_records_count --counts sleep_records");

    // With the index that was missing.
    database.execute(&ddl.replace(" CONCURRENTLY", ""));
    let report = command(&["--json"]).on(&database).exits(1).json();
    assert!(finding(&report, "count(*)")["rewrite"]["index"]["existing"].is_string());

    let text = command(&[]).on(&database).exits(1).stdout;
    for part in [
        "proven for 23 keys",
        "proof     100 % of the values of $1 are column \"user_id\"",
        "CROSS JOIN LATERAL",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    let offline = command(&["--json"]).exits(1).json();
    let rewrite = &finding(&offline, "FROM users")["rewrite"];
    assert_eq!(
        (&rewrite["verified"], rewrite["reason"].as_str()),
        (&Value::Null, Some("no database was named to try it on"))
    );
    assert_eq!(rewrite["sql"], "SELECT id, name FROM users WHERE id = ANY ($1::integer[])");
}

#[test]
fn without_hashes_nothing_is_said_of_where_values_come_from() {
    let database = sleepers();
    let folder = Proxy::start(&database, &["--no-hashes"]).record(&database, async |mut client| {
        let transaction = client.transaction().await.expect("it begins");
        let rows = transaction.query(LIST, &[]).await.expect("it runs");
        let statement = transaction.prepare(USER).await.expect("it is right");
        for row in rows {
            transaction.query(&statement, &[&row.get::<_, i32>("user_id")]).await.expect("it runs");
        }
        transaction.commit().await.expect("it ends");
    });
    let args = ["workload", "n-plus-one", "--strict", "--json", "a.trace"];
    let report = perfkit(&args).within(folder.path()).on(&database).exits(1).json();
    let user = finding(&report, "FROM users");
    assert_eq!(
        (&user["origins"], user["confidence"].as_str()),
        (&serde_json::json!([]), Some("high")),
        "{user:#}"
    );
    assert_eq!(
        (&user["rewrite"]["verified"], &user["rewrite"]["joined"]),
        (&Value::Bool(true), &Value::Null)
    );
    let shown = perfkit(&["capture", "show", "--json", "a.trace"]).within(folder.path()).succeeds().stdout;
    assert!(!shown.contains("\"hashes\""), "{shown}");
}

/// The keys hold one twice, NULL, and one without rows: a LIMIT for all and a plain `= ANY` would be wrong.
#[test]
fn rewrites_are_right_where_the_obvious_one_is_not() {
    let database = sleepers();
    let keys = [Some(3), Some(9), Some(3), None, Some(5), Some(60), Some(4)];
    let folder = Proxy::start(&database, &[]).record(&database, async |client| {
        let statement = client.prepare(NEWEST).await.expect("it is right");
        for key in keys {
            client.query(&statement, &[&key]).await.expect("it runs");
        }
    });
    let args = ["workload", "n-plus-one", "--strict", "--json", "a.trace"];
    let report = perfkit(&args).within(folder.path()).on(&database).run().json();
    let rewrite = &finding(&report, "LIMIT $2")["rewrite"];
    assert_eq!(
        (&rewrite["verified"], rewrite["form"].as_str()),
        (&Value::Bool(true), Some("lateral")),
        "{rewrite:#}"
    );
    let sql = rewrite["sql"].as_str().expect("there is one");

    let array = keys.map(|key| key.map_or("NULL".to_owned(), |key: i32| key.to_string())).join(",");
    let at_once = sql.replace("$1", &format!("'{{{array}}}'"));
    let alone = keys.iter().zip(1..).filter_map(|(key, n)| {
        let one = NEWEST.replace("$1", &(*key)?.to_string());
        Some(format!("(SELECT {n} AS n, child.id, row_number() OVER () FROM ({one}) AS child)"))
    });
    let alone = format!(
        "SELECT n || ' ' || id FROM ({}) AS alone ORDER BY n, row_number",
        alone.collect::<Vec<_>>().join(" UNION ALL ")
    );
    let at_once = format!(
        "SELECT ord || ' ' || id FROM ({at_once}) AS at_once (ord, id, bedtime, place) ORDER BY ord, place"
    );
    let expected = database.query(&alone);
    assert_eq!((database.query(&at_once), expected.len()), (expected.clone(), 15));
}

#[test]
fn counters_of_statements_make_a_loop_likely() {
    let server =
        Server::start("", &["listen_addresses=", "shared_preload_libraries=pg_stat_statements"], 5432);
    let database = server.database("likely");
    database.execute(
        "CREATE EXTENSION pg_stat_statements;
         CREATE TABLE users (id int PRIMARY KEY, name text);
         CREATE TABLE notes (id int PRIMARY KEY, author_id int REFERENCES users);
         CREATE TABLE settings (id int PRIMARY KEY, value text);
         INSERT INTO users SELECT i FROM generate_series(1, 10) AS i;
         INSERT INTO settings SELECT i FROM generate_series(1, 10) AS i;
         INSERT INTO notes SELECT i, i FROM generate_series(1, 10) AS i;
         SELECT pg_stat_statements_reset()",
    );
    for _ in 0..3 {
        database.execute("SELECT id, author_id FROM notes LIMIT 10");
        for id in 1..=10 {
            database.execute(&format!(
                "SELECT name FROM users WHERE id = {id}; SELECT value FROM settings WHERE id = {id}"
            ));
        }
    }
    let report = perfkit(&["workload", "n-plus-one", "--strict", "--json"]).on(&database).succeeds().json();
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1, "{report:#}");
    let found = &findings[0];
    assert_eq!(
        (found["confidence"].as_str(), found["scope"].as_str(), &found["repeats"], &found["fails"]),
        (Some("likely"), Some("statistics"), &Value::from(10), &Value::Bool(false)),
    );
    assert_eq!(found["rewrite"]["verified"], Value::Null);
    assert_eq!(found["rewrite"]["sql"], "SELECT id, name FROM users WHERE id = ANY ($1::integer[])");
}

#[test]
fn a_database_that_is_not_there_can_be_left_out() {
    let args = |more: &[&'static str]| [&["workload", "n-plus-one", "a.log"], more].concat();
    let command = |more: &[&'static str]| {
        let url = "postgresql://127.0.0.1:1/nothing?connect_timeout=2";
        perfkit(&args(more)).file("a.log", &log()).env("DATABASE_URL", url)
    };
    command(&[]).fails(3, &["--offline"]);
    command(&["--offline"]).exits(1);
}
