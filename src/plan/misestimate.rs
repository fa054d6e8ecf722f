//! What a wrong estimate of rows costs, and what would put it right.

use std::collections::BTreeSet;

use super::indexable::{is_own, table, table_name};
use super::rows::{self, Direction, Estimate};
use super::{Node, Subject};
use crate::query::condition::{self, Against, Operator};
use crate::query::quote;
use crate::unit;

/// A better plan might save all of the time of the joins above the node; half is a cautious guess.
const SAVED_SHARE: f64 = 0.5;
/// Rows in all below which a factor means nothing (pgexplain: 100).
const MIN_ROWS: f64 = 100.0;
/// Changed rows, as a share of a table's, from which on its statistics are out of date (pgexplain: 0.2; autovacuum
/// analyzes at 0.1).
const STALE_SHARE: f64 = 0.2;
/// The most common values and histogram bounds to ask for: the default is 100, the maximum 10,000 (manual,
/// `default_statistics_target`).
const STATISTICS_TARGET: u32 = 1000;

/// Returns the nodes where an error starts that is large enough to matter.
pub(crate) fn origins(subject: &Subject) -> Vec<(usize, Estimate)> {
    let mut origins = rows::wrong_from_here(subject.plan);
    // What a recursion reads from its last step is guessed with it.
    origins.retain(|(id, estimate)| {
        estimate.rows_in_all() >= MIN_ROWS && !subject.plan.nodes[*id].is_a("WorkTable Scan")
    });
    origins
}

/// Returns the time that a right estimate of a node could save at the most: that of the joins which were chosen by it,
/// up to where the estimates are right again. `None` when no join was.
pub(crate) fn at_stake(subject: &Subject, id: usize, direction: Direction) -> Option<f64> {
    let mut joins_ms = None;
    for consumer in rows::consumers(subject.plan, id) {
        if consumer.is_join() {
            joins_ms = Some(joins_ms.unwrap_or(0.0) + subject.self_ms(consumer.id));
        }
        let estimate = rows::unexcused(subject.plan, consumer.id);
        if estimate
            .is_some_and(|estimate| estimate.direction != direction || estimate.factor < rows::MIN_FACTOR)
        {
            break;
        }
    }
    Some(joins_ms? * SAVED_SHARE)
}

/// Returns an estimate beside what came, as in `10 rows expected, 5,000 came`.
pub(crate) fn verdict(estimate: &Estimate) -> String {
    let came = f64::midpoint(estimate.actual_low, estimate.actual_high);
    let each = if estimate.n_executions > 1.0 { " each time" } else { "" };
    let came = if came < 9.5 && came.fract() != 0.0 { format!("{came:.1}") } else { unit::estimate(came) };
    let expected = unit::estimate(estimate.expected);
    let rows = if expected == "1" { "row" } else { "rows" };
    format!("{expected} {rows} expected, {came} came{each}")
}

/// Returns how many of a scanned table's rows have changed since its statistics were made, and how many it has;
/// `None` when the statistics are good or nothing is known of them.
pub(crate) fn stale(subject: &Subject, scan: &Node) -> Option<(u64, u64)> {
    let activity = subject.server?.activity(table(subject.server, scan)?)?;
    let (changed, live) = (activity.n_modified_since_analyze, activity.n_live);
    #[expect(clippy::cast_precision_loss, reason = "a share is wanted")]
    let is_changed = changed as f64 >= STALE_SHARE * live as f64;
    let is_stale = live > 0 && (is_changed || activity.analyzed_s_ago.is_none());
    is_stale.then_some((changed, live))
}

/// Returns what makes the planner's estimate of a node better.
pub(crate) fn advice(subject: &Subject, node: &Node) -> String {
    if node.relation.is_some() {
        return scan_advice(subject, node);
    }
    if node.is_join() {
        return join_advice(subject, node);
    }
    if matches!(node.kind.as_str(), "Aggregate" | "Group" | "Unique") {
        return group_advice(subject, node);
    }
    "The planner cannot know better here: put these rows into a temporary table and ANALYZE it before the rest.".to_owned()
}

fn scan_advice(subject: &Subject, scan: &Node) -> String {
    let table = table_name(subject, scan);
    if stale(subject, scan).is_some() {
        return format!("Run ANALYZE {table};");
    }
    let conditions: Vec<_> = ["Index Cond", "Recheck Cond", "Filter"]
        .into_iter()
        .filter_map(|key| scan.text(key))
        .flat_map(condition::conditions)
        .filter(|condition| condition.columns.iter().any(|column| is_own(scan, column)))
        .collect();
    if let Some(expression) = conditions.iter().find_map(|condition| condition.expression.as_deref()) {
        return format!(
            "Statistics on the expression tell the planner: {}",
            create_statistics(scan, &table, "", &[format!("({expression})")])
        );
    }
    let columns: BTreeSet<&str> = conditions
        .iter()
        .flat_map(|condition| &condition.columns)
        .filter(|column| is_own(scan, column))
        .map(|column| column.name.as_str())
        .collect();
    let is_joined = conditions.iter().any(|condition| matches!(condition.against, Against::Column(_)));
    match columns.iter().collect::<Vec<_>>().as_slice() {
        [] => format!("Run ANALYZE {table};"),
        [column] if is_joined => format!(
            "Run ANALYZE {table}; if that does not help, tell the planner how many values {column} has: ALTER TABLE \
             {table} ALTER COLUMN {} SET (n_distinct = …).",
            quote::identifier(column)
        ),
        [column] => format!(
            "Run ANALYZE {table}; if that does not help, ALTER TABLE {table} ALTER COLUMN {} SET STATISTICS \
             {STATISTICS_TARGET}; and ANALYZE again.",
            quote::identifier(column)
        ),
        several => {
            let columns: Vec<String> =
                several.iter().map(|column| quote::identifier(column).into_owned()).collect();
            format!(
                "Run ANALYZE {table}; if that does not help, the columns depend on each other, and extended statistics \
                 tell the planner how: {}",
                create_statistics(scan, &table, "", &columns)
            )
        }
    }
}

fn join_advice(subject: &Subject, join: &Node) -> String {
    let equal: Vec<_> = ["Hash Cond", "Merge Cond", "Join Filter"]
        .into_iter()
        .filter_map(|key| join.text(key))
        .flat_map(condition::conditions)
        .filter(|condition| condition.operator == Operator::Equal)
        .collect();
    if equal.len() > 1 {
        return "The planner takes the columns of a join for independent unless a foreign key holds them together: add \
                one on all of them where it is true, or join on fewer columns."
            .to_owned();
    }
    let scans: Vec<&Node> =
        subject.plan.descendants(join.id).filter(|node| node.relation.is_some()).collect();
    let targets: Vec<String> = equal
        .iter()
        .flat_map(|condition| &condition.columns)
        .filter_map(|column| {
            let scan = scans.iter().find(|scan| column.qualifier.is_some() && is_own(scan, column))?;
            let (table, column) = (table_name(subject, scan), quote::identifier(&column.name));
            Some(format!(
                "ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS {STATISTICS_TARGET}; ANALYZE {table};"
            ))
        })
        .collect();
    if targets.is_empty() {
        return "The planner has no statistics for this join condition: compute one side in a CTE that is MATERIALIZED, \
                or in a temporary table that is analyzed."
            .to_owned();
    }
    format!("Let the planner see more of the joined columns' values: {}", targets.join(" "))
}

fn group_advice(subject: &Subject, node: &Node) -> String {
    let keys: Vec<&str> = node.list("Group Key").collect();
    let columns: Option<Vec<_>> = keys.iter().map(|key| condition::single_column(key)).collect();
    let scan = columns.as_ref().filter(|columns| !columns.is_empty()).and_then(|columns| {
        subject
            .plan
            .descendants(node.id)
            .filter(|scan| scan.relation.is_some())
            .find(|scan| columns.iter().all(|column| is_own(scan, column)))
    });
    let (Some(scan), Some(columns)) = (scan, columns) else {
        return "The planner cannot know how many groups there are: put them into a temporary table and ANALYZE it."
            .to_owned();
    };
    let table = table_name(subject, scan);
    let columns: Vec<String> =
        columns.iter().map(|column| quote::identifier(&column.name).into_owned()).collect();
    match columns.as_slice() {
        [column] => format!(
            "Run ANALYZE {table}; if that does not help, tell the planner how many values there are: ALTER TABLE {table} \
             ALTER COLUMN {column} SET (n_distinct = …)."
        ),
        _ => format!(
            "Extended statistics tell the planner how many combinations there are: {}",
            create_statistics(scan, &table, "(ndistinct) ", &columns)
        ),
    }
}

/// Returns the statements that make extended statistics; they must have a name up to PostgreSQL 15.
fn create_statistics(scan: &Node, table: &str, kinds: &str, expressions: &[String]) -> String {
    let mut words = vec![scan.relation.as_deref().unwrap_or("t").to_owned()];
    words.extend(
        condition::columns(&format!("f({})", expressions.join(", "))).into_iter().map(|column| column.name),
    );
    words.push("stats".to_owned());
    format!(
        "CREATE STATISTICS {} {kinds}ON {} FROM {table}; ANALYZE {table};",
        quote::identifier(&words.join("_")),
        expressions.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read, resources, times_or_costs};
    use serde_json::{Value, json};

    /// Checks what is advised for the root of a plan.
    fn check(root: &Value, expected: &str) {
        let plan = read::plan(json!({"Plan": root})).unwrap();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        let subject = Subject { plan: &plan, times: &times, resources: &resources, sql: None, server: None };
        let advice = advice(&subject, &plan.nodes[0]);
        assert!(advice.contains(expected), "{advice}");
    }

    fn scan(filter: &str) -> Value {
        json!({"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "Orders", "Alias": "o", "Filter": filter})
    }

    #[test]
    fn scans_need_statistics_of_what_they_test() {
        check(
            &scan("((o.city = 'x'::text) AND (o.zip = '1'::text))"),
            "CREATE STATISTICS \"Orders_city_zip_stats\" ON city, zip FROM public.\"Orders\"; ANALYZE public.\"Orders\";",
        );
        check(
            &scan("(o.city = 'x'::text)"),
            "ALTER TABLE public.\"Orders\" ALTER COLUMN city SET STATISTICS 1000;",
        );
        check(
            &scan("(lower(o.city) = 'x'::text)"),
            "CREATE STATISTICS \"Orders_city_stats\" ON (lower(city)) FROM public.\"Orders\";",
        );
        check(&scan("(o.city = c.name)"), "ALTER COLUMN city SET (n_distinct = …)");
        check(&scan("true"), "Run ANALYZE public.\"Orders\";");
    }

    #[test]
    fn joins_need_statistics_of_both_sides() {
        let join = |condition: &str| json!({"Node Type": "Hash Join", "Hash Cond": condition, "Plans": [scan("true")]});
        check(&join("(o.x = u.id)"), "ALTER TABLE public.\"Orders\" ALTER COLUMN x SET STATISTICS 1000;");
        check(&join("((o.x = u.id) AND (o.y = u.y))"), "foreign key");
        check(&join("(f(o.x) = g(u.id, 1))"), "ALTER TABLE");
    }

    #[test]
    fn groups_need_statistics_of_their_columns() {
        let group =
            |keys: Value| json!({"Node Type": "Aggregate", "Group Key": keys, "Plans": [scan("true")]});
        check(&group(json!(["o.a", "o.b"])), "(ndistinct) ON a, b FROM public.\"Orders\";");
        check(&group(json!(["o.a"])), "SET (n_distinct = …)");
        check(&group(json!(["lower(o.a)"])), "temporary table");
    }
}
