//! What perfkit.yaml says of a column, and moments that follow those of the parents.

use super::conditions::Conditions;
use super::references::edge_id;
use super::{Candidate, PERIOD_US, Planner};
use crate::seed::exact;
use crate::seed::guess;
use crate::seed::make::{Derived, Draw, Maker, Values};
use crate::seed::plan::build::PlanError;
use crate::seed::plan::{ColumnPlan, Edge, MakerFrom, Nulls};
use crate::seed::schema::{ColumnId, Field};
use crate::seed::spec::values::Site;
use crate::seed::spec::{self, Generator};
use crate::seed::wire::Wire;

impl Planner<'_> {
    /// What perfkit.yaml says of a column.
    pub(super) fn configured(
        &self,
        column: ColumnId,
        field: &Field,
        wire: &Wire,
    ) -> Result<Option<Candidate>, PlanError> {
        let Some(generator) = self.generator(&field.name) else { return Ok(None) };
        let wrong = |reason: String| PlanError::Column {
            table: self.relation.name.clone(),
            column: field.name.clone(),
            reason,
        };
        let candidate = |maker: Maker, null_share: u32| {
            Ok(Some(Candidate { maker, null_share, source: MakerFrom::Config }))
        };
        if *generator == Generator::Skip {
            if field.not_null {
                return Err(wrong("it cannot be left out, because it is NOT NULL".to_owned()));
            }
            return candidate(Maker::Null, 0);
        }
        let site = Site {
            relation: self.relation,
            column,
            wire,
            as_of_us: self.builder.request.as_of_us,
            n_rows: self.n_rows,
        };
        let null_share = spec::values::null_share(generator);
        if null_share.is_some_and(|share| share > 0) && field.not_null {
            return Err(wrong("it has NULLs, but the column is NOT NULL".to_owned()));
        }
        let guess = || {
            let timed = guess::timed(column, self.relation, &self.period());
            let guess = guess::values(field, self.relation);
            timed.unwrap_or(Maker::Drawn { draw: guess.draw, values: guess.values })
        };
        let made = spec::values::maker(generator, &site).map_err(wrong)?;
        match (made, generator) {
            (made, Generator::Correlated { with, rank, .. }) => {
                let maker = self.along(made.unwrap_or_else(guess), with, *rank).map_err(wrong)?;
                candidate(maker, 0)
            }
            (Some(maker), _) => candidate(maker, null_share.unwrap_or(0)),
            (None, Generator::Nullable { .. }) => candidate(guess(), null_share.unwrap_or(0)),
            // References are edges, keys are arranged.
            (None, _) => Ok(None),
        }
    }

    pub(super) fn generator(&self, column: &str) -> Option<&Generator> {
        self.builder.named.config(self.table)?.columns.get(column)
    }

    /// Makes a maker follow the ranks of another column in a share of the rows.
    pub(super) fn along(&self, maker: Maker, with: &str, share: f64) -> Result<Maker, String> {
        let Some(other) = self.relation.column(with) else {
            return Err(format!("there is no column {with:?}"));
        };
        let field = self.relation.field(other);
        if matches!(self.generator(with), Some(Generator::Correlated { .. })) {
            return Err(format!("column {with:?} is itself correlated with another one"));
        }
        let theirs = match guess::wire(&field.ty) {
            Some(wire) => self.candidate_of(other, field, &wire),
            None => None,
        };
        match (maker, theirs) {
            (Maker::Drawn { draw, values }, Some(Maker::Drawn { draw: theirs, .. }))
                if draw.is_ranked() && theirs.is_ranked() =>
            {
                let share = exact::share(share.abs());
                let draw = Draw::Along { key: self.stream(with), share, draw: Box::new(draw) };
                Ok(Maker::Drawn { draw, values })
            }
            _ => Err(format!("it cannot follow column {with:?}: both must be drawn from a distribution")),
        }
    }

    pub(super) fn candidate_of(&self, column: ColumnId, field: &Field, wire: &Wire) -> Option<Maker> {
        let configured = self.configured(column, field, wire).ok()?;
        let guess = || {
            let guess = guess::values(field, self.relation);
            Maker::Drawn { draw: guess.draw, values: guess.values }
        };
        Some(configured.map_or_else(guess, |candidate| candidate.maker))
    }

    /// When the rows come to be.
    pub(super) fn period(&self) -> guess::Period {
        let to_us = self.builder.request.as_of_us;
        guess::Period { from_us: to_us - PERIOD_US, to_us, n_rows: self.n_rows }
    }

    /// Moments follow those of the parents: no order is older than its customer.
    pub(super) fn follow_moments(
        &mut self,
        edges: &[Edge],
        conditions: &Conditions,
        is_free: &dyn Fn(usize) -> bool,
    ) {
        let is_series = |maker: &Maker| {
            matches!(
                maker,
                Maker::Drawn { values: Values::Moments(_), .. } | Maker::Derived(Derived::Since { .. })
            )
        };
        let their_moment = |edge: &Edge, wire: &Wire| {
            let parent = &self.builder.plan.tables[usize::from(edge.parent)];
            let is_moment = |column: &ColumnPlan| column.wire == *wire && is_series(&column.maker);
            let has_own = parent.existing.is_none() && edge.nulls == Nulls::Never;
            parent.columns.iter().position(is_moment).filter(|_| has_own)
        };
        for column in 0..self.candidates.len() {
            let candidate = &self.candidates[column];
            if !is_free(column) || conditions.is_restricted(column) || !is_series(&candidate.maker) {
                continue;
            }
            let wire = &self.wires[column];
            let mut complete = edges.iter().enumerate().filter(|(_, edge)| edge.parent != self.table);
            let found = complete.find_map(|(place, edge)| Some((place, their_moment(edge, wire)?)));
            if let Some((edge, parent_column)) = found {
                let own = Box::new(candidate.maker.clone());
                let column_id =
                    ColumnId::try_from(parent_column).expect("fewer columns than PostgreSQL can name");
                let since = Derived::Since { own, edge: edge_id(edge), column: column_id, low: 0 };
                self.candidates[column].maker = Maker::Derived(since);
            }
        }
    }
}
