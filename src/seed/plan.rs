//! A seed run: tables in load order, rows, and the value of every cell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::encode::{self, Encoding};
use super::spec::{Generator, SeedConfig, TableConfig};
use super::value::{self, DAY_US, Value};
use crate::catalog::{Catalog, Table};
use crate::query::TableName;
use crate::random::{self, Permutation};

/// A schema that cannot be seeded as asked, and why.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("table \"{0}\" does not exist")]
    UnknownTable(String),
    #[error("column \"{column}\" of table \"{table}\" does not exist")]
    UnknownColumn { table: String, column: String },
    #[error(
        "column \"{column}\" of table \"{table}\" is NOT NULL without a default, and no generator makes it"
    )]
    Unfilled { table: String, column: String },
    #[error("column \"{column}\" of table \"{table}\" has type {type_name}, which its generator cannot make")]
    WrongType { table: String, column: String, type_name: String },
    #[error("column \"{column}\" of table \"{table}\" has type {type_name}, too small for key {key}")]
    KeyTooGreat { table: String, column: String, type_name: String, key: u64 },
    #[error("table \"{table}\": {reason}")]
    Spec { table: String, reason: String },
}

impl Error {
    /// The name in the specification that is wrong.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::UnknownTable(table) | Self::Spec { table, .. } => table,
            Self::UnknownColumn { column, .. }
            | Self::Unfilled { column, .. }
            | Self::WrongType { column, .. }
            | Self::KeyTooGreat { column, .. } => column,
        }
    }
}

/// Everything about a run that decides its bytes.
#[derive(Debug)]
pub(crate) struct SeedPlan {
    /// Parents before children.
    pub(crate) tables: Vec<TablePlan>,
    seed: u64,
    /// The end of all time series, in microseconds since the Unix epoch.
    as_of_us: i64,
}

/// One table of a run.
#[derive(Debug)]
pub(crate) struct TablePlan {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) n_rows: u64,
    /// The greatest key there was before.
    key_base: u64,
    pub(crate) columns: Vec<ColumnPlan>,
}

#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) name: String,
    generator: Bound,
    encoding: Encoding,
    stream: u64,
}

/// A generator whose names have become places in the plan.
#[derive(Debug)]
enum Bound {
    Key,
    Reference { parent: usize, skew: f64, ranks: Permutation },
    Each { parent: usize, ranks: Permutation },
    Other { parent: usize, than: usize, skew: f64, ranks: Permutation },
    Time { within: Duration, until: Duration, hours: Option<(u32, u32)> },
    After { column: usize, min: Duration, max: Duration },
    MinutesBetween { from: usize, to: usize },
    FirstOf(Vec<usize>),
    PersonName,
}

impl SeedPlan {
    /// Plans a run over the tables of `config` that `catalog` has.
    ///
    /// `rows` overrides the number of rows of tables that stand on their own. `key_bases` holds the greatest key
    /// that is already there, for each table that is not empty.
    pub(crate) fn new(
        config: &SeedConfig,
        catalog: &Catalog,
        rows: &BTreeMap<String, u64>,
        key_bases: &BTreeMap<String, u64>,
        seed: u64,
        as_of_us: i64,
    ) -> Result<Self, Error> {
        let mut plan = Self { tables: Vec::new(), seed, as_of_us };
        for name in load_order(config)? {
            let table_config = &config.tables[name];
            let table = catalog
                .table(&TableName { schema: None, name: name.to_owned() })
                .ok_or_else(|| Error::UnknownTable(name.to_owned()))?;
            let n_rows = row_count(name, table_config, rows, &|parent| plan.parent_rows(parent))?;
            let key_base = key_bases.get(name).copied().unwrap_or(0);
            let planned = plan.table(table, table_config, n_rows, key_base)?;
            plan.tables.push(planned);
        }
        Ok(plan)
    }

    /// Appends row `row` of a table, as COPY BINARY wants it.
    pub(crate) fn encode_row(&self, table: &TablePlan, row: u64, buffer: &mut Vec<u8>) {
        let n_columns = i16::try_from(table.columns.len()).expect("a table has at most 1600 columns");
        buffer.extend(n_columns.to_be_bytes());
        for column in &table.columns {
            encode::field(buffer, column.encoding, &self.value(table, column, row));
        }
    }

    /// The bytes before the first row of a binary copy.
    pub(crate) fn copy_header() -> &'static [u8] {
        encode::HEADER
    }

    /// The bytes after the last row of a binary copy.
    pub(crate) fn copy_trailer() -> &'static [u8] {
        encode::TRAILER
    }

    fn parent_rows(&self, name: &str) -> Option<u64> {
        self.tables.iter().find(|table| table.name == name).map(|table| table.n_rows)
    }

    fn table_index(&self, name: &str) -> Result<usize, String> {
        self.tables
            .iter()
            .position(|table| table.name == name)
            .ok_or_else(|| format!("refers to table \"{name}\", which is not seeded"))
    }

    fn table(
        &self,
        table: &Table,
        config: &TableConfig,
        n_rows: u64,
        key_base: u64,
    ) -> Result<TablePlan, Error> {
        let name = || table.name.clone();
        if let Some(column) = config.columns.keys().find(|column| table.column(column).is_none()) {
            return Err(Error::UnknownColumn { table: name(), column: column.clone() });
        }
        let key_columns = table.primary_key().map_or(&[][..], |key| key.columns.as_slice());
        let mut filled = Vec::new();
        for column in &table.columns {
            let is_key = key_columns == [column.name.clone()];
            match config.columns.get(&column.name) {
                Some(generator) => filled.push((column, generator.clone())),
                None if is_key => filled.push((column, Generator::Key)),
                None if column.not_null && !column.has_default => {
                    return Err(Error::Unfilled { table: name(), column: column.name.clone() });
                }
                None => {}
            }
        }
        let names: Vec<&str> = filled.iter().map(|(column, _)| column.name.as_str()).collect();
        let columns = filled
            .iter()
            .map(|(column, generator)| {
                let wrong_type = || Error::WrongType {
                    table: name(),
                    column: column.name.clone(),
                    type_name: column.type_name.clone(),
                };
                let encoding = Encoding::of(&column.base_type).ok_or_else(wrong_type)?;
                let fail = |reason| Error::Spec { table: name(), reason };
                let bound = self.bind(generator, &names).map_err(fail)?;
                if !encoding.accepts(&bound.example()) {
                    return Err(wrong_type());
                }
                let max_key = match &bound {
                    Bound::Key => key_base + n_rows,
                    Bound::Reference { parent, .. }
                    | Bound::Each { parent, .. }
                    | Bound::Other { parent, .. } => {
                        self.tables[*parent].key_base + self.tables[*parent].n_rows
                    }
                    _ => 0,
                };
                if i64::try_from(max_key).is_ok_and(|key| key <= encoding.max_int()) {
                    let stream = random::substream(self.seed, &format!("{}.{}", table.name, column.name));
                    Ok(ColumnPlan { name: column.name.clone(), generator: bound, encoding, stream })
                } else {
                    Err(Error::KeyTooGreat {
                        table: name(),
                        column: column.name.clone(),
                        type_name: column.type_name.clone(),
                        key: max_key,
                    })
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let planned = TablePlan { schema: table.schema.clone(), name: name(), n_rows, key_base, columns };
        match planned.column_in_circle() {
            Some(column) => Err(Error::Spec {
                table: name(),
                reason: format!("column \"{column}\" is made from itself, by way of others"),
            }),
            None => Ok(planned),
        }
    }

    fn bind(&self, generator: &Generator, columns: &[&str]) -> Result<Bound, String> {
        let column = |name: &String| {
            columns
                .iter()
                .position(|column| column == name)
                .ok_or_else(|| format!("has no generated column \"{name}\""))
        };
        let parent = |to: &String| {
            let parent = self.table_index(to)?;
            // Popular parents are the same ones in every table that refers to them.
            let ranks = Permutation::new(self.tables[parent].n_rows, random::substream(self.seed, to));
            Ok::<_, String>((parent, ranks))
        };
        Ok(match generator {
            Generator::Key => Bound::Key,
            Generator::Reference { to, skew } => {
                let (parent, ranks) = parent(to)?;
                Bound::Reference { parent, skew: *skew, ranks }
            }
            Generator::Each { to } => {
                let (parent, ranks) = parent(to)?;
                Bound::Each { parent, ranks }
            }
            Generator::Other { to, than, skew } => {
                let (parent, ranks) = parent(to)?;
                Bound::Other { parent, than: column(than)?, skew: *skew, ranks }
            }
            Generator::Time { within, until, hours } => {
                Bound::Time { within: *within, until: *until, hours: *hours }
            }
            Generator::After { column: base, min, max } => {
                Bound::After { column: column(base)?, min: *min, max: *max }
            }
            Generator::MinutesBetween { from, to } => {
                Bound::MinutesBetween { from: column(from)?, to: column(to)? }
            }
            Generator::FirstOf(names) => Bound::FirstOf(names.iter().map(column).collect::<Result<_, _>>()?),
            Generator::PersonName => Bound::PersonName,
        })
    }

    fn value(&self, table: &TablePlan, column: &ColumnPlan, row: u64) -> Value {
        let bits = random::at(column.stream, row);
        match &column.generator {
            Bound::Key => key(table, row),
            Bound::Reference { parent, skew, ranks } => {
                let parent = &self.tables[*parent];
                key(parent, ranks.apply(skewed(random::unit(bits), *skew, parent.n_rows)))
            }
            Bound::Each { parent, ranks } => {
                let parent = &self.tables[*parent];
                key(parent, ranks.apply(each_rank(column, row, parent.n_rows)))
            }
            Bound::Other { parent, than, skew, ranks } => {
                let parent = &self.tables[*parent];
                let own_rank = each_rank(&table.columns[*than], row, parent.n_rows);
                let rank = other_rank(bits, row, own_rank, table.n_rows, parent.n_rows, *skew);
                key(parent, ranks.apply(rank))
            }
            Bound::Time { within, until, hours } => {
                Value::Timestamp(self.moment(row, table.n_rows, bits, (*within, *until), *hours))
            }

            Bound::After { column: base, min, max } => {
                let Value::Timestamp(base) = self.value(table, &table.columns[*base], row) else {
                    return Value::Null;
                };
                let after = micros(*min) + scaled(micros(*max) - micros(*min), random::unit(bits));
                // Whole seconds, as applications record them.
                let moment = (base + after) / 1_000_000 * 1_000_000;
                if moment > self.as_of_us { Value::Null } else { Value::Timestamp(moment) }
            }
            Bound::MinutesBetween { from, to } => {
                let moment = |column: &usize| self.value(table, &table.columns[*column], row);
                match (moment(from), moment(to)) {
                    (Value::Timestamp(from), Value::Timestamp(to)) => Value::Int((to - from) / 60_000_000),
                    _ => Value::Null,
                }
            }
            Bound::FirstOf(columns) => columns
                .iter()
                .map(|column| self.value(table, &table.columns[*column], row))
                .find(|value| *value != Value::Null)
                .unwrap_or(Value::Null),
            Bound::PersonName => Value::Text(value::person_name(bits)),
        }
    }

    /// Returns the moment of a row: later rows come later, up to a jitter inside the row's own slot.
    fn moment(
        &self,
        row: u64,
        n_rows: u64,
        bits: u64,
        (within, until): (Duration, Duration),
        hours: Option<(u32, u32)>,
    ) -> i64 {
        let span_us = micros(within) - micros(until);
        let start = self.as_of_us - micros(within);
        #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
        let share = (row as f64 + random::unit(bits)) / n_rows as f64;
        let offset = match hours {
            None => scaled(span_us, share),
            Some((from, to)) => {
                let n_days = (span_us / DAY_US).max(1);
                let position = scaled(n_days * DAY_US, share).min(n_days * DAY_US - 1);
                let (day, time) = (position / DAY_US, position % DAY_US);
                let (from, to) = (i64::from(from), i64::from(to));
                day * DAY_US + DAY_US / 24 * from + time / 24 * (to - from)
            }
        };
        (start + offset) / 1_000_000 * 1_000_000
    }
}

impl TablePlan {
    /// Returns a column whose value would be needed to make it.
    fn column_in_circle(&self) -> Option<&str> {
        let made_from = |column: &ColumnPlan| match &column.generator {
            Bound::After { column, .. } | Bound::Other { than: column, .. } => vec![*column],
            Bound::MinutesBetween { from, to } => vec![*from, *to],
            Bound::FirstOf(columns) => columns.clone(),
            _ => Vec::new(),
        };
        // After as many steps as there are columns, only a circle still goes on.
        let mut reached: Vec<BTreeSet<usize>> =
            self.columns.iter().map(|column| made_from(column).into_iter().collect()).collect();
        for _ in &self.columns {
            reached = reached
                .iter()
                .map(|columns| columns.iter().flat_map(|at| made_from(&self.columns[*at])).collect())
                .collect();
        }
        let circle = reached.iter().position(|columns| !columns.is_empty())?;
        Some(&self.columns[circle].name)
    }

    /// Returns the key column with the greatest key of the run, if there is one and the run has rows.
    pub(crate) fn last_key(&self) -> Option<(&str, i64)> {
        let column = self.columns.iter().find(|column| matches!(column.generator, Bound::Key))?;
        let last = i64::try_from(self.key_base + self.n_rows).expect("checked when the seed was planned");
        (self.n_rows > 0).then_some((column.name.as_str(), last))
    }
}

impl Bound {
    /// A value of the kind that this generator makes.
    fn example(&self) -> Value {
        match self {
            Self::Key
            | Self::Reference { .. }
            | Self::Each { .. }
            | Self::Other { .. }
            | Self::MinutesBetween { .. } => Value::Int(0),
            // The columns that are copied are checked on their own.
            Self::FirstOf(_) | Self::Time { .. } | Self::After { .. } => Value::Timestamp(0),
            Self::PersonName => Value::Text(String::new()),
        }
    }
}

fn key(table: &TablePlan, row: u64) -> Value {
    Value::Int(i64::try_from(table.key_base + row + 1).expect("checked when the seed was planned"))
}

/// Returns a rank below `n`; low ranks are likelier when `skew` is above 1.
fn skewed(unit: f64, skew: f64, n: u64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are far below 2^53 and not negative"
    )]
    let rank = (unit.powf(skew) * n as f64) as u64;
    rank.min(n - 1)
}

/// Returns the rank of the parent that `Each` gives to a row: all parents once in each round.
fn each_rank(column: &ColumnPlan, row: u64, n_parents: u64) -> u64 {
    let (round, position) = (row / n_parents, row % n_parents);
    Permutation::new(n_parents, random::at(column.stream, round)).apply(position)
}

/// Returns the rank of another parent than `own_rank`.
///
/// The ranks without the own one are cut into as many intervals as there are rounds, the first ones narrow. Each
/// round picks from its own interval, so no pair comes twice, and the parents in narrow intervals are popular.
fn other_rank(bits: u64, row: u64, own_rank: u64, n_rows: u64, n_parents: u64, skew: f64) -> u64 {
    let n_rounds = n_rows.div_ceil(n_parents);
    let round = row / n_parents;
    let n_others = n_parents - 1;
    let boundary = |k: u64| {
        #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^53")]
        let share = k as f64 / n_rounds as f64;
        skewed_boundary(share, skew, n_others).max(k)
    };
    let (low, high) = (boundary(round), if round + 1 == n_rounds { n_others } else { boundary(round + 1) });
    let rank = low + random::below(bits, high - low);
    if rank >= own_rank { rank + 1 } else { rank }
}

fn skewed_boundary(share: f64, skew: f64, n: u64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are far below 2^53 and not negative"
    )]
    {
        (share.powf(skew) * n as f64) as u64
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2)
}

fn scaled(us: i64, share: f64) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a share of a span of time"
    )]
    {
        (us as f64 * share) as i64
    }
}

/// Returns the tables in load order with the rows that each gets.
pub(crate) fn row_counts(
    config: &SeedConfig,
    rows: &BTreeMap<String, u64>,
) -> Result<Vec<(String, u64)>, Error> {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for name in load_order(config)? {
        let parent_rows = |parent: &str| counts.iter().find(|(known, _)| known == parent).map(|(_, n)| *n);
        let n_rows = row_count(name, &config.tables[name], rows, &parent_rows)?;
        counts.push((name.to_owned(), n_rows));
    }
    Ok(counts)
}

fn row_count(
    name: &str,
    config: &TableConfig,
    rows: &BTreeMap<String, u64>,
    parent_rows: &dyn Fn(&str) -> Option<u64>,
) -> Result<u64, Error> {
    let fail = |reason: String| Error::Spec { table: name.to_owned(), reason };
    match (config.rows, &config.per, config.count) {
        (Some(default), None, None) => Ok(rows.get(name).copied().unwrap_or(default)),
        (None, Some(parent), Some(count)) => {
            let parent_rows = parent_rows(parent)
                .ok_or_else(|| fail(format!("refers to table \"{parent}\", which is not seeded")))?;
            // Nobody has more distinct others than there are.
            let has_other =
                config.columns.values().any(|generator| matches!(generator, Generator::Other { .. }));
            let count = if has_other { count.min(parent_rows.saturating_sub(1)) } else { count };
            parent_rows.checked_mul(count).ok_or_else(|| fail("has too many rows".to_owned()))
        }
        _ => Err(fail("needs either rows, or per and count".to_owned())),
    }
}

/// Orders tables so that each comes after those it refers to.
fn load_order(config: &SeedConfig) -> Result<Vec<&str>, Error> {
    let mut ordered: Vec<&str> = Vec::new();
    let mut rest: Vec<&str> = config.tables.keys().map(String::as_str).collect();
    while !rest.is_empty() {
        let is_ready = |name: &&str| {
            parents(&config.tables[*name]).into_iter().all(|parent| {
                parent == *name || ordered.contains(&parent) || !config.tables.contains_key(parent)
            })
        };
        let (ready, waiting): (Vec<&str>, Vec<&str>) = rest.iter().partition(|name| is_ready(name));
        if ready.is_empty() {
            return Err(Error::Spec {
                table: waiting[0].to_owned(),
                reason: format!("refers in a circle to {}", waiting.join(", ")),
            });
        }
        ordered.extend(ready);
        rest = waiting;
    }
    Ok(ordered)
}

fn parents(config: &TableConfig) -> Vec<&str> {
    let referred = config.columns.values().filter_map(|generator| match generator {
        Generator::Reference { to, .. } | Generator::Each { to } | Generator::Other { to, .. } => {
            Some(to.as_str())
        }
        _ => None,
    });
    referred.chain(config.per.as_deref()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, Constraint};
    use proptest::prelude::*;
    use std::path::Path;

    /// 2026-01-31 00:00 UTC.
    const AS_OF_US: i64 = 1_769_817_600_000_000;

    fn table(oid: u32, name: &str, columns: &[(&str, &str)]) -> Table {
        let column = |(name, base_type): &(&str, &str)| Column {
            name: (*name).to_owned(),
            type_name: (*base_type).to_owned(),
            base_type: (*base_type).to_owned(),
            not_null: *name == "id",
            ..Column::default()
        };
        Table {
            oid,
            schema: "public".into(),
            name: name.into(),
            columns: columns.iter().map(column).collect(),
            constraints: vec![Constraint {
                name: "pk".into(),
                kind: 'p',
                columns: vec!["id".into()],
                ..Constraint::default()
            }],
            n_rows: -1.0,
            ..Table::default()
        }
    }

    fn catalog(key_type: &str) -> Catalog {
        let key = ("id", key_type);
        let tables = vec![
            table(1, "users", &[key, ("name", "text")]),
            table(
                2,
                "records",
                &[key, ("user_id", key_type), ("at", "timestamptz"), ("until", "timestamptz")],
            ),
            table(3, "follows", &[key, ("user_id", key_type), ("other_id", key_type)]),
        ];
        Catalog { tables, search_path: vec!["public".into()], ..Catalog::default() }
    }

    const CONFIG: &str = "
tables:
  users: {rows: 10, columns: {name: {person_name: {}}}}
  records:
    per: users
    count: 5
    columns:
      user_id: {reference: {to: users, skew: 1.5}}
      at: {time: {within: 30d, from_hour: 18, to_hour: 24}}
      until: {after: {column: at, min: 1h, max: 9h}}
  follows:
    per: users
    count: 7
    columns: {user_id: {each: {to: users}}, other_id: {other: {to: users, than: user_id, skew: 2}}}
";

    fn config(text: &str) -> SeedConfig {
        crate::yaml::parse(Path::new("seed"), text).unwrap()
    }

    fn plan(n_users: u64, bases: &[(&str, u64)], key_type: &str) -> Result<SeedPlan, Error> {
        let rows = BTreeMap::from([("users".to_owned(), n_users)]);
        let bases = bases.iter().map(|(name, base)| ((*name).to_owned(), *base)).collect();
        SeedPlan::new(&config(CONFIG), &catalog(key_type), &rows, &bases, 42, AS_OF_US)
    }

    /// Returns a column's values in all rows of a table.
    fn values(plan: &SeedPlan, table: &str, column: &str) -> Vec<Value> {
        let table = plan.tables.iter().find(|planned| planned.name == table).unwrap();
        let column = table.columns.iter().find(|planned| planned.name == column).unwrap();
        (0..table.n_rows).map(|row| plan.value(table, column, row)).collect()
    }

    proptest! {
        #[test]
        fn references_are_valid_and_pairs_distinct(n_users in 1u64..60, base in 0u64..1000) {
            let plan = plan(n_users, &[("users", base)], "int8").unwrap();
            let first = i64::try_from(base).unwrap() + 1;
            let keys = first..first + i64::try_from(n_users).unwrap();
            let is_key = |value: &Value| matches!(value, Value::Int(key) if keys.contains(key));
            prop_assert!(values(&plan, "records", "user_id").iter().all(is_key));
            let pairs: Vec<(Value, Value)> =
                values(&plan, "follows", "user_id").into_iter().zip(values(&plan, "follows", "other_id")).collect();
            prop_assert_eq!(pairs.len() as u64, n_users * 7.min(n_users - 1));
            prop_assert!(pairs.iter().all(|(one, other)| is_key(one) && is_key(other) && one != other));
            let distinct: BTreeSet<String> = pairs.iter().map(|pair| format!("{pair:?}")).collect();
            prop_assert_eq!(distinct.len(), pairs.len());
        }

        #[test]
        fn a_split_run_equals_the_whole(cut in 0u64..50) {
            let plan = plan(10, &[], "int8").unwrap();
            let table = plan.tables.iter().find(|table| table.name == "records").unwrap();
            let bytes = |rows: std::ops::Range<u64>| {
                let mut buffer = Vec::new();
                rows.for_each(|row| plan.encode_row(table, row, &mut buffer));
                buffer
            };
            prop_assert_eq!([bytes(0..cut), bytes(cut..50)].concat(), bytes(0..50));
        }
    }

    #[test]
    fn moments_rise_and_end_before_the_end() {
        let plan = plan(100, &[], "int8").unwrap();
        let at = values(&plan, "records", "at");
        let moments: Vec<i64> = at
            .iter()
            .map(|value| match value {
                Value::Timestamp(moment) => *moment,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(moments.is_sorted());
        assert!(moments.iter().all(|moment| *moment < AS_OF_US && *moment >= AS_OF_US - 30 * DAY_US));
        assert!(moments.iter().all(|moment| moment.rem_euclid(DAY_US) >= 18 * DAY_US / 24));
        for (until, moment) in values(&plan, "records", "until").iter().zip(&moments) {
            match until {
                Value::Timestamp(until) => assert!(until > moment && *until <= AS_OF_US),
                other => assert_eq!(*other, Value::Null),
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_make() {
        assert!(matches!(plan(10, &[], "uuid"), Err(Error::WrongType { .. })));
        assert!(matches!(plan(10, &[("users", 32_760)], "int2"), Err(Error::KeyTooGreat { .. })));
        let text = CONFIG.replace(
            "at: {time: {within: 30d, from_hour: 18, to_hour: 24}}",
            "at: {after: {column: until, min: 1h, max: 1h}}",
        );
        let refused =
            SeedPlan::new(&config(&text), &catalog("int8"), &BTreeMap::new(), &BTreeMap::new(), 1, 0)
                .unwrap_err();
        assert!(refused.to_string().contains("is made from itself"), "{refused}");
        let circle = "tables: {a: {per: b, count: 1}, b: {per: a, count: 1}}";
        assert!(
            row_counts(&config(circle), &BTreeMap::new()).unwrap_err().to_string().contains("in a circle")
        );
        let unknown = config("tables: {nowhere: {rows: 1}}");
        let refused =
            SeedPlan::new(&unknown, &catalog("int8"), &BTreeMap::new(), &BTreeMap::new(), 1, 0).unwrap_err();
        assert_eq!(refused, Error::UnknownTable("nowhere".to_owned()));
    }
}
