//! What a repeated query is like, and what stands in the way of one for all keys.

use std::ops::Range;

use sqlparser::ast::{
    self, BinaryOperator, Expr, GroupByExpr, LimitClause, Query, Select, SelectItem, SetExpr, Statement,
    Value,
};

use super::edit::Text;
use super::{KeyPlace, Obstacle, Repeated};
use crate::query::scope::fold;
use crate::query::{self, grammar, shape};
use crate::workload::StatementKind;

/// Aggregates that give NULL where there are no rows, but for `count`, which gives 0.
const AGGREGATES: [&str; 14] = [
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "json_agg",
    "jsonb_agg",
    "max",
    "min",
    "string_agg",
    "sum",
];
/// Functions of the server that do something, or that give another result at each call.
const VOLATILE: [&str; 21] = [
    "clock_timestamp",
    "currval",
    "gen_random_uuid",
    "lastval",
    "nextval",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_notify",
    "pg_sleep",
    "pg_try_advisory_lock",
    "pg_try_advisory_xact_lock",
    "random",
    "set_config",
    "setval",
    "timeofday",
    "txid_current",
    "uuidv4",
    "uuidv7",
];

/// A repeated query, read.
pub(super) struct Child<'a> {
    pub(super) text: Text,
    pub(super) keys: &'a [usize],
    pub(super) types: &'a [String],
    /// `column = $key`, of which there is one and which all rows must meet.
    pub(super) equality: Option<Equality>,
    /// Whether each row comes from the rows of its tables alone: no groups, order, limit, or duplicates left out.
    pub(super) is_plain: bool,
    /// Whether its rows have an order.
    pub(super) is_ordered: bool,
    /// The output that is the key's column.
    pub(super) key_output: Option<KeyPlace>,
    /// Its outputs, where all of them are aggregates of all rows.
    pub(super) aggregates: Option<Vec<Aggregate>>,
}

/// A column that a key is compared with.
pub(super) struct Equality {
    /// The column as the statement has it.
    pub(super) column: String,
    name: String,
    /// Where the parameter stands.
    pub(super) place: Range<usize>,
}

/// One aggregate of a list.
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) is_count: bool,
}

impl<'a> Child<'a> {
    pub(super) fn read(repeated: &Repeated<'a>) -> Result<Self, Obstacle> {
        let Repeated { sql, keys, types } = *repeated;
        let query::Parsed { statement, .. } = parsed(sql)?;
        let Statement::Query(query) = statement else { return Err(Obstacle::NoQuery) };
        let text = Text::new(&grammar::plannable(sql));
        let parameters = text.parameters();
        if keys.is_empty() || !keys.iter().all(|key| parameters.iter().any(|(_, number)| number == key)) {
            return Err(Obstacle::NoKey);
        }
        if limits(&query).iter().any(|expr| keys.iter().any(|key| is_parameter(expr, *key))) {
            return Err(Obstacle::Limit);
        }
        let mut child = Self {
            text,
            keys,
            types,
            equality: None,
            is_plain: false,
            is_ordered: query.order_by.is_some() && !returns_one(&query),
            key_output: None,
            aggregates: None,
        };
        if let SetExpr::Select(select) = &*query.body {
            child.select(&query, select);
        }
        Ok(child)
    }

    /// Reads a query whose rows another one runs for.
    pub(super) fn read_parent(sql: &str) -> Result<Child<'static>, Obstacle> {
        let query::Parsed { statement, .. } = parsed(sql)?;
        let Statement::Query(query) = statement else { return Err(Obstacle::NoQuery) };
        Ok(Child {
            text: Text::new(&grammar::plannable(sql)),
            keys: &[],
            types: &[],
            equality: None,
            is_plain: false,
            is_ordered: query.order_by.is_some(),
            key_output: None,
            aggregates: None,
        })
    }

    fn select(&mut self, query: &Query, select: &Select) {
        let is_whole = query.with.is_none()
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && query.order_by.is_none()
            && select.distinct.is_none()
            && matches!(&select.group_by, GroupByExpr::Expressions(by, modifiers) if by.is_empty() && modifiers.is_empty())
            && select.having.is_none()
            && select.named_window.is_empty();
        let [key] = self.keys else { return };
        let places: Vec<Range<usize>> =
            self.text.parameters().into_iter().filter(|(_, it)| it == key).map(|(place, _)| place).collect();
        let [place] = places.as_slice() else { return };
        let is_alone = self.text.before(place.start).is_some_and(|it| it.text == "=")
            && !self.text.after(place.end).is_some_and(|it| matches!(it.text, "::" | "[" | "." | "COLLATE"));
        let column = select.selection.as_ref().and_then(|selection| equal_column(selection, *key));
        let (Some(column), true, true) = (column, is_alone, is_whole) else { return };
        self.equality = Some(Equality {
            column: column.to_string(),
            name: column_name(column).unwrap_or_default(),
            place: place.clone(),
        });
        self.aggregates = aggregates(select);
        self.is_plain = self.aggregates.is_none() && !select.projection.iter().any(is_computed_of_rows);
        if self.is_plain {
            self.key_output = self.key_output(select, column);
        }
    }

    /// Finds the key's column among the outputs.
    fn key_output(&self, select: &Select, key: &Expr) -> Option<KeyPlace> {
        let name = &self.equality.as_ref()?.name;
        let is_key = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                expr == key || is_one_table(select) && column_name(expr).is_some_and(|it| it == *name)
            }
            _ => false,
        };
        let is_list =
            |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        match select.projection.iter().position(is_key) {
            Some(at) if !select.projection[..at].iter().any(is_list) => Some(KeyPlace::Column(at)),
            _ => {
                let has_all = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
                has_all.then(|| KeyPlace::Named(name.clone()))
            }
        }
    }
}

/// Parses a query that reads and does nothing else.
fn parsed(sql: &str) -> Result<query::Parsed, Obstacle> {
    let parsed =
        query::parse(&grammar::plannable(sql)).map_err(|error| Obstacle::Unread(error.to_string()))?;
    match parsed.kind {
        StatementKind::Select => {}
        StatementKind::Insert | StatementKind::Update | StatementKind::Delete | StatementKind::Merge
            if matches!(parsed.statement, Statement::Query(_)) =>
        {
            return Err(Obstacle::ChangesRows);
        }
        _ => return Err(Obstacle::NoQuery),
    }
    let words = Text::new(sql);
    let words: Vec<String> = words
        .iter()
        .filter(|(_, it)| it.sort == query::words::Sort::Word)
        .map(|(_, it)| it.text.to_ascii_lowercase())
        .collect();
    let locks = words
        .windows(2)
        .any(|pair| pair[0] == "for" && matches!(pair[1].as_str(), "update" | "share" | "no" | "key"));
    if locks {
        return Err(Obstacle::Locks);
    }
    let called = query::called(sql);
    let volatile = called.iter().find(|name| VOLATILE.binary_search(&name.as_str()).is_ok());
    let outside = query::outside_effects(sql).first().map(|name| (*name).to_owned());
    match volatile.cloned().or(outside) {
        Some(name) => Err(Obstacle::Volatile(name)),
        None => Ok(parsed),
    }
}

/// How many rows a query skips and returns.
fn limits(query: &Query) -> Vec<&Expr> {
    let mut found = Vec::new();
    match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            found.extend(limit);
            found.extend(offset.as_ref().map(|offset| &offset.value));
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => found.extend([offset, limit]),
        None => {}
    }
    found.extend(query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()));
    found
}

/// Whether a query returns no more than one row, so that there is nothing to order.
fn returns_one(query: &Query) -> bool {
    let limit = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => limit.as_ref(),
        _ => query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()),
    };
    limit.is_some_and(|limit| limit.to_string() == "1")
}

fn is_parameter(expr: &Expr, number: usize) -> bool {
    matches!(expr, Expr::Value(value)
        if matches!(&value.value, Value::Placeholder(text) if *text == format!("${}", number + 1)))
}

/// The column that a parameter is equal to in every row, if a condition says so.
fn equal_column(selection: &Expr, key: usize) -> Option<&Expr> {
    match selection {
        Expr::Nested(inner) => equal_column(inner, key),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            equal_column(left, key).or_else(|| equal_column(right, key))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_parameter(right, key) => {
            column_name(left).map(|_| &**left)
        }
        _ => None,
    }
}

/// The name of what is a column and nothing else.
fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(fold(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(fold),
        _ => None,
    }
}

fn is_one_table(select: &Select) -> bool {
    matches!(select.from.as_slice(), [only] if only.joins.is_empty())
}

/// Whether an output depends on other rows than its own.
fn is_computed_of_rows(item: &SelectItem) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            shape::has_aggregate(expr) || shape::has_window(expr)
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => false,
        SelectItem::ExprWithAliases { .. } => true,
    }
}

/// The outputs of a query that are all aggregates.
fn aggregates(select: &Select) -> Option<Vec<Aggregate>> {
    let items = select.projection.iter().map(|item| {
        let (expr, alias) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(fold(alias))),
            _ => return None,
        };
        let Expr::Function(function) = expr else { return None };
        let [ast::ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
        let name = fold(name);
        let is_known = AGGREGATES.binary_search(&name.as_str()).is_ok() && function.over.is_none();
        is_known.then(|| Aggregate { is_count: name == "count", name: alias.unwrap_or(name) })
    });
    items.collect::<Option<Vec<Aggregate>>>().filter(|items| !items.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(AGGREGATES.is_sorted() && VOLATILE.is_sorted());
    }
}
