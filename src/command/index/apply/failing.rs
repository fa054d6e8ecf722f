//! What a failed step means: to try again, or to clear away what it has left and to say what became of it.

use std::time::Duration;

use super::execute::{Executor, POLL, doing, pause};
use super::wait;
use crate::error::{Error, Result};
use crate::index::change::failure::{self, Failure};
use crate::index::change::journal::StepState;
use crate::index::change::plan::{is_leftover_of, plan};
use crate::index::change::state::State;
use crate::index::change::steps::{Action, Step};
use crate::index::change::{IndexName, duplicates};
use crate::pg;
use crate::pg::ddl::{self, Patience};
use crate::query::index_ddl::index_ddl;
use crate::random;
use crate::sources;
use crate::unit;

/// Nobody who pressed Ctrl-C waits for long until the leftover is dropped; dropping waits for older transactions as
/// building does.
const HURRIED_CLEAN_UP: Duration = Duration::from_secs(8);
const CLEAN_UP: Duration = Duration::from_mins(1);
/// So often a step may lose its session, or find another state than it was planned for.
const MAX_LOSSES: u32 = 5;

impl Executor<'_> {
    /// Decides what a failure means; `Ok` is to plan anew.
    pub(super) async fn fail(
        &mut self,
        at: Option<usize>,
        step: &Step,
        error: pg::Error,
        blockers: &[ddl::Blocker],
    ) -> Result<()> {
        if self.trying.0 != step.sql {
            self.trying = (step.sql.clone(), 0);
        }
        self.trying.1 += 1;
        let interrupted = self.context.interrupt.is_raised();
        let failure = error.failure();
        match failure {
            _ if interrupted => {}
            Failure::Busy if self.trying.1 < self.options.lock_tries => {
                let bits = random::substream(self.session.backend_start_us.unsigned_abs(), &step.sql);
                let delay = failure::delay(self.trying.1, bits);
                let who = blockers.first().map(wait::describe).unwrap_or_default();
                self.context.ui.status(format_args!(
                    "{} {}: somebody else has the lock{who}; try {} of {} in {:.1} s",
                    step.verb(),
                    step.index.name,
                    self.trying.1 + 1,
                    self.options.lock_tries,
                    delay.as_secs_f64()
                ));
                self.note_failure(at, &error).await?;
                return pause(self.context, delay).await;
            }
            Failure::Outdated if self.losses < MAX_LOSSES => {
                self.losses += 1;
                self.note_failure(at, &error).await?;
                return pause(self.context, POLL).await;
            }
            Failure::SessionLost if self.losses < MAX_LOSSES => {
                self.losses += 1;
                self.context.ui.warn(format_args!("{error}: the session was lost; connecting again"));
                return self.reconnect().await;
            }
            _ => {}
        }
        self.note_failure(at, &error).await?;
        let error = Error::from(error);
        let cleaned_up = self.clean_up(step).await;
        // `None` where the server does not tell any more.
        let now = ddl::read_state(&self.control, self.goals).await.ok();
        let left = now.as_ref().map(|now| left_by(step, now));
        let error = self.explained(error, failure, step, left.as_deref()).await;
        let error = if now.is_some_and(|now| is_half_dropped(step, &self.state, &now)) {
            error.context(format!("index \"{}\" is INVALID now: its drop was cut short", step.index.name))
        } else {
            error
        };
        Err(match cleaned_up {
            Ok(()) => error,
            Err(why) => {
                let left = match left {
                    Some(names) if !names.is_empty() => {
                        format!("index {} is left INVALID: it could not be dropped yet", names.join(", "))
                    }
                    _ => "what the build may have left could not be dropped yet".to_owned(),
                };
                error
                    .context(left)
                    .cause(why)
                    .hint("It is not used, and the next `perfkit index apply` drops it and builds it anew.")
            }
        })
    }

    /// Writes a failure down. Whether the same is tried again is for the next plan to say.
    async fn note_failure(&mut self, at: Option<usize>, error: &pg::Error) -> Result<()> {
        let Some(at) = at else { return Ok(()) };
        let entry = &mut self.entries[at];
        entry.state = StepState::Failed;
        entry.ended_us = Some(sources::now_us());
        entry.error = Some(error.to_string());
        self.write(at).await
    }

    /// Adds what the server's own words do not say. `left` names what is left of a build, as far as that is known.
    async fn explained(&self, error: Error, failure: Failure, step: &Step, left: Option<&[String]>) -> Error {
        match failure {
            Failure::Duplicates => self
                .duplicates(step)
                .await
                .iter()
                .fold(error, Error::cause)
                .hint("Remove the duplicate rows, then run the command again."),
            Failure::NoSpace => {
                let needed = step.size_bytes.map(|size| {
                    format!(
                        "it was expected to take {}, and as much again while it is sorted",
                        unit::bytes(size)
                    )
                });
                let is_clean = left.is_some_and(<[String]>::is_empty);
                let clean = is_clean.then(|| "nothing of the new index is left".to_owned());
                needed
                    .iter()
                    .chain(&clean)
                    .fold(error, Error::cause)
                    .hint("Give the server space, or its temporary files a higher limit.")
            }
            Failure::ReadOnly => error.hint("Connect to the server that takes writes now."),
            _ => error,
        }
    }

    /// Drops what the failed step has left, unless an older transaction keeps it for too long.
    async fn clean_up(&mut self, step: &Step) -> Result<()> {
        if !step.builds() {
            return Ok(());
        }
        let patience = if self.context.interrupt.is_raised() { HURRIED_CLEAN_UP } else { CLEAN_UP };
        self.worker.shield(patience).await?;
        self.state = ddl::read_state(&self.control, self.goals).await?;
        let plan = plan(self.goals, &self.state, &self.progress);
        let is_of_step = |it: &&Step| {
            it.action == Action::DropLeftover
                && (it.goal == step.goal
                    || step.action == Action::Reindex && is_leftover_of(&it.index, &step.index))
        };
        for left in plan.steps.iter().filter(is_of_step) {
            if self.is_left(left).await? {
                self.worker.run(&doing(left), &left.sql, Patience::Endless).await?;
            }
        }
        Ok(())
    }

    async fn duplicates(&self, step: &Step) -> Vec<String> {
        let Some(ddl) = index_ddl(&step.sql) else { return Vec::new() };
        let IndexName { schema, table, .. } = &step.index;
        // The server's DETAIL names one of them in any case.
        let found = ddl::duplicates(&self.worker.connection, &ddl, schema, table).await.unwrap_or_default();
        found.into_iter().map(|(key, n_rows)| duplicates::describe(&ddl, &key, n_rows)).collect()
    }
}

/// Whether a drop that failed has come so far that the index is used no more.
fn is_half_dropped(step: &Step, before: &State, now: &State) -> bool {
    let is_valid = |state: &State| state.index(&step.index).map(|(_, index)| index.is_valid);
    step.action == Action::Drop && is_valid(before) == Some(true) && is_valid(now) == Some(false)
}

/// Returns what a build that failed has left and that is there still, by its quoted names.
fn left_by(step: &Step, now: &State) -> Vec<String> {
    let invalid = now.tables.iter().flat_map(|table| {
        let indexes = table.indexes.iter().filter(|index| !index.is_valid);
        indexes.map(|index| table.index_name(&index.name))
    });
    invalid
        .filter(|index| {
            (&index.schema, &index.name) == (&step.index.schema, &step.index.name)
                || is_leftover_of(index, &step.index)
        })
        .map(|index| format!("\"{}\"", index.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::change::state::{IndexState, TableState};

    fn state(indexes: &[(&str, bool)]) -> State {
        let index = |&(name, is_valid): &(&str, bool)| IndexState {
            name: name.to_owned(),
            is_valid,
            ..IndexState::default()
        };
        let table = TableState {
            schema: "s".to_owned(),
            name: "t".to_owned(),
            indexes: indexes.iter().map(index).collect(),
            ..TableState::default()
        };
        State { tables: vec![table], ..State::default() }
    }

    fn step(action: Action) -> Step {
        let index = IndexName { schema: "s".to_owned(), table: "t".to_owned(), name: "i".to_owned() };
        Step { action, goal: index.clone(), index, sql: String::new(), size_bytes: None }
    }

    #[test]
    fn a_drop_that_was_cut_short_is_told_from_one_that_did_nothing() {
        let check = |action: Action, before: bool, now: &[(&str, bool)], expected: bool| {
            let found = is_half_dropped(&step(action), &state(&[("i", before)]), &state(now));
            assert_eq!(found, expected, "{before}, {now:?}");
        };
        check(Action::Drop, true, &[("i", false)], true);
        check(Action::Drop, true, &[("i", true)], false);
        check(Action::Drop, true, &[("other", false)], false);
        check(Action::Drop, false, &[("i", false)], false);
        check(Action::Reindex, true, &[("i", false)], false);
    }

    #[test]
    fn what_is_left_is_its_own_and_invalid() {
        let check = |now: &[(&str, bool)], expected: &[&str]| {
            assert_eq!(left_by(&step(Action::Create), &state(now)), expected, "{now:?}");
        };
        check(&[("i", false), ("other", false)], &["\"i\""]);
        check(&[("i", true), ("i_ccnew1", false), ("i_ccold", true)], &["\"i_ccnew1\""]);
        check(&[], &[]);
    }
}
