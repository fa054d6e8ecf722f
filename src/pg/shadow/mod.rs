//! A shadow: schema and statistics of a target in an empty local database, where real indexes are priced.
//!
//! The planner takes the number of a table's pages from its file, so each empty file is extended to its size, as a
//! sparse file of zero pages, which are valid empty pages. Queries are only planned here, never run.
//!
//! Everything is made in one database, the template, whose files stay small: `CREATE INDEX` reads its table, and a
//! copy of a database reads all of it. Questions are asked of planners, each with a copy of its own, whose files get
//! their sizes before anybody connects to it. Which indexes a planner sees is switched by `pg_index.indisvalid`.
//!
//! What the target wrote (functions, views, conditions) is created and planned by a role that is no superuser: the
//! planner runs functions that it takes for constant.

mod ddl;
mod extended;
mod files;
mod members;
mod planners;
mod schema;
mod self_check;
mod statistics;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::files::{File, Start};
use self::members::Members;
use self::planners::Planner;
pub(crate) use self::self_check::Checked;
use super::catalog::{Surroundings, get};
use super::connect::{Access, Connection};
use super::error::{Error, Result};
use super::interrupt::Interrupt;
use super::sample::analyze_sample;
use super::server::{Cluster, Programs, Settings};
use super::sql;
use super::value::TextValue;
use crate::catalog::{Catalog, ColumnStatistics};
use crate::config::{Environment, Timeouts};
use crate::index::{Answer, Definition, Size};
use crate::statistics::{ExpressionStatistics as SampledExpression, Sample};

const TEMPLATE: &str = "shadow";
/// Owns what is copied, and plans.
const OWNER: &str = "perfkit";

/// Statistics of expressions: the table's oid on the target and the expression, as the index has it.
pub(crate) type ExpressionStatistics = BTreeMap<(u32, String), ColumnStatistics>;

/// What a planner is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'q> {
    /// The members that the planner sees; indexes that are no members are always there.
    pub(crate) visible: &'q BTreeSet<usize>,
    pub(crate) statement: &'q str,
    pub(crate) parameters: &'q [TextValue],
}

/// A running shadow. Dropping it removes the server and its files.
pub(crate) struct Shadow {
    planners: Vec<Planner>,
    n_planners: usize,
    /// Grows with every copy, so that each has a name of its own.
    n_copies: usize,
    /// What every planner's session is set to.
    session: Vec<(String, String)>,
    members: Members,
    relations: Vec<Relation>,
    figures: BTreeMap<u32, Figures>,
    /// The target's oids of its tables, by schema and name.
    target_oids: BTreeMap<(String, String), u32>,
    /// What of the target could not be copied, with the reason.
    pub(crate) missing: Vec<String>,
    /// How often the planner was asked.
    pub(crate) n_calls: u64,
    admin: Connection,
    // Dropped last: the connections' statements end before the server does.
    host: Host,
}

/// The server of a shadow, and how to reach its databases.
struct Host {
    timeouts: Timeouts,
    interrupt: Interrupt,
    cluster: Cluster,
}

/// A relation of the template; it has the same oid and file in each copy.
#[derive(Clone, Debug)]
struct Relation {
    oid: u32,
    schema: String,
    name: String,
    /// 0 for none.
    file: u32,
    is_index: bool,
    /// Of an index.
    method: Option<String>,
    table: Option<u32>,
    /// The index of the partitioned table that it belongs to.
    parent: Option<u32>,
}

/// What the planner is to think of a relation.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Below 0 when nobody has counted.
    n_rows: f64,
    n_pages: u32,
    n_all_visible_pages: u32,
    start: Start,
}

impl Host {
    async fn superuser(&self, database: &str) -> Result<Connection> {
        self.cluster.target(database, self.timeouts)?.connect(Access::ReadWrite, &self.interrupt).await
    }

    async fn owner(&self, database: &str) -> Result<Connection> {
        let target = self.cluster.target_as(OWNER, database, self.timeouts)?;
        target.connect(Access::ReadWrite, &self.interrupt).await
    }
}

/// A running local server with the empty tables of a database and no statistics. Dropping it removes both.
pub(in crate::pg) struct EmptyCopy {
    /// A superuser's, with the settings of the target's session.
    pub(in crate::pg) connection: Connection,
    /// What of the target could not be copied, with the reason.
    pub(in crate::pg) missing: Vec<String>,
    // Dropped last: the connection's statements end before the server does.
    _cluster: Cluster,
}

impl EmptyCopy {
    /// Builds the tables of `catalog`, with indexes, constraints and views.
    pub(in crate::pg) async fn create(
        programs: &Programs,
        settings: Settings,
        environment: &Environment,
        timeouts: Timeouts,
        interrupt: &Interrupt,
        (catalog, surroundings): (&Catalog, &Surroundings),
    ) -> Result<Self> {
        let cluster = Cluster::start(programs, settings, environment).await?;
        let host = Host { timeouts, interrupt: interrupt.clone(), cluster };
        let admin = host.superuser("postgres").await?;
        let mut missing = Vec::new();
        schema::create_database(&admin, &surroundings.locale, &mut missing).await?;
        let connection = host.superuser(TEMPLATE).await?;
        let owner = host.owner(TEMPLATE).await?;
        schema::copy(&connection, &owner, catalog, surroundings, &mut missing).await?;
        adopt(&connection, &session(catalog, surroundings)).await?;
        Ok(Self { connection, missing, _cluster: host.cluster })
    }
}

impl Shadow {
    /// Builds a shadow of `catalog` with these candidates, none of which is visible yet.
    pub(crate) async fn build(
        programs: &Programs,
        environment: &Environment,
        timeouts: Timeouts,
        interrupt: &Interrupt,
        (catalog, surroundings): (&Catalog, &Surroundings),
        candidates: &[(Definition, Size)],
    ) -> Result<Self> {
        let cluster = Cluster::start(programs, Settings::PLANNING, environment).await?;
        let host = Host { timeouts, interrupt: interrupt.clone(), cluster };
        let admin = host.superuser("postgres").await?;
        let mut shadow = Self {
            planners: Vec::new(),
            n_planners: 1,
            n_copies: 0,
            session: session(catalog, surroundings),
            members: Members::default(),
            relations: Vec::new(),
            figures: BTreeMap::new(),
            target_oids: BTreeMap::new(),
            missing: Vec::new(),
            n_calls: 0,
            admin,
            host,
        };
        shadow.copy(catalog, surroundings).await?;
        if !candidates.is_empty() {
            shadow.add_candidates(candidates, &ExpressionStatistics::new()).await?;
        }
        Ok(shadow)
    }

    async fn copy(&mut self, catalog: &Catalog, surroundings: &Surroundings) -> Result<()> {
        schema::create_database(&self.admin, &surroundings.locale, &mut self.missing).await?;
        let superuser = self.host.superuser(TEMPLATE).await?;
        let owner = self.host.owner(TEMPLATE).await?;
        schema::copy(&superuser, &owner, catalog, surroundings, &mut self.missing).await?;
        self.relations = relations(&superuser).await?;
        statistics::copy(&superuser, &owner, catalog, &mut self.missing).await?;
        let extended = &surroundings.extended_statistics;
        extended::copy(&superuser, &owner, extended, &mut self.missing).await?;
        // Last, since the owner is no longer free to read what it makes.
        schema::secure(&owner, surroundings, &mut self.missing).await?;
        self.missing.extend(statistics::unreadable(catalog));
        self.missing.extend(statistics::unreadable_ranges(catalog));
        self.missing.extend(statistics::foreign(catalog));
        for (name, options) in &surroundings.tablespaces {
            self.missing.push(format!("the costs of tablespace \"{name}\": {options}"));
        }
        self.take_figures(catalog);
        self.members.rename_duplicates(&owner, &mut self.relations).await?;
        self.restore_figures(&superuser).await
    }

    /// Creates candidates, which become the next members; planners that run are replaced.
    ///
    /// A candidate that cannot be created stays a member that no plan uses, and is noted in `missing`.
    pub(crate) async fn add_candidates(
        &mut self,
        candidates: &[(Definition, Size)],
        expressions: &ExpressionStatistics,
    ) -> Result<()> {
        self.stop_planners().await?;
        let superuser = self.host.superuser(TEMPLATE).await?;
        let owner = self.host.owner(TEMPLATE).await?;
        adopt(&owner, &self.session).await?;
        let first = self.members.len();
        let definitions: Vec<&Definition> = candidates.iter().map(|(definition, _)| definition).collect();
        self.missing.extend(self.members.create(&owner, &definitions).await?);
        self.relations = relations(&superuser).await?;
        self.members.adopt_trees(&owner, &mut self.relations, first).await?;
        for (number, (definition, size)) in candidates.iter().enumerate() {
            self.take_candidate_figures(first + number, *size);
            let oids = self.members.oids(first + number);
            let key = (definition.schema.clone(), definition.table.clone());
            let Some(table) = self.target_oids.get(&key) else { continue };
            let known = (*table, expressions);
            statistics::of_expressions((&superuser, &owner), definition, oids, known, &mut self.missing)
                .await?;
        }
        let (all, none) = (self.members.oids_from(first), Vec::<u32>::new());
        superuser
            .execute(sql::SET_INDEXES_VALID, &[&all, &none])
            .await
            .map_err(Error::query("hide the candidates"))?;
        // CREATE INDEX counted the rows of the empty tables.
        self.restore_figures(&superuser).await
    }

    /// Lets ANALYZE look at a sample of the target's rows.
    pub(crate) async fn analyze(&mut self, sample: &Sample) -> Result<Vec<SampledExpression>> {
        let session = self.host.superuser(TEMPLATE).await?;
        adopt(&session, &self.session).await?;
        analyze_sample(&session, sample).await
    }

    /// Makes existing indexes the next members, so that planners can be asked without them.
    pub(crate) fn add_existing<'i>(&mut self, indexes: impl IntoIterator<Item = (&'i str, &'i str)>) {
        for (schema, name) in indexes {
            let number = self.members.add_existing(schema, name, &self.relations);
            for planner in &mut self.planners {
                planner.visible.insert(number);
            }
        }
    }

    /// Whether a member is there at all: a candidate may be impossible, an existing index invalid.
    pub(crate) fn has_member(&self, member: usize) -> bool {
        !self.members.oids(member).is_empty()
    }

    /// Returns what the planner says to a statement when it sees exactly these members.
    pub(crate) async fn plan(
        &mut self,
        visible: &BTreeSet<usize>,
        statement: &str,
        parameters: &[TextValue],
    ) -> Result<Answer> {
        let mut answers = self.answers(&[Question { visible, statement, parameters }]).await?;
        Ok(answers.remove(0))
    }

    fn take_figures(&mut self, catalog: &Catalog) {
        let oids: BTreeMap<(&str, &str), (u32, Option<&str>)> = self
            .relations
            .iter()
            .map(|it| ((it.schema.as_str(), it.name.as_str()), (it.oid, it.method.as_deref())))
            .collect();
        for table in &catalog.tables {
            self.target_oids.insert((table.schema.clone(), table.name.clone()), table.oid);
            if let Some((oid, _)) = oids.get(&(table.schema.as_str(), table.name.as_str())) {
                let figures = Figures {
                    n_rows: table.n_rows,
                    n_pages: table.n_pages,
                    n_all_visible_pages: table.n_all_visible_pages,
                    start: Start::AsBuilt,
                };
                self.figures.insert(*oid, figures);
            }
            for index in table.indexes.iter().filter(|index| index.size_bytes > 0) {
                if let Some((oid, _)) = oids.get(&(table.schema.as_str(), index.name.as_str())) {
                    self.figures.insert(*oid, statistics::figures(index, table));
                }
            }
        }
    }

    /// Shares the size of a candidate out among the partitions, by their rows.
    fn take_candidate_figures(&mut self, member: usize, size: Size) {
        let oids: BTreeSet<u32> = self.members.oids(member).iter().copied().collect();
        let leaves: Vec<(u32, u32, Option<String>)> = self
            .relations
            .iter()
            .filter(|relation| oids.contains(&relation.oid) && relation.file != 0)
            .filter_map(|relation| Some((relation.oid, relation.table?, relation.method.clone())))
            .collect();
        let rows_of = |table: &u32| self.figures.get(table).map_or(0.0, |figures| figures.n_rows.max(0.0));
        let n_rows: f64 = leaves.iter().map(|(_, table, _)| rows_of(table)).sum();
        let mut taken = Vec::new();
        for (oid, table, method) in &leaves {
            let share = match leaves.len() {
                1 => 1.0,
                _ if n_rows > 0.0 => rows_of(table) / n_rows,
                _ => 0.0,
            };
            let table_pages = self.figures.get(table).map_or(0, |figures| figures.n_pages);
            taken.push((*oid, statistics::share(size, share, method.as_deref(), table_pages)));
        }
        self.figures.extend(taken);
    }

    /// Writes the numbers of rows and pages of all relations into the template, which is one statement for all of them;
    /// `pg_restore_relation_stats` of 18 writes the same, one relation a call.
    async fn restore_figures(&self, superuser: &Connection) -> Result<()> {
        let (mut oids, mut pages, mut rows, mut visible) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        for (oid, figures) in &self.figures {
            oids.push(*oid);
            // Without rows the planner guesses from the width of a row, as long as nobody has counted pages either.
            pages.push(if figures.n_rows > 0.0 { count(figures.n_pages) } else { 0 });
            #[expect(clippy::cast_possible_truncation, reason = "pg_class.reltuples is a float4")]
            rows.push(figures.n_rows as f32);
            visible.push(count(figures.n_all_visible_pages));
        }
        superuser
            .execute(sql::RESTORE_RELATIONS, &[&oids, &pages, &rows, &visible])
            .await
            .map_err(Error::query("write sizes into the shadow"))?;
        Ok(())
    }

    /// The files that a copy of the template gets.
    fn files(&self) -> impl Iterator<Item = File> {
        self.relations.iter().filter(|relation| relation.file != 0).filter_map(|relation| {
            let figures = self.figures.get(&relation.oid)?;
            Some(File { node: relation.file, n_pages: figures.n_pages, start: figures.start })
        })
    }
}

/// The settings of a session that plans as the target's would.
fn session(catalog: &Catalog, surroundings: &Surroundings) -> Vec<(String, String)> {
    let path: Vec<String> = catalog.search_path.iter().map(|schema| sql::quote_identifier(schema)).collect();
    let mut session = surroundings.settings.clone();
    session.push(("search_path".to_owned(), path.join(", ")));
    session
}

/// Lets a session plan as the database does that was read: with its search path and settings.
pub(crate) async fn plan_as(
    connection: &Connection,
    (catalog, surroundings): (&Catalog, &Surroundings),
) -> Result<()> {
    adopt(connection, &session(catalog, surroundings)).await
}

/// Sets a session to values; settings that this server does not know are left out.
async fn adopt(connection: &Connection, settings: &[(String, String)]) -> Result<()> {
    let (names, values): (Vec<&str>, Vec<&str>) =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).unzip();
    connection
        .query(sql::SET_KNOWN, &[&names, &values])
        .await
        .map_err(Error::query("take over the planner's settings"))?;
    Ok(())
}

/// Reads the relations of the template.
async fn relations(connection: &Connection) -> Result<Vec<Relation>> {
    let rows = connection.query(sql::SHADOW_RELATIONS, &[]).await;
    let rows = rows.map_err(Error::query("list the shadow's relations"))?;
    rows.iter()
        .map(|row| {
            Ok(Relation {
                oid: get(row, "oid")?,
                schema: get(row, "schema")?,
                name: get(row, "name")?,
                file: get(row, "file")?,
                is_index: get(row, "is_index")?,
                method: get(row, "method")?,
                table: get(row, "table")?,
                parent: get(row, "parent")?,
            })
        })
        .collect()
}
