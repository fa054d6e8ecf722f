//! What prices the candidates, and how the search asks it.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::runtime::Handle;

use super::measure::Measured;
use super::problem::{Candidate, Designed, Existing};
use super::statements::{Case, Planned};
use crate::context::Context;
use crate::index::{self, Answer, Definition, Outcome, SelfCheck, Size, Trial};
use crate::pg::hypopg::Hypopg;
use crate::pg::shadow::{Checked, Question, Shadow};
use crate::pg::{self, Connection, Target};
use crate::query;
use crate::ui::Progress;

/// More planners than this have nothing left to do at once.
const MAX_PLANNERS: usize = 8;

/// Where the planner is asked.
pub(super) struct Engine {
    place: Place,
    /// The members that are indexes of today.
    existing: BTreeSet<usize>,
}

enum Place {
    /// An empty local copy of the database.
    Shadow(Box<Shadow>),
    /// The extension HypoPG on the database itself.
    Hypopg(Box<Hypopg>),
}

impl Engine {
    /// Makes the candidates, in the shadow when there is one, else on the database.
    pub(super) async fn start(
        context: &Context,
        shadow: Option<Shadow>,
        database: Option<(&Target, &Connection)>,
        candidates: &[Candidate],
        existing: &[Existing<'_>],
        measured: &Measured,
    ) -> pg::Result<Self> {
        let sized: Vec<(Definition, Size)> =
            candidates.iter().map(|candidate| (candidate.definition.clone(), candidate.size)).collect();
        let names = existing.iter().map(|it| (it.table.schema.as_str(), it.index.name.as_str()));
        let members = (sized.len()..sized.len() + existing.len()).collect();
        let _spinner = context.ui.spinner("make the candidates");
        let place = match (shadow, database) {
            (Some(mut shadow), _) => {
                shadow.add_candidates(&sized, &measured.measures.expressions).await?;
                shadow.add_existing(names);
                let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
                shadow.start_planners(n_cores.min(MAX_PLANNERS)).await?;
                Place::Shadow(Box::new(shadow))
            }
            (None, Some((target, connection))) => {
                let names: Vec<(String, String)> =
                    names.map(|(schema, name)| (schema.to_owned(), name.to_owned())).collect();
                let hypopg = Hypopg::start((target, connection), &context.interrupt, &sized, &names).await?;
                Place::Hypopg(Box::new(hypopg))
            }
            (None, None) => unreachable!("advice is made with a shadow or with a connection"),
        };
        Ok(Self { place, existing: members })
    }

    pub(super) fn name(&self) -> &'static str {
        match &self.place {
            Place::Shadow(_) => "shadow",
            Place::Hypopg(_) => "hypopg",
        }
    }

    pub(super) async fn answers(&mut self, questions: &[Question<'_>]) -> pg::Result<Vec<Answer>> {
        match &mut self.place {
            Place::Shadow(shadow) => shadow.answers(questions).await,
            Place::Hypopg(hypopg) => hypopg.answers(questions).await,
        }
    }

    /// The members that are indexes of today.
    pub(super) fn existing(&self) -> BTreeSet<usize> {
        self.existing.clone()
    }

    /// Whether a member could be made, or hidden, at all.
    pub(super) fn has_member(&self, member: usize) -> bool {
        match &self.place {
            Place::Shadow(shadow) => shadow.has_member(member),
            Place::Hypopg(hypopg) if self.existing.contains(&member) => hypopg.can_hide_existing(),
            Place::Hypopg(hypopg) => hypopg.has_candidate(member),
        }
    }

    /// Whether an index of today can be hidden, with those of the partitions if it is a partitioned one.
    pub(super) fn can_hide(&self, member: usize, is_partitioned: bool) -> bool {
        // HypoPG hides single indexes, and plans name those of the partitions.
        self.has_member(member) && (!is_partitioned || matches!(self.place, Place::Shadow(_)))
    }

    /// What could not be made there, with the reason.
    pub(super) fn missing(&self) -> &[String] {
        match &self.place {
            Place::Shadow(shadow) => &shadow.missing,
            Place::Hypopg(hypopg) => &hypopg.missing,
        }
    }

    /// How often the planner was asked.
    pub(super) fn n_calls(&self) -> u64 {
        match &self.place {
            Place::Shadow(shadow) => shadow.n_calls,
            Place::Hypopg(hypopg) => hypopg.n_calls,
        }
    }

    /// Compares the shadow with the database, where there are both.
    pub(super) async fn self_check(
        &mut self,
        connection: Option<&Connection>,
        planned: &[Planned],
        cases: &[Case<'_>],
    ) -> pg::Result<Option<SelfCheck>> {
        let (Place::Shadow(shadow), Some(connection)) = (&mut self.place, connection) else {
            return Ok(None);
        };
        let checked: Vec<Checked> = cases
            .iter()
            .map(|case| Checked {
                name: &planned[case.statement].statement.name,
                statement: case.sql,
                parameters: &case.values,
            })
            .collect();
        shadow.self_check(connection, &checked).await.map(Some)
    }

    /// Returns what each statement with parameters costs for any values, today and with the chosen set; only a shadow
    /// can say.
    pub(super) async fn generic(
        &mut self,
        planned: &[Planned],
        designed: &Designed<'_>,
        outcome: &Outcome,
    ) -> pg::Result<Vec<Option<(f64, f64)>>> {
        let today = self.existing();
        let Place::Shadow(shadow) = &mut self.place else { return Ok(vec![None; planned.len()]) };
        let dropped: BTreeSet<usize> = outcome.dropped.iter().map(|(member, _)| *member).collect();
        let mut then: BTreeSet<usize> = today.difference(&dropped).copied().collect();
        then.extend(&outcome.chosen);
        let mut costs = Vec::new();
        for visible in [&today, &then] {
            let mut of_set = Vec::new();
            for planned in planned {
                let sql = &planned.statement.sql;
                let is_changed = !planned.is_foreign_key_check
                    && designed.may_change(planned, outcome)
                    && query::placeholder_count(sql) > 0;
                let cost =
                    if is_changed { shadow.generic_cost(visible, sql).await.map(Some) } else { Ok(None) };
                of_set.push(match cost {
                    // A plan for any values may fail where one for these values does not.
                    Err(error) if error.code().is_some() && !error.is_cancelled() => None,
                    cost => cost?,
                });
            }
            costs.push(of_set);
        }
        let (then, today) = (costs.pop().unwrap_or_default(), costs.pop().unwrap_or_default());
        Ok(today.into_iter().zip(then).map(|(today, then)| today.zip(then)).collect())
    }
}

/// The search's planner: a search is plain code, which waits here for the engine's answers.
pub(super) struct Bridge<'a, 'p> {
    pub(super) engine: &'a mut Engine,
    pub(super) cases: &'a [Case<'p>],
    pub(super) deadline: Option<Instant>,
    pub(super) progress: &'a Progress,
}

impl index::Planner for Bridge<'_, '_> {
    type Error = pg::Error;

    fn answers(&mut self, trials: &[Trial]) -> pg::Result<Vec<Answer>> {
        let questions: Vec<Question> = trials
            .iter()
            .map(|trial| {
                let case = &self.cases[trial.statement];
                Question { visible: &trial.visible, statement: case.sql, parameters: &case.values }
            })
            .collect();
        let answers = Handle::current().block_on(self.engine.answers(&questions))?;
        self.progress.message(format!("price indexes: {}", self.engine.n_calls()));
        Ok(answers)
    }

    fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() > deadline)
    }
}
