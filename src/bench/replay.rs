//! A captured workload to be sent again: each session as it was, its statements in their order and at their times.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;
use std::time::Duration;

use crate::query::{self, Template};
use crate::trace::{
    Event, Execution, Fingerprint, Outcome, Protocol, SessionId, Statement, StatementId, Time, Transaction,
    TransactionState, Value,
};
use crate::workload::StatementKind;
use crate::workload::captured::{Unknown, text_of};

/// Types of the system have the same number on every server (`FirstGenbkiObjectId` of transam.h).
const FIRST_CHANGING_OID: u32 = 10_000;
/// A statement without a plan is named by its text, up to here.
const NAME_LENGTH: usize = 30;

/// How fast a recording is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// So many times as fast as it was captured.
    Factor(f64),
    /// Each session as fast as the server answers. A session begins once those have ended that ended before it began.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(factor) if (0.001..=1000.0).contains(&factor) => Ok(Self::Factor(factor)),
            _ => Err("write a factor from 0.001 to 1000, as in 2, or max".to_owned()),
        }
    }
}

/// What is sent again.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// What is measured apart: statements whose texts differ in constants and lengths of lists are one.
    pub(crate) statements: Vec<Recorded>,
    pub(crate) texts: Vec<Text>,
    /// In the order in which they began.
    pub(crate) sessions: Vec<Session>,
    /// From the first event to the last.
    pub(crate) duration: Duration,
    pub(crate) n_executions: u64,
    /// Executions that cannot be sent again, by the reason.
    pub(crate) left_out: BTreeMap<&'static str, u64>,
    /// Whose sessions these were; one server and one user take them all now.
    pub(crate) databases: BTreeSet<String>,
}

/// A statement of a recording.
#[derive(Debug, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) has_plan: bool,
    pub(crate) may_write: bool,
    /// Whether an execution did not fail in the capture.
    pub(crate) has_worked: bool,
}

/// A text as it is sent, but for its constants.
#[derive(Debug)]
pub(crate) struct Text {
    /// The number of its statement.
    pub(crate) statement: usize,
    pub(crate) sql: Template,
    pub(crate) types: Vec<u32>,
}

/// One session.
#[derive(Debug, PartialEq)]
pub(crate) struct Session {
    /// Since the first event, as all times here.
    pub(crate) opens_at: Duration,
    /// `None` if its end was not seen.
    pub(crate) closes_at: Option<Duration>,
    pub(crate) turns: Vec<Turn>,
}

/// One execution.
#[derive(Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) at: Duration,
    /// The number of its text.
    pub(crate) text: usize,
    pub(crate) message: Message,
    pub(crate) awaits: Awaits,
}

/// What a client waited for before it sent an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// The answer to the one before.
    Answer,
    /// Nothing: it was sent behind the one before, in a pipeline.
    Nothing,
    /// Nothing, and no Sync stands between: both are one transaction, and if the one before fails, this is skipped.
    NotEvenSync,
}

/// How it is sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// As one text.
    Simple(String),
    /// With values apart. A text of its own is parsed every time, others once in a session if the client did so.
    Bound { sql: Option<String>, values: Vec<Bound>, is_prepared: bool },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    Null,
    Text(String),
    Binary(Vec<u8>),
}

/// Why a trace cannot be sent again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("its values were left out (`--redact`) in {0} executions, and nobody can send them again")]
    Redacted(u64),
    #[error("it holds no execution")]
    Empty,
}

/// Takes the events of traces and logs.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    recording: Recording,
    by_fingerprint: HashMap<Fingerprint, usize>,
    by_text: HashMap<(String, Vec<u32>), usize>,
    /// The statements of the present trace.
    by_id: HashMap<StatementId, usize>,
    sessions: BTreeMap<SessionId, Open>,
    n_redacted: u64,
}

/// A session that is being read.
#[derive(Debug)]
struct Open {
    opens_at: Time,
    closes_at: Option<Time>,
    turns: Vec<(Time, usize, Message, Awaits)>,
    last: Option<Last>,
}

/// The last execution of a session.
#[derive(Debug)]
struct Last {
    ended_at: u64,
    transaction: Transaction,
    is_simple: bool,
    has_failed: bool,
}

impl Open {
    /// Returns what an execution waited for, which is the next of the session.
    ///
    /// Who waits for an answer sends later than that came. An execution that was sent before begins when the one before it ends
    /// ([`Execution::started_at`]). Logs do not have the time on the wire that this goes by.
    fn awaits(&mut self, execution: &Execution) -> Awaits {
        let (began_at, transaction) = (execution.started_at.0, execution.transaction);
        let is_simple = execution.protocol == Protocol::Simple;
        let awaits = match &self.last {
            Some(last) if last.ended_at == began_at => {
                // A transaction that has its number to itself ends at each Sync. Of those in a block nobody knows whether there was
                // one; with one, COMMIT is read whatever happened before.
                let is_one = last.transaction.number.is_some()
                    && last.transaction.number == transaction.number
                    && matches!(last.transaction.state, TransactionState::Idle | TransactionState::Unknown);
                let is_together = is_one && !last.has_failed && last.is_simple == is_simple;
                if is_together { Awaits::NotEvenSync } else { Awaits::Nothing }
            }
            _ => Awaits::Answer,
        };
        self.last = execution.timing.total.map(|total| Last {
            ended_at: began_at.saturating_add(total),
            transaction,
            is_simple,
            has_failed: matches!(execution.outcome, Outcome::Failed(_)),
        });
        awaits
    }
}

impl Builder {
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::SessionStart(start) => {
                self.recording.databases.extend(start.database.clone());
                self.session(start.session, start.at);
            }
            Event::SessionEnd { session, at } => {
                self.session(*session, *at).closes_at = Some(*at);
            }
            Event::Statement(statement) => self.statement(statement),
            Event::Execution(execution) => self.execution(execution),
            _ => {}
        }
    }

    fn session(&mut self, session: SessionId, at: Time) -> &mut Open {
        let new = || Open { opens_at: at, closes_at: None, turns: Vec::new(), last: None };
        let open = self.sessions.entry(session).or_insert_with(new);
        open.opens_at = open.opens_at.min(at);
        open
    }

    fn statement(&mut self, seen: &Statement) {
        let Recording { statements, texts, .. } = &mut self.recording;
        let types: Vec<u32> =
            seen.parameter_types.iter().map(|oid| if *oid < FIRST_CHANGING_OID { *oid } else { 0 }).collect();
        let statement = *self.by_fingerprint.entry(seen.fingerprint).or_insert_with(|| {
            statements.push(recorded(seen));
            statements.len() - 1
        });
        let text = *self.by_text.entry((seen.text.clone(), types.clone())).or_insert_with(|| {
            texts.push(Text::new(statement, &seen.text, types));
            texts.len() - 1
        });
        self.by_id.insert(seen.id, text);
    }

    fn execution(&mut self, execution: &Execution) {
        let awaits = self.session(execution.session, execution.started_at).awaits(execution);
        // All rows of a portal are asked for at once.
        if execution.outcome == Outcome::Suspended {
            return;
        }
        let Some(text) = self.by_id.get(&execution.statement).copied() else { return };
        if !matches!(execution.outcome, Outcome::Failed(_)) {
            let statement = self.recording.texts[text].statement;
            self.recording.statements[statement].has_worked = true;
        }
        let message = match message(&self.recording.texts[text], execution) {
            Ok(message) => message,
            Err(Unknown(_)) if execution.parameters.iter().any(|it| matches!(it, Value::Redacted(_))) => {
                self.n_redacted += 1;
                return;
            }
            Err(Unknown(reason)) => {
                *self.recording.left_out.entry(reason).or_default() += 1;
                return;
            }
        };
        let session = self.session(execution.session, execution.started_at);
        session.turns.push((execution.started_at, text, message, awaits));
        self.recording.n_executions += 1;
    }

    /// Returns what can be sent again.
    pub(crate) fn finish(self) -> Result<Recording, Refusal> {
        let Self { mut recording, sessions, n_redacted, .. } = self;
        if n_redacted > 0 {
            return Err(Refusal::Redacted(n_redacted));
        }
        let mut sessions: Vec<Open> = sessions.into_values().filter(|open| !open.turns.is_empty()).collect();
        let Some(first) = sessions.iter().map(|open| open.opens_at).min() else { return Err(Refusal::Empty) };
        sessions.sort_by_key(|open| open.opens_at);
        let since = |time: Time| Duration::from_nanos(time.0.saturating_sub(first.0));
        recording.sessions = sessions
            .into_iter()
            .map(|open| {
                let turn = |(at, text, message, awaits)| Turn { at: since(at), text, message, awaits };
                let mut turns: Vec<Turn> = open.turns.into_iter().map(turn).collect();
                // The starts of a log's executions are reckoned from their ends.
                turns.sort_by_key(|turn| turn.at);
                if let Some(first) = turns.first_mut() {
                    first.awaits = Awaits::Answer;
                }
                Session { opens_at: since(open.opens_at), closes_at: open.closes_at.map(since), turns }
            })
            .collect();
        let ends = recording.sessions.iter().map(Session::end);
        recording.duration = ends.max().unwrap_or_default();
        Ok(recording)
    }
}

impl Text {
    pub(crate) fn new(statement: usize, sql: &str, types: Vec<u32>) -> Self {
        Self { statement, sql: Template::new(sql), types }
    }
}

impl Session {
    /// When its last event was.
    pub(crate) fn end(&self) -> Duration {
        self.closes_at.max(self.turns.last().map(|turn| turn.at)).unwrap_or(self.opens_at)
    }
}

impl Recording {
    /// Returns for each session how many have ended before it begins; all of them are earlier ones.
    pub(crate) fn n_ended_before(&self) -> Vec<usize> {
        let mut ends: Vec<Duration> = self.sessions.iter().map(Session::end).collect();
        ends.sort_unstable();
        self.sessions.iter().map(|session| ends.partition_point(|end| *end < session.opens_at)).collect()
    }
}

fn recorded(seen: &Statement) -> Recorded {
    let sql = query::plannable(&seen.text).into_owned();
    let has_plan = query::parse(&sql).is_ok_and(|parsed| parsed.kind != StatementKind::Utility);
    let name = if has_plan {
        seen.fingerprint.to_string()[..8].to_owned()
    } else {
        seen.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_LENGTH).collect()
    };
    Recorded { name, may_write: query::may_write(&sql), sql, has_plan, has_worked: false }
}

/// Returns how an execution is sent again: constants go back to where they stood.
fn message(text: &Text, execution: &Execution) -> Result<Message, Unknown> {
    let mut words = text.sql.text.split_whitespace().map(str::to_ascii_uppercase);
    if words.next().as_deref() == Some("COPY") && words.any(|word| word == "STDIN") {
        return Err(Unknown("the rows of COPY FROM STDIN are not captured"));
    }
    let (sql, _) = text.sql.inlined(|number| match execution.parameters.get(number) {
        Some(Value::Literal(literal)) => Some(literal.as_str()),
        _ => None,
    });
    let bound = |value: &Value| match value {
        Value::Literal(_) => None,
        Value::Binary(bytes) => Some(Ok(Bound::Binary(bytes.clone()))),
        value => Some(text_of(value).map(|text| text.map_or(Bound::Null, Bound::Text))),
    };
    let values: Vec<Bound> = execution.parameters.iter().filter_map(bound).collect::<Result<_, _>>()?;
    let is_simple = matches!(execution.protocol, Protocol::Simple | Protocol::Unknown);
    if is_simple && values.is_empty() {
        return Ok(Message::Simple(sql));
    }
    let is_own = values.len() < execution.parameters.len();
    Ok(Message::Bound {
        sql: is_own.then_some(sql),
        values,
        is_prepared: execution.protocol == Protocol::Prepared,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{SessionStart, Timing};

    #[derive(Default)]
    struct Test {
        builder: Builder,
        n_texts: u64,
    }

    impl Test {
        fn text(&mut self, text: &str) -> StatementId {
            self.n_texts += 1;
            self.builder.take(&Event::Statement(Statement {
                id: StatementId(self.n_texts),
                text: text.to_owned(),
                fingerprint: Fingerprint(query::fingerprint(text)),
                parameter_types: vec![23, 16_400],
            }));
            StatementId(self.n_texts)
        }

        fn run(
            &mut self,
            (session, at): (u64, u64),
            statement: StatementId,
            protocol: Protocol,
            values: &[Value],
        ) {
            self.ends((session, at), statement, (protocol, Outcome::Complete), values);
        }

        fn ends(
            &mut self,
            (session, at): (u64, u64),
            statement: StatementId,
            (protocol, outcome): (Protocol, Outcome),
            values: &[Value],
        ) {
            self.builder.take(&Event::Execution(Execution {
                outcome,
                parameters: values.to_vec(),
                ..execution((session, at), statement, protocol)
            }));
        }
    }

    fn execution((session, at): (u64, u64), statement: StatementId, protocol: Protocol) -> Execution {
        Execution {
            session: SessionId(session),
            statement,
            started_at: Time(at),
            timing: Timing::default(),
            protocol,
            outcome: Outcome::Complete,
            n_rows: None,
            result_bytes: None,
            blocks: None,
            transaction: Transaction::default(),
            parameters: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn literal(value: &str) -> Value {
        Value::Literal(value.to_owned())
    }

    #[test]
    fn sessions_keep_their_order_and_times() {
        let mut test = Test::default();
        let (one, two) = (test.text("SELECT a FROM t WHERE id = $1"), test.text("COMMIT"));
        let start = |session, at| {
            Event::SessionStart(SessionStart {
                session: SessionId(session),
                at: Time(at),
                user: None,
                database: Some("shop".to_owned()),
                application_name: None,
                client: None,
                backend_pid: None,
            })
        };
        test.builder.take(&start(2, 1000));
        test.run((2, 1500), one, Protocol::Extended, &[text("7")]);
        test.run((1, 1200), one, Protocol::Prepared, &[text("8")]);
        test.run((2, 1700), two, Protocol::Simple, &[]);
        test.builder.take(&Event::SessionEnd { session: SessionId(2), at: Time(1900) });
        test.builder.take(&start(3, 1950));
        let recording = test.builder.finish().unwrap();
        let times: Vec<_> = recording
            .sessions
            .iter()
            .map(|it| {
                let nanos = |time: Duration| time.as_nanos();
                let turns: Vec<u128> = it.turns.iter().map(|turn| nanos(turn.at)).collect();
                (nanos(it.opens_at), it.closes_at.map(nanos), turns)
            })
            .collect();
        assert_eq!(times, [(0, Some(900), vec![500, 700]), (200, None, vec![200])]);
        assert_eq!((recording.n_executions, recording.duration.as_nanos()), (3, 900));
        assert_eq!(recording.n_ended_before(), [0, 0]);
        assert_eq!(
            recording.texts[0].types,
            [23, 0],
            "types of a database's own have other numbers elsewhere"
        );
        let names: Vec<_> = recording.statements.iter().map(|it| (it.name.len(), it.has_plan)).collect();
        assert_eq!(names, [(8, true), (6, false)]);
        assert!(recording.databases.contains("shop"));
    }

    #[test]
    fn constants_go_back_into_the_text() {
        let mut test = Test::default();
        let statement = test.text("SELECT a FROM t WHERE id = $1 AND b = $2");
        test.run((1, 1), statement, Protocol::Simple, &[literal("7"), literal("'o''k'")]);
        test.run((1, 2), statement, Protocol::Prepared, &[text("7"), literal("'x'")]);
        test.run((1, 3), statement, Protocol::Prepared, &[Value::Null, Value::Binary(vec![1])]);
        test.run((1, 4), statement, Protocol::Unknown, &[text("7"), text("8")]);
        let recording = test.builder.finish().unwrap();
        let messages: Vec<&Message> = recording.sessions[0].turns.iter().map(|turn| &turn.message).collect();
        let bound = |sql: Option<&str>, values: &[Bound], is_prepared| Message::Bound {
            sql: sql.map(str::to_owned),
            values: values.to_vec(),
            is_prepared,
        };
        let seven = || Bound::Text("7".to_owned());
        assert_eq!(
            messages,
            [
                &Message::Simple("SELECT a FROM t WHERE id = 7 AND b = 'o''k'".to_owned()),
                &bound(Some("SELECT a FROM t WHERE id = $1 AND b = 'x'"), &[seven()], true),
                &bound(None, &[Bound::Null, Bound::Binary(vec![1])], true),
                &bound(None, &[seven(), Bound::Text("8".to_owned())], false),
            ]
        );
    }

    #[test]
    fn what_cannot_be_sent_again_is_told() {
        let mut test = Test::default();
        let statement = test.text("SELECT a FROM t WHERE id = $1");
        let copy = test.text("COPY t FROM STDIN");
        test.run((1, 1), statement, Protocol::Extended, &[Value::Missing]);
        test.run((1, 2), copy, Protocol::Simple, &[]);
        test.run((1, 3), statement, Protocol::Extended, &[text("1")]);
        let left_out: Vec<u64> = std::mem::take(&mut test.builder.recording.left_out).into_values().collect();
        assert_eq!(left_out, [1, 1]);
        test.run((1, 4), statement, Protocol::Extended, &[Value::Redacted(7)]);
        assert_eq!(test.builder.finish().unwrap_err(), Refusal::Redacted(1));
        assert_eq!(Builder::default().finish().unwrap_err(), Refusal::Empty);
    }

    #[test]
    fn a_portal_is_one_execution() {
        let mut test = Test::default();
        let statement = test.text("SELECT a FROM t WHERE id = $1");
        for (at, outcome) in [(1, Outcome::Complete), (2, Outcome::Suspended), (3, Outcome::Suspended)] {
            test.ends((1, at), statement, (Protocol::Prepared, outcome), &[text("1")]);
        }
        test.run((1, 4), statement, Protocol::Prepared, &[text("1")]);
        assert_eq!(test.builder.finish().unwrap().n_executions, 2);
    }

    #[test]
    fn a_statement_that_always_failed_is_known() {
        let mut test = Test::default();
        let (bad, good) = (test.text("SELECT 1 / 0"), test.text("SELECT n FROM t"));
        let failed = || (Protocol::Simple, Outcome::Failed(crate::trace::SqlState(*b"22012")));
        test.ends((1, 1), bad, failed(), &[]);
        test.ends((1, 2), good, failed(), &[]);
        test.run((1, 3), good, Protocol::Simple, &[]);
        let statements = test.builder.finish().unwrap().statements;
        assert_eq!(statements.iter().map(|it| it.has_worked).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn what_was_sent_without_waiting_is_a_pipeline() {
        /// Start and end, transaction, and what comes of it.
        type Run = ((u64, u64), (u64, TransactionState), Protocol, Outcome);
        use Awaits::{Answer, NotEvenSync, Nothing};
        use TransactionState::{Idle, Open, Unknown};
        let check = |executions: &[Run], expected: &[Awaits]| {
            let mut test = Test::default();
            let statement = test.text("SELECT a FROM t");
            for ((start, end), (number, state), protocol, outcome) in executions {
                test.builder.take(&Event::Execution(Execution {
                    timing: Timing { total: Some(end - start), ..Timing::default() },
                    transaction: Transaction { number: Some(*number), state: *state },
                    outcome: *outcome,
                    ..execution((1, *start), statement, *protocol)
                }));
            }
            let recording = test.builder.finish().unwrap();
            let found: Vec<Awaits> = recording.sessions[0].turns.iter().map(|turn| turn.awaits).collect();
            assert_eq!(found, expected, "{executions:?}");
        };
        let (bound, simple, good) = (Protocol::Extended, Protocol::Simple, Outcome::Complete);
        let failed = Outcome::Failed(crate::trace::SqlState(*b"22012"));
        check(&[((1, 5), (1, Idle), bound, good), ((6, 7), (2, Idle), bound, good)], &[Answer, Answer]);
        // A Sync for both, and one for each.
        check(&[((1, 5), (1, Idle), bound, good), ((5, 7), (1, Idle), bound, good)], &[Answer, NotEvenSync]);
        check(&[((1, 5), (1, Idle), bound, good), ((5, 7), (2, Idle), bound, good)], &[Answer, Nothing]);
        // So many that nobody waited for the end of the transaction.
        check(
            &[((1, 5), (1, Unknown), bound, good), ((5, 7), (1, Idle), bound, good)],
            &[Answer, NotEvenSync],
        );
        // Within a block there may have been one.
        check(&[((1, 5), (1, Open), bound, good), ((5, 7), (1, Open), bound, good)], &[Answer, Nothing]);
        // Two statements in one text, and a text behind a message.
        check(
            &[((1, 5), (1, Idle), simple, good), ((5, 7), (1, Idle), simple, good)],
            &[Answer, NotEvenSync],
        );
        check(&[((1, 5), (1, Idle), bound, good), ((5, 7), (1, Idle), simple, good)], &[Answer, Nothing]);
        // What comes after an error is behind a Sync, or it would have been skipped.
        check(&[((1, 5), (1, Idle), bound, failed), ((5, 7), (1, Idle), bound, good)], &[Answer, Nothing]);
    }

    #[test]
    fn a_session_waits_for_those_that_ended_before_it() {
        let session = |opens, closes| Session {
            opens_at: Duration::from_secs(opens),
            closes_at: Some(Duration::from_secs(closes)),
            turns: Vec::new(),
        };
        let sessions = vec![session(0, 1), session(1, 9), session(2, 2), session(5, 6)];
        assert_eq!(Recording { sessions, ..Recording::default() }.n_ended_before(), [0, 0, 1, 2]);
    }

    #[test]
    fn reads_speeds() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("2.5".parse(), Ok(Speed::Factor(2.5)));
        for text in ["", "0", "-1", "fast", "NaN", "1e9"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
