//! Rows that are there already: keys that new rows may refer to, and the greatest of serial keys.

use std::collections::{BTreeMap, BTreeSet};

use super::copy;
use crate::pg::catalog::get;
use crate::pg::error::{Error, Result};
use crate::pg::{Transaction, sql};
use crate::seed::plan::Existing;
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, KeyPart, Relation, Schema, TableId};
use crate::seed::wire::{self, Wire};

/// More keys of one table are not read: references to a large table are spread over its first rows.
const MAX_KEYS: u32 = 100_000;

/// Reads the keys of filled tables that foreign keys of the schema refer to. `wire` says how a type is sent.
pub(crate) async fn referenced(
    transaction: &Transaction<'_>,
    schema: &Schema,
    wire: impl Fn(&Type) -> Option<Wire>,
) -> Result<BTreeMap<TableId, Existing>> {
    let mut columns: BTreeMap<TableId, BTreeSet<ColumnId>> = BTreeMap::new();
    for key in schema.relations.iter().flat_map(|relation| &relation.foreign_keys) {
        if schema.relations[usize::from(key.parent)].is_filled {
            columns.entry(key.parent).or_default().extend(&key.parent_columns);
        }
    }
    let mut existing = BTreeMap::new();
    for (table, columns) in columns {
        let relation = &schema.relations[usize::from(table)];
        let columns: Vec<ColumnId> = columns.into_iter().collect();
        let wires: Option<Vec<Wire>> =
            columns.iter().map(|column| wire(&relation.field(*column).ty)).collect();
        let Some(wires) = wires else { continue };
        let lanes = keys(transaction, relation, &columns, &wires).await?;
        let n_rows = lanes.first().map_or(0, |lane| lane.len() as u64);
        existing.insert(table, Existing { n_rows, columns: columns.into_iter().zip(lanes).collect() });
    }
    Ok(existing)
}

async fn keys(
    transaction: &Transaction<'_>,
    relation: &Relation,
    columns: &[ColumnId],
    wires: &[Wire],
) -> Result<Vec<crate::seed::make::lane::Lane>> {
    let doing = || Error::query(format!("read the keys of table \"{}\"", relation.name));
    let names: Vec<String> =
        columns.iter().map(|column| sql::quote_identifier(&relation.field(*column).name)).collect();
    let order = names.join(", ");
    // Labels, numbers and texts go out in their binary forms; the order makes the sample the same each time.
    let query = format!(
        "COPY (SELECT {order} FROM {} WHERE ({order}) IS NOT NULL ORDER BY {order} LIMIT {MAX_KEYS}) TO STDOUT (FORMAT binary)",
        sql::quote_qualified(&relation.schema, &relation.name)
    );
    let stream = transaction.copy_out(&query).await.map_err(doing())?;
    let bytes = copy::receive(stream).await.map_err(doing())?;
    wire::read::lanes(&bytes, wires).ok_or_else(|| Error::Answer {
        what: format!("the keys of table \"{}\"", relation.name),
        reason: "the binary form is not the expected one".to_owned(),
    })
}

/// Reads the greatest value of each integer column of a key, of filled tables.
pub(crate) async fn greatest(
    transaction: &Transaction<'_>,
    schema: &Schema,
) -> Result<BTreeMap<(TableId, ColumnId), i64>> {
    let mut greatest = BTreeMap::new();
    for (table, relation) in (0..).zip(&schema.relations) {
        if !relation.is_filled {
            continue;
        }
        let columns: BTreeSet<ColumnId> = relation
            .keys
            .iter()
            .flat_map(|key| &key.parts)
            .flat_map(KeyPart::columns)
            .copied()
            .filter(|column| matches!(relation.field(*column).ty, Type::Int2 | Type::Int4 | Type::Int8))
            .collect();
        if columns.is_empty() {
            continue;
        }
        let name = |column: &ColumnId| sql::quote_identifier(&relation.field(*column).name);
        let items: Vec<String> = columns
            .iter()
            .map(|column| format!("pg_catalog.max({})::pg_catalog.int8 AS c{column}", name(column)))
            .collect();
        let query = format!(
            "SELECT {} FROM {}",
            items.join(", "),
            sql::quote_qualified(&relation.schema, &relation.name)
        );
        let row = transaction
            .query_one(&query, &[])
            .await
            .map_err(Error::query(format!("read the greatest keys of table \"{}\"", relation.name)))?;
        for column in columns {
            if let Some(value) = get::<Option<i64>>(&row, &format!("c{column}"))? {
                greatest.insert((table, column), value);
            }
        }
    }
    Ok(greatest)
}
