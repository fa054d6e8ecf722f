//! FROM items: tables, views, derived tables and WITH queries, and what their joins restrict.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator,
    ObjectName, Query, SetExpr, TableFactor, TableWithJoins, Visit, Visitor,
};

use super::condition::Conjunct;
use super::scope::{Entry, Output, Relation, Scope};
use super::{Role, Walk, normal, passes_rows_on};
use crate::query::scope::{TableName, fold, table_name};

/// How deep views are looked through: more than any schema nests them, and an end for wrong definitions.
const MAX_VIEW_DEPTH: usize = 16;

/// Which sides of a join its ON clause restricts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Left,
    Right,
    Neither,
}

impl Walk<'_> {
    /// Walks the queries of a WITH clause. Those that the server inlines keep the way back to their tables.
    pub(super) fn with(&mut self, with: &ast::With, query: &Query, scope: &mut Scope) {
        for cte in &with.cte_tables {
            let name = fold(&cte.alias.name);
            let n_references = references(query, &name);
            let place = self.ctes.len();
            let is_read = matches!(
                *cte.query.body,
                SetExpr::Select(_) | SetExpr::SetOperation { .. } | SetExpr::Query(_) | SetExpr::Values(_)
            );
            if n_references == 0 && is_read {
                continue;
            }
            let is_recursive = with.recursive && references(&cte.query, &name) > 0;
            if is_recursive {
                self.ctes.push(Vec::new());
                scope.add_cte(&cte.alias.name, place);
                let relation = self.query(&cte.query, Some(scope), Role::STATEMENT);
                self.ctes[place] = vec![computed(relation, &cte.alias)];
                continue;
            }
            let is_inlined = is_read
                && match cte.materialized {
                    Some(ast::CteAsMaterialized::Materialized) => false,
                    Some(ast::CteAsMaterialized::NotMaterialized) => true,
                    None => n_references == 1,
                };
            let role =
                Role { is_limited: takes_first_rows_of(query, &name), is_joined: false, ..Role::FROM_ITEM };
            let mut relations = Vec::new();
            for _ in 0..if is_inlined { n_references } else { 1 } {
                let role = if is_inlined { role } else { Role::STATEMENT };
                let relation = self.query(&cte.query, Some(scope), role);
                relations.push(if is_inlined {
                    renamed(relation, &cte.alias)
                } else {
                    computed(relation, &cte.alias)
                });
            }
            relations.reverse();
            self.ctes.push(relations);
            scope.add_cte(&cte.alias.name, place);
        }
    }

    /// Adds a FROM item to the scope and returns the conditions of its joins.
    pub(super) fn add_from_item(
        &mut self,
        item: &TableWithJoins,
        scope: &mut Scope,
        is_limited: bool,
    ) -> Vec<Conjunct> {
        let start = scope.entries.len();
        let mut conjuncts = self.factor(&item.relation, scope, is_limited);
        for join in &item.joins {
            let middle = scope.entries.len();
            conjuncts.extend(self.factor(&join.relation, scope, false));
            let (constraint, side) = join_kind(&join.join_operator);
            let left = uses_of(&scope.entries[start..middle]);
            let right = uses_of(&scope.entries[middle..]);
            let restricts = match side {
                Side::Both => None,
                Side::Left => Some(left.clone()),
                Side::Right => Some(right.clone()),
                Side::Neither => Some(BTreeSet::new()),
            };
            let expressions = match constraint {
                Some(JoinConstraint::On(expr)) => vec![expr.clone()],
                Some(JoinConstraint::Using(names)) => {
                    let names = names.iter().filter_map(table_name).map(|name| name.name).collect();
                    self.equal_columns(names, &scope.entries[start..middle], &scope.entries[middle..])
                }
                Some(JoinConstraint::Natural) => {
                    let names = self.column_names(&scope.entries[middle..]);
                    self.equal_columns(names, &scope.entries[start..middle], &scope.entries[middle..])
                }
                _ => Vec::new(),
            };
            let nullable = self.nullable.clone();
            conjuncts.extend(expressions.into_iter().map(|expr| Conjunct {
                expr,
                restricts: restricts.clone(),
                nullable: nullable.clone(),
            }));
            match side {
                Side::Both => {}
                Side::Left => self.nullable.extend(left),
                Side::Right => self.nullable.extend(right),
                Side::Neither => self.nullable.extend(left.into_iter().chain(right)),
            }
        }
        conjuncts
    }

    fn column_names(&self, entries: &[Entry]) -> Vec<String> {
        let outputs = entries.iter().flat_map(|entry| entry.relation.outputs(self.relations));
        outputs.filter_map(|output| output.name().map(str::to_owned)).collect()
    }

    /// Returns `a.column = b.column` for each of the columns that both sides have.
    fn equal_columns(&self, names: Vec<String>, left: &[Entry], right: &[Entry]) -> Vec<Expr> {
        let qualified = |entries: &[Entry], column: &str| {
            let has = |is_qualified| {
                move |entry: &&Entry| entry.relation.column(column, self.relations, is_qualified).is_some()
            };
            let entry = entries.iter().find(has(false)).or_else(|| entries.iter().find(has(true)))?;
            let parts = [&entry.alias, column].map(|part| Ident::with_quote('"', part));
            Some(Box::new(Expr::CompoundIdentifier(parts.to_vec())))
        };
        names
            .into_iter()
            .filter_map(|column| {
                let (left, right) = (qualified(left, &column)?, qualified(right, &column)?);
                Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })
            })
            .collect()
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope, is_limited: bool) -> Vec<Conjunct> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let Some(table) = table_name(name) else { return Vec::new() };
                let relation = self.named(&table, scope, is_limited);
                self.add_entry(relation, alias.as_ref(), Some(&table.name), scope);
            }
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                self.arguments(&args.args, scope);
                self.add_entry(Relation::Opaque, alias.as_ref(), last_name(name).as_deref(), scope);
            }
            TableFactor::Function { name, args, alias, .. } => {
                self.arguments(args, scope);
                self.add_entry(Relation::Opaque, alias.as_ref(), last_name(name).as_deref(), scope);
            }
            TableFactor::Derived { subquery, alias, lateral, .. } => {
                let role = Role { is_limited, is_joined: *lateral, ..Role::FROM_ITEM };
                let relation = self.query(subquery, Some(scope), role);
                self.add_entry(relation, alias.as_ref(), None, scope);
            }
            TableFactor::UNNEST { alias, array_exprs, .. } => {
                for expr in array_exprs {
                    self.read(expr, scope);
                }
                self.add_entry(Relation::Opaque, alias.as_ref(), Some("unnest"), scope);
            }
            TableFactor::TableFunction { expr, alias } => {
                self.read(expr, scope);
                self.add_entry(Relation::Opaque, alias.as_ref(), None, scope);
            }
            TableFactor::JsonTable { json_expr, alias, .. } => {
                self.read(json_expr, scope);
                self.add_entry(Relation::Opaque, alias.as_ref(), None, scope);
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let start = scope.entries.len();
                let conjuncts = self.add_from_item(table_with_joins, scope, false);
                if let Some(alias) = alias {
                    // The conditions inside go by the names inside; outside there is one name.
                    self.conditions(conjuncts, scope);
                    let inner = scope.entries.split_off(start);
                    let outputs =
                        inner.iter().flat_map(|entry| entry.relation.outputs(self.relations)).collect();
                    self.add_entry(Relation::Query(outputs), Some(alias), None, scope);
                    return Vec::new();
                }
                return conjuncts;
            }
            _ => self.add_entry(Relation::Opaque, None, None, scope),
        }
        Vec::new()
    }

    fn arguments(&mut self, arguments: &[FunctionArg], scope: &Scope) {
        for argument in arguments {
            let (FunctionArg::Unnamed(arg)
            | FunctionArg::Named { arg, .. }
            | FunctionArg::ExprNamed { arg, .. }) = argument;
            if let FunctionArgExpr::Expr(expr) = arg {
                self.read(expr, scope);
            }
        }
    }

    /// Returns what a name in FROM stands for: a WITH query, a view or a table.
    fn named(&mut self, table: &TableName, scope: &Scope, is_limited: bool) -> Relation {
        if let Some(place) = scope.cte(table) {
            let relations = &mut self.ctes[place];
            // The last one serves all references that were not counted.
            let relation = if relations.len() > 1 { relations.pop() } else { relations.first().cloned() };
            return relation.unwrap_or(Relation::Opaque);
        }
        if let Some(relation) = self.view(table, is_limited) {
            return relation;
        }
        let use_index = self.add_use(table.clone());
        Relation::Table { name: table.clone(), use_index }
    }

    /// Walks the query of a view. It knows no names of the statement.
    fn view(&mut self, name: &TableName, is_limited: bool) -> Option<Relation> {
        if self.view_depth >= MAX_VIEW_DEPTH {
            return None;
        }
        let parsed = crate::query::parse(self.relations.view(name)?).ok()?;
        let ast::Statement::Query(mut query) = parsed.statement else { return None };
        normal::normalize(&mut query);
        self.view_depth += 1;
        let role = Role { is_limited, is_joined: false, ..Role::FROM_ITEM };
        let relation = self.query(&query, None, role);
        self.view_depth -= 1;
        Some(relation)
    }

    fn add_entry(
        &mut self,
        relation: Relation,
        alias: Option<&ast::TableAlias>,
        name: Option<&str>,
        scope: &mut Scope,
    ) {
        let relation = match alias {
            Some(alias) if !alias.columns.is_empty() && !matches!(relation, Relation::Opaque) => {
                renamed(Relation::Query(relation.outputs(self.relations)), alias)
            }
            _ => relation,
        };
        // No name in SQL holds an asterisk alone, so what has no alias cannot be meant.
        let nameless = || format!("*{}", scope.entries.len());
        let alias = alias.map(|alias| fold(&alias.name)).or_else(|| name.map(str::to_owned));
        let alias = alias.unwrap_or_else(nameless);
        scope.entries.push(Entry { alias, relation });
    }
}

/// Returns the relation of a query that is computed by itself, whatever is asked of it outside.
fn computed(relation: Relation, alias: &ast::TableAlias) -> Relation {
    match renamed(relation, alias) {
        Relation::Query(outputs) => Relation::Query(outputs.into_iter().map(Output::opaque).collect()),
        other => other,
    }
}

/// Gives output columns the names of an alias' column list.
fn renamed(relation: Relation, alias: &ast::TableAlias) -> Relation {
    let Relation::Query(mut outputs) = relation else { return relation };
    for (output, column) in outputs.iter_mut().zip(&alias.columns) {
        match output {
            Output::Column { name, .. } => *name = fold(&column.name),
            // From here on, what stands where is not known.
            Output::All(_) => return Relation::Opaque,
        }
    }
    Relation::Query(outputs)
}

fn uses_of(entries: &[Entry]) -> BTreeSet<usize> {
    entries.iter().flat_map(|entry| entry.relation.uses()).collect()
}

fn last_name(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(|part| part.as_ident()).map(fold)
}

/// Returns a join's constraint and the sides that it restricts.
fn join_kind(operator: &JoinOperator) -> (Option<&JoinConstraint>, Side) {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::StraightJoin(constraint) => (Some(constraint), Side::Both),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            (Some(constraint), Side::Right)
        }
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            (Some(constraint), Side::Left)
        }
        JoinOperator::FullOuter(constraint) => (Some(constraint), Side::Neither),
        _ => (None, Side::Both),
    }
}

/// Counts the places where a query names a relation without a schema.
fn references(query: &Query, name: &str) -> usize {
    struct Counter<'n> {
        name: &'n str,
        found: usize,
    }
    impl Visitor for Counter<'_> {
        type Break = std::convert::Infallible;
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
            if let TableFactor::Table { name, args: None, .. } = factor
                && table_name(name).is_some_and(|name| name.schema.is_none() && name.name == self.name)
            {
                self.found += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut counter = Counter { name, found: 0 };
    let ControlFlow::Continue(()) = query.visit(&mut counter);
    counter.found
}

/// Whether a query with a LIMIT and no order of its own returns the rows of this WITH query as they come.
fn takes_first_rows_of(query: &Query, name: &str) -> bool {
    let is_cut = query.limit_clause.is_some() || query.fetch.is_some();
    let SetExpr::Select(select) = &*query.body else { return false };
    let [TableWithJoins { relation: TableFactor::Table { name: table, .. }, .. }] = &select.from[..] else {
        return false;
    };
    is_cut && query.order_by.is_none() && passes_rows_on(select) && last_name(table).as_deref() == Some(name)
}
