use proptest::prelude::*;

use super::*;
use crate::trace::{Event, Fingerprint, Outcome, Statement, Statements, Value};

/// Reads a log that comes in pieces, and writes its events as lines.
fn lines(pieces: &[&[u8]], prefix: Option<&str>) -> (Vec<String>, Summary, Counts) {
    let mut reader = Reader::new(prefix.map(Prefix::new));
    let mut sessions = Sessions::new(Statements::new(|text| Fingerprint(text.len() as u64), None));
    let mut texts: Vec<Statement> = Vec::new();
    let mut lines = Vec::new();
    let mut write = |event: Event| match event {
        Event::Statement(statement) => texts.push(statement),
        Event::Execution(execution) => {
            let text = texts.iter().find(|it| it.id == execution.statement).map_or("?", |it| &it.text);
            let values: Vec<String> = execution.parameters.iter().map(value).collect();
            let ms = execution.timing.server.map_or("-".to_owned(), |ns| (ns / 1000).to_string());
            let failed = match execution.outcome {
                Outcome::Failed(state) => format!(" {state:?}"),
                Outcome::Suspended => " more".to_owned(),
                _ => String::new(),
            };
            let transaction = execution.transaction.number.unwrap_or(0);
            let rows = execution.n_rows.map_or(String::new(), |n| format!(" {n} rows"));
            let session = execution.session.0;
            lines.push(format!("{session}/{transaction} {ms} {text} [{}]{failed}{rows}", values.join(",")));
        }
        Event::ApplicationName { session, name, .. } => lines.push(format!("{} is {name}", session.0)),
        Event::SessionEnd { session, .. } => lines.push(format!("{} ends", session.0)),
        _ => {}
    };
    for piece in pieces {
        reader.push(piece, &mut |entry| sessions.take(entry, &mut write));
    }
    let summary = reader.finish(&mut |entry| sessions.take(entry, &mut write));
    sessions.finish(&mut write);
    let counts = sessions.counts;
    (lines, summary, counts)
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) | Value::Literal(text) => text.clone(),
        Value::Cut { start, .. } => format!("{}…", String::from_utf8_lossy(start)),
        other => format!("{other:?}"),
    }
}

fn check(log: &str, expected: &[&str]) {
    let (found, summary, _) = lines(&[log.as_bytes()], None);
    assert_eq!(found, expected, "{log}\n{summary:?}");
}

/// A line of a log with the default prefix.
fn line(pid: u32, rest: &str) -> String {
    format!("2026-11-22 11:48:11.123 UTC [{pid}] {rest}\n")
}

#[test]
fn statements_have_their_durations_and_parameters() {
    check(
        &[
            line(7, "LOG:  duration: 1.500 ms  statement: SELECT a\n\tFROM t WHERE b = 5"),
            line(7, "LOG:  duration: 0.100 ms  parse <unnamed>: SELECT $1"),
            line(7, "LOG:  duration: 0.100 ms  bind <unnamed>: SELECT $1"),
            line(7, "DETAIL:  parameters: $1 = 'x\n\ty'"),
            line(7, "LOG:  duration: 2.000 ms  execute <unnamed>: SELECT $1"),
            line(7, "DETAIL:  parameters: $1 = 'x\n\ty'"),
            line(7, "LOG:  duration: 3.000 ms  execute fetch from <unnamed>/C_1: SELECT $1"),
        ]
        .concat(),
        &[
            "1/1 1500 SELECT a FROM t WHERE b = $1 [5]",
            "1/2 2000 SELECT $1 [x\ny]",
            "1/3 3000 SELECT $1 [Missing] more",
        ],
    );
}

#[test]
fn statements_and_durations_are_paired_by_session() {
    check(
        &[
            line(7, "LOG:  statement: SELECT 1"),
            line(8, "LOG:  execute s: SELECT $1"),
            line(8, "DETAIL:  Parameters: $1 = NULL"),
            line(8, "LOG:  duration: 2.000 ms"),
            line(7, "LOG:  duration: 1.000 ms"),
            line(7, "LOG:  duration: 9.000 ms"),
            line(7, "LOG:  statement: SELECT a"),
            line(7, "LOG:  statement: SELECT b"),
        ]
        .concat(),
        &["2/1 2000 SELECT $1 [NULL]", "1/1 1000 SELECT $1 [1]", "1/2 - SELECT a []", "1/3 - SELECT b []"],
    );
}

#[test]
fn errors_end_their_statement() {
    check(
        &[
            line(7, "ERROR:  relation \"x\" does not exist at character 15"),
            line(7, "STATEMENT:  SELECT * FROM x"),
            line(7, "LOG:  statement: SELECT 1/0"),
            line(7, "ERROR:  division by zero"),
            line(7, "STATEMENT:  SELECT 1/0"),
            line(7, "LOG:  duration: 1.000 ms"),
            line(7, "ERROR:  invalid input syntax"),
            line(7, "CONTEXT:  unnamed portal with parameters: $1 = 'x'"),
            line(7, "STATEMENT:  SELECT $1"),
        ]
        .concat(),
        &["1/1 - SELECT * FROM x [] ?????", "1/2 - SELECT $1/$2 [1,0] ?????", "1/3 - SELECT $1 [x] ?????"],
    );
    let log = "2026-11-22 11:48:11.123 UTC [7] 42P01 ERROR:  x\n2026-11-22 11:48:11.123 UTC [7] 42P01 STATEMENT:  SELECT a\n";
    check(log, &["1/1 - SELECT a [] 42P01"]);
}

#[test]
fn transactions_are_told_by_blocks_and_by_virtual_transactions() {
    let by_blocks = [
        "BEGIN",
        "SELECT a",
        "SELECT b",
        "ROLLBACK TO SAVEPOINT s",
        "/* x */ COMMIT",
        "SELECT c",
        "SELECT d",
    ];
    let log: String =
        by_blocks.iter().map(|sql| line(7, &format!("LOG:  duration: 1.000 ms  statement: {sql}"))).collect();
    let numbers = |log: &str| -> String {
        let found = lines(&[log.as_bytes()], None).0;
        found.iter().filter_map(|line| line.split([' ', '/']).nth(1)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(numbers(&log), "1 1 1 1 1 2 3");
    let by_number = |virtual_transaction: &str, sql: &str| {
        format!(
            "2026-11-22 11:48:11.123 UTC [7] {virtual_transaction} LOG:  duration: 1.000 ms  statement: {sql}\n"
        )
    };
    let log = [
        by_number("3/0", "SELECT a"),
        by_number("3/5", "SELECT a"),
        by_number("3/5", "SELECT b"),
        by_number("3/6", "SELECT c"),
        by_number("3/0", "SELECT d"),
    ];
    assert_eq!(numbers(&log.concat()), "1 2 2 3 4");
    // The COMMIT between them was not logged.
    let log = [by_number("3/5", "BEGIN"), by_number("3/5", "SELECT a"), by_number("3/6", "SELECT b")];
    assert_eq!(numbers(&log.concat()), "1 1 2");
}

#[test]
fn plans_bring_rows_and_are_no_statement_of_their_own() {
    let plan = "LOG:  duration: 1.000 ms  plan:\n\tQuery Text: SELECT a\n\tFROM t\n\tSeq Scan on t  (cost=0.00..1.00 rows=1 width=4) \
                (actual time=0.010..0.020 rows=3 loops=1)";
    check(
        &[line(7, plan), line(7, "LOG:  duration: 1.500 ms  statement: SELECT a\n\tFROM t")].concat(),
        &["1/1 1500 SELECT a FROM t [] 3 rows"],
    );
    check(
        &[line(7, "LOG:  statement: SELECT a\n\tFROM t"), line(7, plan), line(7, "LOG:  duration: 1.500 ms")]
            .concat(),
        &["1/1 1500 SELECT a FROM t [] 3 rows"],
    );
    check(
        &[line(7, plan), line(7, plan)].concat(),
        &["1/1 1000 SELECT a FROM t [] 3 rows", "1/2 1000 SELECT a FROM t [] 3 rows"],
    );
    let nested = line(7, plan) + &line(7, "CONTEXT:  SQL function \"f\" statement 1");
    let (found, _, counts) = lines(&[nested.as_bytes()], None);
    assert_eq!((found.len(), counts.n_nested), (0, 1));
}

#[test]
fn skipped_lines_are_named() {
    let log = [
        line(7, "LOG:  duration: 1.000 ms  statement: SELECT a"),
        "gzip: no such file\n".to_owned(),
        "gzip: again\n".to_owned(),
        "\tof nothing\n".to_owned(),
        line(7, "LOG:  duration: 1.000 ms  statement: SELECT b"),
        "2026-11-22 11:48:11.123 UTC [7] LOG:  durat".to_owned(),
    ]
    .concat();
    let (found, summary, _) = lines(&[log.as_bytes()], None);
    assert_eq!(found, ["1/1 1000 SELECT a []", "1/2 1000 SELECT b []"]);
    let skips: Vec<String> = summary
        .skips
        .examples
        .iter()
        .map(|it| format!("{} {} {} {:?}", it.byte, it.line, it.n_lines, it.reason))
        .collect();
    assert_eq!(skips, ["78 2 2 NoPrefix", "109 4 1 NoBeginning", "199 6 1 CutOff"]);
    assert_eq!((summary.n_bytes, summary.n_lines, summary.n_entries), (log.len() as u64, 5, 2));
}

#[test]
fn lines_of_other_sessions_are_no_part_of_an_entry() {
    let log = line(7, "LOG:  execute s: SELECT $1") + &line(8, "DETAIL:  parameters: $1 = 'x'");
    let (found, summary, _) = lines(&[log.as_bytes()], None);
    assert_eq!(found, ["1/1 - SELECT $1 [Missing]"]);
    assert_eq!(summary.skips.examples[0].reason, Reason::NoBeginning);
}

const CSV: &str = "2026-11-22 11:48:11.123 UTC,\"me\",\"shop\",7,\"[local]\",63b0d0f0.7,1,\"SELECT\",2026-11-22 11:48:00 UTC,\
                   3/12,0,LOG,00000,\"duration: 1.000 ms  statement: SELECT \"\"a\"\"\nFROM t\",,,,,,,,,\"psql\",\"client backend\",,0\n";

#[test]
fn csv_goes_on_behind_damage() {
    check(CSV, &["1/1 1000 SELECT \"a\" FROM t []"]);
    // The server ended within a string, and was started again.
    let cut = format!("{}\n{CSV}{CSV}", &CSV[..170]);
    let (found, summary, _) = lines(&[cut.as_bytes()], None);
    assert_eq!(found.len(), 2, "{summary:?}");
    assert_eq!((summary.skips.n_skips, summary.skips.n_bytes), (1, 171));
    let tail = &CSV[30..];
    let (found, summary, _) = lines(&[tail.as_bytes(), CSV.as_bytes()], None);
    assert_eq!((found.len(), summary.skips.n_skips), (1, 1), "{summary:?}");
}

#[test]
fn json_goes_on_behind_damage() {
    let entry = r#"{"timestamp":"2026-11-22 11:48:11.123 UTC","pid":7,"session_id":"63b0d0f0.7","vxid":"3/0","error_severity":"LOG","message":"duration: 1.000 ms  statement: SELECT 'a'\n"}"#;
    let log = format!("{entry}\n{{\"half\n\n{entry}\n{}", &entry[..40]);
    let (found, summary, _) = lines(&[log.as_bytes()], None);
    assert_eq!(found, ["1/1 1000 SELECT $1 ['a']", "1/2 1000 SELECT $1 ['a']"]);
    let reasons: Vec<Reason> = summary.skips.examples.iter().map(|skip| skip.reason).collect();
    assert_eq!(reasons, [Reason::NotJson, Reason::CutOff]);
}

#[test]
fn entries_that_are_too_long_are_passed_over() {
    let long = "x".repeat(MAX_ENTRY + 1);
    let good = line(7, "LOG:  duration: 1.000 ms  statement: SELECT a");
    let stderr = [&*good, &line(7, &format!("LOG:  {long}")), &good, "\t", &long, "\n", &good].concat();
    let csv = format!("{CSV}{}{long}\"\n{CSV}", &CSV[..150]);
    for (log, n_found) in [(stderr.as_bytes(), 2), (csv.as_bytes(), 2)] {
        let (found, summary, _) = lines(&[log], None);
        assert_eq!(found.len(), n_found, "{:?}", summary.skips);
        assert!(
            summary.skips.examples.iter().all(|skip| skip.reason == Reason::TooLong),
            "{:?}",
            summary.skips
        );
        let pieces: Vec<&[u8]> = log.chunks(1 << 20).collect();
        let in_pieces = lines(&pieces, None);
        assert_eq!(in_pieces.0, found);
        assert_eq!(in_pieces.1.skips, summary.skips);
    }
}

#[test]
fn applications_and_ends_of_sessions_are_told() {
    let line =
        |application: &str, rest: &str| format!("2026-11-22 11:48:11.123 UTC [7] app={application} {rest}\n");
    let log = [
        line("[unknown]", "LOG:  connection received: host=[local]"),
        line("psql", "LOG:  duration: 1.000 ms  statement: SELECT a"),
        line("other app", "LOG:  duration: 1.000 ms  statement: SELECT a"),
        line(
            "other app",
            "LOG:  disconnection: session time: 0:00:01.000 user=me database=shop host=[local]",
        ),
        line("psql", "LOG:  duration: 1.000 ms  statement: SELECT a"),
    ]
    .concat();
    let (found, _, counts) = lines(&[log.as_bytes()], Some("%m [%p] app=%a "));
    assert_eq!(
        found,
        ["1/1 1000 SELECT a []", "1 is other app", "1/2 1000 SELECT a []", "1 ends", "2/1 1000 SELECT a []"]
    );
    assert_eq!((counts.n_sessions, counts.n_others), (2, 1));
}

#[test]
fn what_is_no_log_has_no_format() {
    for text in ["", "hello\nworld\n", "SELECT 1;\n", "\u{0}\u{1}"] {
        let (found, summary, _) = lines(&[text.as_bytes()], None);
        assert!(found.is_empty() && summary.format.is_none(), "{text}");
        assert_eq!(summary.skips.n_bytes, text.len() as u64);
    }
}

/// Pieces of logs in all formats, whole and damaged.
fn any_log() -> impl Strategy<Value = Vec<u8>> {
    let json = r#"{"timestamp":"2026-11-22 11:48:11.123 UTC","pid":7,"error_severity":"LOG","message":"duration: 1.000 ms  statement: SELECT 'a'"}"#;
    let piece = prop_oneof![
        Just(line(7, "LOG:  statement: SELECT 1").into_bytes()),
        Just(line(7, "LOG:  duration: 1.000 ms").into_bytes()),
        Just(line(8, "LOG:  duration: 1.000 ms  execute a: SELECT $1\n\tFROM t").into_bytes()),
        Just(line(8, "DETAIL:  parameters: $1 = 'it''s'").into_bytes()),
        Just(line(8, "ERROR:  x").into_bytes()),
        Just(line(8, "STATEMENT:  SELECT x").into_bytes()),
        Just(CSV.as_bytes().to_vec()),
        Just(CSV.as_bytes()[..150].to_vec()),
        Just(format!("{json}\n").into_bytes()),
        Just(b"\n".to_vec()),
        Just(b"\t\n".to_vec()),
        Just(b"\"".to_vec()),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cut_of_a_log_gives_the_same(log in any_log(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        places.extend([0, log.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &log[pair[0]..pair[1]]).collect();
        let (whole, in_pieces) = (lines(&[&log], None), lines(&pieces, None));
        prop_assert_eq!(&whole.0, &in_pieces.0);
        prop_assert_eq!(format!("{:?}", whole.1), format!("{:?}", in_pieces.1));
        prop_assert_eq!(whole.1.n_bytes, log.len() as u64, "every byte is read or skipped");
    }

    #[test]
    fn any_bytes_are_read_as_any_format(
        log in any_log(),
        prefix in prop::sample::select(vec!["%m [%p] ", "%a %u %d %h ", "%q%m%c%v%e", "%5p%-3u%%%", "", "%n"]),
    ) {
        let (_, summary, _) = lines(&[&log], Some(prefix));
        prop_assert_eq!(summary.n_bytes, log.len() as u64);
    }
}
