//! What the statistics of another database make of a column.

use super::Planner;
use super::conditions::Conditions;
use super::keys::Arranged;
use super::pairs::Paired;
use crate::catalog::ColumnStatistics;
use crate::seed::condition::domain::Domain;
use crate::seed::exact::{self, count, rounded};
use crate::seed::keys::arrangement::Role;
use crate::seed::make::{Draw, Maker, Values};
use crate::seed::plan::{ColumnPlan, Gap, MakerFrom, Nulls};
use crate::seed::stats::column::Place;
use crate::seed::stats::combined::Combinations;
use crate::seed::stats::joint::{self, Ranks};
use crate::seed::stats::source::{self, Source};

/// More rows that must be NULL or must not than the goal for null fractions: a conflict.
const MAX_NULL_SHARE: f32 = 0.005;

/// Columns with so many values for their rows, and no more, are as a key has them: the goal for numbers of values.
const MOST_REPEATED: f64 = 0.9;

impl Planner<'_> {
    /// The statistics of a column, where there are any of rows.
    pub(super) fn statistics(&self, column: usize) -> Option<(&Source, &ColumnStatistics)> {
        let source = self.builder.request.statistics.as_ref()?;
        let field = &self.relation.fields[column];
        let (n_rows, statistics) = source.column(&self.relation.schema, &self.relation.name, &field.name)?;
        (n_rows >= 1.0).then_some((source, statistics))
    }

    /// Lets columns depend on each other as extended statistics say.
    pub(super) fn join(&self, columns: &mut [ColumnPlan], paired: &Paired, ranks: &Ranks) {
        let Some(source) = &self.builder.request.statistics else { return };
        let Some(table) = source.table(&self.relation.schema, &self.relation.name) else { return };
        let correlation = |name: &str| table.columns.get(name)?.correlation.map(f64::from);
        // What tells the rows of a key apart stays where it is.
        let is_paired =
            |name: &String| paired.keys().any(|column| self.relation.fields[*column].name == *name);
        let n_distinct = |name: &str| {
            Some(rounded(source::n_distinct(table.columns.get(name)?, self.n_rows)?).clamp(1, self.n_rows))
        };
        let mut dependencies = joint::of_groups(&table.groups, self.n_rows, &n_distinct);
        dependencies.extend(table.dependencies.iter().cloned());
        dependencies.retain(|it| !is_paired(&it.of));
        let is_apart = |it: &&Combinations| !it.columns.iter().any(is_paired);
        let lists: Vec<Combinations> = table.combinations.iter().filter(is_apart).cloned().collect();
        let settled = joint::combine(columns, &lists, &dependencies, ranks, &correlation);
        joint::follow(columns, settled, &dependencies, &correlation);
    }

    /// Makes a column as its statistics say, as far as keys and conditions leave that open; what they do not is a gap. `plan` is what
    /// it is without them. `ranks` learn what stands for its most common values.
    pub(super) fn state(
        &self,
        column: usize,
        plan: &mut ColumnPlan,
        may_be_null: bool,
        conditions: &Conditions,
        arranged: &Arranged,
        (paired, ranks): (&Paired, &mut Ranks),
    ) -> Option<Gap> {
        let (_, statistics) = self.statistics(column)?;
        let field = &self.relation.fields[column];
        let gap = |reason: String| {
            Some(Gap::Statistics { table: self.name.clone(), column: field.name.clone(), reason })
        };
        let share = exact::share(statistics.null_frac.into());
        plan.nulls = if may_be_null { Nulls::Share(share) } else { Nulls::Never };
        let is_unique = match arranged.columns.get(&column) {
            _ if paired.contains_key(&column) => false,
            None | Some(Role::Plain) => false,
            Some(Role::Unique) => true,
            Some(_) => return gap("a key decides its values".to_owned()),
        };
        let by_constraints = || gap("constraints decide its values".to_owned());
        let Maker::Drawn { draw, values } = &plan.maker else { return by_constraints() };
        // Keys of a sequence are the run's own.
        let has_base = self.builder.known.base(self.table) > 0;
        let is_serial = *draw == Draw::Serial && field.sequence.is_some();
        if is_serial || (is_unique && (has_base || self.relation.is_filled)) {
            return None;
        }
        let Some(place) = self.place(column, conditions) else { return by_constraints() };
        let place = Place { may_be_null, is_unique, n_guessed: values.n(), ..place };
        let stated = match paired.get(&column) {
            Some(Some(stated)) => Ok(stated.clone()),
            _ => place.stated(),
        };
        let stated = match stated {
            Ok(stated) => stated,
            Err(reason) => return gap(reason),
        };
        let must_be_there = !may_be_null && statistics.null_frac > MAX_NULL_SHARE;
        let n_distinct = source::n_distinct(statistics, self.n_rows);
        let n_values = count(stated.slots.n_values());
        let is_repeated = is_unique && n_distinct.is_some_and(|n| n < MOST_REPEATED * n_values);
        let of_key = is_repeated.then(|| "a key has another value of it in each row".to_owned());
        let reason = stated.conflict.or(of_key).or_else(|| {
            must_be_there.then(|| "it must not be NULL here, as it is in rows of the source".to_owned())
        });
        let (values, step) = match stated.values {
            Some(values) => (values, 1),
            // Spread over what there is, in its order.
            None => (values.clone(), ordinals_apart(values, stated.curve.n_ranks())),
        };
        if may_be_null {
            plan.nulls = Nulls::Slots(stated.slots.clone());
        }
        ranks.insert(field.name.clone(), stated.common);
        let draw = Draw::Axis { slots: stated.slots, curve: stated.curve, step };
        plan.maker = Maker::Drawn { draw, values };
        plan.source = MakerFrom::Statistics;
        gap(reason?)
    }
}

impl Planner<'_> {
    /// A column with statistics, as far as it is known before its maker; `None` where conditions allow it one or the other.
    pub(super) fn place<'a>(&'a self, column: usize, conditions: &'a Conditions) -> Option<Place<'a>> {
        // What is not restricted is any value.
        const ANY: &Domain = &Domain::Any;
        let (source, statistics) = self.statistics(column)?;
        let field = &self.relation.fields[column];
        let allowed = conditions.allowed(column);
        let domain = allowed.first().map_or(ANY, |first| &first.domain);
        if allowed.iter().any(|other| other.domain != *domain) {
            return None;
        }
        Some(Place {
            statistics,
            ty: &field.ty,
            wire: &self.wires[column],
            domain,
            n_rows: self.n_rows,
            may_be_null: false,
            is_unique: false,
            least_distinct: 1,
            is_kept: source.keeps(&self.relation.schema, &self.relation.name, &field.name),
            shift_us: source.shift_us(self.builder.request.as_of_us),
            n_guessed: 0,
            key: self.column_stream(&field.name),
        })
    }
}

/// How far ordinals are from each other, so that they are all over the values that there are.
fn ordinals_apart(values: &Values, n_ranks: u64) -> u64 {
    match values {
        Values::Network(_) | Values::Uuid { .. } => 1,
        _ => (values.n() / n_ranks.max(1)).max(1),
    }
}
