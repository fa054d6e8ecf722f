//! Columns that go together: what extended statistics say of functional dependencies.

use std::collections::BTreeMap;

use super::combined::{Combinations, Known, combined};
use super::slots::Slots;
use crate::seed::exact::{self, count};
use crate::seed::make::{Draw, Maker};
use crate::seed::plan::{ColumnPlan, Nulls};

/// Weaker dependencies are as good as none.
const LEAST_DEGREE: f64 = 0.05;
/// Columns further than this from the order that they would have by chance are made by their order instead.
const MAX_ORDER: f64 = 0.1;
/// A group of rows with one value moves as a whole if it is no larger: a value that depends on it is off by half of it at most.
const MAX_GROUP: f64 = 0.02;

/// A list of combinations that says less of the rows leaves the columns to what is known of their dependencies.
const LEAST_LISTED: f64 = 0.5;

/// Halvings of a degree: finer than what is as good as none.
const N_HALVINGS: u32 = 10;

/// In a share of the rows (`pg_dependencies`) the value of one column says that of another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependency {
    pub(crate) of: String,
    pub(crate) on: String,
    pub(crate) degree: f64,
}

/// Two columns that have so many combinations of values (`pg_ndistinct`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) columns: [String; 2],
    pub(crate) n_distinct: f64,
}

/// Reads the dependencies of single columns on single columns, from the server's own format in hexadecimal digits (
/// `statext_dependencies_serialize` in dependencies.c). `columns` has their names.
pub(crate) fn dependencies(hex: &str, columns: &[(i16, String)]) -> Option<Vec<Dependency>> {
    // The number of columns has 2 bytes; the dependent one is the last.
    let pair = |(degree, numbers): (f64, Vec<i16>)| {
        let [on, of] = names(&numbers, columns)?;
        Some(Dependency { of, on, degree })
    };
    Some(items(hex, 2)?.into_iter().filter_map(pair).collect())
}

/// Reads how many combinations pairs of columns have, in the same way (`statext_ndistinct_serialize` in mvdistinct.c).
pub(crate) fn groups(hex: &str, columns: &[(i16, String)]) -> Option<Vec<Group>> {
    let pair = |(n_distinct, numbers): (f64, Vec<i16>)| {
        Some(Group { columns: names(&numbers, columns)?, n_distinct })
    };
    Some(items(hex, 4)?.into_iter().filter_map(pair).collect())
}

/// The names of two columns; `None` for more, and for expressions.
fn names(numbers: &[i16], columns: &[(i16, String)]) -> Option<[String; 2]> {
    let name = |number: i16| columns.iter().find(|it| it.0 == number).map(|it| it.1.clone());
    let [first, second] = *numbers else { return None };
    Some([name(first)?, name(second)?])
}

/// Takes the items of extended statistics apart: magic number, type and number of items in 4 bytes each; then for each item a
/// number in 8, the number of columns in `count_bytes` and their numbers in 2 each.
fn items(hex: &str, count_bytes: usize) -> Option<Vec<(f64, Vec<i16>)>> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes: Vec<u8> = pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    let mut rest = bytes.get(12..)?;
    let mut take = |n: usize| {
        let (taken, after) = rest.split_at_checked(n)?;
        rest = after;
        Some(taken)
    };
    let mut items = Vec::new();
    while let Some(number) = take(8) {
        let number = f64::from_le_bytes(number.try_into().ok()?);
        // Few columns: the low bytes say it all.
        let n_columns = usize::from(*take(count_bytes)?.first()?);
        let numbers = take(2 * n_columns)?;
        items.push((
            number,
            numbers.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        ));
    }
    Some(items)
}

/// Turns numbers of combinations into dependencies as strong as it takes to have so few; `n_rows` are those of the copy, and
/// `n_distinct` says how many values a column has there.
///
/// With a dependency of `s` a share `s` of the values of the column that has more says the other, and the others meet in what is
/// left: `s·a + (1-s)²·a·b·(1 - exp(-n / ((1-s)·a·b)))` combinations, which fall with `s`.
pub(crate) fn of_groups(
    groups: &[Group],
    n_rows: u64,
    n_distinct: &dyn Fn(&str) -> Option<u64>,
) -> Vec<Dependency> {
    let dependency = |group: &Group| {
        let [first, second] = &group.columns;
        let (a, b) = (n_distinct(first)?, n_distinct(second)?);
        let (on, of) = if a < b { (second, first) } else { (first, second) };
        let (a, b, n) = (count(a.max(b)), count(a.min(b)), count(n_rows));
        let met = |share: f64| {
            let rest = 1.0 - share;
            share * a + rest * rest * a * b * (1.0 - exact::exp(-n / (rest * a * b)))
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..N_HALVINGS {
            let middle = f64::midpoint(low, high);
            if met(middle) > group.n_distinct { low = middle } else { high = middle }
        }
        Some(Dependency { of: of.clone(), on: on.clone(), degree: low })
    };
    groups.iter().filter_map(dependency).collect()
}

/// The most common values of columns, each with the rank of what stands for it.
pub(crate) type Ranks = BTreeMap<String, Vec<(String, u64)>>;

/// Gives columns the combinations of values that lists tell, where none of them is made by the order of the rows, and returns which
/// columns these are. Lists that tell of more rows come first, and each column has one.
pub(crate) fn combine(
    columns: &mut [ColumnPlan],
    lists: &[Combinations],
    dependencies: &[Dependency],
    ranks: &Ranks,
    correlation: &dyn Fn(&str) -> Option<f64>,
) -> Vec<usize> {
    let mut lists: Vec<Listed> =
        lists.iter().filter_map(|list| Listed::new(columns, list, dependencies, ranks)).collect();
    lists.sort_by(|a, b| b.share().total_cmp(&a.share()));
    let mut settled: Vec<usize> = Vec::new();
    for Listed { places, known, items } in lists {
        let is_open = |at: &usize| !settled.contains(at) && is_free(columns, *at, correlation);
        let Some((first, _)) = places.first().and_then(|at| axis(&columns[*at])) else { continue };
        if !places.iter().all(is_open) {
            continue;
        }
        let Some(laid) = combined(first.n_rows(), &known, &items, first.key()) else { continue };
        for (at, laid) in places.iter().zip(laid) {
            if let Some((own, _)) = axis(&columns[*at]) {
                let slots = Slots::combined(own, laid);
                lay(&mut columns[*at], slots);
            }
        }
        settled.extend(places);
    }
    settled
}

/// A list of combinations by the places of its columns and values.
struct Listed {
    places: Vec<usize>,
    known: Vec<Known>,
    items: Vec<(Vec<usize>, f64)>,
}

impl Listed {
    /// Reads a list; `None` where it says less of its columns than their dependencies do.
    fn new(
        columns: &[ColumnPlan],
        list: &Combinations,
        dependencies: &[Dependency],
        ranks: &Ranks,
    ) -> Option<Self> {
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        let places: Vec<usize> = list.columns.iter().map(place).collect::<Option<_>>()?;
        let (known, items) = known(columns, &places, list, ranks)?;
        let listed = Self { places, known, items };
        let depends = |it: &Dependency| {
            it.degree >= LEAST_DEGREE && list.columns.contains(&it.of) && list.columns.contains(&it.on)
        };
        let says_enough = listed.share() >= LEAST_LISTED || !dependencies.iter().any(depends);
        (listed.places.len() > 1 && !listed.items.is_empty() && says_enough).then_some(listed)
    }

    /// The share of the rows that it tells of.
    fn share(&self) -> f64 {
        self.items.iter().map(|(_, share)| share).sum()
    }
}

/// What a combination is of each column, and the share of the rows that has it.
type Item = (Vec<usize>, f64);

/// Returns the places of the values that a list names, and its items by these; those that name a value of which nothing else is known are
/// left out. `None` where a column is not made by statistics.
fn known(
    columns: &[ColumnPlan],
    places: &[usize],
    list: &Combinations,
    ranks: &Ranks,
) -> Option<(Vec<Known>, Vec<Item>)> {
    let mut known: Vec<Known> = vec![Vec::new(); places.len()];
    let mut items: Vec<Item> = Vec::new();
    let axes: Vec<_> = places.iter().map(|at| axis(&columns[*at])).collect::<Option<_>>()?;
    for (values, share) in &list.items {
        let ranges = values.iter().zip(&list.columns).zip(&axes).map(|((value, column), (slots, curve))| {
            let Some(value) = value else { return Some(slots.n_values()..slots.n_rows()) };
            let rank = ranks.get(column)?.iter().find(|(text, _)| text == value)?.1;
            Some(curve.start(rank)..curve.start(rank + 1))
        });
        let Some(ranges) = ranges.collect::<Option<Vec<_>>>() else { continue };
        let numbers = ranges.into_iter().zip(&mut known).map(|(range, known)| {
            known.iter().position(|other| *other == range).unwrap_or_else(|| {
                known.push(range);
                known.len() - 1
            })
        });
        items.push((numbers.collect(), *share));
    }
    Some((known, items))
}

/// Whether a column may have other places: it has no order that the statistics tell.
fn is_free(columns: &[ColumnPlan], at: usize, correlation: &dyn Fn(&str) -> Option<f64>) -> bool {
    let Some((_, curve)) = axis(&columns[at]) else { return false };
    let by_chance = curve.sum_of_squared_shares();
    // What is there once each says everything anyway, and is said by nothing.
    curve.n_ranks() < curve.n_slots()
        && correlation(&columns[at].name).is_none_or(|it| (it - by_chance).abs() < MAX_ORDER)
}

/// Gives a column other places.
fn lay(column: &mut ColumnPlan, places: Slots) {
    if let Nulls::Slots(nulls) = &mut column.nulls {
        nulls.clone_from(&places);
    }
    if let Maker::Drawn { draw: Draw::Axis { slots, .. }, .. } = &mut column.maker {
        *slots = places;
    }
}

/// Lets columns follow those that they depend on, where neither is made by the order of the rows. Those that are `settled` stay as
/// they are.
pub(crate) fn follow(
    columns: &mut [ColumnPlan],
    mut settled: Vec<usize>,
    dependencies: &[Dependency],
    correlation: &dyn Fn(&str) -> Option<f64>,
) {
    let mut strongest: Vec<&Dependency> =
        dependencies.iter().filter(|dependency| dependency.degree >= LEAST_DEGREE).collect();
    strongest.sort_by(|a, b| b.degree.total_cmp(&a.degree));
    for Dependency { of, on, degree } in strongest {
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        let (Some(of), Some(on)) = (place(of), place(on)) else { continue };
        let is_free = |at: usize| is_free(columns, at, correlation);
        if of == on || settled.contains(&of) || !is_free(of) || !is_free(on) {
            continue;
        }
        let (Some((slots, curve)), Some((own, _))) = (axis(&columns[on]), axis(&columns[of])) else {
            continue;
        };
        let is_even = count(curve.max_degree()) <= MAX_GROUP * count(curve.n_slots());
        let followed = Slots::following(own, slots, is_even.then_some(curve), *degree);
        settled.extend([of, on]);
        lay(&mut columns[of], followed);
    }
}

fn axis(column: &ColumnPlan) -> Option<(&Slots, &crate::seed::keys::curve::Curve)> {
    match &column.maker {
        Maker::Drawn { draw: Draw::Axis { slots, curve, .. }, .. } => Some((slots, curve)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::keys::curve::Curve;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn reads_what_the_server_writes() {
        // Of (a, b) with numbers 2 and 4: 2 => 4: 1.0; 4 => 2: 0.25; and one of two columns.
        let item = |degree: f64, numbers: &[i16]| -> Vec<u8> {
            let n = i16::try_from(numbers.len()).unwrap().to_le_bytes();
            let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
            degree.to_le_bytes().into_iter().chain(n).chain(numbers).collect()
        };
        let bytes = [vec![0; 12], item(1.0, &[2, 4]), item(0.25, &[4, 2]), item(0.5, &[2, 4, 5])].concat();
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|it| char::from_digit(it.into(), 16).unwrap());
        let hex: String = bytes.iter().flat_map(digits).collect();
        let columns = [(2, "a".to_owned()), (4, "b".to_owned())];
        let found = dependencies(&hex, &columns).unwrap();
        let found: Vec<(&str, &str, f64)> =
            found.iter().map(|it| (it.on.as_str(), it.of.as_str(), it.degree)).collect();
        assert_eq!(found, [("a", "b", 1.0), ("b", "a", 0.25)]);
        assert_eq!(dependencies(&hex[..50], &columns), None);
        // As PostgreSQL 15 writes `{"2, 4": 7}`.
        let n_distinct = "a4bf52a301000000010000000000000000001c400200000002000400";
        let found = groups(n_distinct, &columns).unwrap();
        assert_eq!(found, [Group { columns: ["a".to_owned(), "b".to_owned()], n_distinct: 7.0 }]);
        assert_eq!(dependencies("zz", &columns), None);
    }

    #[test]
    fn groups_have_as_many_combinations_as_asked_for() {
        let (of, on) = (Curve::even(40, 20_000), Curve::even(300, 20_000));
        for asked in [300.0, 2_000.0, 6_000.0, 9_000.0] {
            let group = Group { columns: ["a".to_owned(), "b".to_owned()], n_distinct: asked };
            let n_distinct = |name: &str| Some(if name == "a" { 40 } else { 300 });
            let found = of_groups(&[group], 20_000, &n_distinct);
            assert_eq!((found[0].on.as_str(), found[0].of.as_str()), ("b", "a"));
            let slots = Slots::scattered(20_000, 20_000, 1);
            let own = Slots::scattered(20_000, 20_000, 2);
            let followed = Slots::following(&own, &slots, Some(&on), found[0].degree);
            let pairs: BTreeSet<(u64, u64)> = (0..20_000)
                .map(|row| (on.locate(slots.apply(row)).0, of.locate(followed.apply(row)).0))
                .collect();
            let n = count(pairs.len() as u64);
            assert!((n - asked).abs() < 0.1 * asked, "{n} instead of {asked}");
        }
    }

    /// The share of rows in groups of one value that have a single other value (`dependency_degree` in dependencies.c).
    fn degree(pairs: &[(u64, u64)]) -> f64 {
        let mut groups: BTreeMap<u64, (u64, BTreeSet<u64>)> = BTreeMap::new();
        for (on, of) in pairs {
            let group = groups.entry(*on).or_default();
            group.0 += 1;
            group.1.insert(*of);
        }
        let n: u64 = groups.values().filter(|(_, of)| of.len() == 1).map(|(n, _)| n).sum();
        count(n) / count(pairs.len() as u64)
    }

    #[test]
    fn columns_depend_as_much_as_was_asked_for() {
        let (of, on) = (Curve::even(20, 9_000), Curve::even(300, 10_000));
        for asked in [1.0, 0.7, 0.2] {
            let slots = Slots::scattered(10_000, 10_000, 1);
            let own = Slots::scattered(10_000, 9_000, 2);
            let followed = Slots::following(&own, &slots, Some(&on), asked);
            let pairs: Vec<(u64, u64)> = (0..10_000)
                .map(|row| {
                    (on.locate(slots.apply(row)).0, followed.place(row).map_or(99, |it| of.locate(it).0))
                })
                .collect();
            let found = degree(&pairs);
            assert!((found - asked).abs() < 0.05, "{found} instead of {asked}");
            let n_nulls = (0..10_000).filter(|row| followed.place(*row).is_none()).count();
            assert!(n_nulls.abs_diff(1_000) < 50, "{n_nulls}");
        }
    }
}
