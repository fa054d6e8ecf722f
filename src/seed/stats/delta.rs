//! How far what ANALYZE says of a copy is from what it said of the source.

use serde::{Deserialize, Serialize};

use super::combined::Combinations;
use super::source::{self, Source};
use crate::array;
use crate::catalog::{Catalog, ColumnStatistics};
use crate::seed::exact::count;
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;

/// Goals: differences of shares of rows, of the number of values in relation to it, and of correlations.
const MAX_SHARE: f64 = 0.005;
const MAX_ELEMENT_SHARE: f64 = 0.01;
const MAX_DISTINCT: f64 = 0.1;
const MAX_CORRELATION: f64 = 0.05;
/// So many of the most common values are compared.
const N_COMMON: usize = 10;

/// What ANALYZE says of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measures {
    pub(crate) null_frac: f64,
    pub(crate) n_distinct: Option<f64>,
    /// Of the most common values, descending.
    pub(crate) shares: Vec<f64>,
    pub(crate) correlation: Option<f64>,
    /// Bytes.
    pub(crate) avg_width: i32,
    /// Of the most common elements of arrays, descending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) elements: Vec<f64>,
}

/// What ANALYZE is to say of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) table: TableId,
    pub(crate) column: String,
    pub(crate) measures: Measures,
    /// Of the combinations of these columns instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) columns: Vec<String>,
}

/// The most common combinations that ANALYZE has found, by schema and table.
pub(crate) type Found = Vec<(String, String, Combinations)>;

/// A column of the copy beside the source's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delta {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) asked: Measures,
    pub(crate) found: Measures,
}

/// A measure that is further off than its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    NullFrac,
    NDistinct,
    Common,
    Correlation,
    Elements,
}

impl Miss {
    /// Its word in JSON and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NullFrac => "null_frac",
            Self::NDistinct => "n_distinct",
            Self::Common => "most_common_freqs",
            Self::Correlation => "correlation",
            Self::Elements => "most_common_elem_freqs",
        }
    }

    /// What was asked for and what was found; of common values the one that is furthest off.
    pub(crate) fn of(self, delta: &Delta) -> (Option<f64>, Option<f64>) {
        let (asked, found) = (&delta.asked, &delta.found);
        match self {
            Self::NullFrac => (Some(asked.null_frac), Some(found.null_frac)),
            Self::NDistinct => (asked.n_distinct, found.n_distinct),
            Self::Correlation => (asked.correlation, found.correlation),
            Self::Common => worst(asked.common().map(|(place, share)| (share, found.share(place)))),
            Self::Elements => worst(delta.elements()),
        }
    }
}

/// The pair that is furthest apart.
fn worst(pairs: impl Iterator<Item = (f64, f64)>) -> (Option<f64>, Option<f64>) {
    pairs.max_by(|a, b| (a.0 - a.1).abs().total_cmp(&(b.0 - b.1).abs())).unzip()
}

impl Delta {
    /// The shares of the most common elements, here and there.
    fn elements(&self) -> impl Iterator<Item = (f64, f64)> {
        let found = self.found.elements.iter().copied().chain(std::iter::repeat(0.0));
        self.asked.elements.iter().copied().zip(found).take(N_COMMON)
    }

    /// Which measures are further off than their goals.
    pub(crate) fn misses(&self) -> Vec<Miss> {
        let (asked, found) = (&self.asked, &self.found);
        let mut misses = Vec::new();
        if (asked.null_frac - found.null_frac).abs() > MAX_SHARE {
            misses.push(Miss::NullFrac);
        }
        if let (Some(asked), Some(found)) = (asked.n_distinct, found.n_distinct)
            && (asked - found).abs() > MAX_DISTINCT * asked
        {
            misses.push(Miss::NDistinct);
        }
        if asked.common().any(|(place, share)| (share - found.share(place)).abs() > MAX_SHARE) {
            misses.push(Miss::Common);
        }
        if let (Some(asked), Some(found)) = (asked.correlation, found.correlation)
            && (asked - found).abs() > MAX_CORRELATION
        {
            misses.push(Miss::Correlation);
        }
        if self.elements().any(|(asked, found)| (asked - found).abs() > MAX_ELEMENT_SHARE) {
            misses.push(Miss::Elements);
        }
        misses
    }
}

impl Measures {
    fn new(statistics: &ColumnStatistics, n_rows: u64) -> Self {
        let n_values = count(n_rows) * (1.0 - f64::from(statistics.null_frac));
        Self {
            null_frac: f64::from(statistics.null_frac),
            n_distinct: source::n_distinct(statistics, n_rows).map(|n| n.min(n_values).max(1.0)),
            shares: statistics.most_common_freqs.iter().flatten().map(|share| f64::from(*share)).collect(),
            correlation: statistics.correlation.map(f64::from),
            avg_width: statistics.avg_width,
            elements: elements(statistics),
        }
    }

    /// Of combinations their shares are known.
    fn of_combinations(of: &Combinations) -> Self {
        let mut shares: Vec<f64> = of.items.iter().map(|(_, share)| *share).collect();
        shares.sort_unstable_by(|a, b| b.total_cmp(a));
        Self {
            null_frac: 0.0,
            n_distinct: None,
            shares,
            correlation: None,
            avg_width: 0,
            elements: Vec::new(),
        }
    }

    /// The most common values that are compared: place and share.
    fn common(&self) -> impl Iterator<Item = (usize, f64)> {
        self.shares.iter().copied().take(N_COMMON).enumerate()
    }

    /// The share of rows that the planner counts with for the value at a place among the most common ones: of those that are not
    /// listed what is left for each (`var_eq_const` of selfuncs.c).
    fn share(&self, place: usize) -> f64 {
        self.shares.get(place).copied().unwrap_or_else(|| {
            let rest = 1.0 - self.null_frac - self.shares.iter().sum::<f64>();
            let n_others = self.n_distinct.unwrap_or(1.0) - count(self.shares.len() as u64);
            if n_others < 1.0 { 0.0 } else { (rest / n_others).max(0.0) }
        })
    }
}

/// The shares of a column's most common elements, descending. In the statistics their least and greatest follow, and that of NULL.
fn elements(statistics: &ColumnStatistics) -> Vec<f64> {
    let n = statistics.most_common_elems.as_deref().and_then(array::parse).map_or(0, |texts| texts.len());
    let shares = statistics.most_common_elem_freqs.iter().flatten().take(n);
    let mut shares: Vec<f64> = shares.map(|share| f64::from(*share)).collect();
    shares.sort_unstable_by(|a, b| b.total_cmp(a));
    shares
}

/// Returns what ANALYZE is to say of the tables of a plan, by what it said of the source.
pub(crate) fn asked(source: &Source, plan: &Plan) -> Vec<Asked> {
    let mut all = Vec::new();
    for (id, table) in (0..).zip(&plan.tables).filter(|(_, table)| table.n_rows > 0) {
        for column in &table.columns {
            let statistics = source.column(&table.schema, &table.name, &column.name);
            let Some((_, statistics)) = statistics.filter(|(n_rows, _)| *n_rows >= 1.0) else { continue };
            let mut measures = Measures::new(statistics, table.n_rows);
            if let Some(parents) = parents(source, plan, table, &column.name) {
                let n_values = count(table.n_rows) * (1.0 - measures.null_frac);
                let n_distinct = source::n_referred(statistics, table.n_rows, parents);
                measures.n_distinct = n_distinct.map(|n| n.min(n_values).max(1.0));
            }
            all.push(Asked { table: id, column: column.name.clone(), measures, columns: Vec::new() });
        }
        let combinations = source.table(&table.schema, &table.name).map(|it| it.combinations.as_slice());
        all.extend(combinations.unwrap_or_default().iter().map(|it| Asked {
            table: id,
            column: format!("({})", it.columns.join(", ")),
            measures: Measures::of_combinations(it),
            columns: it.columns.clone(),
        }));
    }
    all
}

/// Compares the tables of a plan, after ANALYZE, with what was asked for. Combinations of which the copy keeps no list are left out.
pub(crate) fn deltas(plan: &Plan, measured: &Catalog, combinations: &Found) -> Vec<Delta> {
    let delta = |Asked { table, column, measures, columns }: &Asked| {
        let table = &plan.tables[usize::from(*table)];
        let found = if columns.is_empty() {
            let is_it = |it: &&crate::catalog::Table| it.schema == table.schema && it.name == table.name;
            let found = measured.tables.iter().find(is_it)?.column(column)?.statistics()?;
            Measures::new(found, table.n_rows)
        } else {
            let is_it = |(schema, name, it): &&(String, String, Combinations)| {
                let is_same = it.columns.len() == columns.len()
                    && it.columns.iter().all(|column| columns.contains(column));
                (schema, name) == (&table.schema, &table.name) && is_same
            };
            Measures::of_combinations(&combinations.iter().find(is_it)?.2)
        };
        Some(Delta {
            schema: table.schema.clone(),
            table: table.name.clone(),
            column: column.clone(),
            asked: measures.clone(),
            found,
        })
    };
    plan.asked.iter().filter_map(delta).collect()
}

/// How many parents there are, here and in the source, of a column that refers to some.
fn parents(source: &Source, plan: &Plan, table: &TablePlan, column: &str) -> Option<(u64, f64)> {
    let edge = table.edges.iter().find(|edge| match edge.columns[..] {
        [only] => table.columns[usize::from(only)].name == column,
        _ => false,
    })?;
    let parent = &plan.tables[usize::from(edge.parent)];
    let of_source = source.table(&parent.schema, &parent.name)?.n_rows;
    (of_source > 0.0 && parent.n_rows > 0).then_some((parent.n_rows, of_source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(of_found: impl Fn(&mut Measures), expected: &[Miss]) {
        let asked = Measures {
            null_frac: 0.1,
            n_distinct: Some(100.0),
            shares: vec![0.3, 0.2],
            correlation: Some(0.5),
            avg_width: 8,
            elements: vec![0.5, 0.4],
        };
        let mut found = asked.clone();
        of_found(&mut found);
        let name = || "x".to_owned();
        let delta = Delta { schema: name(), table: name(), column: name(), asked, found };
        assert_eq!(delta.misses(), expected);
    }

    #[test]
    fn tells_what_is_further_off_than_its_goal() {
        check(|_| {}, &[]);
        check(|it| it.null_frac = 0.104, &[]);
        check(|it| it.null_frac = 0.106, &[Miss::NullFrac]);
        check(|it| it.n_distinct = Some(111.0), &[Miss::NDistinct]);
        check(|it| it.correlation = Some(0.44), &[Miss::Correlation]);
        check(|it| it.correlation = None, &[]);
        check(|it| it.shares = vec![0.3, 0.19], &[Miss::Common]);
        // Of two values the one that is not listed has what is left.
        check(|it| (it.shares, it.n_distinct) = (vec![0.3], Some(2.0)), &[Miss::NDistinct, Miss::Common]);
        check(|it| it.shares = vec![0.3, 0.2, 0.1], &[]);
        check(|it| it.elements = vec![0.509, 0.391], &[]);
        check(|it| it.elements = vec![0.5], &[Miss::Elements]);
    }
}
