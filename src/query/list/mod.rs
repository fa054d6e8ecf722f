//! Lists: queries whose rows come in pages, as far as their text says.

mod keyset;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    Ident, LimitClause, OrderByExpr, OrderByKind, OrderBySort, Query, Select, SelectItem, SetExpr, Value,
    visit_expressions,
};

use super::from::{Entry, From, bare};
use super::scope::{Relations, TableName, fold};
use super::shape::{aggregate_or_window, conjuncts, is_volatile_function, sorted_expression};

pub(crate) use keyset::{KeysetQuery, Source, Way};

/// A query that gives a list, or a page of one.
#[derive(Clone, Debug)]
pub(crate) struct List {
    query: Query,
    /// The tables of its FROM clause.
    pub(crate) tables: Vec<ListedTable>,
    /// The column on the left has one value, so the one on the right has one as well: equalities of joins, each way that holds.
    pub(crate) determines: Vec<(ListedColumn, ListedColumn)>,
    /// Columns that are equal to a constant.
    pub(crate) fixed: Vec<ListedColumn>,
    /// Columns that its conditions let be no NULL.
    pub(crate) present: Vec<ListedColumn>,
    pub(crate) order: Vec<SortKey>,
    pub(crate) limit: Amount,
    pub(crate) offset: Amount,
    /// FROM and WHERE, with parameters numbered as they come: equal for a list and its count.
    pub(crate) rows: String,
    /// Why it cannot go by keys, as far as the text says.
    pub(crate) obstacle: Option<String>,
    outputs: Outputs,
}

/// The output columns of a SELECT.
#[derive(Clone, Debug, Default)]
struct Outputs {
    texts: BTreeSet<String>,
    columns: BTreeSet<ListedColumn>,
    /// Tables of which all columns are there.
    tables: BTreeSet<usize>,
}

/// A table of a FROM clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedTable {
    pub(crate) name: TableName,
    pub(crate) alias: String,
    /// Whether its columns are NULL where it has no row (outer joins).
    pub(crate) is_optional: bool,
}

/// A column of one of the tables, by the table's number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListedColumn {
    pub(crate) table: usize,
    pub(crate) column: String,
}

/// An item of ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    /// What is sorted by: output columns by number or name stand for their expressions.
    pub(crate) sql: String,
    /// The column that it is.
    pub(crate) column: Option<ListedColumn>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
    /// Whether it may be NULL; of a text alone, not known to be otherwise.
    pub(crate) is_nullable: bool,
}

/// What LIMIT or OFFSET says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    None,
    Rows(u64),
    /// `$n`, from 0.
    Parameter(usize),
    /// An expression.
    Computed,
}

impl List {
    /// Whether the rows that come back hold this item of a key.
    fn has_output(&self, item: &SortKey) -> bool {
        let is_column = |column: &ListedColumn| {
            self.outputs.columns.contains(column) || self.outputs.tables.contains(&column.table)
        };
        self.outputs.texts.contains(&item.sql) || item.column.as_ref().is_some_and(is_column)
    }
}

/// Reads a statement as a list; `None` where it is none: no SELECT from tables, or one that gives one row.
pub(super) fn list(statement: &ast::Statement, relations: &dyn Relations) -> Option<List> {
    let ast::Statement::Query(query) = statement else { return None };
    let SetExpr::Select(select) = &*query.body else { return None };
    if select.from.is_empty() || select.into.is_some() || gives_one_row(select) {
        return None;
    }
    let ctes: Vec<String> =
        query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| fold(&cte.alias.name)).collect();
    let from = From::read(select, &ctes);
    let reader = Reader { entries: &from.entries, relations };
    let (limit, offset) = amounts(query);
    let mut list = List {
        query: (**query).clone(),
        tables: from
            .entries
            .iter()
            .zip(&from.is_optional)
            .map(|(entry, is_optional)| ListedTable {
                name: entry.name.clone(),
                alias: entry.alias.clone(),
                is_optional: *is_optional,
            })
            .collect(),
        determines: Vec::new(),
        fixed: Vec::new(),
        present: Vec::new(),
        order: Vec::new(),
        limit,
        offset,
        rows: rows(select),
        obstacle: obstacle(query, select, &from),
        outputs: reader.outputs(select),
    };
    for (condition, only) in &from.conditions {
        reader.condition(condition, *only, &mut list);
    }
    for (name, at) in &from.using {
        if let Some(left) = reader.table_with(name, *at) {
            let column = |table| ListedColumn { table, column: name.clone() };
            equal(column(left), column(*at), from.is_optional[*at].then_some(*at), &mut list);
        }
    }
    if let Some(condition) = &select.selection {
        reader.condition(condition, None, &mut list);
    }
    let order_by = order_by(query);
    list.order = order_by.iter().map(|item| reader.sort_key(item, select, &list)).collect();
    Some(list)
}

/// Returns FROM and WHERE of a statement that does nothing but count rows, as [`List::rows`].
pub(super) fn counted_rows(statement: &ast::Statement) -> Option<String> {
    let ast::Statement::Query(query) = statement else { return None };
    let SetExpr::Select(select) = &*query.body else { return None };
    let is_plain = query.limit_clause.is_none() && !is_grouped(select) && !select.from.is_empty();
    let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] = &select.projection[..]
    else {
        return None;
    };
    let Expr::Function(function) = bare(expr) else { return None };
    (is_plain && counts_rows(function)).then(|| rows(select))
}

/// `count(*)`, or `count` of a constant.
fn counts_rows(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let counts_all = match &list.args[..] {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => true,
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => value.value != Value::Null,
        _ => false,
    };
    let is_count = super::scope::table_name(&function.name).is_some_and(|name| name.name == "count");
    is_count && counts_all && function.over.is_none() && function.filter.is_none()
}

fn is_grouped(select: &Select) -> bool {
    let has_groups = match &select.group_by {
        GroupByExpr::Expressions(items, _) => !items.is_empty(),
        GroupByExpr::All(_) => true,
    };
    has_groups || select.having.is_some() || select.distinct.is_some()
}

/// An aggregate without groups.
fn gives_one_row(select: &Select) -> bool {
    !is_grouped(select) && aggregate_or_window(select).0
}

/// FROM and WHERE as text, with placeholders numbered in the order in which they stand.
fn rows(select: &Select) -> String {
    let from: Vec<String> = select.from.iter().map(ToString::to_string).collect();
    let condition = select.selection.as_ref().map_or_else(String::new, |expr| format!(" WHERE {expr}"));
    let text = format!("FROM {}{condition}", from.join(", "));
    let mut n = 0;
    super::with_placeholders(&text, |_| {
        n += 1;
        format!("${n}")
    })
}

fn order_by(query: &Query) -> &[OrderByExpr] {
    match query.order_by.as_ref().map(|order_by| &order_by.kind) {
        Some(OrderByKind::Expressions(items)) => items,
        _ => &[],
    }
}

fn amounts(query: &Query) -> (Amount, Amount) {
    let (mut limit, mut offset) = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            (amount(limit.as_ref()), amount(offset.as_ref().map(|offset| &offset.value)))
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => (amount(Some(limit)), amount(Some(offset))),
        None => (Amount::None, Amount::None),
    };
    if let Some(fetch) = &query.fetch {
        limit = fetch.quantity.as_ref().map_or(Amount::Rows(1), |quantity| amount(Some(quantity)));
    }
    if offset == Amount::Rows(0) {
        offset = Amount::None;
    }
    (limit, offset)
}

fn amount(expr: Option<&Expr>) -> Amount {
    let Some(expr) = expr else { return Amount::None };
    let Expr::Value(value) = bare(expr) else { return Amount::Computed };
    match &value.value {
        Value::Null => Amount::None,
        Value::Number(number, _) => number.parse().map_or(Amount::Computed, Amount::Rows),
        Value::Placeholder(name) => {
            let number = name.trim_start_matches('$').parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            number.map_or(Amount::Computed, Amount::Parameter)
        }
        _ => Amount::Computed,
    }
}

/// Says why pages of this query cannot begin after a key.
fn obstacle(query: &Query, select: &Select, from: &From) -> Option<String> {
    let (_, has_window) = aggregate_or_window(select);
    let sorts_by_chance = order_by(query).iter().any(|item| {
        visit_expressions(sorted_expression(&item.expr, select), |expr| match expr {
            Expr::Function(function) if is_volatile_function(function) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    });
    let uses_operator =
        order_by(query).iter().any(|item| matches!(item.options.sort, Some(OrderBySort::Using(_))));
    let has_ties = query.fetch.as_ref().is_some_and(|fetch| fetch.with_ties || fetch.percent);
    let reasons = [
        (is_grouped(select), "it groups rows or takes distinct ones, so that a page needs all of them"),
        (has_window, "its window functions need the rows before the page"),
        (sorts_by_chance, "it sorts by a value that is another one each time"),
        (uses_operator, "it sorts by an operator of its own"),
        (has_ties, "it takes ties or a share of the rows"),
        (!query.locks.is_empty(), "it locks its rows"),
    ];
    let reason = reasons.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason.to_owned());
    reason.or_else(|| from.obstacle.clone())
}

/// What reads the columns of one FROM clause.
struct Reader<'r> {
    entries: &'r [Entry],
    relations: &'r dyn Relations,
}

impl Reader<'_> {
    fn column(&self, expr: &Expr) -> Option<ListedColumn> {
        let parts: &[Ident] = match bare(expr) {
            Expr::Identifier(ident) => std::slice::from_ref(ident),
            Expr::CompoundIdentifier(parts) => parts,
            _ => return None,
        };
        let (column, qualifier) = parts.split_last()?;
        let column = fold(column);
        let table = match qualifier.last().map(fold) {
            Some(qualifier) => self.entries.iter().position(|entry| entry.alias == qualifier)?,
            None if self.entries.len() == 1 => 0,
            None => self.table_with(&column, self.entries.len())?,
        };
        Some(ListedColumn { table, column })
    }

    /// Returns the first table that has a column, among so many.
    fn table_with(&self, column: &str, n_tables: usize) -> Option<usize> {
        let has = |entry: &Entry| self.relations.has_column(&entry.name, column) == Some(true);
        self.entries[..n_tables].iter().position(has)
    }

    /// Takes a condition apart; that of an outer join holds for the rows of `only` alone.
    fn condition(&self, condition: &Expr, only: Option<usize>, list: &mut List) {
        for part in conjuncts(condition.clone()) {
            match &part {
                Expr::Nested(inner) => self.condition(inner, only, list),
                Expr::IsNotNull(inner) if only.is_none() => list.present.extend(self.column(inner)),
                Expr::BinaryOp { left, op, right } if is_strict(op) => {
                    let (a, b) = (self.column(left), self.column(right));
                    if only.is_none() {
                        list.present.extend(a.iter().chain(&b).cloned());
                    }
                    if *op == BinaryOperator::Eq {
                        match (a, b) {
                            (Some(a), Some(b)) => equal(a, b, only, list),
                            (Some(column), None) if is_constant(right) => fix(column, only, list),
                            (None, Some(column)) if is_constant(left) => fix(column, only, list),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn outputs(&self, select: &Select) -> Outputs {
        let mut outputs = Outputs::default();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    outputs.texts.insert(bare(expr).to_string());
                    outputs.columns.extend(self.column(expr));
                }
                SelectItem::Wildcard(_) => outputs.tables.extend(0..self.entries.len()),
                SelectItem::QualifiedWildcard(kind, _) => {
                    let of = kind.to_string();
                    outputs.tables.extend(self.entries.iter().position(|entry| entry.alias == of));
                }
                SelectItem::ExprWithAliases { .. } => {}
            }
        }
        outputs
    }

    fn sort_key(&self, item: &OrderByExpr, select: &Select, list: &List) -> SortKey {
        let expr = bare(sorted_expression(&item.expr, select));
        let column = self.column(expr);
        let descending = matches!(item.options.sort, Some(OrderBySort::Desc));
        let is_present = column.as_ref().is_some_and(|column| list.present.contains(column));
        SortKey {
            sql: expr.to_string(),
            column,
            descending,
            nulls_first: item.options.nulls_first.unwrap_or(descending),
            is_nullable: !is_present,
        }
    }
}

/// In an outer join the other tables' columns say what the joined table's are, but not the other way round.
fn equal(a: ListedColumn, b: ListedColumn, only: Option<usize>, list: &mut List) {
    let holds = |to: &ListedColumn| only.is_none_or(|only| to.table == only);
    if holds(&b) {
        list.determines.push((a.clone(), b.clone()));
    }
    if holds(&a) {
        list.determines.push((b, a));
    }
}

fn fix(column: ListedColumn, only: Option<usize>, list: &mut List) {
    if only.is_none() {
        list.fixed.push(column);
    }
}

/// Comparisons that are not true of NULL.
fn is_strict(operator: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, PGILikeMatch, PGLikeMatch};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | PGLikeMatch | PGILikeMatch)
}

/// Whether an expression has the same value for all rows: made of values, without columns, queries and functions.
fn is_constant(expr: &Expr) -> bool {
    visit_expressions(expr, |part| match part {
        Expr::Value(_)
        | Expr::Nested(_)
        | Expr::Cast { .. }
        | Expr::UnaryOp { .. }
        | Expr::TypedString(_) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    })
    .is_continue()
}
