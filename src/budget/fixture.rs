//! Traces of tests, statement by statement.

use super::tally::{Counter, Rules, Tally};
use crate::trace::{
    Event, Execution, Fingerprint, Outcome, Protocol, SessionId, Statement, StatementId, Time, Timing,
    Transaction, TransactionState, Value,
};

/// What sessions did, in its order.
#[derive(Clone, Default)]
pub(super) struct Script {
    events: Vec<Event>,
    n_executions: u64,
}

impl Script {
    /// The fingerprint of a text in this fixture.
    pub(super) fn fingerprint(text: &str) -> Fingerprint {
        Fingerprint(crate::query::fingerprint(text))
    }

    /// Runs a statement in a transaction of its own.
    pub(super) fn run(self, session: u64, text: &str) -> Self {
        let number = 1000 + self.n_executions;
        self.execute(session, text, number, 0, Vec::new(), Vec::new())
    }

    /// Runs a statement in the same transaction as others.
    pub(super) fn in_transaction(self, session: u64, text: &str, n_rows: u64) -> Self {
        self.execute(session, text, 1, n_rows, Vec::new(), Vec::new())
    }

    pub(super) fn tagged(self, session: u64, text: &str, key: &str, value: &str) -> Self {
        let number = 1000 + self.n_executions;
        let tags = vec![(key.to_owned(), value.to_owned())];
        self.execute(session, text, number, 0, Vec::new(), tags)
    }

    pub(super) fn mark(self, session: u64, name: &str) -> Self {
        let value = Value::Literal(format!("'perfkit:scope={name}'"));
        self.execute(session, "SELECT $1", 0, 1, vec![value], Vec::new())
    }

    pub(super) fn name(mut self, session: u64, name: &str) -> Self {
        let session = SessionId(session);
        self.events.push(Event::ApplicationName { session, at: Time(0), name: name.to_owned() });
        self
    }

    /// Runs a query, and another one for each of its rows.
    pub(super) fn loop_over_rows(self, session: u64, n_rows: u64) -> Self {
        let list = self.in_transaction(session, "SELECT id, author_id FROM posts", n_rows);
        (0..n_rows).fold(list, |script, id| {
            let value = vec![Value::Text(id.to_string())];
            script.execute(session, "SELECT name FROM authors WHERE id = $1", 1, 1, value, Vec::new())
        })
    }

    pub(super) fn tally(self, rules: Rules) -> Tally {
        let mut counter = Counter::new(rules);
        self.events.into_iter().for_each(|event| counter.take(event));
        counter.finish()
    }

    fn execute(
        mut self,
        session: u64,
        text: &str,
        transaction: u64,
        n_rows: u64,
        parameters: Vec<Value>,
        tags: Vec<(String, String)>,
    ) -> Self {
        let fingerprint = Self::fingerprint(text);
        let id = StatementId(fingerprint.0);
        self.n_executions += 1;
        self.events.push(Event::Statement(Statement {
            id,
            text: text.to_owned(),
            fingerprint,
            parameter_types: Vec::new(),
        }));
        self.events.push(Event::Execution(Execution {
            session: SessionId(session),
            statement: id,
            started_at: Time(self.n_executions * 1_000_000),
            timing: Timing { total: Some(500_000), ..Timing::default() },
            protocol: Protocol::Simple,
            outcome: Outcome::Complete,
            n_rows: Some(n_rows),
            result_bytes: None,
            blocks: None,
            transaction: Transaction { number: Some(transaction), state: TransactionState::Open },
            parameters,
            tags,
        }));
        self
    }
}
