//! What of a workload a command does without: one rule for all.
//!
//! A statement that somebody has sent may be of another database, or may have failed there as well: it is named with the reason, and
//! the rest goes on. A statement that somebody describes is meant to run; where a command cannot do without, it ends with the error.

use super::one_line;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg;
use crate::query;
use crate::workload::Skipped;

/// So many are named; reports list all.
const MAX_SHOWN: usize = 5;

/// The reason of statements that perfkit has found by itself and that are about other schemas or tools.
pub(super) const NOT_OF_DATABASE: &str = "reads no table of this database";

/// Returns why a statement is left out, where the server says so of the statement alone; anything else ends the run.
pub(crate) fn reason(context: &Context, error: pg::Error) -> Result<String> {
    let is_of_statement = error.code().is_some_and(|code| is_of_statement(code.code()))
        || matches!(error, pg::Error::Answer { .. });
    if context.interrupt.is_raised() || !is_of_statement {
        return Err(error.into());
    }
    Ok(Error::from(error).message().to_owned())
}

/// Whether an SQLSTATE says something of a statement: not that the connection, the server or its resources are gone (manual, "PostgreSQL
/// Error Codes").
fn is_of_statement(code: &str) -> bool {
    !["08", "28", "53", "57P", "58", "F0", "XX"].iter().any(|of_server| code.starts_with(of_server))
}

/// Names what is left out, and why. What has no plan, as BEGIN, and what nobody asked for is nothing to tell of.
pub(crate) fn report_left_out(context: &Context, skipped: &[Skipped]) {
    let without_plan = query::Error::Utility.to_string();
    let is_told = |it: &&Skipped| it.reason != without_plan && it.reason != NOT_OF_DATABASE;
    let told: Vec<&Skipped> = skipped.iter().filter(is_told).collect();
    for Skipped { sql, reason } in told.iter().take(MAX_SHOWN) {
        context.ui.warn(format_args!("left out: {} ({reason})", one_line(sql)));
    }
    if told.len() > MAX_SHOWN {
        context.ui.warn(format_args!("left out: {} statements more", told.len() - MAX_SHOWN));
    }
}

/// There is nothing left of a workload.
pub(crate) fn nothing_left(skipped: &[Skipped]) -> Error {
    let error = Error::usage("no statement of the workload can be used in this database");
    let error = skipped.last().into_iter().fold(error, |error, it| error.cause(&it.reason));
    error.hint("Check that this is the database that the workload belongs to.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_is_no_fault_of_a_statement() {
        let check = |code: &str, expected: bool| assert_eq!(is_of_statement(code), expected, "{code}");
        check("42P01", true);
        check("22P02", true);
        check("25006", true);
        // A statement timeout.
        check("57014", true);
        check("57P01", false);
        check("08006", false);
        check("53200", false);
    }
}
