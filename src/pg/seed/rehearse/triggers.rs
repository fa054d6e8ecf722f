//! What triggers do beside, as far as it changes the plan.

use std::collections::BTreeMap;

use super::Rehearsal;
use crate::pg::catalog::get;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::seed::plan::repair;
use crate::seed::plan::request::Repair;
use crate::seed::plan::{Plan, RowsFrom};
use crate::seed::schema::types::Type;
use crate::seed::schema::{ForeignKey, Key, KeyPart, TableId};

/// A table whose triggers create tables gets no more rows, unless they were asked for.
const MOST_ROWS_WITH_TABLES: u64 = 20;

/// What a transaction has done so far.
#[derive(Default)]
pub(super) struct Effects {
    /// By table the rows that were put in and those that were deleted.
    rows: BTreeMap<u32, (i64, i64)>,
    n_tables: i64,
}

/// Which texts tell what triggers do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those of their own functions.
    Own,
    /// Those of what these call as well, and of views.
    Called,
}

impl Rehearsal<'_> {
    pub(super) async fn trigger_sources(&self, table: TableId, reach: Reach) -> Result<String> {
        let oid = self.relation(table).oid;
        let is_further = reach == Reach::Called;
        let row = self.connection.query_one(sql::SEED_TRIGGER_SOURCES, &[&oid, &is_further]).await;
        get(&row.map_err(Error::query("read triggers"))?, "source")
    }

    /// The settings that triggers of a table ask for.
    pub(super) async fn trigger_settings(&self, table: TableId) -> Result<Vec<String>> {
        if self.relation(table).triggers.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.connection.query(sql::SEED_TRIGGER_SETTINGS, &[&self.relation(table).oid]).await;
        rows.map_err(Error::query("read triggers"))?.iter().map(|row| get(row, "setting")).collect()
    }

    /// Reads what has been done to tables so far: triggers may build the names of those that they fill.
    pub(super) async fn effects(&self) -> Result<Effects> {
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
    pub(super) async fn note_effects(
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
                    for columns in repair::keys_of_filled(relation(*table), relation(other)) {
                        let unique = Repair::AlsoUnique(*table, columns);
                        if !self.known.repairs.contains(&unique) {
                            self.known.repairs.push(unique);
                            changes = true;
                        }
                    }
                    let of_table = |effects: &Effects| {
                        let (n_inserted, n_deleted) = of(effects, other);
                        n_inserted - n_deleted
                    };
                    let are_left = of_table(after) > of_table(before);
                    if self.is_better_fed(plan, other, *table, are_left) {
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
    /// with the same parent, or numbers that no sequence gives, and `are_left`: triggers may take them out again. Few rows may pass,
    /// many do not. What others refer to has to be planned.
    fn is_better_fed(&self, plan: &Plan, table: TableId, feeder: TableId, are_left: bool) -> bool {
        let (relation, planned) = (self.relation(table), &plan.tables[usize::from(table)]);
        let refers = |key: &&ForeignKey| key.parent == feeder;
        let is_of_key = |foreign: &ForeignKey| {
            let mut keys = relation.keys.iter().filter(|key| key.predicate.is_none());
            keys.any(|key| key.columns().any(|column| foreign.columns.contains(&column)))
        };
        let is_number = |key: &Key| match key.parts[..] {
            [KeyPart::Column(column)] => {
                let field = relation.field(column);
                let is_reference = relation.foreign_keys.iter().any(|key| key.columns.contains(&column));
                let is_whole = matches!(field.ty, Type::Int2 | Type::Int4 | Type::Int8);
                key.predicate.is_none() && is_whole && field.sequence.is_none() && !is_reference
            }
            _ => false,
        };
        let is_referred_to = || {
            self.schema.relations.iter().flat_map(|other| &other.foreign_keys).any(|key| key.parent == table)
        };
        planned.n_rows > 0
            && planned.rows_from != RowsFrom::Asked
            && !self.known.repairs.iter().any(|repair| matches!(repair, Repair::FedBy(of, _) if *of == table))
            && (relation.foreign_keys.iter().filter(refers).any(is_of_key)
                || are_left && relation.keys.iter().any(is_number))
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

    /// Notes the other tables that triggers of one name.
    pub(super) async fn name_used(&mut self, table: TableId) -> Result<()> {
        if self.named.contains_key(&table) || self.relation(table).triggers.is_empty() {
            return Ok(());
        }
        let words = repair::words(&self.trigger_sources(table, Reach::Own).await?);
        let others = (0..).zip(&self.schema.relations).filter(|(other, _)| *other != table);
        let named = others.filter(|(_, relation)| words.contains(&relation.name.to_lowercase()));
        self.named.insert(table, named.map(|(other, _)| other).collect());
        Ok(())
    }
}
