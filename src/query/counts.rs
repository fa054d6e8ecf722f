//! Which queries count or add up rows of one table for each row of another, and by what.
//!
//! Only the text is read here: who is whose parent follows from foreign keys, which `counter::suggest` knows.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, Value, Visit, Visitor,
    visit_expressions, visit_expressions_mut,
};

use super::from::{Entry, From, bare};
use super::scope::{Relations, TableName, fold, table_name};

/// An aggregate over groups of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counting {
    /// The tables of its FROM.
    pub(crate) tables: Vec<Listed>,
    /// Columns of these tables that are equal.
    pub(crate) joins: Vec<(Place, Place)>,
    /// Columns that are equal to a column of the row that a query around it reads.
    pub(crate) outer: Vec<(Place, TableName, String)>,
    /// Columns that are equal to a parameter, or to one of several.
    pub(crate) fixed: Vec<Place>,
    /// The columns of GROUP BY.
    pub(crate) groups: Vec<Place>,
    pub(crate) conditions: Vec<Filter>,
    pub(crate) aggregate: Aggregate,
    /// Why no counter can stand for it, if that shows already.
    pub(crate) obstacle: Option<String>,
}

/// A table of a FROM clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: TableName,
    /// Whether its columns are NULL where it has no row.
    pub(crate) is_optional: bool,
}

/// A column of one of the tables, by the table's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) table: usize,
    pub(crate) column: String,
}

/// A condition on the columns of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) table: usize,
    /// Without qualifiers.
    pub(crate) sql: String,
    /// The column that it compares with one constant, if it is that.
    pub(crate) equal: Option<String>,
    pub(crate) has_parameter: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// `count(*)`.
    Rows,
    /// `count(column)`.
    Values(Place),
    /// `count(DISTINCT column)`.
    Distinct(Place),
    /// `sum(expression)`, without qualifiers.
    Sum { table: usize, sql: String },
}

/// Finds the aggregates of a statement that are by some column.
pub(super) fn countings(statement: &ast::Statement, relations: &dyn Relations) -> Vec<Counting> {
    let mut finder = Finder { relations, scopes: Vec::new(), ctes: Vec::new(), found: Vec::new() };
    let _ = statement.visit(&mut finder);
    finder.found
}

struct Finder<'r> {
    relations: &'r dyn Relations,
    /// Of the queries around the one that is visited, the outermost first.
    scopes: Vec<Vec<Entry>>,
    /// The names of WITH queries.
    ctes: Vec<String>,
    found: Vec<Counting>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(ctes.map(|cte| fold(&cte.alias.name)));
        let mut entries = Vec::new();
        if let SetExpr::Select(select) = &*query.body {
            let from = From::read(select, &self.ctes);
            entries.clone_from(&from.entries);
            self.select(select, &from);
        }
        self.scopes.push(entries);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }
}

/// What a column belongs to.
enum Owner {
    Own(Place),
    Outer(TableName, String),
}

impl Finder<'_> {
    fn select(&mut self, select: &Select, from: &From) {
        let mut aggregates = Vec::new();
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                collect_aggregates(expr, &mut aggregates);
            }
        }
        if aggregates.is_empty() || from.entries.is_empty() {
            return;
        }
        let tables = from.entries.iter().zip(&from.is_optional);
        let mut common = Counting {
            tables: tables
                .map(|(entry, is_optional)| Listed { name: entry.name.clone(), is_optional: *is_optional })
                .collect(),
            joins: Vec::new(),
            outer: Vec::new(),
            fixed: Vec::new(),
            groups: Vec::new(),
            conditions: Vec::new(),
            aggregate: Aggregate::Rows,
            obstacle: from.obstacle.clone(),
        };
        for (column, at) in &from.using {
            let has = |entry: &Entry| self.relations.has_column(&entry.name, column) == Some(true);
            match from.entries[..*at].iter().position(has) {
                Some(left) => {
                    let place = |table| Place { table, column: column.clone() };
                    common.joins.push((place(left), place(*at)));
                }
                None => refuse(&mut common, format!("{column} is in no table before it")),
            }
        }
        for (expr, only) in &from.conditions {
            self.condition(expr, *only, &from.entries, &mut common);
        }
        if let Some(condition) = &select.selection {
            self.condition(condition, None, &from.entries, &mut common);
        }
        if !self.groups(select, &from.entries, &mut common) {
            return;
        }
        for function in aggregates {
            let mut counting = common.clone();
            self.aggregate(function, &from.entries, &mut counting);
            if !self.found.contains(&counting) {
                self.found.push(counting);
            }
        }
    }

    /// Reads GROUP BY; false where the aggregate is over all rows.
    fn groups(&self, select: &Select, own: &[Entry], counting: &mut Counting) -> bool {
        let GroupByExpr::Expressions(groups, modifiers) = &select.group_by else { return false };
        if !modifiers.is_empty() {
            refuse(counting, "it groups in several ways".to_owned());
        }
        for expr in groups {
            let expr = projected(bare(expr), select);
            match column_parts(expr).map(|parts| self.owner(parts, own)) {
                Some(Some(Owner::Own(place))) => counting.groups.push(place),
                _ => refuse(counting, format!("it groups by {expr}")),
            }
        }
        let by_constant = counting.conditions.iter().any(|filter| filter.equal.is_some());
        !(counting.groups.is_empty()
            && counting.outer.is_empty()
            && counting.fixed.is_empty()
            && !by_constant)
    }

    /// Takes a condition apart. That of an outer join restricts the joined table alone.
    fn condition(&self, expr: &Expr, only: Option<usize>, own: &[Entry], counting: &mut Counting) {
        match bare(expr) {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition(left, only, own, counting);
                self.condition(right, only, own, counting);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                self.equality(expr, (left, right), only, own, counting);
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. }
                if has_parameter(right) && columns(right).is_empty() =>
            {
                self.equality(expr, (left, right), only, own, counting);
            }
            Expr::InList { expr: left, list, negated: false }
                if list.iter().all(|it| matches!(bare(it), Expr::Value(_))) && has_parameter(expr) =>
            {
                match self.own_column(left, own) {
                    Some(place) => counting.fixed.push(place),
                    None => self.filter(expr, only, own, counting),
                }
            }
            Expr::Value(value) if value.value == Value::Boolean(true) => {}
            other => self.filter(other, only, own, counting),
        }
    }

    fn equality(
        &self,
        whole: &Expr,
        sides: (&Expr, &Expr),
        only: Option<usize>,
        own: &[Entry],
        counting: &mut Counting,
    ) {
        let owner = |expr: &Expr| column_parts(bare(expr)).and_then(|parts| self.owner(parts, own));
        let is_parameter = |expr: &Expr| columns(expr).is_empty() && has_parameter(expr);
        match (owner(sides.0), owner(sides.1)) {
            (Some(Owner::Own(a)), Some(Owner::Own(b))) if a.table != b.table => counting.joins.push((a, b)),
            (Some(Owner::Own(place)), Some(Owner::Outer(table, column)))
            | (Some(Owner::Outer(table, column)), Some(Owner::Own(place))) => {
                counting.outer.push((place, table, column));
            }
            (Some(Owner::Own(place)), None) if is_parameter(sides.1) => counting.fixed.push(place),
            (None, Some(Owner::Own(place))) if is_parameter(sides.0) => counting.fixed.push(place),
            _ => self.filter(whole, only, own, counting),
        }
    }

    fn filter(&self, expr: &Expr, only: Option<usize>, own: &[Entry], counting: &mut Counting) {
        match self.one_table(expr, own) {
            Ok(table) if only.is_none_or(|only| only == table) => {
                let equal = match bare(expr) {
                    Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                        [left, right].into_iter().find_map(|side| Some(self.own_column(side, own)?.column))
                    }
                    _ => None,
                };
                counting.conditions.push(Filter {
                    table,
                    sql: unqualified(bare(expr)),
                    equal,
                    has_parameter: has_parameter(expr),
                });
            }
            Ok(_) => refuse(counting, format!("its outer join depends on {expr}")),
            Err(reason) => refuse(counting, reason),
        }
    }

    /// Returns the only table whose columns an expression has, if nothing but columns and values is in it.
    fn one_table(&self, expr: &Expr, own: &[Entry]) -> Result<usize, String> {
        let stranger = visit_expressions(expr, |part| match part {
            Expr::Function(_) | Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        if stranger.is_break() {
            return Err(format!("{expr} is not made of columns and constants alone"));
        }
        let mut table = None;
        for parts in columns(expr) {
            match self.owner(&parts, own) {
                Some(Owner::Own(place)) if table.is_none_or(|table| table == place.table) => {
                    table = Some(place.table);
                }
                _ => return Err(format!("{expr} is not about one table")),
            }
        }
        table.ok_or_else(|| format!("{expr} is about no table"))
    }

    fn aggregate(&self, function: &Function, own: &[Entry], counting: &mut Counting) {
        if let Some(filter) = &function.filter {
            self.condition(filter, None, own, counting);
        }
        let FunctionArguments::List(list) = &function.args else { return };
        let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let is_sum = is_named(function, "sum");
        let argument = match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => return,
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => bare(expr),
            _ => return refuse(counting, format!("{function} is no plain aggregate")),
        };
        match (is_sum, self.own_column(argument, own)) {
            (false, Some(place)) if is_distinct => counting.aggregate = Aggregate::Distinct(place),
            (false, Some(place)) => counting.aggregate = Aggregate::Values(place),
            // Any constant counts rows.
            (false, None) if matches!(argument, Expr::Value(value) if value.value != Value::Null) => {}
            _ if is_distinct => refuse(counting, format!("{function} leaves out what is equal")),
            (is_sum, _) => match self.one_table(argument, own) {
                Err(reason) => refuse(counting, reason),
                Ok(_) if has_parameter(argument) => {
                    refuse(counting, format!("{function} depends on a parameter"));
                }
                Ok(table) if is_sum => {
                    counting.aggregate = Aggregate::Sum { table, sql: unqualified(argument) };
                }
                Ok(table) => counting.conditions.push(Filter {
                    table,
                    sql: format!("({}) IS NOT NULL", unqualified(argument)),
                    equal: None,
                    has_parameter: false,
                }),
            },
        }
    }

    fn own_column(&self, expr: &Expr, own: &[Entry]) -> Option<Place> {
        match self.owner(column_parts(bare(expr))?, own)? {
            Owner::Own(place) => Some(place),
            Owner::Outer(..) => None,
        }
    }

    fn owner(&self, parts: &[Ident], own: &[Entry]) -> Option<Owner> {
        let (column, qualifier) = parts.split_last()?;
        let (column, qualifier) = (fold(column), qualifier.last().map(fold));
        let find = |entries: &[Entry]| match &qualifier {
            Some(qualifier) => entries.iter().position(|entry| entry.alias == *qualifier),
            None => {
                entries.iter().position(|entry| self.relations.has_column(&entry.name, &column) == Some(true))
            }
        };
        if let Some(table) = find(own) {
            return Some(Owner::Own(Place { table, column }));
        }
        let mut around = self.scopes.iter().rev();
        let table = around.find_map(|entries| find(entries).map(|at| entries[at].name.clone()))?;
        Some(Owner::Outer(table, column))
    }
}

fn refuse(counting: &mut Counting, reason: String) {
    counting.obstacle.get_or_insert(reason);
}

/// Collects `count` and `sum` outside of queries in the expression.
fn collect_aggregates<'e>(expr: &'e Expr, found: &mut Vec<&'e Function>) {
    match expr {
        Expr::Function(function)
            if (is_named(function, "count") || is_named(function, "sum")) && function.over.is_none() =>
        {
            found.push(function);
        }
        Expr::Function(function) if function.over.is_none() => {
            if let FunctionArguments::List(list) = &function.args {
                for argument in &list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
                        collect_aggregates(expr, found);
                    }
                }
            }
        }
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => {
            collect_aggregates(inner, found);
        }
        Expr::BinaryOp { left, right, .. } => {
            collect_aggregates(left, found);
            collect_aggregates(right, found);
        }
        _ => {}
    }
}

fn is_named(function: &Function, name: &str) -> bool {
    table_name(&function.name).is_some_and(|it| it.name == name)
}

/// Returns what GROUP BY means by a number or an alias.
fn projected<'e>(expr: &'e Expr, select: &'e Select) -> &'e Expr {
    let of_item = |item: &'e SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(bare(expr)),
        _ => None,
    };
    let found = match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => {
                let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                at.and_then(|at| select.projection.get(at)).and_then(of_item)
            }
            _ => None,
        },
        Expr::Identifier(name) => select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if fold(alias) == fold(name) => Some(bare(expr)),
            _ => None,
        }),
        _ => None,
    };
    found.unwrap_or(expr)
}

fn column_parts(expr: &Expr) -> Option<&[Ident]> {
    match expr {
        Expr::Identifier(name) => Some(std::slice::from_ref(name)),
        Expr::CompoundIdentifier(parts) => Some(parts),
        _ => None,
    }
}

fn columns(expr: &Expr) -> Vec<Vec<Ident>> {
    let mut columns = Vec::new();
    let _ = visit_expressions(expr, |part| {
        columns.extend(column_parts(part).map(<[Ident]>::to_vec));
        ControlFlow::<()>::Continue(())
    });
    columns
}

fn has_parameter(expr: &Expr) -> bool {
    let found = visit_expressions(expr, |part| match part {
        Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn unqualified(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let _ = visit_expressions_mut(&mut expr, |part| {
        if let Expr::CompoundIdentifier(parts) = part
            && let Some(name) = parts.pop()
        {
            *part = Expr::Identifier(name);
        }
        ControlFlow::<()>::Continue(())
    });
    expr.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse;

    /// Tables of projects, tasks and comments.
    struct Known;

    impl Relations for Known {
        fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
            let columns: &[&str] = match table.name.as_str() {
                "projects" => &["id", "name", "owner_id"],
                "tasks" => &["id", "project_id", "done", "hours", "deleted_at"],
                "comments" => &["id", "task_id", "body"],
                _ => return None,
            };
            Some(columns.contains(&column))
        }
    }

    /// Writes a counting in a line.
    fn shown(counting: &Counting) -> String {
        let place = |place: &Place| format!("{}.{}", counting.tables[place.table].name, place.column);
        let mut words: Vec<String> = counting
            .tables
            .iter()
            .map(|table| format!("{}{}", table.name, if table.is_optional { "?" } else { "" }))
            .collect();
        words.extend(counting.joins.iter().map(|(a, b)| format!("{}={}", place(a), place(b))));
        words.extend(
            counting
                .outer
                .iter()
                .map(|(own, table, column)| format!("{}=outer {table}.{column}", place(own))),
        );
        words.extend(counting.fixed.iter().map(|it| format!("{}=$", place(it))));
        words.extend(counting.groups.iter().map(|it| format!("by {}", place(it))));
        words.extend(counting.conditions.iter().map(|it| {
            let mark = if it.has_parameter { "$" } else { "" };
            format!("{}{mark}[{}]", counting.tables[it.table].name, it.sql)
        }));
        words.push(match &counting.aggregate {
            Aggregate::Rows => "rows".to_owned(),
            Aggregate::Values(it) => format!("values {}", place(it)),
            Aggregate::Distinct(it) => format!("distinct {}", place(it)),
            Aggregate::Sum { table, sql } => format!("sum {}[{sql}]", counting.tables[*table].name),
        });
        words.extend(counting.obstacle.iter().map(|reason| format!("but {reason}")));
        words.join(" ")
    }

    fn check(sql: &str, expected: &[&str]) {
        let parsed = parse(sql).unwrap();
        let found: Vec<String> = parsed.countings(&Known).iter().map(shown).collect();
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn counts_of_one_parent() {
        check("SELECT count(*) FROM tasks WHERE project_id = $1", &["tasks tasks.project_id=$ rows"]);
        check(
            "SELECT COUNT(*) AS n FROM \"tasks\" t WHERE $1 = t.project_id AND t.done AND (deleted_at IS NULL)",
            &["tasks tasks.project_id=$ tasks[done] tasks[deleted_at IS NULL] rows"],
        );
        check(
            "SELECT coalesce(sum(t.hours * 2), 0) FROM tasks t WHERE project_id = 7",
            &["tasks tasks[project_id = 7] sum tasks[hours * 2]"],
        );
        check("SELECT count(1) FROM tasks WHERE project_id = $1::bigint", &["tasks tasks.project_id=$ rows"]);
        check(
            "SELECT count(*) FROM comments c JOIN tasks t ON t.id = c.task_id WHERE t.project_id = $1",
            &["comments tasks tasks.id=comments.task_id tasks.project_id=$ rows"],
        );
    }

    #[test]
    fn counts_for_each_row_of_another_query() {
        check(
            "SELECT p.name, (SELECT count(*) FROM tasks WHERE project_id = p.id AND done = false) FROM projects p",
            &["tasks tasks.project_id=outer projects.id tasks[done = false] rows"],
        );
        check(
            "SELECT p.id, c.n FROM projects p, LATERAL (SELECT count(*) AS n FROM tasks WHERE project_id = p.id) c",
            &["tasks tasks.project_id=outer projects.id rows"],
        );
        check(
            "SELECT (SELECT count(*) FROM tasks JOIN comments ON task_id = tasks.id WHERE project_id = p.id) FROM projects p",
            &["tasks comments comments.task_id=tasks.id tasks.project_id=outer projects.id rows"],
        );
    }

    #[test]
    fn counts_by_group() {
        check(
            "SELECT project_id, count(*), sum(hours) FROM tasks GROUP BY 1",
            &["tasks by tasks.project_id rows", "tasks by tasks.project_id sum tasks[hours]"],
        );
        check(
            "SELECT project_id AS p, count(*) FILTER (WHERE done) FROM tasks WHERE project_id = ANY ($1) GROUP BY p",
            &["tasks tasks.project_id=$ by tasks.project_id tasks[done] rows"],
        );
        check(
            "SELECT p.*, count(t.id) FROM projects p LEFT JOIN tasks t ON t.project_id = p.id AND t.done GROUP BY p.id",
            &["projects tasks? tasks.project_id=projects.id by projects.id tasks[done] values tasks.id"],
        );
        check(
            "SELECT task_id, count(DISTINCT body) FROM tasks JOIN comments USING (id) WHERE task_id IN ($1, $2) GROUP BY task_id",
            &[
                "tasks comments tasks.id=comments.id comments.task_id=$ by comments.task_id distinct comments.body",
            ],
        );
        check(
            "SELECT count(CASE WHEN done THEN 1 END) FROM tasks GROUP BY project_id",
            &["tasks by tasks.project_id tasks[(CASE WHEN done THEN 1 END) IS NOT NULL] rows"],
        );
    }

    #[test]
    fn says_what_stands_against_a_counter() {
        check(
            "SELECT count(*) FROM tasks WHERE project_id = $1 AND hours > $2",
            &["tasks tasks.project_id=$ tasks$[hours > $2] rows"],
        );
        check(
            "SELECT count(*) FROM tasks WHERE project_id = $1 AND deleted_at > now()",
            &[
                "tasks tasks.project_id=$ rows but deleted_at > now() is not made of columns and constants alone",
            ],
        );
        check(
            "SELECT project_id, date_trunc('day', deleted_at), count(*) FROM tasks GROUP BY 1, 2",
            &["tasks by tasks.project_id rows but it groups by date_trunc('day', deleted_at)"],
        );
        check("WITH x AS (SELECT * FROM tasks) SELECT count(*) FROM x WHERE project_id = $1", &[]);
        check(
            "SELECT p.id, count(t.id) FROM projects p LEFT JOIN tasks t ON t.project_id = p.id AND p.name = 'x' GROUP BY p.id",
            &[
                "projects tasks? tasks.project_id=projects.id by projects.id values tasks.id but its outer join depends on p.name = 'x'",
            ],
        );
    }

    #[test]
    fn other_queries_count_nothing() {
        for sql in [
            "SELECT count(*) FROM tasks",
            "SELECT * FROM tasks WHERE project_id = $1",
            "SELECT count(*) OVER (PARTITION BY project_id) FROM tasks WHERE project_id = $1",
            "SELECT max(hours) FROM tasks GROUP BY project_id",
            "SELECT date_trunc('day', deleted_at), count(*) FROM tasks GROUP BY 1",
            "SELECT 1 FROM projects p WHERE EXISTS (SELECT FROM tasks WHERE project_id = p.id)",
        ] {
            check(sql, &[]);
        }
    }
}
