//! The same list by keys: a page begins after the last row of the page before it, whatever its number.
//!
//! Markus Winand, "We need tool support for keyset pagination" (use-the-index-luke.com/no-offset). Rows compare as the manual's
//! "Row Constructor Comparison" says; where directions differ, the comparison is written out, with the bound that an index
//! needs first. NULL compares with nothing, so rows with it are an arm of their own.

use std::collections::BTreeMap;

use sqlparser::ast::{Query, SelectItem, SetExpr};

use super::{List, SortKey};
use crate::query;

/// Parameters of keys are numbered from here until all are numbered anew; a statement has no more than 65,535.
const FIRST_KEY: usize = 1_000_000;

/// Which page comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Forward,
    /// The page before, its rows in reverse.
    Backward,
}

/// Where the value of a parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The parameter of the list, from 0.
    Given(usize),
    /// An item of the last row's key, from 0.
    Key(usize),
}

/// A list, or a page of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeysetQuery {
    pub(crate) sql: String,
    /// Of each of its parameters.
    pub(crate) parameters: Vec<Source>,
}

/// What rows a page has, and which columns.
#[derive(Clone, Copy, Debug, Default)]
struct Page {
    /// Instead of the list's own LIMIT.
    limit: Option<u64>,
    offset: Option<u64>,
    /// Whether the items of the key are output columns of their own, after all others.
    shows_key: bool,
}

impl List {
    /// The first page, by an order in which no two rows are equal.
    pub(crate) fn first_page(&self, key: &[SortKey], limit: Option<u64>) -> KeysetQuery {
        numbered(&self.plain(key, None, Page { limit, ..Page::default() }))
    }

    /// The page after the row with a key, or before it.
    pub(crate) fn next_page(&self, key: &[SortKey], way: Way, limit: Option<u64>) -> KeysetQuery {
        numbered(&self.beyond(&turned(key, way), Page { limit, ..Page::default() }))
    }

    /// So many rows from a position on: all columns as a text `row`, and each item of the key.
    pub(crate) fn rows_at(&self, key: &[SortKey], offset: u64, limit: u64) -> KeysetQuery {
        let page = Page { limit: Some(limit), offset: Some(offset), shows_key: true };
        numbered(&as_texts(&self.plain(key, None, page), key.len()))
    }

    /// So many rows beyond a key, as [`Self::rows_at`].
    pub(crate) fn rows_beyond(&self, key: &[SortKey], way: Way, limit: u64) -> KeysetQuery {
        let page = Page { limit: Some(limit), offset: None, shows_key: true };
        numbered(&as_texts(&self.beyond(&turned(key, way), page), key.len()))
    }

    fn beyond(&self, key: &[SortKey], page: Page) -> String {
        let conditions: Vec<String> = key.iter().enumerate().map(|(i, _)| placeholder(i)).collect();
        let after = after(key, &conditions);
        let [first, rest @ ..] = key else { return self.plain(key, None, page) };
        if !first.is_nullable {
            return self.plain(key, Some(&after), page);
        }
        // A parameter has the type of what it is compared with, if that comes first.
        let beyond_rest = self::after(rest, &conditions[1..]);
        let (item, value) = (&first.sql, &conditions[0]);
        let (values, nulls) = if first.nulls_first {
            (
                format!("{item} IS NOT NULL AND ({after} OR {value} IS NULL)"),
                format!("{item} IS NULL AND {value} IS NULL AND ({beyond_rest})"),
            )
        } else {
            (after, format!("{item} IS NULL AND ({value} IS NOT NULL OR ({beyond_rest}))"))
        };
        let arm_page = Page { shows_key: true, ..page };
        let arms = Self { query: Query { with: None, ..self.query.clone() }, ..self.clone() };
        let values = arms.plain(key, Some(&values), arm_page);
        let nulls = arms.plain(key, Some(&nulls), arm_page);
        let with = self.query.with.as_ref().map_or_else(String::new, |with| format!("{with} "));
        let order: Vec<String> =
            key.iter().enumerate().map(|(i, item)| ordered(&key_name(i), item)).collect();
        let limit = self.limit_sql(page.limit);
        format!(
            "{with}SELECT * FROM (({values}) UNION ALL ({nulls})) AS page ORDER BY {}{limit}",
            order.join(", ")
        )
    }

    /// The list itself with another order, a further condition and other bounds.
    fn plain(&self, key: &[SortKey], condition: Option<&str>, page: Page) -> String {
        let mut query = self.query.clone();
        query.order_by = None;
        query.limit_clause = None;
        query.fetch = None;
        if let SetExpr::Select(select) = &mut *query.body {
            for (i, item) in key.iter().enumerate() {
                let alias = page.shows_key.then(|| key_name(i));
                let text = match &alias {
                    Some(alias) => format!("{} AS {alias}", item.sql),
                    None if self.has_output(item) => continue,
                    None => item.sql.clone(),
                };
                // The text of an item comes from the parser, so that it goes back through it.
                let name = sqlparser::ast::Ident::new(text);
                select.projection.push(SelectItem::UnnamedExpr(sqlparser::ast::Expr::Identifier(name)));
            }
            if let Some(condition) = condition {
                let all = match &select.selection {
                    Some(
                        own @ sqlparser::ast::Expr::BinaryOp {
                            op: sqlparser::ast::BinaryOperator::Or, ..
                        },
                    ) => {
                        format!("({own}) AND {condition}")
                    }
                    Some(own) => format!("{own} AND {condition}"),
                    None => condition.to_owned(),
                };
                select.selection = Some(sqlparser::ast::Expr::Identifier(sqlparser::ast::Ident::new(all)));
            }
        }
        let order: Vec<String> = key.iter().map(|item| ordered(&item.sql, item)).collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        let offset = page.offset.filter(|offset| *offset > 0);
        let offset = offset.map_or_else(String::new, |offset| format!(" OFFSET {offset}"));
        format!("{query}{order}{}{offset}", self.limit_sql(page.limit))
    }

    fn limit_sql(&self, instead: Option<u64>) -> String {
        use sqlparser::ast::LimitClause;
        let own = match &self.query.limit_clause {
            Some(LimitClause::LimitOffset { limit, .. }) => limit.as_ref(),
            Some(LimitClause::OffsetCommaLimit { limit, .. }) => Some(limit),
            None => self.query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()),
        };
        let limit = instead.map(|n| n.to_string()).or_else(|| own.map(ToString::to_string));
        limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"))
    }
}

/// The items of a key in the other order.
fn turned(key: &[SortKey], way: Way) -> Vec<SortKey> {
    let turned = |item: &SortKey| SortKey {
        descending: !item.descending,
        nulls_first: !item.nulls_first,
        ..item.clone()
    };
    match way {
        Way::Forward => key.to_vec(),
        Way::Backward => key.iter().map(turned).collect(),
    }
}

/// An item of ORDER BY.
fn ordered(sql: &str, item: &SortKey) -> String {
    let direction = if item.descending { " DESC" } else { "" };
    let nulls = match (item.is_nullable, item.descending, item.nulls_first) {
        (true, true, false) => " NULLS LAST",
        (true, false, true) => " NULLS FIRST",
        _ => "",
    };
    format!("{sql}{direction}{nulls}")
}

/// The condition that a row comes after a key, item by item.
fn after(key: &[SortKey], values: &[String]) -> String {
    let operator = |item: &SortKey| if item.descending { "<" } else { ">" };
    let (Some((first, rest)), Some(value)) = (key.split_first(), values.first()) else {
        return "false".to_owned();
    };
    let sign = operator(first);
    if rest.is_empty() {
        return format!("{} {sign} {value}", first.sql);
    }
    if rest.iter().all(|item| item.descending == first.descending) {
        let items: Vec<&str> = key.iter().map(|item| item.sql.as_str()).collect();
        return format!("({}) {sign} ({})", items.join(", "), values.join(", "));
    }
    format!(
        "{item} {sign}= {value} AND ({item} {sign} {value} OR ({}))",
        after(rest, &values[1..]),
        item = first.sql
    )
}

fn placeholder(item: usize) -> String {
    format!("${}", FIRST_KEY + item)
}

/// The name of an output column that is an item of the key.
fn key_name(item: usize) -> String {
    format!("page_key_{}", item + 1)
}

/// Gives whole rows and the items of their keys as texts.
fn as_texts(sql: &str, n_items: usize) -> String {
    let items: Vec<String> = (0..n_items).map(|i| format!("{}::text", key_name(i))).collect();
    format!("SELECT perfkit_page::text, {} FROM ({sql}) AS perfkit_page", items.join(", "))
}

/// Numbers the parameters from 1 without gaps, those of the list first.
fn numbered(sql: &str) -> KeysetQuery {
    let mut numbers: BTreeMap<usize, usize> =
        query::placeholders(sql).into_iter().map(|(_, number)| (number, 0)).collect();
    for (new, (_, place)) in numbers.iter_mut().enumerate() {
        *place = new;
    }
    let text = query::with_placeholders(sql, |number| format!("${}", numbers[&number] + 1));
    let source = |number: &usize| match (number + 1).checked_sub(FIRST_KEY) {
        Some(item) => Source::Key(item),
        None => Source::Given(*number),
    };
    KeysetQuery { sql: text, parameters: numbers.keys().map(source).collect() }
}
