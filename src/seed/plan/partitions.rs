//! Partitions that a run makes for partitioned tables without any: they cover what its plan puts there.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{Datelike as _, Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::columns::value;
use super::{Gap, Plan, suit};
use crate::index::change::name::{Taken, shortened, take_free};
use crate::query::check::literal::US_PER_DAY;
use crate::query::quote::{qualified, quote_literal};
use crate::seed::make::block::{Patches, Scratch};
use crate::seed::make::lane::Lane;
use crate::seed::make::world::World;
use crate::seed::schema::of_catalog::NO_PARTITION;
use crate::seed::schema::types::Type;
use crate::seed::schema::{Leaf, LevelBound, PartitionStrategy, Relation, Schema, TableId};

/// So many rows of a table are looked at, from its first to its last.
const MAX_LOOKED_AT: u64 = 20_000;
/// Periods of more days are cut by months, of more months by years, and of more years not at all.
const MAX_DAYS: usize = 62;
const MAX_MONTHS: usize = 120;
const MAX_YEARS: usize = 200;
/// Numbers are cut into about so many ranges.
const N_RANGES: i128 = 8;
/// More values than these are left to one partition for everything.
const MAX_LISTED: usize = 32;
const N_HASHED: u32 = 4;

/// A partition to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewPartition {
    pub(crate) table: TableId,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `FOR VALUES …` or `DEFAULT`.
    pub(crate) bound: String,
}

impl NewPartition {
    pub(crate) fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The statement that makes it.
    pub(crate) fn statement(&self, plan: &Plan) -> String {
        let parent = &plan.tables[usize::from(self.table)];
        format!(
            "CREATE TABLE {} PARTITION OF {} {}",
            self.qualified(),
            qualified(&parent.schema, &parent.name),
            self.bound
        )
    }
}

/// Returns the tables that only lack partitions.
pub(crate) fn lacking(schema: &Schema) -> Vec<TableId> {
    let lacks = |relation: &Relation| relation.is_asked && relation.refusal.as_deref() == Some(NO_PARTITION);
    (0..).zip(&schema.relations).filter(|(_, relation)| lacks(relation)).map(|(table, _)| table).collect()
}

/// Returns the schema as if tables that lack partitions had some that take everything.
pub(crate) fn supposed(schema: &Schema, tables: &[TableId]) -> Schema {
    let mut schema = schema.clone();
    for table in tables {
        schema.relations[usize::from(*table)].refusal = None;
    }
    schema
}

/// Returns the partitions that take the rows of a plan for [`supposed`] ones.
pub(crate) fn covering(schema: &Schema, plan: &Plan, tables: &[TableId]) -> Vec<NewPartition> {
    let leaves = |relation: &Relation| {
        let leaves = relation.partitioning.iter().flat_map(|it| &it.leaves);
        leaves.map(|leaf| (leaf.schema.clone(), leaf.name.clone())).collect::<Vec<_>>()
    };
    let mut taken: Taken = schema.relations.iter().flat_map(leaves).collect();
    taken.extend(schema.relations.iter().map(|relation| (relation.schema.clone(), relation.name.clone())));
    let mut partitions = Vec::new();
    for table in tables.iter().filter(|table| plan.tables[usize::from(**table)].n_rows > 0) {
        let relation = &schema.relations[usize::from(*table)];
        for (suffix, bound) in bounds(relation, *table, plan) {
            let own_name = shortened(&relation.name, &format!("_{suffix}"));
            let name = take_free(&mut taken, &relation.schema, &own_name);
            partitions.push(NewPartition { table: *table, schema: relation.schema.clone(), name, bound });
        }
    }
    partitions
}

/// Returns the schema with the partitions of [`covering`]. Tables without get no rows, for the reason that the plan for
/// [`supposed`] ones gave.
pub(crate) fn with(schema: &Schema, partitions: &[NewPartition], tables: &[TableId], gaps: &[Gap]) -> Schema {
    let mut schema = schema.clone();
    for table in tables {
        let relation = &mut schema.relations[usize::from(*table)];
        let Some(partitioning) = &mut relation.partitioning else { continue };
        let level = |text: &str| LevelBound {
            strategy: partitioning.strategy,
            columns: partitioning.columns.clone(),
            text: text.to_owned(),
        };
        let own = partitions.iter().filter(|partition| partition.table == *table);
        let leaf = |partition: &NewPartition| Leaf {
            schema: partition.schema.clone(),
            name: partition.name.clone(),
            bounds: vec![level(&partition.bound)],
            may_insert: true,
        };
        let mut leaves: Vec<Leaf> = own.map(leaf).collect();
        leaves.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        relation.refusal = if leaves.is_empty() {
            let name = qualified(&relation.schema, &relation.name);
            let reason = gaps.iter().find_map(|gap| match gap {
                Gap::Table { table, reason } if *table == name => Some(reason.clone()),
                _ => None,
            });
            Some(reason.unwrap_or_else(|| NO_PARTITION.to_owned()))
        } else {
            None
        };
        partitioning.leaves = leaves;
    }
    schema
}

/// The bounds of a table's partitions, each with the end of its name.
fn bounds(relation: &Relation, table: TableId, plan: &Plan) -> Vec<(String, String)> {
    let Some(partitioning) = &relation.partitioning else { return Vec::new() };
    let everything = || vec![("default".to_owned(), "DEFAULT".to_owned())];
    if partitioning.strategy == PartitionStrategy::Hash {
        let bound = |remainder| format!("FOR VALUES WITH (MODULUS {N_HASHED}, REMAINDER {remainder})");
        return (0..N_HASHED).map(|it| (it.to_string(), bound(it))).collect();
    }
    // A key of expressions is known to the server alone.
    let Some(column) = partitioning.columns.first() else { return everything() };
    let field = relation.field(*column);
    let planned = &plan.tables[usize::from(table)];
    let of = &planned.columns[usize::from(*column)];
    let (patches, mut lane) = (Patches::default(), Lane::default());
    let rows = looked_at(planned.n_rows);
    let world = World::new(plan, &patches);
    world.make_of_parents(table, *column, &rows, of, &mut Scratch::default(), &mut lane);
    if partitioning.strategy == PartitionStrategy::List {
        let class = suit::class(&field.ty, Some(&of.wire));
        let values = |place: usize| match value(field, &of.wire, &class, &lane, place) {
            Some(value) => value.text().map(|text| quote_literal(&text)),
            None => lane.is_null(place).then(|| "NULL".to_owned()),
        };
        let values: Option<BTreeSet<String>> = (0..rows.len()).map(values).collect();
        let Some(values) = values.filter(|it| it.len() <= MAX_LISTED) else { return everything() };
        let bound = |(n, value): (usize, &String)| (n.to_string(), format!("FOR VALUES IN ({value})"));
        return (1..).zip(&values).map(bound).collect();
    }
    let numbers = || {
        let all = lane.cells.as_ints().iter().enumerate();
        all.filter(|(place, _)| !lane.is_null(*place)).map(|(_, number)| *number)
    };
    let ends = numbers().min().zip(numbers().max());
    let ranges = match (&field.ty, ends) {
        (Type::Date, Some(ends)) => periods(ends, plan.as_of_us.div_euclid(US_PER_DAY), ""),
        (Type::Timestamp { with_zone, .. }, Some((low, high))) => {
            let [low, high, now] = [low, high, plan.as_of_us].map(|us| us.div_euclid(US_PER_DAY));
            periods((low, high), now, if *with_zone { " 00:00:00+00" } else { " 00:00:00" })
        }
        (Type::Int2, Some(ends)) => Some(ranges(ends, i16::MIN.into()..=i16::MAX.into())),
        (Type::Int4, Some(ends)) => Some(ranges(ends, i32::MIN.into()..=i32::MAX.into())),
        (Type::Int8, Some(ends)) => Some(ranges(ends, i64::MIN.into()..=i64::MAX.into())),
        _ => None,
    };
    let others = partitioning.columns.len() - 1;
    let edge = |first: &str, other: &str| {
        let all: Vec<&str> = std::iter::once(first).chain(std::iter::repeat_n(other, others)).collect();
        all.join(", ")
    };
    let bound = |low: &str, high: &str, other_high: &str| {
        format!("FOR VALUES FROM ({}) TO ({})", edge(low, "MINVALUE"), edge(high, other_high))
    };
    let Some(ranges) = ranges else {
        return vec![("all".to_owned(), bound("MINVALUE", "MAXVALUE", "MAXVALUE"))];
    };
    ranges.into_iter().map(|(suffix, low, high)| (suffix, bound(&low, &high, "MINVALUE"))).collect()
}

/// Rows of all parts of a table.
fn looked_at(n_rows: u64) -> Vec<u64> {
    if n_rows <= MAX_LOOKED_AT {
        return (0..n_rows).collect();
    }
    let place = |i: u64| u128::from(i) * u128::from(n_rows - 1) / u128::from(MAX_LOOKED_AT - 1);
    (0..MAX_LOOKED_AT).map(|i| u64::try_from(place(i)).expect("below the number of rows")).collect()
}

/// The end of a partition's name, and its bounds.
type Named = (String, String, String);

/// Cuts the time from one day to another, in days since 2000, into days, months or years. Where it comes near to the time of the
/// run, `now`, that is in it: triggers put rows of the present.
fn periods((low, high): (i64, i64), now: i64, midnight: &str) -> Option<Vec<Named>> {
    let is_near = high.saturating_sub(now).unsigned_abs() <= MAX_DAYS as u64;
    let (low, high) = (day(low)?, day(if is_near { high.max(now) } else { high })?);
    let one_of =
        |format: &str, first: NaiveDate, next: &dyn Fn(NaiveDate) -> Option<NaiveDate>, most: usize| {
            let mut starts = vec![first];
            while *starts.last()? <= high {
                if starts.len() > most {
                    return None;
                }
                starts.push(next(*starts.last()?)?);
            }
            let literal = |day: &NaiveDate| format!("'{}{midnight}'", day.format("%Y-%m-%d"));
            let named = |pair: &[NaiveDate]| {
                (pair[0].format(format).to_string(), literal(&pair[0]), literal(&pair[1]))
            };
            Some(starts.windows(2).map(named).collect())
        };
    let month = |day: NaiveDate| day.checked_add_months(chrono::Months::new(1));
    let year = |day: NaiveDate| day.checked_add_months(chrono::Months::new(12));
    one_of("%Y_%m_%d", low, &|day| day.checked_add_days(Days::new(1)), MAX_DAYS)
        .or_else(|| one_of("%Y_%m", low.with_day(1)?, &month, MAX_MONTHS))
        .or_else(|| one_of("%Y", low.with_day(1)?.with_month(1)?, &year, MAX_YEARS))
}

fn day(since_2000: i64) -> Option<NaiveDate> {
    let epoch = NaiveDate::from_ymd_opt(2000, 1, 1)?;
    let days = Days::new(since_2000.unsigned_abs());
    let day = if since_2000 < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) };
    // Years of four digits are written as they are.
    day.filter(|day| (1..=9_000).contains(&day.year()))
}

/// Cuts numbers into ranges of a round length.
fn ranges((low, high): (i64, i64), of_type: RangeInclusive<i128>) -> Vec<Named> {
    let (low, high) = (i128::from(low), i128::from(high));
    let least = (high - low) / N_RANGES + 1;
    let mut length = 1;
    while length < least {
        // 1, 2, 5, 10, 20, 50 …
        length = if length.to_string().starts_with('2') { length / 2 * 5 } else { length * 2 };
    }
    let first = low.div_euclid(length);
    let last = high.div_euclid(length);
    let edge = |n: i128| {
        let edge = n * length;
        match n {
            _ if of_type.contains(&edge) => format!("'{edge}'"),
            _ if n <= first => "MINVALUE".to_owned(),
            _ => "MAXVALUE".to_owned(),
        }
    };
    (first..=last).zip(1..).map(|(n, i)| (i.to_string(), edge(n), edge(n + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days_since_2000(text: &str) -> i64 {
        i64::from(crate::query::check::literal::date(text).unwrap())
    }

    #[test]
    fn time_is_cut_by_days_months_or_years() {
        let check = |low: &str, high: &str, n: usize, first: (&str, &str, &str), last: &str| {
            let now = days_since_2000("2025-12-31");
            let found = periods((days_since_2000(low), days_since_2000(high)), now, "").unwrap();
            assert_eq!((found.len(), found.last().unwrap().2.as_str()), (n, last));
            let (suffix, from, to) = &found[0];
            assert_eq!((suffix.as_str(), from.as_str(), to.as_str()), first);
            assert!(found.windows(2).all(|pair| pair[0].2 == pair[1].1));
        };
        check("2024-02-28", "2024-03-01", 3, ("2024_02_28", "'2024-02-28'", "'2024-02-29'"), "'2024-03-02'");
        check("2023-12-31", "2025-11-30", 25, ("2023_12", "'2023-12-01'", "'2024-01-01'"), "'2026-01-01'");
        check("1950-05-05", "2004-12-31", 55, ("1950", "'1950-01-01'", "'1951-01-01'"), "'2005-01-01'");
        assert_eq!(periods((days_since_2000("0100-01-01"), 0), 0, ""), None);
        assert_eq!(periods((0, i64::MAX), 0, ""), None);
    }

    #[test]
    fn moments_are_of_a_zone_that_is_said() {
        let found = periods((0, 0), -1_000, " 00:00:00+00").unwrap();
        assert_eq!(
            found,
            [(
                "2000_01_01".to_owned(),
                "'2000-01-01 00:00:00+00'".to_owned(),
                "'2000-01-02 00:00:00+00'".to_owned()
            )]
        );
    }

    #[test]
    fn numbers_are_cut_into_round_ranges() {
        let check = |ends: (i64, i64), expected: &[(&str, &str)]| {
            let found = ranges(ends, i16::MIN.into()..=i16::MAX.into());
            let found: Vec<_> = found.iter().map(|(_, low, high)| (low.as_str(), high.as_str())).collect();
            assert_eq!(found, expected);
        };
        check((1, 1), &[("'1'", "'2'")]);
        check(
            (1, 1_000),
            &[
                ("'0'", "'200'"),
                ("'200'", "'400'"),
                ("'400'", "'600'"),
                ("'600'", "'800'"),
                ("'800'", "'1000'"),
                ("'1000'", "'1200'"),
            ],
        );
        check(
            (-3, 2),
            &[
                ("'-3'", "'-2'"),
                ("'-2'", "'-1'"),
                ("'-1'", "'0'"),
                ("'0'", "'1'"),
                ("'1'", "'2'"),
                ("'2'", "'3'"),
            ],
        );
        check((i16::MAX.into(), i16::MAX.into()), &[("'32767'", "MAXVALUE")]);
    }

    #[test]
    fn names_have_room() {
        let check = |table: &str, expected: &str| assert_eq!(shortened(table, "_2024_01"), expected);
        check("event", "event_2024_01");
        check(&"x".repeat(63), &format!("{}_2024_01", "x".repeat(55)));
        check(&"ä".repeat(31), &format!("{}_2024_01", "ä".repeat(27)));
    }
}
