//! BRIN indexes: ranges of a column whose values lie in the table in their order.

use super::demand::Demand;
use super::indexable::{self, Family};
use crate::index::{Definition, Key, Method};
use crate::query::{Operand, Test};

/// Correlation of a column's values with their place in the table from which on a range of values is a range of pages.
const MIN_CORRELATION: f32 = 0.9;
/// Pages, 8 kB each, below which a btree is small too: 80 MB.
const MIN_PAGES: u32 = 10_000;

/// Returns the BRIN indexes that serve one use of a table.
pub(super) fn definitions(demand: &Demand) -> Vec<Definition> {
    let table = demand.table;
    if table.n_pages < MIN_PAGES {
        return Vec::new();
    }
    let ranges = demand.conditions.iter().filter(|condition| condition.test == Test::Range);
    ranges
        .filter(|condition| {
            let Operand::Column(name) = &condition.operand else { return false };
            let correlation = table.column(name).and_then(|column| column.statistics()?.correlation);
            correlation.is_some_and(|correlation| correlation.abs() >= MIN_CORRELATION)
                && demand.is_btree_key(&condition.operand)
                && matches!(indexable::family(&condition.operand, table), Family::Scalar | Family::Text)
        })
        .map(|condition| Definition {
            method: Method::Brin,
            ..Definition::btree(&table.schema, &table.name, vec![Key::of(condition.operand.clone())])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, on};
    use crate::catalog::ColumnStatistics;
    use crate::query::Test;

    #[test]
    fn where_values_lie_in_order() {
        let mut catalog = fixture::catalog(&[("events", &["id int8", "at timestamptz"])]);
        let correlated =
            |correlation| ColumnStatistics { correlation: Some(correlation), ..ColumnStatistics::default() };
        let wanted = || on("events").test("at", Test::Range);
        check(&catalog, wanted(), &["!USING brin (at)"]);
        fixture::statistics(&mut catalog, "at", &correlated(0.5));
        check(&catalog, wanted(), &["!USING brin (at)"]);
        fixture::statistics(&mut catalog, "at", &correlated(-0.97));
        check(&catalog, wanted(), &["USING brin (at)"]);
        check(&catalog, on("events").test("at", Test::Equal), &["!USING brin (at)"]);
        catalog.tables[0].n_pages = 500;
        check(&catalog, wanted(), &["!USING brin (at)"]);
    }
}
