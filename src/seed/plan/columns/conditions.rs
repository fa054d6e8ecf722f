//! What conditions leave a column: in each case of its component a maker, or another column that it follows.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use crate::query::check::{self, Check, Comparison, Formula, Opaque};
use crate::query::quote;
use crate::seed::condition::domain::{Class, Domain, Unit};
use crate::seed::condition::{self, Allowed, Case};
use crate::seed::guess;
use crate::seed::make::{Cut, Derived, Maker};
use crate::seed::plan::request::Repair;
use crate::seed::plan::routing;
use crate::seed::plan::suit::{self, suit, uniform};
use crate::seed::schema::{ColumnId, Field, Relation, Schema};

/// A table's conditions, with what of the keys is turned into one.
pub(in crate::seed::plan) struct Conditions {
    pub(in crate::seed::plan) columns: Vec<condition::Column>,
    /// Those of the table and of its domains.
    pub(in crate::seed::plan) checks: Vec<Check>,
    pub(in crate::seed::plan) components: Vec<condition::Component>,
    /// For each column its component and place in it.
    pub(in crate::seed::plan) place: BTreeMap<usize, (usize, usize)>,
}

impl Conditions {
    /// What a column may be in each case of its component; nothing for a column without conditions.
    pub(super) fn allowed(&self, column: usize) -> Vec<&Allowed> {
        match self.place.get(&column) {
            Some((component, of)) => {
                self.components[*component].cases.iter().map(|case| &case.allowed[*of]).collect()
            }
            None => Vec::new(),
        }
    }

    /// Columns that no case lets be anything but NULL.
    pub(super) fn always_null(&self) -> BTreeSet<ColumnId> {
        let is_never = |column: &usize| self.allowed(*column).iter().all(|it| it.domain == Domain::Never);
        let columns = self.place.keys().filter(|column| is_never(column));
        columns.filter_map(|column| ColumnId::try_from(*column).ok()).collect()
    }

    /// Leaves the cases in which these columns may be NULL, as they are for want of parents, where there are such cases.
    pub(super) fn keep_null(&mut self, columns: &BTreeSet<ColumnId>) {
        for component in &mut self.components {
            let is_null = |column: &usize| ColumnId::try_from(*column).is_ok_and(|it| columns.contains(&it));
            let nulls: Vec<usize> =
                (0..component.columns.len()).filter(|of| is_null(&component.columns[*of])).collect();
            let suits = |case: &Case| {
                nulls.iter().map(|of| &case.allowed[*of]).all(|it| it.null || it.domain == Domain::Never)
            };
            let kept: Vec<usize> =
                (0..component.cases.len()).filter(|at| suits(&component.cases[*at])).collect();
            if !kept.is_empty() && kept.len() < component.cases.len() {
                component.weights = kept.iter().map(|at| component.weights[*at]).collect();
                component.cases = kept.iter().map(|at| component.cases[*at].clone()).collect();
            }
        }
    }

    /// Whether a column may not be everything that its type holds.
    pub(super) fn is_restricted(&self, column: usize) -> bool {
        self.allowed(column).iter().any(|allowed| allowed.domain != Domain::Any)
    }

    pub(super) fn component(&self, column: usize) -> Option<usize> {
        self.place.get(&column).map(|(component, _)| *component)
    }

    /// Whether the conditions on a column are on no other one.
    pub(super) fn is_alone(&self, column: usize) -> bool {
        self.component(column).is_some_and(|at| self.components[at].columns.len() == 1)
    }
}

impl Planner<'_> {
    /// The conditions of the table, its domains, its partitions and of keys whose predicates must not hold.
    pub(super) fn conditions(&self, dropped: &BTreeSet<usize>) -> Result<Conditions, String> {
        let relation = self.relation;
        let of_field = |(place, field): (usize, &Field)| condition::Column {
            name: field.name.clone(),
            not_null: field.not_null,
            class: suit::class(&field.ty, Some(&self.wires[place])),
            checks: field
                .domain_checks
                .iter()
                .map(|(name, definition)| {
                    check::of_domain(name, definition, &field.name, &self.builder.schema.functions)
                })
                .collect(),
        };
        let columns: Vec<condition::Column> = relation.fields.iter().enumerate().map(of_field).collect();
        let mut checks: Vec<Check> = relation
            .checks
            .iter()
            .map(|(name, definition)| check::check(name, definition, &self.builder.schema.functions))
            .collect();
        checks.extend(routing::condition(relation));
        checks.extend(self.of_spans());
        checks.extend(self.of_pairs());
        for key in dropped.iter().map(|key| &relation.keys[*key]) {
            let Some(predicate) = &key.predicate else { continue };
            let formula = check::predicate(predicate, &self.builder.schema.functions).negated();
            checks.push(Check {
                name: key.name.clone(),
                sql: format!("NOT ({predicate})"),
                columns: formula.columns(),
                formula,
            });
        }
        let mut components = condition::components(&columns, &checks, self.builder.request.as_of_us)
            .map_err(|error| error.to_string())?;
        for component in &mut components {
            self.ask_whether_different(component, &columns);
        }
        for (place, component) in components.iter_mut().enumerate() {
            let only = self.builder.known.repairs.iter().find_map(|repair| match repair {
                Repair::OnlyCase(table, of, case) if *table == self.table && usize::from(*of) == place => {
                    Some(*case)
                }
                _ => None,
            });
            if let Some(case) = only.map(usize::from).filter(|case| *case < component.cases.len()) {
                component.cases = vec![component.cases.swap_remove(case)];
                component.weights = vec![1];
            }
        }
        let place = components
            .iter()
            .enumerate()
            .flat_map(|(at, component)| {
                component.columns.iter().enumerate().map(move |(of, column)| (*column, (at, of)))
            })
            .collect();
        checks.extend(columns.iter().flat_map(|column| column.checks.iter().cloned()));
        Ok(Conditions { columns, checks, components, place })
    }

    /// Leaves it to the server which rows have different values in two columns of few: references see to it themselves, and of
    /// many numbers two are seldom the same.
    fn ask_whether_different(&self, component: &mut condition::Component, columns: &[condition::Column]) {
        let is_reference = |column: usize| {
            let keys = &self.relation.foreign_keys;
            keys.iter().any(|key| key.columns.iter().any(|of| usize::from(*of) == column))
        };
        for case in &mut component.cases {
            for relation in &case.relations {
                let places = [relation.left, relation.right];
                let is_wide = places.iter().any(|place| {
                    let is_number = matches!(columns[component.columns[*place]].class, Class::Number(_));
                    is_number && case.allowed[*place].domain == Domain::Any
                });
                let sides = places.map(|place| component.columns[place]);
                if relation.comparison != Comparison::NotEqual
                    || relation.shift != 0
                    || is_wide
                    || sides.iter().any(|column| is_reference(*column))
                {
                    continue;
                }
                let names = sides.map(|column| columns[column].name.clone());
                let quoted = names.each_ref().map(|name| quote::quote_identifier(name));
                let opaque = Opaque { sql: quoted.join(" <> "), columns: names.into() };
                if !case.opaque.contains(&opaque) {
                    case.opaque.push(opaque);
                }
            }
        }
    }

    /// Whether a key's predicate can be kept from holding.
    pub(super) fn can_drop(&self, key: usize, dropped: &BTreeSet<usize>) -> bool {
        let mut dropped = dropped.clone();
        dropped.insert(key);
        let is_opaque = |formula: &Formula| !formula.opaque().is_empty();
        let predicate = self.relation.keys[key]
            .predicate
            .as_deref()
            .map(|sql| check::predicate(sql, &self.builder.schema.functions));
        predicate.is_some_and(|formula| !is_opaque(&formula)) && self.conditions(&dropped).is_ok()
    }

    /// A column with all its conditions: in each case a maker.
    pub(super) fn with_conditions(
        &self,
        column: usize,
        maker: &Maker,
        conditions: &Conditions,
        derived: &BTreeMap<(usize, usize), Derived>,
    ) -> (Maker, bool) {
        let field = &self.relation.fields[column];
        let allowed = conditions.allowed(column);
        let is_copy_within = |of: &Derived, domain: &Domain| match of {
            Derived::Copy { of } => {
                conditions.allowed(usize::from(*of)).iter().all(|it| it.domain == *domain)
            }
            _ => false,
        };
        let of_case = |(case, allowed): (usize, &&Allowed)| {
            if allowed.domain == Domain::Never {
                return Maker::Null;
            }
            if let Some(derived) = derived.get(&(column, case)) {
                return Maker::Derived(derived.clone());
            }
            match maker {
                Maker::Drawn { draw, values } => {
                    // Where perfkit cannot make what a condition asks for, the server will tell.
                    let suited = suit(&field.ty, &self.wires[column], draw, values, &allowed.domain);
                    // Of a key the values are suited, and their draw keeps it.
                    let suited = suited.filter(|(_, suited)| suited != values);
                    suited.map_or_else(|| maker.clone(), |(draw, values)| Maker::Drawn { draw, values })
                }
                // What follows another column may leave what is allowed, unless that one is as narrow.
                Maker::Derived(of)
                    if allowed.domain != Domain::Any && !is_copy_within(of, &allowed.domain) =>
                {
                    let guess = guess::values(field, self.relation);
                    let suited =
                        suit(&field.ty, &self.wires[column], &guess.draw, &guess.values, &allowed.domain);
                    suited.map_or_else(|| maker.clone(), |(draw, values)| Maker::Drawn { draw, values })
                }
                Maker::Derived(of) if !allowed.null => self.never_null((column, case), of, conditions),
                other => other.clone(),
            }
        };
        let mut makers: Vec<Maker> = allowed.iter().enumerate().map(of_case).collect();
        let may_be_null = !field.not_null && allowed.iter().all(|it| it.null);
        let maker = match conditions.component(column) {
            None => maker.clone(),
            Some(component) if makers.windows(2).any(|pair| pair[0] != pair[1]) => {
                Maker::Cases { component: u16::try_from(component).expect("few components"), by_case: makers }
            }
            Some(_) => makers.swap_remove(0),
        };
        (maker, may_be_null)
    }

    /// What follows another column where a condition leaves no NULL: what would be in the future is now.
    fn never_null(&self, (column, case): (usize, usize), of: &Derived, conditions: &Conditions) -> Maker {
        let Derived::Beyond { of, low, step, draw, cut } = of else { return Maker::Derived(of.clone()) };
        let other = usize::from(*of);
        let is_null = if conditions.component(other) == conditions.component(column) {
            let allowed = conditions.allowed(other);
            allowed.get(case).is_some_and(|allowed| allowed.domain == Domain::Never)
        } else {
            self.candidates[other].null_share > 0
        };
        if is_null {
            let guess = guess::values(&self.relation.fields[column], self.relation);
            return Maker::Drawn { draw: guess.draw, values: guess.values };
        }
        let cut = match *cut {
            Cut::NullAbove(limit) => Cut::At(limit),
            other => other,
        };
        Maker::Derived(Derived::Beyond { of: *of, low: *low, step: *step, draw: draw.clone(), cut })
    }

    /// Columns that follow another one because of a condition between them, by column and case of their component.
    pub(super) fn derived(
        &self,
        conditions: &Conditions,
        is_free: &dyn Fn(usize) -> bool,
    ) -> BTreeMap<(usize, usize), Derived> {
        let mut derived = BTreeMap::new();
        // What follows what, over all cases: nothing may follow itself.
        let mut follows: BTreeMap<usize, usize> = BTreeMap::new();
        for component in &conditions.components {
            for (case_place, case) in component.cases.iter().enumerate() {
                for relation in &case.relations {
                    let sides = (component.columns[relation.left], component.columns[relation.right]);
                    let is_null = |place: usize| case.allowed[place].domain == Domain::Never;
                    if relation.comparison == Comparison::NotEqual
                        || is_null(relation.left)
                        || is_null(relation.right)
                    {
                        continue;
                    }
                    let reaches = |from: usize, to: usize| {
                        std::iter::successors(Some(from), |at| follows.get(at).copied()).any(|at| at == to)
                    };
                    let can = |column: usize, of: usize| {
                        let is_taken = follows.get(&column).is_some_and(|other| *other != of);
                        is_free(column) && !is_taken && !reaches(of, column)
                    };
                    let nullable = |column: usize| !self.relation.fields[column].not_null;
                    // What must be there does not follow what may be NULL, if it can be the other way round.
                    let left_first = nullable(sides.0) && !nullable(sides.1) && can(sides.0, sides.1);
                    let (column, of, is_right) = if !left_first && can(sides.1, sides.0) {
                        (sides.1, sides.0, true)
                    } else if can(sides.0, sides.1) {
                        (sides.0, sides.1, false)
                    } else {
                        continue;
                    };
                    let place = if is_right { relation.right } else { relation.left };
                    let maker = beyond(case, place, &self.relation.fields[column], of, relation, is_right);
                    if let Some(maker) = maker {
                        follows.insert(column, of);
                        derived.insert((column, case_place), maker);
                    }
                }
            }
        }
        for ((column, _), derived) in &mut derived {
            self.within_stretch(*column, derived);
        }
        derived
    }
}

/// The least number below `first` that the conditions on a column alone allow, where they do not allow `first`.
pub(super) fn least(
    field: &Field,
    relation: &Relation,
    schema: &Schema,
    as_of_us: i64,
    first: i64,
) -> Option<i128> {
    let column = condition::Column {
        name: field.name.clone(),
        not_null: true,
        class: suit::class(&field.ty, None),
        checks: Vec::new(),
    };
    let checks: Vec<Check> = relation
        .checks
        .iter()
        .map(|(name, definition)| check::check(name, definition, &schema.functions))
        .filter(|check| check.columns == [field.name.as_str()])
        .collect();
    let components = condition::components(&[column], &checks, as_of_us).ok()?;
    let cases = components.iter().flat_map(|component| &component.cases);
    let mut ranges = Vec::new();
    for allowed in cases.flat_map(|case| &case.allowed) {
        let Domain::Numbers(numbers) = &allowed.domain else { return None };
        ranges.extend_from_slice(&numbers.ranges);
    }
    let allows_first = ranges.iter().any(|(low, high)| (*low..=*high).contains(&first.into()));
    let least = ranges.iter().map(|(low, _)| *low).min()?;
    (!allows_first && least < first.into()).then_some(least)
}

/// A column that follows another one as a relation asks.
fn beyond(
    case: &Case,
    place: usize,
    field: &Field,
    of: usize,
    relation: &condition::Relation,
    is_right: bool,
) -> Option<Derived> {
    let of = ColumnId::try_from(of).ok()?;
    let shift = i64::try_from(relation.shift).ok()?;
    let Class::Number(unit) = suit::class(&field.ty, None) else {
        return (relation.comparison == Comparison::Equal).then_some(Derived::Copy { of });
    };
    if relation.comparison == Comparison::Equal {
        let low = if is_right { -shift } else { shift };
        if low == 0 {
            return Some(Derived::Copy { of });
        }
        return Some(Derived::Beyond { of, low, step: 0, draw: uniform(1), cut: Cut::None });
    }
    let (step, n) = match unit {
        Unit::Timestamp | Unit::Interval => (60_000_000, 30 * 24 * 60),
        Unit::Time => (60_000_000, 120),
        Unit::Date => (1, 30),
        Unit::Int { .. } | Unit::Decimal { .. } => (1, 100),
    };
    // Any precision holds whole minutes.
    let least = if step > 1 && shift == 0 { step } else { 1 };
    let strict = if relation.comparison == Comparison::Less { least } else { 0 };
    let low = if is_right { strict - shift } else { shift - strict };
    // The ends of what is allowed, or of the type: an hour after 23:30 is no time of day.
    let ends = match &case.allowed[place].domain {
        Domain::Numbers(numbers) => numbers.span(),
        _ => Some(unit.limits()).filter(|_| matches!(unit, Unit::Time | Unit::Int { .. })),
    };
    let ends = ends.and_then(|(low, high)| Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?)));
    let cut = ends.map_or(Cut::None, |(low, high)| if is_right { Cut::At(high) } else { Cut::AtLeast(low) });
    Some(Derived::Beyond { of, low, step: if is_right { step } else { -step }, draw: uniform(n), cut })
}
