//! Keys of several columns without foreign keys, by statistics: two of the columns keep the key together.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::conditions::Conditions;
use super::keys::Arranged;
use crate::seed::exact::rounded;
use crate::seed::keys::arrangement::Role;
use crate::seed::plan::MakerFrom;
use crate::seed::plan::edges::Edges;
use crate::seed::schema::{ColumnId, KeyPart};
use crate::seed::stats::beside::{Beside, Keeping};
use crate::seed::stats::column::{Place, Stated, slots};
use crate::seed::stats::slots::Slots;
use crate::seed::stats::source;

/// Columns of keys that are kept without them, as their statistics say; `None` for those that are made as if there were no key.
pub(super) type Paired = BTreeMap<usize, Option<Stated>>;

impl Planner<'_> {
    /// Finds the keys that two of their columns can keep: the one with most values leads, and another one tells its rows apart.
    pub(super) fn paired(
        &self,
        edges: &Edges,
        conditions: &Conditions,
        arranged: &Arranged,
        is_pooled: &dyn Fn(usize) -> bool,
    ) -> Paired {
        let mut paired = Paired::new();
        let relation = self.relation;
        let has_base = self.builder.known.base(self.table) > 0;
        if self.builder.request.statistics.is_none() || has_base || relation.is_filled {
            return paired;
        }
        let columns_of = |parts: &mut dyn Iterator<Item = &KeyPart>| -> BTreeSet<ColumnId> {
            parts.flat_map(KeyPart::columns).copied().collect()
        };
        let keys: Vec<BTreeSet<ColumnId>> =
            relation.keys.iter().map(|key| columns_of(&mut key.parts.iter())).collect();
        let excluded = relation.exclusions.iter().map(|of| columns_of(&mut of.parts.iter().map(|it| &it.0)));
        let all: Vec<BTreeSet<ColumnId>> = keys.iter().cloned().chain(excluded).collect();
        for (key, columns) in relation.keys.iter().zip(&keys) {
            let is_free = |id: &ColumnId| {
                let column = usize::from(*id);
                let role = arranged.columns.get(&column).unwrap_or(&Role::Plain);
                let component = conditions.component(column).map(|at| &conditions.components[at]);
                all.iter().filter(|columns| columns.contains(id)).count() == 1
                    && !edges.owners.contains_key(id)
                    && !edges.nulls.contains(id)
                    && matches!(role, Role::Plain | Role::Unique | Role::Digit { .. })
                    && component.is_none_or(|it| it.columns.len() == 1)
                    && relation.field(*id).sequence.is_none()
                    && self.candidates[column].source != MakerFrom::Config
                    && self.repaired(*id, relation.field(*id)).is_none()
                    && !is_pooled(column)
            };
            let is_plain = key.parts.iter().all(|part| matches!(part, KeyPart::Column(_)));
            if is_plain && columns.len() > 1 && columns.iter().all(is_free) {
                let columns: Vec<usize> = columns.iter().map(|id| usize::from(*id)).collect();
                paired.extend(self.pair(&columns, conditions, arranged).unwrap_or_default());
            }
        }
        paired
    }

    /// Makes the columns of a key; `None` where no two of them keep it, or one does alone.
    fn pair(&self, columns: &[usize], conditions: &Conditions, arranged: &Arranged) -> Option<Paired> {
        let mut places: Vec<(usize, Place)> = columns
            .iter()
            .map(|column| Some((*column, self.place(*column, conditions)?)))
            .collect::<Option<_>>()?;
        if places.iter().any(|(_, place)| place.statistics.null_frac > 0.0) {
            return None;
        }
        let n_distinct = |place: &Place| {
            source::n_distinct(place.statistics, self.n_rows).map_or(self.n_rows, rounded).min(self.n_rows)
        };
        let is_kept_alone = |(column, place): &(usize, Place)| {
            arranged.columns.get(column) == Some(&Role::Unique) && n_distinct(place) == self.n_rows
        };
        if places.iter().any(is_kept_alone) {
            return None;
        }
        places.sort_by_key(|(column, place)| (std::cmp::Reverse(n_distinct(place)), *column));
        let (lead, others) = places.split_first()?;
        let mut paired: Paired = columns.iter().map(|column| (*column, None)).collect();
        if n_distinct(&lead.1) == self.n_rows {
            let stated = Place { is_unique: true, ..lead.1 }.stated().ok()?;
            paired.insert(lead.0, Some(stated));
            return Some(paired);
        }
        others.iter().find_map(|(column, place)| {
            let stated = place.stated().ok().filter(|it| it.values.is_some())?;
            let with_values = |least_distinct: u64| {
                let stated = Place { least_distinct, ..lead.1 }.stated().ok()?;
                stated.values.is_some().then_some(stated)
            };
            let mut of_lead = with_values(1)?;
            let keeping = Keeping::new(of_lead.curve.n_ranks(), &stated.curve);
            if of_lead.curve.n_ranks() < keeping.n_values {
                // As many as it takes, which are fewer than in a key that one column keeps alone.
                of_lead =
                    with_values(keeping.n_values).filter(|it| it.curve.n_ranks() == keeping.n_values)?;
            }
            let lead_slots = slots(lead.1.statistics, self.n_rows, &keeping.curve, lead.1.key);
            let beside = Beside::new(lead_slots.clone(), &keeping, place.key);
            let stated = Stated { slots: Slots::beside(&stated.slots, beside), ..stated };
            let mut paired = paired.clone();
            paired.insert(*column, Some(stated));
            paired.insert(lead.0, Some(Stated { slots: lead_slots, curve: keeping.curve, ..of_lead }));
            Some(paired)
        })
    }
}
