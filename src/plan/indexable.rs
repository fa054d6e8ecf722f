//! Which columns of a table's scan a plain btree index could serve, and in which order.

use super::{Node, Server, Subject};
use crate::catalog::{Catalog, Index, Table, TableKind};
use crate::index::{Definition, Key, Predicate, candidates};
use crate::query::condition::{self, Against, ColumnName, Condition, Operator, Wrapping};
use crate::query::{self, Operand, SortItem, quote};

/// The conditions on one scanned table, by what an index can do with them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Indexable {
    /// Columns that have one value during a scan: `=`, boolean columns.
    pub(crate) equality: Vec<String>,
    /// Columns that have a few values: `= ANY`. What is read through them has no order.
    pub(crate) any: Vec<String>,
    /// Columns of `<`, `>` and the like, and of `ROW(a, b) > …` together; the first has two bounds if any has.
    pub(crate) ranges: Vec<Vec<String>>,
    /// Columns that must be NULL.
    pub(crate) nulls: Vec<String>,
    /// What no plain index serves: functions, casts, OR, `<>`, `IS NOT NULL`, LIKE, other operators, comparisons of own
    /// columns.
    pub(crate) others: Vec<Condition>,
}

/// Columns of every table that cannot be indexed (manual, "System Columns").
pub(crate) const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
/// Functions whose value changes from row to row, so that no index condition can hold them.
const VOLATILE: [&str; 6] =
    ["random(", "clock_timestamp(", "timeofday(", "nextval(", "gen_random_uuid(", "uuid_generate_v"];

/// Sorts the conditions of an expression of `scan`, or of a join above it, by what an index on the scanned table
/// can do with them. Conditions on other tables alone are left out.
pub(crate) fn indexable(subject: &Subject, scan: &Node, expression: &str) -> Indexable {
    let mut found = Indexable::default();
    for condition in condition::conditions(expression) {
        if !condition.columns.iter().any(|column| is_own(scan, column)) {
            continue;
        }
        let Some(columns) = served_columns(subject, scan, &condition) else {
            found.others.push(condition);
            continue;
        };
        match (&condition.operator, columns.as_slice()) {
            (Operator::Equal, _) => columns.into_iter().for_each(|column| add(&mut found.equality, column)),
            (Operator::Any, [column]) => add(&mut found.any, column.clone()),
            (Operator::Range, _) if found.ranges.contains(&columns) => {
                // A lower and an upper bound read one stretch of the index.
                found.ranges.retain(|range| *range != columns);
                found.ranges.insert(0, columns);
            }
            (Operator::Range, _) => found.ranges.push(columns),
            (Operator::IsNull, [column]) => add(&mut found.nulls, column.clone()),
            _ => found.others.push(condition),
        }
    }
    let Indexable { equality, any, ranges, .. } = &mut found;
    any.retain(|column| !equality.contains(column));
    ranges.retain(|range| !range.iter().all(|column| equality.contains(column)));
    found
}

/// Returns what an index could do with all conditions of a scan: those that its index serves already, and its filter.
pub(crate) fn with_index_condition(subject: &Subject, scan: &Node) -> Indexable {
    let of_index = scan.text("Index Cond").or_else(|| scan.text("Recheck Cond"));
    let parts: Vec<String> =
        of_index.into_iter().chain(scan.text("Filter")).map(|part| format!("({part})")).collect();
    indexable(subject, scan, &parts.join(" AND "))
}

/// Whether EXPLAIN means a column of the scanned table by this name.
pub(crate) fn is_own(scan: &Node, column: &ColumnName) -> bool {
    match (&column.qualifier, &scan.alias) {
        (None, _) => true,
        (Some(qualifier), Some(alias)) => qualifier == alias,
        (Some(qualifier), None) => scan.relation.as_ref() == Some(qualifier),
    }
}

impl Indexable {
    /// Whether no column could lead an index.
    pub(crate) fn is_empty(&self) -> bool {
        self.equality.is_empty() && self.any.is_empty() && self.ranges.is_empty() && self.nulls.is_empty()
    }

    /// Returns the keys of an index: what has one value, then the order that is asked for, then one range.
    pub(crate) fn keys(&self, sort: &[Key]) -> Vec<Key> {
        let ascending = |column: &String| Key::ascending(column);
        let mut keys: Vec<Key> = self.equality.iter().map(ascending).collect();
        keys.extend(sort.iter().cloned());
        keys.extend(self.any.iter().map(ascending));
        keys.extend(self.ranges.iter().take(1).flatten().map(ascending));
        if keys.is_empty() {
            keys.extend(self.nulls.iter().take(1).map(ascending));
        }
        candidates::without_repeats(keys)
    }
}

/// Returns the keys that deliver rows in this order (`Sort Key`, `Group Key`, …), or backwards, when all of it is
/// columns of the scanned table.
pub(crate) fn sort_keys<'a>(scan: &Node, order: impl Iterator<Item = &'a str>) -> Option<Vec<Key>> {
    let columns: Option<Vec<SortItem>> = order.map(|item| sort_column(scan, item)).collect();
    Some(candidates::without_repeats(candidates::sort_keys(&columns?))).filter(|keys| !keys.is_empty())
}

/// Returns an index for these conditions and this order; `None` when no column could lead it, when there is one
/// already, or when `CREATE INDEX CONCURRENTLY` cannot build it: a partition's index belongs to its parent, and
/// system catalogs take none.
pub(crate) fn definition(
    subject: &Subject,
    scan: &Node,
    indexable: &Indexable,
    sort: &[Key],
) -> Option<Definition> {
    let definition = wanted(subject, scan, indexable, sort)?;
    if existing(subject, scan, indexable, &definition).is_some() || is_partition(subject, scan) {
        return None;
    }
    if let Some(table) = table(subject.server, scan) {
        let cannot = |key: &Key| {
            key.column().and_then(|column| table.column(column)).is_none_or(|column| column.is_virtual)
        };
        let is_table = matches!(table.kind, TableKind::Ordinary | TableKind::MaterializedView);
        if !is_table || definition.keys.iter().any(cannot) {
            return None;
        }
    }
    Some(definition)
}

/// Returns the index that serves these conditions and this order already, though the planner may not have chosen it.
pub(crate) fn existing_index<'s>(
    subject: &Subject<'s>,
    scan: &Node,
    indexable: &Indexable,
    sort: &[Key],
) -> Option<&'s Index> {
    existing(subject, scan, indexable, &wanted(subject, scan, indexable, sort)?)
}

fn wanted(subject: &Subject, scan: &Node, indexable: &Indexable, sort: &[Key]) -> Option<Definition> {
    let keys = indexable.keys(sort);
    let relation = scan.relation.as_ref().filter(|_| !keys.is_empty())?;
    let known = table(subject.server, scan).map(|table| table.schema.clone());
    let schema = scan.schema.clone().or(known);
    if is_of_the_system(scan) {
        return None;
    }
    let is_key = |column: &String| keys.iter().any(|key| key.column() == Some(column));
    let predicate = indexable
        .nulls
        .iter()
        .find(|column| !is_key(column))
        .map(|column| Predicate::null_test(column, true));
    let schema = schema.unwrap_or_else(|| "public".to_owned());
    let table = relation.clone();
    Some(Definition { predicate, ..Definition::btree(schema, table, keys) })
}

fn existing<'s>(
    subject: &Subject<'s>,
    scan: &Node,
    indexable: &Indexable,
    definition: &Definition,
) -> Option<&'s Index> {
    let covers = |definition: &Definition, n_equal: usize, index: &Index| {
        // Columns that have one value may come in any order.
        let mut definition = definition.clone();
        let place = |key: &Key| index.keys.iter().position(|own| own.column.as_deref() == key.column());
        definition.keys[..n_equal].sort_by_key(|key| place(key).unwrap_or(usize::MAX));
        definition.is_covered_by(index)
    };
    let n_equal = indexable.equality.len();
    // An index of all rows serves as well when the column that is tested for NULL is one of its keys.
    let whole = definition.predicate.as_ref().and_then(Predicate::as_null_test).map(|(column, _)| {
        let mut whole = Definition { predicate: None, ..definition.clone() };
        whole.keys.insert(n_equal, Key::ascending(column));
        whole
    });
    table(subject.server, scan)?.indexes.iter().find(|index| {
        covers(definition, n_equal, index)
            || whole.as_ref().is_some_and(|whole| covers(whole, n_equal + 1, index))
    })
}

/// Returns the scanned table as the catalog knows it.
pub(crate) fn table<'s>(server: Option<&'s Server>, scan: &Node) -> Option<&'s Table> {
    server?.table(scan.schema.as_deref(), scan.relation.as_deref()?)
}

/// Whether the scanned table is a partition, by the catalog, else by the name that the planner gave it below an
/// Append (`orders_1` for the first partition of `orders`), else by the statement.
pub(crate) fn is_partition(subject: &Subject, scan: &Node) -> bool {
    let relation = scan.relation.as_deref().unwrap_or_default();
    // Chunks of TimescaleDB inherit from their hypertable.
    if relation.starts_with("_hyper_") && relation.ends_with("_chunk") {
        return true;
    }
    if let Some(table) = table(subject.server, scan) {
        return table.partition_of.is_some();
    }
    let is_below_append =
        subject.plan.ancestors(scan.id).any(|node| node.is_a("Append") || node.is_a("Merge Append"));
    let given = scan.alias.as_deref().and_then(|alias| alias.rsplit_once('_'));
    let is_numbered = given.is_some_and(|(base, number)| {
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && relation != base
            && scan.relation != scan.alias
    });
    is_below_append && is_numbered || is_left_of_its_parent(subject, scan)
}

/// Whether the statement names a table that the plan only has as the alias of another: the one partition that is left
/// goes by its parent's name.
fn is_left_of_its_parent(subject: &Subject, scan: &Node) -> bool {
    if scan.alias == scan.relation {
        return false;
    }
    let Some(statement) = subject.sql.and_then(|sql| query::parse(sql).ok()) else { return false };
    let uses = statement.shape(&Catalog::default()).uses;
    let names =
        |name: &Option<String>| uses.iter().any(|table_use| Some(&table_use.table.name) == name.as_ref());
    names(&scan.alias) && !names(&scan.relation)
}

/// Whether the scanned table is a system catalog, which nobody but the server may index or alter.
pub(crate) fn is_of_the_system(scan: &Node) -> bool {
    match (scan.schema.as_deref(), scan.relation.as_deref()) {
        (Some(schema), _) => matches!(schema, "pg_catalog" | "pg_toast" | "information_schema"),
        (None, relation) => relation.is_some_and(|relation| relation.starts_with("pg_")),
    }
}

/// Returns the name of the scanned table for SQL, qualified where the schema is known; a partition's index belongs to
/// its parent, so that is named where the catalog knows it.
pub(crate) fn table_name(subject: &Subject, scan: &Node) -> String {
    let qualified = |schema: Option<&str>, name: &str| match schema {
        Some(schema) => format!("{}.{}", quote::identifier(schema), quote::identifier(name)),
        None => quote::identifier(name).into_owned(),
    };
    match (subject.server, table(subject.server, scan)) {
        (Some(server), Some(table)) => {
            let parent = |table: &&Table| server.catalog.table_by_oid(table.partition_of.as_ref()?.0);
            let root = std::iter::successors(Some(table), parent).last().unwrap_or(table);
            qualified(Some(&root.schema), &root.name)
        }
        _ => qualified(scan.schema.as_deref(), scan.relation.as_deref().unwrap_or("the table")),
    }
}

/// Returns the columns of the scanned table that an index serves this condition by; `None` when it serves none.
fn served_columns(subject: &Subject, scan: &Node, condition: &Condition) -> Option<Vec<String>> {
    let (tested, wrapping, others) = match (&condition.column, &condition.against) {
        // Written from the other table's side.
        (Some(column), Against::Column(other)) if !is_own(scan, column) => (other, None, vec![column]),
        (Some(column), _) => {
            let others = condition.columns.iter().filter(|other| *other != column).collect();
            (column, condition.wrapping.as_ref(), others)
        }
        (None, _) => return None,
    };
    let columns = match wrapping {
        None => vec![tested],
        Some(Wrapping::Cast(to)) if is_free_cast(subject, scan, tested, to) => vec![tested],
        Some(Wrapping::Row(columns)) if condition.operator == Operator::Range => columns.iter().collect(),
        Some(_) => return None,
    };
    let is_fixed = !others.iter().any(|other| is_own(scan, other) && !columns.contains(other));
    let is_volatile = VOLATILE.iter().any(|function| condition.sql.contains(function));
    let can_be_indexed =
        |column: &&ColumnName| is_own(scan, column) && !SYSTEM_COLUMNS.contains(&column.name.as_str());
    (is_fixed && !is_volatile && columns.iter().all(can_be_indexed))
        .then(|| columns.into_iter().map(|column| column.name.clone()).collect())
}

/// Whether a cast changes the name of the type alone. EXPLAIN writes every comparison of a `varchar` column as
/// `(code)::text = …`, and its index serves that; a number or a date that the statement casts to text is another
/// thing. The catalog tells them apart, or the statement, where the cast was written.
pub(crate) fn is_free_cast(subject: &Subject, scan: &Node, column: &ColumnName, to: &str) -> bool {
    if to != "text" {
        return false;
    }
    if let Some(column) = table(subject.server, scan).and_then(|table| table.column(&column.name)) {
        // On a plain `text` column only a COLLATE is written so.
        return matches!(column.base_type.as_str(), "varchar" | "text") && column.type_name != "text";
    }
    let sql = subject.sql.unwrap_or_default().to_lowercase();
    let sql: String = sql.chars().filter(|c| !c.is_whitespace() && !"()\"".contains(*c)).collect();
    let name = column.name.to_lowercase();
    !["::text", "::varchar", "::charactervarying", "astext", "asvarchar"]
        .iter()
        .any(|cast| sql.contains(&format!("{name}{cast}")))
}

fn sort_column(scan: &Node, item: &str) -> Option<SortItem> {
    let (item, nulls) = match item.split_once(" NULLS ") {
        Some((item, place)) => (item, Some(place == "FIRST")),
        None => (item, None),
    };
    let (item, descending) = match item.strip_suffix(" DESC") {
        Some(item) => (item, true),
        None => (item, false),
    };
    let column = condition::single_column(item).filter(|column| is_own(scan, column))?;
    Some(SortItem {
        operand: Operand::Column(column.name),
        descending,
        nulls_first: nulls.unwrap_or(descending),
    })
}

fn add(columns: &mut Vec<String>, column: String) {
    if !columns.contains(&column) {
        columns.push(column);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read, resources, times_or_costs};
    use serde_json::{Value, json};

    fn with_scan<T>(sql: Option<&str>, plan: &Value, look: impl Fn(&Subject, &Node) -> T) -> T {
        let plan = read::plan(json!({"Plan": plan})).unwrap();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        let subject = Subject { plan: &plan, times: &times, resources: &resources, sql, server: None };
        look(&subject, plan.nodes.last().unwrap())
    }

    /// Checks which index a condition on `orders o` asks for.
    fn check(sql: Option<&str>, filter: &str, order: &[&str], expected: Option<&str>) {
        let scan = json!({"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o"});
        let found = with_scan(sql, &scan, |subject, scan| {
            let indexable = indexable(subject, scan, filter);
            let sort = sort_keys(scan, order.iter().copied()).unwrap_or_default();
            definition(subject, scan, &indexable, &sort).map(|definition| definition.describe())
        });
        assert_eq!(found.as_deref(), expected, "{filter}");
    }

    #[test]
    fn equality_before_order_before_range() {
        check(None, "((o.b > 1) AND (o.a = 5))", &[], Some("orders (a, b)"));
        check(
            None,
            "((o.a = ANY ('{1,2}'::integer[])) AND (o.c = 1))",
            &["o.b DESC", "o.id"],
            Some("orders (c, b, id DESC, a)"),
        );
        check(None, "((o.b > 1) AND (o.c > 1) AND (o.c < 9))", &[], Some("orders (c)"));
        check(None, "(ROW(o.ts, o.id) > ROW(1, 2))", &[], Some("orders (ts, id)"));
        check(None, "(o.active AND (NOT o.deleted))", &[], Some("orders (active, deleted)"));
        check(None, "((o.a = 1) AND (o.done IS NULL))", &[], Some("orders (a) WHERE done IS NULL"));
        check(None, "(o.done IS NULL)", &[], Some("orders (done)"));
        check(None, "(o.done IS NOT NULL)", &[], None);
    }

    #[test]
    fn joined_columns_have_one_value() {
        check(None, "(c.id = o.customer_id)", &[], Some("orders (customer_id)"));
        check(None, "(o.customer_id = c.id)", &[], Some("orders (customer_id)"));
        check(None, "(c.id = 5)", &[], None);
        check(None, "(o.a = o.b)", &[], None);
        check(None, "(o.a > (o.b + 1))", &[], None);
    }

    #[test]
    fn what_no_plain_index_serves() {
        for filter in [
            "(lower(o.name) = 'x'::text)",
            "((o.at)::date = '2020-01-01'::date)",
            "((o.a = 1) OR (o.b = 2))",
            "(o.a <> 1)",
            "(o.name ~~ '%a%'::text)",
            "((o.data ->> 'k'::text) = 'x'::text)",
            "(5 = ANY (o.tags))",
            "(o.f < random())",
            "(o.tableoid = '1259'::oid)",
            "(NOT (ANY (o.id = (hashed SubPlan 1).col1)))",
        ] {
            check(None, filter, &[], None);
        }
    }

    #[test]
    fn a_varchar_is_no_cast_but_a_number_is() {
        let filter = "((o.code)::text = '5'::text)";
        check(Some("SELECT * FROM orders o WHERE code = '5'"), filter, &[], Some("orders (code)"));
        check(Some("SELECT * FROM orders o WHERE o.\"code\"::text = '5'"), filter, &[], None);
        check(Some("SELECT * FROM orders o WHERE CAST(o.code AS text) = '5'"), filter, &[], None);
    }

    #[test]
    fn tells_partitions() {
        for (relation, alias, expected) in [
            ("orders_2024", "o_1", true),
            ("orders_2024", "o", false),
            ("_hyper_1_2_chunk", "_hyper_1_2_chunk", true),
            ("t", "t_1", false),
            ("t_1", "t_1", false),
        ] {
            let scan = json!({"Node Type": "Seq Scan", "Relation Name": relation, "Alias": alias});
            let found = with_scan(None, &json!({"Node Type": "Append", "Plans": [scan]}), is_partition);
            assert_eq!(found, expected, "{relation} {alias}");
        }
    }

    #[test]
    fn tells_the_last_partition_by_the_statement() {
        let scan = json!({"Node Type": "Seq Scan", "Relation Name": "orders_2024", "Alias": "orders"});
        for (sql, expected) in [
            ("SELECT * FROM orders WHERE at = '2024-01-01'", true),
            ("SELECT * FROM orders_2024 orders", false),
            ("SELECT * FROM a_view", false),
        ] {
            assert_eq!(with_scan(Some(sql), &scan, is_partition), expected, "{sql}");
        }
    }

    #[test]
    fn reads_orders() {
        let scan = json!({"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t"});
        for (order, expected) in [
            (&["t.a", "b DESC"][..], Some("a, b DESC")),
            (&["a DESC NULLS LAST", "b DESC"], Some("a NULLS FIRST, b")),
            (&["(lower(a))"], None),
            (&["u.a"], None),
            (&["a COLLATE \"C\""], None),
            (&["a USING ~<~"], None),
        ] {
            let found = with_scan(None, &scan, |_, scan| {
                sort_keys(scan, order.iter().copied())
                    .map(|keys| keys.iter().map(Key::sql).collect::<Vec<_>>().join(", "))
            });
            assert_eq!(found.as_deref(), expected, "{order:?}");
        }
    }
}
