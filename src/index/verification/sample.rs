//! Which rows of a database a copy takes: small tables whole, of large ones some blocks, and the rows those refer to.
//!
//! Two samples drawn apart would hardly join. So of a large table that a larger one refers to, the copy takes the rows
//! that the larger one's sample refers to; they are found through the key's index. The other way round, all rows that
//! refer to a sample, would be a scan of the largest tables.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Table, TableKind};
use crate::index::BLOCK_BYTES;

/// The most that is copied, in bytes of the tables' files.
const MAX_BYTES: f64 = 4e9;
/// Bytes a row, where a table was never analyzed.
const UNKNOWN_ROW_BYTES: f64 = 100.0;

/// The rows to copy of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Rows that the table is thought to have.
    pub(crate) n_rows: f64,
    pub(crate) rows: Rows,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rows {
    All,
    /// The first rows, of what has no blocks to choose from.
    First(u64),
    /// Blocks chosen by chance, in percent.
    Blocks(f64),
    /// The rows whose columns `columns` are among those of other samples.
    Referenced {
        columns: Vec<String>,
        by: Vec<Referrer>,
        at_most: u64,
    },
}

/// Columns of a sample that refer to another table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Referrer {
    /// Its position among the samplings, before the one that it belongs to.
    pub(crate) sampling: usize,
    pub(crate) columns: Vec<String>,
}

/// Decides what to copy of the tables in `wanted`, by schema and name: at most `max_rows` of each.
pub(crate) fn samplings(
    catalog: &Catalog,
    wanted: &BTreeSet<(String, String)>,
    max_rows: u64,
) -> Vec<Sampling> {
    let mut tables: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|table| !matches!(table.kind, TableKind::View | TableKind::Partitioned))
        .filter(|table| wanted.contains(&(table.schema.clone(), table.name.clone())))
        .collect();
    // A larger table is decided on before a smaller one that it refers to, so there are no circles.
    tables.sort_by(|a, b| {
        rows(b).total_cmp(&rows(a)).then_with(|| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)))
    });
    #[expect(clippy::cast_precision_loss, reason = "a number of rows to aim at")]
    let max_rows = within_bytes(&tables, max_rows as f64);
    let mut samplings: Vec<Sampling> = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let n_rows = rows(table);
        let rows = if n_rows <= max_rows {
            Rows::All
        } else if table.kind == TableKind::Foreign {
            Rows::First(whole(max_rows))
        } else {
            referenced(table, &tables[..at], &samplings, max_rows)
                .unwrap_or(Rows::Blocks((100.0 * max_rows / n_rows).clamp(1e-4, 100.0)))
        };
        samplings.push(Sampling { schema: table.schema.clone(), name: table.name.clone(), n_rows, rows });
    }
    samplings
}

/// Returns the sample that other samples refer to, if there are any that do.
fn referenced(table: &Table, larger: &[&Table], samplings: &[Sampling], max_rows: f64) -> Option<Rows> {
    let references = larger.iter().enumerate().flat_map(|(at, larger)| {
        larger
            .constraints
            .iter()
            .filter(|constraint| constraint.kind == 'f')
            .filter_map(move |constraint| Some((at, constraint, constraint.references.as_ref()?)))
            .filter(|(at, _, reference)| reference.table == table.oid && samplings[*at].rows != Rows::All)
    });
    let mut columns = Vec::new();
    let mut by = Vec::new();
    for (sampling, constraint, reference) in references {
        if columns.is_empty() {
            columns.clone_from(&reference.columns);
        }
        if columns == reference.columns {
            by.push(Referrer { sampling, columns: constraint.columns.clone() });
        }
    }
    (!by.is_empty()).then(|| Rows::Referenced { columns, by, at_most: whole(max_rows) })
}

/// Lowers the number of rows until the copy is small enough.
fn within_bytes(tables: &[&Table], max_rows: f64) -> f64 {
    let bytes = |max_rows: f64| -> f64 {
        tables.iter().map(|table| file_bytes(table) * (max_rows / rows(table).max(1.0)).min(1.0)).sum()
    };
    let mut max_rows = max_rows.max(1.0);
    while bytes(max_rows) > MAX_BYTES && max_rows > 1.0 {
        max_rows /= 2.0;
    }
    max_rows
}

fn rows(table: &Table) -> f64 {
    if table.n_rows < 0.0 { file_bytes(table) / UNKNOWN_ROW_BYTES } else { table.n_rows }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of blocks are small")]
fn file_bytes(table: &Table) -> f64 {
    f64::from(table.n_pages) * BLOCK_BYTES as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far from 2^64")]
fn whole(rows: f64) -> u64 {
    rows.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Constraint, Reference};

    fn table(oid: u32, name: &str, n_rows: f64, n_pages: u32) -> Table {
        Table { oid, schema: "s".into(), name: name.into(), n_rows, n_pages, ..Table::default() }
    }

    fn refers(mut table: Table, column: &str, to: u32) -> Table {
        table.constraints.push(Constraint {
            kind: 'f',
            columns: vec![column.into()],
            references: Some(Reference { table: to, columns: vec!["id".into()], ..Reference::default() }),
            ..Constraint::default()
        });
        table
    }

    /// Describes the samplings as `name rows` in their order.
    fn check(tables: Vec<Table>, max_rows: u64, expected: &[&str]) {
        let wanted = tables.iter().map(|table| (table.schema.clone(), table.name.clone())).collect();
        let catalog = Catalog { tables, ..Catalog::default() };
        let samplings = samplings(&catalog, &wanted, max_rows);
        let found: Vec<String> = samplings
            .iter()
            .map(|sampling| {
                let rows = match &sampling.rows {
                    Rows::All => "all".to_owned(),
                    Rows::First(n) => format!("first {n}"),
                    Rows::Blocks(percent) => format!("{percent:.2}%"),
                    Rows::Referenced { columns, by, at_most } => {
                        let by: Vec<String> = by
                            .iter()
                            .map(|by| format!("{}.{}", samplings[by.sampling].name, by.columns.join(",")))
                            .collect();
                        format!("{} by {} at most {at_most}", columns.join(","), by.join(" "))
                    }
                };
                format!("{} {rows}", sampling.name)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn takes_small_tables_whole_and_blocks_of_large_ones() {
        check(vec![table(1, "a", 10.0, 1), table(2, "b", 1000.0, 10)], 100, &["b 10.00%", "a all"]);
        check(vec![table(1, "never_analyzed", -1.0, 0)], 100, &["never_analyzed all"]);
        check(vec![table(1, "never_analyzed", -1.0, 100)], 4096, &["never_analyzed 50.00%"]);
    }

    #[test]
    fn takes_what_larger_samples_refer_to() {
        let orders = refers(table(2, "orders", 1000.0, 10), "user_id", 1);
        let items = refers(refers(table(3, "items", 9000.0, 90), "order_id", 2), "user_id", 1);
        let users = table(1, "users", 500.0, 5);
        check(
            vec![users.clone(), orders.clone(), items.clone()],
            100,
            &[
                "items 1.11%",
                "orders id by items.order_id at most 100",
                "users id by items.user_id orders.user_id at most 100",
            ],
        );
        check(
            vec![users, orders, items],
            600,
            &["items 6.67%", "orders id by items.order_id at most 600", "users all"],
        );
    }

    #[test]
    fn circles_and_whole_tables_need_no_care() {
        let a = refers(table(1, "a", 1000.0, 10), "b_id", 2);
        let b = refers(refers(table(2, "b", 1000.0, 10), "a_id", 1), "b_id", 2);
        check(vec![a, b], 100, &["a 10.00%", "b id by a.b_id at most 100"]);
    }

    #[test]
    fn stays_within_the_bytes() {
        let large = table(1, "wide", 1_000_000.0, 10_000_000);
        check(vec![large], 1_000_000, &["wide 3.12%"]);
    }
}
