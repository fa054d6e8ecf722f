//! Rows that are there already: keys that new rows may refer to, and the greatest of serial keys.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::copy;
use crate::pg::catalog::get;
use crate::pg::error::{Error, Result};
use crate::pg::{Transaction, sql};
use crate::run_id::RunId;
use crate::seed::make::block::Patches;
use crate::seed::make::lane::Cells;
use crate::seed::plan::{Existing, Plan, spans};
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, KeyPart, Schema, TableId};
use crate::seed::time::POSTGRES_EPOCH_US;
use crate::seed::wire::{self, Wire};

/// More keys of one table are not read: references to a large table are spread over its first rows.
const MAX_KEYS: u32 = 100_000;
/// The same of a table that triggers of the run fill: each row of a child may have to refer to another one.
const MAX_FED_KEYS: u32 = 1_000_000;
/// More values of one column are no list.
const MAX_TAKEN: u32 = 10_000;

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
        let name = |column: &ColumnId| relation.field(*column).name.as_str();
        let columns: Vec<_> =
            columns.iter().zip(&wires).map(|(column, wire)| (*column, name(column), wire)).collect();
        let table_name = (relation.schema.as_str(), relation.name.as_str());
        let keys = keys(transaction.client(), table_name, &columns, None, MAX_KEYS).await?;
        existing.insert(
            table,
            keys.ok_or_else(|| Error::Answer {
                what: format!("the keys of table \"{}\"", relation.name),
                reason: "the binary form is not the expected one".to_owned(),
            })?,
        );
    }
    Ok(existing)
}

/// Reads the values of columns that are a key by themselves, of filled tables: lists of values and labels are short, so that of more
/// rows than a few nothing needs to be known.
pub(crate) async fn taken(
    transaction: &Transaction<'_>,
    schema: &Schema,
    wire: impl Fn(&Type) -> Option<Wire>,
) -> Result<BTreeMap<(TableId, ColumnId), Cells>> {
    let mut taken = BTreeMap::new();
    let filled =
        (0..).zip(&schema.relations).filter(|(_, relation)| relation.is_filled && relation.is_loadable());
    for (table, relation) in filled {
        let alone =
            relation.keys.iter().filter(|key| key.predicate.is_none()).filter_map(
                |key| match key.parts[..] {
                    [KeyPart::Column(column)] => Some(column),
                    _ => None,
                },
            );
        for column in alone {
            let field = relation.field(column);
            let Some(wire) = wire(&field.ty) else { continue };
            if !matches!(field.ty, Type::Bool | Type::Enum { .. } | Type::Text(_)) {
                continue;
            }
            let (name, columns) = ((&*relation.schema, &*relation.name), [(column, &*field.name, &wire)]);
            let keys = keys(transaction.client(), name, &columns, None, MAX_TAKEN + 1).await?;
            let few = keys.filter(|keys| keys.n_rows <= MAX_TAKEN.into());
            if let Some((_, lane)) = few.and_then(|mut keys| keys.columns.pop()) {
                taken.insert((table, column), lane.cells);
            }
        }
    }
    Ok(taken)
}

/// Seconds of 2000-01-01 since 1970.
const POSTGRES_EPOCH: i64 = POSTGRES_EPOCH_US / 1_000_000;

/// Whose rows of a table that had others before.
#[derive(Clone, Copy)]
pub(super) enum By<'r> {
    Run(&'r RunId),
    /// The open transaction of a rehearsal.
    Transaction,
}

impl By<'_> {
    /// The condition for rows that were written by it or after it began: those of triggers are written with what they are beside, or
    /// in a subtransaction of it.
    fn condition(self) -> String {
        let age = match self {
            Self::Run(run) => format!(
                "(SELECT pg_catalog.max(pg_catalog.age(xmin)) FROM perfkit.seed_chunk WHERE run = {})",
                sql::quote_literal(&run.0)
            ),
            Self::Transaction => {
                "pg_catalog.age((pg_catalog.txid_current() % 4294967296)::pg_catalog.text::pg_catalog.xid)"
                    .to_owned()
            }
        };
        format!("pg_catalog.age(xmin) <= {age}")
    }
}

/// Returns what rows of these tables refer to in a rehearsal, where triggers have made it.
pub(super) async fn rehearsed(
    client: &Client,
    plan: &Plan,
    tables: impl IntoIterator<Item = TableId>,
) -> Result<Patches> {
    let mut patches = Patches::default();
    patches.add_keys(fed(client, plan, tables, &patches, By::Transaction).await?);
    Ok(patches)
}

/// Reads the keys of tables that triggers have filled and that rows of these tables refer to, unless they are known. Those of types
/// that cannot be read are none.
pub(super) async fn fed(
    client: &Client,
    plan: &Plan,
    tables: impl IntoIterator<Item = TableId>,
    known: &Patches,
    by: By<'_>,
) -> Result<BTreeMap<TableId, Existing>> {
    let mut read = BTreeMap::new();
    for (parent, columns) in tables.into_iter().flat_map(|table| plan.fed_parents(table)) {
        if known.has_keys(parent) || read.contains_key(&parent) {
            continue;
        }
        let table = &plan.tables[usize::from(parent)];
        let column = |id: ColumnId| {
            let column = &table.columns[usize::from(id)];
            (id, column.name.as_str(), &column.wire)
        };
        let columns: Vec<_> = columns.into_iter().map(column).collect();
        let condition = table.was_filled.then(|| by.condition());
        let keys = keys(client, (&table.schema, &table.name), &columns, condition, MAX_FED_KEYS).await?;
        read.insert(parent, keys.unwrap_or_default());
    }
    Ok(read)
}

/// Reads columns of a table; `None` where their binary forms are not those of their wires.
async fn keys(
    client: &Client,
    (schema, table): (&str, &str),
    columns: &[(ColumnId, &str, &Wire)],
    condition: Option<String>,
    most: u32,
) -> Result<Option<Existing>> {
    let doing = || Error::query(format!("read the keys of table \"{table}\""));
    let names: Vec<String> = columns.iter().map(|(_, name, _)| sql::quote_identifier(name)).collect();
    let order = names.join(", ");
    // Labels, numbers and texts go out in their binary forms; the order makes the sample the same each time.
    let and = condition.map_or_else(String::new, |condition| format!(" AND {condition}"));
    let query = format!(
        "COPY (SELECT {order} FROM {} WHERE ({order}) IS NOT NULL{and} ORDER BY {order} LIMIT {most}) TO STDOUT (FORMAT binary)",
        sql::quote_qualified(schema, table)
    );
    let stream = client.copy_out(&query).await.map_err(doing())?;
    let bytes = copy::receive(stream).await.map_err(doing())?;
    let wires: Vec<Wire> = columns.iter().map(|(_, _, wire)| (*wire).clone()).collect();
    let Some(lanes) = wire::read::lanes(&bytes, &wires) else { return Ok(None) };
    let n_rows = lanes.first().map_or(0, |lane| lane.len() as u64);
    Ok(Some(Existing { n_rows, columns: columns.iter().map(|(id, ..)| *id).zip(lanes).collect() }))
}

/// Reads the greatest value of each integer column of a key, and of the ends of ranges that must not overlap, of filled tables.
pub(crate) async fn greatest(
    transaction: &Transaction<'_>,
    schema: &Schema,
) -> Result<BTreeMap<(TableId, ColumnId), i64>> {
    let mut greatest = BTreeMap::new();
    for (table, relation) in (0..).zip(&schema.relations) {
        if !relation.is_filled {
            continue;
        }
        let of_keys = relation.keys.iter().flat_map(|key| &key.parts).flat_map(KeyPart::columns).copied();
        let is_int =
            |column: &ColumnId| matches!(relation.field(*column).ty, Type::Int2 | Type::Int4 | Type::Int8);
        let ends = spans::spans(relation).map(|span| span.end);
        let columns: BTreeSet<ColumnId> = of_keys.filter(is_int).chain(ends).collect();
        if columns.is_empty() {
            continue;
        }
        // As cells are: days and µs since 2000-01-01.
        let item = |column: &ColumnId| {
            let name = sql::quote_identifier(&relation.field(*column).name);
            let finite = format!("pg_catalog.max({name}) FILTER (WHERE pg_catalog.isfinite({name}))");
            let cell = match relation.field(*column).ty {
                Type::Date => format!("({finite} - '2000-01-01'::pg_catalog.date)"),
                Type::Timestamp { .. } => {
                    format!("(1000000 * (EXTRACT(epoch FROM {finite}) - {POSTGRES_EPOCH}))")
                }
                _ => format!("pg_catalog.max({name})"),
            };
            format!("{cell}::pg_catalog.int8 AS c{column}")
        };
        let items: Vec<String> = columns.iter().map(item).collect();
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
