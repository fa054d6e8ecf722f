//! How long perfkit holds locks, as the server's log tells: from the statement that takes the first one to the end of its
//! transaction. Waiting for that lock is in it, so that nobody can hide behind it.

use std::collections::HashMap;

use crate::support::Sandbox;
use crate::{GOAL_LOCKS_MS, mark as shown};

/// Has the server log each statement with its time, without its parameters: a batch has a thousand keys, and to write them would
/// take as long as to count. Who does not want that sets it off for itself.
pub(crate) fn log_statements(sandbox: &Sandbox) {
    sandbox.session(async |client| {
        for sql in [
            "ALTER SYSTEM SET log_line_prefix = '%n %p|'",
            "ALTER SYSTEM SET log_parameter_max_length = 0",
            "ALTER SYSTEM SET log_min_duration_statement = 0",
            "SELECT pg_reload_conf()",
        ] {
            client.batch_execute(sql).await.expect("a superuser may");
        }
    });
}

/// Returns how long the log is by now.
pub(crate) fn mark(sandbox: &Sandbox) -> usize {
    log(sandbox).len()
}

fn log(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.folder.join("log")).expect("the server writes it")
}

/// How long locks were held, in milliseconds.
#[derive(Default)]
pub(crate) struct Locks {
    rows: Vec<f64>,
    tables: Vec<f64>,
}

impl Locks {
    /// Reads the log from a mark on.
    pub(crate) fn read(&mut self, sandbox: &Sandbox, from: usize) {
        let log = log(sandbox);
        // Of sessions in a transaction: the start of the first lock in it, and whether it is one of rows.
        let mut held: HashMap<&str, Option<(f64, bool)>> = HashMap::new();
        for line in log[from..].lines() {
            let Some((session, ended_ms, duration_ms, statement)) = parsed(line) else { continue };
            let starts_with = |starts: &[&str]| starts.iter().any(|start| statement.starts_with(start));
            let is_rows = starts_with(&["WITH due AS", "SELECT p."]) && held.contains_key(session);
            if starts_with(&["BEGIN"]) {
                held.insert(session, None);
            } else if starts_with(&["COMMIT", "ROLLBACK"]) {
                if let Some(Some((since, is_rows))) = held.remove(session) {
                    let of = if is_rows { &mut self.rows } else { &mut self.tables };
                    of.push(ended_ms - since);
                }
            } else if is_rows {
                held.entry(session).or_default().get_or_insert((ended_ms - duration_ms, true));
            } else if starts_with(&[
                "ALTER TABLE",
                "CREATE OR REPLACE TRIGGER",
                "LOCK TABLE",
                "DROP TRIGGER",
                "DROP FUNCTION",
            ]) || statement.starts_with("CREATE OR REPLACE FUNCTION")
            {
                // Statements of one message are one transaction.
                match held.get_mut(session) {
                    Some(first) => _ = first.get_or_insert((ended_ms - duration_ms, false)),
                    None => self.tables.push(duration_ms),
                }
            }
        }
    }

    pub(crate) fn print(&mut self) {
        for (what, held) in [("rows", &mut self.rows), ("tables", &mut self.tables)] {
            held.sort_by(f64::total_cmp);
            let Some(last) = held.len().checked_sub(1) else {
                println!("  locks of {what}: none seen in the log");
                continue;
            };
            let p99 = held[last * 99 / 100];
            println!(
                "  locks of {what} held by {} transactions: p50 {:.1} ms, p99 {p99:.1} ms (goal {GOAL_LOCKS_MS:.0} ms){}, longest {:.1} ms",
                held.len(),
                held[last / 2],
                shown(p99 <= GOAL_LOCKS_MS),
                held[last],
            );
        }
    }
}

/// Takes a line apart: session, when the statement ended, how long it took, and the statement.
fn parsed(line: &str) -> Option<(&str, f64, f64, &str)> {
    let (prefix, rest) = line.split_once('|')?;
    let (seconds, session) = prefix.split_once(' ')?;
    let (duration, rest) = rest.strip_prefix("LOG:  duration: ")?.split_once(" ms  ")?;
    // "statement: …" or "execute <unnamed>: …"; parsing and binding take no lock that lasts.
    let (kind, statement) = rest.split_once(": ")?;
    if kind != "statement" && !kind.starts_with("execute") {
        return None;
    }
    Some((session, seconds.parse::<f64>().ok()? * 1e3, duration.parse().ok()?, statement))
}
