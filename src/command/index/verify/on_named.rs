//! Verification on a database that the user names: all statements, then the indexes, then all statements again.

use super::{Case, NOTHING, Trials, VerifyArgs, repeated, skipped, unknown_effects, without_effects};
use crate::config::{Environment, Timeouts};
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::error::{Error, Result};
use crate::index::Advice;
use crate::index::verification::{self, Built, Measured, Verification};
use crate::pg::conninfo::Conninfo;
use crate::pg::{self, Access, Connection, Target, ddl, trial};
use crate::workload::Skipped;

const LEFT: &str = "Indexes named perfkit_verify_… may be left; the next run with `--verify-on` drops them.";

pub(super) async fn verify(
    context: &Context,
    args: &VerifyArgs,
    url: &str,
    timeouts: Timeouts,
    cases: &[Case<'_>],
    advice: &Advice,
) -> Result<Option<Verification>> {
    let target = named(url, &context.environment, timeouts)?;
    if !context.confirm(&question(advice.suggestions.len(), target.label()), args.yes).await? {
        context.ui.status("nothing was verified");
        return Ok(None);
    }
    let mut connection = target.connect(Access::ReadWrite, &context.interrupt).await?;
    connection.require_primary()?;
    if !ddl::lock(&connection, ddl::Subject::Indexes).await? {
        return Err(Error::server("another perfkit is changing indexes of this database")
            .hint("Wait until it has ended, then run the command again."));
    }
    let n_leftovers = trial::drop_all(&connection).await?;
    if n_leftovers > 0 {
        context.ui.status(format_args!(
            "dropped {n_leftovers} indexes that a killed run had left; if the advice was for {}, it counted with them",
            target.label()
        ));
    }
    let untried = advice.drops.iter().map(|drop| {
        format!("dropping index \"{}\": that cannot be tried on a database in use", drop.seen.index.name)
    });
    let untried: Vec<String> = untried.collect();
    if advice.suggestions.is_empty() {
        for untried in untried {
            context.ui.warn(format_args!("not verified: {untried}"));
        }
        context.ui.status(NOTHING);
        return Ok(None);
    }
    let mut verification = Verification {
        place: target.label().to_owned(),
        n_runs: usize::from(args.runs),
        missing: untried,
        ..Verification::default()
    };
    let result = before_and_after(context, args, &mut connection, timeouts, cases, advice, &mut verification);
    let result = result.await;
    if let Err(error) = trial::clean_up(&connection).await {
        return Err(result.err().unwrap_or_else(|| error.into()).hint(LEFT));
    }
    let (measured, built) = result?;
    ddl::unlock(&connection, ddl::Subject::Indexes).await?;
    (verification.statements, verification.indexes) = verification::judge(&measured, built, |_| false);
    Ok(Some(verification))
}

/// Asks for what is going to happen: without an index to build, what is left of a killed run goes.
fn question(n_indexes: usize, place: &str) -> String {
    match n_indexes {
        0 => format!("No index is to be built. Drop what a killed run may have left on {place}?"),
        1 => format!("Build an index on {place} and drop it again? Writes to its table wait meanwhile."),
        n => format!(
            "Build {n} indexes on {place} and drop them again? Writes to their tables wait meanwhile."
        ),
    }
}

async fn before_and_after(
    context: &Context,
    args: &VerifyArgs,
    connection: &mut Connection,
    timeouts: Timeouts,
    cases: &[Case<'_>],
    advice: &Advice,
    verification: &mut Verification,
) -> Result<(Vec<Measured>, Vec<Built>)> {
    let spinner = context.ui.spinner("run the statements");
    let mut measured = Vec::new();
    let mut runnable = Vec::new();
    for case in without_effects(cases, verification) {
        if case.kind.writes() {
            let reason = "only reads are run on a database that is named".to_owned();
            verification.skipped.push(Skipped { sql: case.sql.to_owned(), reason });
            continue;
        }
        if let Some(reason) = unknown_effects(connection, case).await? {
            verification.skipped.push(Skipped { sql: case.sql.to_owned(), reason });
            continue;
        }
        spinner.message(format!("run {} without the indexes", case.name));
        match repeated(connection, case, args.runs).await {
            Ok((before, _)) => {
                measured.push(Measured { name: case.name.to_owned(), before, ..Measured::default() });
                runnable.push(case);
            }
            Err(error) => verification.skipped.push(skipped(context, case, error)?),
        }
    }
    trial::set_statement_timeout(connection, LONG_STATEMENT_TIMEOUT).await?;
    let mut indexes = Trials::default();
    for (number, suggestion) in advice.suggestions.iter().enumerate() {
        let definition = &suggestion.definition;
        spinner.message(format!("build {}", definition.describe()));
        let tree = trial::build(connection, number, definition).await?;
        indexes.add(number, tree, definition, suggestion.size_bytes, 1.0);
    }
    trial::set_statement_timeout(connection, timeouts.statement).await?;
    for (case, measured) in runnable.into_iter().zip(&mut measured) {
        spinner.message(format!("run {} with the indexes", case.name));
        match repeated(connection, case, args.runs).await {
            Ok((after, names)) => {
                measured.after = after;
                measured.used = indexes.used(&names).collect();
            }
            Err(error) => verification.skipped.push(skipped(context, case, error)?),
        }
    }
    Ok((measured, indexes.built))
}

fn named(url: &str, environment: &Environment, timeouts: Timeouts) -> Result<Target> {
    let conninfo = Conninfo::parse(url).map_err(pg::Error::Conninfo)?;
    Ok(Target::new(conninfo, environment, timeouts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_happens() {
        let check = |n_indexes: usize, expected: &str| assert_eq!(question(n_indexes, "db"), expected);
        check(0, "No index is to be built. Drop what a killed run may have left on db?");
        check(1, "Build an index on db and drop it again? Writes to its table wait meanwhile.");
        check(2, "Build 2 indexes on db and drop them again? Writes to their tables wait meanwhile.");
    }
}
