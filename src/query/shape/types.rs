//! What a statement asks of each table, as plain values: the conditions, joins and orders that an index can serve.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::query::quote;
use crate::query::scope::TableName;
use crate::workload::StatementKind;

/// A statement as an index advisor sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatementShape {
    /// One entry for each place where the statement reads a table, those inside views included.
    pub(crate) uses: Vec<TableUse>,
    /// What each `$n` is compared with or stored in, where that is clear.
    pub(crate) parameters: Vec<ParameterUse>,
}

/// One use of a table in a statement. Everything is in the order in which the statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableUse {
    pub(crate) table: TableName,
    /// What holds for every row that is wanted.
    pub(crate) conditions: Vec<Condition>,
    /// Operands that are equated with a value of another relation.
    pub(crate) joins: Vec<Operand>,
    /// The operands of row comparisons that bound a range together, as in `(a, b) > ($1, $2)`; the first of them has a
    /// condition of its own as well.
    pub(crate) rows: Vec<Vec<Operand>>,
    /// Orders that the rows are wanted in: of ORDER BY, DISTINCT ON, windows, `min` and `max`.
    pub(crate) orders: Vec<Order>,
    /// What the rows are grouped by, in GROUP BY and DISTINCT: any order of the operands serves.
    pub(crate) groups: Vec<Vec<Operand>>,
    /// The columns that are read; `None` when it is the whole row.
    pub(crate) columns: Option<BTreeSet<String>>,
    /// The use of which this is one branch of an OR; its conditions hold together with that one's.
    pub(crate) branch_of: Option<usize>,
    /// Whether the rows are changed or locked, so that the heap is read anyway.
    pub(crate) is_written: bool,
}

impl TableUse {
    /// All that comparisons, joins, orders and groups name.
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Operand> {
        let conditions = self.conditions.iter().map(|condition| &condition.operand);
        let orders = self.orders.iter().flat_map(|order| &order.items).map(|item| &item.operand);
        let rest = self.joins.iter().chain(self.groups.iter().flatten()).chain(self.rows.iter().flatten());
        conditions.chain(orders).chain(rest)
    }
}

/// `operand operator something that does not change during the scan`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    pub(crate) operand: Operand,
    pub(crate) test: Test,
    /// The whole condition as the statement has it, without qualifiers, where it compares with constants alone: what
    /// could be the predicate of a partial index.
    pub(crate) fixed: Option<String>,
}

/// What a condition does with its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Test {
    /// `=`; a bare or negated boolean; `IS TRUE`.
    Equal,
    /// `IN` and `= ANY`.
    In,
    /// `<`, `<=`, `>`, `>=`, BETWEEN, of row comparisons the first column.
    Range,
    /// `<>` and `NOT IN`.
    NotEqual,
    IsNull,
    IsNotNull,
    /// `LIKE 'a%'`, `LIKE $1 || '%'`, `^@`, `~ '^a'`.
    Prefix,
    /// `LIKE '%a%'`, `ILIKE`, `~`, `%` of `pg_trgm`.
    Infix,
    /// `LIKE $1`, `~ $1`: only the value says whether the pattern is bound to the start.
    Pattern,
    /// `@>` of arrays, jsonb and ranges.
    Contains,
    /// `<@`.
    ContainedBy,
    /// `&&`.
    Overlaps,
    /// `?`, `?|`, `?&` of jsonb.
    HasKey,
    /// `@?` and `@@` of jsonb with a path.
    JsonPath,
    /// `@@` of a tsvector with a tsquery.
    Matches,
    Other,
}

/// A column, or an expression of one table's columns: what an index can hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operand {
    Column(String),
    Expression {
        /// Without qualifiers and outer parentheses, in PostgreSQL's spelling.
        sql: String,
        /// The columns that it names.
        columns: Vec<String>,
    },
}

/// An order that rows are wanted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) items: Vec<SortItem>,
    /// Whether only the first rows are wanted (LIMIT, `min`, `max`).
    pub(crate) is_limited: bool,
}

/// One item of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortItem {
    pub(crate) operand: Operand,
    pub(crate) descending: bool,
    /// Whether nulls come first; by default they do when descending.
    pub(crate) nulls_first: bool,
}

/// What the placeholder `$number` stands for. Where it has several uses, the first is the most telling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ParameterUse {
    /// A value of this column.
    Column {
        number: usize,
        table: TableName,
        column: String,
        /// Of a comparison with `<`, `<=`, `>`, `>=` or BETWEEN.
        bound: Option<Bound>,
    },
    /// An array of values of this column, in `= ANY ($n)`.
    Array {
        number: usize,
        table: TableName,
        column: String,
    },
    /// A value of this expression.
    Expression {
        number: usize,
        table: TableName,
        operand: Operand,
        bound: Option<Bound>,
    },
    /// An array of values of this expression.
    ExpressionArray {
        number: usize,
        table: TableName,
        operand: Operand,
    },
    /// A whole pattern, wildcards and all.
    Pattern {
        number: usize,
        table: TableName,
        operand: Operand,
        notation: Notation,
    },
    /// A piece of a text of this operand, without wildcards: in `LIKE $n || '%'`, `^@`, `starts_with`, `position`, `%`.
    Part {
        number: usize,
        table: TableName,
        operand: Operand,
    },
    /// The `'%'` of a pattern that is put together, as `pg_stat_statements` has it: `LIKE $2 || $1 || $3`.
    Wildcard {
        number: usize,
    },
    /// An element of this array: in `$n = ANY (tags)`, `tags @> ARRAY[$n]`.
    Element {
        number: usize,
        table: TableName,
        operand: Operand,
    },
    /// What stands on the other side of `@>`, `<@`, `&&`, `?`, `?|`, `@@`, …: a document, an array, a range, a key, a
    /// path, a tsquery. The operator is written as if the operand stood on its left.
    Operator {
        number: usize,
        table: TableName,
        operand: Operand,
        operator: String,
    },
    /// Words or the text of a tsquery, in `@@ plainto_tsquery($n)`.
    Words {
        number: usize,
        table: TableName,
        operand: Operand,
    },
    Limit {
        number: usize,
    },
    Offset {
        number: usize,
    },
    /// A value of this type, as `format_type` writes it, of which no more is known.
    Typed {
        number: usize,
        type_name: String,
    },
}

/// A change of a table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) table: TableName,
    /// INSERT, UPDATE or DELETE: MERGE and INSERT … ON CONFLICT are several.
    pub(crate) kind: StatementKind,
    /// The columns that an UPDATE sets and that an INSERT lists.
    pub(crate) columns: Vec<String>,
    /// The constraint that an INSERT names in ON CONFLICT ON CONSTRAINT.
    pub(crate) arbiter: Option<String>,
}

/// Which end of the wanted values a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    Lower,
    Upper,
}

/// How a pattern is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notation {
    /// Of LIKE, ILIKE and SIMILAR TO.
    Like,
    /// Of `~` and `~*`.
    Regex,
}

impl Bound {
    /// The same seen from the other side of the operator.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Lower => Self::Upper,
            Self::Upper => Self::Lower,
        }
    }
}

impl ParameterUse {
    /// The `n` of `$n`.
    pub(crate) fn number(&self) -> usize {
        match self {
            Self::Column { number, .. }
            | Self::Array { number, .. }
            | Self::Expression { number, .. }
            | Self::ExpressionArray { number, .. }
            | Self::Pattern { number, .. }
            | Self::Part { number, .. }
            | Self::Element { number, .. }
            | Self::Operator { number, .. }
            | Self::Words { number, .. }
            | Self::Wildcard { number }
            | Self::Limit { number }
            | Self::Offset { number }
            | Self::Typed { number, .. } => *number,
        }
    }

    /// The column that the parameter is compared with or stored in.
    pub(crate) fn column(&self) -> Option<(&TableName, &str)> {
        match self {
            Self::Column { table, column, .. } | Self::Array { table, column, .. } => Some((table, column)),
            Self::Pattern { table, operand, .. }
            | Self::Part { table, operand, .. }
            | Self::Element { table, operand, .. }
            | Self::Operator { table, operand, .. }
            | Self::Words { table, operand, .. } => match operand {
                Operand::Column(column) => Some((table, column)),
                Operand::Expression { .. } => None,
            },
            Self::Expression { .. }
            | Self::ExpressionArray { .. }
            | Self::Wildcard { .. }
            | Self::Limit { .. }
            | Self::Offset { .. }
            | Self::Typed { .. } => None,
        }
    }
}

impl TableUse {
    pub(crate) fn new(table: TableName) -> Self {
        Self {
            table,
            conditions: Vec::new(),
            joins: Vec::new(),
            rows: Vec::new(),
            orders: Vec::new(),
            groups: Vec::new(),
            columns: Some(BTreeSet::new()),
            branch_of: None,
            is_written: false,
        }
    }
}

impl Operand {
    /// The columns that it reads.
    pub(crate) fn columns(&self) -> &[String] {
        match self {
            Self::Column(column) => std::slice::from_ref(column),
            Self::Expression { columns, .. } => columns,
        }
    }

    /// Returns it as a key of CREATE INDEX: expressions in parentheses, but for a call of a function.
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Column(column) => quote::identifier(column).into_owned(),
            Self::Expression { sql, .. } if is_call(sql) => sql.clone(),
            Self::Expression { sql, .. } => format!("({sql})"),
        }
    }
}

/// Whether an expression is a function's name with its arguments, and nothing else.
fn is_call(sql: &str) -> bool {
    let Some(open) = sql.find('(').filter(|_| sql.ends_with(')')) else { return false };
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    // In quotes there may be parentheses as well: then both pairs are written.
    let (name, arguments) = (&sql[..open], &sql[open + 1..sql.len() - 1]);
    let mut depth = 0_i32;
    let closes_early = arguments.chars().any(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    !name.is_empty() && name.chars().all(is_name) && !quote::is_reserved(name) && !closes_early
}
