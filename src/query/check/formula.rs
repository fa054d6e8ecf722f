//! A condition as data: tests of columns, joined by AND and OR. NOT is pushed down into the tests.

use serde::{Deserialize, Serialize};

use super::literal::Literal;

/// A condition in three-valued logic. `All([])` is TRUE and `Any([])` is FALSE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Formula {
    All(Vec<Formula>),
    Any(Vec<Formula>),
    /// A test, and the SQL text of the same condition for the server.
    Test {
        test: Test,
        sql: String,
    },
    /// What was not understood: only the server can tell whether it holds.
    Opaque(Opaque),
}

/// A condition that only the server can judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opaque {
    /// A condition in SQL, NOT included.
    pub(crate) sql: String,
    /// The names that may be columns, once each; where the text could not be parsed, function names are among them.
    pub(crate) columns: Vec<String>,
}

/// One test. It is NULL when a column in it is NULL, but for [`Test::Null`] and [`Test::Nulls`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Test {
    /// `x IS NULL`, negated `x IS NOT NULL`.
    Null {
        column: String,
        negated: bool,
    },
    /// `num_nulls(a, b, …) op n`. `num_nonnulls` is turned into it.
    Nulls {
        columns: Vec<String>,
        comparison: Comparison,
        n: i64,
    },
    /// `=`, `<>`, `IN`, `= ANY (ARRAY[…])`, `<> ALL (ARRAY[…])`; a boolean column alone is `In [true]`. Without NULLs.
    In {
        of: Term,
        values: Vec<Literal>,
        negated: bool,
    },
    /// `<`, `<=`, `>`, `>=` against constants; BETWEEN has both limits.
    Bound {
        of: Term,
        low: Option<Limit>,
        high: Option<Limit>,
    },
    /// `left op right`, or `left op right + shift`.
    Order {
        left: Term,
        comparison: Comparison,
        right: Term,
        shift: Option<Literal>,
    },
    Matches {
        of: Term,
        pattern: Pattern,
        negated: bool,
    },
}

/// One end of a [`Test::Bound`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) value: Literal,
    pub(crate) is_inclusive: bool,
}

/// What is tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Term {
    /// A column, without casts that keep its value (to `text`, `numeric`, `double precision`, …).
    Column(String),
    Call {
        function: Function,
        column: String,
    },
    /// `now()`, `CURRENT_TIMESTAMP`, `CURRENT_DATE`, …
    Now,
    /// `EXTRACT(year FROM now())`.
    ThisYear,
}

/// A function of one column. What it does depends on the column's type: `lower` is for texts and for ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Function {
    Lower,
    Upper,
    /// `length`, `char_length`: characters of a text, bytes of a bytea, bits of a bit string.
    Length,
    OctetLength,
    /// `btrim(x)`, `TRIM(x)`: without the spaces at both ends.
    Trim,
    /// `length(btrim(x))`.
    TrimmedLength,
    /// `cardinality(x)`, `array_length(x, 1)`; the latter is NULL for an empty array.
    Cardinality,
    ArrayLength,
    JsonType,
    IsEmpty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A pattern for texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Pattern {
    /// As the operand of its operator, without quotes.
    pub(crate) text: String,
    pub(crate) kind: PatternKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum PatternKind {
    /// `~`, an advanced regular expression.
    Regex,
    /// `~*`.
    RegexIgnoringCase,
    Like,
    LikeIgnoringCase,
    Similar,
}

impl Comparison {
    /// Returns `op'` of `a op b` = `b op' a`.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Returns the comparison that is true when this one is false.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }
}

impl Term {
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Self::Column(column) | Self::Call { column, .. } => Some(column),
            Self::Now | Self::ThisYear => None,
        }
    }

    /// Whether it is the same for all rows, but not the same for ever.
    pub(super) fn is_of_now(&self) -> bool {
        matches!(self, Self::Now | Self::ThisYear)
    }
}

impl Test {
    /// Returns the columns that are tested, once each.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match self {
            Self::Null { column, .. } => vec![column],
            Self::Nulls { columns, .. } => columns.iter().map(String::as_str).collect(),
            Self::In { of, .. } | Self::Bound { of, .. } | Self::Matches { of, .. } => {
                of.column().into_iter().collect()
            }
            Self::Order { left, right, .. } => {
                let right = right.column().filter(|column| left.column() != Some(column));
                left.column().into_iter().chain(right).collect()
            }
        }
    }

    /// Returns the formula that is true where the test is false, and NULL where it is NULL; `sql` is the text of the
    /// test itself.
    fn negated(&self, sql: &str) -> Formula {
        let one = |test| Formula::Test { test, sql: negated_sql(sql) };
        match self.clone() {
            Self::Null { column, negated } => one(Self::Null { column, negated: !negated }),
            Self::Nulls { columns, comparison, n } => {
                one(Self::Nulls { columns, comparison: comparison.negated(), n })
            }
            Self::In { of, values, negated } => one(Self::In { of, values, negated: !negated }),
            Self::Matches { of, pattern, negated } => one(Self::Matches { of, pattern, negated: !negated }),
            Self::Order { left, comparison, right, shift } => {
                one(Self::Order { left, comparison: comparison.negated(), right, shift })
            }
            Self::Bound { of, low, high } => {
                let flip = |limit: Limit| Limit { is_inclusive: !limit.is_inclusive, ..limit };
                let below = low.map(|low| Self::Bound { of: of.clone(), low: None, high: Some(flip(low)) });
                let above = high.map(|high| Self::Bound { of, low: Some(flip(high)), high: None });
                Formula::any(below.into_iter().chain(above).map(one).collect())
            }
        }
    }
}

impl Formula {
    /// Joins conditions by AND; a single one stands for itself.
    pub(crate) fn all(parts: Vec<Formula>) -> Formula {
        let parts = parts.into_iter().flat_map(|part| match part {
            Formula::All(parts) => parts,
            other => vec![other],
        });
        let mut parts: Vec<Formula> = parts.collect();
        if parts.len() == 1 { parts.remove(0) } else { Formula::All(parts) }
    }

    /// Joins conditions by OR; a single one stands for itself.
    pub(crate) fn any(parts: Vec<Formula>) -> Formula {
        let parts = parts.into_iter().flat_map(|part| match part {
            Formula::Any(parts) => parts,
            other => vec![other],
        });
        let mut parts: Vec<Formula> = parts.collect();
        if parts.len() == 1 { parts.remove(0) } else { Formula::Any(parts) }
    }

    /// Returns the formula that is true where this one is false, false where it is true, and NULL where it is NULL.
    pub(crate) fn negated(&self) -> Formula {
        match self {
            Self::All(parts) => Self::any(parts.iter().map(Self::negated).collect()),
            Self::Any(parts) => Self::all(parts.iter().map(Self::negated).collect()),
            Self::Test { test, sql } => test.negated(sql),
            Self::Opaque(opaque) => {
                Self::Opaque(Opaque { sql: negated_sql(&opaque.sql), columns: opaque.columns.clone() })
            }
        }
    }

    /// Returns the columns that are named, once each, in the order of the text.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        self.visit(&mut |part| {
            let names = match part {
                Self::Test { test, .. } => test.columns().into_iter().map(str::to_owned).collect(),
                Self::Opaque(opaque) => opaque.columns.clone(),
                Self::All(_) | Self::Any(_) => Vec::new(),
            };
            for name in names {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        });
        found
    }

    /// Returns the parts that only the server can judge.
    pub(crate) fn opaque(&self) -> Vec<Opaque> {
        let mut found = Vec::new();
        self.visit(&mut |part| {
            if let Self::Opaque(opaque) = part {
                found.push(opaque.clone());
            }
        });
        found
    }

    fn visit(&self, on: &mut impl FnMut(&Formula)) {
        on(self);
        if let Self::All(parts) | Self::Any(parts) = self {
            for part in parts {
                part.visit(on);
            }
        }
    }
}

fn negated_sql(sql: &str) -> String {
    format!("NOT ({sql})")
}
