//! What a workload spends its time on: executions added up by statement.

use std::collections::HashMap;
use std::str::FromStr;

use crate::query;
use crate::trace::{Blocks, Event, Execution, Fingerprint, Nanos, Outcome, Statement, StatementId, Totals};
use crate::workload::StatementKind;

/// Adds up executions.
#[derive(Debug, Default)]
pub(crate) struct Top {
    /// Executions that took less are left out.
    slow: Nanos,
    totals: Vec<Total>,
    by_fingerprint: HashMap<Fingerprint, usize>,
    /// The statements of the present trace.
    by_id: HashMap<StatementId, usize>,
    /// The last snapshot of each entry of `pg_stat_statements`.
    snapshots: HashMap<(i64, u32, u32), Totals>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Total {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) text: String,
    pub(crate) kind: StatementKind,
    pub(crate) calls: u64,
    /// Calls with a duration, which the times are of.
    pub(crate) n_timed: u64,
    pub(crate) n_failed: u64,
    pub(crate) time: Nanos,
    /// Of a single call, where calls are known one by one.
    pub(crate) longest: Option<Nanos>,
    /// `None` where no call says how many.
    pub(crate) n_rows: Option<u64>,
    /// Shared and temporary blocks, read or found; `None` where no call says how many.
    pub(crate) n_blocks: Option<u64>,
}

impl Total {
    /// The mean of the calls with a duration.
    pub(crate) fn mean_ns(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
        let mean = self.time as f64 / self.n_timed.max(1) as f64;
        mean
    }
}

/// What statements are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    #[default]
    Total,
    Calls,
    Mean,
    Rows,
    Blocks,
}

/// The names of the orders, as users write them.
const ORDERS: [(&str, By); 5] = [
    ("total", By::Total),
    ("calls", By::Calls),
    ("mean", By::Mean),
    ("rows", By::Rows),
    ("blocks", By::Blocks),
];

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ORDERS.iter().find(|(name, _)| *name == text).map(|(_, by)| *by).ok_or_else(|| {
            let names: Vec<&str> = ORDERS.iter().map(|(name, _)| *name).collect();
            format!("known are {}", names.join(", "))
        })
    }
}

impl Top {
    /// Adds up the calls that took at least so long.
    pub(crate) fn new(slow: Nanos) -> Self {
        Self { slow, ..Self::default() }
    }

    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Statement(statement) => self.statement(statement),
            Event::Execution(execution) => self.execution(execution),
            Event::Totals(totals) => self.snapshot(totals),
            // The next trace has counters of its own; its statements take the places of these.
            Event::End { .. } => self.snapshots.clear(),
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Statement) {
        let place = *self.by_fingerprint.entry(statement.fingerprint).or_insert_with(|| {
            self.totals.push(Total {
                fingerprint: statement.fingerprint,
                text: statement.text.clone(),
                kind: kind(&statement.text),
                calls: 0,
                n_timed: 0,
                n_failed: 0,
                time: 0,
                longest: None,
                n_rows: None,
                n_blocks: None,
            });
            self.totals.len() - 1
        });
        self.by_id.insert(statement.id, place);
    }

    fn execution(&mut self, execution: &Execution) {
        let Some(total) = self.by_id.get(&execution.statement).map(|place| &mut self.totals[*place]) else {
            return;
        };
        let time = execution.timing.best();
        if time.unwrap_or(0) < self.slow {
            return;
        }
        // What goes on with a portal is the same call.
        total.calls += u64::from(execution.outcome != Outcome::Suspended);
        total.n_failed += u64::from(matches!(execution.outcome, Outcome::Failed(_)));
        if let Some(time) = time {
            total.n_timed += u64::from(execution.outcome != Outcome::Suspended);
            total.time = total.time.saturating_add(time);
            total.longest = total.longest.max(Some(time));
        }
        add(&mut total.n_rows, execution.n_rows);
        add(&mut total.n_blocks, execution.blocks.as_ref().map(n_blocks));
    }

    /// Adds what was counted since the last snapshot. Counters that went back were reset in between.
    ///
    /// What functions run is a part of the statement that calls them.
    fn snapshot(&mut self, now: &Totals) {
        if !now.is_top_level {
            return;
        }
        let key = (now.query_id, now.user_id, now.database_id);
        let before = self.snapshots.insert(key, now.clone());
        let Some(before) = before else { return };
        let is_reset = now.calls < before.calls || now.since != before.since;
        let base = if is_reset { None } else { Some(&before) };
        self.counted(now, base);
    }

    /// Adds counters, less those that they began with.
    pub(crate) fn counted(&mut self, now: &Totals, base: Option<&Totals>) {
        let Some(total) = self.by_id.get(&now.statement).map(|place| &mut self.totals[*place]) else {
            return;
        };
        let since = |count: fn(&Totals) -> u64| count(now).saturating_sub(base.map_or(0, count));
        let calls = since(|it| it.calls);
        let time = since(|it| it.execution);
        // Only the mean is known.
        if calls == 0 || time / calls < self.slow {
            return;
        }
        total.calls += calls;
        total.n_timed += calls;
        total.time = total.time.saturating_add(time);
        add(&mut total.n_rows, Some(since(|it| it.n_rows)));
        add(&mut total.n_blocks, Some(since(|it| n_blocks(&it.blocks))));
    }

    /// Returns the statements with calls, the costliest first.
    pub(crate) fn ranked(&self, by: By) -> Vec<Total> {
        let mut ranked: Vec<Total> = self.totals.iter().filter(|total| total.calls > 0).cloned().collect();
        ranked.sort_by(|a, b| {
            let order = match by {
                By::Total => b.time.cmp(&a.time),
                By::Calls => b.calls.cmp(&a.calls),
                By::Mean => b.mean_ns().total_cmp(&a.mean_ns()),
                By::Rows => b.n_rows.cmp(&a.n_rows),
                By::Blocks => b.n_blocks.cmp(&a.n_blocks),
            };
            order.then(b.time.cmp(&a.time)).then(a.fingerprint.cmp(&b.fingerprint))
        });
        ranked
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

fn n_blocks(blocks: &Blocks) -> u64 {
    blocks.shared_hit + blocks.shared_read + blocks.temp_read + blocks.temp_written
}

/// What a statement does; what cannot be parsed is known by its first word.
fn kind(text: &str) -> StatementKind {
    if let Ok(parsed) = query::parse(&query::plannable(text)) {
        return parsed.kind;
    }
    let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    match &*first {
        "select" | "with" | "values" | "table" => StatementKind::Select,
        "insert" => StatementKind::Insert,
        "update" => StatementKind::Update,
        "delete" => StatementKind::Delete,
        "merge" => StatementKind::Merge,
        _ => StatementKind::Utility,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Protocol, SessionId, Time, Timing, Transaction};

    fn statement(id: u64, text: &str) -> Event {
        let (id, fingerprint) = (StatementId(id), Fingerprint(text.len() as u64));
        Event::Statement(Statement { id, text: text.to_owned(), fingerprint, parameter_types: Vec::new() })
    }

    fn execution(id: u64, ms: Option<u64>, n_rows: Option<u64>, outcome: Outcome) -> Event {
        Event::Execution(Execution {
            session: SessionId(1),
            statement: StatementId(id),
            started_at: Time(0),
            timing: Timing { server: ms.map(|ms| ms * 1_000_000), ..Timing::default() },
            protocol: Protocol::Simple,
            outcome,
            n_rows,
            result_bytes: None,
            blocks: None,
            transaction: Transaction::default(),
            parameters: Vec::new(),
            tags: Vec::new(),
        })
    }

    fn totals(calls: u64, ms: u64) -> Event {
        Event::Totals(Totals {
            statement: StatementId(1),
            at: Time(0),
            user_id: 10,
            database_id: 5,
            query_id: 7,
            is_top_level: true,
            calls,
            execution: ms * 1_000_000,
            planning: 0,
            n_rows: calls,
            blocks: Blocks { shared_hit: 2 * calls, ..Blocks::default() },
            since: None,
        })
    }

    /// Writes each statement as `text calls/timed ms rows blocks`.
    fn check(slow_ms: u64, by: By, events: &[Event], expected: &[&str]) {
        let mut top = Top::new(slow_ms * 1_000_000);
        for event in events {
            top.take(event);
        }
        let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
        let found: Vec<String> = top
            .ranked(by)
            .iter()
            .map(|it| {
                let ms = it.time / 1_000_000;
                format!(
                    "{} {}/{} {ms} {} {}",
                    it.text,
                    it.calls,
                    it.n_timed,
                    number(it.n_rows),
                    number(it.n_blocks)
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn adds_up_by_statement() {
        let events = [
            statement(1, "SELECT a"),
            statement(2, "DELETE FROM t"),
            execution(1, Some(5), Some(3), Outcome::Complete),
            execution(1, None, None, Outcome::Complete),
            execution(1, Some(7), Some(4), Outcome::Suspended),
            execution(2, Some(20), None, Outcome::Complete),
            execution(9, Some(20), None, Outcome::Complete),
        ];
        check(0, By::Total, &events, &["DELETE FROM t 1/1 20 - -", "SELECT a 2/1 12 7 -"]);
        check(0, By::Calls, &events, &["SELECT a 2/1 12 7 -", "DELETE FROM t 1/1 20 - -"]);
        check(0, By::Rows, &events, &["SELECT a 2/1 12 7 -", "DELETE FROM t 1/1 20 - -"]);
        check(10, By::Total, &events, &["DELETE FROM t 1/1 20 - -"]);
    }

    #[test]
    fn snapshots_are_subtracted_and_resets_seen() {
        let events =
            [statement(1, "SELECT a"), totals(10, 100), totals(15, 150), totals(2, 10), totals(3, 20)];
        check(0, By::Total, &events, &["SELECT a 8/8 70 8 16"]);
        check(0, By::Total, &events[..2], &[]);
    }

    #[test]
    fn kinds_are_told_of_what_cannot_be_parsed() {
        for (text, expected) in [
            ("SELECT 1", StatementKind::Select),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", StatementKind::Delete),
            ("select from where", StatementKind::Select),
            ("COMMIT", StatementKind::Utility),
            ("", StatementKind::Utility),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn orders_have_names() {
        assert_eq!("mean".parse(), Ok(By::Mean));
        assert_eq!("x".parse::<By>(), Err("known are total, calls, mean, rows, blocks".to_owned()));
    }
}
