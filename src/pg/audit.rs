//! Reads what else than the catalog speaks for or against the findings of an audit.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Row, Transaction};

use super::catalog::{
    Sizes, counted_s, get, index_usage, may_call, read_parts, read_storage, read_tables, snapshot,
};
use super::connect::{Access, Connection, Route, Target};
use super::error::{Error, Result};
use super::interrupt::Interrupt;
use super::sql;
use crate::catalog::{Catalog, Index, Table, TableKind};
use crate::index::audit::{Evidence, Replica, Sequence};

const DOING: &str = "read the evidence of the audit";
/// Reading more tables takes longer than connecting once more does.
const MANY_TABLES: usize = 1000;
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

/// Reads the catalog, the evidence of the server itself, and what this role cannot see, a line each. Many tables are read in
/// two sessions, which see the same. Statistics are those of tables that are large enough to be judged by them, and sizes
/// those of the last ANALYZE where little was written since. The session is for reading catalogs from then on.
pub(crate) async fn read(
    target: &Target,
    connection: &mut Connection,
    interrupt: &Interrupt,
) -> Result<(Catalog, Evidence, Vec<String>)> {
    let (major, is_standby) = (connection.major(), connection.is_standby);
    let way = (connection.route.clone(), connection.label.clone());
    connection.query(sql::CHEAP_PLANNING, &[]).await.map_err(Error::query(DOING))?;
    // What ends while the catalog is read was unfinished in the snapshot, and what begins meanwhile is not all shown afterwards.
    let earlier_builds = running_builds(connection).await?;
    let transaction = snapshot(connection).await?;
    let mut catalog = read_tables(&transaction, Sizes::Analyzed).await?;
    let helper = if catalog.tables.len() > MANY_TABLES {
        let row = transaction.query_one(sql::EXPORT_SNAPSHOT, &[]).await.map_err(Error::query(DOING))?;
        let exported: String = get(&row, "snapshot")?;
        second_session(target, way, interrupt, &exported).await?.map(|helper| (helper, exported))
    } else {
        None
    };
    let (sequences, n_hidden) = if let Some((helper, exported)) = helper {
        let middle = catalog.tables.len() / 2;
        let (first, second) = catalog.tables.split_at_mut(middle);
        let first = read_parts(&transaction, major, first, Sizes::Analyzed, is_judged_by_statistics);
        let (found, ()) = tokio::try_join!(read_beside(helper, &exported, second), first)?;
        // Not before: what is exported can be seen as long as its transaction goes on.
        transaction.commit().await.map_err(Error::query(DOING))?;
        found
    } else {
        let tables = &mut catalog.tables;
        read_parts(&transaction, major, tables, Sizes::Analyzed, is_judged_by_statistics).await?;
        transaction.commit().await.map_err(Error::query(DOING))?;
        sequences(connection).await?
    };

    let mut gaps = gaps(&catalog);
    let mut builds = running_builds(connection).await?;
    builds.add(earlier_builds);
    let in_progress = in_progress(&builds, &catalog, is_standby, &mut gaps);
    if n_hidden > 0 {
        gaps.push(format!(
            "how far {n_hidden} sequences are: this role has neither USAGE nor SELECT on them"
        ));
    }
    let counted_s = catalog.counted_s;
    let mut evidence =
        Evidence { major, is_standby, counted_s, in_progress, sequences, ..Evidence::default() };
    let tables: Vec<u32> = catalog.tables.iter().map(|table| table.oid).collect();
    evidence.n_combinations = combinations(connection, &catalog, &tables).await?;
    evidence.storage = read_storage(&**connection, &tables).await?;
    Ok((catalog, evidence, gaps))
}

/// Opens another session in which the exported snapshot can be seen. `None` where there is none: the server has no room for it,
/// or the same way leads to another server now.
async fn second_session(
    target: &Target,
    (route, label): (Route, String),
    interrupt: &Interrupt,
    snapshot_id: &str,
) -> Result<Option<Connection>> {
    let opened = async {
        let mut connection = target.connect_by(route, &label, Access::ReadOnly, interrupt).await?;
        connection.query(sql::CHEAP_PLANNING, &[]).await.map_err(Error::query(DOING))?;
        import(&mut connection, snapshot_id).await?.commit().await.map_err(Error::query(DOING))?;
        Ok(connection)
    };
    match opened.await {
        Ok(connection) => Ok(Some(connection)),
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) if interrupt.is_raised() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Begins a transaction that sees what the exported snapshot does.
async fn import<'c>(connection: &'c mut Connection, snapshot_id: &str) -> Result<Transaction<'c>> {
    let transaction = snapshot(connection).await?;
    let statement = format!("SET TRANSACTION SNAPSHOT {}", sql::quote_literal(snapshot_id));
    transaction.batch_execute(&statement).await.map_err(Error::query(DOING))?;
    Ok(transaction)
}

/// Reads these tables in a session of their own, which sees what the exported snapshot does, and the sequences after them.
async fn read_beside(
    mut connection: Connection,
    snapshot_id: &str,
    tables: &mut [Table],
) -> Result<(Vec<Sequence>, usize)> {
    let major = connection.major();
    let transaction = import(&mut connection, snapshot_id).await?;
    read_parts(&transaction, major, tables, Sizes::Analyzed, is_judged_by_statistics).await?;
    transaction.commit().await.map_err(Error::query(DOING))?;
    sequences(&connection).await
}

/// Whether a table is large enough for rules that go by statistics. None of them speaks below 10,000 rows, which take 44 pages
/// at least: 32 bytes of header and column, and 4 of line pointer. The tree of a partitioned table may be of any size.
fn is_judged_by_statistics(table: &Table) -> bool {
    const MIN_PAGES: u32 = 32;
    table.n_pages >= MIN_PAGES || table.kind == TableKind::Partitioned
}

/// Returns how many different combinations the keys of indexes have, where extended statistics are on just these columns.
async fn combinations(connection: &Connection, catalog: &Catalog, tables: &[u32]) -> Result<Vec<(u32, f64)>> {
    let rows = connection.query(sql::CATALOG_COMBINATIONS, &[&tables]).await.map_err(Error::query(DOING))?;
    let mut known: HashMap<(u32, BTreeSet<String>), f64> = HashMap::new();
    for row in rows {
        let columns: Vec<String> = get(&row, "columns")?;
        known.insert((get(&row, "table")?, columns.into_iter().collect()), get(&row, "n")?);
    }
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let indexes =
        catalog.tables.iter().flat_map(|table| table.indexes.iter().map(move |index| (table, index)));
    let of_index = |(table, index): (&Table, &Index)| {
        let columns: Option<BTreeSet<String>> = index.keys.iter().map(|key| key.column.clone()).collect();
        Some((index.oid, *known.get(&(table.oid, columns?))?))
    };
    Ok(indexes.filter_map(of_index).collect())
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

/// Index builds that were seen to run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Builds {
    indexes: BTreeSet<u32>,
    tables: BTreeSet<u32>,
    /// How many there are of which this role may not see more.
    n_hidden: usize,
}

impl Builds {
    /// Adds those that were seen at another time.
    fn add(&mut self, other: Self) {
        self.indexes.extend(other.indexes);
        self.tables.extend(other.tables);
        self.n_hidden = self.n_hidden.max(other.n_hidden);
    }
}

async fn running_builds(connection: &Connection) -> Result<Builds> {
    let rows = connection.query(sql::RUNNING_BUILDS, &[]).await.map_err(Error::query(DOING))?;
    let mut builds = Builds::default();
    for row in rows {
        builds.indexes.insert(get(&row, "oid")?);
        builds.tables.insert(get(&row, "table")?);
        builds.n_hidden += usize::from(get::<bool>(&row, "is_hidden")?);
    }
    Ok(builds)
}

/// Returns the indexes that may be in the making. REINDEX TABLE CONCURRENTLY has one for each index of its table, and the
/// server shows which of them is built just now.
fn in_progress(builds: &Builds, catalog: &Catalog, is_standby: bool, gaps: &mut Vec<String>) -> Vec<u32> {
    let unfinished: Vec<(&Table, &Index)> = catalog
        .tables
        .iter()
        .flat_map(|table| table.indexes.iter().map(move |index| (table, index)))
        .filter(|(_, index)| !index.is_valid)
        .collect();
    let n_hidden = builds.n_hidden;
    if n_hidden > 0 {
        gaps.push(format!(
            "which indexes {n_hidden} running builds of other roles make, so invalid indexes are not judged"
        ));
    }
    if is_standby && !unfinished.is_empty() {
        gaps.push(
            "index builds that run on the primary: an invalid index may be one that is being built"
                .to_owned(),
        );
    }
    let may_be_built = |(table, _): &&(&Table, &Index)| n_hidden > 0 || builds.tables.contains(&table.oid);
    let beside = unfinished.iter().filter(may_be_built).map(|(_, index)| index.oid);
    builds.indexes.iter().copied().chain(beside).collect()
}

/// Returns the sequences, and of how many this role may not see how far they are. Outside of a transaction, which would keep
/// all of them locked.
async fn sequences(connection: &Connection) -> Result<(Vec<Sequence>, usize)> {
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
    Ok((read.collect(), n_hidden))
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
    Ok(Some(Replica {
        label: connection.label.clone(),
        is_standby: connection.is_standby,
        counted_s,
        n_scans,
    }))
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

    /// REINDEX TABLE CONCURRENTLY, of whose indexes the server shows one at a time.
    #[test]
    fn all_new_indexes_of_a_table_may_be_in_the_making() {
        let index = |oid, is_valid| Index { oid, is_valid, ..Index::default() };
        let table = |oid, indexes| Table { oid, indexes, ..Table::default() };
        let tables = vec![
            table(1, vec![index(11, true), index(12, false), index(13, false)]),
            table(2, vec![index(21, false)]),
        ];
        let catalog = Catalog { tables, ..Catalog::default() };
        let check = |builds: &Builds, expected: &[u32], n_gaps: usize| {
            let mut gaps = Vec::new();
            let found: BTreeSet<u32> = in_progress(builds, &catalog, false, &mut gaps).into_iter().collect();
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
            assert_eq!(gaps.len(), n_gaps);
        };
        check(&Builds::default(), &[], 0);
        let mut builds = Builds { indexes: [13].into(), tables: [1].into(), n_hidden: 0 };
        check(&builds, &[12, 13], 0);
        builds.add(Builds { n_hidden: 1, ..Builds::default() });
        check(&builds, &[12, 13, 21], 1);
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
