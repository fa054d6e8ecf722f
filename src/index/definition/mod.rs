//! What an index is: its columns, order and predicate, and its DDL.

mod cover;
mod naming;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::catalog::Index;
use crate::query::index_ddl::{IndexDdl, index_ddl};
use crate::query::words::{Sort, lexemes};
use crate::query::{Operand, quote};
pub(crate) use cover::index_makes_superfluous;

/// An index that could be built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) method: Method,
    pub(crate) keys: Vec<Key>,
    /// Columns that are stored for index-only scans, without ordering anything.
    #[serde(default)]
    pub(crate) include: Vec<String>,
    pub(crate) predicate: Option<Predicate>,
    /// Storage parameters, as `name=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) options: Vec<String>,
    /// Where it is stored, if not where the database's or the session's default is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tablespace: Option<String>,
}

/// An access method, by PostgreSQL's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    #[default]
    Btree,
    Gin,
    Gist,
    Brin,
}

/// A key column or expression with its order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    #[serde(flatten)]
    pub(crate) operand: Operand,
    /// The operator class, where it is not the type's default.
    #[serde(default)]
    pub(crate) opclass: Option<String>,
    /// … as SQL has it, where that is more than its name: a schema or parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opclass_sql: Option<String>,
    /// The collation as SQL has it, where it is not the operand's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collation: Option<String>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// The predicate of a partial index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Predicate {
    /// Without parentheses around it.
    pub(crate) sql: String,
    /// The columns that it names.
    pub(crate) columns: Vec<String>,
}

const COLLATE: &str = "COLLATE";
const IS_NULL: &str = " IS NULL";
const IS_NOT_NULL: &str = " IS NOT NULL";
impl Method {
    /// The access method's name in `pg_am`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Btree => "btree",
            Self::Gin => "gin",
            Self::Gist => "gist",
            Self::Brin => "brin",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Btree, Self::Gin, Self::Gist, Self::Brin].into_iter().find(|method| method.name() == name)
    }
}

impl Definition {
    /// Whether a key is an expression, of which ANALYZE then gathers statistics.
    pub(crate) fn has_expression(&self) -> bool {
        self.keys.iter().any(|key| key.column().is_none())
    }
}

impl Key {
    /// A column in its type's own order.
    pub(crate) fn ascending(column: &str) -> Self {
        Self::of(Operand::Column(column.to_owned()))
    }

    /// A column or expression in its type's own order.
    pub(crate) fn of(operand: Operand) -> Self {
        Self {
            operand,
            opclass: None,
            opclass_sql: None,
            collation: None,
            descending: false,
            nulls_first: false,
        }
    }

    /// The column; `None` for an expression.
    pub(crate) fn column(&self) -> Option<&str> {
        match &self.operand {
            Operand::Column(column) => Some(column),
            Operand::Expression { .. } => None,
        }
    }

    pub(crate) fn sql(&self) -> String {
        let mut text = self.operand.sql();
        if let Some(collation) = &self.collation {
            let _ = write!(text, " {COLLATE} {collation}");
        }
        if let Some(opclass) = self.opclass_sql.as_ref().or(self.opclass.as_ref()) {
            text.push(' ');
            text.push_str(opclass);
        }
        if self.descending {
            text.push_str(" DESC");
        }
        // Nulls come first when descending, last when ascending, unless said otherwise.
        match (self.descending, self.nulls_first) {
            (true, false) => text.push_str(" NULLS LAST"),
            (false, true) => text.push_str(" NULLS FIRST"),
            _ => {}
        }
        text
    }
}

impl Definition {
    /// A btree over all rows.
    pub(crate) fn btree(schema: impl Into<String>, table: impl Into<String>, keys: Vec<Key>) -> Self {
        let (schema, table) = (schema.into(), table.into());
        Self {
            schema,
            table,
            method: Method::Btree,
            keys,
            include: Vec::new(),
            predicate: None,
            options: Vec::new(),
            tablespace: None,
        }
    }

    /// Reads an existing index, uniqueness aside; `None` when it is of a kind that no [`Definition`] can say: another method.
    /// Its tablespace is not in the catalog.
    pub(crate) fn existing(schema: &str, table: &str, index: &Index) -> Option<Self> {
        let ddl = if told_by_text(index) { index_ddl(&index.definition) } else { None };
        let written = ddl.map(|ddl| ddl.keys).filter(|keys| keys.len() == index.keys.len());
        if written.is_none() && index.definition.contains(COLLATE) {
            return None;
        }
        let keys = index.keys.iter().enumerate().map(|(at, key)| {
            let operand = match (&key.column, &key.expression) {
                (Some(column), _) => Operand::Column(column.clone()),
                (None, Some(sql)) => Operand::Expression { sql: sql.clone(), columns: Vec::new() },
                (None, None) => return None,
            };
            let written = written.as_ref().map(|keys| &keys[at]);
            let opclass = written.and_then(|it| it.opclass_sql.clone());
            Some(Key {
                operand,
                opclass_sql: opclass.filter(|sql| Some(sql) != key.opclass.as_ref()),
                opclass: key.opclass.clone(),
                collation: written.and_then(|it| it.collation_sql.clone()),
                descending: key.descending,
                nulls_first: key.nulls_first,
            })
        });
        let predicate = index.predicate.as_ref();
        Some(Self {
            method: Method::from_name(&index.method)?,
            include: index.include.clone(),
            predicate: predicate.map(|sql| Predicate { sql: sql.clone(), columns: Vec::new() }),
            options: index.options.clone(),
            ..Self::btree(schema, table, keys.collect::<Option<_>>()?)
        })
    }

    /// Reads a CREATE INDEX on a table of this schema; `None` for what no [`Definition`] can say.
    pub(crate) fn of_ddl(schema: &str, ddl: &IndexDdl) -> Option<Self> {
        if ddl.is_unique || !ddl.options.is_empty() || ddl.keys.iter().any(|key| key.collation.is_some()) {
            return None;
        }
        let keys = ddl.keys.iter().map(|key| Key {
            operand: match &key.column {
                Some(column) => Operand::Column(column.clone()),
                None => Operand::Expression { sql: key.sql.clone(), columns: Vec::new() },
            },
            opclass: key.opclass.clone(),
            opclass_sql: key.opclass_sql.clone().filter(|sql| Some(sql) != key.opclass.as_ref()),
            collation: None,
            descending: key.descending,
            nulls_first: key.nulls_first,
        });
        Some(Self {
            method: Method::from_name(&ddl.method)?,
            include: ddl.include.clone(),
            predicate: ddl.predicate.as_ref().map(|sql| Predicate { sql: sql.clone(), columns: Vec::new() }),
            ..Self::btree(schema, &ddl.table.name, keys.collect())
        })
    }

    /// Returns what is indexed, as in `sleep_records (user_id, bedtime DESC) WHERE wake_time IS NULL`.
    pub(crate) fn describe(&self) -> String {
        let table = quote::identifier(&self.table);
        format!("{table} {}{}{}", self.using(), self.entries(), self.condition())
    }

    /// Returns the statement that builds the index without blocking writes.
    pub(crate) fn ddl_concurrently(&self) -> String {
        self.create("CREATE INDEX CONCURRENTLY", &self.name())
    }

    /// Returns the statement that builds the index where nobody writes.
    pub(crate) fn ddl(&self) -> String {
        self.create("CREATE INDEX", &self.name())
    }

    /// Returns the index of the same operands by another method, without what only its own one understands: storage parameters,
    /// operator classes, directions.
    #[must_use]
    pub(crate) fn by_method(self, method: Method) -> Self {
        let plain = |key: Key| Key { collation: key.collation, ..Key::of(key.operand) };
        let keys = self.keys.into_iter().map(plain).collect();
        Self { method, keys, options: Vec::new(), ..self }
    }

    /// Returns the statement that builds the index under another name.
    pub(crate) fn ddl_named(&self, name: &str) -> String {
        self.create("CREATE INDEX", name)
    }

    fn create(&self, command: &str, name: &str) -> String {
        let mut sql = format!(
            "{command} {} ON {} {}{}",
            quote::identifier(name),
            quote::qualified(&self.schema, &self.table),
            self.using(),
            self.entries()
        );
        if !self.options.is_empty() {
            let options: Vec<String> = self.options.iter().map(|it| option_sql(it)).collect();
            let _ = write!(sql, " WITH ({})", options.join(", "));
        }
        if let Some(tablespace) = &self.tablespace {
            let _ = write!(sql, " TABLESPACE {}", quote::identifier(tablespace));
        }
        sql + &self.condition()
    }

    /// The access method, where it is not the default.
    fn using(&self) -> String {
        match self.method {
            Method::Btree => String::new(),
            method => format!("USING {} ", method.name()),
        }
    }

    /// The keys and what is included.
    fn entries(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(Key::sql).collect();
        let mut text = format!("({})", keys.join(", "));
        if !self.include.is_empty() {
            let columns: Vec<_> = self.include.iter().map(|column| quote::identifier(column)).collect();
            let _ = write!(text, " INCLUDE ({})", columns.join(", "));
        }
        text
    }

    fn condition(&self) -> String {
        self.predicate.as_ref().map_or_else(String::new, |predicate| format!(" WHERE {}", predicate.sql))
    }
}

impl Predicate {
    /// `column IS NULL` or `column IS NOT NULL`.
    pub(crate) fn null_test(column: &str, is_null: bool) -> Self {
        let test = if is_null { IS_NULL } else { IS_NOT_NULL };
        Self { sql: format!("{}{test}", quote::identifier(column)), columns: vec![column.to_owned()] }
    }

    /// Returns the predicate that holds where all of these do.
    pub(crate) fn all(parts: &[&Self]) -> Self {
        let is_alternative = |sql: &str| {
            lexemes(sql)
                .iter()
                .any(|lexeme| lexeme.sort == Sort::Word && lexeme.text.eq_ignore_ascii_case("or"))
        };
        let texts: Vec<String> = parts
            .iter()
            .map(|part| if is_alternative(&part.sql) { format!("({})", part.sql) } else { part.sql.clone() })
            .collect();
        let columns: BTreeSet<&String> = parts.iter().flat_map(|part| &part.columns).collect();
        Self { sql: texts.join(" AND "), columns: columns.into_iter().cloned().collect() }
    }

    /// The column and whether it is NULL, of a predicate that is nothing but that test.
    pub(crate) fn as_null_test(&self) -> Option<(&str, bool)> {
        let [column] = self.columns.as_slice() else { return None };
        let test = self.sql.strip_prefix(&*quote::identifier(column))?;
        match test {
            IS_NULL => Some((column, true)),
            IS_NOT_NULL => Some((column, false)),
            _ => None,
        }
    }
}

/// Whether only the definition's text tells all of the keys: the collation of an expression, the schema and the parameters of
/// an operator class. Most indexes have none of them, which is seen without reading the text.
fn told_by_text(index: &Index) -> bool {
    index.keys.iter().any(|key| key.opclass.is_some())
        || [COLLATE, "_ops"].iter().any(|word| index.definition.contains(word))
}

/// A storage parameter as SQL has it, of `name=value`.
fn option_sql(option: &str) -> String {
    let (name, value) = option.split_once('=').unwrap_or((option, "true"));
    format!("{name}={}", quote::quote_literal(value))
}
