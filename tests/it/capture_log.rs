//! `perfkit capture log` and the commands that read its traces, on logs that real servers write.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use tokio_postgres::types::ToSql;

use crate::support::cli::{Perfkit, perfkit};
use crate::support::pg::{Database, Server, major};

/// Logs of one server in every format that it knows.
static LOGS: LazyLock<PathBuf> = LazyLock::new(|| {
    let server = Server::start(
        "",
        &[
            "listen_addresses=",
            "logging_collector=on",
            "log_directory=log",
            "log_filename=all",
            "log_rotation_size=0",
            "log_file_mode=0644",
            if major() >= 15 {
                "log_destination=stderr,csvlog,jsonlog"
            } else {
                "log_destination=stderr,csvlog"
            },
            "log_min_duration_statement=0",
            "log_line_prefix=%m [%p] %q%u@%d %a %v %e ",
        ],
        5441,
    );
    run_application(&server.database("shop"));
    // Its collector writes what it has.
    server.control(&["stop", "-m", "fast"]);
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    for ending in ["", ".csv", ".json"] {
        let log = server.folder.join(format!("data/log/all{ending}"));
        if let Ok(text) = std::fs::read(&log) {
            std::fs::write(
                folder.join(format!("all{}", if ending.is_empty() { ".log" } else { ending })),
                text,
            )
            .expect("the folder can be written");
        }
    }
    folder
});

/// Twelve posts, an author for each, one error, and a transaction that inserts.
fn run_application(database: &Database) {
    database.load(
        "CREATE TABLE authors (id int PRIMARY KEY, name text);
         CREATE TABLE posts (id int PRIMARY KEY, author_id int, title text);
         INSERT INTO authors SELECT n, 'author ' || n FROM generate_series(1, 50) n;
         INSERT INTO posts SELECT n, n, E'it''s\\npost ' || n FROM generate_series(1, 50) n;",
    );
    database
        .with_client(|client| async move {
            client.batch_execute("SET application_name = 'the app'").await?;
            let posts = client.prepare("SELECT id, author_id FROM posts ORDER BY id LIMIT $1").await?;
            let author = client.prepare("SELECT name\nFROM authors WHERE id = $1").await?;
            client.batch_execute("BEGIN").await?;
            for row in client.query(&posts, &[&12_i64]).await? {
                let id: i32 = row.get("author_id");
                client.query(&author, &[&id as &(dyn ToSql + Sync)]).await?;
            }
            client.batch_execute("COMMIT").await?;
            client.batch_execute("SELECT 'it''s', 42").await?;
            assert!(client.batch_execute("SELECT nonsense").await.is_err());
            Ok(())
        })
        .expect("the application runs");
}

fn log(ending: &str) -> String {
    LOGS.join(format!("all{ending}")).display().to_string()
}

fn formats() -> Vec<&'static str> {
    if major() >= 15 { vec![".log", ".csv", ".json"] } else { vec![".log", ".csv"] }
}

/// Captures a log, and returns the summary.
fn capture(args: &[&str]) -> Value {
    perfkit(&[&["capture", "log", "--json"], args].concat()).succeeds().json()
}

#[test]
fn every_format_gives_the_same_executions() {
    let mut summaries: Vec<Value> = formats().iter().map(|ending| capture(&[&log(ending)])).collect();
    for summary in &mut summaries {
        assert_eq!(summary["logs"][0]["skipped"]["lines"], 0, "{summary}");
        assert_eq!(summary["failed"], 1);
        assert!(summary["executions"].as_u64() > Some(20), "{summary}");
        summary["logs"].take();
        // The first of the server's own messages are in some only.
        summary["other_entries"].take();
    }
    assert!(summaries.windows(2).all(|pair| pair[0] == pair[1]), "{summaries:#?}");
}

#[test]
fn the_prefix_is_told_from_the_lines_or_given() {
    let told = capture(&[&log(".log")]);
    assert_eq!(told["logs"][0]["log_line_prefix"], "%m [%p] %q%u@%d %a %v %e ", "{told}");
    let given = capture(&[&log(".log"), "--log-line-prefix", "%m [%p] %q%u@%d %a %v %e "]);
    assert_eq!(told["executions"], given["executions"]);
    perfkit(&["capture", "log", &log(".log"), "--log-line-prefix", "%t|%p|"])
        .fails(2, &["there is no statement in the log", "does not begin with the prefix"]);
}

#[test]
fn a_trace_holds_what_the_log_says() {
    let folder = tempfile::tempdir().unwrap();
    for ending in formats() {
        let trace = folder.path().join(format!("app{ending}.trace")).display().to_string();
        perfkit(&["capture", "log", "-o", &trace, &log(ending)]).succeeds();
        let found = perfkit(&["workload", "n-plus-one", "--strict", "--json", &trace]).exits(1).json();
        let author = found["findings"]
            .as_array()
            .and_then(|all| {
                all.iter()
                    .find(|it| it["statement"].as_str().is_some_and(|sql| sql.contains("authors WHERE")))
            })
            .unwrap_or_else(|| panic!("{found:#}"));
        assert_eq!(author["rule"], "n-plus-one");
        assert_eq!(
            (&author["repeats"], &author["key"], &author["scope"]),
            (&12.into(), &"id".into(), &"transaction".into())
        );
        assert_eq!(author["examples"], serde_json::json!(["1", "2", "3"]));
        assert!(author["parent_statement"].as_str().unwrap().contains("FROM posts"), "{author}");
        let top = perfkit(&["workload", "top", "--json", "--by", "calls", &trace]).succeeds().json();
        let first = &top["statements"][0];
        assert!(first["statement"].as_str().unwrap().contains("FROM authors WHERE id = $1"), "{top:#}");
        assert_eq!((&first["calls"], &first["type"]), (&12.into(), &"select".into()));
        let types: f64 =
            top["types"].as_array().unwrap().iter().map(|it| it["share"].as_f64().unwrap()).sum();
        assert!((types - 1.0).abs() < 0.01, "{top:#}");
    }
}

#[test]
fn commands_read_logs_and_traces_alike() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("app.trace").display().to_string();
    perfkit(&["capture", "log", "-o", &trace, &log(".csv")]).succeeds();
    for command in ["top", "n-plus-one"] {
        let of_trace = perfkit(&["workload", command, "--json", &trace]).run();
        let of_log = perfkit(&["workload", command, "--json", &log(".csv")]).run();
        assert_eq!((of_trace.status, of_trace.stdout), (of_log.status, of_log.stdout), "{command}");
    }
}

#[test]
fn redacted_traces_have_no_values() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("app.trace").display().to_string();
    perfkit(&["capture", "log", "--redact", "-o", &trace, &log(".log")]).succeeds();
    let found = perfkit(&["workload", "n-plus-one", "--strict", "--json", &trace]).exits(1).json();
    let text = found.to_string();
    assert!(text.contains("redacted ") && !text.contains("\"examples\":[\"1\""), "{text}");
}

#[test]
fn compressed_logs_and_streams_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let plain = std::fs::read(log(".log")).unwrap();
    let expected = capture(&[&log(".log")])["executions"].clone();
    let gz = folder.path().join("all.log.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&gz).unwrap(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    encoder.finish().unwrap();
    let zst = folder.path().join("all.log.zst");
    std::fs::write(&zst, zstd::bulk::compress(&plain, 1).unwrap()).unwrap();
    for path in [&gz, &zst] {
        assert_eq!(capture(&[&path.display().to_string()])["executions"], expected);
    }
    let piped = perfkit(&["capture", "log", "--json", "-"])
        .input(&String::from_utf8(plain).unwrap())
        .succeeds()
        .json();
    assert_eq!(piped["executions"], expected);
    cut_off(&gz);
}

#[test]
fn compressed_traces_are_shown_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("app.trace");
    perfkit(&["capture", "log", "-o", trace.to_str().unwrap(), &log(".log")]).succeeds();
    let plain = std::fs::read(&trace).unwrap();
    let show = |path: &Path| perfkit(&["capture", "show", "--json", path.to_str().unwrap()]);
    let expected = show(&trace).succeeds().stdout;
    let gz = folder.path().join("app.trace.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&gz).unwrap(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    encoder.finish().unwrap();
    let zst = folder.path().join("app.trace.zst");
    std::fs::write(&zst, zstd::bulk::compress(&plain, 1).unwrap()).unwrap();
    for path in [&gz, &zst] {
        assert_eq!(show(path).succeeds().stdout, expected, "{path:?}");
        perfkit(&["workload", "top", path.to_str().unwrap()]).succeeds();
    }
    let bytes = std::fs::read(&gz).unwrap();
    std::fs::write(&gz, &bytes[..bytes.len() / 2]).unwrap();
    show(&gz).fails(2, &["could not read trace"]);
}

#[test]
fn a_trace_that_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.trace"), "precious").unwrap();
    perfkit(&["capture", "log", "-o", "x.trace", &log(".log")])
        .within(folder.path())
        .fails(2, &["could not write trace \"x.trace\"", "Name another file, or remove this one."]);
    assert_eq!(std::fs::read_to_string(folder.path().join("x.trace")).unwrap(), "precious");
}

#[test]
fn a_full_disk_is_told() {
    // No file may have more than so many blocks of 512 bytes.
    perfkit(&["capture", "log", "-o", "x.trace", &log(".log")])
        .through_shell("trap '' XFSZ; ulimit -f 0; exec \"$@\"")
        .fails(2, &["could not write trace \"x.trace\""]);
}

/// What a compressed file has before its end is used, and the exit status tells.
fn cut_off(gz: &Path) {
    let bytes = std::fs::read(gz).expect("the log was written");
    std::fs::write(gz, &bytes[..bytes.len() - 20]).expect("the folder can be written");
    let finished = perfkit(&["capture", "log", &gz.display().to_string()]).exits(2);
    assert!(finished.stderr.contains("was not read to its end"), "{}", finished.stderr);
    assert!(finished.stdout.contains("executions"), "{}", finished.stdout);
}

#[test]
fn rotated_logs_are_one() {
    let text = std::fs::read_to_string(log(".log")).unwrap();
    let middle = text.match_indices('\n').nth(text.lines().count() / 2).map_or(0, |(at, _)| at + 1);
    // The next file begins where an entry does.
    let cut = text[middle..].match_indices("\n2").next().map_or(middle, |(at, _)| middle + at + 1);
    let rotated: Perfkit =
        perfkit(&["capture", "log", "--json", "a", "b"]).file("a", &text[..cut]).file("b", &text[cut..]);
    let rotated = rotated.succeeds().json();
    let whole = capture(&[&log(".log")]);
    assert_eq!((&rotated["executions"], &rotated["sessions"]), (&whole["executions"], &whole["sessions"]));
}

#[test]
fn what_is_skipped_is_named_by_line_and_byte() {
    let good = "2026-11-22 11:48:11.123 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT a\n";
    let text = format!("{good}gzip: no space\n{good}2026-11-22 11:48:11.123 UTC [7] LOG:  dura");
    let finished = perfkit(&["capture", "log", "half.log"]).file("half.log", &text).succeeds();
    let warning = "skipped 2 lines of log \"half.log\"; the first, line 2 at byte 78, does not begin with the prefix of the log";
    assert!(finished.stderr.contains(warning), "{}", finished.stderr);
    assert!(finished.stdout.contains("2 executions of 1 session,"), "{}", finished.stdout);
}

#[test]
fn nothing_is_an_error() {
    for (text, expected) in [
        ("", "there is no statement in the log"),
        ("hello\nworld\n", "cannot tell the format of log"),
        (
            "2026-11-22 11:48:11.123 UTC [7] LOG:  database system is ready\n",
            "log_min_duration_statement = 0",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.log"), text).unwrap();
        perfkit(&["capture", "log", "x.log", "-o", "x.trace"]).within(folder.path()).fails(2, &[expected]);
        assert!(!folder.path().join("x.trace").exists());
    }
    perfkit(&["capture", "log", "gone.log"]).fails(2, &["could not read \"gone.log\""]);
    perfkit(&["capture", "log", "x.log", "-o", "x.json"])
        .file("x.log", "")
        .fails(2, &["is no name of a trace", ".trace"]);
    perfkit(&["workload", "top", "x.log"]).file("x.log", "").fails(2, &["there is no execution"]);
    perfkit(&["workload", "n-plus-one", "x.trace"])
        .file("x.trace", "perfkit trace\n\u{7f}\u{7f}")
        .fails(2, &["could not read trace \"x.trace\"", "format version"]);
}
