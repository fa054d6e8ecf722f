//! `--verify`: runs the workload with and without the suggested indexes, and keeps what helps.
//!
//! By default on a local copy with rows of the database, where indexes are switched between single runs, so that
//! both sides see the same caches and the same machine; on a database that the user names, before and after building.

mod on_copy;
mod on_named;

use std::time::{Duration, Instant};

use clap::Args;

use crate::catalog::Catalog;
use crate::cli::{ConnectArgs, ProgramsArgs};
use crate::config::Timeouts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::verification::{Built, Named, Outcome, Run, Verification};
use crate::index::{Advice, DropAdvice, Suggestion};
use crate::pg::catalog::Surroundings;
use crate::pg::{self, Connection, Target, TextValue, trial};
use crate::query;
use crate::sources;
use crate::workload::{Skipped, StatementKind};

/// A statement is not run again after this time, once both sides have two runs.
const MAX_STATEMENT_TIME: Duration = Duration::from_mins(1);
const MIN_RUNS: usize = 2;
const NOTHING: &str = "there is nothing to verify";

/// How the suggestions are proven.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Verification")]
pub(crate) struct VerifyArgs {
    /// Run the workload with and without the indexes on a local copy, and drop suggestions that do not help
    #[arg(long)]
    pub(crate) verify: bool,
    /// Run it on this database instead, where the indexes are built and dropped again
    #[arg(long, value_name = "URL")]
    pub(crate) verify_on: Option<String>,
    /// Copy this many rows of a table at the most
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) verify_rows: u64,
    /// Run each statement this often on either side
    #[arg(long = "verify-runs", value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) runs: u16,
    /// Do not ask before indexes are built on the database of `--verify-on`
    #[arg(short, long)]
    pub(crate) yes: bool,
}

impl VerifyArgs {
    pub(crate) fn is_wanted(&self) -> bool {
        self.verify || self.verify_on.is_some()
    }
}

/// A statement to run.
#[derive(Clone, Debug)]
pub(crate) struct Case<'w> {
    pub(crate) name: &'w str,
    pub(crate) sql: &'w str,
    pub(crate) kind: StatementKind,
    pub(crate) value_sets: &'w [Vec<TextValue>],
}

/// The database that the advice is for.
pub(crate) struct Source<'s> {
    pub(crate) target: &'s Target,
    pub(crate) catalog: &'s Catalog,
    pub(crate) surroundings: &'s Surroundings,
}

/// Runs the cases with and without the suggested indexes. Those that do not help are no longer suggested afterwards.
///
/// `source` is `None` when the advice was made without a database.
pub(crate) async fn verify(
    context: &Context,
    args: &VerifyArgs,
    programs: &ProgramsArgs,
    connect: &ConnectArgs,
    source: Option<Source<'_>>,
    cases: &[Case<'_>],
    advice: &mut Advice,
) -> Result<()> {
    let is_empty = advice.suggestions.is_empty() && advice.drops.is_empty();
    if is_empty && args.verify_on.is_none() {
        context.ui.status(NOTHING);
        return Ok(());
    }
    let timeouts = Timeouts::new(connect, context.config.as_ref());
    let verification = match (&args.verify_on, source) {
        (Some(url), _) => match on_named::verify(context, args, url, timeouts, cases, advice).await? {
            Some(verification) => verification,
            None => return Ok(()),
        },
        (None, Some(source)) => {
            on_copy::verify(context, args, programs, timeouts, &source, cases, advice).await?
        }
        (None, None) => {
            return Err(Error::usage("cannot verify without a database: a snapshot has no rows")
                .hint("Name a database to build the indexes on with `--verify-on`."));
        }
    };
    let (withdrawn, kept) = std::mem::take(&mut advice.suggestions).into_iter().partition(|suggestion| {
        verification.unhelpful().any(|index| index.definition == suggestion.definition)
    });
    let withdrawn: Vec<Suggestion> = withdrawn;
    advice.suggestions = kept;
    // What a withdrawn index was to replace stays; and all of a set designed anew in which something got slower.
    let is_worse = advice.redesign.is_some() && verification.slower().next().is_some();
    let stays = |drop: &DropAdvice| {
        let index = &drop.seen.index;
        is_worse
            || withdrawn.iter().any(|suggestion| {
                let of = &suggestion.definition;
                (&of.schema, &of.table) == (&index.schema, &index.table)
                    && suggestion.replaces.contains(&index.name)
            })
    };
    let (taken_back, drops): (Vec<DropAdvice>, Vec<DropAdvice>) =
        std::mem::take(&mut advice.drops).into_iter().partition(stays);
    advice.drops = drops;
    if let Some(redesign) = &mut advice.redesign {
        redesign.take_back(&withdrawn, taken_back);
    }
    advice.verification = Some(verification);
    Ok(())
}

/// Says what the runs have shown beside the numbers.
pub(crate) fn report(context: &Context, verification: &Verification) {
    sources::report_left_out(context, &verification.skipped);
    for missing in &verification.missing {
        context.ui.warn(format_args!("not verified: {missing}"));
    }
    for index in &verification.indexes {
        let described = index.definition.describe();
        match &index.outcome {
            Outcome::Helps => {}
            Outcome::Unhelpful(reason) => {
                context.ui.warn(format_args!("no longer suggested: {described}: {reason}"));
            }
            Outcome::Unproven(reason) => context.ui.warn(format_args!("not proven: {described}: {reason}")),
        }
    }
    for statement in verification.slower() {
        context.ui.warn(format_args!(
            "{} gets slower: {:.2} ms → {:.2} ms",
            statement.name, statement.ms_before, statement.ms_after
        ));
    }
}

/// The indexes that come and go.
#[derive(Default)]
struct Trials {
    /// Of the suggested ones.
    created: Vec<u32>,
    /// Of the existing ones that the advice does without.
    dropped: Vec<u32>,
    /// The names in plans, with the number of their suggestion.
    names: Vec<(String, usize)>,
    built: Vec<Built>,
}

impl Trials {
    fn add(
        &mut self,
        number: usize,
        tree: trial::IndexTree,
        definition: &crate::index::Definition,
        estimated_bytes: u64,
        share: f64,
    ) {
        self.created.extend(tree.oids);
        self.names.extend(tree.names.into_iter().map(|name| (name, number)));
        let definition = definition.clone();
        self.built.push(Built { definition, estimated_bytes, built_bytes: tree.size_bytes, share });
    }

    fn used(&self, named: &Named) -> impl Iterator<Item = usize> {
        let numbers = self.names.iter().filter(|(name, _)| named.indexes.contains(name));
        numbers.map(|(_, number)| *number)
    }
}

/// Leaves out the cases that do what a rollback does not undo.
fn without_effects<'c, 'w>(cases: &'c [Case<'w>], verification: &mut Verification) -> Vec<&'c Case<'w>> {
    let mut kept = Vec::new();
    for case in cases {
        match effects(case) {
            None => kept.push(case),
            Some(reason) => verification.skipped.push(Skipped { sql: case.sql.to_owned(), reason }),
        }
    }
    kept
}

/// Returns why a case is not to be run although it can be rolled back.
pub(super) fn effects(case: &Case<'_>) -> Option<String> {
    let effects = query::outside_effects(case.sql);
    (!effects.is_empty()).then(|| format!("calls {}, which a rollback does not undo", effects.join(", ")))
}

/// Returns why a case is not to be run on a database in use: it calls functions that may do anything.
pub(super) async fn unknown_effects(connection: &Connection, case: &Case<'_>) -> pg::Result<Option<String>> {
    let volatile = trial::volatile_functions(connection, case.sql).await?;
    let names = volatile.join(", ");
    Ok((!volatile.is_empty()).then(|| format!("calls {names}, which is volatile and may do anything")))
}

/// Runs a case once to warm the caches up, then as often as wanted; returns the runs and what the plans name.
pub(super) async fn repeated(
    connection: &mut Connection,
    case: &Case<'_>,
    n_runs: u16,
) -> pg::Result<(Vec<Run>, Named)> {
    let start = Instant::now();
    let mut runs = Vec::new();
    let mut all_named = Named::default();
    for round in 0..=usize::from(n_runs) {
        let (run, named) = run(connection, case, false).await?;
        if round > 0 {
            runs.push(run);
            all_named.extend(named);
        }
        if round >= MIN_RUNS && start.elapsed() > MAX_STATEMENT_TIME {
            break;
        }
    }
    Ok((runs, all_named))
}

/// Returns the mean of a case's executions, one with each set of values, and what their plans name.
async fn run(connection: &mut Connection, case: &Case<'_>, allow_writes: bool) -> pg::Result<(Run, Named)> {
    let mut mean = Run::default();
    let mut all_named = Named::default();
    #[expect(clippy::cast_precision_loss, reason = "there are few value sets")]
    let n_sets = case.value_sets.len() as f64;
    for values in case.value_sets {
        let (run, named) = trial::run(connection, case.sql, values, allow_writes).await?;
        mean.ms += run.ms / n_sets;
        mean.blocks += run.blocks / n_sets;
        all_named.extend(named);
    }
    Ok((mean, all_named))
}

/// Returns why a case could not be run, unless the user or the server ended everything.
pub(super) fn skipped(context: &Context, case: &Case<'_>, error: pg::Error) -> Result<Skipped> {
    Ok(Skipped { sql: case.sql.to_owned(), reason: sources::reason(context, error)? })
}
