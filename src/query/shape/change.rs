//! INSERT, UPDATE, DELETE and MERGE: which rows they look for, and what they write.

use std::collections::BTreeSet;

use sqlparser::ast::{
    self, Assignment, AssignmentTarget, Delete, Expr, FromTable, Insert, Merge, MergeAction, MergeClauseKind,
    MergeInsertKind, MergeUpdateKind, ObjectName, Query, SelectItem, SetExpr, Statement, TableFactor,
    TableObject, TableWithJoins, Update, UpdateTableFromKind, Visit, Visitor,
};
use std::ops::ControlFlow;

use super::condition::Conjunct;
use super::scope::{Entry, Output, Relation, Scope};
use super::types::Write;
use super::{Role, Walk};
use crate::query::scope::{TableName, fold, table_name};
use crate::workload::StatementKind;

/// Returns the tables that a statement changes, those of its WITH queries included.
pub(in crate::query) fn writes(statement: &Statement) -> Vec<Write> {
    struct Writes(Vec<Write>);
    impl Visitor for Writes {
        type Break = std::convert::Infallible;
        fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Self::Break> {
            self.0.extend(own_writes(statement));
            ControlFlow::Continue(())
        }
    }
    let mut writes = Writes(Vec::new());
    let ControlFlow::Continue(()) = statement.visit(&mut writes);
    writes.0
}

fn own_writes(statement: &Statement) -> Vec<Write> {
    let write = |table: Option<TableName>, kind, columns| {
        table.map(|table| Write { table, kind, columns, arbiter: None })
    };
    match statement {
        Statement::Insert(insert) => {
            let table = target_name(insert);
            let columns = insert.columns.iter().filter_map(column_name).collect();
            let updated = conflict(insert).map(|update| assigned_columns(&update.assignments));
            let inserted = write(table.clone(), StatementKind::Insert, columns);
            let inserted = inserted.map(|write| Write { arbiter: arbiter(insert), ..write });
            let updated = updated.and_then(|columns| write(table, StatementKind::Update, columns));
            inserted.into_iter().chain(updated).collect()
        }
        Statement::Update(update) => {
            let columns = assigned_columns(&update.assignments);
            write(factor_name(&update.table.relation), StatementKind::Update, columns).into_iter().collect()
        }
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            let table = from.first().and_then(|item| factor_name(&item.relation));
            write(table, StatementKind::Delete, Vec::new()).into_iter().collect()
        }
        Statement::Merge(merge) => {
            let table = factor_name(&merge.table);
            merge
                .clauses
                .iter()
                .filter_map(|clause| match &clause.action {
                    MergeAction::Insert(insert) => {
                        let columns = insert.columns.iter().filter_map(column_name).collect();
                        write(table.clone(), StatementKind::Insert, columns)
                    }
                    MergeAction::Update(update) => {
                        let columns = match &update.kind {
                            MergeUpdateKind::Set(assignments) => assigned_columns(assignments),
                            MergeUpdateKind::Wildcard => Vec::new(),
                        };
                        write(table.clone(), StatementKind::Update, columns)
                    }
                    MergeAction::Delete { .. } => write(table.clone(), StatementKind::Delete, Vec::new()),
                    MergeAction::DoNothing { .. } => None,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

impl Walk<'_> {
    pub(super) fn statement(&mut self, statement: &Statement, outer: Option<&Scope>) {
        match statement {
            Statement::Query(query) => {
                self.query(query, outer, Role::STATEMENT);
            }
            Statement::Insert(insert) => self.insert(insert, outer),
            Statement::Update(update) => self.update(update, outer),
            Statement::Delete(delete) => self.delete(delete, outer),
            Statement::Merge(merge) => self.merge(merge, outer),
            Statement::Explain { statement, .. } | Statement::Prepare { statement, .. } => {
                self.statement(statement, outer);
            }
            Statement::CreateTable(table) => {
                if let Some(query) = &table.query {
                    self.query(query, outer, Role::STATEMENT);
                }
            }
            _ => {}
        }
    }

    fn insert(&mut self, insert: &Insert, outer: Option<&Scope>) {
        let Some(table) = target_name(insert) else { return };
        let columns = if insert.columns.is_empty() {
            self.relations.columns(&table).unwrap_or_default()
        } else {
            insert.columns.iter().filter_map(column_name).collect()
        };
        if let Some(source) = &insert.source {
            self.inserted(&table, &columns, source);
            self.query(source, outer, Role::STATEMENT);
        }
        // The new row and the one in its way go by names, but nothing is searched for.
        let mut scope = Scope::new(outer);
        let alias =
            insert.table_alias.as_ref().map_or_else(|| table.name.clone(), |alias| fold(&alias.alias));
        for alias in [alias, "excluded".to_owned()] {
            let use_index = self.add_use(table.clone());
            self.hidden.insert(use_index);
            scope.entries.push(Entry { alias, relation: Relation::Table { name: table.clone(), use_index } });
        }
        if let Some(update) = conflict(insert) {
            self.assign(&update.assignments, Some(&table), &scope);
            if let Some(expr) = &update.selection {
                self.read(expr, &scope);
            }
        }
        self.returning(insert.returning.as_ref(), &scope);
    }

    /// Notes the parameters that become values of a new row.
    fn inserted(&mut self, table: &TableName, columns: &[String], source: &Query) {
        let mut row = |values: &mut dyn Iterator<Item = &Expr>| {
            for (column, value) in columns.iter().zip(values) {
                self.stored_parameters(table, column, value);
            }
        };
        match &*source.body {
            SetExpr::Values(values) => values.rows.iter().for_each(|values| row(&mut values.iter())),
            SetExpr::Select(select) => {
                let is_plain = |item: &SelectItem| {
                    matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
                };
                if select.projection.iter().all(is_plain) {
                    row(&mut super::projected(select));
                }
            }
            _ => {}
        }
    }

    fn update(&mut self, update: &Update, outer: Option<&Scope>) {
        let mut scope = Scope::new(outer);
        let mut conjuncts = self.target(&update.table, &mut scope);
        if let Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) = &update.from
        {
            for item in from {
                conjuncts.extend(self.add_from_item(item, &mut scope, false));
            }
        }
        conjuncts.extend(update.selection.iter().map(|expr| self.conjunct(expr.clone())));
        self.conditions(conjuncts, &scope);
        let table = factor_name(&update.table.relation);
        self.assign(&update.assignments, table.as_ref(), &scope);
        self.returning(update.returning.as_ref(), &scope);
    }

    fn delete(&mut self, delete: &Delete, outer: Option<&Scope>) {
        let mut scope = Scope::new(outer);
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let mut conjuncts = Vec::new();
        for item in from {
            conjuncts.extend(self.target(item, &mut scope));
        }
        for item in delete.using.iter().flatten() {
            conjuncts.extend(self.add_from_item(item, &mut scope, false));
        }
        conjuncts.extend(delete.selection.iter().map(|expr| self.conjunct(expr.clone())));
        self.conditions(conjuncts, &scope);
        self.returning(delete.returning.as_ref(), &scope);
    }

    fn merge(&mut self, merge: &Merge, outer: Option<&Scope>) {
        let mut scope = Scope::new(outer);
        let item = |relation: &TableFactor| TableWithJoins { relation: relation.clone(), joins: Vec::new() };
        let mut conjuncts = self.target(&item(&merge.table), &mut scope);
        let uses = |scope: &Scope, from: usize| -> BTreeSet<usize> {
            scope.entries[from..].iter().flat_map(|entry| entry.relation.uses()).collect()
        };
        let targets = uses(&scope, 0);
        let n_targets = scope.entries.len();
        conjuncts.extend(self.add_from_item(&item(&merge.source), &mut scope, false));
        let sources = uses(&scope, n_targets);
        let has = |wanted: &[MergeClauseKind]| {
            merge.clauses.iter().any(|clause| wanted.contains(&clause.clause_kind))
        };
        let inserts = has(&[MergeClauseKind::NotMatched, MergeClauseKind::NotMatchedByTarget]);
        let keeps_targets = has(&[MergeClauseKind::NotMatchedBySource]);
        // Rows without a match are wanted, as in an outer join.
        let restricts = match (inserts, keeps_targets) {
            (false, false) => None,
            (true, false) => Some(targets),
            (false, true) => Some(sources),
            (true, true) => Some(BTreeSet::new()),
        };
        let nullable = self.nullable.clone();
        conjuncts.push(Conjunct { expr: (*merge.on).clone(), restricts, nullable });
        self.conditions(conjuncts, &scope);
        let table = factor_name(&merge.table);
        for clause in &merge.clauses {
            if let Some(expr) = &clause.predicate {
                self.read(expr, &scope);
            }
            match &clause.action {
                MergeAction::Update(update) => {
                    if let MergeUpdateKind::Set(assignments) = &update.kind {
                        self.assign(assignments, table.as_ref(), &scope);
                    }
                }
                MergeAction::Insert(insert) => {
                    let columns: Vec<String> = insert.columns.iter().filter_map(column_name).collect();
                    if let MergeInsertKind::Values(values) = &insert.kind {
                        for row in &values.rows {
                            for (i, value) in row.iter().enumerate() {
                                self.read(value, &scope);
                                if let (Some(table), Some(column)) = (&table, columns.get(i)) {
                                    self.stored_parameters(table, column, value);
                                }
                            }
                        }
                    }
                }
                MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
            }
        }
    }

    /// Adds the changed table to the scope.
    fn target(&mut self, item: &TableWithJoins, scope: &mut Scope) -> Vec<Conjunct> {
        let start = scope.entries.len();
        let conjuncts = self.add_from_item(item, scope, false);
        let uses = scope.entries.get(start).map(|entry| entry.relation.uses()).unwrap_or_default();
        for use_index in uses {
            self.uses[use_index].is_written = true;
            self.uses[use_index].columns = None;
        }
        conjuncts
    }

    fn assign(&mut self, assignments: &[Assignment], table: Option<&TableName>, scope: &Scope) {
        for assignment in assignments {
            self.read(&assignment.value, scope);
            let Some(table) = table else { continue };
            match (&assignment.target, &assignment.value) {
                (AssignmentTarget::ColumnName(name), value) => {
                    if let Some(column) = column_name(name) {
                        self.stored_parameters(table, &column, value);
                    }
                }
                (AssignmentTarget::Tuple(names), Expr::Tuple(values)) => {
                    for (name, value) in names.iter().zip(values) {
                        if let Some(column) = column_name(name) {
                            self.stored_parameters(table, &column, value);
                        }
                    }
                }
                (AssignmentTarget::Tuple(_), _) => {}
            }
        }
    }

    fn returning(&mut self, items: Option<&Vec<SelectItem>>, scope: &Scope) {
        for item in items.into_iter().flatten() {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                self.read(expr, scope);
            } else {
                let outputs: Vec<Output> =
                    scope.entries.iter().flat_map(|entry| entry.relation.outputs(self.relations)).collect();
                self.mark_outputs(&outputs);
            }
        }
    }
}

fn target_name(insert: &Insert) -> Option<TableName> {
    match &insert.table {
        TableObject::TableName(name) => table_name(name),
        _ => None,
    }
}

fn factor_name(factor: &TableFactor) -> Option<TableName> {
    match factor {
        TableFactor::Table { name, .. } => table_name(name),
        _ => None,
    }
}

fn conflict(insert: &Insert) -> Option<&ast::DoUpdate> {
    match &insert.on {
        Some(ast::OnInsert::OnConflict(ast::OnConflict {
            action: ast::OnConflictAction::DoUpdate(update),
            ..
        })) => Some(update),
        _ => None,
    }
}

/// The constraint that decides what a conflict is, where the statement names one.
fn arbiter(insert: &Insert) -> Option<String> {
    match &insert.on {
        Some(ast::OnInsert::OnConflict(ast::OnConflict {
            conflict_target: Some(ast::ConflictTarget::OnConstraint(name)),
            ..
        })) => column_name(name),
        _ => None,
    }
}

fn assigned_columns(assignments: &[Assignment]) -> Vec<String> {
    let names = assignments.iter().flat_map(|assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
        AssignmentTarget::Tuple(names) => names,
    });
    names.filter_map(column_name).collect()
}

/// Returns the column that is set: the first part, as `pos.x = 1` sets a field of column `pos`.
fn column_name(name: &ObjectName) -> Option<String> {
    name.0.first().and_then(|part| part.as_ident()).map(fold)
}
