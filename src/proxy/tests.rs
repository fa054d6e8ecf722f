//! What conversations come to, message by message and in pieces of any size.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::conversation::{Conversation, Lost};
use super::frames::tests::message;
use super::record::{Record, Sql};
use crate::trace::{Outcome, Protocol};

/// One turn of a talk.
#[derive(Clone, Debug)]
enum Turn {
    Client(Vec<u8>),
    Server(Vec<u8>),
}
use Turn::{Client, Server};

fn ready(state: u8) -> Vec<u8> {
    message(b'Z', &[state])
}

fn complete(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn failure(code: &str) -> Vec<u8> {
    message(b'E', format!("SERROR\0C{code}\0Mno\0\0").as_bytes())
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', format!("{name}\0{sql}\0\0\0").as_bytes())
}

fn bind(name: &str) -> Vec<u8> {
    message(b'B', format!("\0{name}\0\0\0\0\0\0\0").as_bytes())
}

fn execute() -> Vec<u8> {
    message(b'E', b"\0\0\0\0\0")
}

fn sync() -> Vec<u8> {
    message(b'S', b"")
}

/// Lets a talk follow the start of a session, one nanosecond a turn; pieces may be cut at these places.
fn talk(turns: &[Turn], cuts: &[usize]) -> Result<Vec<Record>, Lost> {
    let mut conversation = Conversation::new(1, Arc::default(), true);
    let mut records = Vec::new();
    let key = message(b'K', &[0, 0, 0, 9, 1, 2, 3, 4]);
    conversation.answered(&[message(b'R', &[0; 4]), key, ready(b'I')].concat(), 0, &mut records)?;
    for (now, turn) in (1..).zip(turns) {
        let bytes = match turn {
            Client(bytes) | Server(bytes) => bytes,
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for piece in cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]) {
            match turn {
                Client(_) => conversation.sent(piece, now)?,
                Server(_) => conversation.answered(piece, now, &mut records)?,
            }
        }
    }
    conversation.end(1000, &mut records);
    Ok(records)
}

/// Each execution in a line: what, how, when, rows, transaction.
fn executed(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .filter_map(|record| match record {
            Record::Execution(executed) => Some(executed),
            _ => None,
        })
        .map(|executed| {
            let (text, part) = match &executed.sql {
                Sql::Prepared(prepared) => (&*prepared.text, String::new()),
                Sql::Query { text, part } => (&**text, format!("#{part}")),
            };
            let protocol = match executed.protocol {
                Protocol::Simple => "simple",
                Protocol::Extended => "extended",
                Protocol::Prepared => "prepared",
                Protocol::Unknown => "unknown",
            };
            let outcome = match executed.outcome {
                Outcome::Complete => "complete".to_owned(),
                Outcome::Suspended => "suspended".to_owned(),
                Outcome::Failed(state) => state.as_str().to_owned(),
                Outcome::Lost => "lost".to_owned(),
            };
            let rows = executed.n_rows.map_or(String::new(), |n| format!(" {n} rows"));
            format!(
                "{}{part} {protocol} {}-{} {outcome}{rows} t{} {:?}",
                String::from_utf8_lossy(text),
                executed.started_at,
                executed.ended_at,
                executed.transaction.number.unwrap_or(0),
                executed.transaction.state,
            )
        })
        .collect()
}

fn check(turns: &[Turn], expected: &[&str]) {
    assert_eq!(executed(&talk(turns, &[]).unwrap()), expected);
}

#[test]
fn rows_of_a_portal_are_no_call_of_their_own() {
    let row = || message(b'D', &[0; 7]);
    check(
        &[
            Client(query("BEGIN")),
            Server([complete("BEGIN"), ready(b'T')].concat()),
            Client([parse("a", "SELECT a"), bind("a"), execute(), sync()].concat()),
            Server(
                [message(b'1', b""), message(b'2', b""), row(), row(), message(b's', b""), ready(b'T')]
                    .concat(),
            ),
            Client([execute(), sync()].concat()),
            Server([row(), complete("SELECT 1"), ready(b'T')].concat()),
            // Another portal of the same statement, whose rest nobody wants.
            Client([bind("a"), execute(), sync()].concat()),
            Server([message(b'2', b""), row(), message(b's', b""), ready(b'T')].concat()),
        ],
        &[
            "BEGIN#0 simple 1-2 complete t1 Open",
            "SELECT a prepared 3-4 complete 2 rows t1 Open",
            "SELECT a prepared 5-6 suspended 1 rows t1 Open",
            "SELECT a prepared 7-8 complete 1 rows t1 Open",
        ],
    );
}

#[test]
fn follows_queries_of_several_statements() {
    check(
        &[
            Client(query("BEGIN; SELECT 1")),
            Server([complete("BEGIN"), message(b'D', &[0; 9]), complete("SELECT 1"), ready(b'T')].concat()),
            Client(query("SELECT 2; SELECT 1/0; SELECT 3")),
            Server([complete("SELECT 1"), failure("22012"), ready(b'E')].concat()),
            Client(query("ROLLBACK")),
            Server([complete("ROLLBACK"), ready(b'I')].concat()),
            Client(query("")),
            Server([message(b'I', b""), ready(b'I')].concat()),
            Client(query("SELECT 4")),
        ],
        &[
            "BEGIN; SELECT 1#0 simple 1-2 complete t1 Open",
            "BEGIN; SELECT 1#1 simple 2-2 complete 1 rows t1 Open",
            "SELECT 2; SELECT 1/0; SELECT 3#0 simple 3-4 complete 1 rows t1 Failed",
            "SELECT 2; SELECT 1/0; SELECT 3#1 simple 4-4 22012 t1 Failed",
            "ROLLBACK#0 simple 5-6 complete t1 Idle",
            "SELECT 4#0 simple 9-1000 lost t2 Unknown",
        ],
    );
}

#[test]
fn an_error_skips_to_the_next_sync() {
    check(
        &[
            Client(
                [
                    parse("a", "A"),
                    bind("a"),
                    execute(),
                    bind("a"),
                    execute(),
                    sync(),
                    bind("a"),
                    execute(),
                    sync(),
                ]
                .concat(),
            ),
            Server([message(b'1', b""), message(b'2', b""), failure("22012"), ready(b'I')].concat()),
            Server([message(b'2', b""), complete("SELECT 1"), ready(b'I')].concat()),
            // What comes before the Sync is skipped, even if it comes after the error.
            Client(parse("a", "B")),
            Server(failure("42P05")),
            Client([parse("c", "C"), sync(), bind("a"), execute(), sync()].concat()),
            Server([ready(b'I'), message(b'2', b""), complete("SELECT 1"), ready(b'I')].concat()),
        ],
        &[
            "A prepared 1-2 22012 t1 Idle",
            "A prepared 2-3 complete 1 rows t2 Idle",
            "B extended 4-5 42P05 t3 Idle",
            "A prepared 7-7 complete 1 rows t4 Idle",
        ],
    );
}

#[test]
fn a_copy_voids_each_sync_before_its_end() {
    let copy = [parse("", "COPY"), bind(""), execute(), sync()].concat();
    let rows = [message(b'd', b"1\n"), message(b'c', b""), sync()].concat();
    let begins = [message(b'1', b""), message(b'2', b""), message(b'G', &[0, 0, 0])].concat();
    let ends = [complete("COPY 1"), ready(b'I')].concat();
    let after = [Client(query("SELECT 1")), Server([complete("SELECT 1"), ready(b'I')].concat())];
    // The rows come after the server has asked for them, and before.
    let asked = [Client(copy.clone()), Server(begins.clone()), Client(rows.clone()), Server(ends.clone())];
    let unasked = [Client([copy, rows].concat()), Server(begins), Server(ends)];
    let expected = |end: u64| {
        vec![
            format!("COPY extended 1-{end} complete 1 rows t1 Idle"),
            format!("SELECT 1#0 simple {}-{} complete 1 rows t2 Idle", end + 1, end + 2),
        ]
    };
    assert_eq!(executed(&talk(&[&asked[..], &after].concat(), &[]).unwrap()), expected(4));
    assert_eq!(executed(&talk(&[&unasked[..], &after].concat(), &[]).unwrap()), expected(3));
}

#[test]
fn names_go_with_their_statements() {
    let answer = [message(b'2', b""), complete("SELECT 1"), ready(b'I')].concat();
    let known =
        [Client([parse("a", "A"), sync()].concat()), Server([message(b'1', b""), ready(b'I')].concat())];
    let run = [Client([bind("a"), execute(), sync()].concat()), Server(answer)];
    let n_executed = |between: &[Turn]| {
        let turns = [&known[..], between, &run].concat();
        executed(&talk(&turns, &[]).unwrap()).iter().filter(|line| line.starts_with("A ")).count()
    };
    let sql = |sql: &str, tag: &str| [Client(query(sql)), Server([complete(tag), ready(b'I')].concat())];
    assert_eq!(n_executed(&[]), 1);
    assert_eq!(n_executed(&sql("DEALLOCATE b", "DEALLOCATE")), 1);
    assert_eq!(n_executed(&sql("deallocate prepare A;", "DEALLOCATE")), 0);
    assert_eq!(n_executed(&sql("DISCARD ALL", "DISCARD ALL")), 0);
    let close = message(b'C', b"Sa\0");
    let closed = [Client([close, sync()].concat()), Server([message(b'3', b""), ready(b'I')].concat())];
    assert_eq!(n_executed(&closed), 0);
}

#[test]
fn gives_up_what_it_cannot_follow() {
    assert_eq!(talk(&[Server(message(b'W', &[0, 0, 0]))], &[]).unwrap_err(), Lost::Replication);
    assert_eq!(talk(&[Server(complete("SELECT 1"))], &[]).unwrap_err(), Lost::Garbage);
    assert_eq!(talk(&[Client(b"\xff\xff\xff\xff\xff".to_vec())], &[]).unwrap_err(), Lost::Garbage);
    let endless = Client(query(&"x".repeat(60_000)).repeat(300));
    assert_eq!(talk(&[endless], &[]).unwrap_err(), Lost::TooMuch);
    // Notices, notifications and settings come at any time.
    let asides = [message(b'N', b"SNOTICE\0\0"), message(b'A', &[0; 6]), message(b'S', b"TimeZone\0UTC\0")];
    assert!(talk(&[Server(asides.concat())], &[]).is_ok());
}

#[test]
fn what_sql_prepares_is_known_by_its_name() {
    let answered =
        |request: Vec<u8>, answer: Vec<u8>| [Client(request), Server([answer, ready(b'I')].concat())];
    let found = || complete("SELECT 1");
    let turns = [
        answered(query("EXECUTE a (1)"), failure("26000")),
        answered(
            query("BEGIN; PREPARE a (int) AS SELECT $1; COMMIT"),
            [complete("BEGIN"), complete("PREPARE"), complete("COMMIT")].concat(),
        ),
        answered(query("EXECUTE a (7)"), found()),
        answered(query("EXECUTE a (now())"), found()),
        answered([bind("a"), execute(), sync()].concat(), [message(b'2', b""), found()].concat()),
        answered(query("DEALLOCATE a"), complete("DEALLOCATE")),
        answered(query("EXECUTE a (7)"), failure("26000")),
    ];
    check(
        &turns.concat(),
        &[
            "EXECUTE a (1)#0 simple 1-2 26000 t1 Idle",
            "BEGIN; PREPARE a (int) AS SELECT $1; COMMIT#0 simple 3-4 complete t2 Idle",
            "BEGIN; PREPARE a (int) AS SELECT $1; COMMIT#1 simple 4-4 complete t2 Idle",
            "BEGIN; PREPARE a (int) AS SELECT $1; COMMIT#2 simple 4-4 complete t2 Idle",
            "SELECT $1 prepared 5-6 complete 1 rows t3 Idle",
            "EXECUTE a (now())#0 simple 7-8 complete 1 rows t4 Idle",
            "SELECT $1 prepared 9-10 complete 1 rows t5 Idle",
            "DEALLOCATE a#0 simple 11-12 complete t6 Idle",
            "EXECUTE a (7)#0 simple 13-14 26000 t7 Idle",
        ],
    );
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let client = prop_oneof![
        Just(query("SELECT 1; SELECT 2")),
        Just(query("PREPARE a AS SELECT $1; EXECUTE a (1)")),
        Just(parse("a", "A")),
        Just(parse("", "U")),
        Just(bind("a")),
        Just(bind("")),
        Just(execute()),
        Just(sync()),
        Just(message(b'D', b"Sa\0")),
        Just(message(b'C', b"Sa\0")),
        Just(message(b'c', b"")),
        Just(message(b'd', b"1\n")),
    ];
    let server = prop_oneof![
        Just(ready(b'I')),
        Just(ready(b'T')),
        Just(complete("SELECT 1")),
        Just(complete("DISCARD ALL")),
        Just(complete("PREPARE")),
        Just(failure("22012")),
        Just(message(b'1', b"")),
        Just(message(b'2', b"")),
        Just(message(b't', &[0, 1, 0, 0, 0, 23])),
        Just(message(b'n', b"")),
        Just(message(b'G', &[0, 0, 0])),
        Just(message(b'D', &[0; 7])),
        Just(message(b's', b"")),
    ];
    vec(prop_oneof![client.prop_map(Client), server.prop_map(Server)], 0..30)
}

proptest! {
    #[test]
    fn pieces_come_to_the_same(turns in turns(), cuts in vec(0usize..40, 0..6)) {
        let lines = |cuts: &[usize]| talk(&turns, cuts).map(|records| executed(&records));
        prop_assert_eq!(lines(&cuts), lines(&[]));
    }

    #[test]
    fn no_bytes_panic(input in vec(any::<u8>(), 0..600)) {
        super::converse(&input);
    }
}
