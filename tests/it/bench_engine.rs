//! The engine of `perfkit bench`: protocols, authentication, schedules, and what gets in the way.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::bench::Report;
use crate::support::cli::{Perfkit, end, perfkit};
use crate::support::pg::{Database, PASSWORD, SHARED, Server};

/// Half a second on two connections, unless `args` say otherwise.
fn bench(args: &[&str], statement: &str) -> Perfkit {
    let defaults = [["--duration", "500ms"], ["--connections", "2"]];
    let missing = defaults.into_iter().filter(|[name, _]| !args.contains(name)).flatten();
    let args: Vec<&str> =
        ["bench", "--json"].into_iter().chain(missing).chain(args.iter().copied()).collect();
    perfkit(&args).file("perfkit.yaml", &format!("workload:\n  statements:\n    - {statement}\n"))
}

#[test]
fn each_protocol_sends_the_same_values() {
    let database = Database::create();
    database.execute("CREATE TABLE t (label text, n int)");
    let statement = "{name: w, sql: 'INSERT INTO t VALUES ($1, $2)', params: [{choice: [\"it's $2\", null]}, {uniform: {min: -1, max: 1}}]}";
    for protocol in ["simple", "extended", "prepared"] {
        database.execute("TRUNCATE t");
        let report: Report = bench(&["--allow-writes", "--protocol", protocol, "--threads", "1"], statement)
            .on(&database)
            .succeeds()
            .json_as();
        assert!(report.statements[0].count > 0 && report.statements[0].errors == 0, "{protocol}");
        assert_eq!(
            database.query("SELECT concat_ws(' ', coalesce(label, 'NULL'), min(n), max(n)) FROM t GROUP BY label ORDER BY 1"),
            ["NULL -1 1", "it's $2 -1 1"],
            "{protocol}"
        );
    }
    bench(&["--protocol", "fax"], statement).on(&database).fails(2, &["fax", "prepared"]);
}

#[test]
fn sends_and_receives_more_than_a_socket_holds() {
    let database = Database::create();
    let text = "x".repeat(1_000_000);
    let statement = format!(
        "{{name: large, sql: 'SELECT $1::text || generate_series(1, 3)', params: [{{value: {text}}}]}}"
    );
    for protocol in ["simple", "prepared"] {
        let report: Report = bench(&["--protocol", protocol], &statement).on(&database).succeeds().json_as();
        assert!(report.statements[0].count > 0 && report.statements[0].errors == 0, "{protocol}");
    }
}

#[test]
fn takes_results_that_have_no_binary_form() {
    let database = Database::create();
    let statement = "{name: acl, sql: \"SELECT makeaclitem(10, 10, 'SELECT', false), ARRAY[makeaclitem(10, 10, 'SELECT', false)]\"}";
    let report: Report = bench(&[], statement).on(&database).succeeds().json_as();
    assert_eq!(report.statements[0].errors, 0);
}

#[test]
fn conflicts_are_tried_again() {
    let database = Database::create();
    database.execute("CREATE TABLE counter AS SELECT 0 AS n");
    let url = format!("{}&options=-c%20default_transaction_isolation%3Drepeatable%5C%20read", database.url);
    let statement = "{name: add, sql: UPDATE counter SET n = n + 1}";
    let report: Report =
        bench(&["--allow-writes", "--connections", "4"], statement).env("DATABASE_URL", url).run().json_as();
    let add = &report.statements[0];
    assert!(add.retries > 0 && add.count > 0, "{} retries, {} done", add.retries, add.count);
    assert!(add.errors_by_sqlstate.keys().all(|code| code == "40001"), "{:?}", add.errors_by_sqlstate);
}

#[test]
fn errors_are_counted_by_their_class() {
    let database = Database::create();
    let statement =
        "{name: maybe, sql: 'SELECT 1 / ($1::int * pg_backend_pid())', params: [{choice: [0, 1]}]}";
    let report: Report =
        bench(&["--threshold", "errors < 90%"], statement).on(&database).succeeds().json_as();
    let maybe = &report.statements[0];
    assert_eq!(maybe.errors_by_sqlstate.keys().collect::<Vec<_>>(), ["22012"]);
    let share = maybe.errors as f64 / (maybe.errors + maybe.count) as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
}

#[test]
fn random_arrivals_keep_the_rate() {
    let database = Database::create();
    let args = ["--rate", "400", "--arrivals", "poisson", "--duration", "1s"];
    let report: Report = bench(&args, "{name: one, sql: SELECT 1}").on(&database).succeeds().json_as();
    let count = report.statements[0].count;
    assert!((300..500).contains(&count), "{count} of 400");
}

/// While the server stalls, statements go on being due. By hand, with a statement every 10 ms on one connection: the first that meets
/// the stall is late by what is left of it, each after that by 10 ms less. p99 of 400 is the fifth from the top, so 40 ms below.
#[test]
fn a_stall_of_the_server_counts_from_the_schedule() {
    const STALL: Duration = Duration::from_millis(200);
    const PERIOD_MS: f64 = 10.0;
    const BELOW_MAX_MS: f64 = 4.0 * PERIOD_MS;
    /// What others may take from the generator while it catches up; two stalls of a machine at the same time are less.
    const SPARE_MS: f64 = 30.0;
    let database = Database::create();
    let (child, _folder) = bench(
        &["--rate", "100", "--duration", "4s", "--connections", "1"],
        "{name: read, sql: SELECT 20171107}",
    )
    .on(&database)
    .spawn();
    let backend =
        "datname = current_database() AND query ~ '^SELECT 20171107' AND backend_type = 'client backend'";
    database.await_true(&format!("SELECT count(*) = 1 FROM pg_stat_activity WHERE {backend}"));
    // The warm-up of a second is over, and there is time left.
    std::thread::sleep(Duration::from_millis(2500));
    let pid = database.value(&format!("SELECT pid FROM pg_stat_activity WHERE {backend}"));
    let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
    let stopped = Instant::now();
    std::thread::sleep(STALL);
    let stall_ms = stopped.elapsed().as_secs_f64() * 1e3;
    nix::sys::signal::kill(pid, Signal::SIGCONT).unwrap();
    let finished = end(child);
    assert_eq!(finished.status, 0, "{}", finished.stderr);
    let report: Report = finished.json_as();
    let read = &report.statements[0];
    assert_eq!(read.count, 400);
    // Three digits of a histogram.
    let rounded_down = |ms: f64| ms * 0.998;
    let [p99, max] = ["p99_ms", "max_ms"].map(|key| read.response[key].as_f64().unwrap());
    let lowest = rounded_down(stall_ms - PERIOD_MS);
    assert!(max >= lowest, "{max} of {stall_ms}");
    assert!(p99 >= lowest - BELOW_MAX_MS, "{p99} of {stall_ms}");
    let expected = max - BELOW_MAX_MS;
    assert!((rounded_down(expected)..=expected + SPARE_MS).contains(&p99), "{p99} of {expected}");
    // The others were not.
    assert!(read.p50_ms < 50.0, "{}", read.p50_ms);
}

#[test]
fn ctrl_c_cancels_what_runs_within_a_second() {
    let database = Database::create();
    let (child, _folder) =
        bench(&["--duration", "60s"], "{name: slow, sql: SELECT pg_sleep(20)}").on(&database).spawn();
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let deadline = Instant::now() + Duration::from_secs(20);
    while database.value(sleeping) != "2" {
        assert!(Instant::now() < deadline, "no statement runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Let the warm-up end.
    std::thread::sleep(Duration::from_millis(1200));
    let start = Instant::now();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let finished = end(child);
    let elapsed = start.elapsed();
    assert_eq!(finished.status, 130, "{}", finished.stderr);
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    let report = finished.json();
    assert_eq!(report["interrupted"], true);
    assert_eq!(
        (&report["statements"][0]["count"], &report["statements"][0]["errors"]),
        (&0.into(), &0.into())
    );
    assert_eq!(database.value(sleeping), "0");
}

#[test]
fn knows_scram_on_a_socket() {
    let database = Database { url: SHARED.url("postgres", "secretive") };
    let run = bench(&[], "{name: one, sql: SELECT 1}").on(&database).env("PGPASSWORD", PASSWORD).succeeds();
    let report: Report = run.json_as();
    assert!(report.valid && !run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD));
}

/// Over TLS, each way to show a password; SCRAM is tied to the certificate.
#[test]
fn knows_tls_and_passwords() {
    let files = tempfile::tempdir_in("/tmp").unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let cert_file = crate::support::pg::server_file(files.path(), "server.crt", &certificate.pem());
    let key_file = crate::support::pg::server_file(files.path(), "server.key", &key.serialize_pem());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start(
        "printf 'local all all trust\\nhostssl all scrambled all scram-sha-256\\nhostssl all hashed all md5\\nhost all plain all password\\n' >pg_hba.conf",
        &[
            "listen_addresses=localhost",
            "ssl=on",
            &format!("ssl_cert_file={cert_file}"),
            &format!("ssl_key_file={key_file}"),
        ],
        port,
    );
    let admin = Database { url: server.url("postgres", "postgres") };
    admin.execute(&format!(
        "CREATE ROLE scrambled LOGIN PASSWORD '{PASSWORD}';
         CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}';
         SET password_encryption = md5;
         CREATE ROLE hashed LOGIN PASSWORD '{PASSWORD}'"
    ));
    let check = |user: &str, options: &str| {
        let url = format!("host=localhost port={port} user={user} dbname=postgres {options}");
        let run =
            bench(&[], "{name: one, sql: SELECT 1}").env("DATABASE_URL", url).env("PGPASSWORD", PASSWORD);
        let run = run.succeeds();
        let report: Report = run.json_as();
        assert!(report.valid && report.statements[0].count > 0, "{user} {options}");
        assert!(!run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD));
    };
    check("scrambled", "sslmode=require channel_binding=require");
    check("scrambled", "sslmode=prefer channel_binding=disable");
    check("hashed", "sslmode=require");
    check("plain", "sslmode=disable");
}
