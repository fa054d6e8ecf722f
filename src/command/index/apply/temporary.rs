//! Indexes that another command builds for a while, and drops again.

use std::time::Duration;

use super::execute::{self, Options, Outcome};
use super::{DEFAULT_LOCK_TRIES, Input, input, require_whole_builds, space};
use crate::command::index::undo::undo_only;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::change::IndexName;
use crate::index::change::plan::{Goal, note_definitions, plan};
use crate::index::change::progress::Progress;
use crate::pg::{Access, Connection, Target, ddl};
use crate::report;
use crate::report::index::UndoOutcome;
use crate::run_id::RunId;
use crate::sources;

/// Indexes that are not there yet.
pub(crate) struct Temporary {
    input: Input,
    /// The runs that the journal had before.
    known_runs: Vec<RunId>,
    /// What is done for them, for people.
    pub(crate) plan_lines: Vec<String>,
}

/// Indexes that are to be dropped again. The journal knows them, so that `perfkit index undo` can as well.
pub(crate) struct Borrowed {
    run: String,
    indexes: Vec<IndexName>,
}

impl Temporary {
    /// Looks what it takes to build indexes.
    pub(crate) async fn new(connection: &Connection, statements: &[String]) -> Result<Self> {
        connection.require_primary()?;
        let mut input = input::of_statements(&statements.join(";\n"), connection).await?;
        if let Some(other) = input.goals.iter().find(|goal| !matches!(goal, Goal::Create(_))) {
            return Err(Error::usage("only indexes that are created can be tried")
                .cause(format!("the statements ask for {other:?}"))
                .hint("Write CREATE INDEX statements."));
        }
        let state = ddl::read_state(connection, &input.goals).await?;
        note_definitions(&mut input.goals, &state);
        let histories = execute::histories(connection, None).await?;
        let progress = Progress::of_journal(&histories, &input.changes, sources::now_us());
        let plan = plan(&input.goals, &state, &progress);
        if let Some(present) = plan.present.first() {
            return Err(Error::usage(format!("index \"{}\" is there already", present.index.name))
                .hint("Try one that is not, or compare with a database that lacks it (`--b URL`)."));
        }
        if let Some((index, reason)) = plan.held.first() {
            return Err(Error::usage(format!("index \"{}\" cannot be built", index.name)).cause(reason));
        }
        require_whole_builds(connection.version, &plan, false)?;
        let space = space(connection, &plan).await?;
        if !space.is_enough() {
            return Err(Error::server("there is not enough free space for the index"));
        }
        let known_runs = histories.into_iter().map(|history| history.run.id).collect();
        Ok(Self { input, known_runs, plan_lines: report::index::plan_lines(&plan, space) })
    }

    /// Builds them; if that fails or is interrupted, what there is of them is dropped.
    pub(crate) async fn build(
        self,
        context: &Context,
        target: &Target,
        statement_timeout: Option<Duration>,
    ) -> Result<Borrowed> {
        let options = Options {
            lock_timeout: target.timeouts().lock,
            lock_tries: DEFAULT_LOCK_TRIES,
            statement_timeout,
            ..Options::default()
        };
        let Self { input, known_runs, .. } = self;
        let goals = input.goals.clone();
        let executed = execute::execute(context, target, input, &options).await;
        let Outcome { run, done, plan, .. } = match executed {
            Ok(outcome) => outcome,
            Err(error) => {
                let Some(begun) = begun(context, target, &goals, &known_runs).await? else {
                    return Err(error);
                };
                begun.give_back(context, target, statement_timeout).await?;
                // The hints of `error` are about what was left, and nothing is.
                let failed = Error::new(error.status(), error.message());
                return Err(error.causes().iter().fold(failed, Error::cause));
            }
        };
        let indexes = done.into_iter().map(|done| done.step.index).collect();
        let borrowed = Borrowed { run: run.unwrap_or_default(), indexes };
        if let Some((index, reason)) = plan.held.first() {
            borrowed.give_back(context, target, statement_timeout).await?;
            return Err(Error::server(format!("could not build index \"{}\"", index.name)).cause(reason));
        }
        Ok(borrowed)
    }
}

/// Returns what a build has begun that did not come to its end. Of these indexes there is no other new run: they were not
/// there, and one perfkit at a time changes indexes.
async fn begun(
    context: &Context,
    target: &Target,
    goals: &[Goal],
    known_runs: &[RunId],
) -> Result<Option<Borrowed>> {
    let connection = target.connect(Access::ReadOnly, &context.uninterrupted().interrupt).await?;
    let histories = execute::histories(&connection, None).await?;
    let is_wanted = |index: &IndexName| {
        goals.iter().any(|goal| matches!(goal, Goal::Create(wanted) if wanted.index == *index))
    };
    let own = histories.into_iter().rev().find(|history| {
        history.can_be_undone()
            && !known_runs.contains(&history.run.id)
            && history.steps.iter().any(|step| is_wanted(&step.index))
    });
    Ok(own.map(|own| Borrowed {
        run: own.run.id.to_string(),
        indexes: own.steps.into_iter().map(|step| step.index).collect(),
    }))
}

impl Borrowed {
    /// Drops them, even after Ctrl-C.
    pub(crate) async fn give_back(
        self,
        context: &Context,
        target: &Target,
        statement_timeout: Option<Duration>,
    ) -> Result<()> {
        let Self { run, indexes } = self;
        let context = context.uninterrupted();
        let hint = format!("`perfkit index undo {run}` drops what is left of it.");
        let undone = undo_only(&context, target, (None, statement_timeout), &run, &indexes).await;
        for step in undone.map_err(|error| error.hint(hint.clone()))? {
            if let UndoOutcome::Impossible(reason) | UndoOutcome::Failed(reason) = &step.outcome {
                return Err(Error::server(format!("could not drop index \"{}\"", step.index.name))
                    .cause(reason)
                    .hint(hint));
            }
        }
        Ok(())
    }
}
