//! From what is wanted and what is there to the steps that are left.
//!
//! The plan follows from the database alone, so that a run that was cut short anywhere is resumed by planning again. Each step is
//! one transaction; a table lock is held for a moment, and never two at a time but those of a tree.

use super::backfill::{Due, protocol, site_while_counting};
use super::journal::Counted;
use super::name;
use super::site::{Counter, Mode, QualifiedName, Site, Storage};
use super::state::{COMMENT, ColumnState, State, TableState};
use super::steps::{Action, Step};
use super::triggers::guard::{Guard, all_guards, guards};
use super::triggers::{self, Trigger};
use crate::index::change::lock::Lock;
use crate::query::quote;

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Goal {
    /// These counters are kept, and counted.
    Have(Site),
    /// These columns of a table are not kept any more.
    Lack {
        parent: QualifiedName,
        columns: Vec<String>,
        /// Whether they stay as they are; those that perfkit has not added stay in any case.
        keeps_columns: bool,
    },
}

/// Returns the steps that are left, goal by goal: those of a site that adds up another's counters belong after that. `counted`
/// are columns that were there before their triggers and have been counted since.
pub(crate) fn plan(goals: &[Goal], state: &State, counted: &Counted) -> Vec<Step> {
    let mut plan = Plan { state, counted, steps: Vec::new() };
    for goal in together(goals) {
        match &goal {
            Goal::Have(site) => plan.have(site),
            Goal::Lack { parent, columns, keeps_columns } => plan.lack(parent, columns, *keeps_columns),
        }
    }
    plan.steps
}

/// Puts what one table is to lack into one goal, where the first of them stands: each goal is planned from what is there now, so
/// that what the first leaves of a function would come back by the second.
fn together(goals: &[Goal]) -> Vec<Goal> {
    let mut together: Vec<Goal> = Vec::new();
    for goal in goals {
        let Goal::Lack { parent, columns, keeps_columns } = goal else {
            together.push(goal.clone());
            continue;
        };
        let same = together.iter_mut().find_map(|it| match it {
            Goal::Lack { parent: table, columns, keeps_columns: keeps }
                if table == parent && keeps == keeps_columns =>
            {
                Some(columns)
            }
            _ => None,
        });
        match same {
            Some(before) => {
                let more: Vec<String> = columns.iter().filter(|it| !before.contains(it)).cloned().collect();
                before.extend(more);
            }
            None => together.push(goal.clone()),
        }
    }
    together
}

struct Plan<'a> {
    state: &'a State,
    counted: &'a Counted,
    steps: Vec<Step>,
}

impl Plan<'_> {
    fn have(&mut self, wanted: &Site) {
        let wanted = &wanted.lasting();
        let state = self.state;
        let has_index = state.has_key_index(wanted);
        let installed = state.installed(wanted);
        let is_counted = self.is_counted(wanted);
        let is_settled = is_counted && !self.has_checks(wanted);
        let mut site = if is_settled { wanted.clone() } else { site_while_counting(wanted, has_index) };
        if site.is_side() {
            // Rows of all keys are there once the function says so.
            let is_filled = installed.as_ref().is_some_and(|there| there.storage == Storage::Side);
            let is_there = state.table(&site.parent).is_some();
            let is_side = is_counted || is_filled && is_there;
            site.storage = if is_side { Storage::Side } else { Storage::SideFilling };
        }

        self.columns(&site);
        let pending = self.pending(&site, installed.as_ref());
        self.guards(&site, &guards(&site), pending);
        self.function(&site);
        self.default(&site);
        if site.storage == Storage::SideFilling {
            self.push(Action::MakeRows(Box::new(site.clone())), &site.parent, Vec::new(), None);
            site.storage = Storage::Side;
            self.replace(&site);
        }
        if !is_counted {
            let due = if self.not_ours(&site).next().is_some() { Due::All } else { Due::Uncounted };
            let protocol = protocol(site.mode, has_index);
            self.push(
                Action::Backfill { site: Box::new(site.clone()), due, protocol },
                &site.parent,
                Vec::new(),
                None,
            );
        }
        self.not_null(&site);
        let there = state.table(&name::pending(wanted)).map(TableState::mode_of_pending);
        let pending_mode = Some(site.mode).filter(|_| site.has_pending()).or(there);
        if site.mode != wanted.mode {
            site.mode = wanted.mode;
            site.afterwards = None;
            self.replace(&site);
        }
        if let Some(mode) = pending_mode.filter(|_| !site.has_pending()) {
            self.fold(&site, mode);
            // Guards are made anew for each mode.
            self.drop_pending(&Site { mode, ..site.clone() });
        }
        if !site.is_side() {
            let wanted = guards(&site);
            let doomed = all_guards(&site).into_iter().filter(|guard| {
                !wanted.iter().any(|it| it.function == guard.function) && !is_of_pending(&site, guard)
            });
            self.drop_guards(&site.parent, doomed, Vec::new());
        }
    }

    /// Whether all counters hold counts: NOT NULL says it of our own columns.
    fn is_counted(&self, site: &Site) -> bool {
        let Some(table) = self.state.table(&site.parent) else { return false };
        site.counters.iter().all(|counter| {
            table.column(&counter.column).is_some_and(|column| {
                if column.is_ours() || site.is_side() {
                    column.is_not_null
                } else {
                    self.counted.contains(&(site.parent.clone(), counter.column.clone()))
                }
            })
        })
    }

    /// Whether checks are left from the way to NOT NULL.
    fn has_checks(&self, site: &Site) -> bool {
        let table = self.state.table(&site.parent);
        let has_check = |counter: &Counter| {
            table.is_some_and(|table| table.check(&name::not_null_check(&counter.column)).is_some())
        };
        site.counters.iter().any(has_check)
    }

    /// Columns that were there before: whatever they hold was not counted by us.
    fn not_ours<'s>(&'s self, site: &'s Site) -> impl Iterator<Item = &'s Counter> {
        let table = self.state.table(&site.parent).filter(|_| !site.is_side());
        site.counters.iter().filter(move |counter| {
            let column = table.and_then(|table| table.column(&counter.column));
            column.is_some_and(|column| {
                !column.is_ours() && !self.counted.contains(&(site.parent.clone(), counter.column.clone()))
            })
        })
    }

    fn columns(&mut self, site: &Site) {
        let Some(table) = self.state.table(&site.parent) else {
            if site.is_side() {
                let mut sql = vec![triggers::side_table(site), commented_table(&site.parent)];
                sql.extend(self.owner_of_table(&site.parent, site));
                self.push(Action::CreateTable, &site.parent, sql, None);
            }
            return;
        };
        let missing: Vec<&Counter> =
            site.counters.iter().filter(|counter| table.column(&counter.column).is_none()).collect();
        if missing.is_empty() {
            return;
        }
        let adds: Vec<String> = missing
            .iter()
            .map(|it| format!("ADD COLUMN {} {}", quote::identifier(&it.column), it.type_name))
            .collect();
        let mut sql = vec![format!("ALTER TABLE {} {}", site.parent, adds.join(", "))];
        sql.extend(
            missing
                .iter()
                .map(|counter| comment(&site.parent, &counter.column, &quote::quote_literal(COMMENT))),
        );
        self.push(Action::AddColumns, &site.parent, sql, Some(Lock::AccessExclusive));
    }

    /// Returns the statements that make the table of pending changes, where it is to be made.
    fn pending(&mut self, site: &Site, installed: Option<&Site>) -> Vec<String> {
        let name = name::pending(site);
        let table = self.state.table(&name).filter(|_| site.has_pending());
        if let Some(table) = table.filter(|table| table.mode_of_pending() == site.mode) {
            let missing: Vec<String> = site
                .counters
                .iter()
                .filter(|counter| table.column(&counter.column).is_none())
                .map(|counter| format!("ADD COLUMN {}", triggers::pending_column(counter)))
                .collect();
            if !missing.is_empty() {
                let sql = vec![format!("ALTER TABLE {name} {}", missing.join(", "))];
                self.push(Action::AddColumns, &name, sql, Some(Lock::AccessExclusive));
            }
            return Vec::new();
        }
        if !site.has_pending() {
            return Vec::new();
        }
        let mut sql = Vec::new();
        if let Some(table) = table {
            // It has another form: writers go around it until it is emptied. Guards write to it all the time.
            let inline = Site { mode: Mode::Inline, afterwards: None, ..installed.unwrap_or(site).clone() };
            if installed.is_some_and(|there| there.mode != Mode::Inline) {
                self.replace(&inline);
            }
            self.fold(&inline, table.mode_of_pending());
            sql.push(format!("DROP TABLE {name}"));
        }
        sql.extend(triggers::pending_table(site));
        sql.push(commented_table(&name));
        sql.extend(self.owner_of_table(&name, site));
        sql
    }

    /// Folds what is pending of a site in the form of this mode, whatever mode the site has by then.
    fn fold(&mut self, site: &Site, mode: Mode) {
        let site = Site { mode, ..site.clone() };
        let pending = name::pending(&site);
        self.push(Action::Fold(Box::new(site)), &pending, Vec::new(), None);
    }

    fn drop_pending(&mut self, site: &Site) {
        let guards = all_guards(site).into_iter().filter(|guard| is_of_pending(site, guard));
        self.drop_guards(&site.parent, guards, vec![format!("DROP TABLE IF EXISTS {}", name::pending(site))]);
    }

    /// Puts guards on the parent before anybody writes what they guard; `sql` comes before them.
    fn guards(&mut self, site: &Site, wanted: &[Guard], mut sql: Vec<String>) {
        let parent = self.state.table(&site.parent);
        let function = |guard: &Guard| self.state.function(&guard.function);
        let is_current = |guard: &Guard| {
            function(guard).is_some_and(|there| there.is_current(&guard.body))
                && guard
                    .triggers
                    .iter()
                    .all(|it| parent.is_some_and(|table| has_trigger(table, it, &guard.function)))
        };
        for guard in wanted.iter().filter(|guard| !is_current(guard)) {
            sql.extend(guard.create());
            sql.extend(self.owner_of_function(&guard.function, site));
            sql.extend(guard.triggers.iter().map(|trigger| trigger.sql.clone()));
        }
        if !sql.is_empty() {
            self.push(Action::Guard, &site.parent, sql, Some(Lock::ShareRowExclusive));
        }
    }

    /// Drops guards that are there, or will be by then; `sql` comes after them.
    fn drop_guards(&mut self, on: &QualifiedName, doomed: impl Iterator<Item = Guard>, sql: Vec<String>) {
        let is_made = |step: &Step, guard: &Guard| {
            step.action == Action::Guard
                && guard.create().first().is_some_and(|create| step.sql.contains(create))
        };
        let doomed = doomed.filter(|guard| {
            self.state.function(&guard.function).is_some()
                || self.steps.iter().any(|step| is_made(step, guard))
        });
        // Its triggers go with it.
        let drops = doomed.map(|guard| format!("DROP FUNCTION {}() CASCADE", guard.function));
        let sql: Vec<String> = drops.chain(sql).collect();
        if !sql.is_empty() {
            self.push(Action::DropGuards, on, sql, Some(Lock::AccessExclusive));
        }
    }

    fn function(&mut self, site: &Site) {
        let name = name::function(site);
        let Some(child) = self.state.table(&site.child) else { return };
        let tree = self.state.tree(child);
        let is_complete = |table: &TableState| {
            triggers::triggers(site, &table.name).iter().all(|trigger| has_trigger(table, trigger, &name))
        };
        let is_used = tree.iter().any(|table| table.triggers.iter().any(|trigger| trigger.function == name));
        let is_current =
            self.state.function(&name).is_some_and(|there| there.is_current(&triggers::body(site)));
        let mut missing: Vec<QualifiedName> =
            tree.iter().filter(|table| !is_complete(table)).map(|table| table.name.clone()).collect();
        if !is_current && is_used {
            self.replace(site);
        } else if !is_current {
            missing.retain(|table| *table != site.child);
            let mut sql = self.new_function(site);
            sql.extend(trigger_sql(site, &site.child));
            self.push(Action::Install, &site.child, sql, Some(Lock::ShareRowExclusive));
        }
        for table in missing {
            self.push(Action::Triggers, &table, trigger_sql(site, &table), Some(Lock::ShareRowExclusive));
        }
        for table in self.state.strangers(site) {
            self.drop_triggers(site, table);
        }
    }

    fn replace(&mut self, site: &Site) {
        // The lock on the root takes those of all below it.
        let mut sql = vec![format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", site.child)];
        sql.extend(self.new_function(site));
        self.push(Action::Replace, &site.child, sql, Some(Lock::ShareRowExclusive));
    }

    fn default(&mut self, site: &Site) {
        if site.is_side() {
            return;
        }
        let table = self.state.table(&site.parent);
        let lacks = |counter: &&Counter| {
            let column = table.and_then(|table| table.column(&counter.column));
            column.is_none_or(|column| column.default.is_none())
        };
        let sets: Vec<String> = site
            .counters
            .iter()
            .filter(lacks)
            .map(|counter| format!("ALTER COLUMN {} SET DEFAULT 0", quote::identifier(&counter.column)))
            .collect();
        if !sets.is_empty() {
            let sql = vec![format!("ALTER TABLE {} {}", site.parent, sets.join(", "))];
            self.push(Action::SetDefault, &site.parent, sql, Some(Lock::AccessExclusive));
        }
    }

    /// A validated CHECK spares SET NOT NULL the scan under its lock (manual, "ALTER TABLE").
    fn not_null(&mut self, site: &Site) {
        let table = self.state.table(&site.parent);
        let is_ours = |counter: &&Counter| {
            let column = table.and_then(|table| table.column(&counter.column));
            site.is_side() || column.is_none_or(ColumnState::is_ours)
        };
        let is_not_null = |counter: &Counter| {
            table.and_then(|table| table.column(&counter.column)).is_some_and(|column| column.is_not_null)
        };
        let check =
            |counter: &Counter| table.and_then(|table| table.check(&name::not_null_check(&counter.column)));
        let ours: Vec<&Counter> = site.counters.iter().filter(is_ours).collect();
        let nullable: Vec<&Counter> = ours.iter().copied().filter(|it| !is_not_null(it)).collect();
        let quoted_check = |it: &Counter| quote::identifier(&name::not_null_check(&it.column)).into_owned();
        let parts: [(Action, Lock, Vec<String>); 4] = [
            (
                Action::AddCheck,
                Lock::AccessExclusive,
                nullable
                    .iter()
                    .filter(|it| check(it).is_none())
                    .map(|it| {
                        let column = quote::identifier(&it.column);
                        format!("ADD CONSTRAINT {} CHECK ({column} IS NOT NULL) NOT VALID", quoted_check(it))
                    })
                    .collect(),
            ),
            (
                Action::Validate,
                Lock::ShareUpdateExclusive,
                nullable
                    .iter()
                    .filter(|it| check(it).is_none_or(|check| !check.is_validated))
                    .map(|it| format!("VALIDATE CONSTRAINT {}", quoted_check(it)))
                    .collect(),
            ),
            (
                Action::SetNotNull,
                Lock::AccessExclusive,
                nullable
                    .iter()
                    .map(|it| format!("ALTER COLUMN {} SET NOT NULL", quote::identifier(&it.column)))
                    .collect(),
            ),
            (
                Action::DropCheck,
                Lock::AccessExclusive,
                ours.iter()
                    .filter(|it| !is_not_null(it) || check(it).is_some())
                    .map(|it| format!("DROP CONSTRAINT {}", quoted_check(it)))
                    .collect(),
            ),
        ];
        for (action, lock, parts) in parts {
            if !parts.is_empty() {
                let sql = vec![format!("ALTER TABLE {} {}", site.parent, parts.join(", "))];
                self.push(action, &site.parent, sql, Some(lock));
            }
        }
    }

    fn lack(&mut self, parent: &QualifiedName, columns: &[String], keeps_columns: bool) {
        let state = self.state;
        let is_doomed = |counter: &Counter| columns.contains(&counter.column);
        let sites = state.readable_sites();
        for site in sites {
            let pending = state.table(&name::pending(&site));
            let is_left =
                columns.iter().any(|column| pending.is_some_and(|table| table.column(column).is_some()));
            if site.parent == *parent && (site.counters.iter().any(is_doomed) || is_left) {
                self.lack_of_site(&site, columns, keeps_columns);
            }
        }
        // An add that was cut short has left guards, or columns alone.
        for place in state.half_made().iter().filter(|place| place.parent == *parent) {
            self.lack_of_site(place, columns, keeps_columns);
        }
        if let Some(table) = state.table(parent) {
            let is_gone =
                self.steps.iter().any(|step| step.action == Action::DropTable && step.on == *parent);
            if !table.is_ours() {
                self.drop_columns(table, columns, keeps_columns);
            } else if !keeps_columns
                && !is_gone
                && columns.iter().any(|column| table.column(column).is_some())
            {
                self.drop_table(parent);
            }
        }
    }

    fn lack_of_site(&mut self, site: &Site, columns: &[String], keeps_columns: bool) {
        let state = self.state;
        let mut rest = site.clone();
        rest.counters.retain(|counter| !columns.contains(&counter.column));
        let pending = state.table(&name::pending(site));
        if !rest.counters.is_empty() {
            if rest.counters.len() < site.counters.len() {
                let there =
                    guards(&rest).into_iter().filter(|guard| state.function(&guard.function).is_some());
                let there: Vec<Guard> = there.collect();
                self.guards(&rest, &there, Vec::new());
                self.replace(&rest);
            }
            if let Some(pending) = pending {
                let doomed: Vec<&String> =
                    columns.iter().filter(|column| pending.column(column).is_some()).collect();
                if doomed.is_empty() {
                    return;
                }
                if keeps_columns || doomed.iter().any(|column| !self.is_our_column(&site.parent, column)) {
                    self.fold(site, pending.mode_of_pending());
                }
                let drops: Vec<String> = doomed
                    .iter()
                    .map(|column| format!("DROP COLUMN {}", quote::identifier(column)))
                    .collect();
                let sql = vec![format!("ALTER TABLE {} {}", pending.name, drops.join(", "))];
                self.push(Action::DropColumns, &pending.name, sql, Some(Lock::AccessExclusive));
            }
            return;
        }
        let function = name::function(site);
        if let Some(child) = state.table(&site.child) {
            let with_triggers = state.tree(child).into_iter().chain(state.strangers(site));
            for table in with_triggers.filter(|table| table.triggers.iter().any(|it| it.function == function))
            {
                self.drop_triggers(site, table);
            }
        }
        let stays = keeps_columns || columns.iter().any(|column| !self.is_our_column(&site.parent, column));
        if let Some(pending) = pending.filter(|_| stays && !site.counters.is_empty()) {
            self.fold(site, pending.mode_of_pending());
        }
        let drop_pending = pending.map(|pending| format!("DROP TABLE {}", pending.name));
        self.drop_guards(&site.parent, all_guards(site).into_iter(), drop_pending.into_iter().collect());
        if let Some(table) = state.table(&site.parent) {
            if !site.is_side() {
                self.drop_columns(table, columns, keeps_columns);
            } else if !keeps_columns {
                self.drop_table(&site.parent);
            }
        }
        // The function goes last: it says what else is to go.
        if state.function(&function).is_some() {
            self.push(Action::DropFunction, &function, vec![format!("DROP FUNCTION {function}()")], None);
        }
    }

    fn drop_table(&mut self, table: &QualifiedName) {
        let sql = vec![format!("DROP TABLE {table}")];
        self.push(Action::DropTable, table, sql, Some(Lock::AccessExclusive));
    }

    fn drop_columns(&mut self, table: &TableState, columns: &[String], keeps_columns: bool) {
        let ours: Vec<&String> =
            columns.iter().filter(|column| self.is_our_column(&table.name, column)).collect();
        let action = if keeps_columns { Action::Release } else { Action::DropColumns };
        let is_planned = self.steps.iter().any(|step| step.action == action && step.on == table.name);
        if ours.is_empty() || is_planned {
            return;
        }
        let (sql, lock) = if keeps_columns {
            let mut sql: Vec<String> =
                ours.iter().map(|column| comment(&table.name, column, "NULL")).collect();
            let checks = ours.iter().filter_map(|column| table.check(&name::not_null_check(column)));
            let drops: Vec<String> =
                checks.map(|check| format!("DROP CONSTRAINT {}", quote::identifier(&check.name))).collect();
            let lock = if drops.is_empty() { Lock::ShareUpdateExclusive } else { Lock::AccessExclusive };
            if !drops.is_empty() {
                sql.push(format!("ALTER TABLE {} {}", table.name, drops.join(", ")));
            }
            (sql, lock)
        } else {
            let drops: Vec<String> =
                ours.iter().map(|column| format!("DROP COLUMN {}", quote::identifier(column))).collect();
            (vec![format!("ALTER TABLE {} {}", table.name, drops.join(", "))], Lock::AccessExclusive)
        };
        self.push(action, &table.name, sql, Some(lock));
    }

    fn is_our_column(&self, table: &QualifiedName, column: &str) -> bool {
        let column = self.state.table(table).and_then(|table| table.column(column));
        column.is_some_and(ColumnState::is_ours)
    }

    fn drop_triggers(&mut self, site: &Site, table: &TableState) {
        let function = name::function(site);
        let ours = table.triggers.iter().filter(|trigger| trigger.function == function);
        let sql = ours
            .map(|trigger| format!("DROP TRIGGER {} ON {}", quote::identifier(&trigger.name), table.name));
        let sql = sql.collect();
        self.push(Action::DropTriggers, &table.name, sql, Some(Lock::AccessExclusive));
    }

    fn new_function(&self, site: &Site) -> Vec<String> {
        let mut sql = triggers::function(site);
        sql.extend(self.owner_of_function(&name::function(site), site));
        sql
    }

    /// The owner of the counters, who may write them, owns what writes them.
    fn owner_of_function(&self, function: &QualifiedName, site: &Site) -> Option<String> {
        let owner = self.other_owner(site)?;
        Some(format!("ALTER FUNCTION {function}() OWNER TO {}", quote::identifier(owner)))
    }

    fn owner_of_table(&self, table: &QualifiedName, site: &Site) -> Option<String> {
        let owner = self.other_owner(site)?;
        Some(format!("ALTER TABLE {table} OWNER TO {}", quote::identifier(owner)))
    }

    /// The owner of what is made, where it is not perfkit's own role.
    fn other_owner(&self, site: &Site) -> Option<&str> {
        let owned = if site.is_side() { &site.child } else { &site.parent };
        let table = self.state.table(owned)?;
        Some(table.owner.as_str()).filter(|owner| *owner != self.state.role)
    }

    fn push(&mut self, action: Action, on: &QualifiedName, sql: Vec<String>, lock: Option<Lock>) {
        self.steps.push(Step { action, on: on.clone(), sql, lock });
    }
}

fn trigger_sql(site: &Site, table: &QualifiedName) -> Vec<String> {
    triggers::triggers(site, table).into_iter().map(|trigger| trigger.sql).collect()
}

fn has_trigger(table: &TableState, wanted: &Trigger, function: &QualifiedName) -> bool {
    table.trigger(&wanted.name).is_some_and(|there| there.is_enabled && there.function == *function)
}

/// Whether a guard is about pending changes.
fn is_of_pending(site: &Site, guard: &Guard) -> bool {
    let inline = Site { mode: Mode::Inline, guard: true, ..site.clone() };
    !guards(&inline).iter().any(|it| it.function == guard.function)
}

fn comment(table: &QualifiedName, column: &str, text: &str) -> String {
    format!("COMMENT ON COLUMN {table}.{} IS {text}", quote::identifier(column))
}

fn commented_table(table: &QualifiedName) -> String {
    format!("COMMENT ON TABLE {table} IS {}", quote::quote_literal(COMMENT))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
