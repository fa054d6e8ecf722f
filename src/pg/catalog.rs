//! Reads [`Catalog`] and what else a shadow needs, from one repeatable-read transaction.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{IsolationLevel, Row, Transaction};

use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::catalog::{Catalog, Column, ColumnStatistics, Constraint, Index, IndexKey, Table, TableKind};
use crate::plan::{Server, TableActivity};

/// The types and settings that tables and plans depend on.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// Name and schema.
    pub(crate) extensions: Vec<(String, String)>,
    /// Schema, name and labels.
    pub(crate) enums: Vec<(String, String, Vec<String>)>,
    /// Schema, name and base type.
    pub(crate) domains: Vec<(String, String, String)>,
    /// Settings that change plans, with their values.
    pub(crate) settings: Vec<(String, String)>,
}

/// Reads the catalog with statistics.
pub(crate) async fn load(connection: &mut Connection) -> Result<Catalog> {
    let major = connection.major();
    let transaction = snapshot(connection).await?;
    let catalog = read(&transaction, major).await?;
    transaction.commit().await.map_err(Error::query(DOING))?;
    Ok(catalog)
}

/// Reads the catalog as a running transaction sees it.
pub(crate) async fn load_in(transaction: &Transaction<'_>) -> Result<Catalog> {
    let row = transaction.query_one(sql::SERVER, &[]).await.map_err(Error::query(DOING))?;
    let version: i32 = get(&row, "version_num")?;
    read(transaction, version.unsigned_abs() / 10_000).await
}

/// Reads the catalog, and what a copy of it needs, at the same moment.
pub(crate) async fn load_with_surroundings(connection: &mut Connection) -> Result<(Catalog, Surroundings)> {
    let major = connection.major();
    let transaction = snapshot(connection).await?;
    let catalog = read(&transaction, major).await?;
    let surroundings = read_surroundings(&transaction).await?;
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

const DOING: &str = "read the catalog";

async fn snapshot(connection: &mut Connection) -> Result<Transaction<'_>> {
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
    let query = |statement: &'static str| transaction.query(statement, &[]);
    let search_path =
        get(&transaction.query_one(sql::SEARCH_PATH, &[]).await.map_err(Error::query(DOING))?, "schemas")?;
    let mut tables = Vec::new();
    for row in query(sql::CATALOG_TABLES).await.map_err(Error::query(DOING))? {
        tables.push(table(&row)?);
    }
    let mut catalog = Catalog { tables, search_path };
    let oids: Vec<u32> = catalog.tables.iter().map(|table| table.oid).collect();
    let oids: [&(dyn ToSql + Sync); 1] = [&oids];
    let of_tables = |statement: &'static str| transaction.query(statement, &oids);
    // Tables and rows are both ordered by oid, so one pass hands the rows out.
    for row in of_tables(sql::CATALOG_COLUMNS).await.map_err(Error::query(DOING))? {
        let (table, column) = (get(&row, "table")?, column(&row)?);
        if let Some(table) = find(&mut catalog.tables, table) {
            table.columns.push(column);
        }
    }
    for row in of_tables(sql::CATALOG_INDEXES).await.map_err(Error::query(DOING))? {
        let (table, index) = (get(&row, "table")?, index(&row)?);
        if let Some(table) = find(&mut catalog.tables, table) {
            table.indexes.push(index);
        }
    }
    for row in of_tables(sql::CATALOG_CONSTRAINTS).await.map_err(Error::query(DOING))? {
        let (table, constraint) = (get(&row, "table")?, constraint(&row)?);
        if let Some(table) = find(&mut catalog.tables, table) {
            table.constraints.push(constraint);
        }
    }
    read_statistics(transaction, major, &mut catalog).await?;
    Ok(catalog)
}

fn find(tables: &mut [Table], oid: u32) -> Option<&mut Table> {
    let at = tables.binary_search_by_key(&oid, |table| table.oid).ok()?;
    tables.get_mut(at)
}

async fn read_statistics(transaction: &Transaction<'_>, major: u32, catalog: &mut Catalog) -> Result<()> {
    let statement = if major >= 17 { sql::CATALOG_STATISTICS_PG17 } else { sql::CATALOG_STATISTICS };
    // Statistics of expressions are under the name of their index.
    let (mut schemas, mut names): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut places: HashMap<(String, String), (usize, Option<usize>)> = HashMap::new();
    for (at, table) in catalog.tables.iter().enumerate() {
        let indexes = table.indexes.iter().enumerate().map(|(index_at, index)| (&index.name, Some(index_at)));
        for (name, index_at) in std::iter::once((&table.name, None)).chain(indexes) {
            schemas.push(&table.schema);
            names.push(name);
            places.insert((table.schema.clone(), name.clone()), (at, index_at));
        }
    }
    let rows = transaction.query(statement, &[&schemas, &names]).await.map_err(Error::query(DOING))?;
    for row in rows {
        let key: (String, String) = (get(&row, "schema")?, get(&row, "table")?);
        let column: String = get(&row, "column")?;
        let statistics = statistics(&row)?;
        let Some((table, index)) = places.get(&key) else { continue };
        let table = &mut catalog.tables[*table];
        if let Some(index) = index {
            table.indexes[*index].statistics.push((column, statistics));
        } else if let Some(known) = table.columns.iter_mut().find(|known| known.name == column) {
            let place = if statistics.inherited { &mut known.tree_statistics } else { &mut known.statistics };
            *place = Some(statistics);
        }
    }
    Ok(())
}

async fn read_surroundings(transaction: &Transaction<'_>) -> Result<Surroundings> {
    let mut surroundings = Surroundings::default();
    let query = |statement: &'static str| async move {
        transaction.query(statement, &[]).await.map_err(Error::query(DOING))
    };
    for row in query(sql::CATALOG_EXTENSIONS).await? {
        surroundings.extensions.push((get(&row, "name")?, get(&row, "schema")?));
    }
    for row in query(sql::CATALOG_ENUMS).await? {
        surroundings.enums.push((get(&row, "schema")?, get(&row, "name")?, get(&row, "labels")?));
    }
    for row in query(sql::CATALOG_DOMAINS).await? {
        surroundings.domains.push((get(&row, "schema")?, get(&row, "name")?, get(&row, "base_type")?));
    }
    for row in query(sql::PLANNER_SETTINGS).await? {
        surroundings.settings.push((get(&row, "name")?, get(&row, "value")?));
    }
    Ok(surroundings)
}

fn table(row: &Row) -> Result<Table> {
    let kind = match character(row, "kind")? {
        'p' => TableKind::Partitioned,
        'm' => TableKind::MaterializedView,
        'v' => TableKind::View,
        'f' => TableKind::Foreign,
        _ => TableKind::Ordinary,
    };
    let n_rows: f32 = get(row, "n_rows")?;
    let (analyzed_pages, file_pages): (i32, i64) = (get(row, "n_pages")?, get(row, "n_file_pages")?);
    let n_pages = u32::try_from(file_pages).unwrap_or(u32::MAX);
    // The planner keeps the density that ANALYZE saw and counts with the pages that are there now.
    let n_rows = if analyzed_pages > 0 && n_pages > 0 {
        f64::from(n_rows) / f64::from(analyzed_pages) * f64::from(n_pages)
    } else {
        f64::from(n_rows)
    };
    let parent: Option<u32> = get(row, "parent")?;
    let bound: Option<String> = get(row, "partition_bound")?;
    Ok(Table {
        oid: get(row, "oid")?,
        schema: get(row, "schema")?,
        name: get(row, "name")?,
        kind,
        columns: Vec::new(),
        indexes: Vec::new(),
        constraints: Vec::new(),
        n_rows,
        n_pages,
        n_all_visible_pages: pages(row, "n_all_visible_pages")?,
        partition_key: get(row, "partition_key")?,
        partition_of: parent.zip(bound),
        inherits: get(row, "inherits")?,
        view_definition: get(row, "view_definition")?,
    })
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
    })
}

fn index(row: &Row) -> Result<Index> {
    let columns: Vec<Option<String>> = get(row, "columns")?;
    let descending: Vec<bool> = get(row, "descending")?;
    let nulls_first: Vec<bool> = get(row, "nulls_first")?;
    let keys = columns
        .into_iter()
        .zip(descending)
        .zip(nulls_first)
        .map(|((column, descending), nulls_first)| IndexKey { column, descending, nulls_first })
        .collect();
    let size_bytes: i64 = get(row, "size_bytes")?;
    let n_rows: f32 = get(row, "n_rows")?;
    Ok(Index {
        name: get(row, "name")?,
        definition: get(row, "definition")?,
        method: get(row, "method")?,
        keys,
        predicate: get(row, "predicate")?,
        is_valid: get(row, "is_valid")?,
        is_constraint: get(row, "is_constraint")?,
        n_rows: f64::from(n_rows),
        size_bytes: u64::try_from(size_bytes).unwrap_or(0),
        statistics: Vec::new(),
    })
}

fn constraint(row: &Row) -> Result<Constraint> {
    Ok(Constraint {
        name: get(row, "name")?,
        kind: character(row, "kind")?,
        definition: get(row, "definition")?,
        columns: get(row, "columns")?,
    })
}

fn statistics(row: &Row) -> Result<ColumnStatistics> {
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
