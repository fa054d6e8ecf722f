//! References that decide between the cases of conditions: those whose rows are picked before any case is drawn.

use super::Planner;
use crate::seed::condition::domain::{Domain, Unit};
use crate::seed::condition::{self, Allowed};
use crate::seed::make::Maker;
use crate::seed::make::guide::{Fit, Fits, Guide};
use crate::seed::make::lane::Kind;
use crate::seed::plan::edges::{Edges, Target};
use crate::seed::plan::suit;
use crate::seed::plan::{ColumnPlan, Edge, EdgeId, Nulls, Pick};
use crate::seed::schema::ColumnId;

impl Planner<'_> {
    /// Returns the references of a component of which its cases ask different things.
    pub(super) fn guides(
        &self,
        component: &condition::Component,
        columns: &[ColumnPlan],
        edges: &Edges,
        plans: &[Edge],
    ) -> Vec<Guide> {
        let guide = |(of, column): (usize, &usize)| {
            let Maker::Reference { edge, .. } = columns[*column].maker else { return None };
            is_picked_first(edge, edges, plans).then_some(())?;
            let fits = component.cases.iter().map(|case| self.fit(*column, &case.allowed[of]));
            let by_case: Vec<Fit> = fits.collect::<Option<_>>()?;
            let differ = by_case.windows(2).any(|pair| pair[0] != pair[1]);
            differ.then_some(Guide { column: ColumnId::try_from(*column).ok()?, by_case })
        };
        component.columns.iter().enumerate().filter_map(guide).collect()
    }

    /// What a case asks of a column; `None` where perfkit cannot tell whether a value suits it.
    fn fit(&self, column: usize, allowed: &Allowed) -> Option<Fit> {
        let (ty, wire) = (&self.relation.fields[column].ty, &self.wires[column]);
        let values = match &allowed.domain {
            Domain::Any => Fits::Any,
            Domain::Values(literals) => Fits::OneOf(suit::cells(ty, wire, literals)?),
            Domain::Except(literals) => Fits::NoneOf(suit::cells(ty, wire, literals)?),
            Domain::Text(texts) => Fits::NoneOf(suit::cells(ty, wire, &texts.left_out()?)?),
            Domain::Numbers(numbers)
                if wire.kind() == Kind::Int && !matches!(numbers.unit, Unit::Decimal { .. }) =>
            {
                let end = |end: i128| i64::try_from(end).unwrap_or(if end < 0 { i64::MIN } else { i64::MAX });
                Fits::Ranges(numbers.ranges.iter().map(|(low, high)| (end(*low), end(*high))).collect())
            }
            _ => return None,
        };
        Some(Fit { may_be_null: allowed.null, values })
    }
}

/// Whether an edge leads into a table that is complete, without regard to anything that may depend on the case of the row.
fn is_picked_first(edge: EdgeId, edges: &Edges, plans: &[Edge]) -> bool {
    let is_known = |edge: &EdgeId| {
        let place = usize::from(*edge);
        edges.followed[place].target == Target::Complete
            && !matches!(plans[place].nulls, Nulls::ByCase { .. })
    };
    let pick = |edge: &EdgeId| &plans[usize::from(*edge)].pick;
    let is_alone = |edge: &EdgeId| is_known(edge) && beside(pick(edge)).is_some_and(|them| them.is_empty());
    is_known(&edge) && beside(pick(&edge)).is_some_and(|them| them.iter().all(is_alone))
}

/// Edges of the row that a pick looks at; `None` where it looks at more.
fn beside(pick: &Pick) -> Option<Vec<EdgeId>> {
    match pick {
        Pick::Drawn { born: None, .. }
        | Pick::Laid { .. }
        | Pick::Axis { .. }
        | Pick::OneToOne { .. }
        | Pick::Digit { .. }
        | Pick::Listed { .. }
        | Pick::Constant(_) => Some(Vec::new()),
        Pick::Distinct { lead: edge, .. } | Pick::Next { than: edge, .. } => Some(vec![*edge]),
        Pick::Other { than, .. } => Some(than.clone()),
        Pick::Pair { of, .. } | Pick::Among { of, .. } => beside(of),
        Pick::Drawn { born: Some(_), .. }
        | Pick::Within { .. }
        | Pick::Tree { .. }
        | Pick::TreeWithin { .. }
        | Pick::Wave
        | Pick::Mutual
        | Pick::Circular { .. }
        | Pick::Itself => None,
    }
}
