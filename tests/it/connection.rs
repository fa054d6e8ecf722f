//! How databases are named, reached and refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::cli::{Perfkit, output, perfkit};
use crate::support::pg::{Database, PASSWORD, SHARED, Server, server_file};

const WHO: &str = "SELECT current_user, current_setting('application_name')";

fn explain() -> Perfkit {
    perfkit(&["explain", WHO])
}

fn socket() -> String {
    SHARED.folder.display().to_string()
}

#[test]
fn without_a_database_it_says_how_to_name_one() {
    explain()
        .fails(2, &["no database is configured", "DATABASE_URL", "perfkit sandbox start", "perfkit demo"]);
}

#[test]
fn every_way_to_name_a_database_works() {
    let database = Database::create();
    perfkit(&["explain", "-d", &database.url, WHO]).succeeds();
    perfkit(&["explain", "-d", &format!("host={} port=5432 user=postgres dbname=postgres", socket()), WHO])
        .succeeds();
    explain().env("PGHOST", socket()).env("PGUSER", "postgres").env("PGDATABASE", "postgres").succeeds();
    explain().file("perfkit.yaml", &format!("database: {{url: '{}'}}", database.url)).succeeds();
    explain().file("perfkit.yaml", "database: {url: '${MY_URL}'}").env("MY_URL", &database.url).succeeds();
    let service = format!("[mine]\nhost={}\nuser=postgres\ndbname=postgres\n", socket());
    let run = explain().file("services", &service).env("PGSERVICE", "mine");
    let path = run.folder().join("services");
    run.env("PGSERVICEFILE", path).succeeds();
    // The second host answers where the first does not.
    let hosts = format!("host=/nowhere,{} user=postgres dbname=postgres", socket());
    perfkit(&["explain", "-d", &hosts, WHO]).succeeds();
}

#[test]
fn sessions_are_safe_by_default() {
    let database = Database::create();
    let setting = |name: &str| {
        let sql = format!(
            "SELECT * FROM pg_settings WHERE name = '{name}' AND setting = current_setting('{name}')"
        );
        perfkit(&["explain", &sql]).on(&database).succeeds();
    };
    setting("statement_timeout");
    // What the server sees of the session, while it runs.
    let (child, _folder) =
        perfkit(&["explain", "SELECT pg_sleep(2), current_setting('lock_timeout')"]).on(&database).spawn();
    let seen = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit' \
                AND query LIKE '%pg_sleep(2)%' AND pid <> pg_backend_pid()";
    let mut found = false;
    for _ in 0..100 {
        found = found || database.value(seen) == "1";
        std::thread::sleep(std::time::Duration::from_millis(15));
    }
    assert!(output(child).status.success());
    assert!(found, "application_name is perfkit");
    for (sql, status) in [
        ("SELECT 1 / (current_setting('statement_timeout') = '30s')::int", 0),
        ("SELECT 1 / (current_setting('lock_timeout') = '2s')::int", 0),
        ("SELECT 1 / (current_setting('default_transaction_read_only') = 'on')::int", 0),
        ("SELECT 1 / (current_setting('statement_timeout') = '7s')::int", 2),
    ] {
        perfkit(&["explain", sql]).on(&database).exits(status);
    }
}

#[test]
fn failures_say_what_failed_and_what_to_do() {
    perfkit(&["explain", "-d", "postgresql:///x?host=/nowhere&port=1", WHO])
        .fails(3, &["could not connect to /nowhere", "hint: "]);
    perfkit(&["explain", "-d", "postgresql://127.0.0.1:1/x", WHO])
        .fails(3, &["could not connect to 127.0.0.1:1/x", "refused"]);
    perfkit(&["explain", "-d", &SHARED.url("absent", "postgres"), WHO])
        .fails(3, &["\"absent\" does not exist", "3D000"]);
    perfkit(&["explain", "-d", "postgresql://h/d?sslmod=x", WHO]).fails(2, &["unknown parameter", "sslmode"]);
    perfkit(&["explain", "-d", "postgresql://h/d?sslmode=maybe", WHO])
        .fails(2, &["invalid sslmode \"maybe\""]);
    explain().env("PGSERVICE", "absent").fails(2, &["absent"]);
}

#[test]
fn passwords_are_asked_for_found_and_never_shown() {
    let url = SHARED.url("postgres", "secretive");
    explain().env("DATABASE_URL", &url).fails(3, &["password", "PGPASSWORD"]);
    let run =
        explain().env("DATABASE_URL", &url).env("PGPASSWORD", "wrong-one").fails(3, &["28P01", "PGPASSWORD"]);
    assert!(!run.stderr.contains("wrong-one"), "{}", run.stderr);
    explain().env("DATABASE_URL", &url).env("PGPASSWORD", PASSWORD).succeeds();
    for url in [
        "mysql://u:hush-hush@h/d",
        "postgresql://u:hush-hush/x@h/d",
        "u:hush-hush@h/d",
        "password=a hush-hush",
    ] {
        let run = perfkit(&["explain", "-d", url, WHO]).exits(2);
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    }
    let secret = url.replace("secretive", &format!("secretive&password={PASSWORD}x"));
    let run = perfkit(&["explain", "-d", &secret, WHO]).exits(3);
    assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);

    let passfile = |mode: u32| {
        let line = format!("*:5432:*:secretive:{PASSWORD}\n");
        let run = explain().env("DATABASE_URL", &url).file(".pgpass", &line);
        let path = run.folder().join(".pgpass");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        run
    };
    passfile(0o600).succeeds();
    passfile(0o644).fails(3, &["group or world access", "password"]);
}

#[test]
fn configuration_errors_name_the_place() {
    for (text, expected) in [
        ("databse: {}", "perfkit.yaml:1:1: unknown name `databse`"),
        ("database:\n  statement_timeout: soon", "perfkit.yaml:2"),
        ("database: {url: '${ABSENT}'}", "\"ABSENT\""),
        ("workload: {statements: [{sql: SELECT 1, weight: -1}]}", "weight"),
        ("a: [", "perfkit.yaml"),
    ] {
        explain().file("perfkit.yaml", text).fails(2, &[expected]);
    }
    perfkit(&["explain", "--config", "absent.yaml", WHO]).fails(2, &["absent.yaml"]);
    perfkit(&["explain", "-o", "x.pdf", WHO]).fails(2, &["x.pdf", ".json"]);
}

#[test]
fn a_standby_is_read_and_never_changed() {
    let standby = Server::start("touch standby.signal", &["listen_addresses=", "hot_standby=on"], 5432);
    let database = Database { url: standby.url("postgres", "postgres") };
    assert_eq!(database.value("SELECT pg_is_in_recovery()"), "t");
    explain().on(&database).succeeds();
    perfkit(&["seed"]).on(&database).fails(3, &["standby", "primary"]);
    perfkit(&["index", "undo", "--yes"]).on(&database).fails(3, &["standby", "primary"]);
    let add = ["counter", "add", "a.n", "--counts", "b", "--yes"];
    perfkit(&add).on(&database).fails(3, &["standby", "primary"]);
    perfkit(&["counter", "fold"]).on(&database).fails(3, &["standby", "primary"]);
    perfkit(&["counter", "drop", "a.n", "--yes"]).on(&database).fails(3, &["standby", "primary"]);
    perfkit(&["index", "apply", "--yes", "-w", "w.sql"])
        .file("w.sql", "SELECT 1")
        .on(&database)
        .fails(3, &["standby"]);
}

/// A certificate authority, a server with its certificate, and every `sslmode` against it.
#[test]
fn tls_has_the_meanings_of_libpq() {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let other_key = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap().self_signed(&other_key).unwrap();

    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| server_file(files.path(), name, text);
    let (cert_file, key_file) =
        (write("server.crt", &certificate.pem()), write("server.key", &key.serialize_pem()));
    let (ca_file, other_file) = (write("ca.crt", &ca_certificate.pem()), write("other.crt", &other.pem()));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start(
        "printf 'local all all trust\\nhostssl all all 127.0.0.1/32 trust\\nhostssl all all ::1/128 trust\\n' >pg_hba.conf",
        &[
            "listen_addresses=localhost",
            "ssl=on",
            &format!("ssl_cert_file={cert_file}"),
            &format!("ssl_key_file={key_file}"),
        ],
        port,
    );
    let _ = &server.folder;
    let check = |host: &str, options: &str, status: i32| {
        let url = format!("host={host} port={port} user=postgres dbname=postgres {options}");
        let run = perfkit(&["explain", "-d", &url, WHO]).run();
        assert_eq!(run.status, status, "{options}: {}", run.stderr);
    };
    check("localhost", "sslmode=disable", 3);
    check("localhost", "sslmode=allow", 0);
    check("localhost", "sslmode=prefer", 0);
    check("localhost", "sslmode=require", 0);
    check("localhost", "sslmode=verify-full", 2);
    check("localhost", &format!("sslmode=verify-full sslrootcert={ca_file}"), 0);
    check("localhost", &format!("sslmode=verify-ca sslrootcert={ca_file}"), 0);
    check("localhost", &format!("sslmode=verify-full sslrootcert={other_file}"), 3);
    check("localhost", &format!("sslmode=require sslrootcert={other_file}"), 3);
    // The certificate is for localhost, not for its address.
    check("127.0.0.1", &format!("sslmode=verify-ca sslrootcert={ca_file}"), 0);
    check("127.0.0.1", &format!("sslmode=verify-full sslrootcert={ca_file}"), 3);
}
