//! `--prove`: runs the workload before and after the changes, says what each has done to it, and takes back what harms.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;

use super::super::suggest::{Runnable, Verified};
use super::super::undo::undo_only;
use super::super::verify::{Case, effects, repeated, skipped, unknown_effects};
use super::execute::Outcome;
use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::change::IndexName;
use crate::index::change::plan::Goal;
use crate::index::change::state::State;
use crate::index::change::steps::Action;
use crate::index::verification::{
    self, Changed, Effect, Kind, Measured, Named, Observed, Proof, Run, Verdict, VerifiedStatement,
};
use crate::pg::{self, Access, Connection, Target, trial};
use crate::report::index::{UndoOutcome, Undone};
use crate::sources;
use crate::unit;
use crate::workload::Skipped;

/// How the changes are proven.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Proof")]
pub(crate) struct ProveArgs {
    /// Run the workload's reads before and after, and report what helps nothing or makes a statement slower
    ///
    /// With a FILE as well, the statements come from `--workload`. They run in read-only transactions, with the statement
    /// timeout. Exits with status 1 if there is something to report.
    #[arg(long)]
    pub(super) prove: bool,
    /// Undo what the runs speak against, and run the statements concerned once more
    #[arg(long, requires = "prove")]
    pub(super) auto_undo: bool,
    /// Run each statement this often on either side
    #[arg(long, value_name = "N", default_value_t = 5, requires = "prove", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) runs: u16,
}

/// The way to the run's journal, and the time that a statement of an undo may take.
pub(super) type UndoOptions<'a> = (Option<&'a Path>, Option<Duration>);

/// The workload with what it cost before the changes.
pub(super) struct Prover<'a> {
    context: &'a Context,
    target: &'a Target,
    args: &'a ProveArgs,
    catalog: &'a Catalog,
    /// Statements of the workload that no server could run.
    unusable: &'a [Skipped],
    cases: Vec<Case<'a>>,
    /// Of the cases, in their order.
    observed: Vec<Observed>,
    skipped: Vec<Skipped>,
}

/// Says what will be run, for who decides on it.
pub(super) fn announcement(args: &ProveArgs, runnable: &Runnable) -> String {
    let n_reads = runnable.statements.iter().filter(|it| !it.case().kind.writes()).count();
    let undo = if args.auto_undo { "; what they speak against is undone" } else { "" };
    format!("proof: the workload's reads (up to {n_reads}) run {} times before and after{undo}", args.runs)
}

impl<'a> Prover<'a> {
    /// Runs the workload as it is before the changes.
    pub(super) async fn start(
        context: &'a Context,
        target: &'a Target,
        args: &'a ProveArgs,
        runnable: &'a Runnable,
    ) -> Result<Self> {
        let cases: Vec<Case> = runnable.statements.iter().map(Verified::case).collect();
        let mut prover = Self {
            context,
            target,
            args,
            catalog: &runnable.catalog,
            unusable: &runnable.skipped,
            cases,
            observed: Vec::new(),
            skipped: Vec::new(),
        };
        let mut connection = prover.connect().await?;
        let spinner = context.ui.spinner("run the workload");
        for at in 0..prover.cases.len() {
            let case = prover.cases[at].clone();
            spinner.message(format!(
                "run {} before the changes, {} of {}",
                case.name,
                at + 1,
                prover.cases.len()
            ));
            let (before, named) = prover.first_runs(&mut connection, &case).await?;
            let measured = Measured { name: case.name.to_owned(), before, ..Measured::default() };
            prover.observed.push(Observed { measured, before: named, after: Named::default() });
        }
        drop(spinner);
        sources::report_left_out(context, &prover.skipped);
        if prover.observed.iter().all(|it| it.measured.before.is_empty()) {
            let error = Error::usage("no statement of the workload could be run, so nothing can be proven");
            let error = prover.skipped.first().iter().fold(error, |error, it| error.cause(&it.reason));
            return Err(error.hint("Name another workload with `--workload`, or leave out `--prove`."));
        }
        Ok(prover)
    }

    async fn connect(&self) -> Result<Connection> {
        Ok(self.target.connect(Access::ReadOnly, &self.context.interrupt).await?)
    }

    async fn first_runs(
        &mut self,
        connection: &mut Connection,
        case: &Case<'_>,
    ) -> Result<(Vec<Run>, Named)> {
        let skipped = match self.why_not(connection, case).await? {
            Some(reason) => Skipped { sql: case.sql.to_owned(), reason },
            None => match repeated(connection, case, self.args.runs).await {
                Ok(run) => return Ok(run),
                Err(error) => skipped(self.context, case, error)?,
            },
        };
        self.skipped.push(skipped);
        Ok((Vec::new(), self.planned(connection, case).await?))
    }

    /// Returns why a statement is not run.
    async fn why_not(&self, connection: &Connection, case: &Case<'_>) -> Result<Option<String>> {
        if case.kind.writes() {
            return Ok(Some("only reads are run".to_owned()));
        }
        if case.value_sets.is_empty() {
            return Ok(Some("no values are known for its parameters, or it cannot be planned".to_owned()));
        }
        if let Some(reason) = effects(case) {
            return Ok(Some(reason));
        }
        Ok(unknown_effects(connection, case).await?)
    }

    /// Returns what the plans of a statement name that is not run; nothing if it cannot be planned either.
    async fn planned(&self, connection: &Connection, case: &Case<'_>) -> Result<Named> {
        let mut all = Named::default();
        let mut add = |plan: pg::Result<Named>| match plan {
            Ok(named) => {
                all.extend(named);
                Ok(())
            }
            Err(error) => skipped(self.context, case, error).map(drop),
        };
        if case.value_sets.is_empty() {
            add(trial::generic_plan(connection, case.sql).await)?;
        }
        for values in case.value_sets {
            add(trial::plan(connection, case.sql, values).await)?;
        }
        Ok(all)
    }

    /// Runs the workload again and judges what the run has changed since.
    pub(super) async fn judge(&mut self, goals: &[Goal], outcome: &Outcome, before: &State) -> Result<Proof> {
        let mut connection = self.connect().await?;
        let spinner = self.context.ui.spinner("run the workload");
        for at in 0..self.cases.len() {
            let case = self.cases[at].clone();
            spinner.message(format!(
                "run {} after the changes, {} of {}",
                case.name,
                at + 1,
                self.cases.len()
            ));
            let is_run = !self.observed[at].measured.before.is_empty();
            let (runs, named) = if is_run {
                self.runs_again(&mut connection, &case).await?
            } else {
                (Vec::new(), self.planned(&connection, &case).await?)
            };
            self.observed[at].measured.after = runs;
            self.observed[at].after = named;
        }
        let changes = changes(goals, outcome, before, self.catalog);
        let (statements, changes) = verification::prove(&self.observed, &changes);
        let n_runs = usize::from(self.args.runs);
        let skipped = [self.unusable, self.skipped.as_slice()].concat();
        Ok(Proof { n_runs, statements, changes, skipped })
    }

    /// Runs a statement that ran before the changes. One that the timeout ends now has taken so long at least.
    async fn runs_again(
        &mut self,
        connection: &mut Connection,
        case: &Case<'_>,
    ) -> Result<(Vec<Run>, Named)> {
        let start = Instant::now();
        let error = match repeated(connection, case, self.args.runs).await {
            Ok(run) => return Ok(run),
            Err(error) => error,
        };
        let timeout = self.target.timeouts().statement;
        let is_timeout = error.is_cancelled() && start.elapsed() >= timeout;
        let skipped = skipped(self.context, case, error)?;
        let named = self.planned(connection, case).await?;
        if !is_timeout {
            self.skipped.push(skipped);
            return Ok((Vec::new(), named));
        }
        self.context.ui.warn(format_args!("{} ran into the statement timeout after the changes", case.name));
        #[expect(clippy::cast_precision_loss, reason = "there are few value sets")]
        let mean_ms = unit::as_ms(timeout) / case.value_sets.len() as f64;
        Ok((vec![Run { ms: mean_ms, blocks: f64::NAN }], named))
    }

    /// Undoes what is to be undone, and runs the statements concerned once more.
    pub(super) async fn undo(
        &mut self,
        proof: &Proof,
        outcome: &Outcome,
        options: UndoOptions<'_>,
    ) -> Result<Option<Undone>> {
        let undone: Vec<&Changed> = proof.to_undo().map(|judged| &judged.changed).collect();
        let Some(run) = outcome.run.as_deref().filter(|_| !undone.is_empty()) else { return Ok(None) };
        let indexes: Vec<IndexName> = undone.iter().flat_map(|changed| touched(changed, outcome)).collect();
        let steps = undo_only(self.context, self.target, options, run, &indexes).await?;
        for step in &steps {
            if let UndoOutcome::Impossible(reason) | UndoOutcome::Failed(reason) = &step.outcome {
                self.context.ui.warn(format_args!("not undone: {}: {reason}", step.index.name));
            }
        }
        let mut connection = self.connect().await?;
        let spinner = self.context.ui.spinner("run the workload");
        let mut statements = Vec::new();
        for at in verification::concerned(&self.observed, &proof.statements, &undone) {
            let case = self.cases[at].clone();
            spinner.message(format!("run {} after the undo", case.name));
            let n_skipped = self.skipped.len();
            let (runs, after) = self.runs_again(&mut connection, &case).await?;
            if let Some(failed) = self.skipped.get(n_skipped) {
                self.context.ui.warn(format_args!("{} fails after the undo: {}", case.name, failed.reason));
            }
            let mut observed = self.observed[at].clone();
            observed.measured.after = runs;
            observed.after = after;
            if observed.is_run() {
                statements.push(observed.compare());
            }
        }
        drop(spinner);
        for statement in statements.iter().filter(|it| it.verdict == Verdict::Slower) {
            self.context.ui.warn(format_args!("{} is still slower: {}", statement.name, times(statement)));
        }
        Ok(Some(Undone { steps, statements }))
    }
}

/// Says what was found, before anything of it is undone.
pub(super) fn report(context: &Context, args: &ProveArgs, proof: &Proof, run: Option<&str>) {
    for statement in proof.slower() {
        let is_explained = proof.changes.iter().any(|judged| judged.slows.contains(&statement.name));
        let unexplained = if is_explained { "" } else { "; none of the changed indexes is in its plans" };
        context.ui.warn(format_args!("{} got slower: {}{unexplained}", statement.name, times(statement)));
    }
    for judged in proof.to_undo() {
        let Changed { kind, index, .. } = &judged.changed;
        let what = match (kind, judged.effect) {
            (Kind::Created, Effect::Unhelpful) => "does not help",
            (Kind::Created, _) => "makes a statement slower",
            (Kind::Dropped, Effect::Slows) => "is missed",
            (Kind::Dropped, _) => "is needed again",
        };
        context.ui.warn(format_args!("index \"{}\" {what}: {}", index.name, judged.reason));
    }
    if let Some(run) = run.filter(|_| !args.auto_undo && proof.to_undo().next().is_some()) {
        context.ui.status(format_args!(
            "nothing was undone without `--auto-undo`; `perfkit index undo {run}` takes the whole run back"
        ));
    }
}

fn times(statement: &VerifiedStatement) -> String {
    format!("{} ms → {} ms", unit::milliseconds(statement.ms_before), unit::milliseconds(statement.ms_after))
}

/// Returns what a run has created and dropped. A rebuilt index is the same index.
fn changes(goals: &[Goal], outcome: &Outcome, before: &State, catalog: &Catalog) -> Vec<Changed> {
    let created = goals.iter().filter_map(|goal| {
        let Goal::Create(wanted) = goal else { return None };
        let present = outcome.plan.present.iter().find(|it| it.goal == wanted.index)?;
        let replaces: Vec<IndexName> = wanted.replaces.iter().map(|seen| seen.index.clone()).collect();
        let mut changed = Changed::created(&present.index, &wanted.ddl, &replaces, &outcome.state);
        changed.foreign_key = verification::served_foreign_key(&present.index, catalog, &outcome.state);
        (!touched(&changed, outcome).is_empty()).then_some(changed)
    });
    let drops = outcome.done.iter().filter(|done| is_drop(&done.step.action));
    created.chain(drops.map(|done| Changed::dropped(&done.step.index, before))).collect()
}

/// Returns the indexes that the steps for a change were about: of a partitioned one those of its partitions as well.
fn touched(changed: &Changed, outcome: &Outcome) -> Vec<IndexName> {
    if changed.kind == Kind::Dropped {
        return vec![changed.index.clone()];
    }
    let goal = outcome.plan.present.iter().find(|it| it.index == changed.index).map(|it| &it.goal);
    let steps = outcome.done.iter().map(|done| &done.step);
    let of_goal = steps.filter(|step| {
        matches!(step.action, Action::Create | Action::CreateOnParent | Action::Attach { .. })
            && Some(&step.goal) == goal
    });
    of_goal.map(|step| step.index.clone()).collect()
}

fn is_drop(action: &Action) -> bool {
    matches!(action, Action::Drop | Action::DropPartitioned)
}
