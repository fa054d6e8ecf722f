//! The rehearsal: a small plan of the same tables is loaded in a transaction that is rolled back. What the server refuses is
//! repaired in the plan before anything is loaded.
//!
//! All that triggers and functions do to the database is undone, except that sequences which are not the role's own, or belong
//! to tables with rows, stay where triggers have moved them: `nextval` is not transactional. What a trigger does outside of the
//! database, nobody can undo: `--no-rehearsal`.

mod sequences;
mod step;
mod trials;
mod triggers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::triggers::Reach;
use super::{echo, partition};
use crate::index::change::failure::Failure as Kind;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::seed::chunk::of_step;
use crate::seed::plan::request::{Known, Repair};
use crate::seed::plan::{Gap, Plan, repair};
use crate::seed::schema::{Relation, Schema, TableId};

/// So many rows of each table are rehearsed: enough for pairs of them to meet.
pub(crate) const N_ROWS: u64 = 50;
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
    mut known: Known,
    build: &mut dyn FnMut(&Schema, &Known) -> Option<Plan>,
) -> Result<Rehearsed> {
    let n_known = known.repairs.len();
    sequences::keep_clear(schema, &mut known);
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

impl Rehearsal<'_> {
    async fn run(&mut self) -> Result<()> {
        self.execute(&sequences::restarts(self.schema)).await?;
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
        // With the words of their triggers.
        let mut before: BTreeMap<TableId, BTreeSet<String>> = BTreeMap::new();
        let loaded = self.loaded.iter().flat_map(|(plan, at)| of_step(&plan.steps[*at]).iter().copied());
        for table in loaded.collect::<Vec<_>>() {
            let words = if self.relation(table).triggers.is_empty() {
                BTreeSet::new()
            } else {
                repair::words(&self.trigger_sources(table, Reach::Called).await?)
            };
            let name = |of: TableId| self.relation(of).name.to_lowercase();
            let is_used = |(other, their_words): &(&TableId, &BTreeSet<String>)| {
                words.contains(&name(**other))
                    || their_words.contains(&name(table))
                    || self.fills.contains(&(table, **other))
                    || self.fills.contains(&(**other, table))
            };
            let used = before.iter().filter(is_used).map(|(other, _)| Repair::After(table, *other));
            let used: Vec<Repair> = used.collect();
            self.known.repairs.extend(used);
            before.insert(table, words);
        }
        Ok(())
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

    fn relation(&self, table: TableId) -> &Relation {
        &self.schema.relations[usize::from(table)]
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.connection.batch_execute(sql).await.map_err(Error::query("rehearse the load"))
    }
}
