//! Reads [`Catalog`] and what else a shadow needs, from one repeatable-read transaction.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{GenericClient, IsolationLevel, Row, Transaction};

use super::catalog_indexes::read_indexes;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::catalog::{
    Activity, Catalog, Column, ColumnStatistics, Constraint, IndexUsage, Reference, Table, TableKind,
};
use crate::index::change::record::{StatisticsTarget, Storage};
use crate::plan::{Server, TableActivity};

/// What else than tables and their statistics plans depend on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Surroundings {
    pub(crate) locale: Locale,
    /// Types, functions and what else tables, indexes and queries need, in an order in which most can be created.
    pub(crate) objects: Vec<Object>,
    pub(crate) extended_statistics: Vec<ExtendedStatistics>,
    /// Row security that applies to the role that reads.
    pub(crate) policies: Vec<Object>,
    /// Tablespaces that have costs of their own, and what they are.
    pub(crate) tablespaces: Vec<(String, String)>,
    /// Settings that change plans, with their values.
    pub(crate) settings: Vec<(String, String)>,
    /// What a dropped index needs to come back as it was, beside what the catalog holds.
    #[serde(default)]
    pub(crate) storage: Storage,
}

/// How a database orders its texts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Locale {
    pub(crate) encoding: String,
    /// `c` for the operating system's, `i` for ICU's, `b` for the builtin ones (`pg_database.datlocprovider`).
    pub(crate) provider: String,
    pub(crate) collate: String,
    pub(crate) ctype: String,
    /// Of the providers ICU and builtin.
    pub(crate) name: Option<String>,
    pub(crate) icu_rules: Option<String>,
}

/// Something that is created by one statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    /// As in `CREATE`, in lower case.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) ddl: String,
}

/// An object of CREATE STATISTICS with what ANALYZE found for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ExtendedStatistics {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `CREATE STATISTICS`, as `pg_get_statisticsobjdef` writes it.
    pub(crate) definition: String,
    pub(crate) table_schema: String,
    pub(crate) table: String,
    /// Numbers and names, in the order of the numbers.
    pub(crate) columns: Vec<(i16, String)>,
    pub(crate) expressions: Vec<String>,
    /// Whether the data may be read; else there are none here.
    pub(crate) is_readable: bool,
    /// Whether the data are of the table with its partitions or inheriting tables.
    pub(crate) inherited: bool,
    /// In the server's own format, as hexadecimal digits (`pg_ndistinct`, `pg_dependencies`).
    pub(crate) n_distinct: Option<String>,
    pub(crate) dependencies: Option<String>,
    pub(crate) most_common: Vec<CommonItem>,
    /// Of the expressions, in their order; `None` for those without data.
    pub(crate) expression_statistics: Vec<Option<ColumnStatistics>>,
}

/// An item of a list of most common combinations of values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CommonItem {
    /// In text form: columns, then expressions.
    pub(crate) values: Vec<Option<String>>,
    pub(crate) frequency: f64,
    /// How frequent it would be if the columns were independent.
    pub(crate) base_frequency: f64,
}

/// Reads the catalog with statistics.
pub(crate) async fn load(connection: &mut Connection) -> Result<Catalog> {
    let major = connection.major();
    let transaction = snapshot(connection).await?;
    let catalog = read(&transaction, major).await?;
    transaction.commit().await.map_err(Error::query(DOING))?;
    Ok(catalog)
}

/// Reads the catalog, and what a copy of it needs, at the same moment.
pub(crate) async fn load_with_surroundings(connection: &mut Connection) -> Result<(Catalog, Surroundings)> {
    let major = connection.major();
    let transaction = snapshot(connection).await?;
    let catalog = read(&transaction, major).await?;
    let mut surroundings = read_surroundings(&transaction).await?;
    let tables: Vec<u32> = catalog.tables.iter().map(|table| table.oid).collect();
    surroundings.storage = read_storage(&transaction, &tables).await?;
    transaction.commit().await.map_err(Error::query(DOING))?;
    Ok((catalog, surroundings))
}

/// Reads what the rules of explain know of a server, and what a copy of it needs, at the same moment.
pub(crate) async fn load_server(connection: &mut Connection) -> Result<(Server, Surroundings)> {
    let major = connection.major();
    let transaction = snapshot(connection).await?;
    let catalog = read(&transaction, major).await?;
    let surroundings = read_surroundings(&transaction).await?;
    let mut settings = BTreeMap::new();
    for row in transaction.query(sql::SETTINGS, &[]).await.map_err(Error::query(DOING))? {
        settings.insert(get(&row, "name")?, get(&row, "setting")?);
    }
    let mut activity = Vec::new();
    for row in transaction.query(sql::TABLE_ACTIVITY, &[]).await.map_err(Error::query(DOING))? {
        let count = |name: &str| -> Result<u64> { Ok(get::<i64>(&row, name)?.unsigned_abs()) };
        activity.push(TableActivity {
            schema: get(&row, "schema")?,
            name: get(&row, "name")?,
            n_live: count("n_live")?,
            n_dead: count("n_dead")?,
            n_modified_since_analyze: count("n_modified")?,
            analyzed_s_ago: get(&row, "analyzed_s_ago")?,
            vacuumed_s_ago: get(&row, "vacuumed_s_ago")?,
        });
    }
    transaction.commit().await.map_err(Error::query(DOING))?;
    Ok((Server { catalog, settings, activity }, surroundings))
}

pub(super) const DOING: &str = "read the catalog";

/// How exact the sizes of relations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    /// As the files are now.
    Now,
    /// As VACUUM, ANALYZE or the build left them, where little was written since; reading them is many times faster.
    Analyzed,
}

impl Sizes {
    pub(super) fn may_be_old(self) -> bool {
        self == Self::Analyzed
    }
}

/// What the parts of tables refer to as a column, by the table's oid and `pg_attribute.attnum`.
pub(super) type Attributes = HashMap<(u32, i16), Attribute>;

pub(super) struct Attribute {
    /// Where among the table's columns it is.
    pub(super) at: usize,
    pub(super) type_oid: u32,
    /// 0 for types without one.
    pub(super) collation: u32,
}

pub(crate) async fn snapshot(connection: &mut Connection) -> Result<Transaction<'_>> {
    connection
        .client_mut()
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(Error::query(DOING))
}

/// Returns a column of a row; a missing column or a wrong type is an error, never a default.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T> {
    row.try_get(column).map_err(Error::query(DOING))
}

async fn read(transaction: &Transaction<'_>, major: u32) -> Result<Catalog> {
    let mut catalog = read_tables(transaction, Sizes::Now).await?;
    read_parts(transaction, major, &mut catalog.tables, Sizes::Now, |_| true).await?;
    Ok(catalog)
}

/// Reads the tables without their parts.
pub(super) async fn read_tables(transaction: &Transaction<'_>, sizes: Sizes) -> Result<Catalog> {
    let search_path =
        get(&transaction.query_one(sql::SEARCH_PATH, &[]).await.map_err(Error::query(DOING))?, "schemas")?;
    let mut tables = Vec::new();
    let rows = transaction.query(sql::CATALOG_TABLES, &[&sizes.may_be_old()]).await;
    for row in rows.map_err(Error::query(DOING))? {
        // It was dropped since the snapshot was taken: what the server tells of its file is of now.
        let Some(file_pages) = get::<Option<i64>>(&row, "n_file_pages")? else { continue };
        tables.push(table(&row, file_pages)?);
    }
    let mut extensions = Vec::new();
    for row in transaction.query(sql::CATALOG_EXTENSIONS, &[]).await.map_err(Error::query(DOING))? {
        extensions.push(get(&row, "name")?);
    }
    let counted_s = counted_s(transaction).await?;
    Ok(Catalog { tables, search_path, extensions, counted_s })
}

/// Reads columns, indexes and constraints of these tables, which are ordered by oid, and statistics of those that are wanted.
pub(super) async fn read_parts(
    transaction: &Transaction<'_>,
    major: u32,
    tables: &mut [Table],
    sizes: Sizes,
    is_wanted: fn(&Table) -> bool,
) -> Result<()> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let mut attributes = Attributes::new();
    let rows = transaction.query_raw(sql::CATALOG_COLUMNS, [&oids]).await.map_err(Error::query(DOING))?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(Error::query(DOING))? {
        let table: u32 = get(&row, "table")?;
        let Some(at) = find(tables, table) else { continue };
        let columns = &mut tables[at].columns;
        let attribute = Attribute {
            at: columns.len(),
            type_oid: get(&row, "type")?,
            collation: get(&row, "collation_oid")?,
        };
        attributes.insert((table, get(&row, "number")?), attribute);
        columns.push(column(&row)?);
    }
    read_indexes(transaction, major, tables, &attributes, sizes).await?;
    for row in transaction.query(sql::CATALOG_CONSTRAINTS, &[&oids]).await.map_err(Error::query(DOING))? {
        let (table, constraint) = (get(&row, "table")?, constraint(&row)?);
        // NOT ENFORCED (PostgreSQL 18): nothing checks it and no plan relies on it, so it is a note, not a constraint.
        let is_enforced = !constraint.definition.ends_with(" NOT ENFORCED");
        if let Some(at) = find(tables, table).filter(|_| is_enforced) {
            tables[at].constraints.push(constraint);
        }
    }
    read_statistics(transaction, major, tables, is_wanted).await
}

/// Returns for how many seconds the server has certainly counted this database's activity.
pub(super) async fn counted_s(client: &impl GenericClient) -> Result<Option<f64>> {
    let Some(row) = client.query_opt(sql::COUNTED, &[]).await.map_err(Error::query(DOING))? else {
        return Ok(None);
    };
    let (since_reset, has_own_clock): (Option<f64>, bool) =
        (get(&row, "counted_s")?, get(&row, "has_own_clock")?);
    if !may_call(client, "pg_catalog.pg_stat_file(text,boolean)").await? {
        // A restored database is younger than the server, and from PostgreSQL 15 on its own clock does not run.
        return Ok(since_reset.filter(|_| has_own_clock));
    }
    let row = client.query_opt(sql::DATABASE_AGE, &[]).await.map_err(Error::query(DOING))?;
    let since_created: Option<f64> = row.map(|row| get(&row, "created_s_ago")).transpose()?.flatten();
    Ok([since_reset, since_created].into_iter().flatten().reduce(f64::min))
}

pub(super) async fn may_call(client: &impl GenericClient, function: &str) -> Result<bool> {
    let row = client.query_one(sql::MAY_CALL, &[&function]).await.map_err(Error::query(DOING))?;
    get(&row, "allowed")
}

/// Returns how the indexes of these tables were used, by oid; `None` where the server does not count.
pub(super) async fn index_usage(
    client: &impl GenericClient,
    major: u32,
    tables: &(dyn ToSql + Sync),
) -> Result<Option<HashMap<u32, IndexUsage>>> {
    let row =
        client.query_one(sql::CURRENT_SETTING, &[&"track_counts"]).await.map_err(Error::query(DOING))?;
    if get::<String>(&row, "value")? != "on" {
        return Ok(None);
    }
    let statement = if major >= 16 { sql::INDEX_USAGE_PG16 } else { sql::INDEX_USAGE };
    let rows = client.query(statement, &[tables]).await.map_err(Error::query(DOING))?;
    let of_row = |row: &Row| {
        let count = |name: &str| -> Result<u64> { Ok(get::<i64>(row, name)?.unsigned_abs()) };
        let usage = IndexUsage {
            n_scans: count("n_scans")?,
            n_entries_read: count("n_entries_read")?,
            n_rows_fetched: count("n_rows_fetched")?,
            scanned_s_ago: get(row, "scanned_s_ago")?,
        };
        Ok((get(row, "oid")?, usage))
    };
    rows.iter().map(of_row).collect::<Result<_>>().map(Some)
}

/// Finds a table among those that are ordered by oid.
pub(super) fn find(tables: &[Table], oid: u32) -> Option<usize> {
    tables.binary_search_by_key(&oid, |table| table.oid).ok()
}

async fn read_statistics(
    transaction: &Transaction<'_>,
    major: u32,
    tables: &mut [Table],
    is_wanted: fn(&Table) -> bool,
) -> Result<()> {
    let statement = if major >= 17 { sql::CATALOG_STATISTICS_PG17 } else { sql::CATALOG_STATISTICS };
    // Statistics of expressions are under the name of their index.
    let (mut schemas, mut names): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut places: HashMap<(String, String), (usize, Option<usize>)> = HashMap::new();
    for (at, table) in tables.iter().enumerate().filter(|(_, table)| is_wanted(table)) {
        let indexes = table.indexes.iter().enumerate().map(|(index_at, index)| (&index.name, Some(index_at)));
        for (name, index_at) in std::iter::once((&table.name, None)).chain(indexes) {
            schemas.push(table.schema.clone());
            names.push(name.clone());
            places.insert((table.schema.clone(), name.clone()), (at, index_at));
        }
    }
    let rows = transaction.query(statement, &[&schemas, &names]).await.map_err(Error::query(DOING))?;
    for row in rows {
        let key: (String, String) = (get(&row, "schema")?, get(&row, "table")?);
        let column: String = get(&row, "column")?;
        let statistics = statistics(&row)?;
        let Some((table, index)) = places.get(&key) else { continue };
        let table = &mut tables[*table];
        if let Some(index) = index {
            table.indexes[*index].statistics.push((column, statistics));
        } else if let Some(known) = table.columns.iter_mut().find(|known| known.name == column) {
            let place = place(known, statistics.inherited);
            *place = Some(statistics);
        }
    }
    if major < 17 && may_read_statistics(transaction).await? {
        let rows = transaction.query(sql::CATALOG_RANGE_STATISTICS, &[&schemas, &names]).await;
        for row in rows.map_err(Error::query(DOING))? {
            let key: (String, String) = (get(&row, "schema")?, get(&row, "table")?);
            let column: String = get(&row, "column")?;
            let Some((table, None)) = places.get(&key) else { continue };
            let known = tables[*table].columns.iter_mut().find(|known| known.name == column);
            let inherited = get(&row, "inherited")?;
            let Some(statistics) = known.and_then(|known| place(known, inherited).as_mut()) else { continue };
            statistics.range_length_histogram = get(&row, "range_length_histogram")?;
            statistics.range_empty_frac = get(&row, "range_empty_frac")?;
            statistics.range_bounds_histogram = get(&row, "range_bounds_histogram")?;
        }
    }
    Ok(())
}

async fn may_read_statistics(transaction: &Transaction<'_>) -> Result<bool> {
    let row = transaction.query_one(sql::MAY_READ_STATISTICS, &[]).await.map_err(Error::query(DOING))?;
    get(&row, "allowed")
}

fn place(column: &mut Column, inherited: bool) -> &mut Option<ColumnStatistics> {
    if inherited { &mut column.tree_statistics } else { &mut column.statistics }
}

async fn read_surroundings(transaction: &Transaction<'_>) -> Result<Surroundings> {
    let mut surroundings = Surroundings::default();
    let query = |statement: &'static str| async move {
        transaction.query(statement, &[]).await.map_err(Error::query(DOING))
    };
    for row in query(sql::DATABASE_LOCALE).await? {
        surroundings.locale = Locale {
            encoding: get(&row, "encoding")?,
            provider: get(&row, "provider")?,
            collate: get(&row, "collate")?,
            ctype: get(&row, "ctype")?,
            name: get(&row, "name")?,
            icu_rules: get(&row, "icu_rules")?,
        };
    }
    for row in query(sql::CATALOG_OBJECTS).await? {
        let (kind, name, ddl) = (get(&row, "kind")?, get(&row, "name")?, get(&row, "ddl")?);
        surroundings.objects.push(Object { kind, name, ddl });
    }
    for row in query(sql::CATALOG_POLICIES).await? {
        let (kind, name, ddl) = (get(&row, "kind")?, get(&row, "name")?, get(&row, "ddl")?);
        surroundings.policies.push(Object { kind, name, ddl });
    }
    for row in query(sql::CATALOG_TABLESPACES).await? {
        surroundings.tablespaces.push((get(&row, "name")?, get(&row, "options")?));
    }
    surroundings.extended_statistics = read_extended_statistics(transaction).await?;
    for row in query(sql::PLANNER_SETTINGS).await? {
        surroundings.settings.push((get(&row, "name")?, get(&row, "value")?));
    }
    Ok(surroundings)
}

/// Reads where indexes are stored and what is gathered of their expressions, as far as it is not the default.
pub(super) async fn read_storage(client: &impl GenericClient, tables: &[u32]) -> Result<Storage> {
    let mut storage = Storage::default();
    let rows = client.query(sql::INDEX_STORAGE, &[&tables]).await.map_err(Error::query(DOING))?;
    for row in rows {
        let oid = get(&row, "oid")?;
        let tablespace: Option<String> = get(&row, "tablespace")?;
        storage.tablespaces.extend(tablespace.map(|name| (oid, name)));
        let keys: Vec<i32> = get(&row, "keys")?;
        let targets: Vec<i32> = get(&row, "targets")?;
        let targets = keys.into_iter().zip(targets).filter_map(|(column, target)| {
            Some(StatisticsTarget { column: column.try_into().ok()?, target: target.try_into().ok()? })
        });
        let targets: Vec<StatisticsTarget> = targets.collect();
        storage.statistics_targets.extend((!targets.is_empty()).then_some((oid, targets)));
    }
    Ok(storage)
}

async fn read_extended_statistics(transaction: &Transaction<'_>) -> Result<Vec<ExtendedStatistics>> {
    let mut expressions: HashMap<(String, String, bool, String), ColumnStatistics> = HashMap::new();
    let rows = transaction.query(sql::CATALOG_EXTENDED_EXPRESSIONS, &[]).await;
    for row in rows.map_err(Error::query(DOING))? {
        let key =
            (get(&row, "schema")?, get(&row, "name")?, get(&row, "inherited")?, get(&row, "expression")?);
        expressions.insert(key, statistics(&row)?);
    }
    let rows = transaction.query(sql::CATALOG_EXTENDED_STATISTICS, &[]).await;
    rows.map_err(Error::query(DOING))?
        .iter()
        .map(|row| {
            let mut object = extended_statistics(row)?;
            let key =
                |sql: &String| (object.schema.clone(), object.name.clone(), object.inherited, sql.clone());
            let own = object.expressions.iter().map(|sql| expressions.remove(&key(sql))).collect();
            object.expression_statistics = own;
            Ok(object)
        })
        .collect()
}

fn extended_statistics(row: &Row) -> Result<ExtendedStatistics> {
    let (numbers, names): (Vec<i16>, Vec<String>) = (get(row, "numbers")?, get(row, "columns")?);
    let expressions: Vec<String> = get(row, "expressions")?;
    let values: Vec<Option<String>> = get(row, "most_common_vals")?;
    let frequencies: Vec<f64> = get(row, "most_common_freqs")?;
    let base_frequencies: Vec<f64> = get(row, "most_common_base_freqs")?;
    let n_dimensions = (names.len() + expressions.len()).max(1);
    let items = values.chunks(n_dimensions).zip(frequencies.into_iter().zip(base_frequencies));
    Ok(ExtendedStatistics {
        schema: get(row, "schema")?,
        name: get(row, "name")?,
        definition: get(row, "definition")?,
        table_schema: get(row, "table_schema")?,
        table: get(row, "table")?,
        columns: numbers.into_iter().zip(names).collect(),
        expressions,
        is_readable: get(row, "is_readable")?,
        inherited: get(row, "inherited")?,
        n_distinct: get(row, "n_distinct")?,
        dependencies: get(row, "dependencies")?,
        most_common: items
            .map(|(values, (frequency, base_frequency))| CommonItem {
                values: values.to_vec(),
                frequency,
                base_frequency,
            })
            .collect(),
        expression_statistics: Vec::new(),
    })
}

fn table(row: &Row, file_pages: i64) -> Result<Table> {
    let kind = match character(row, "kind")? {
        'p' => TableKind::Partitioned,
        'm' => TableKind::MaterializedView,
        'v' => TableKind::View,
        'f' => TableKind::Foreign,
        _ => TableKind::Ordinary,
    };
    let n_rows: f32 = get(row, "n_rows")?;
    let analyzed_pages: i32 = get(row, "n_pages")?;
    let n_pages = u32::try_from(file_pages).unwrap_or(u32::MAX);
    let n_rows = scaled(n_rows, analyzed_pages.into(), n_pages.into());
    let parent: Option<u32> = get(row, "parent")?;
    let bound: Option<String> = get(row, "partition_bound")?;
    Ok(Table {
        oid: get(row, "oid")?,
        schema: get(row, "schema")?,
        name: get(row, "name")?,
        kind,
        // A list that grows takes up to twice what it holds.
        columns: Vec::with_capacity(usize::try_from(get::<i16>(row, "n_attributes")?).unwrap_or(0)),
        indexes: Vec::new(),
        constraints: Vec::new(),
        n_rows,
        n_pages,
        n_all_visible_pages: pages(row, "n_all_visible_pages")?,
        partition_key: get(row, "partition_key")?,
        partition_of: parent.zip(bound),
        inherits: get(row, "inherits")?,
        view_definition: get(row, "view_definition")?,
        activity: activity(row)?,
        fillfactor: u8::try_from(get::<i32>(row, "fillfactor")?).unwrap_or(100),
        options: get(row, "options")?,
        replica_identity: character(row, "replica_identity")?,
    })
}

/// Returns the rows of a relation as it is now: the planner keeps the density that ANALYZE saw and counts with the
/// pages that are there.
pub(super) fn scaled(n_rows: f32, analyzed_pages: f64, n_pages: f64) -> f64 {
    let n_rows = f64::from(n_rows);
    if analyzed_pages > 0.0 && n_pages > 0.0 { n_rows / analyzed_pages * n_pages } else { n_rows }
}

fn activity(row: &Row) -> Result<Option<Activity>> {
    if !get::<bool>(row, "is_counted")? {
        return Ok(None);
    }
    let count = |name: &str| -> Result<u64> { Ok(get::<i64>(row, name)?.unsigned_abs()) };
    Ok(Some(Activity {
        n_inserted: count("n_inserted")?,
        n_updated: count("n_updated")?,
        n_hot_updated: count("n_hot_updated")?,
        n_deleted: count("n_deleted")?,
        n_seq_scans: count("n_seq_scans")?,
        n_rows_seq_read: count("n_rows_seq_read")?,
        n_modified_since_analyze: count("n_modified_since_analyze")?,
    }))
}

fn column(row: &Row) -> Result<Column> {
    Ok(Column {
        name: get(row, "name")?,
        type_name: get(row, "type_name")?,
        base_type: get(row, "base_type")?,
        not_null: get(row, "not_null")?,
        has_default: get(row, "has_default")?,
        collation: get(row, "collation")?,
        statistics: None,
        tree_statistics: None,
        is_virtual: get(row, "is_virtual")?,
        virtual_expression: get(row, "virtual_expression")?,
        is_ordered_by_bytes: get(row, "is_ordered_by_bytes")?,
        element_type: get(row, "element_type")?,
    })
}

fn constraint(row: &Row) -> Result<Constraint> {
    let index: u32 = get(row, "index")?;
    Ok(Constraint {
        name: get(row, "name")?,
        kind: character(row, "kind")?,
        definition: get(row, "definition")?,
        columns: get(row, "columns")?,
        is_validated: get(row, "is_validated")?,
        index: (index != 0).then_some(index),
        references: reference(row)?,
    })
}

fn reference(row: &Row) -> Result<Option<Reference>> {
    let table: Option<u32> = get(row, "referenced_table")?;
    let Some(table) = table else { return Ok(None) };
    let families: Vec<String> = get(row, "families")?;
    let oids = |list: &String| list.split(',').filter_map(|oid| oid.parse().ok()).collect();
    Ok(Some(Reference {
        table,
        columns: get(row, "referenced_columns")?,
        families: families.iter().map(oids).collect(),
        on_delete: character(row, "on_delete")?,
        on_update: character(row, "on_update")?,
    }))
}

/// Reads a row of `catalog_statistics.sql`.
pub(super) fn statistics(row: &Row) -> Result<ColumnStatistics> {
    Ok(ColumnStatistics {
        inherited: get(row, "inherited")?,
        null_frac: get(row, "null_frac")?,
        avg_width: get(row, "avg_width")?,
        n_distinct: get(row, "n_distinct")?,
        most_common_vals: get(row, "most_common_vals")?,
        most_common_freqs: get(row, "most_common_freqs")?,
        histogram_bounds: get(row, "histogram_bounds")?,
        correlation: get(row, "correlation")?,
        most_common_elems: get(row, "most_common_elems")?,
        most_common_elem_freqs: get(row, "most_common_elem_freqs")?,
        elem_count_histogram: get(row, "elem_count_histogram")?,
        range_length_histogram: get(row, "range_length_histogram")?,
        range_empty_frac: get(row, "range_empty_frac")?,
        range_bounds_histogram: get(row, "range_bounds_histogram")?,
    })
}

/// Reads a column of type "char".
fn character(row: &Row, column: &str) -> Result<char> {
    let code: i8 = get(row, column)?;
    Ok(char::from(code.cast_unsigned()))
}

fn pages(row: &Row, column: &str) -> Result<u32> {
    let pages: i32 = get(row, column)?;
    Ok(pages.cast_unsigned())
}
