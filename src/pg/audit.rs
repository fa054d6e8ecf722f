//! Reads what else than the catalog speaks for or against the findings of an audit.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::catalog::{counted_s, get, index_usage, is_judged_by_statistics, may_call};
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::catalog::{Catalog, Index, Table};
use crate::index::audit::{Evidence, Replica, Sequence};

const DOING: &str = "read the evidence of the audit";
/// How many sequences are read at once: each takes a place in the server's table of locks (`max_locks_per_transaction`).
const N_LOCKED_SEQUENCES: usize = 500;
/// How full a btree's leaf pages are made (`BTREE_DEFAULT_FILLFACTOR` of nbtree.h), in percent.
const DEFAULT_FILLFACTOR: f64 = 90.0;

/// What a server and its standbys have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    database: String,
    /// `None` where this role may not see it.
    system: Option<i64>,
}

/// Share of an index that is wasted, measured.
pub(crate) enum Measured {
    Bloat(f64),
    /// Why there is no measure of this one.
    Not(String),
}

/// Returns the evidence of the server itself, and what this role cannot see, a line each.
pub(crate) async fn evidence(connection: &Connection, catalog: &Catalog) -> Result<(Evidence, Vec<String>)> {
    let mut gaps = gaps(catalog);
    let in_progress = running_builds(connection, catalog, &mut gaps).await?;
    let sequences = sequences(connection, &mut gaps).await?;
    let evidence = Evidence {
        major: connection.major(),
        is_standby: connection.is_standby,
        counted_s: catalog.counted_s,
        in_progress,
        sequences,
        ..Evidence::default()
    };
    Ok((evidence, gaps))
}

/// Returns what the catalog should hold and does not.
fn gaps(catalog: &Catalog) -> Vec<String> {
    let mut gaps = Vec::new();
    let is_counted = |table: &Table| table.indexes.iter().all(|index| index.usage.is_some());
    if !catalog.tables.iter().all(is_counted) {
        gaps.push("which indexes are used: track_counts is off".to_owned());
    }
    // ANALYZE of a table with rows leaves statistics of every column.
    let is_blank = |table: &&Table| {
        table.n_rows > 0.0
            && is_judged_by_statistics(table)
            && !table.columns.is_empty()
            && table.columns.iter().all(|column| column.statistics().is_none())
    };
    let blank: Vec<&Table> = catalog.tables.iter().filter(is_blank).collect();
    if let [first, rest @ ..] = &blank[..] {
        let others =
            if rest.is_empty() { String::new() } else { format!(" and {} other tables", rest.len()) };
        let first = crate::query::quote::qualified(&first.schema, &first.name);
        gaps.push(format!(
            "statistics of {first}{others}: never analyzed, or this role has no SELECT right on them"
        ));
    }
    gaps
}

async fn running_builds(
    connection: &Connection,
    catalog: &Catalog,
    gaps: &mut Vec<String>,
) -> Result<Vec<u32>> {
    let rows = connection.query(sql::RUNNING_BUILDS, &[]).await.map_err(Error::query(DOING))?;
    let mut oids = Vec::new();
    let mut n_hidden = 0;
    for row in rows {
        oids.push(get(&row, "oid")?);
        n_hidden += usize::from(get::<bool>(&row, "is_hidden")?);
    }
    let unfinished =
        || catalog.tables.iter().flat_map(|table| &table.indexes).filter(|index| !index.is_valid);
    if n_hidden > 0 {
        gaps.push(format!(
            "which indexes {n_hidden} running builds of other roles make, so invalid indexes are not judged"
        ));
        oids.extend(unfinished().map(|index| index.oid));
    }
    if connection.is_standby && unfinished().next().is_some() {
        gaps.push(
            "index builds that run on the primary: an invalid index may be one that is being built"
                .to_owned(),
        );
    }
    Ok(oids)
}

async fn sequences(connection: &Connection, gaps: &mut Vec<String>) -> Result<Vec<Sequence>> {
    let rows = connection.query(sql::CATALOG_SEQUENCES, &[]).await.map_err(Error::query(DOING))?;
    let mut sequences: Vec<(u32, Sequence)> = Vec::new();
    let mut to_read = Vec::new();
    let mut n_hidden = 0;
    for row in rows {
        let (oid, sequence) = (get(&row, "oid")?, sequence(&row)?);
        if can_end(&sequence, get(&row, "start_value")?) {
            let may_read: bool = get(&row, "may_read")?;
            n_hidden += usize::from(!may_read);
            if may_read && get(&row, "is_here")? {
                to_read.push(oid);
            }
        }
        sequences.push((oid, sequence));
    }
    if n_hidden > 0 {
        gaps.push(format!(
            "how far {n_hidden} sequences are: this role has neither USAGE nor SELECT on them"
        ));
    }
    let mut last_values: HashMap<u32, Option<i64>> = HashMap::new();
    for oids in to_read.chunks(N_LOCKED_SEQUENCES) {
        let rows = connection.query(sql::SEQUENCE_VALUES, &[&oids]).await.map_err(Error::query(DOING))?;
        for row in rows {
            last_values.insert(get(&row, "oid")?, get(&row, "last_value")?);
        }
    }
    let read = sequences
        .into_iter()
        .map(|(oid, sequence)| Sequence { last_value: last_values.get(&oid).copied().flatten(), ..sequence });
    Ok(read.collect())
}

fn sequence(row: &Row) -> Result<Sequence> {
    let table: Option<String> = get(row, "table")?;
    let feeds = match table {
        Some(table) => {
            Some((get(row, "table_schema")?, table, get(row, "column")?, get(row, "column_type")?))
        }
        None => None,
    };
    let increment: i64 = get(row, "increment")?;
    Ok(Sequence {
        schema: get(row, "schema")?,
        name: get(row, "name")?,
        feeds,
        last_value: None,
        max_value: get(row, if increment < 0 { "min_value" } else { "max_value" })?,
        increment,
        cycles: get(row, "cycles")?,
    })
}

/// Whether a sequence can come to its end in a lifetime. One of `bigint` lasts for 300 years at a thousand million values a
/// second, so that reading how far it is would be in vain.
fn can_end(sequence: &Sequence, start_value: i64) -> bool {
    const LASTS_FOR_EVER: u64 = 1 << 62;
    let n_values = sequence.max_value.abs_diff(start_value) / sequence.increment.unsigned_abs().max(1);
    let column_type = sequence.feeds.as_ref().map(|(_, _, _, column_type)| column_type.as_str());
    n_values < LASTS_FOR_EVER || column_type.is_some_and(|name| name != "int8")
}

/// Returns what tells whether two servers hold the same database.
pub(crate) async fn identity(connection: &Connection) -> Result<Identity> {
    let row = connection.query_one(sql::DATABASE_NAME, &[]).await.map_err(Error::query(DOING))?;
    let database = get(&row, "database")?;
    let system = if may_call(&**connection, "pg_catalog.pg_control_system()").await? {
        let row = connection.query_one(sql::SYSTEM_IDENTIFIER, &[]).await.map_err(Error::query(DOING))?;
        Some(get(&row, "system_identifier")?)
    } else {
        None
    };
    Ok(Identity { database, system })
}

impl Identity {
    /// Whether nothing speaks against the other being a copy of the same database.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let is_same_system = self.system.zip(other.system).is_none_or(|(one, other)| one == other);
        is_same_system && self.database == other.database
    }
}

/// Returns what a replica counted for the indexes of `catalog`; oids are the same on both. `None` where it does not count.
pub(crate) async fn replica(connection: &Connection, catalog: &Catalog) -> Result<Option<Replica>> {
    let tables: Vec<u32> = catalog.tables.iter().map(|table| table.oid).collect();
    let Some(usage) = index_usage(&**connection, connection.major(), &tables).await? else { return Ok(None) };
    let mut n_scans: Vec<(u32, u64)> = usage.into_iter().map(|(oid, usage)| (oid, usage.n_scans)).collect();
    n_scans.sort_unstable();
    let counted_s = counted_s(&**connection).await?;
    Ok(Some(Replica { label: connection.label.clone(), counted_s, n_scans }))
}

/// Returns the schema of the extension that looks into indexes; `None` where it is not created.
pub(crate) async fn pgstattuple(connection: &Connection) -> Result<Option<String>> {
    let row =
        connection.query_opt(sql::EXTENSION_EXISTS, &[&"pgstattuple"]).await.map_err(Error::query(DOING))?;
    row.map(|row| get(&row, "schema")).transpose()
}

/// Measures the wasted share of a btree, whose pages the server reads all.
pub(crate) async fn measure_bloat(connection: &Connection, schema: &str, index: &Index) -> Result<Measured> {
    // The function is qualified, since its schema is anywhere.
    let function = sql::quote_qualified(schema, "pgstatindex");
    let statement = sql::INDEX_DENSITY.replace("FROM pgstatindex", &format!("FROM {function}"));
    let row = match connection.query_one(&statement, &[&index.oid]).await {
        Ok(row) => row,
        Err(error) => {
            let reason = match error.code() {
                Some(code) if *code == SqlState::QUERY_CANCELED => {
                    "it took longer than the statement timeout"
                }
                Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => "this role may not read it",
                _ => return Err(Error::query(DOING)(error)),
            };
            return Ok(Measured::Not(reason.to_owned()));
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a share of pages")]
    let count = |name: &str| -> Result<f64> { Ok(get::<i64>(&row, name)? as f64) };
    let (kept, given_up) =
        (count("internal_pages")? + count("leaf_pages")?, count("empty_pages")? + count("deleted_pages")?);
    let density: f64 = get(&row, "avg_leaf_density")?;
    Ok(Measured::Bloat(wasted(kept, given_up, density, fillfactor(&index.options))))
}

fn fillfactor(options: &[String]) -> f64 {
    let option = options.iter().find_map(|option| option.strip_prefix("fillfactor="));
    option.and_then(|value| value.parse().ok()).unwrap_or(DEFAULT_FILLFACTOR)
}

/// Returns the share of a btree that a rebuild frees: pages that hold nothing, and what the others are less full than a
/// rebuild makes them. An index without a leaf has no density.
fn wasted(kept: f64, given_up: f64, density: f64, fillfactor: f64) -> f64 {
    let all = kept + given_up;
    if all <= 0.0 || !density.is_finite() {
        return 0.0;
    }
    (1.0 - kept * (density / fillfactor) / all).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptied_pages_count_as_waste() {
        for (kept, given_up, density, fillfactor, expected) in [
            (100.0, 0.0, 90.0, 90.0, 0.0),
            (100.0, 0.0, 45.0, 90.0, 0.5),
            (50.0, 50.0, 90.0, 90.0, 0.5),
            (100.0, 0.0, 100.0, 90.0, 0.0),
            (100.0, 0.0, 35.0, 70.0, 0.5),
            (1.0, 0.0, f64::NAN, 90.0, 0.0),
            (0.0, 0.0, 0.0, 90.0, 0.0),
        ] {
            assert!((wasted(kept, given_up, density, fillfactor) - expected).abs() < 1e-9);
        }
        assert!((fillfactor(&["fillfactor=70".to_owned()]) - 70.0).abs() < 1e-9);
        assert!((fillfactor(&["deduplicate_items=off".to_owned()]) - 90.0).abs() < 1e-9);
    }

    #[test]
    fn another_cluster_is_no_replica() {
        let identity = |database: &str, system| Identity { database: database.to_owned(), system };
        for (one, other, expected) in [
            (identity("a", Some(1)), identity("a", Some(1)), true),
            (identity("a", None), identity("a", Some(1)), true),
            (identity("a", Some(2)), identity("a", Some(1)), false),
            (identity("a", Some(1)), identity("b", Some(1)), false),
        ] {
            assert_eq!(one.matches(&other), expected);
        }
    }
}
