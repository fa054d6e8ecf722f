//! A shadow: schema and statistics of a target in an empty local database, where real indexes are priced.
//!
//! The planner takes the number of a table's pages from its file, so each empty file is extended to its size, as a
//! sparse file of zero pages, which are valid empty pages. Queries are only planned here, never run.
//! `CREATE INDEX` reads the whole file, so indexes come first, while the files are empty. Which candidates the planner
//! sees is switched by `pg_index.indisvalid`, in 0.1 ms instead of the 2 ms of building one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::Statement;

use super::catalog::{Surroundings, get};
use super::connect::{Access, Connection};
use super::error::{Error, Result};
use super::explain;
use super::interrupt::Interrupt;
use super::server::{Cluster, Programs, Settings};
use super::sql;
use super::value::TextValue;
use crate::catalog::{Catalog, ColumnStatistics, Index, Table, TableKind};
use crate::config::{Environment, Timeouts};
use crate::index::{Answer, BLOCK_BYTES, Definition, Size};

/// Pages of a full segment of a relation: 1 GB (`RELSEG_SIZE`).
const SEGMENT_PAGES: u32 = 131_072;
const DATABASE: &str = "shadow";
/// Names of their own keep candidates apart from existing indexes.
const CANDIDATE_PREFIX: &str = "perfkit_candidate_";

/// A running shadow. Dropping it removes the server and its files.
pub(crate) struct Shadow {
    connection: Connection,
    /// The candidates' indexes, in the order they were given; `None` for those that cannot be built.
    candidates: Vec<Option<u32>>,
    prepared: BTreeMap<String, Statement>,
    visible: BTreeSet<usize>,
    /// What of the target could not be copied, with the reason.
    pub(crate) missing: Vec<String>,
    /// How often the planner was asked.
    pub(crate) n_calls: u64,
    // Dropped last: the connection's statements end before the server does.
    cluster: Cluster,
}

impl Shadow {
    /// Builds a shadow of `catalog` with all candidates, none of which is visible yet.
    pub(crate) async fn build(
        programs: &Programs,
        environment: &Environment,
        timeouts: Timeouts,
        interrupt: &Interrupt,
        (catalog, surroundings): (&Catalog, &Surroundings),
        candidates: &[(Definition, Size)],
    ) -> Result<Self> {
        let cluster = Cluster::start(programs, Settings::PLANNING, environment).await?;
        let admin = cluster.target("postgres", timeouts)?.connect(Access::ReadWrite, interrupt).await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {}", sql::quote_identifier(DATABASE)))
            .await
            .map_err(Error::query("create the shadow database"))?;
        let connection = cluster.target(DATABASE, timeouts)?.connect(Access::ReadWrite, interrupt).await?;
        let mut shadow = Self {
            connection,
            candidates: Vec::new(),
            prepared: BTreeMap::new(),
            visible: BTreeSet::new(),
            missing: Vec::new(),
            n_calls: 0,
            cluster,
        };
        shadow.copy_types(catalog, surroundings).await?;
        shadow.copy_tables(catalog).await?;
        shadow.create_candidates(candidates).await?;
        shadow.copy_statistics(catalog).await?;
        shadow.extend_files(catalog, candidates).await?;
        shadow.adopt_settings(catalog, surroundings).await?;
        Ok(shadow)
    }

    /// Returns what the planner says to a statement when it sees exactly these candidates.
    pub(crate) async fn plan(
        &mut self,
        visible: &BTreeSet<usize>,
        statement: &str,
        parameters: &[TextValue],
    ) -> Result<Answer> {
        self.show(visible).await?;
        if !self.prepared.contains_key(statement) {
            let prepared = self
                .connection
                .prepare(&format!("EXPLAIN (FORMAT JSON) {statement}"))
                .await
                .map_err(Error::query("plan the statement in the shadow"))?;
            self.prepared.insert(statement.to_owned(), prepared);
        }
        let text = explain::run_prepared(&self.connection, &self.prepared[statement], parameters).await?;
        let plan: serde_json::Value = serde_json::from_str(&text).map_err(|error| Error::Answer {
            what: "EXPLAIN".to_owned(),
            reason: format!("the plan is not JSON: {error}"),
        })?;
        self.n_calls += 1;
        let total = plan.pointer("/0/Plan/Total Cost").and_then(serde_json::Value::as_f64);
        let cost = total.ok_or_else(|| Error::Answer {
            what: "EXPLAIN".to_owned(),
            reason: "the plan has no total cost".to_owned(),
        })?;
        let mut used = BTreeSet::new();
        used_candidates(&plan, &mut used);
        Ok(Answer { cost, used })
    }

    /// Returns the plan of a statement with all that EXPLAIN knows of it without running it.
    pub(crate) async fn explain(&mut self, statement: &str, parameters: &[TextValue]) -> Result<String> {
        self.n_calls += 1;
        explain::estimate_verbosely(&self.connection, statement, parameters).await
    }

    /// Whether a candidate could be built at all.
    pub(crate) fn has_candidate(&self, candidate: usize) -> bool {
        self.candidates[candidate].is_some()
    }

    async fn show(&mut self, visible: &BTreeSet<usize>) -> Result<()> {
        if *visible == self.visible {
            return Ok(());
        }
        let oids: Vec<u32> = visible.iter().filter_map(|candidate| self.candidates[*candidate]).collect();
        let all: Vec<u32> = self.candidates.iter().copied().flatten().collect();
        self.connection
            .execute(sql::SET_INDEXES_VALID, &[&all, &oids])
            .await
            .map_err(Error::query("switch indexes of the shadow"))?;
        self.visible.clone_from(visible);
        Ok(())
    }

    async fn copy_types(&mut self, catalog: &Catalog, surroundings: &Surroundings) -> Result<()> {
        let schemas: BTreeSet<&str> = catalog
            .tables
            .iter()
            .map(|table| table.schema.as_str())
            .chain(surroundings.extensions.iter().map(|(_, schema)| schema.as_str()))
            .chain(surroundings.enums.iter().map(|(schema, ..)| schema.as_str()))
            .chain(surroundings.domains.iter().map(|(schema, ..)| schema.as_str()))
            .filter(|schema| !schema.starts_with("pg_"))
            .collect();
        for schema in schemas {
            self.create(
                "schema",
                schema,
                &format!("CREATE SCHEMA IF NOT EXISTS {}", sql::quote_identifier(schema)),
            )
            .await?;
        }
        for (name, schema) in &surroundings.extensions {
            let create = format!(
                "CREATE EXTENSION IF NOT EXISTS {} SCHEMA {} CASCADE",
                sql::quote_identifier(name),
                sql::quote_identifier(schema)
            );
            self.create("extension", name, &create).await?;
        }
        for (schema, name, labels) in &surroundings.enums {
            let labels: Vec<String> = labels.iter().map(|label| sql::quote_literal(label)).collect();
            let create =
                format!("CREATE TYPE {} AS ENUM ({})", sql::quote_qualified(schema, name), labels.join(", "));
            self.create("type", name, &create).await?;
        }
        for (schema, name, base_type) in &surroundings.domains {
            let create = format!("CREATE DOMAIN {} AS {base_type}", sql::quote_qualified(schema, name));
            self.create("domain", name, &create).await?;
        }
        Ok(())
    }

    async fn copy_tables(&mut self, catalog: &Catalog) -> Result<()> {
        for table in parents_first(catalog) {
            self.create("table", &table.name, &create_table(table, catalog)).await?;
        }
        for table in &catalog.tables {
            for constraint in table.constraints.iter().filter(|constraint| constraint.kind != 'f') {
                self.create("constraint", &constraint.name, &add_constraint(table, constraint)).await?;
            }
            if table.kind != TableKind::Partitioned {
                for index in table.indexes.iter().filter(|index| is_copied(index)) {
                    self.create("index", &index.name, &index.definition).await?;
                }
            }
        }
        // An index of a partitioned table adopts those of its partitions that match, the innermost first.
        for table in
            parents_first(catalog).into_iter().rev().filter(|table| table.kind == TableKind::Partitioned)
        {
            for index in table.indexes.iter().filter(|index| is_copied(index)) {
                let definition = index.definition.replacen(" ON ONLY ", " ON ", 1);
                self.create("index", &index.name, &definition).await?;
            }
        }
        for table in &catalog.tables {
            for constraint in table.constraints.iter().filter(|constraint| constraint.kind == 'f') {
                self.create("constraint", &constraint.name, &add_constraint(table, constraint)).await?;
            }
        }
        for view in catalog.tables.iter().filter(|table| table.kind == TableKind::View) {
            if let Some(definition) = &view.view_definition {
                let create =
                    format!("CREATE VIEW {} AS {definition}", sql::quote_qualified(&view.schema, &view.name));
                self.create("view", &view.name, &create).await?;
            }
        }
        Ok(())
    }

    /// Creates one object; an object that cannot be created here is noted, and statements that need it will say so.
    async fn create(&mut self, kind: &str, name: &str, statement: &str) -> Result<()> {
        match self.connection.batch_execute(statement).await {
            Ok(()) => Ok(()),
            Err(error) => match error.as_db_error() {
                Some(db) => {
                    self.missing.push(format!("{kind} \"{name}\": {}", db.message()));
                    Ok(())
                }
                None => Err(Error::query(format!("copy {kind} \"{name}\" into the shadow"))(error)),
            },
        }
    }

    async fn create_candidates(&mut self, candidates: &[(Definition, Size)]) -> Result<()> {
        for (i, (definition, _)) in candidates.iter().enumerate() {
            let name = format!("{CANDIDATE_PREFIX}{i}");
            let ddl = definition.ddl().replacen(
                &format!("INDEX {} ", crate::query::quote::identifier(&definition.name())),
                &format!("INDEX {name} "),
                1,
            );
            let doing = || Error::query(format!("create candidate {} in the shadow", definition.describe()));
            if let Err(error) = self.connection.batch_execute(&ddl).await {
                let Some(db) = error.as_db_error() else { return Err(doing()(error)) };
                // Not every type has an order, and a table may be missing here.
                self.missing.push(format!("candidate {}: {}", definition.describe(), db.message()));
                self.candidates.push(None);
                continue;
            }
            let row = self
                .connection
                .query_one(sql::RELATION_OID, &[&definition.schema, &name])
                .await
                .map_err(doing())?;
            self.candidates.push(Some(get(&row, "oid")?));
        }
        let (all, none): (Vec<u32>, Vec<u32>) =
            (self.candidates.iter().copied().flatten().collect(), Vec::new());
        self.connection
            .execute(sql::SET_INDEXES_VALID, &[&all, &none])
            .await
            .map_err(Error::query("hide the candidates"))?;
        Ok(())
    }

    async fn copy_statistics(&mut self, catalog: &Catalog) -> Result<()> {
        let doing = || Error::query("copy statistics into the shadow");
        let insert = self.connection.prepare(sql::INSERT_STATISTICS).await.map_err(doing())?;
        for table in &catalog.tables {
            let of_columns = table.columns.iter().flat_map(|column| {
                column
                    .statistics
                    .iter()
                    .chain(&column.tree_statistics)
                    .map(|statistics| (&table.name, &column.name, statistics))
            });
            let of_expressions = table.indexes.iter().flat_map(|index| {
                index.statistics.iter().map(|(column, statistics)| (&index.name, column, statistics))
            });
            for (relation, column, statistics) in of_columns.chain(of_expressions) {
                let inserted = insert_statistics(
                    &self.connection,
                    &insert,
                    (&table.schema, relation),
                    column,
                    statistics,
                )
                .await;
                if let Err(error) = inserted {
                    let Some(db) = error.as_db_error() else { return Err(doing()(error)) };
                    self.missing.push(format!("statistics of \"{relation}\".\"{column}\": {}", db.message()));
                }
            }
        }
        Ok(())
    }

    async fn extend_files(&mut self, catalog: &Catalog, candidates: &[(Definition, Size)]) -> Result<()> {
        for table in &catalog.tables {
            if matches!(table.kind, TableKind::Ordinary | TableKind::MaterializedView) {
                let size = Size { n_rows: table.n_rows, n_pages: table.n_pages };
                if let Some(oid) = self.oid(&table.schema, &table.name).await? {
                    self.extend(oid, size, table.n_all_visible_pages).await?;
                }
            }
            for index in table.indexes.iter().filter(|index| index.size_bytes > 0) {
                if let Some(oid) = self.oid(&table.schema, &index.name).await? {
                    self.extend(oid, existing_size(index), 0).await?;
                }
            }
        }
        for (i, (_, size)) in candidates.iter().enumerate() {
            if let Some(oid) = self.candidates[i] {
                self.extend(oid, *size, 0).await?;
            }
        }
        Ok(())
    }

    async fn oid(&self, schema: &str, name: &str) -> Result<Option<u32>> {
        let doing = || Error::query("look a relation up in the shadow");
        let row = self.connection.query_opt(sql::RELATION_OID, &[&schema, &name]).await.map_err(doing())?;
        row.map(|row| get(&row, "oid")).transpose()
    }

    /// Makes a relation look as large as it is on the target.
    async fn extend(&self, oid: u32, size: Size, n_all_visible_pages: u32) -> Result<()> {
        let doing = || Error::query("write sizes into the shadow");
        let row = self.connection.query_one(sql::RELATION_FILE, &[&oid]).await.map_err(doing())?;
        let path: String = get(&row, "path")?;
        self.extend_file(&self.cluster.data_file(&path), size.n_pages)?;
        #[expect(clippy::cast_possible_truncation, reason = "pg_class.reltuples is a float4")]
        let n_rows = size.n_rows as f32;
        let pages = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        self.connection
            .execute(
                sql::RESTORE_RELATION,
                &[&oid, &pages(size.n_pages), &n_rows, &pages(n_all_visible_pages)],
            )
            .await
            .map_err(doing())?;
        Ok(())
    }

    fn extend_file(&self, first: &Path, n_pages: u32) -> Result<()> {
        let mut left = n_pages;
        let mut segment = 0;
        loop {
            let path = if segment == 0 { first.to_owned() } else { numbered(first, segment) };
            let doing = || Error::file(format!("extend {path:?}"));
            let is_new = !path.exists();
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(doing())?;
            let pages = left.min(SEGMENT_PAGES);
            // An index already has its metapage; never cut that off.
            let length = (u64::from(pages) * BLOCK_BYTES).max(file.metadata().map_err(doing())?.len());
            file.set_len(length).map_err(doing())?;
            if is_new {
                self.cluster.hand_over(&path)?;
            }
            left -= pages;
            if left == 0 {
                return Ok(());
            }
            segment += 1;
        }
    }

    async fn adopt_settings(&mut self, catalog: &Catalog, surroundings: &Surroundings) -> Result<()> {
        let (mut names, mut values): (Vec<String>, Vec<String>) =
            surroundings.settings.iter().cloned().unzip();
        let search_path: Vec<String> =
            catalog.search_path.iter().map(|schema| sql::quote_identifier(schema)).collect();
        names.push("search_path".to_owned());
        values.push(search_path.join(", "));
        self.connection
            .query(sql::SET_KNOWN, &[&names, &values])
            .await
            .map_err(Error::query("take over the planner's settings"))?;
        Ok(())
    }
}

/// Collects the candidates that a plan names.
fn used_candidates(plan: &serde_json::Value, used: &mut BTreeSet<usize>) {
    match plan {
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| used_candidates(part, used)),
        serde_json::Value::Object(node) => {
            let index = node.get("Index Name").and_then(serde_json::Value::as_str);
            used.extend(index.and_then(|name| name.strip_prefix(CANDIDATE_PREFIX)?.parse::<usize>().ok()));
            node.values().for_each(|part| used_candidates(part, used));
        }
        _ => {}
    }
}

/// Whether the planner would use the index, and no constraint creates it.
fn is_copied(index: &Index) -> bool {
    index.is_valid && !index.is_constraint
}

fn numbered(first: &Path, segment: u32) -> PathBuf {
    let mut name = first.as_os_str().to_owned();
    name.push(format!(".{segment}"));
    PathBuf::from(name)
}

fn existing_size(index: &Index) -> Size {
    let n_pages = u32::try_from(index.size_bytes / BLOCK_BYTES).unwrap_or(u32::MAX);
    Size { n_rows: index.n_rows, n_pages }
}

/// Orders tables so that partitions and inheriting tables come after their parents. Views are left out.
fn parents_first(catalog: &Catalog) -> Vec<&Table> {
    fn depth(table: &Table, catalog: &Catalog) -> usize {
        let parents = table.partition_of.iter().map(|(parent, _)| parent).chain(&table.inherits);
        parents
            .filter_map(|parent| catalog.table_by_oid(*parent))
            .map(|parent| 1 + depth(parent, catalog))
            .max()
            .unwrap_or(0)
    }
    let mut tables: Vec<&Table> =
        catalog.tables.iter().filter(|table| table.kind != TableKind::View).collect();
    tables.sort_by_key(|table| depth(table, catalog));
    tables
}

fn create_table(table: &Table, catalog: &Catalog) -> String {
    let name = sql::quote_qualified(&table.schema, &table.name);
    let partitioned =
        table.partition_key.as_ref().map(|key| format!(" PARTITION BY {key}")).unwrap_or_default();
    let parent =
        table.partition_of.as_ref().and_then(|(parent, bound)| Some((catalog.table_by_oid(*parent)?, bound)));
    if let Some((parent, bound)) = parent {
        let parent = sql::quote_qualified(&parent.schema, &parent.name);
        return format!("CREATE TABLE {name} PARTITION OF {parent} {bound}{partitioned}");
    }
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let collation =
                column.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
            let not_null = if column.not_null { " NOT NULL" } else { "" };
            format!("{} {}{collation}{not_null}", sql::quote_identifier(&column.name), column.type_name)
        })
        .collect();
    let parents: Vec<String> = table
        .inherits
        .iter()
        .filter_map(|parent| catalog.table_by_oid(*parent))
        .map(|parent| sql::quote_qualified(&parent.schema, &parent.name))
        .collect();
    let inherits =
        if parents.is_empty() { String::new() } else { format!(" INHERITS ({})", parents.join(", ")) };
    format!("CREATE TABLE {name} ({}){inherits}{partitioned}", columns.join(", "))
}

fn add_constraint(table: &Table, constraint: &crate::catalog::Constraint) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} {}",
        sql::quote_qualified(&table.schema, &table.name),
        sql::quote_identifier(&constraint.name),
        constraint.definition
    )
}

async fn insert_statistics(
    connection: &Connection,
    insert: &Statement,
    (schema, relation): (&str, &str),
    column: &str,
    statistics: &ColumnStatistics,
) -> Result<u64, tokio_postgres::Error> {
    connection
        .execute(
            insert,
            &[
                &schema,
                &relation,
                &column,
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
            ],
        )
        .await
}
