//! Expressions of one table's columns, and what an expression reads.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Visit, Visitor, visit_expressions, visit_expressions_mut};

use super::scope::{Name, Output, Reach, Relation, Scope, Source};
use super::types::Operand;
use super::{Role, Walk, canonical, volatility};
use crate::query::scope::fold;

/// An expression of the columns of one use of a table.
#[derive(Clone)]
pub(super) struct Resolved {
    pub(super) use_index: usize,
    pub(super) operand: Operand,
    /// With the table's own column names, unqualified.
    pub(super) expr: Expr,
    /// Whether the table belongs to a query around the current one.
    pub(super) is_outer: bool,
    pub(super) reach: Reach,
}

/// What an expression reads, the queries in it included.
#[derive(Clone, Default)]
pub(super) struct Reads {
    pub(super) uses: BTreeSet<usize>,
    /// Whether it reads relations that are no tables.
    pub(super) reads_others: bool,
    pub(super) is_volatile: bool,
}

impl Reads {
    /// Whether the value is the same for all rows of all relations.
    pub(super) fn is_fixed(&self) -> bool {
        self.uses.is_empty() && !self.reads_others && !self.is_volatile
    }
}

impl Walk<'_> {
    /// Returns the operand that an expression is, once for each branch of a UNION ALL that its columns come from.
    pub(super) fn operands(&self, expr: &Expr, scope: &Scope) -> Vec<Resolved> {
        let mut names: Vec<(Vec<Source>, bool)> = Vec::new();
        let is_known = visit_expressions(expr, |expr| {
            let Some(parts) = name_parts(expr) else { return ControlFlow::Continue(()) };
            match scope.resolve(parts, self.relations) {
                Name::Column { sources, is_outer } => {
                    names.push((sources, is_outer));
                    ControlFlow::Continue(())
                }
                Name::Row(_) | Name::Unknown(_) => ControlFlow::Break(()),
            }
        })
        .is_continue();
        let Some((first, is_outer)) = names.first().filter(|_| is_known) else { return Vec::new() };
        let mut uses: Vec<usize> = Vec::new();
        for source in first {
            let is_everywhere = names
                .iter()
                .all(|(sources, _)| sources.iter().any(|other| other.use_index == source.use_index));
            if is_everywhere && !uses.contains(&source.use_index) {
                uses.push(source.use_index);
            }
        }
        uses.into_iter()
            .filter_map(|use_index| self.operand_of_use(expr, scope, use_index, *is_outer))
            .collect()
    }

    fn operand_of_use(
        &self,
        expr: &Expr,
        scope: &Scope,
        use_index: usize,
        is_outer: bool,
    ) -> Option<Resolved> {
        let mut expr = expr.clone();
        let mut reach = Reach::Full;
        let _ = visit_expressions_mut(&mut expr, |expr| {
            if let Some(parts) = name_parts(expr)
                && let Name::Column { sources, .. } = scope.resolve(parts, self.relations)
                && let Some(source) = sources.into_iter().find(|source| source.use_index == use_index)
            {
                reach = reach.min(source.reach);
                *expr = source.expr;
            }
            ControlFlow::<()>::Continue(())
        });
        let operand = operand(&expr)?;
        let table = &self.uses[use_index].table;
        let type_of = |expr: &Expr| match expr {
            Expr::Identifier(name) => self.relations.column_type(table, &fold(name)),
            _ => None,
        };
        let is_stable_only = visit_expressions(&expr, |expr| {
            if volatility::depends_on_session(expr, &type_of) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .is_break();
        (!is_stable_only).then_some(Resolved { use_index, operand, expr, is_outer, reach })
    }

    /// Returns the uses and operands that an expression stands for.
    pub(super) fn operand_keys(&self, expr: &Expr, scope: &Scope) -> Vec<(usize, Operand)> {
        let of = self.operands(expr, scope).into_iter().filter(|resolved| !resolved.is_outer);
        of.map(|resolved| (resolved.use_index, resolved.operand)).collect()
    }

    /// Notes every column that an expression names, walks the queries in it, and returns what it depends on. To be
    /// called once for each expression.
    pub(super) fn read(&mut self, expr: &Expr, scope: &Scope) -> Reads {
        let mut parts = Parts::default();
        let ControlFlow::Continue(()) = expr.visit(&mut parts);
        let mut reads = self.read_names(&parts.names, scope);
        reads.is_volatile = parts.is_volatile;
        self.parameters_in(expr, scope);
        for (query, role) in &parts.queries {
            let around = std::mem::take(&mut self.outer_uses);
            self.query(query, Some(scope), *role);
            reads.uses.extend(&self.outer_uses);
            self.outer_uses.extend(around);
        }
        reads
    }

    /// Notes the columns that an expression names, where all else in it was read elsewhere.
    pub(super) fn read_again(&mut self, expr: &Expr, scope: &Scope) {
        let mut parts = Parts::default();
        let ControlFlow::Continue(()) = expr.visit(&mut parts);
        self.read_names(&parts.names, scope);
    }

    fn read_names(&mut self, names: &[Vec<Ident>], scope: &Scope) -> Reads {
        let mut reads = Reads::default();
        for name in names {
            match scope.resolve(name, self.relations) {
                Name::Column { sources, is_outer } => {
                    reads.reads_others |= sources.is_empty();
                    for source in &sources {
                        self.mark(source);
                        reads.uses.insert(source.use_index);
                        if is_outer {
                            self.outer_uses.insert(source.use_index);
                        }
                    }
                }
                Name::Row(relation) => {
                    self.mark_row(&relation);
                    reads.uses.extend(relation.uses());
                    reads.reads_others |= relation.uses().is_empty();
                }
                Name::Unknown(relations) => {
                    for relation in &relations {
                        self.mark_row(relation);
                        reads.uses.extend(relation.uses());
                    }
                }
            }
        }
        reads
    }

    fn mark(&mut self, source: &Source) {
        if let Some(columns) = &mut self.uses[source.use_index].columns {
            columns.extend(columns_of(&source.expr));
        }
    }

    /// Notes that whole rows of a relation are read.
    pub(super) fn mark_row(&mut self, relation: &Relation) {
        match relation {
            Relation::Table { use_index, .. } => self.uses[*use_index].columns = None,
            Relation::Query(outputs) => self.mark_outputs(outputs),
            Relation::Opaque => {}
        }
    }

    pub(super) fn mark_outputs(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Column { sources, .. } => sources.iter().for_each(|source| self.mark(source)),
                Output::All(relation) => self.mark_row(relation),
            }
        }
    }
}

/// Returns what an expression of one table's columns is to an index.
fn operand(expr: &Expr) -> Option<Operand> {
    if let Expr::Identifier(name) = expr {
        return Some(Operand::Column(fold(name)));
    }
    let sql = canonical::index_expression(expr)?;
    Some(Operand::Expression { sql, columns: columns_of(expr) })
}

/// Returns the use and operand of an output column.
pub(super) fn of_source(source: &Source) -> Option<(usize, Operand)> {
    Some((source.use_index, operand(&source.expr)?))
}

/// Returns the columns that an expression with plain names reads, once each.
fn columns_of(expr: &Expr) -> Vec<String> {
    let mut columns = Vec::new();
    let _ = visit_expressions(expr, |expr| {
        if let Expr::Identifier(name) = expr {
            super::push_new(&mut columns, fold(name));
        }
        ControlFlow::<()>::Continue(())
    });
    columns
}

/// Returns the parts of a column's name.
fn name_parts(expr: &Expr) -> Option<&[Ident]> {
    match expr {
        Expr::Identifier(name) => Some(std::slice::from_ref(name)),
        Expr::CompoundIdentifier(parts) => Some(parts),
        _ => None,
    }
}

/// The names, queries and functions of an expression, without those inside its queries.
#[derive(Default)]
struct Parts {
    names: Vec<Vec<Ident>>,
    queries: Vec<(Query, Role)>,
    is_volatile: bool,
    depth: usize,
    /// Whether the next query is that of an EXISTS.
    is_exists: bool,
}

impl Visitor for Parts {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        if self.depth == 0 {
            let role =
                if self.is_exists { Role { is_joined: false, ..Role::EXISTS } } else { Role::STATEMENT };
            self.queries.push((query.clone(), role));
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        self.is_exists = matches!(expr, Expr::Exists { .. });
        if let Some(parts) = name_parts(expr) {
            self.names.push(parts.to_vec());
        }
        if let Expr::Function(function) = expr {
            self.is_volatile |= volatility::is_volatile(&volatility::name(function));
        }
        ControlFlow::Continue(())
    }
}
