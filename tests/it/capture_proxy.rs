//! The capture proxy: what clients see through it, and what its trace says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::{Database, PASSWORD, Server, server_file};
use crate::support::proxy::{Ended, events, proxy, show, started};
use crate::support::wire::{Wire, bind, execute, first, message, parse, query, sync};

#[test]
fn clients_get_the_bytes_of_a_direct_session() {
    let database = Database::create();
    let long = "x".repeat(300_000);
    let copy_in = [
        parse("", "COPY t FROM STDIN", &[]),
        bind("", "", 0, &[]),
        execute("", 0),
        // libpq sends this before it knows that it is a COPY; the server ignores it.
        sync(),
        message(b'd', b"1\ta\n2\tb\n"),
        message(b'd', b"3\tc\n"),
        message(b'c', b""),
        sync(),
    ];
    let cursors = [
        query("BEGIN"),
        parse("s", "SELECT n FROM generate_series(1, $1) AS n", &[23]),
        bind("p", "s", 1, &[Some(&5_i32.to_be_bytes())]),
        message(b'D', b"Pp\0"),
        execute("p", 2),
        execute("p", 2),
        execute("p", 2),
        message(b'C', b"Pp\0"),
        sync(),
        query("COMMIT"),
    ];
    let mistakes = [
        parse("a", "SELECT 1", &[]),
        parse("a", "SELECT 2", &[]),
        bind("", "a", 0, &[]),
        execute("", 0),
        sync(),
        bind("", "a", 0, &[]),
        execute("", 0),
        message(b'C', b"Sa\0"),
        sync(),
        query("SELECT 1; SELECT 1/0; SELECT 2"),
    ];
    let pipeline: Vec<Vec<u8>> = (0..500)
        .flat_map(|n: i32| {
            let value = n.to_string();
            [
                parse("", "SELECT $1::int", &[]),
                bind("", "", 0, &[Some(value.as_bytes())]),
                execute("", 0),
                sync(),
            ]
        })
        .collect();
    let talks: Vec<(Vec<u8>, usize)> = vec![
        (query("CREATE TEMP TABLE t (a int, b text)"), 1),
        (copy_in.concat(), 1),
        (query("COPY t TO STDOUT; SELECT a + 0 FROM t; ; SELECT 'a;b'"), 1),
        (query(""), 1),
        (cursors.concat(), 3),
        (mistakes.concat(), 3),
        (pipeline.concat(), 500),
        (query(&format!("SELECT '{long}', '{long}' FROM generate_series(1, 20)")), 1),
        (query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$"), 1),
        ([query("DECLARE c CURSOR WITH HOLD FOR SELECT a + 0 FROM t"), query("FETCH 2 FROM c")].concat(), 2),
        (message(b'F', &[&1397_u32.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 1, b'5', 0, 0]].concat()), 1),
    ];

    let ended = talk_both_ways(&database, &talks);
    let sum = |name: &str| ended.executions().iter().filter(|(sql, _)| *sql == name).count();
    assert_eq!((sum("SELECT $1::int"), sum("COPY t FROM STDIN"), sum("COPY t TO STDOUT")), (500, 1, 1));
    assert_eq!(ended.execution("COPY t FROM STDIN")["rows"], 3);
}

/// Says all of it to the server itself and through a proxy, and compares the answers.
fn talk_both_ways(database: &Database, talks: &[(Vec<u8>, usize)]) -> Ended {
    let running = proxy(database, &[]);
    let mut direct = Wire::direct(database);
    let mut through = Wire::through(running.port, database);
    // A notification names the process that sent it.
    let without_process = |mut answer: Vec<u8>| {
        let mut at = 0;
        while at < answer.len() {
            if answer[at] == b'A' {
                answer[at + 5..at + 9].fill(0);
            }
            let length = answer[at + 1..at + 5].try_into().expect("four bytes");
            at += 1 + u32::from_be_bytes(length) as usize;
        }
        answer
    };
    for (n, (bytes, n_ready)) in talks.iter().enumerate() {
        let expected = without_process(direct.say(bytes, *n_ready));
        let found = without_process(through.say(bytes, *n_ready));
        assert!(expected == found, "the answer to talk {n} is another");
    }
    through.end();
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.is_complete(), "{}", ended.stdout);
    ended
}

#[test]
fn copies_and_notifications_are_those_of_a_direct_session() {
    let database = Database::create();
    let lines: Vec<u8> =
        (0..2000).flat_map(|n| format!("{n}\t{}\n", "y".repeat(n % 50)).into_bytes()).collect();
    // Pieces end anywhere, as drivers cut them.
    let pieces: Vec<u8> = lines.chunks(7001).flat_map(|piece| message(b'd', piece)).collect();
    let binary =
        [&b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..], &[0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0xff, 0xff]].concat();
    let extended = |sql: &str| [parse("", sql, &[]), bind("", "", 0, &[]), execute("", 0), sync()].concat();
    let heard = [
        query("LISTEN news; NOTIFY news, 'it rains'"),
        query("BEGIN"),
        query("NOTIFY news, 'it snows'"),
        query("COMMIT"),
        query("UNLISTEN *"),
    ];
    let talks: Vec<(Vec<u8>, usize)> = vec![
        (query("CREATE TEMP TABLE t (a int, b text)"), 1),
        ([query("COPY t FROM STDIN"), pieces, message(b'c', b"")].concat(), 1),
        (
            [query("COPY t (a) FROM STDIN (FORMAT binary)"), message(b'd', &binary), message(b'c', b"")]
                .concat(),
            1,
        ),
        ([query("COPY t FROM STDIN"), message(b'd', b"1\ta\n"), message(b'f', b"no more\0")].concat(), 1),
        ([query("COPY t FROM STDIN"), message(b'd', b"x\ty\tz\n"), message(b'c', b"")].concat(), 1),
        (extended("COPY t TO STDOUT"), 1),
        (extended("COPY (SELECT a / (a - 1500) FROM t) TO STDOUT"), 1),
        (query("COPY t TO STDOUT (FORMAT binary)"), 1),
        // In one piece: while both sessions listen, each would hear of the other.
        (heard.concat(), 5),
    ];
    let ended = talk_both_ways(&database, &talks);
    let rows: Vec<&Value> = ended
        .executions()
        .into_iter()
        .filter(|(sql, _)| sql.starts_with("COPY t"))
        .map(|(_, execution)| &execution["rows"])
        .collect();
    assert_eq!(rows.iter().filter_map(|rows| rows.as_u64()).collect::<Vec<_>>(), [2000, 1, 2001, 2001]);
}

#[test]
fn notifications_and_cancel_requests_find_their_session() {
    let database = Database::create();
    let running = proxy(&database, &[]);
    let mut listener = Wire::through(running.port, &database);
    listener.say(&query("LISTEN news"), 1);
    let mut speaker = Wire::through(running.port, &database);
    speaker.say(&query("NOTIFY news, 'it rains'"), 1);
    let notification = listener.message();
    assert_eq!(notification[0], b'A');
    assert!(notification.ends_with(b"news\0it rains\0"));

    speaker.send(&query("SELECT pg_sleep(300)"));
    database.await_true(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND wait_event = 'PgSleep'",
    );
    let mut cancel = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    cancel.write_all(&first(80_877_102, &speaker.key)).unwrap();
    assert_eq!(cancel.read(&mut [0]).unwrap(), 0, "the connection ends without an answer");
    let answer = speaker.read_to(1);
    assert!(answer.windows(6).any(|window| window == b"C57014"), "the statement is cancelled");
    let mut direct = Wire::direct(&database);
    direct.send(&query("SELECT pg_sleep(300)"));
    database.await_true(
        "SELECT count(pg_cancel_backend(pid)) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND wait_event = 'PgSleep'",
    );
    assert!(direct.read_to(1) == answer, "a direct session says the same");
    listener.end();
    speaker.end();

    let ended = running.end();
    let cancelled = ended.execution("SELECT pg_sleep($1)");
    assert_eq!((&cancelled["outcome"], &cancelled["error"]), (&"failed".into(), &"57014".into()));
    assert!(ended.is_complete());
}

#[test]
fn the_trace_says_what_was_executed() {
    let database = Database::create();
    let running = proxy(&database, &[]);
    let mut wire = Wire::through(running.port, &database);
    wire.say(
        &query("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'one'), (2, 'two')"),
        1,
    );
    wire.say(&query("/*action:index*/ SELECT b FROM t WHERE a = 2 /*route='%2Ft',n='1'*/"), 1);
    let insert = [
        query("START TRANSACTION"),
        parse("ins", "INSERT INTO t VALUES ($1, $2)", &[]),
        message(b'D', b"Sins\0"),
        sync(),
        bind("", "ins", 1, &[Some(&7_i32.to_be_bytes()), Some(b"seven")]),
        execute("", 0),
        bind("", "ins", 1, &[Some(&8_i32.to_be_bytes()), None]),
        execute("", 0),
        sync(),
        query("SAVEPOINT s; SELECT 1/0"),
        query("ROLLBACK TO s"),
        query("SET application_name = 'another'; COMMIT"),
    ];
    wire.say(&insert.concat(), 6);
    wire.say(&query("DEALLOCATE ins"), 1);
    wire.say(&[bind("", "ins", 0, &[]), execute("", 0), sync()].concat(), 1);
    wire.end();
    let ended = running.end();

    assert!(ended.is_complete(), "{}", ended.stdout);
    let start = ended.of_type("session_start")[0];
    assert_eq!((&start["user"], &start["application_name"]), (&"postgres".into(), &"wire".into()));
    assert_eq!(ended.of_type("application_name")[0]["name"], "another");
    assert_eq!((ended.of_type("session_end").len(), ended.of_type("end").len()), (1, 1));

    let select = ended.execution("SELECT b FROM t WHERE a = $1");
    assert_eq!(select["parameters"][0]["literal"], "2");
    assert_eq!(select["tags"], serde_json::json!({"action": "index", "route": "/t", "n": "1"}));
    assert_eq!((&select["rows"], &select["protocol"]), (&1.into(), &"simple".into()));
    assert!(select["total_ns"].as_u64() >= select["first_answer_ns"].as_u64());

    let inserts: Vec<&Value> = ended
        .executions()
        .into_iter()
        .filter(|(sql, _)| *sql == "INSERT INTO t VALUES ($1, $2)")
        .map(|(_, execution)| execution)
        .collect();
    assert_eq!(inserts.len(), 2);
    assert_eq!(inserts[0]["parameters"], serde_json::json!([{"text": "7"}, {"text": "seven"}]));
    assert_eq!(inserts[1]["parameters"], serde_json::json!([{"text": "8"}, null]));
    assert_eq!((&inserts[0]["protocol"], &inserts[0]["state"]), (&"prepared".into(), &"open".into()));
    let transaction = |sql: &str| ended.execution(sql)["transaction"].clone();
    assert_eq!(transaction("START TRANSACTION"), inserts[0]["transaction"]);
    assert_eq!(transaction("COMMIT"), inserts[0]["transaction"]);
    assert_ne!(transaction("SELECT b FROM t WHERE a = $1"), inserts[0]["transaction"]);
    assert_eq!(ended.execution("SELECT $1/$2")["error"], "22012");
    assert_eq!(ended.execution("SELECT $1/$2")["state"], "failed");
    assert_eq!(ended.execution("COMMIT")["state"], "idle");
}

#[test]
fn answers_of_a_pipeline_belong_to_their_statements() {
    const N: u32 = 2000;
    let database = Database::create();
    let running = proxy(&database, &[]);
    let mut wire = Wire::through(running.port, &database);
    let mut pipeline = Vec::new();
    let mut n_ready = 0;
    for n in 1..=N {
        let n_rows = (n % 13).to_string();
        pipeline.extend(parse("", &format!("SELECT FROM generate_series(1, $1::int) AS a{}", n % 5), &[]));
        pipeline.extend(bind("", "", 0, &[Some(n_rows.as_bytes())]));
        pipeline.extend(execute("", 0));
        if n.is_multiple_of(7) || n == N {
            pipeline.extend(sync());
            n_ready += 1;
        }
    }
    wire.say(&pipeline, n_ready);
    wire.end();
    let ended = running.end();

    let executions = ended.executions();
    assert_eq!(executions.len(), N as usize);
    let mut end = 0;
    for (n, (sql, execution)) in (1_u64..).zip(executions) {
        assert_eq!(sql, format!("SELECT FROM generate_series($2, $1::int) AS a{}", n % 5));
        assert_eq!(execution["parameters"][0]["text"], (n % 13).to_string());
        assert_eq!(execution["rows"], n % 13);
        let (start, total) =
            (execution["started_at_ns"].as_u64().unwrap(), execution["total_ns"].as_u64().unwrap());
        assert!(start >= end, "it begins when the one before has ended");
        end = start + total;
    }
    assert!(ended.is_complete());
}

#[test]
fn values_and_passwords_stay_out_of_the_trace() {
    let database = Database::create();
    let running = proxy(&database, &["--redact"]);
    // A client that has to give its password.
    let url = format!("postgresql://secretive:{PASSWORD}@127.0.0.1:{}/postgres", running.port);
    perfkit(&["explain", "-d", &url, "SELECT 'topsecret', 471147114711"]).succeeds();
    let mut wire = Wire::through(running.port, &database);
    let talk = [
        query("SELECT 'topsecret'"),
        parse("", "SELECT $1::text", &[]),
        bind("", "", 0, &[Some(b"topsecret")]),
        execute("", 0),
        sync(),
        query("CREATE ROLE capture_role PASSWORD 'topsecret'"),
        query("DROP ROLE capture_role"),
    ];
    wire.say(&talk.concat(), 4);
    wire.end();
    let ended = running.end();
    let all = format!("{:?}", ended.events);
    assert!(!all.contains("topsecret") && !all.contains("471147114711") && !all.contains(PASSWORD), "{all}");
    assert_eq!(ended.execution("SELECT $1")["parameters"], ended.execution("SELECT $1::text")["parameters"]);
    assert_eq!(ended.execution("CREATE ROLE capture_role PASSWORD $1")["parameters"][0]["missing"], true);
    assert_eq!(ended.of_type("trace")[0]["redacted"], true);
}

#[test]
fn speaks_every_first_message() {
    let database = Database::create();
    let running = proxy(&database, &[]);
    let mut socket = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    let mut answer = [0];
    for code in [80_877_103, 80_877_104] {
        socket.write_all(&first(code, b"")).unwrap();
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"N", "there is no encryption");
    }
    // Protocol 3.2 is the server's to refuse or to negotiate.
    socket.write_all(&first((3 << 16) + 2, b"user\0postgres\0database\0postgres\0\0")).unwrap();
    socket.read_exact(&mut answer).unwrap();
    assert!(matches!(answer[0], b'R' | b'v'));
    // Direct TLS ends as with a server that has none.
    let mut socket = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    socket.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
    assert!(matches!(socket.read(&mut answer), Ok(0) | Err(_)));
    // Replication is copied without being understood.
    let mut replication = Wire::replication(running.port, &database);
    let answer = replication.say(&query("IDENTIFY_SYSTEM"), 1);
    assert!(answer.windows(8).any(|window| window == b"systemid"));
    replication.end();
    let ended = running.end();
    assert!(ended.executions().is_empty() && ended.is_complete(), "{}", ended.stdout);
}

#[test]
fn what_breaks_one_connection_leaves_the_others() {
    let database = Database::create();
    let running = proxy(&database, &["--ci"]);
    let mut steady = Wire::through(running.port, &database);
    // Garbage, and a client that leaves in the middle of a message.
    let mut socket = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(matches!(socket.read(&mut [0]), Ok(0) | Err(_)));
    let mut gone = Wire::through(running.port, &database);
    gone.send(&query("SELECT 'half'")[..9]);
    drop(gone);
    // A session whose bytes make no sense goes on as far as the server lets it.
    let mut garbage = Wire::through(running.port, &database);
    garbage.send(b"\xff\xff\xff\xff\xff\xff\xff\xff");
    while garbage.message()[0] != b'E' {}
    assert!(!steady.say(&query("SELECT 1"), 1).is_empty());
    steady.end();
    running.await_word("the first message is not of PostgreSQL's protocol");
    let ended = running.end();
    // One session could not be followed: the trace says so, and CI hears of it.
    assert_eq!(ended.status, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("the trace is incomplete: 0 executions and 1 session"), "{}", ended.stderr);
    assert_eq!(ended.of_type("dropped")[0]["sessions"], 1);
    assert_eq!(ended.execution("SELECT $1")["rows"], 1);
}

#[test]
fn a_server_that_is_gone_is_named() {
    let server = Server::start("true", &["listen_addresses="], 5432);
    let database = server.database("short");
    let running = proxy(&database, &[]);
    let mut wire = Wire::through(running.port, &database);
    wire.say(&query("SELECT 1"), 1);
    server.control(&["stop", "-m", "immediate"]);
    let mut socket = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    socket.write_all(&first(3 << 16, b"user\0postgres\0\0")).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("C08006") && answer.contains("could not connect to the server"), "{answer}");
    running.await_word("could not connect to the server");
    let ended = running.end();
    assert_eq!(ended.status, Some(0));
    assert_eq!(ended.of_type("session_end").len(), 1);
}

#[test]
fn refuses_what_it_cannot_use() {
    let database = Database::create();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    perfkit(&["capture", "proxy", "--listen", &address])
        .on(&database)
        .fails(2, &["could not listen at", "Another program listens there"]);
    perfkit(&["capture", "proxy", "--listen", "nonsense"])
        .on(&database)
        .fails(2, &["could not listen at \"nonsense\""]);
    perfkit(&["capture", "proxy", "--listen", "127.0.0.1:0", "-o", "a.trace"])
        .on(&database)
        .file("a.trace", "precious")
        .fails(2, &["could not write trace \"a.trace\"", "Name another file"]);
    perfkit(&["capture", "proxy", "-d", "host=/nowhere dbname=x user=y"]).fails(3, &["could not connect"]);
    perfkit(&["capture", "show", "none.trace"]).fails(2, &["could not open trace \"none.trace\""]);
    perfkit(&["capture", "show", "a.sql"]).file("a.sql", "SELECT 1").fails(2, &["it is no trace of perfkit"]);
    perfkit(&["capture", "show", "a.trace"])
        .file("a.trace", "perfkit trace\n\u{7}\u{0}and whatever comes then")
        .fails(2, &["the trace has format version 7, and this perfkit reads up to version 2"]);
}

#[test]
fn a_killed_proxy_leaves_a_readable_trace() {
    let database = Database::create();
    let mut running = proxy(&database, &[]);
    let mut wire = Wire::through(running.port, &database);
    wire.say(&query("SELECT 1"), 1);
    let deadline = Instant::now() + Duration::from_mins(1);
    while !events(&running.trace).iter().any(|event| event["type"] == "execution") {
        assert!(Instant::now() < deadline, "what happened is in the file after a moment");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal(Signal::SIGKILL);
    running.child.wait().unwrap();
    let shown = show(&running.trace).succeeds();
    assert!(shown.stderr.contains("the trace was cut off"), "{}", shown.stderr);
    assert!(shown.stdout.contains("\"sql\":\"SELECT $1\""), "{}", shown.stdout);
}

#[test]
fn a_full_disk_ends_the_trace_and_no_connection() {
    let database = Database::create();
    let command = perfkit(&["capture", "proxy", "--listen", "127.0.0.1:0", "-o", "a.trace"]).on(&database);
    // No file may have more than so many blocks of 512 bytes.
    let mut running = started(command.through_shell("trap '' XFSZ; ulimit -f 1; exec \"$@\""));
    let mut wire = Wire::through(running.port, &database);
    let random = "SELECT md5(random()::text) FROM generate_series(1, 10)";
    for n in 0..500 {
        wire.say(&query(&format!("{random} AS a{n:x}, pg_sleep({n}e-9)")), 1);
    }
    wire.end();
    running.signal(Signal::SIGINT);
    let status = running.child.wait().unwrap().code();
    let stderr = running.stderr.clone();
    running.reader.join().unwrap();
    let stderr = stderr.lock().unwrap().clone();
    assert_eq!(status, Some(4), "{stderr}");
    assert!(stderr.contains("trace \"a.trace\" is incomplete"), "{stderr}");
}

#[test]
fn both_sides_can_have_tls() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cert = server_file(folder.path(), "server.crt", &certificate.pem());
    let key = server_file(folder.path(), "server.key", &key.serialize_pem());
    let port = 5499;
    let server = Server::start(
        "printf 'local all all trust\\nhostssl all all 127.0.0.1/32 scram-sha-256\\n' >pg_hba.conf",
        &[
            "listen_addresses=127.0.0.1",
            "ssl=on",
            &format!("ssl_cert_file={cert}"),
            &format!("ssl_key_file={key}"),
        ],
        port,
    );
    Database { url: server.url("postgres", "postgres") }
        .execute(&format!("CREATE ROLE tls LOGIN PASSWORD '{PASSWORD}'"));
    let upstream =
        Database { url: format!("postgresql://tls:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=require") };
    let running = proxy(&upstream, &["--tls-cert", &cert, "--tls-key", &key]);
    let client = |options: &str| {
        let url = format!("postgresql://tls:{PASSWORD}@127.0.0.1:{}/postgres?{options}", running.port);
        perfkit(&["explain", "-d", &url, "SELECT 1"])
    };
    client("sslmode=disable").succeeds();
    // What ties a password to the TLS connection cannot pass two of them.
    client("sslmode=require&channel_binding=disable").succeeds();
    let ended = running.end();
    assert!(ended.of_type("session_start").len() >= 2);
    assert!(ended.is_complete());
}
