//! What holds for traces as a whole.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;

fn header() -> Header {
    Header {
        source: Source::Proxy,
        writer: "perfkit 0.1.0".to_owned(),
        started_at: Time(1_000_000_000),
        is_redacted: false,
    }
}

fn written(events: &[Event]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    writer.finish().unwrap()
}

/// Returns the events that can be read, and whether the trace was cut off.
fn read(bytes: &[u8]) -> Result<(Vec<Event>, bool), ReadError> {
    let mut reader = Reader::new(bytes)?;
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        events.push(event);
    }
    Ok((events, reader.is_cut_off()))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(Value::Missing),
        any::<String>().prop_map(Value::Text),
        any::<String>().prop_map(Value::Literal),
        any::<Vec<u8>>().prop_map(Value::Binary),
        (any::<Vec<u8>>(), any::<u64>()).prop_map(|(start, n_bytes)| Value::Cut { start, n_bytes }),
        any::<u64>().prop_map(Value::Redacted),
    ]
}

fn blocks() -> impl Strategy<Value = Blocks> {
    any::<[u64; 6]>().prop_map(
        |[shared_hit, shared_read, shared_dirtied, shared_written, temp_read, temp_written]| Blocks {
            shared_hit,
            shared_read,
            shared_dirtied,
            shared_written,
            temp_read,
            temp_written,
        },
    )
}

fn execution() -> impl Strategy<Value = Execution> {
    let outcome = prop_oneof![
        Just(Outcome::Complete),
        Just(Outcome::Suspended),
        Just(Outcome::Lost),
        any::<[u8; 5]>().prop_map(|state| Outcome::Failed(SqlState(state))),
    ];
    let protocol = prop_oneof![
        Just(Protocol::Simple),
        Just(Protocol::Extended),
        Just(Protocol::Prepared),
        Just(Protocol::Unknown)
    ];
    let state = prop_oneof![
        Just(TransactionState::Idle),
        Just(TransactionState::Open),
        Just(TransactionState::Failed),
        Just(TransactionState::Unknown)
    ];
    (
        (
            any::<[u64; 3]>(),
            of(any::<u64>()),
            of(any::<u64>()),
            of(any::<u64>()),
            of(any::<u64>()),
            any::<bool>(),
        ),
        (protocol, outcome, state),
        (of(any::<u64>()), of(any::<u64>()), of(any::<u64>()), of(blocks())),
        (vec(value(), 0..4), vec((any::<String>(), any::<String>()), 0..3)),
    )
        .prop_map(
            |(
                ([session, statement, at], total, first_answer, server, planning, is_client_slow),
                (protocol, outcome, state),
                (n_rows, result_bytes, number, blocks),
                (parameters, tags),
            )| Execution {
                session: SessionId(session),
                statement: StatementId(statement),
                started_at: Time(at),
                timing: Timing { total, first_answer, server, planning, is_client_slow },
                protocol,
                outcome,
                n_rows,
                result_bytes,
                blocks,
                transaction: Transaction { number, state },
                parameters,
                tags,
            },
        )
}

fn event() -> impl Strategy<Value = Event> {
    let text = || of(any::<String>());
    prop_oneof![
        (any::<[u64; 2]>(), text(), text(), text(), text(), of(any::<u32>())).prop_map(
            |([session, at], user, database, application_name, client, backend_pid)| {
                Event::SessionStart(SessionStart {
                    session: SessionId(session),
                    at: Time(at),
                    user,
                    database,
                    application_name,
                    client,
                    backend_pid,
                })
            }
        ),
        (any::<[u64; 2]>(), any::<String>()).prop_map(|([session, at], name)| Event::ApplicationName {
            session: SessionId(session),
            at: Time(at),
            name
        }),
        any::<[u64; 2]>()
            .prop_map(|[session, at]| Event::SessionEnd { session: SessionId(session), at: Time(at) }),
        (any::<[u64; 2]>(), any::<String>(), any::<Vec<u32>>()).prop_map(
            |([id, fingerprint], text, parameter_types)| {
                Event::Statement(Statement {
                    id: StatementId(id),
                    text,
                    fingerprint: Fingerprint(fingerprint),
                    parameter_types,
                })
            }
        ),
        execution().prop_map(Event::Execution),
        (any::<u64>(), any::<Vec<u32>>(), vec(any::<String>(), 0..3), any::<Vec<u32>>()).prop_map(
            |(session, parameters, columns, values)| {
                Event::Hashes(Hashes { session: SessionId(session), parameters, columns, values })
            }
        ),
        (any::<[u64; 6]>(), any::<[u32; 2]>(), any::<i64>(), any::<bool>(), blocks(), of(any::<u64>()))
            .prop_map(
                |(
                    [statement, at, calls, execution, planning, n_rows],
                    [user_id, database_id],
                    query_id,
                    is_top_level,
                    blocks,
                    since,
                )| {
                    Event::Totals(Totals {
                        statement: StatementId(statement),
                        at: Time(at),
                        user_id,
                        database_id,
                        query_id,
                        is_top_level,
                        calls,
                        execution,
                        planning,
                        n_rows,
                        blocks,
                        since: since.map(Time),
                    })
                }
            ),
        any::<[u64; 3]>().prop_map(|[n_executions, n_sessions, n_entries]| {
            Event::Dropped(Dropped { n_executions, n_sessions, n_entries })
        }),
        any::<u64>().prop_map(|at| Event::End { at: Time(at) }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(events in vec(event(), 0..20)) {
        prop_assert_eq!(read(&written(&events)).unwrap(), (events, false));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, events in vec(event(), 0..4), at: prop::sample::Index, byte: u8) {
        drop(read(&bytes));
        let mut damaged = written(&events);
        let at = at.index(damaged.len());
        damaged[at] = byte;
        drop(read(&damaged));
        let mut input = code::Input::new(&bytes, 0);
        drop(<Event as code::Code>::read(&mut input));
    }

    #[test]
    fn a_trace_that_is_cut_off_is_readable_to_its_last_whole_frame(
        frames in vec(vec(event(), 1..4), 1..5), cut: prop::sample::Index,
    ) {
        let mut writer = Writer::new(Vec::new(), &header()).unwrap();
        for frame in &frames {
            for event in frame {
                writer.write(event).unwrap();
            }
            writer.flush().unwrap();
        }
        let whole = writer.finish().unwrap();
        let head = written(&[]).len();
        let bytes = &whole[..head + cut.index(whole.len() - head + 1)];
        let (found, is_cut_off) = read(bytes).unwrap();
        let all: Vec<Event> = frames.concat();
        prop_assert_eq!(&found[..], &all[..found.len()]);
        let n_whole = (0..=frames.len()).find(|n| frames[..*n].concat().len() == found.len());
        prop_assert!(n_whole.is_some());
        prop_assert_eq!(bytes.len() == written_frames(&frames[..n_whole.unwrap_or_default()]), !is_cut_off);
    }
}

fn written_frames(frames: &[Vec<Event>]) -> usize {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    for frame in frames {
        for event in frame {
            writer.write(event).unwrap();
        }
        writer.flush().unwrap();
    }
    writer.finish().unwrap().len()
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = written(&[]);
    bytes[14] = 9;
    let error = read(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "the trace has format version 9, and this perfkit reads up to version 2");
}

#[test]
fn the_version_before_is_read() {
    let events = [Event::End { at: Time(7) }];
    let mut bytes = written(&events);
    bytes[14] = 1;
    assert_eq!(read(&bytes).unwrap(), (events.to_vec(), false));
}

#[test]
fn damage_names_its_place() {
    assert_eq!(read(b"SELECT 1; -- no trace").unwrap_err().to_string(), "it is no trace of perfkit");
    let head = written(&[]).len();
    let mut bytes = written(&[Event::End { at: Time(1) }]);
    *bytes.last_mut().unwrap() ^= 1;
    let error = read(&bytes).unwrap_err().to_string();
    assert_eq!(error, format!("the trace is damaged at byte {head}: the checksum does not match"));
}

#[test]
fn memory_is_bounded() {
    let text = "x".repeat(20 * 1024 * 1024);
    let event = Event::ApplicationName { session: SessionId(1), at: Time(0), name: text };
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    assert!(matches!(writer.write(&event), Err(WriteError::TooLarge(_))));
    writer.write(&Event::End { at: Time(5) }).unwrap();
    let bytes = writer.finish().unwrap();
    assert_eq!(read(&bytes).unwrap(), (vec![Event::End { at: Time(5) }], false));
}
