//! What a statement asks of each table: the conditions, joins and orders that an index can serve.
//!
//! The walk follows the planner where it matters to indexes: views, derived tables and WITH queries are looked through
//! where the server would pull them up or push a condition down into them (manual, "WITH Queries";
//! `src/backend/optimizer/prep/prepjointree.c`, `path/allpaths.c`), values are handed on through equalities, and
//! conditions on the preserved side of an outer join do not restrict it.

mod alternatives;
mod canonical;
mod change;
mod condition;
mod conjuncts;
mod equivalence;
mod from;
mod keyset;
mod normal;
mod operand;
mod operator;
mod order;
mod parameter;
mod pattern;
mod scope;
#[cfg(test)]
mod tests;
mod types;
mod volatility;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Expr, GroupByExpr, LimitClause, OrderByKind, Query, Select, SelectItem, SetExpr, SetOperator,
    SetQuantifier, Statement, Visit, Visitor,
};

use super::scope::{Relations, TableName, fold};
use condition::Conjunct;
use equivalence::{Constant, Equality};
use scope::{Output, Reach, Relation, Scope, Source};

pub(crate) use canonical::same_expression;
pub(super) use change::writes;
pub(super) use conjuncts::conjuncts;
pub(super) use order::output as sorted_expression;
pub(crate) use types::{
    Bound, Condition, Notation, Operand, Order, ParameterUse, SortItem, StatementShape, TableUse, Test, Write,
};

/// Reads off what `statement` asks of each table.
pub(super) fn shape(statement: &Statement, relations: &dyn Relations) -> StatementShape {
    let mut statement = statement.clone();
    normal::normalize(&mut statement);
    let mut walk = Walk {
        relations,
        uses: Vec::new(),
        hidden: BTreeSet::new(),
        nullable: BTreeSet::new(),
        equalities: Vec::new(),
        constants: Vec::new(),
        outer_uses: BTreeSet::new(),
        ctes: Vec::new(),
        view_depth: 0,
        parameters: Vec::new(),
        typed_parameters: Vec::new(),
    };
    walk.statement(&statement, None);
    walk.finish()
}

struct Walk<'r> {
    relations: &'r dyn Relations,
    uses: Vec<TableUse>,
    /// Uses that only lend their names: targets of INSERT.
    hidden: BTreeSet<usize>,
    /// Uses on the nullable side of an outer join, as far as the FROM clause has been read.
    nullable: BTreeSet<usize>,
    equalities: Vec<Equality>,
    constants: Vec<Constant>,
    /// Uses of queries around the current one, which it named.
    outer_uses: BTreeSet<usize>,
    /// The relations of WITH queries, the next reference's last.
    ctes: Vec<Vec<Relation>>,
    view_depth: usize,
    parameters: Vec<ParameterUse>,
    /// Those of which only the type is known: they come after the others.
    typed_parameters: Vec<ParameterUse>,
}

/// How a query stands in the one around it.
#[derive(Clone, Copy)]
struct Role {
    outputs: Outputs,
    /// Whether only the first rows are taken from it.
    is_limited: bool,
    /// See [`Scope::is_joined`].
    is_joined: bool,
}

/// Who reads a query's output columns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outputs {
    /// The client, or a query that needs all of them.
    All,
    /// Whoever names them.
    Named,
    /// Nobody, as in EXISTS.
    None,
}

impl Role {
    const STATEMENT: Self = Self { outputs: Outputs::All, is_limited: false, is_joined: false };
    const FROM_ITEM: Self = Self { outputs: Outputs::Named, is_limited: false, is_joined: true };
    const EXISTS: Self = Self { outputs: Outputs::None, is_limited: false, is_joined: true };
    const IN: Self = Self { outputs: Outputs::All, is_limited: false, is_joined: true };
}

impl Walk<'_> {
    fn add_use(&mut self, table: TableName) -> usize {
        self.uses.push(TableUse::new(table));
        self.uses.len() - 1
    }

    fn finish(mut self) -> StatementShape {
        self.hand_on_constants();
        for i in 0..self.uses.len() {
            without_repeats(&mut self.uses[i].conditions);
            // A branch reads the same rows of the same table.
            if let Some(whole) = self.uses[i].branch_of {
                let columns = self.uses[whole].columns.clone();
                self.uses[i].columns = columns;
                self.uses[i].is_written = self.uses[whole].is_written;
            }
        }
        let is_hidden = |i: usize| self.hidden.contains(&i);
        let place = |i: usize| (0..i).filter(|i| !is_hidden(*i)).count();
        let uses = self
            .uses
            .iter()
            .enumerate()
            .filter(|(i, table_use)| !is_hidden(*i) && !table_use.branch_of.is_some_and(is_hidden))
            .map(|(_, table_use)| TableUse { branch_of: table_use.branch_of.map(place), ..table_use.clone() })
            .collect();
        self.parameters.append(&mut self.typed_parameters);
        without_repeats(&mut self.parameters);
        StatementShape { uses, parameters: self.parameters }
    }

    /// Walks a query and returns its output columns.
    fn query(&mut self, query: &Query, outer: Option<&Scope>, role: Role) -> Relation {
        let mut scope = Scope::new(outer);
        scope.is_joined = role.is_joined;
        if let Some(with) = &query.with {
            self.with(with, query, &mut scope);
        }
        let nobody = Scope::new(None);
        let is_limited = self.limit(query, outer.unwrap_or(&nobody));
        let order_by = match query.order_by.as_ref().map(|order_by| &order_by.kind) {
            Some(OrderByKind::Expressions(order_by)) => order_by.as_slice(),
            _ => &[],
        };
        let is_cut = is_limited || query.limit_clause.is_some();
        // Rows that are cut off or locked are what the query is about, whatever is asked of them outside.
        let reach = if is_cut || !query.locks.is_empty() {
            None
        } else if order_by.is_empty() {
            Some(Reach::Full)
        } else {
            Some(Reach::Filter)
        };
        let inner = Role { is_limited: is_limited || role.is_limited, ..role };
        let outputs = self.body(&query.body, &scope, order_by, inner, &query.locks);
        Relation::Query(self.limited_to(outputs, reach))
    }

    /// Narrows how far conditions on the outputs reach. What no condition reaches through is read here.
    fn limited_to(&mut self, outputs: Vec<Output>, reach: Option<Reach>) -> Vec<Output> {
        match reach {
            Some(Reach::Full) => outputs,
            Some(reach) => {
                let nameless = outputs.iter().filter(|output| output.name().is_none()).cloned();
                self.mark_outputs(&nameless.collect::<Vec<_>>());
                outputs.into_iter().map(|output| output.within(reach)).collect()
            }
            None => {
                self.mark_outputs(&outputs);
                outputs.into_iter().map(Output::opaque).collect()
            }
        }
    }

    fn body(
        &mut self,
        body: &SetExpr,
        outer: &Scope,
        order_by: &[ast::OrderByExpr],
        role: Role,
        locks: &[ast::LockClause],
    ) -> Vec<Output> {
        match body {
            SetExpr::Select(select) => self.select(select, outer, order_by, role, locks),
            SetExpr::Query(query) => {
                let Relation::Query(outputs) = self.query(query, Some(outer), role) else {
                    return Vec::new();
                };
                self.order_outputs(order_by, &outputs, role.is_limited);
                outputs
            }
            SetExpr::SetOperation { left, right, op, set_quantifier } => {
                let is_all = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
                let is_append = is_all && *op == SetOperator::Union;
                // Whoever compares whole rows reads all columns.
                let outputs = if is_append { role.outputs } else { Outputs::All };
                let arm =
                    Role { outputs, is_limited: role.is_limited && is_append && order_by.is_empty(), ..role };
                let left = self.body(left, outer, &[], arm, locks);
                let right = self.body(right, outer, &[], arm, locks);
                if !is_append {
                    self.group_outputs(&left);
                    self.group_outputs(&right);
                }
                let combined = self.combined(left, right);
                self.order_outputs(order_by, &combined, role.is_limited);
                let reach = match op {
                    SetOperator::Union if is_append => Some(Reach::Full),
                    SetOperator::Union | SetOperator::Intersect => Some(Reach::Filter),
                    SetOperator::Except | SetOperator::Minus => None,
                };
                self.limited_to(combined, reach)
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => {
                self.statement(statement, Some(outer));
                vec![Output::All(Relation::Opaque)]
            }
            SetExpr::Values(values) => {
                for value in values.rows.iter().flat_map(|row| row.iter()) {
                    self.read(value, outer);
                }
                vec![Output::All(Relation::Opaque)]
            }
            SetExpr::Table(table) => {
                let Some(name) = table.table_name.clone() else { return Vec::new() };
                let schema = table.schema_name.clone();
                let use_index = self.add_use(TableName { schema, name: name.clone() });
                let relation = Relation::Table { name: self.uses[use_index].table.clone(), use_index };
                self.mark_row(&relation);
                relation.outputs(self.relations)
            }
        }
    }

    /// Puts the branches of a set operation side by side. A branch that does not reach a table adds no source.
    fn combined(&mut self, left: Vec<Output>, right: Vec<Output>) -> Vec<Output> {
        let is_known = |outputs: &[Output]| outputs.iter().all(|output| output.name().is_some());
        if !is_known(&left) || !is_known(&right) || left.len() != right.len() {
            self.mark_outputs(&left);
            self.mark_outputs(&right);
            let opaque: Vec<Output> = left.into_iter().map(Output::opaque).collect();
            return opaque;
        }
        left.into_iter()
            .zip(right)
            .map(|(left, right)| match (left, right) {
                (Output::Column { name, sources: mut combined }, Output::Column { sources: more, .. }) => {
                    combined.extend(more);
                    Output::Column { name, sources: combined }
                }
                (left, _) => left,
            })
            .collect()
    }

    fn select(
        &mut self,
        select: &Select,
        outer: &Scope,
        order_by: &[ast::OrderByExpr],
        role: Role,
        locks: &[ast::LockClause],
    ) -> Vec<Output> {
        let mut scope = Scope::new(Some(outer));
        scope.is_joined = role.is_joined;
        let passes_rows_on = role.is_limited && order_by.is_empty() && passes_rows_on(select);
        let mut conjuncts: Vec<Conjunct> = Vec::new();
        for item in &select.from {
            conjuncts.extend(self.add_from_item(item, &mut scope, passes_rows_on));
        }
        conjuncts.extend(select.selection.iter().map(|expr| self.conjunct(expr.clone())));
        if let Some(having) = &select.having {
            let (aggregated, plain): (Vec<Expr>, Vec<Expr>) =
                conjuncts::conjuncts(having.clone()).into_iter().partition(has_aggregate);
            conjuncts.extend(plain.into_iter().map(|expr| self.conjunct(expr)));
            for expr in &aggregated {
                self.read(expr, &scope);
            }
        }
        self.conditions(conjuncts, &scope);

        let outputs = self.projection(select, &scope, role.outputs);
        let limited = role.is_limited;
        self.grouping(select, order_by, &scope);
        self.windows(select, order_by, limited, &scope);
        self.ordering(order_by, select, limited, &scope);
        self.extremes(select, &scope);
        self.lock(locks, &scope);
        self.reach_through(select, outputs, &scope)
    }

    /// Returns the output columns of a SELECT, and reads what they are made of unless it depends on who names them.
    fn projection(&mut self, select: &Select, scope: &Scope, readers: Outputs) -> Vec<Output> {
        let mut outputs = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => outputs.push(self.output(expr, None, scope, readers)),
                SelectItem::ExprWithAlias { expr, alias } => {
                    outputs.push(self.output(expr, Some(fold(alias)), scope, readers));
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    self.read(expr, scope);
                    outputs.push(Output::All(Relation::Opaque));
                }
                SelectItem::Wildcard(_) => {
                    for entry in &scope.entries {
                        outputs.extend(self.all_columns(&entry.relation, readers));
                    }
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    let name = match kind {
                        ast::SelectItemQualifiedWildcardKind::ObjectName(name) => {
                            name.0.last().and_then(|part| part.as_ident()).map(fold)
                        }
                        ast::SelectItemQualifiedWildcardKind::Expr(_) => None,
                    };
                    let entry = scope.entries.iter().find(|entry| Some(&entry.alias) == name.as_ref());
                    match entry {
                        Some(entry) => outputs.extend(self.all_columns(&entry.relation, readers)),
                        None => outputs.push(Output::All(Relation::Opaque)),
                    }
                }
            }
        }
        outputs
    }

    fn all_columns(&mut self, relation: &Relation, readers: Outputs) -> Vec<Output> {
        if readers == Outputs::All {
            self.mark_row(relation);
        }
        relation.outputs(self.relations)
    }

    fn output(&mut self, expr: &Expr, alias: Option<String>, scope: &Scope, readers: Outputs) -> Output {
        let name = alias.unwrap_or_else(|| output_name(expr));
        let sources: Vec<Source> = self
            .operands(expr, scope)
            .into_iter()
            .filter(|resolved| !resolved.is_outer)
            .map(|resolved| Source {
                use_index: resolved.use_index,
                expr: resolved.expr,
                reach: resolved.reach,
            })
            .collect();
        let is_read_later = readers == Outputs::Named && !sources.is_empty();
        if !is_read_later && readers != Outputs::None {
            self.read(expr, scope);
        }
        Output::Column { name, sources }
    }

    /// Says how far conditions on a SELECT's output columns reach (`subquery_is_pushdown_safe` and
    /// `check_output_expressions` of allpaths.c).
    fn reach_through(&mut self, select: &Select, outputs: Vec<Output>, scope: &Scope) -> Vec<Output> {
        let is_grouped = is_grouped(select);
        let partitions = self.partitions(select, scope);
        let is_plain = !is_grouped && select.distinct.is_none() && partitions.is_none();
        if is_plain {
            return outputs;
        }
        let distinct_on: Option<Vec<&Expr>> = match &select.distinct {
            Some(ast::Distinct::On(expressions)) => {
                Some(expressions.iter().map(|expr| order::output(expr, select)).collect())
            }
            _ => None,
        };
        let kept: Vec<Vec<(usize, Operand)>> = distinct_on
            .into_iter()
            .map(|expressions| {
                expressions.into_iter().flat_map(|expr| self.operand_keys(expr, scope)).collect()
            })
            .chain(partitions.into_iter().flatten())
            .collect();
        // What is grouped or compared is read whoever names it.
        self.mark_outputs(&outputs);
        outputs
            .into_iter()
            .map(|output| {
                let is_kept = match &output {
                    Output::Column { sources, .. } => sources.iter().all(|source| {
                        let key = operand::of_source(source);
                        kept.iter().all(|keys| key.as_ref().is_some_and(|key| keys.contains(key)))
                    }),
                    Output::All(_) => false,
                };
                if is_kept { output.within(Reach::Filter) } else { output.opaque() }
            })
            .collect()
    }

    /// Walks LIMIT, OFFSET and FETCH, and returns whether only the first rows are wanted.
    fn limit(&mut self, query: &Query, scope: &Scope) -> bool {
        let mut counts: Vec<&Expr> = Vec::new();
        let mut offsets: Vec<&Expr> = Vec::new();
        match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                counts.extend(limit);
                offsets.extend(offset.iter().map(|offset| &offset.value));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                counts.push(limit);
                offsets.push(offset);
            }
            None => {}
        }
        counts.extend(query.fetch.iter().filter_map(|fetch| fetch.quantity.as_ref()));
        for expr in &counts {
            let numbers = parameter::placeholders(expr);
            self.parameters.extend(numbers.into_iter().map(|number| ParameterUse::Limit { number }));
            self.read(expr, scope);
        }
        for expr in &offsets {
            let numbers = parameter::placeholders(expr);
            self.parameters.extend(numbers.into_iter().map(|number| ParameterUse::Offset { number }));
            self.read(expr, scope);
        }
        query.fetch.is_some() || counts.iter().any(|count| !is_null(count))
    }

    fn lock(&mut self, locks: &[ast::LockClause], scope: &Scope) {
        for lock in locks {
            let of =
                lock.of.as_ref().and_then(|name| name.0.last()).and_then(|part| part.as_ident()).map(fold);
            for entry in scope.entries.iter().filter(|entry| of.as_ref().is_none_or(|of| *of == entry.alias))
            {
                for use_index in entry.relation.uses() {
                    self.uses[use_index].is_written = true;
                    self.uses[use_index].columns = None;
                }
            }
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Keeps the first of what is in a list more than once. Lists of thousands are usual enough, as in an OR that a program
/// wrote.
fn without_repeats<T: Ord + Clone>(list: &mut Vec<T>) {
    let mut known = BTreeSet::new();
    list.retain(|item| known.insert(item.clone()));
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == ast::Value::Null)
}

fn has_group_by(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(expressions, modifiers)
        if expressions.is_empty() && modifiers.is_empty())
}

/// Whether a SELECT makes groups, be it one of all rows.
fn is_grouped(select: &Select) -> bool {
    has_group_by(select) || select.having.is_some() || projected(select).any(has_aggregate)
}

/// Whether a SELECT returns the rows of its one FROM item as they come.
fn passes_rows_on(select: &Select) -> bool {
    let [item] = &select.from[..] else { return false };
    item.joins.is_empty()
        && select.distinct.is_none()
        && !is_grouped(select)
        && !projected(select).any(|expr| contains_function(expr, &|function| function.over.is_some()))
}

/// The expressions of the select list.
fn projected(select: &Select) -> impl Iterator<Item = &Expr> {
    select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    })
}

/// Whether a SELECT's list and HAVING aggregate rows, and whether they look at other rows through a window.
pub(super) fn aggregate_or_window(select: &Select) -> (bool, bool) {
    let any = |test: &dyn Fn(&Expr) -> bool| projected(select).chain(&select.having).any(test);
    (any(&has_aggregate), any(&|expr| contains_function(expr, &|function| function.over.is_some())))
}

/// Whether a function may give another value each time it is called with the same arguments.
pub(super) fn is_volatile_function(function: &ast::Function) -> bool {
    volatility::is_volatile(&volatility::name(function))
}

pub(super) fn has_aggregate(expr: &Expr) -> bool {
    contains_function(expr, &|function| {
        function.over.is_none()
            && (volatility::is_aggregate(&volatility::name(function))
                || function.filter.is_some()
                || !function.within_group.is_empty())
    })
}

/// Whether an expression calls a function over a window.
pub(super) fn has_window(expr: &Expr) -> bool {
    contains_function(expr, &|function| function.over.is_some())
}

/// Whether an expression, without the queries in it, calls a function for which `test` holds.
fn contains_function(expr: &Expr, test: &dyn Fn(&ast::Function) -> bool) -> bool {
    struct Finder<'t> {
        test: &'t dyn Fn(&ast::Function) -> bool,
        depth: usize,
    }
    impl Visitor for Finder<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if self.depth == 0 && (self.test)(function) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Finder { test, depth: 0 }).is_break()
}

/// Returns the name that the server gives an output column without an alias (`FigureColname` of `parse_target.c`).
fn output_name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => fold(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(fold).unwrap_or_default(),
        Expr::Function(function) => volatility::name(function),
        Expr::Cast { expr, .. } => output_name(expr),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        _ => "?column?".to_owned(),
    }
}
