//! What finds the rows of a condition that no plain index serves: another kind of index, or another way to write it.

use super::discarded::{Cause, CostlyScan};
use super::indexable::{
    Indexable, definition, existing_index, is_free_cast, is_own, is_partition, table, table_name,
};
use super::{Node, Subject};
use crate::index::{Definition, Key};
use crate::query::condition::{Against, ColumnName, Condition, Operator, Wrapping, conditions};
use crate::query::quote;

/// Functions whose result depends on the time zone or the locale, so that no index may hold it (`provolatile` 's' in
/// `pg_proc`, for a `timestamptz`).
const OF_TIME: [&str; 6] = ["date_trunc", "extract", "date_part", "to_char", "age", "date"];
/// Functions that are IMMUTABLE for the types they are mostly called with.
const IMMUTABLE: [&str; 16] = [
    "lower",
    "upper",
    "abs",
    "left",
    "right",
    "substring",
    "substr",
    "md5",
    "length",
    "char_length",
    "trim",
    "btrim",
    "ltrim",
    "rtrim",
    "coalesce",
    "replace",
];
/// A trigram index needs three characters in a row to look for (manual, `pg_trgm`).
const TRIGRAM: usize = 3;

/// Returns what to do so that the rows of a scan are found by an index, with the index when a plain one does it.
pub(crate) fn remedy(
    subject: &Subject,
    scan: &Node,
    indexable: &Indexable,
    sort: &[Key],
) -> (String, Option<Definition>) {
    let name = table_name(subject, scan);
    let keys = indexable.keys(sort);
    if keys.is_empty() {
        let served: Vec<String> =
            indexable.others.iter().filter_map(|condition| serving(subject, scan, condition)).collect();
        let filter = scan.text("Filter").unwrap_or_default();
        let remedy = if !served.is_empty() {
            served.join(" ")
        } else if filter.contains("random()") {
            format!("TABLESAMPLE draws a sample of {name} without reading all of it.")
        } else if filter.contains("SubPlan ") {
            "Write the subquery as a join, EXISTS or NOT EXISTS, which the planner can begin with.".to_owned()
        } else {
            format!("No index serves this filter as it is written: compare columns of {name} with values.")
        };
        return (remedy, None);
    }
    let columns: Vec<String> = keys.iter().map(|key| key.operand.sql()).collect();
    let columns = columns.join(", ");
    if let Some(index) = existing_index(subject, scan, indexable, sort) {
        let remedy = format!(
            "Index {} begins with {columns} already and was not chosen: run ANALYZE {name}; and compare the \
             random_page_cost of the server with its storage (1.1 for SSDs).",
            index.name
        );
        return (remedy, None);
    }
    if is_partition(subject, scan) {
        let knows_parent = table(subject.server, scan).is_some();
        let parent = if knows_parent { name } else { format!("the table that {name} is a partition of") };
        let remedy = format!(
            "Index {columns} on {parent}, so that each partition gets its own; that blocks writes while it runs."
        );
        return (remedy, None);
    }
    let mut remedy = format!("An index of {name} on {columns} finds these rows: ");
    let mut reasons = Vec::new();
    let mut push = |columns: Vec<&String>, what: &str| {
        if !columns.is_empty() {
            let columns: Vec<_> = columns.into_iter().map(|column| quote::identifier(column)).collect();
            reasons.push(format!("{what} on {}", columns.join(", ")));
        }
    };
    push(indexable.equality.iter().collect(), "equality");
    let sorted: Vec<String> = sort.iter().filter_map(Key::column).map(str::to_owned).collect();
    push(sorted.iter().collect(), "order");
    push(indexable.any.iter().collect(), "a list");
    push(indexable.ranges.first().into_iter().flatten().collect(), "a range");
    push(indexable.nulls.iter().collect(), "a test for NULL");
    remedy.push_str(&reasons.join(", then "));
    remedy.push('.');
    if let Some(column) = unsure_cast(subject, scan) {
        remedy.push_str(" If ");
        remedy.push_str(&column);
        remedy.push_str(
            " is no varchar, its cast to text is what keeps an index away: compare it as its own type.",
        );
    }
    if indexable.ranges.len() > 1 {
        remedy.push_str(" Of several ranges, the one that fewest rows pass should be the key.");
    }
    (remedy, definition(subject, scan, indexable, sort))
}

/// Returns a column that is cast to text, where neither the catalog nor the statement tells whether it was a `varchar`.
fn unsure_cast(subject: &Subject, scan: &Node) -> Option<String> {
    let filter =
        scan.text("Filter").filter(|_| subject.sql.is_none() && table(subject.server, scan).is_none())?;
    let is_cast = |condition: &Condition| {
        matches!(&condition.wrapping, Some(Wrapping::Cast(to)) if to == "text")
            && condition.column.as_ref().is_some_and(|column| is_own(scan, column))
    };
    let column = conditions(filter).into_iter().find(is_cast)?.column?;
    Some(quote::identifier(&column.name).into_owned())
}

/// Returns the remedy of a scan for what keeps the index away from it.
pub(crate) fn remedy_for(subject: &Subject, scan: &CostlyScan) -> (String, Option<Definition>) {
    match &scan.cause {
        Cause::Json(condition) | Cause::Unsargable(condition) => {
            (serving(subject, scan.node, condition).unwrap_or_default(), None)
        }
        Cause::OnlyEquality | Cause::Mixed => remedy(subject, scan.node, &scan.indexable, &[]),
    }
}

/// Returns what serves one condition, as full sentences; `None` when nothing does.
pub(crate) fn serving(subject: &Subject, scan: &Node, condition: &Condition) -> Option<String> {
    let name = table_name(subject, scan);
    let own: Vec<_> = condition.columns.iter().filter(|column| is_own(scan, column)).collect();
    let column = condition.column.as_ref().filter(|column| is_own(scan, column));
    let quoted = column.map(|column| quote::identifier(&column.name));
    let base_type = column
        .and_then(|column| table(subject.server, scan)?.column(&column.name))
        .map(|column| column.base_type.as_str());
    // The cast of a `varchar` column stands in nobody's way.
    let wrapping = condition
        .wrapping
        .as_ref()
        .filter(|wrapping| !column.is_some_and(|column| is_free(subject, scan, column, wrapping)));
    match (&condition.operator, wrapping, quoted) {
        (Operator::Like { pattern, ignores_case }, None, Some(column)) => {
            pattern_index(&name, &column, pattern.as_deref()?, *ignores_case)
        }
        (Operator::Other(operator), None, Some(column)) if operator.starts_with('~') => {
            let Against::Constant(pattern) = &condition.against else { return None };
            pattern_index(&name, &column, &format!("%{}%", pattern.trim_matches('\'')), true)
        }
        (Operator::Other(operator), None, Some(column)) => {
            operator_index(&name, &column, operator, &condition.sql, base_type)
        }
        (Operator::NotEqual | Operator::IsNotNull, None, Some(_)) => Some(format!(
            "If few rows pass, a partial index of {name} WHERE {} holds only those.",
            strip(scan, &condition.sql)
        )),
        (Operator::Or, ..) if own.len() == condition.columns.len() && own.len() > 1 => {
            let columns: Vec<_> = own.iter().map(|column| quote::identifier(&column.name)).collect();
            Some(format!(
                "Index each of {} of {name}, which a BitmapOr joins, or write one query a side with UNION.",
                columns.join(", ")
            ))
        }
        (_, Some(wrapping), Some(column)) => {
            let expression = condition.expression.as_deref()?;
            Some(unwrapped(&name, &column, wrapping, expression, condition, base_type))
        }
        _ => None,
    }
}

fn is_free(subject: &Subject, scan: &Node, column: &ColumnName, wrapping: &Wrapping) -> bool {
    matches!(wrapping, Wrapping::Cast(to) if is_free_cast(subject, scan, column, to))
}

/// Returns the index for a pattern of LIKE.
fn pattern_index(name: &str, column: &str, pattern: &str, ignores_case: bool) -> Option<String> {
    let is_prefix = !pattern.starts_with(['%', '_']) && !ignores_case;
    if is_prefix {
        return Some(format!(
            "CREATE INDEX CONCURRENTLY ON {name} ({column} text_pattern_ops); finds what begins with a text: a plain \
             index does so only in the collation \"C\"."
        ));
    }
    let has_trigram =
        pattern.split(|c: char| !c.is_alphanumeric()).any(|word| word.chars().count() >= TRIGRAM);
    has_trigram.then(|| {
        format!(
            "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX CONCURRENTLY ON {name} USING gin ({column} \
             gin_trgm_ops); finds a text in the middle of another."
        )
    })
}

/// Returns the index for an operator on documents, arrays, ranges or texts.
fn operator_index(
    name: &str,
    column: &str,
    operator: &str,
    sql: &str,
    base_type: Option<&str>,
) -> Option<String> {
    let is_range = base_type.is_some_and(|base_type| base_type.contains("range")) || sql.contains("range");
    let method = match operator {
        "@>" | "<@" | "&&" if is_range => "gist",
        "@>" | "<@" | "&&" | "?" | "?|" | "?&" | "@?" | "@@" | "= ANY" => "gin",
        "<<" | ">>" | "&<" | "&>" | "-|-" | "<<=" | ">>=" => "gist",
        _ => return None,
    };
    let opclass = if matches!(operator, "<<=" | ">>=") { " inet_ops" } else { "" };
    let rewrite = if operator == "= ANY" {
        format!(" Write the condition as {column} @> ARRAY[…], which it serves.")
    } else {
        String::new()
    };
    Some(format!(
        "CREATE INDEX CONCURRENTLY ON {name} USING {method} ({column}{opclass}); serves the operator {}.{rewrite}",
        if operator == "= ANY" { "@>" } else { operator }
    ))
}

/// Returns how to take off what stands around a column, or to index it as it is.
fn unwrapped(
    name: &str,
    column: &str,
    wrapping: &Wrapping,
    expression: &str,
    condition: &Condition,
    base_type: Option<&str>,
) -> String {
    let index = |expression: &str| {
        format!(
            "CREATE INDEX CONCURRENTLY ON {name} (({expression})); ANALYZE {name}; then knows its values."
        )
    };
    let is_json = expression.contains("->") || expression.contains("#>");
    match wrapping {
        Wrapping::Cast(to) if is_json => {
            if to.starts_with("timestamp") || to == "date" || to.starts_with("time") {
                return format!(
                    "The cast to {to} depends on settings, so no index may hold it: compare the text itself, or \
                     store the value in a column of {name}."
                );
            }
            index(expression)
        }
        Wrapping::Cast(to) if to == "date" => match (&condition.operator, &condition.against) {
            (Operator::Equal, Against::Constant(day)) => format!(
                "Write it as {column} >= {day} AND {column} < {day}::date + 1, which an index on {column} serves."
            ),
            _ => format!(
                "Compare {column} itself with the first moment of a day, which an index on it serves."
            ),
        },
        Wrapping::Cast(to) if to == "text" => format!(
            "Compare {column} with a value of its own type{}: as text no index on it serves.",
            base_type.map(|base_type| format!(", {base_type},")).unwrap_or_default()
        ),
        Wrapping::Cast(to) => format!(
            "Pass the value as the type of {column}{}: the comparison as {to} hides the column from its index.",
            base_type.map(|base_type| format!(", {base_type}")).unwrap_or_default()
        ),
        Wrapping::Function(function) if OF_TIME.contains(&function.as_str()) => format!(
            "Write it as a range of {column} itself ({column} >= … AND {column} < …), which an index on {column} serves; \
             {function}() of a timestamp with time zone cannot be indexed."
        ),
        Wrapping::Function(function) if function == "timezone" => {
            format!(
                "Convert the value instead of {column} to the other time zone, which an index on {column} serves."
            )
        }
        Wrapping::Function(function) if IMMUTABLE.contains(&function.as_str()) => index(expression),
        Wrapping::Function(function) => {
            format!("If {function}() is IMMUTABLE: {}", index(expression))
        }
        Wrapping::Expression if [" + ", " - ", " * ", " / "].iter().any(|sign| expression.contains(sign)) => {
            format!(
                "Leave {column} alone on its side of the comparison, which an index on {column} serves, or: {}",
                index(expression)
            )
        }
        Wrapping::Json(_) | Wrapping::Expression | Wrapping::Row(_) => index(expression),
    }
}

/// Takes the table's qualifier off an expression.
fn strip(scan: &Node, sql: &str) -> String {
    let qualifier = scan.alias.as_deref().or(scan.relation.as_deref()).unwrap_or_default();
    sql.replace(&format!("{qualifier}."), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Column, IndexKey, Table};
    use crate::plan::indexable::indexable;
    use crate::plan::{Server, read, resources, times_or_costs};
    use serde_json::json;

    fn server() -> Server {
        let column = |name: &str, type_name: &str, base_type: &str| Column {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            base_type: base_type.to_owned(),
            ..Column::default()
        };
        let key = |column: &str| IndexKey { column: Some(column.to_owned()), ..IndexKey::default() };
        let table = Table {
            oid: 1,
            schema: "app".into(),
            name: "orders".into(),
            columns: vec![
                column("id", "bigint", "int8"),
                column("code", "character varying(20)", "varchar"),
                column("name", "text", "text"),
                column("status", "integer", "int4"),
                column("at", "timestamp with time zone", "timestamptz"),
                column("span", "tstzrange", "tstzrange"),
            ],
            indexes: vec![crate::catalog::Index {
                name: "orders_status_at".into(),
                method: "btree".into(),
                keys: vec![key("at"), key("status")],
                is_valid: true,
                ..crate::catalog::Index::default()
            }],
            n_rows: 1000.0,
            n_pages: 10,
            ..Table::default()
        };
        let catalog = Catalog { tables: vec![table], search_path: vec!["app".into()], ..Catalog::default() };
        Server { catalog, ..Server::default() }
    }

    /// Checks how the remedy of a filter on `orders` begins, and its index.
    fn check(server: Option<&Server>, filter: &str, begins: &str, index: Option<&str>) {
        let plan =
            json!({"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o", "Filter": filter});
        let plan = read::plan(json!({"Plan": plan})).unwrap();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        let subject = Subject { plan: &plan, times: &times, resources: &resources, sql: None, server };
        let scan = &plan.nodes[0];
        let (text, definition) = remedy(&subject, scan, &indexable(&subject, scan, filter), &[]);
        assert!(text.starts_with(begins), "{filter}: {text}");
        assert_eq!(definition.map(|definition| definition.describe()).as_deref(), index, "{filter}");
    }

    #[test]
    fn names_what_serves_a_condition() {
        for (filter, begins) in [
            (
                "((o.name)::text ~~ 'abc%'::text)",
                "CREATE INDEX CONCURRENTLY ON orders (name text_pattern_ops);",
            ),
            ("(o.name ~~ '%abc%'::text)", "CREATE EXTENSION IF NOT EXISTS pg_trgm;"),
            ("((o.name)::text ~* 'abc'::text)", "CREATE EXTENSION IF NOT EXISTS pg_trgm;"),
            ("(o.name ~~ '%ab%'::text)", "No index serves this filter"),
            ("(o.name !~~ 'abc%'::text)", "No index serves this filter"),
            ("(o.data @> '{\"a\": 1}'::jsonb)", "CREATE INDEX CONCURRENTLY ON orders USING gin (data);"),
            ("(o.span @> '[1,2)'::int4range)", "CREATE INDEX CONCURRENTLY ON orders USING gist (span);"),
            ("('x'::text = ANY (o.tags))", "CREATE INDEX CONCURRENTLY ON orders USING gin (tags);"),
            ("((o.data ->> 'k'::text) = 'x'::text)", "CREATE INDEX CONCURRENTLY ON orders ((data ->> 'k'));"),
            (
                "(((o.data ->> 'n'::text))::integer = 5)",
                "CREATE INDEX CONCURRENTLY ON orders ((((data ->> 'n'))::INTEGER));",
            ),
            ("(((o.data ->> 'd'::text))::date = '2024-01-01'::date)", "The cast to date depends on settings"),
            (
                "((o.at)::date = '2024-06-01'::date)",
                "Write it as at >= '2024-06-01' AND at < '2024-06-01'::date + 1,",
            ),
            ("(date_trunc('day'::text, o.at) = now())", "Write it as a range of at itself"),
            ("((o.id)::numeric = 5.5)", "Pass the value as the type of id:"),
            ("(lower(o.name) = 'x'::text)", "CREATE INDEX CONCURRENTLY ON orders ((lower(name)));"),
            ("(my_function(o.name) = 'x'::text)", "If my_function() is IMMUTABLE: CREATE INDEX"),
            ("((o.id + 1) = 5)", "Leave id alone on its side of the comparison"),
            ("(o.status <> 5)", "If few rows pass, a partial index of orders WHERE status <> 5 holds"),
            ("((o.a = 1) OR (o.b = 2))", "Index each of a, b of orders"),
            ("((o.a = 1) OR (c.b = 2))", "No index serves this filter"),
            ("((o.id % 100) = 5)", "CREATE INDEX CONCURRENTLY ON orders ((id % 100));"),
            ("(random() < '0.1'::double precision)", "TABLESAMPLE draws"),
            ("(NOT (hashed SubPlan 1))", "Write the subquery as a join"),
        ] {
            check(None, filter, begins, None);
        }
    }

    #[test]
    fn the_catalog_knows_types_and_indexes() {
        let server = server();
        let check =
            |filter: &str, begins: &str, index: Option<&str>| check(Some(&server), filter, begins, index);
        check("((o.code)::text = '5'::text)", "An index of app.orders on code", Some("orders (code)"));
        check("((o.id)::text = '5'::text)", "Compare id with a value of its own type, int8,", None);
        check("((o.id)::numeric = 5.5)", "Pass the value as the type of id, int8:", None);
        check("(o.span @> now())", "CREATE INDEX CONCURRENTLY ON app.orders USING gist (span);", None);
        check(
            "((o.status = 1) AND (o.at = now()))",
            "Index orders_status_at begins with status, at already",
            None,
        );
        check(
            "((o.status = 1) AND (o.at > now()))",
            "An index of app.orders on status, at",
            Some("orders (status, at)"),
        );
    }
}
