//! Copies what ANALYZE knows, and says what the planner is to think of an index.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::files::Start;
use super::tree::GinCounts;
use super::{ExpressionStatistics, Figures, tree};
use crate::catalog::{Catalog, ColumnStatistics, Index, Table, TableKind};
use crate::index::{self, BLOCK_BYTES, Definition, GinPages, Measures, Size};
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::query::Operand;

/// Statements that are on their way at the same time.
const IN_FLIGHT: usize = 32;
/// Pages that a range of a BRIN index has when nothing else is said (`BRIN_DEFAULT_PAGES_PER_RANGE`).
const BRIN_PAGES_PER_RANGE: u32 = 128;
/// Bytes of an inner entry of a btree on one 8-byte key: tuple header, key and line pointer.
const PIVOT_BYTES: f64 = 20.0;

/// A row of `pg_stats` and where it belongs.
pub(super) struct Entry<'c> {
    pub(super) schema: &'c str,
    pub(super) relation: &'c str,
    pub(super) column: &'c str,
    pub(super) statistics: &'c ColumnStatistics,
    /// The type of an expression, where an index keeps it in another.
    pub(super) type_oid: Option<u32>,
}

/// Copies the statistics of columns and of the expressions of indexes.
pub(super) async fn copy(
    superuser: &Connection,
    owner: &Connection,
    catalog: &Catalog,
    missing: &mut Vec<String>,
) -> Result<()> {
    let mut entries = Vec::new();
    for table in &catalog.tables {
        let schema = &table.schema;
        for column in &table.columns {
            let kinds = column.statistics.iter().chain(&column.tree_statistics);
            entries.extend(kinds.map(|statistics| Entry {
                schema,
                relation: &table.name,
                column: &column.name,
                statistics,
                type_oid: None,
            }));
        }
        for index in table.indexes.iter().filter(|index| !index.statistics.is_empty()) {
            let rows = superuser.query(sql::COLUMN_NUMBERS, &[schema, &index.name]).await;
            let mut keys = BTreeMap::new();
            for row in rows.map_err(Error::query("find the expressions of an index"))? {
                let number: i16 = get(&row, "number")?;
                let key = usize::try_from(number - 1).ok().and_then(|at| index.keys.get(at));
                keys.insert(get::<String>(&row, "name")?, key.and_then(|key| key.expression.as_deref()));
            }
            for (column, statistics) in &index.statistics {
                let type_oid = match keys.get(column).copied().flatten() {
                    Some(expression) => {
                        own_type(owner, (schema, &table.name), &index.method, expression).await
                    }
                    None => None,
                };
                entries.push(Entry { schema, relation: &index.name, column, statistics, type_oid });
            }
        }
    }
    insert(superuser, entries.into_iter(), missing).await
}

/// Returns the type of an expression where an index may keep it in another; the server need not run it for that.
async fn own_type(
    owner: &Connection,
    (schema, table): (&str, &str),
    method: &str,
    expression: &str,
) -> Option<u32> {
    if matches!(method, "btree" | "hash") {
        return None;
    }
    let select = format!("SELECT {expression} FROM {}", sql::quote_qualified(schema, table));
    let statement = owner.prepare(&select).await.ok()?;
    statement.columns().first().map(|column| column.type_().oid())
}

/// How statistics are written.
///
/// Since 18 a function does (manual, "Statistics Manipulation Functions"): ranges, arrays, texts and expressions of any
/// index come out as ANALYZE writes them. Older servers have none, so that `pg_statistic` itself is written.
enum Writer {
    Function(Statement),
    Insert(Statement),
}

async fn writer(superuser: &Connection) -> Result<Writer, tokio_postgres::Error> {
    Ok(match superuser.major() {
        18.. => Writer::Function(superuser.prepare(sql::RESTORE_STATISTICS_PG18).await?),
        _ => Writer::Insert(superuser.prepare(sql::INSERT_STATISTICS).await?),
    })
}

async fn insert<'c>(
    superuser: &Connection,
    entries: impl Iterator<Item = Entry<'c>>,
    missing: &mut Vec<String>,
) -> Result<()> {
    let doing = || Error::query("copy statistics into the shadow");
    let writer = &writer(superuser).await.map_err(doing())?;
    let refusals: Vec<Option<String>> = stream::iter(entries)
        .map(|entry| async move {
            let name = format!("statistics of \"{}\".\"{}\"", entry.relation, entry.column);
            match entry.insert(superuser, writer).await {
                Ok(true) => Ok(None),
                Ok(false) => Ok(Some(format!("{name}: not all of them are taken here"))),
                Err(error) => match error.as_db_error() {
                    Some(db) if !error.is_closed() => Ok(Some(format!("{name}: {}", db.message()))),
                    _ => Err(doing()(error)),
                },
            }
        })
        .buffered(IN_FLIGHT)
        .try_collect()
        .await?;
    missing.extend(refusals.into_iter().flatten());
    Ok(())
}

/// Writes the statistics of one column over those that it has.
pub(super) async fn replace(superuser: &Connection, entry: &Entry<'_>) -> Result<(), tokio_postgres::Error> {
    superuser.execute(sql::FORGET_STATISTICS, &[&entry.schema, &entry.relation, &entry.column]).await?;
    entry.insert(superuser, &writer(superuser).await?).await.map(drop)
}

/// Says whose statistics nobody let us read: the table was analyzed, and yet `pg_stats` has nothing of it.
pub(super) fn unreadable(catalog: &Catalog) -> Option<String> {
    let is_kept = |kind| matches!(kind, TableKind::Ordinary | TableKind::MaterializedView);
    let names = catalog.tables.iter().filter(|table| {
        is_kept(table.kind)
            && table.n_rows > 0.0
            && !table.columns.is_empty()
            && table.columns.iter().all(|column| column.statistics().is_none())
    });
    listed(names.map(|table| table.name.as_str()))
        .map(|names| format!("statistics of {names}: not readable (or never gathered), defaults are used"))
}

/// Says which columns' ranges are not known: before 17 only who may read `pg_statistic` sees their statistics.
pub(super) fn unreadable_ranges(catalog: &Catalog) -> Option<String> {
    let names = catalog.tables.iter().flat_map(|table| &table.columns).filter(|column| {
        let is_known = column.statistics().is_none_or(|it| it.range_bounds_histogram.is_some());
        column.base_type.ends_with("range") && !is_known
    });
    listed(names.map(|column| column.name.as_str()))
        .map(|names| format!("statistics of ranges in {names}: not readable, defaults are used"))
}

/// Says which tables are planned as local ones.
pub(super) fn foreign(catalog: &Catalog) -> Option<String> {
    let names = catalog.tables.iter().filter(|table| table.kind == TableKind::Foreign);
    listed(names.map(|table| table.name.as_str()))
        .map(|names| format!("the servers of foreign tables: {names} are planned as local tables"))
}

/// Returns names in quotes, the first ten of them and how many more there are.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    const SHOWN: usize = 10;
    let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    let (shown, more) = names.split_at(names.len().min(SHOWN));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (!names.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

impl Entry<'_> {
    /// Returns whether the server took everything.
    async fn insert(&self, connection: &Connection, writer: &Writer) -> Result<bool, tokio_postgres::Error> {
        let Self { schema, relation, column, statistics, type_oid } = self;
        let values: [&(dyn ToSql + Sync); 18] = [
            schema,
            relation,
            column,
            &statistics.inherited,
            &statistics.null_frac,
            &statistics.avg_width,
            &statistics.n_distinct,
            &statistics.most_common_vals,
            &statistics.most_common_freqs,
            &statistics.histogram_bounds,
            &statistics.correlation,
            &statistics.most_common_elems,
            &statistics.most_common_elem_freqs,
            &statistics.elem_count_histogram,
            &statistics.range_length_histogram,
            &statistics.range_empty_frac,
            &statistics.range_bounds_histogram,
            type_oid,
        ];
        match writer {
            Writer::Function(statement) => {
                connection.query_one(statement, &values[..17]).await?.try_get("restored")
            }
            Writer::Insert(statement) => connection.execute(statement, &values).await.map(|_| true),
        }
    }
}

/// Gives the expressions of a candidate's indexes their statistics.
pub(super) async fn of_expressions(
    (superuser, owner): (&Connection, &Connection),
    definition: &Definition,
    indexes: &[u32],
    (table, known): (u32, &ExpressionStatistics),
    missing: &mut Vec<String>,
) -> Result<()> {
    for (key, position) in definition.keys.iter().zip(1i16..) {
        let Operand::Expression { sql: expression, .. } = &key.operand else { continue };
        let Some(statistics) = known.get(&(table, expression.clone())) else { continue };
        let type_oid =
            own_type(owner, (&definition.schema, &definition.table), definition.method.name(), expression)
                .await;
        let rows = superuser.query(sql::INDEX_COLUMNS, &[&indexes, &position]).await;
        let mut places: Vec<(String, String, String)> = Vec::new();
        for row in rows.map_err(Error::query("find the expressions of a candidate"))? {
            places.push((get(&row, "schema")?, get(&row, "index")?, get(&row, "column")?));
        }
        let entries = places.iter().map(|(schema, relation, column)| Entry {
            schema,
            relation,
            column,
            statistics,
            type_oid,
        });
        insert(superuser, entries, missing).await?;
    }
    Ok(())
}

/// What the planner is to think of an index of the target.
pub(super) fn figures(index: &Index, table: &Table) -> Figures {
    let n_pages = u32::try_from(index.size_bytes / BLOCK_BYTES).unwrap_or(u32::MAX);
    // Nobody can read its height, so it is what is usual: constraints come before the rows, other indexes after them.
    let is_grown = index.is_constraint;
    let start = match index.method.as_str() {
        "btree" => {
            let pivot_bytes = pivot_bytes(index, table, n_pages, is_grown);
            Start::Btree { level: tree::level(n_pages, pivot_bytes, is_grown) }
        }
        "gin" => gin_start(index, table, n_pages),
        method => start_by_pages(method, table.n_pages),
    };
    Figures { n_rows: index.n_rows, n_pages, n_all_visible_pages: 0, start }
}

/// What an index of the target most likely counts of itself, which takes a superuser to read: as much as one that is built
/// now, with its pages in the same proportion.
fn gin_start(index: &Index, table: &Table, n_pages: u32) -> Start {
    let Some(definition) = Definition::existing(&table.schema, &table.name, index) else {
        return Start::AsBuilt;
    };
    let expressions = index.keys.iter().filter_map(|key| key.expression.clone());
    let statistics = index.statistics.iter().map(|(_, statistics)| statistics.clone());
    let keys = expressions.map(|expression| (table.oid, expression));
    let measures = Measures { expressions: keys.zip(statistics).collect(), ..Measures::default() };
    let size = index::estimate(&definition, table, &measures);
    let factor = f64::from(n_pages) / f64::from(size.n_pages.max(1));
    Start::Gin(gin_counts(size.gin, 1.0, factor))
}

/// Returns a share of the entries, and a share of the pages.
fn gin_counts(size: GinPages, entries: f64, pages: f64) -> GinCounts {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of pages")]
    let [n_entry_pages, n_data_pages] =
        [size.n_entry_pages, size.n_data_pages].map(|n| (f64::from(n) * pages).round() as u32);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates"
    )]
    let n_entries = (size.n_entries * entries).round() as u64;
    GinCounts { n_entries, n_entry_pages: n_entry_pages.max(1), n_data_pages }
}

/// What the planner is to think of a candidate's index on this share of the rows.
pub(super) fn share(size: Size, share: f64, method: Option<&str>, table_pages: u32) -> Figures {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a u32")]
    let n_pages = (f64::from(size.n_pages) * share).ceil() as u32;
    let start = match method {
        // The height of several is that of the highest.
        Some("btree") if share < 1.0 => {
            Start::Btree { level: tree::level(n_pages, PIVOT_BYTES, false).min(size.tree_level) }
        }
        Some("btree") => Start::Btree { level: size.tree_level },
        Some("gin") => Start::Gin(gin_counts(size.gin, share, share)),
        method => start_by_pages(method.unwrap_or_default(), table_pages),
    };
    Figures { n_rows: size.n_rows * share, n_pages, n_all_visible_pages: 0, start }
}

fn start_by_pages(method: &str, table_pages: u32) -> Start {
    match method {
        "brin" => Start::Brin { n_ranges: table_pages.div_ceil(BRIN_PAGES_PER_RANGE) },
        _ => Start::AsBuilt,
    }
}

/// Returns the average bytes of an entry of a btree's inner pages, which keep only as many columns as tell two
/// neighbouring leaves apart (nbtree/README, "Notes about suffix truncation").
fn pivot_bytes(index: &Index, table: &Table, n_pages: u32, is_grown: bool) -> f64 {
    const TUPLE_AND_LINE_POINTER_BYTES: f64 = 8.0 + 4.0;
    /// A width where statistics say none.
    const WIDTH: f64 = 8.0;
    let n_rows = index.n_rows.max(1.0);
    // A split looks for a place where few columns differ; a build fills each page and cuts where that happens to be.
    let enough = if is_grown { f64::from(n_pages) } else { n_rows / 2.0 };
    let mut n_distinct = 1.0;
    let mut bytes = 0.0;
    for key in &index.keys {
        let column = key.column.as_ref().and_then(|name| table.column(name));
        let width = column.and_then(|column| column.statistics()).map_or(WIDTH, |it| f64::from(it.avg_width));
        bytes += width;
        n_distinct *= column.map_or(n_rows, |column| column.distinct(n_rows)).max(1.0);
        if n_distinct > enough {
            break;
        }
    }
    (bytes / 8.0).ceil() * 8.0 + TUPLE_AND_LINE_POINTER_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let size = Size { n_rows: 1000.0, n_pages: 100, tree_level: 1, ..Size::default() };
        let [a, b] = [0.25, 0.75].map(|part| share(size, part, Some("btree"), 0));
        assert_eq!((a.n_pages, b.n_pages), (25, 75));
        assert!((a.n_rows + b.n_rows - size.n_rows).abs() < 1e-9);
        let gin = GinPages { n_entries: 800.0, n_entry_pages: 40, n_data_pages: 60 };
        let start = share(Size { gin, ..size }, 0.25, Some("gin"), 0).start;
        let quarter = GinCounts { n_entries: 200, n_entry_pages: 10, n_data_pages: 15 };
        assert_eq!(start, Start::Gin(quarter));
    }
}
