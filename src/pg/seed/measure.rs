//! What tables take on disk: rows of a plan go into temporary clones of them, which are rolled back.
//!
//! A clone has the columns, storage parameters, partitions and indexes of its table, and none of its constraints. Of its triggers
//! it has those that the server itself has functions for, such as `tsvector_update_trigger`: what others do is not known.
//! The table itself is only locked against changes of its definition (ACCESS SHARE), like by a query.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::Row;

use super::{indexes, loose, stage};
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::{Transaction, sql};
use crate::query::quote;
use crate::seed::make::block::Patches;
use crate::seed::make::world::World;
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;
use crate::seed::size::calibrate::Point;
use crate::seed::size::loose::is_shared;
use crate::seed::wire::rows::{HEADER, RowWriter, TRAILER};

/// Who waits for longer is in the way of somebody. A statement loads one table of a small plan, or builds one of its indexes.
const LIMITS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10min'";
/// Rows that are sent at once.
const ROWS_AT_ONCE: u64 = 1024;
/// Rows that one of several streams inserts before the next one does: fewer than keys in a page of an index.
const ROWS_IN_TURN: u64 = 64;

/// How a table is loaded, as far as its size depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Indexes, by schema and name, that are built after the rows.
    pub(crate) built_after: BTreeSet<(String, String)>,
    /// Streams insert chunks of rows at the same time.
    pub(crate) n_streams: usize,
}

/// Bytes of a table on disk, with its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// With its TOAST.
    pub(crate) table_bytes: u64,
    /// With all indexes too.
    pub(crate) total_bytes: u64,
}

/// Reads the sizes of the tables of a plan, in their order.
pub(crate) async fn sizes(connection: &Connection, plan: &Plan) -> Result<Vec<Size>> {
    let names: Vec<String> =
        plan.tables.iter().map(|table| sql::quote_qualified(&table.schema, &table.name)).collect();
    let rows = connection.query(sql::SEED_SIZES, &[&names]).await.map_err(Error::query("measure tables"))?;
    let bytes = |row, column| get::<i64>(row, column).map(i64::unsigned_abs);
    rows.iter()
        .map(|row| {
            Ok(Size { table_bytes: bytes(row, "table_bytes")?, total_bytes: bytes(row, "total_bytes")? })
        })
        .collect()
}

/// Returns the tables whose indexes a load of this plan by so many streams may build after the rows, and those that streams share.
pub(crate) fn large(plan: &Plan, n_streams: usize) -> (Vec<TableId>, Vec<TableId>) {
    let chosen = |is_it: &dyn Fn(&TablePlan) -> bool| {
        (0..).zip(&plan.tables).filter(|(_, table)| is_it(table)).map(|(id, _)| id).collect()
    };
    (chosen(&indexes::is_large), chosen(&|table| is_shared(table, n_streams)))
}

/// Returns the indexes, by schema and name, that are built from all rows when a load of this plan by so many streams has ended.
pub(crate) async fn built_after(
    connection: &Connection,
    plan: &Plan,
    n_streams: usize,
) -> Result<BTreeSet<(String, String)>> {
    let large: Vec<&TablePlan> = plan.tables.iter().filter(|table| indexes::is_large(table)).collect();
    let droppable = indexes::droppable(connection, &large).await?;
    let mut built = loose::built_anew(connection, plan, n_streams).await?;
    built.extend(droppable.into_iter().map(|(index, _)| (index.schema, index.name)));
    Ok(built)
}

/// What a table took.
pub(crate) struct Measured {
    pub(crate) point: Point,
    pub(crate) n_indexes: u64,
    /// Whether it has an index of another kind than B-tree: they do not grow in proportion to the rows that they are there for.
    pub(crate) is_uneven: bool,
}

/// Measures the first rows of a table in a plan, loaded in so many chunks.
pub(crate) async fn point(
    connection: &mut Connection,
    plan: &Plan,
    table: TableId,
    n_rows: u64,
    n_chunks: u64,
    manner: &Manner,
) -> Result<Measured> {
    let planned = &plan.tables[usize::from(table)];
    let doing = || Error::query(format!("measure rows of table \"{}\"", planned.name));
    let transaction = connection.client_mut().transaction().await.map_err(doing())?;
    let measured = async {
        transaction.batch_execute(LIMITS).await?;
        let clones = clone(&transaction, planned).await?;
        let (before, after) = index_statements(&transaction, &clones, &manner.built_after).await?;
        let all: Vec<String> = before.iter().chain(&after).cloned().collect();
        transaction.batch_execute(&before.join("; ")).await?;
        create_triggers(&transaction, &clones).await?;
        let pieces = pieces(n_rows, n_chunks, manner.n_streams);
        fill(&transaction, plan, table, &pieces, &clones[0].name).await?;
        for statement in after {
            transaction.batch_execute(&statement).await?;
        }
        let names: Vec<&str> = clones.iter().map(|clone| clone.name.as_str()).collect();
        transaction.query(sql::SEED_CLONE_FLUSH, &[&names]).await?;
        let is_uneven = !all.iter().all(|statement| statement.contains(" USING btree "));
        let heaps = transaction.query_one(&used_pages(&clones[0].name), &[]).await?;
        Ok((heaps, transaction.query_one(sql::SEED_CLONE_SIZES, &[&names]).await?, is_uneven))
    };
    let (heaps, others, is_uneven) = measured.await.map_err(doing())?;
    transaction.rollback().await.map_err(doing())?;
    let number = |row: &Row, column: &str| get::<i64>(row, column).map(i64::unsigned_abs);
    let point = Point {
        n_rows,
        heap: number(&heaps, "n_pages")?,
        toast: number(&others, "toast")?,
        indexes: number(&others, "indexes")?,
        n_heaps: number(&heaps, "n_heaps")?,
    };
    Ok(Measured { point, n_indexes: number(&others, "n_indexes")?, is_uneven })
}

/// A temporary table that stands for one of the schema.
struct Stand {
    of: u32,
    name: String,
    is_partitioned: bool,
}

/// Clones a table with its partitions, parents first.
async fn clone(
    transaction: &Transaction<'_>,
    table: &TablePlan,
) -> Result<Vec<Stand>, tokio_postgres::Error> {
    let name = sql::quote_qualified(&table.schema, &table.name);
    let rows = transaction.query(sql::SEED_CLONE_TABLES, &[&name]).await?;
    let names: BTreeMap<u32, String> = (0..)
        .zip(&rows)
        .map(|(place, row)| Ok((row.try_get("oid")?, format!("perfkit_size_{place}"))))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    let mut clones = Vec::new();
    for row in &rows {
        let of: u32 = row.try_get("oid")?;
        let from = sql::quote_qualified(row.try_get("schema")?, row.try_get("name")?);
        let partition_key: Option<&str> = row.try_get("partition_key")?;
        let clone = Stand { of, name: names[&of].clone(), is_partitioned: partition_key.is_some() };
        let options: Vec<&str> = row.try_get("options")?;
        let n_dropped: i64 = row.try_get("n_dropped")?;
        transaction.batch_execute(&create(&clone.name, &from, partition_key, &options, n_dropped)).await?;
        let parent: Option<u32> = row.try_get("parent")?;
        let bound: Option<&str> = row.try_get("bound")?;
        if let (Some(parent), Some(bound)) = (parent.and_then(|parent| names.get(&parent)), bound) {
            let attach =
                format!("ALTER TABLE pg_temp.{parent} ATTACH PARTITION pg_temp.{} {bound}", clone.name);
            transaction.batch_execute(&attach).await?;
        }
        clones.push(clone);
    }
    Ok(clones)
}

/// Returns the statements that create a clone. Columns that were dropped are a NULL in every row, which may cost it a bitmap.
fn create(name: &str, from: &str, partition_key: Option<&str>, options: &[&str], n_dropped: i64) -> String {
    let mut items: Vec<String> = (0..n_dropped).map(|n| format!("perfkit_dropped_{n} int4")).collect();
    items.push(format!(
        "LIKE {from} INCLUDING COMPRESSION INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE"
    ));
    let key = partition_key.map(|key| format!(" PARTITION BY {key}")).unwrap_or_default();
    let options: Vec<String> = options
        .iter()
        .map(|option| match option.split_once('=') {
            Some((name, value)) => format!("{name} = {}", quote::quote_literal(value)),
            None => (*option).to_owned(),
        })
        .collect();
    let with = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
    let drops: Vec<String> = (0..n_dropped).map(|n| format!("DROP COLUMN perfkit_dropped_{n}")).collect();
    let alter = if drops.is_empty() {
        String::new()
    } else {
        format!("; ALTER TABLE pg_temp.{name} {}", drops.join(", "))
    };
    format!("CREATE TEMPORARY TABLE {name} ({}){key}{with}{alter}", items.join(", "))
}

/// Returns the statements that create the indexes of clones: those that are there while rows come, and those that are built
/// afterwards. None is unique: perfkit's rows are, and the size is the same.
async fn index_statements(
    transaction: &Transaction<'_>,
    clones: &[Stand],
    built_after: &BTreeSet<(String, String)>,
) -> Result<(Vec<String>, Vec<String>), tokio_postgres::Error> {
    // The index of a partitioned table is that of its partitions.
    let leaves = clones.iter().filter(|clone| !clone.is_partitioned);
    let names: BTreeMap<u32, &str> = leaves.map(|clone| (clone.of, clone.name.as_str())).collect();
    let oids: Vec<u32> = names.keys().copied().collect();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for row in transaction.query(sql::SEED_CLONE_INDEXES, &[&oids]).await? {
        let (of, form): (u32, &str) = (row.try_get("table_oid")?, row.try_get("form")?);
        let statement = format!("CREATE INDEX ON pg_temp.{} USING {form}", names[&of]);
        let is_after = built_after.contains(&(row.try_get("root_schema")?, row.try_get("root_name")?));
        if is_after { &mut after } else { &mut before }.push(statement);
    }
    Ok((before, after))
}

/// Returns the query for the pages of a clone and its partitions up to the last row, and in how many heaps there are rows.
///
/// Since PostgreSQL 16 COPY adds up to 64 pages at once (`RelationAddBlocks` in hio.c), so that a heap ends with empty ones. The
/// next chunk of a run fills them, and VACUUM takes those of the last one away if they are many.
fn used_pages(clone: &str) -> String {
    format!(
        "SELECT coalesce(pg_catalog.sum((h.last::pg_catalog.text::pg_catalog.point)[0] + 1), 0)::pg_catalog.int8 AS n_pages, \
         pg_catalog.count(*) AS n_heaps \
         FROM (SELECT pg_catalog.max(ctid) AS last FROM pg_temp.{clone} GROUP BY tableoid) AS h"
    )
}

/// Creates the triggers of clones that the server itself has functions for.
async fn create_triggers(
    transaction: &Transaction<'_>,
    clones: &[Stand],
) -> Result<(), tokio_postgres::Error> {
    let names: BTreeMap<u32, &str> = clones.iter().map(|clone| (clone.of, clone.name.as_str())).collect();
    let oids: Vec<u32> = names.keys().copied().collect();
    for (place, row) in transaction.query(sql::SEED_CLONE_TRIGGERS, &[&oids]).await?.iter().enumerate() {
        let (of, form): (u32, &str) = (row.try_get("table_oid")?, row.try_get("form")?);
        // In the order of the triggers' names.
        let name = format!("perfkit_size_{place:04}");
        let create = format!("CREATE TRIGGER {name} BEFORE INSERT ON pg_temp.{} {form}", names[&of]);
        transaction.batch_execute(&create).await?;
    }
    Ok(())
}

/// Returns the order in which streams insert rows, when they take chunks in turn and are equally fast.
fn pieces(n_rows: u64, n_chunks: u64, n_streams: usize) -> Vec<Range<u64>> {
    let rows_per_chunk = n_rows.div_ceil(n_chunks.max(1)).max(1);
    let starts = (0..n_chunks).map(|number| (number * rows_per_chunk).min(n_rows));
    let mut chunks = starts.map(|start| start..(start + rows_per_chunk).min(n_rows));
    let mut open: Vec<Range<u64>> = chunks.by_ref().take(n_streams.max(1)).collect();
    let at_once = if open.len() > 1 { ROWS_IN_TURN } else { ROWS_AT_ONCE };
    let mut pieces = Vec::new();
    while !open.is_empty() {
        for chunk in &mut open {
            let end = chunk.end.min(chunk.start + at_once);
            pieces.push(chunk.start..end);
            chunk.start = end;
            if chunk.is_empty()
                && let Some(next) = chunks.next()
            {
                *chunk = next;
            }
        }
        open.retain(|chunk| !chunk.is_empty());
    }
    pieces
}

/// Copies rows of a plan into a clone, as loading does.
async fn fill(
    transaction: &Transaction<'_>,
    plan: &Plan,
    table: TableId,
    pieces: &[Range<u64>],
    clone: &str,
) -> Result<(), tokio_postgres::Error> {
    let planned = &plan.tables[usize::from(table)];
    let clone = format!("pg_temp.{clone}");
    let into = if planned.is_staged {
        transaction.batch_execute(&stage::create(planned, table)).await?;
        stage::name(table)
    } else {
        clone.clone()
    };
    let sink = transaction.copy_in::<_, Bytes>(&stage::copy(planned, &into)).await?;
    let mut sink = Box::pin(sink);
    let patches = Patches::default();
    let world = World::new(plan, &patches);
    let mut writer = RowWriter::new(&world, table);
    let mut bytes = HEADER.to_vec();
    for (place, rows) in pieces.iter().enumerate() {
        writer.append(rows.clone(), &mut bytes);
        if (place as u64 + 1).is_multiple_of(ROWS_AT_ONCE / ROWS_IN_TURN) {
            sink.send(Bytes::from(std::mem::take(&mut bytes))).await?;
        }
    }
    bytes.extend_from_slice(TRAILER);
    sink.send(Bytes::from(bytes)).await?;
    sink.as_mut().finish().await?;
    if planned.is_staged {
        transaction.batch_execute(&stage::insert_from(planned, table, &clone)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_insert_in_turn() {
        let check = |n_rows: u64, n_chunks: u64, n_streams: usize, expected: &[Range<u64>]| {
            let pieces = pieces(n_rows, n_chunks, n_streams);
            assert_eq!(pieces, expected);
        };
        check(0, 0, 2, &[]);
        check(1_500, 1, 4, &[0..1_024, 1_024..1_500]);
        check(200, 2, 1, &[0..100, 100..200]);
        check(250, 3, 2, &[0..64, 84..148, 64..84, 148..168, 168..232, 232..250]);
        let mut rows: Vec<u64> = pieces(10_007, 7, 3).into_iter().flatten().collect();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..10_007));
    }

    #[test]
    fn clones_have_what_takes_room() {
        let like = "LIKE s.t INCLUDING COMPRESSION INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE";
        let check = |key: Option<&str>, options: &[&str], n_dropped: i64, expected: &str| {
            assert_eq!(create("c", "s.t", key, options, n_dropped), expected);
        };
        check(None, &[], 0, &format!("CREATE TEMPORARY TABLE c ({like})"));
        check(
            Some("RANGE (at)"),
            &[],
            0,
            &format!("CREATE TEMPORARY TABLE c ({like}) PARTITION BY RANGE (at)"),
        );
        check(
            None,
            &["fillfactor=70", "autovacuum_enabled=false"],
            1,
            &format!(
                "CREATE TEMPORARY TABLE c (perfkit_dropped_0 int4, {like}) WITH (fillfactor = '70', autovacuum_enabled = \
                 'false'); ALTER TABLE pg_temp.c DROP COLUMN perfkit_dropped_0"
            ),
        );
    }
}
