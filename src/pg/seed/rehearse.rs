//! The rehearsal: a small plan of the same tables is loaded in a transaction that is rolled back. What the server refuses is
//! repaired in the plan before anything is loaded.
//!
//! All that triggers and functions do to the database is undone, except that sequences which are not the role's own, or belong
//! to tables with rows, stay where triggers have moved them: `nextval` is not transactional. What a trigger does outside of the
//! database, nobody can undo: `--no-rehearsal`.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

use bytes::Bytes;

use super::stream::arrived_all;
use super::{copy, echo, partition, stage};
use crate::index::change::failure::Failure as Kind;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::seed::chunk::{self, Chunk, of_step};
use crate::seed::make::block::Patches;
use crate::seed::make::world::World;
use crate::seed::plan::repair::{self, Failure, Trial};
use crate::seed::plan::request::{Known, Repair};
use crate::seed::plan::{Gap, Plan, RowsFrom};
use crate::seed::schema::{ForeignKey, KeyPart, Relation, Schema, Sequence, TableId};
use crate::seed::wire::rows::RowWriter;

/// So many rows of each table are rehearsed: enough for pairs of them to meet.
pub(crate) const N_ROWS: u64 = 50;
/// So often is something tried for one table, and in all.
const MAX_TRIALS_OF_TABLE: usize = 40;
const MAX_TRIALS: usize = 400;
/// A table whose triggers create tables gets no more rows, unless they were asked for.
const MOST_ROWS_WITH_TABLES: u64 = 20;
/// Locks are those of an INSERT. Who waits for longer is in the way of somebody.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'; SET CONSTRAINTS ALL IMMEDIATE";

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Rehearsed {
    pub(crate) repairs: Vec<Repair>,
    /// What is lost by them, apart from tables and rows.
    pub(crate) gaps: Vec<Gap>,
    /// Why the rest of the tables was not rehearsed.
    pub(crate) cut_short: Option<String>,
}

/// Rehearses what `build` plans, at most [`N_ROWS`] rows of each table, with what is known and repaired. `partitions` are
/// statements that make what the schema is supposed to have.
pub(crate) async fn rehearse(
    connection: &Connection,
    schema: &Schema,
    partitions: &[String],
    known: Known,
    build: &mut dyn FnMut(&Schema, &Known) -> Option<Plan>,
) -> Result<Rehearsed> {
    let n_known = known.repairs.len();
    let mut rehearsal = Rehearsal {
        connection,
        schema,
        build,
        known,
        loaded: Vec::new(),
        feeders: BTreeMap::new(),
        fills: BTreeSet::new(),
        named: BTreeMap::new(),
        n_trials: 0,
        n_trials_of: BTreeMap::new(),
        n_companions: BTreeMap::new(),
        reasons: BTreeMap::new(),
        changed: BTreeMap::new(),
        rehearsed: Rehearsed::default(),
    };
    rehearsal.execute(BEGIN).await?;
    let ended = async {
        partition::make(connection, partitions).await?;
        rehearsal.run().await?;
        rehearsal.wait().await
    };
    let ended = ended.await;
    rehearsal.execute("ROLLBACK").await?;
    if let Err(error) = ended {
        // Somebody holds a lock, or a statement takes too long: loading waits for them.
        if error.failure() != Kind::Busy && !error.is_cancelled() {
            return Err(error);
        }
        rehearsal.rehearsed.cut_short = Some(error.to_string());
    }
    let Rehearsal { known, reasons, loaded, changed, mut rehearsed, .. } = rehearsal;
    rehearsed.repairs = known.repairs[n_known..].to_vec();
    let gaps = rehearsed.repairs.iter().filter_map(|repair| {
        let reason = reasons.get(repair)?;
        repair::gap(schema, &rehearsed.repairs, repair, reason)
    });
    let tables = loaded.iter().flat_map(|(plan, at)| of_step(&plan.steps[*at]));
    let changed = tables.filter_map(|table| changed.get(table)).flatten().cloned();
    rehearsed.gaps = gaps.chain(changed).collect();
    Ok(rehearsed)
}

/// Takes what a rehearsal left behind out of tables without rows. Dead entries of an index are in the way of what comes: behind
/// them no page is the last one, and moments or numbers that rise with the rows split every page in halves instead of filling
/// it (`_bt_findsplitloc` in nbtsplitloc.c). Tables of others, and locked ones, stay as they are.
pub(crate) async fn tidy(connection: &Connection, schema: &Schema) -> Result<()> {
    let empty = schema.relations.iter().filter(|relation| relation.is_loadable() && !relation.is_filled);
    let names: Vec<String> =
        empty.map(|relation| sql::quote_qualified(&relation.schema, &relation.name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let vacuum = format!("VACUUM (INDEX_CLEANUP ON, SKIP_LOCKED) {}", names.join(", "));
    connection.batch_execute(&vacuum).await.map_err(Error::query("vacuum tables after the rehearsal"))
}

struct Rehearsal<'r> {
    connection: &'r Connection,
    schema: &'r Schema,
    build: &'r mut dyn FnMut(&Schema, &Known) -> Option<Plan>,
    known: Known,
    /// The steps that are loaded, each of the plan that it is of, after a savepoint of its own.
    loaded: Vec<(Arc<Plan>, usize)>,
    /// Tables that triggers of others have put rows into.
    feeders: BTreeMap<TableId, TableId>,
    /// Tables with those that triggers of them have put rows into.
    fills: BTreeSet<(TableId, TableId)>,
    /// Tables that triggers of a table name.
    named: BTreeMap<TableId, Vec<TableId>>,
    n_trials: usize,
    n_trials_of: BTreeMap<TableId, usize>,
    /// With how many tables one was planned together, of those whose triggers delete their rows.
    n_companions: BTreeMap<TableId, usize>,
    /// What the server said before a repair.
    reasons: BTreeMap<Repair, String>,
    /// What triggers changed of each table.
    changed: BTreeMap<TableId, Vec<Gap>>,
    rehearsed: Rehearsed,
}

/// What a transaction has done so far.
#[derive(Default)]
struct Effects {
    /// By table the rows that were put in and those that were deleted.
    rows: BTreeMap<u32, (i64, i64)>,
    n_tables: i64,
}

impl Rehearsal<'_> {
    async fn run(&mut self) -> Result<()> {
        self.execute(&restarts(self.schema)).await?;
        loop {
            let Some(plan) = self.plan() else { return Ok(()) };
            let steps: Vec<usize> = (0..plan.steps.len()).collect();
            self.back_to(self.n_common(&plan, &steps)).await?;
            if !self.go_on(&plan).await? {
                return Ok(());
            }
        }
    }

    /// Keeps the order of the rehearsal where triggers use other tables: sessions that load at the same time know of foreign keys
    /// alone.
    async fn wait(&mut self) -> Result<()> {
        let mut before: BTreeSet<TableId> = BTreeSet::new();
        let loaded = self.loaded.iter().flat_map(|(plan, at)| of_step(&plan.steps[*at]).iter().copied());
        for table in loaded.collect::<Vec<_>>() {
            let words = if self.relation(table).triggers.is_empty() {
                BTreeSet::new()
            } else {
                repair::words(&self.trigger_sources(table).await?)
            };
            let is_used = |other: &&TableId| {
                words.contains(&self.relation(**other).name.to_lowercase())
                    || self.fills.contains(&(table, **other))
                    || self.fills.contains(&(**other, table))
            };
            let used = before.iter().filter(is_used).map(|other| Repair::After(table, *other));
            let used: Vec<Repair> = used.collect();
            self.known.repairs.extend(used);
            before.insert(table);
        }
        Ok(())
    }

    async fn trigger_sources(&self, table: TableId) -> Result<String> {
        let row = self.connection.query_one(sql::SEED_TRIGGER_SOURCES, &[&self.relation(table).oid]).await;
        get(&row.map_err(Error::query("read triggers"))?, "source")
    }

    /// The settings that triggers of a table ask for.
    async fn trigger_settings(&self, table: TableId) -> Result<Vec<String>> {
        if self.relation(table).triggers.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.connection.query(sql::SEED_TRIGGER_SETTINGS, &[&self.relation(table).oid]).await;
        rows.map_err(Error::query("read triggers"))?.iter().map(|row| get(row, "setting")).collect()
    }

    /// Loads steps until the plan is another one; false when all are loaded.
    async fn go_on(&mut self, plan: &Arc<Plan>) -> Result<bool> {
        for step in self.loaded.len()..plan.steps.len() {
            let tables = of_step(&plan.steps[step]);
            let is_watched = tables.iter().any(|table| !self.relation(*table).triggers.is_empty());
            let before = if is_watched { Some(self.effects().await?) } else { None };
            if let Err(failure) = self.load(plan, step).await? {
                self.repair(plan, failure).await?;
                return Ok(true);
            }
            if let Some(before) = before {
                let after = self.effects().await?;
                for table in tables {
                    self.name_used(*table).await?;
                }
                if self.note_effects(plan, tables, &before, &after).await? {
                    return Ok(true);
                }
            }
            for table in tables {
                let gaps = echo::changed(self.connection, plan, *table, self.relation(*table)).await?;
                self.changed.insert(*table, gaps);
            }
        }
        Ok(false)
    }

    fn plan(&mut self) -> Option<Arc<Plan>> {
        (self.build)(self.schema, &self.known).map(Arc::new)
    }

    /// How many of the loaded steps are the first of `steps` of a plan.
    fn n_common(&self, plan: &Plan, steps: &[usize]) -> usize {
        let is_same = |((loaded, at), step): &(&(Arc<Plan>, usize), &usize)| {
            let tables = of_step(&plan.steps[**step]).iter().map(|table| usize::from(*table));
            loaded.steps[*at] == plan.steps[**step]
                && tables.into_iter().all(|table| loaded.tables[table] == plan.tables[table])
        };
        self.loaded.iter().zip(steps).take_while(is_same).count()
    }

    /// Undoes the steps after the first `n`.
    async fn back_to(&mut self, n: usize) -> Result<()> {
        if n < self.loaded.len() {
            self.loaded.truncate(n);
            self.execute(&format!("ROLLBACK TO SAVEPOINT perfkit_{n}; RELEASE SAVEPOINT perfkit_{n}"))
                .await?;
        }
        Ok(())
    }

    /// Loads a step after those that are loaded, or says what the server has against it.
    async fn load(&mut self, plan: &Arc<Plan>, step: usize) -> Result<Result<(), Failure>> {
        let place = self.loaded.len();
        // A lock that is not free is no fault of the plan: it ends the rehearsal before COPY asks for it.
        let lock = |table: &TableId| {
            let table = &plan.tables[usize::from(*table)];
            let name = sql::quote_qualified(&table.schema, &table.name);
            format!("LOCK TABLE {name} IN ROW EXCLUSIVE MODE; ")
        };
        let locks: String = of_step(&plan.steps[step]).iter().map(lock).collect();
        self.execute(&format!("{locks}SAVEPOINT perfkit_{place}")).await?;
        self.loaded.push((Arc::clone(plan), step));
        let chunks = chunk::chunks(plan).filter(|chunk| usize::try_from(chunk.step) == Ok(step));
        for chunk in chunks {
            if let Err(error) = self.put(plan, &chunk).await {
                let failure = self.failure(plan, step, error)?;
                self.back_to(place).await?;
                let source = self.trigger_sources(failure.table).await?;
                let settings = self.trigger_settings(failure.table).await?;
                return Ok(Err(Failure { source, settings, ..failure }));
            }
        }
        Ok(Ok(()))
    }

    async fn put(&self, plan: &Plan, chunk: &Chunk) -> Result<()> {
        let patches = Patches::default();
        let world = World::new(plan, &patches);
        let mut staged = Vec::new();
        for (table, rows) in &chunk.parts {
            let planned = &plan.tables[usize::from(*table)];
            let doing = format!("copy rows into table \"{}\"", planned.name);
            if planned.is_staged {
                staged.push(*table);
                self.execute(&stage::create(planned, *table)).await?;
            }
            let bytes = RowWriter::new(&world, *table).copy(iter::once(rows.clone()));
            let into = stage::copy(planned, &stage::destination(planned, *table, None));
            let sink =
                self.connection.copy_in::<_, Bytes>(&into).await.map_err(Error::query(doing.clone()))?;
            let arrived = copy::send(sink, bytes).await.map_err(Error::query(doing))?;
            arrived_all(plan, *table, arrived, rows)?;
        }
        let [first, ..] = staged[..] else { return Ok(()) };
        let name = &plan.tables[usize::from(first)].name;
        let insert = self.connection.query_one(&stage::insert(plan, &staged), &[]).await;
        let row = insert.map_err(Error::query(format!("insert rows into table \"{name}\"")))?;
        let staged_parts = chunk.parts.iter().filter(|(table, _)| staged.contains(table));
        for (place, (table, rows)) in staged_parts.enumerate() {
            let arrived: i64 = row.try_get(place).map_err(Error::query("count the inserted rows"))?;
            arrived_all(plan, *table, arrived.unsigned_abs(), rows)?;
        }
        self.execute(&stage::empty(&staged)).await
    }

    /// Reads what the server has against rows. What is wrong with the session or the server stays an error.
    fn failure(&self, plan: &Plan, step: usize, error: Error) -> Result<Failure> {
        let tables = of_step(&plan.steps[step]);
        let id = |schema: &str, name: &str| -> Option<TableId> {
            let place = plan.tables.iter().position(|table| table.schema == schema && table.name == name);
            place.and_then(|place| TableId::try_from(place).ok())
        };
        let has_triggers = |table: &&TableId| !self.relation(**table).triggers.is_empty();
        let likeliest = tables.iter().find(has_triggers).unwrap_or(&tables[0]);
        let of = |message: String| Failure { table: *likeliest, message, ..Failure::default() };
        let db = match &error {
            Error::RowsLost { .. } => return Ok(of(format!("{error}: a trigger or rule keeps rows out"))),
            Error::Query { source, .. } => source.as_db_error(),
            _ => None,
        };
        let is_about_rows =
            |code: &str| ["08", "25", "40", "53", "55", "57", "58"].iter().all(|it| !code.starts_with(it));
        let Some(db) = db.filter(|db| is_about_rows(db.code().code())) else { return Err(error) };
        let named = db.schema().zip(db.table()).and_then(|(schema, name)| id(schema, name));
        let own = named.filter(|table| tables.contains(table));
        let table = own.unwrap_or(*likeliest);
        Ok(Failure {
            table,
            sqlstate: db.code().code().to_owned(),
            message: db.message().to_owned(),
            constraint: db.constraint().map(str::to_owned),
            column: db.column().map(str::to_owned),
            line: super::refused::line(&error),
            feeder: self.feeders.get(&table).copied(),
            other: named.filter(|table| !tables.contains(table)),
            source: String::new(),
            settings: Vec::new(),
        })
    }

    /// Looks for what makes the server take the rows of a table, or leaves the table out.
    async fn repair(&mut self, plan: &Arc<Plan>, failure: Failure) -> Result<()> {
        let n_before = self.known.repairs.len();
        let (mut plan, mut failure) = (Arc::clone(plan), failure);
        loop {
            let mut best: Option<(Trial, Failure)> = None;
            let mut trials = repair::candidates(self.schema, &plan, &failure, &self.known.repairs);
            let Some(last) = trials.pop() else { return Ok(()) };
            for trial in trials {
                let n_of_table = self.n_trials_of.entry(failure.table).or_default();
                if *n_of_table >= MAX_TRIALS_OF_TABLE || self.n_trials >= MAX_TRIALS {
                    break;
                }
                *n_of_table += 1;
                self.n_trials += 1;
                match self.attempt(&trial, failure.table).await? {
                    Attempt::Passes => {
                        self.accept(trial, &failure);
                        return Ok(());
                    }
                    Attempt::Fails(next) if next.is_better(best.as_ref().map(|(_, best)| best), &failure) => {
                        best = Some((trial, *next));
                    }
                    Attempt::Fails(_) | Attempt::Impossible => {}
                }
            }
            let Some((trial, next)) = best else {
                self.known.repairs.truncate(n_before);
                self.known.repairs.extend(last);
                return Ok(());
            };
            self.accept(trial, &failure);
            let Some(repaired) = self.plan() else { return Ok(()) };
            (plan, failure) = (repaired, next);
        }
    }

    fn accept(&mut self, trial: Trial, failure: &Failure) {
        let reasons = trial.iter().map(|repair| (repair.clone(), failure.message.clone()));
        self.reasons.extend(reasons);
        self.known.repairs.extend(trial);
    }

    /// Tries repairs: loads the table, after what it refers to where that is no longer as it was. Other tables are not planned.
    async fn attempt(&mut self, trial: &Trial, table: TableId) -> Result<Attempt> {
        let n_before = self.known.repairs.len();
        self.known.repairs.extend(trial.iter().cloned());
        let pruned = self.pruned(table);
        let plan = (self.build)(&pruned, &self.known).map(Arc::new);
        self.known.repairs.truncate(n_before);
        let Some(plan) = plan else { return Ok(Attempt::Impossible) };
        // The feeder makes the rows.
        let is_fed = matches!(trial[..], [Repair::FedBy(of, _)] if of == table);
        let Some(target) = plan.steps.iter().position(|step| of_step(step).contains(&table)) else {
            return Ok(if is_fed { Attempt::Passes } else { Attempt::Impossible });
        };
        let is_stale = |(loaded, at): &(Arc<Plan>, usize)| {
            let mut tables = of_step(&loaded.steps[*at]).iter().map(|table| usize::from(*table));
            tables.any(|table| plan.tables[table].n_rows > 0 && loaded.tables[table] != plan.tables[table])
        };
        // Of what is to come after the table nothing may be there yet.
        let is_early = |(loaded, at): &(Arc<Plan>, usize)| {
            let mut tables = of_step(&loaded.steps[*at]).iter();
            tables.any(|other| trial.contains(&Repair::After(*other, table)))
        };
        let is_over = |step: &(Arc<Plan>, usize)| is_stale(step) || is_early(step);
        let n_kept = self.loaded.iter().position(is_over).unwrap_or(self.loaded.len());
        self.back_to(n_kept).await?;
        for step in 0..=target {
            let is_loaded = self.loaded.iter().any(|(loaded, at)| loaded.steps[*at] == plan.steps[step]);
            if !is_loaded && let Err(failure) = self.load(&plan, step).await? {
                let is_own = step == target;
                return Ok(if is_own { Attempt::Fails(Box::new(failure)) } else { Attempt::Impossible });
            }
        }
        // It is loaded anew when its turn comes, and its side effects are noted.
        self.back_to(self.loaded.len() - 1).await?;
        Ok(Attempt::Passes)
    }

    /// The schema with a table and those that it refers to, directly or through others; the rest is refused.
    fn pruned(&self, table: TableId) -> Schema {
        let mut wanted = BTreeSet::from([table]);
        let mut open = vec![table];
        let ties = [self.known.together(), self.known.after()].concat();
        let steps = self.loaded.iter().flat_map(|(plan, at)| of_step(&plan.steps[*at]));
        let loaded: BTreeSet<TableId> = steps.copied().collect();
        while let Some(table) = open.pop() {
            let parents = self.relation(table).foreign_keys.iter().map(|key| key.parent);
            let tied = ties.iter().filter(|(of, _)| *of == table).map(|(_, other)| *other);
            // What its triggers have found when it was loaded.
            let named = self.named.get(&table).into_iter().flatten().copied();
            let found = named.filter(|other| loaded.contains(other));
            open.extend(parents.chain(tied).chain(found).filter(|other| wanted.insert(*other)));
        }
        let mut schema = self.schema.clone();
        for (table, relation) in (0..).zip(&mut schema.relations) {
            if !wanted.contains(&table) && relation.refusal.is_none() {
                relation.refusal = Some("is not tried".to_owned());
            }
        }
        schema
    }

    /// Reads what has been done to tables so far: triggers may build the names of those that they fill.
    async fn effects(&self) -> Result<Effects> {
        let doing = || Error::query("count the rows of triggers");
        let oids: Vec<u32> = self.schema.relations.iter().map(|relation| relation.oid).collect();
        let mut effects = Effects::default();
        for row in self.connection.query(sql::SEED_SIDE_EFFECTS, &[&oids]).await.map_err(doing())? {
            let n: i64 = get(&row, "n_inserted")?;
            match get::<Option<u32>>(&row, "table")? {
                Some(table) => _ = effects.rows.insert(table, (n, get(&row, "n_deleted")?)),
                None => effects.n_tables = n,
            }
        }
        Ok(effects)
    }

    /// Notes what triggers did beside; whether the plan changes by it.
    async fn note_effects(
        &mut self,
        plan: &Plan,
        tables: &[TableId],
        before: &Effects,
        after: &Effects,
    ) -> Result<bool> {
        let schema = self.schema;
        let relation = |table: TableId| &schema.relations[usize::from(table)];
        let mut changes = false;
        let of = |effects: &Effects, table: TableId| {
            effects.rows.get(&relation(table).oid).copied().unwrap_or_default()
        };
        let n_created = after.n_tables - before.n_tables;
        for table in tables.iter().filter(|table| !relation(**table).triggers.is_empty()) {
            let planned = &plan.tables[usize::from(*table)];
            let n_rows = i64::try_from(planned.n_rows).unwrap_or(i64::MAX);
            if of(after, *table).1 - of(before, *table).1 >= n_rows && self.is_gone(*table).await? {
                self.keep(plan, *table);
                changes = true;
                continue;
            }
            for (other, _) in (0..).zip(&schema.relations) {
                if !tables.contains(&other) && of(after, other).0 > of(before, other).0 {
                    self.feeders.entry(other).or_insert(*table);
                    self.fills.insert((*table, other));
                    if self.is_better_fed(plan, other, *table) {
                        self.known.repairs.push(Repair::FedBy(other, *table));
                        changes = true;
                    }
                }
            }
            let is_limited = |repair: &Repair| matches!(repair, Repair::AtMost(of, ..) if of == table);
            if n_created > 0
                && planned.rows_from != RowsFrom::Asked
                && !self.known.repairs.iter().any(is_limited)
            {
                let reason = format!("its triggers create {n_created} tables for {n_rows} rows");
                self.known.repairs.push(Repair::AtMost(*table, MOST_ROWS_WITH_TABLES, reason));
                changes = true;
            }
        }
        Ok(changes)
    }

    /// Whether rows that a trigger makes for each row of `feeder` would sooner or later be those that are planned, as they have keys
    /// with the same parent. Few rows may pass, many do not. What others refer to has to be planned.
    fn is_better_fed(&self, plan: &Plan, table: TableId, feeder: TableId) -> bool {
        let (relation, planned) = (self.relation(table), &plan.tables[usize::from(table)]);
        let refers = |key: &&ForeignKey| key.parent == feeder;
        let is_of_key = |foreign: &ForeignKey| {
            let mut keys = relation.keys.iter().filter(|key| key.predicate.is_none());
            keys.any(|key| {
                key.parts.iter().flat_map(KeyPart::columns).any(|column| foreign.columns.contains(column))
            })
        };
        let is_referred_to = || {
            self.schema.relations.iter().flat_map(|other| &other.foreign_keys).any(|key| key.parent == table)
        };
        planned.n_rows > 0
            && planned.rows_from != RowsFrom::Asked
            && !self.known.repairs.iter().any(|repair| matches!(repair, Repair::FedBy(of, _) if *of == table))
            && relation.foreign_keys.iter().filter(refers).any(is_of_key)
            && !is_referred_to()
    }

    /// Whether none of a table's rows is left. The server also counts deletions that failed.
    async fn is_gone(&self, table: TableId) -> Result<bool> {
        let relation = self.relation(table);
        if relation.is_filled {
            return Ok(true);
        }
        let name = sql::quote_qualified(&relation.schema, &relation.name);
        let query = format!("SELECT NOT EXISTS (SELECT FROM {name}) AS is_gone");
        let row = self.connection.query_one(&query, &[]).await;
        get(&row.map_err(Error::query("look for the rows of triggers"))?, "is_gone")
    }

    /// Plans rows that triggers delete, unless something refers to them, together with a table that refers to them; or none where
    /// that was tried with each.
    fn keep(&mut self, plan: &Plan, table: TableId) {
        let n_tried = self.n_companions.entry(table).or_default();
        let companion = repair::companions(self.schema, plan, table).into_iter().nth(*n_tried);
        *n_tried += 1;
        let is_last = |repair: &Repair| matches!(repair, Repair::Together(of, _) if *of == table);
        self.known.repairs.retain(|repair| !is_last(repair));
        self.known.repairs.push(match companion {
            Some(child) => Repair::Together(table, child),
            None => Repair::Skip(table, "its triggers delete its rows".to_owned()),
        });
    }

    fn relation(&self, table: TableId) -> &Relation {
        &self.schema.relations[usize::from(table)]
    }

    /// Notes the other tables that triggers of one name.
    async fn name_used(&mut self, table: TableId) -> Result<()> {
        if self.named.contains_key(&table) || self.relation(table).triggers.is_empty() {
            return Ok(());
        }
        let words = repair::words(&self.trigger_sources(table).await?);
        let others = (0..).zip(&self.schema.relations).filter(|(other, _)| *other != table);
        let named = others.filter(|(_, relation)| words.contains(&relation.name.to_lowercase()));
        self.named.insert(table, named.map(|(other, _)| other).collect());
        Ok(())
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.connection.batch_execute(sql).await.map_err(Error::query("rehearse the load"))
    }
}

/// How a trial ended.
enum Attempt {
    Passes,
    Fails(Box<Failure>),
    /// The table cannot be planned so, or a table that it refers to.
    Impossible,
}

/// Returns statements that move sequences of empty tables past the keys of the rehearsal, as loading does. After this statement
/// even what `nextval` does is undone by a rollback (manual: ALTER SEQUENCE). Nobody else waits for a sequence of an empty table.
fn restarts(schema: &Schema) -> String {
    const BEYOND: i64 = 1_000_000;
    let empty = schema.relations.iter().filter(|relation| relation.is_loadable() && !relation.is_filled);
    let sequences = empty.flat_map(|relation| &relation.fields).filter_map(|field| field.sequence.as_ref());
    let restart = |sequence: &Sequence| {
        let last = sequence.last_value.unwrap_or(sequence.start);
        let next = last.saturating_add(BEYOND.min(sequence.max.saturating_sub(last) / 2));
        let name = sql::quote_qualified(&sequence.schema, &sequence.name);
        format!("ALTER SEQUENCE {name} RESTART WITH {next};")
    };
    let own = sequences.filter(|sequence| sequence.is_owner && sequence.increment > 0);
    own.map(restart).collect::<BTreeSet<_>>().into_iter().collect()
}
