//! What a statement asks of each table: the conditions, joins and orders that an index can serve.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, LimitClause, OrderByKind,
    OrderBySort, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, UnaryOperator,
    Value, Visit, Visitor,
};

use super::scope::{self, Entry, Relations, ResolvedColumn, Scope, TableName};

/// A statement as an index advisor sees it.
#[derive(Debug, Default)]
pub(crate) struct StatementShape {
    /// One entry for each place where the statement reads a table.
    pub(crate) uses: Vec<TableUse>,
    /// What each `$n` is compared with or stored in, where that is clear.
    pub(crate) parameters: Vec<ParameterUse>,
}

/// One use of a table in a statement. Columns are in the order in which the statement names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableUse {
    pub(crate) table: TableName,
    /// Columns compared with `=`, `IN` or `= ANY` to values.
    pub(crate) equality: Vec<String>,
    /// Columns compared with `<`, `<=`, `>`, `>=` or `BETWEEN`.
    pub(crate) range: Vec<String>,
    pub(crate) null_tests: Vec<NullTest>,
    /// Columns equated with a column of another table.
    pub(crate) join: Vec<String>,
    /// The ORDER BY, if all of it is columns of this table.
    pub(crate) order_by: Vec<SortColumn>,
    /// The GROUP BY or DISTINCT, if all of it is columns of this table.
    pub(crate) group_by: Vec<String>,
}

/// `column IS NULL` or `column IS NOT NULL`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NullTest {
    pub(crate) column: String,
    pub(crate) is_null: bool,
}

/// One column of an ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortColumn {
    pub(crate) column: String,
    pub(crate) descending: bool,
    /// Whether nulls come first; by default they do when descending.
    pub(crate) nulls_first: bool,
}

/// What the placeholder `$number` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParameterUse {
    /// A value of this column.
    Column {
        number: usize,
        table: TableName,
        column: String,
    },
    /// An array of values of this column, in `= ANY ($n)`.
    Array {
        number: usize,
        table: TableName,
        column: String,
    },
    Limit {
        number: usize,
    },
    Offset {
        number: usize,
    },
}

/// Reads off what `statement` asks of each table.
pub(super) fn shape(statement: &Statement, relations: &dyn Relations) -> StatementShape {
    let mut walk = Walk { relations, shape: StatementShape::default() };
    walk.statement(statement, None);
    walk.shape
}

struct Walk<'r> {
    relations: &'r dyn Relations,
    shape: StatementShape,
}

impl Walk<'_> {
    fn statement(&mut self, statement: &Statement, outer: Option<&Scope>) {
        match statement {
            Statement::Query(query) => self.query(query, outer, false),
            Statement::Insert(insert) => {
                if let ast::TableObject::TableName(name) = &insert.table
                    && let Some(source) = &insert.source
                {
                    self.inserted_parameters(scope::table_name(name).as_ref(), &insert.columns, source);
                    self.query(source, outer, false);
                }
            }
            Statement::Update(update) => {
                let mut scope = Scope::new(outer);
                let mut conditions = self.add_from_item(&update.table, &mut scope);
                let assigned_table = scope.entries.first().and_then(|entry| entry.table.clone());
                if let Some(
                    ast::UpdateTableFromKind::BeforeSet(from) | ast::UpdateTableFromKind::AfterSet(from),
                ) = &update.from
                {
                    conditions.extend(from.iter().flat_map(|item| self.add_from_item(item, &mut scope)));
                }
                conditions.extend(update.selection.clone());
                for condition in &conditions {
                    self.predicate(condition, &scope);
                }
                for assignment in &update.assignments {
                    if let (ast::AssignmentTarget::ColumnName(name), Some(table)) =
                        (&assignment.target, &assigned_table)
                        && let Some(column) = scope::table_name(name)
                    {
                        self.column_parameter(table, &column.name, &assignment.value);
                    }
                    self.subqueries(&assignment.value, &scope);
                }
            }
            Statement::Delete(delete) => {
                let mut scope = Scope::new(outer);
                let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) =
                    &delete.from;
                let items = from.iter().chain(delete.using.iter().flatten());
                let mut conditions: Vec<Expr> =
                    items.flat_map(|item| self.add_from_item(item, &mut scope)).collect();
                conditions.extend(delete.selection.clone());
                for condition in &conditions {
                    self.predicate(condition, &scope);
                }
            }
            _ => {}
        }
    }

    /// Walks a query. With `output_joined`, its first output column is compared with the outer query's row.
    fn query(&mut self, query: &Query, outer: Option<&Scope>, output_joined: bool) {
        let mut scope = Scope::new(outer);
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                if with.recursive {
                    scope.add_cte(&cte.alias.name);
                }
                self.query(&cte.query, Some(&scope), false);
                scope.add_cte(&cte.alias.name);
            }
        }
        self.limit(query.limit_clause.as_ref());
        let fetched = query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref());
        self.shape
            .parameters
            .extend(fetched.and_then(placeholder).map(|number| ParameterUse::Limit { number }));
        let order_by = match query.order_by.as_ref().map(|order_by| &order_by.kind) {
            Some(OrderByKind::Expressions(order_by)) => order_by.as_slice(),
            _ => &[],
        };
        self.body(&query.body, &scope, order_by, output_joined);
    }

    fn body(&mut self, body: &SetExpr, outer: &Scope, order_by: &[ast::OrderByExpr], output_joined: bool) {
        match body {
            SetExpr::Select(select) => self.select(select, outer, order_by, output_joined),
            SetExpr::Query(query) => self.query(query, Some(outer), output_joined),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, outer, &[], output_joined);
                self.body(right, outer, &[], output_joined);
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => self.statement(statement, Some(outer)),
            SetExpr::Values(_) | SetExpr::Table(_) => {}
        }
    }

    fn select(&mut self, select: &Select, outer: &Scope, order_by: &[ast::OrderByExpr], output_joined: bool) {
        let mut scope = Scope::new(Some(outer));
        let mut conditions: Vec<Expr> =
            select.from.iter().flat_map(|item| self.add_from_item(item, &mut scope)).collect();
        conditions.extend(select.selection.clone());
        for condition in &conditions {
            self.predicate(condition, &scope);
        }
        if let Some(having) = &select.having {
            self.subqueries(having, &scope);
        }
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                self.subqueries(expr, &scope);
            }
        }
        if output_joined
            && let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) =
                select.projection.first()
            && let Some(column) = self.column(expr, &scope)
        {
            push_new(&mut self.shape.uses[column.use_index].join, column.column);
        }
        self.grouping(select, &scope);
        self.ordering(order_by, select, &scope);
    }

    /// Adds a FROM item to the scope and returns the conditions of its joins.
    fn add_from_item(&mut self, item: &TableWithJoins, scope: &mut Scope) -> Vec<Expr> {
        let mut conditions = self.table_factor(&item.relation, scope);
        for join in &item.joins {
            let left_entries = scope.entries.len();
            conditions.extend(self.table_factor(&join.relation, scope));
            match join_constraint(&join.join_operator) {
                Some(JoinConstraint::On(expr)) => conditions.push(expr.clone()),
                Some(JoinConstraint::Using(columns)) => {
                    for column in columns.iter().filter_map(scope::table_name) {
                        self.using(&column.name, scope, left_entries);
                    }
                }
                _ => {}
            }
        }
        conditions
    }

    fn table_factor(&mut self, factor: &TableFactor, scope: &mut Scope) -> Vec<Expr> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                if let Some(table) = scope::table_name(name) {
                    let alias = scope::alias_name(alias.as_ref(), &table);
                    if scope.is_cte(&table) {
                        scope.entries.push(Entry { alias, table: None, use_index: None });
                    } else {
                        self.shape.uses.push(TableUse::new(table.clone()));
                        let use_index = Some(self.shape.uses.len() - 1);
                        scope.entries.push(Entry { alias, table: Some(table), use_index });
                    }
                }
                Vec::new()
            }
            TableFactor::Derived { subquery, alias, .. } => {
                self.query(subquery, Some(scope), false);
                if let Some(alias) = alias {
                    let alias = scope::fold(&alias.name);
                    scope.entries.push(Entry { alias, table: None, use_index: None });
                }
                Vec::new()
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.add_from_item(table_with_joins, scope),
            _ => Vec::new(),
        }
    }

    /// Records `JOIN … USING (column)`: the joined table's column equals that of a table before it.
    fn using(&mut self, column: &str, scope: &Scope, left_entries: usize) {
        let has = |entry: &&Entry| {
            entry.table.as_ref().is_some_and(|table| self.relations.has_column(table, column) == Some(true))
        };
        let (left, right) = scope.entries.split_at(left_entries);
        let pair = [left.iter().find(has), right.iter().find(has)];
        let indexes: Vec<usize> = pair.into_iter().flatten().filter_map(|entry| entry.use_index).collect();
        for use_index in indexes {
            push_new(&mut self.shape.uses[use_index].join, column.to_owned());
        }
    }

    fn predicate(&mut self, expr: &Expr, scope: &Scope) {
        match expr {
            Expr::Nested(inner) => self.predicate(inner, scope),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.predicate(left, scope);
                self.predicate(right, scope);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                self.or_branch(left, scope);
                self.or_branch(right, scope);
            }
            Expr::BinaryOp { left, op, right } => {
                self.comparison(left, op, right, scope);
                self.subqueries(expr, scope);
            }
            Expr::Between { expr: tested, negated: false, low, high } => {
                if let Some(column) = self.column(tested, scope) {
                    push_new(&mut self.shape.uses[column.use_index].range, column.column.clone());
                    self.compared_parameter(&column, low);
                    self.compared_parameter(&column, high);
                }
                self.subqueries(expr, scope);
            }
            Expr::InList { expr: tested, list, negated: false } => {
                if let Some(column) = self.column(tested, scope) {
                    push_new(&mut self.shape.uses[column.use_index].equality, column.column.clone());
                    for value in list {
                        self.compared_parameter(&column, value);
                    }
                }
                self.subqueries(expr, scope);
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                if let Some(column) = self.column(left, scope) {
                    if let Some(number) = placeholder(right) {
                        let table = self.shape.uses[column.use_index].table.clone();
                        let column = column.column.clone();
                        self.shape.parameters.push(ParameterUse::Array { number, table, column });
                    }
                    push_new(&mut self.shape.uses[column.use_index].equality, column.column);
                }
                self.subqueries(expr, scope);
            }
            Expr::InSubquery { expr: tested, subquery, negated } => {
                if let Some(column) = self.column(tested, scope)
                    && !negated
                {
                    push_new(&mut self.shape.uses[column.use_index].join, column.column);
                }
                self.query(subquery, Some(scope), !negated);
            }
            Expr::IsNull(tested) => self.null_test(tested, true, scope),
            Expr::IsNotNull(tested) => self.null_test(tested, false, scope),
            Expr::IsTrue(tested) | Expr::IsFalse(tested) => self.boolean(tested, scope),
            Expr::UnaryOp { op: UnaryOperator::Not, expr: tested } => {
                self.boolean(tested, scope);
                self.subqueries(tested, scope);
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.boolean(expr, scope),
            _ => self.subqueries(expr, scope),
        }
    }

    fn comparison(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr, scope: &Scope) {
        let (left_column, right_column) = (self.column(left, scope), self.column(right, scope));
        let is_range = matches!(
            op,
            BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq
        );
        match (left_column, right_column, op) {
            (Some(left), Some(right), BinaryOperator::Eq) if left.use_index != right.use_index => {
                push_new(&mut self.shape.uses[left.use_index].join, left.column);
                push_new(&mut self.shape.uses[right.use_index].join, right.column);
            }
            (Some(column), None, _) | (None, Some(column), _) => {
                let value = if self.column(left, scope).is_some() { right } else { left };
                let table_use = &mut self.shape.uses[column.use_index];
                if *op == BinaryOperator::Eq {
                    push_new(&mut table_use.equality, column.column.clone());
                } else if is_range {
                    push_new(&mut table_use.range, column.column.clone());
                }
                self.compared_parameter(&column, value);
            }
            _ => {}
        }
    }

    /// Records the branches of an OR as uses of their own: each may get its own index, joined by a bitmap.
    fn or_branch(&mut self, branch: &Expr, scope: &Scope) {
        let mut branch_scope = Scope::new(Some(scope));
        for entry in &scope.entries {
            let use_index = entry.table.as_ref().map(|table| {
                self.shape.uses.push(TableUse::new(table.clone()));
                self.shape.uses.len() - 1
            });
            branch_scope.entries.push(Entry {
                alias: entry.alias.clone(),
                table: entry.table.clone(),
                use_index,
            });
        }
        self.predicate(branch, &branch_scope);
    }

    fn null_test(&mut self, tested: &Expr, is_null: bool, scope: &Scope) {
        if let Some(ResolvedColumn { use_index, column, .. }) = self.column(tested, scope) {
            push_new(&mut self.shape.uses[use_index].null_tests, NullTest { column, is_null });
        }
    }

    fn boolean(&mut self, tested: &Expr, scope: &Scope) {
        if let Some(column) = self.column(tested, scope) {
            push_new(&mut self.shape.uses[column.use_index].equality, column.column);
        }
    }

    fn grouping(&mut self, select: &Select, scope: &Scope) {
        let expressions: Vec<&Expr> = match (&select.group_by, &select.distinct) {
            (GroupByExpr::Expressions(expressions, _), _) if !expressions.is_empty() => {
                expressions.iter().collect()
            }
            (_, Some(ast::Distinct::On(expressions))) => expressions.iter().collect(),
            (_, Some(ast::Distinct::Distinct)) => select
                .projection
                .iter()
                .filter_map(|item| match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
                    _ => None,
                })
                .collect(),
            _ => return,
        };
        let columns: Option<Vec<ResolvedColumn>> =
            expressions.iter().map(|expr| self.column(output(expr, select), scope)).collect();
        if let Some(columns) = columns
            && let Some(use_index) = common_use(&columns)
        {
            self.shape.uses[use_index].group_by = columns.into_iter().map(|column| column.column).collect();
        }
    }

    fn ordering(&mut self, order_by: &[ast::OrderByExpr], select: &Select, scope: &Scope) {
        let columns: Option<Vec<ResolvedColumn>> =
            order_by.iter().map(|item| self.column(output(&item.expr, select), scope)).collect();
        let Some(columns) = columns else { return };
        let Some(use_index) = common_use(&columns) else { return };
        self.shape.uses[use_index].order_by = columns
            .into_iter()
            .zip(order_by)
            .map(|(column, item)| {
                let descending = matches!(item.options.sort, Some(OrderBySort::Desc));
                let nulls_first = item.options.nulls_first.unwrap_or(descending);
                SortColumn { column: column.column, descending, nulls_first }
            })
            .collect();
    }

    fn limit(&mut self, clause: Option<&LimitClause>) {
        let Some(LimitClause::LimitOffset { limit, offset, .. }) = clause else { return };
        if let Some(number) = limit.as_ref().and_then(placeholder) {
            self.shape.parameters.push(ParameterUse::Limit { number });
        }
        if let Some(number) = offset.as_ref().and_then(|offset| placeholder(&offset.value)) {
            self.shape.parameters.push(ParameterUse::Offset { number });
        }
    }

    fn inserted_parameters(
        &mut self,
        table: Option<&TableName>,
        columns: &[ast::ObjectName],
        source: &Query,
    ) {
        let (Some(table), SetExpr::Values(values)) = (table, &*source.body) else { return };
        for row in &values.rows {
            for (column, value) in columns.iter().filter_map(scope::table_name).zip(row.iter()) {
                self.column_parameter(table, &column.name, value);
            }
        }
    }

    fn compared_parameter(&mut self, column: &ResolvedColumn, value: &Expr) {
        let table = self.shape.uses[column.use_index].table.clone();
        self.column_parameter(&table, &column.column, value);
    }

    fn column_parameter(&mut self, table: &TableName, column: &str, value: &Expr) {
        if let Some(number) = placeholder(value) {
            let (table, column) = (table.clone(), column.to_owned());
            self.shape.parameters.push(ParameterUse::Column { number, table, column });
        }
    }

    /// Walks the queries inside an expression.
    fn subqueries(&mut self, expr: &Expr, scope: &Scope) {
        let mut finder = SubqueryFinder { depth: 0, found: Vec::new() };
        let ControlFlow::Continue(()) = expr.visit(&mut finder);
        for query in finder.found {
            self.query(&query, Some(scope), false);
        }
    }

    /// Returns the table's column that an expression is, through parentheses.
    fn column(&self, expr: &Expr, scope: &Scope) -> Option<ResolvedColumn> {
        match expr {
            Expr::Identifier(ident) => scope.resolve(std::slice::from_ref(ident), self.relations),
            Expr::CompoundIdentifier(parts) => scope.resolve(parts, self.relations),
            Expr::Nested(inner) => self.column(inner, scope),
            _ => None,
        }
    }
}

impl TableUse {
    fn new(table: TableName) -> Self {
        Self {
            table,
            equality: Vec::new(),
            range: Vec::new(),
            null_tests: Vec::new(),
            join: Vec::new(),
            order_by: Vec::new(),
            group_by: Vec::new(),
        }
    }
}

/// Finds the outermost queries of an expression; those inside them have scopes of their own.
struct SubqueryFinder {
    depth: usize,
    found: Vec<Query>,
}

impl Visitor for SubqueryFinder {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        if self.depth == 0 {
            self.found.push(query.clone());
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn common_use(columns: &[ResolvedColumn]) -> Option<usize> {
    let first = columns.first()?;
    columns
        .iter()
        .all(|column| column.use_index == first.use_index && !column.outer)
        .then_some(first.use_index)
}

/// Returns what an ORDER BY or GROUP BY item means: output columns go by their number or alias too.
fn output<'e>(expr: &'e Expr, select: &'e Select) -> &'e Expr {
    let by_alias = |ident: &Ident| {
        select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if scope::fold(alias) == scope::fold(ident) => {
                Some(expr)
            }
            _ => None,
        })
    };
    let by_number = |number: &str| {
        let index = number.parse::<usize>().ok()?.checked_sub(1)?;
        match select.projection.get(index)? {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        }
    };
    match expr {
        Expr::Identifier(ident) => by_alias(ident).unwrap_or(expr),
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => by_number(number).unwrap_or(expr),
            _ => expr,
        },
        _ => expr,
    }
}

/// Returns the number of a placeholder, through casts and parentheses.
fn placeholder(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(text) => text.strip_prefix('$')?.parse().ok(),
            _ => None,
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => placeholder(expr),
        _ => None,
    }
}

fn join_constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => Some(constraint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    struct Tables;

    impl Relations for Tables {
        fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
            let columns = match table.name.as_str() {
                "users" => "id name created_at is_active",
                "records" => "id user_id bedtime wake_time",
                "follows" => "user_id following_id",
                "Mixed" => "Id",
                _ => return None,
            };
            Some(columns.split(' ').any(|known| known == column))
        }
    }

    /// Writes each use as `table: eq(…) range(…) …`, without the empty lists.
    fn check(sql: &str, expected: &[&str]) {
        let shape = crate::query::parse(sql).unwrap().shape(&Tables);
        let uses: Vec<String> = shape.uses.iter().map(describe).collect();
        assert_eq!(uses, expected, "{sql}");
    }

    fn describe(table_use: &TableUse) -> String {
        let mut text = format!("{}:", table_use.table);
        for (name, columns) in
            [("eq", &table_use.equality), ("range", &table_use.range), ("join", &table_use.join)]
        {
            if !columns.is_empty() {
                write!(text, " {name}({})", columns.join(",")).unwrap();
            }
        }
        for test in &table_use.null_tests {
            write!(text, " {}({})", if test.is_null { "null" } else { "notnull" }, test.column).unwrap();
        }
        for sort in &table_use.order_by {
            write!(text, " {}({})", if sort.descending { "desc" } else { "asc" }, sort.column).unwrap();
        }
        if !table_use.group_by.is_empty() {
            write!(text, " group({})", table_use.group_by.join(",")).unwrap();
        }
        text
    }

    #[test]
    fn one_table() {
        check(
            "SELECT id FROM records WHERE user_id = $1 AND wake_time IS NULL ORDER BY bedtime DESC LIMIT 20",
            &["records: eq(user_id) null(wake_time) desc(bedtime)"],
        );
        check(
            "SELECT * FROM records r WHERE r.bedtime BETWEEN $1 AND $2 AND $3 <= id",
            &["records: range(bedtime,id)"],
        );
        check("SELECT * FROM users WHERE is_active AND name IN ('a', 'b')", &["users: eq(is_active,name)"]);
        check("SELECT * FROM users WHERE name = ANY($1)", &["users: eq(name)"]);
        check("SELECT \"Id\" FROM \"Mixed\" WHERE \"Id\" = 1", &["Mixed: eq(Id)"]);
    }

    #[test]
    fn joins() {
        check(
            "SELECT u.name FROM follows f JOIN users u ON u.id = f.following_id WHERE f.user_id = $1 ORDER BY name",
            &["follows: eq(user_id) join(following_id)", "users: join(id) asc(name)"],
        );
        check(
            "SELECT 1 FROM records JOIN follows USING (user_id)",
            &["records: join(user_id)", "follows: join(user_id)"],
        );
    }

    #[test]
    fn subqueries() {
        check(
            "SELECT 1 FROM users WHERE id IN (SELECT user_id FROM follows WHERE following_id = 3)",
            &["users: join(id)", "follows: eq(following_id) join(user_id)"],
        );
        check(
            "SELECT 1 FROM users u WHERE EXISTS (SELECT 1 FROM records r WHERE r.user_id = u.id)",
            &["users: join(id)", "records: join(user_id)"],
        );
        check(
            "WITH x AS (SELECT * FROM users WHERE id = 1) SELECT * FROM x WHERE name = 'a'",
            &["users: eq(id)"],
        );
    }

    #[test]
    fn or_branches_are_uses_of_their_own() {
        check(
            "SELECT 1 FROM follows WHERE user_id = 1 OR following_id = 1",
            &["follows:", "follows: eq(user_id)", "follows: eq(following_id)"],
        );
    }

    #[test]
    fn grouping_and_output_names() {
        check(
            "SELECT user_id, count(*) FROM records GROUP BY 1 ORDER BY 1",
            &["records: asc(user_id) group(user_id)"],
        );
        check("SELECT bedtime AS b FROM records ORDER BY b DESC NULLS LAST", &["records: desc(bedtime)"]);
        check("SELECT 1 FROM records r JOIN users u ON true ORDER BY r.id, u.id", &["records:", "users:"]);
    }

    #[test]
    fn changes() {
        check("UPDATE users SET name = $1 WHERE id = $2", &["users: eq(id)"]);
        check("DELETE FROM follows WHERE user_id = $1", &["follows: eq(user_id)"]);
        check("INSERT INTO users (name) VALUES ($1)", &[]);
    }

    #[test]
    fn parameters() {
        let sql =
            "SELECT 1 FROM records WHERE user_id = $1 AND bedtime >= $2::timestamptz LIMIT $3 OFFSET $4";
        let shape = crate::query::parse(sql).unwrap().shape(&Tables);
        let table = TableName { schema: None, name: "records".into() };
        assert_eq!(
            shape.parameters,
            [
                ParameterUse::Limit { number: 3 },
                ParameterUse::Offset { number: 4 },
                ParameterUse::Column { number: 1, table: table.clone(), column: "user_id".into() },
                ParameterUse::Column { number: 2, table, column: "bedtime".into() },
            ]
        );
    }
}
