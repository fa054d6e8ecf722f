//! What an index is: its columns, order and predicate, its name and its DDL.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::change::name::{MAX_NAME_BYTES, shortened};
use crate::catalog::Index;
use crate::query::condition::conjuncts;
use crate::query::index_ddl::{IndexDdl, index_ddl};
use crate::query::words::{Lexeme, Sort, lexemes, unquoted};
use crate::query::{Operand, quote, same_expression};
use crate::random;

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
/// How a name says an operator; others are told apart by a hash. `->>` is the common way into a document and `AND`
/// the common way to join, so they need no word.
const SPOKEN: [(&str, &str); 25] = [
    ("=", ""),
    ("->>", ""),
    ("and", ""),
    ("<>", "not"),
    ("!=", "not"),
    ("<", "lt"),
    ("<=", "le"),
    (">", "gt"),
    (">=", "ge"),
    ("->", "json"),
    ("#>", "at"),
    ("#>>", "text_at"),
    ("@>", "contains"),
    ("<@", "in"),
    ("&&", "overlaps"),
    ("?", "has"),
    ("@@", "matches"),
    ("||", "concat"),
    ("+", "plus"),
    ("-", "minus"),
    ("*", "times"),
    ("/", "by"),
    ("%", "mod"),
    ("~", "regex"),
    ("~~", "like"),
];
/// The operator classes that `pg_opclass` has beside the one of the type's family, with the same operators: a
/// `varchar` is indexed as a text.
const SAME_OPCLASS: (&str, &str) = ("varchar_ops", "text_ops");

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

    /// Returns a name that depends on the definition alone, in the manner of PostgreSQL's own names.
    pub(crate) fn name(&self) -> String {
        let mut parts = vec![self.table.clone()];
        let mut lost = String::new();
        let mut spoken = |sql: &str| {
            let (words, is_exact) = words(sql);
            if !is_exact {
                lost.push_str(sql);
            }
            words
        };
        for key in &self.keys {
            parts.extend(match &key.operand {
                Operand::Column(column) => vec![column.clone()],
                Operand::Expression { sql, .. } => spoken(sql),
            });
            if let Some(collation) = &key.collation {
                parts.extend(spoken(&last_part(collation).to_lowercase()));
            }
            parts.extend(key.opclass.clone());
            parts.extend(key.descending.then(|| "desc".to_owned()));
            if key.nulls_first != key.descending {
                parts.push(if key.nulls_first { "nulls_first" } else { "nulls_last" }.to_owned());
            }
        }
        if !self.include.is_empty() {
            parts.push("include".to_owned());
            parts.extend(self.include.iter().cloned());
        }
        if let Some(predicate) = &self.predicate {
            parts.push("where".to_owned());
            parts.extend(match predicate.as_null_test() {
                Some((column, true)) => vec![format!("{column}_null")],
                Some((column, false)) => vec![format!("{column}_not_null")],
                None => spoken(&predicate.sql),
            });
        }
        if self.method != Method::Btree {
            parts.push(self.method.name().to_owned());
        }
        if !lost.is_empty() {
            parts.push(format!("{:04x}", random::substream(0, &lost) >> 48));
        }
        let name = format!("{}_idx", parts.join("_"));
        if name.len() <= MAX_NAME_BYTES {
            return name;
        }
        shortened(&name, &format!("_{:08x}_idx", random::substream(0, &name) >> 32))
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

    /// Whether this has fewer key columns than an index that can do all that it can: then it is smaller, which alone can
    /// be worth it where many rows share a key.
    pub(super) fn is_narrower_than(&self, other: &Self) -> bool {
        self.method == Method::Btree && self.include.is_empty() && self.keys.len() < other.keys.len()
    }

    /// Whether an existing index of this table can do all that this one could.
    pub(crate) fn is_covered_by(&self, existing: &Index) -> bool {
        existing.is_valid
            && Self::existing(&self.schema, &self.table, existing)
                .is_some_and(|existing| self.is_within(&existing))
    }

    /// Whether another index of the same table, on the same rows, can do all that this one could.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        other.holds(self) && same_predicate(self.predicate.as_ref(), other.predicate.as_ref())
    }

    /// Whether this index allows every scan that an existing one of its table allows, so that it can replace it.
    ///
    /// A unique index and one that a constraint owns do more than scans. What it costs to read a wider or a full
    /// index instead is for the planner to say.
    pub(crate) fn makes_superfluous(&self, existing: &Index) -> bool {
        !existing.is_unique
            && !existing.is_constraint
            && existing.is_valid
            && Self::existing(&self.schema, &self.table, existing).is_some_and(|existing| {
                self.holds(&existing) && implies(existing.predicate.as_ref(), self.predicate.as_ref())
            })
    }

    /// Whether its entries can be searched, ordered and read as those of `other`, predicates aside.
    ///
    /// A btree does so with the keys of `other` at its front, or with all of them reversed; INCLUDE orders nothing.
    /// GIN and BRIN find by any of their columns alike; of GiST only the whole is comparable (manual, "Multicolumn
    /// Indexes").
    fn holds(&self, other: &Self) -> bool {
        let same = |own: &Key, other: &Key| {
            same_operand(own, other) && same_opclass(own, other) && same_collation(own, other)
        };
        let are_keys_held = match self.method {
            Method::Btree => {
                let is_prefix = |backwards: bool| {
                    self.keys.len() >= other.keys.len()
                        && self.keys.iter().zip(&other.keys).all(|(own, other)| {
                            same(own, other)
                                && (own.descending != backwards) == other.descending
                                && (own.nulls_first != backwards) == other.nulls_first
                        })
                };
                is_prefix(false) || is_prefix(true)
            }
            Method::Gin | Method::Brin => {
                other.keys.iter().all(|other| self.keys.iter().any(|own| same(own, other)))
            }
            Method::Gist => {
                self.keys.len() == other.keys.len()
                    && self.keys.iter().zip(&other.keys).all(|(own, other)| same(own, other))
            }
        };
        self.method == other.method && are_keys_held && self.stores(&other.include)
    }

    /// Whether an index-only scan finds these columns in it.
    fn stores(&self, columns: &[String]) -> bool {
        columns.iter().all(|column| {
            self.include.contains(column) || self.keys.iter().any(|key| key.column() == Some(column))
        })
    }
}

/// Whether `wide` allows every scan that `narrow`, another index of the same table, allows.
///
/// Of two equal indexes each makes the other superfluous: whoever drops must keep one.
pub(crate) fn index_makes_superfluous(wide: &Index, narrow: &Index) -> bool {
    wide.is_valid
        && Definition::existing("", "", wide).is_some_and(|definition| definition.makes_superfluous(narrow))
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

/// Returns the words of an expression as in a name, and whether they say all of it: `data`, `category` for
/// `(data ->> 'category'::text)`.
fn words(sql: &str) -> (Vec<String>, bool) {
    let mut words = Vec::new();
    let mut is_exact = true;
    let mut before: [&str; 2] = [""; 2];
    for lexeme in lexemes(sql).into_iter().filter(Lexeme::is_solid) {
        let lower = lexeme.text.to_lowercase();
        // What a constant is cast to hardly ever tells two expressions apart.
        let is_of_constant = before[1] == "::" && before[0].ends_with('\'');
        before = [before[1], lexeme.text];
        if is_of_constant || matches!(lexeme.text, "::" | "(" | ")" | ",") {
            continue;
        }
        if let Some((_, word)) = SPOKEN.iter().find(|(operator, _)| *operator == lower) {
            words.extend((!word.is_empty()).then(|| (*word).to_owned()));
        } else if lexeme.sort == Sort::Symbol {
            is_exact = false;
        } else {
            let bare = if lexeme.sort == Sort::Word { lower } else { unquoted(lexeme.text) };
            let bare = bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(&bare);
            let is_plain = |c: char| c.is_alphanumeric() || c == '_';
            is_exact &= !bare.is_empty() && bare.chars().all(is_plain);
            let pieces = bare.split(|c| !is_plain(c)).filter(|piece| !piece.is_empty());
            words.extend(pieces.map(str::to_owned));
        }
    }
    (words, is_exact)
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

/// The name of a name that may be qualified: `"C"` of `pg_catalog."C"`.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether two keys have the same collation. One of `pg_catalog` is written with its schema or without.
fn same_collation(a: &Key, b: &Key) -> bool {
    let known = |key: &Key| {
        let name = key.collation.as_deref()?;
        Some(name.strip_prefix("pg_catalog.").unwrap_or(name).to_owned())
    };
    known(a) == known(b)
}

fn same_operand(a: &Key, b: &Key) -> bool {
    match (&a.operand, &b.operand) {
        (Operand::Expression { sql: a, .. }, Operand::Expression { sql: b, .. }) => same_expression(a, b),
        (a, b) => a == b,
    }
}

fn same_opclass(a: &Key, b: &Key) -> bool {
    let known = |key: &Key| {
        key.opclass.clone().filter(|opclass| opclass != SAME_OPCLASS.0 && opclass != SAME_OPCLASS.1)
    };
    let parameters = |key: &Key| {
        let written = key.opclass_sql.as_ref()?;
        written.find('(').map(|at| written[at..].to_owned())
    };
    known(a) == known(b) && parameters(a) == parameters(b)
}

fn same_predicate(a: Option<&Predicate>, b: Option<&Predicate>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_expression(&a.sql, &b.sql),
        _ => false,
    }
}

/// Whether every row that `narrow` lets in is let in by `wide`, as far as their texts tell.
fn implies(narrow: Option<&Predicate>, wide: Option<&Predicate>) -> bool {
    match (narrow, wide) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(narrow), Some(wide)) => conjuncts(&wide.sql)
            .iter()
            .all(|wanted| conjuncts(&narrow.sql).iter().any(|known| same_expression(known, wanted))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::IndexKey;
    use proptest::prelude::*;

    fn definition(table: &str, keys: &[&str], predicate: Option<Predicate>) -> Definition {
        let key = |key: &&str| match key.strip_prefix('-') {
            Some(column) => Key { descending: true, nulls_first: true, ..Key::ascending(column) },
            None => Key::ascending(key),
        };
        Definition { predicate, ..Definition::btree("public", table, keys.iter().map(key).collect()) }
    }

    fn null(column: &str) -> Predicate {
        Predicate::null_test(column, true)
    }

    #[test]
    fn writes_ddl() {
        let definition = definition("Records", &["user_id", "-bedtime"], Some(null("wake_time")));
        assert_eq!(
            definition.ddl_concurrently(),
            "CREATE INDEX CONCURRENTLY \"Records_user_id_bedtime_desc_where_wake_time_null_idx\" \
             ON public.\"Records\" (user_id, bedtime DESC) WHERE wake_time IS NULL"
        );
    }

    #[test]
    fn long_names_stay_different() {
        let long = "a".repeat(40);
        let first = definition("t", &[&long, "bbbbbbbbbbbbbbbbbbbbbbbbbb"], None).name();
        let second = definition("t", &[&long, "bbbbbbbbbbbbbbbbbbbbbbbbbc"], None).name();
        assert!(first.len() <= 63 && second.len() <= 63);
        assert_ne!(first, second);
    }

    fn operands() -> Vec<Operand> {
        let columns = ["a", "b", "c"].map(|name| Operand::Column(name.into()));
        let expressions =
            ["lower(a)", "upper(a)", "d ->> 'k'::text", "d -> 'k'::text", "a::text", "a || b", "a + b"];
        let expressions =
            expressions.map(|sql| Operand::Expression { sql: sql.into(), columns: vec!["a".into()] });
        columns.into_iter().chain(expressions).collect()
    }

    fn predicates() -> Vec<Option<Predicate>> {
        let texts = [
            "s = 'a'",
            "s <> 'a'",
            "s < 5",
            "s <= 5",
            "s > 5",
            "s = 'a b'",
            "s = 'a-b'",
            "s = 'a+b'",
            "s = 'a_b'",
            "s = 1.5",
            "s = 15",
            "s = -15",
            "lower(s) = 'a'",
            "s IS NULL",
            "s IS NOT NULL",
            "NOT s",
            "s",
            "s = ''",
            "s = 5 OR b = 6",
            "s = 5 AND b = 6",
            "s IN ('a', 'b')",
            "s LIKE 'a%'",
            "s LIKE '%a'",
            "s @> '{a}'",
        ];
        let predicate = |sql: &str| Predicate { sql: sql.into(), columns: vec!["s".into()] };
        texts.into_iter().map(|sql| Some(predicate(sql))).chain([None]).collect()
    }

    /// Any index of a small family, in which no two have the same words.
    fn family() -> impl Strategy<Value = Definition> {
        let opclass = prop::option::of(prop::sample::select(vec!["x_ops".to_owned(), "y_ops".to_owned()]));
        let parts = (prop::sample::select(operands()), opclass, any::<bool>(), any::<bool>());
        let key = parts.prop_map(|(operand, opclass, descending, nulls_first)| Key {
            opclass,
            descending,
            nulls_first,
            ..Key::of(operand)
        });
        let methods = vec![Method::Btree, Method::Gin, Method::Gist, Method::Brin];
        let include = prop::collection::vec(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]), 0..2);
        let parts = (
            prop::sample::select(methods),
            prop::collection::vec(key, 1..4),
            include,
            prop::sample::select(predicates()),
        );
        parts.prop_map(|(method, keys, include, predicate)| Definition {
            method,
            include,
            predicate,
            ..Definition::btree("public", "t", keys)
        })
    }

    /// An index that exists, as the catalog reads it.
    fn exists(definition: &Definition) -> Index {
        let key = |key: &Key| IndexKey {
            column: key.column().map(str::to_owned),
            expression: key.column().is_none().then(|| key.operand.sql()),
            opclass: key.opclass.clone(),
            descending: key.descending,
            nulls_first: key.nulls_first,
            ..IndexKey::default()
        };
        Index {
            name: "i".into(),
            definition: definition.ddl(),
            method: definition.method.name().into(),
            keys: definition.keys.iter().map(key).collect(),
            include: definition.include.clone(),
            predicate: definition.predicate.as_ref().map(|predicate| format!("({})", predicate.sql)),
            is_valid: true,
            ..Index::default()
        }
    }

    #[test]
    fn names_say_what_differs() {
        let named = |sql: &str| {
            let predicate = Predicate { sql: sql.into(), columns: vec!["state".into()] };
            definition("t", &["a"], Some(predicate)).name()
        };
        assert_eq!(named("state = 'to do'"), "t_a_where_state_to_do_500d_idx");
        assert_eq!(named("state <> 'done'"), "t_a_where_state_not_done_idx");
        assert_eq!(named("(state = 'done'::text)"), "t_a_where_state_done_idx");
        let of = |keys: Vec<Key>| Definition::btree("public", "t", keys).name();
        let key = Key::ascending("a");
        assert_eq!(of(vec![Key { nulls_first: true, ..key.clone() }]), "t_a_nulls_first_idx");
        assert_eq!(of(vec![Key { descending: true, ..key.clone() }]), "t_a_desc_nulls_last_idx");
        assert_eq!(
            of(vec![Key { opclass: Some("text_pattern_ops".into()), ..key }]),
            "t_a_text_pattern_ops_idx"
        );
        let path = Operand::Expression { sql: "data ->> 'city'".into(), columns: vec!["data".into()] };
        assert_eq!(of(vec![Key::of(path)]), "t_data_city_idx");
    }

    /// What `pg_get_indexdef` says beside the columns stays when an index is made from another one.
    #[test]
    fn an_existing_index_is_said_whole() {
        let key = |column: &str, opclass: Option<&str>| IndexKey {
            column: Some(column.into()),
            opclass: opclass.map(str::to_owned),
            ..IndexKey::default()
        };
        for (method, keys, options, text) in [
            (
                "btree",
                vec![key("a", None)],
                vec!["fillfactor=70", "deduplicate_items=off"],
                "(a) WITH (fillfactor='70', deduplicate_items='off')",
            ),
            (
                "btree",
                vec![key("a", None), key("b", Some("text_pattern_ops"))],
                vec![],
                "(a COLLATE pg_catalog.\"C\", b text_pattern_ops)",
            ),
            (
                "gist",
                vec![key("a", Some("gist_trgm_ops"))],
                vec![],
                "(a \"Ext\".gist_trgm_ops (siglen='32'))",
            ),
            ("gist", vec![key("a", None)], vec![], "(a tsvector_ops (siglen='100'))"),
        ] {
            let index = Index {
                definition: format!("CREATE INDEX i ON public.t USING {method} {text}"),
                method: method.into(),
                keys,
                options: options.into_iter().map(str::to_owned).collect(),
                is_valid: true,
                ..Index::default()
            };
            let definition = Definition::existing("public", "t", &index).unwrap();
            let ddl = definition.ddl_named("i").replace(" ON public.t (", " ON public.t USING btree (");
            assert_eq!(ddl, index.definition);
            assert!(definition.is_covered_by(&index), "{}", index.definition);
        }
        let expression = Index {
            definition: "CREATE INDEX i ON t USING btree (lower(a) COLLATE \"C\")".into(),
            method: "btree".into(),
            keys: vec![IndexKey { expression: Some("lower(a)".into()), ..IndexKey::default() }],
            ..Index::default()
        };
        let definition = Definition::existing("public", "t", &expression).unwrap();
        assert_eq!(definition.ddl_named("i"), "CREATE INDEX i ON public.t (lower(a) COLLATE \"C\")");
        assert_eq!(definition.name(), "t_lower_a_c_idx");
        let placed = Definition {
            options: vec!["fillfactor=70".into()],
            tablespace: Some("Fast disks".into()),
            include: vec!["b".into()],
            ..self::definition("t", &["a"], Some(null("c")))
        };
        assert_eq!(
            placed.ddl(),
            "CREATE INDEX t_a_include_b_where_c_null_idx ON public.t (a) INCLUDE (b) WITH (fillfactor='70') \
             TABLESPACE \"Fast disks\" WHERE c IS NULL"
        );
        let brin = placed.by_method(Method::Brin);
        assert_eq!((brin.options.len(), brin.tablespace.as_deref()), (0, Some("Fast disks")));
    }

    #[test]
    fn knows_what_is_there_already() {
        let existing =
            |keys: &[&str], predicate: Option<Predicate>| exists(&definition("t", keys, predicate));
        let wide = existing(&["a", "b"], None);
        let partial = existing(&["a"], Some(null("c")));
        let gin = exists(&Definition { method: Method::Gin, ..definition("t", &["a", "b"], None) });
        let pattern = Key { opclass: Some("text_pattern_ops".into()), ..Key::ascending("a") };
        let pattern = exists(&Definition::btree("public", "t", vec![pattern]));
        let stored = exists(&Definition { include: vec!["b".into()], ..definition("t", &["a"], None) });
        let collated =
            Index { definition: "CREATE INDEX i ON t USING btree (a COLLATE \"C\")".into(), ..wide.clone() };
        let invalid = Index { is_valid: false, ..wide.clone() };
        let unique = Index { is_unique: true, ..wide.clone() };
        let lower = |sql: &str| {
            let operand = Operand::Expression { sql: sql.into(), columns: vec!["a".into()] };
            Definition::btree("public", "t", vec![Key::of(operand)])
        };
        let plain = |keys: &[&str]| definition("t", keys, None);
        let with = |keys: &[&str], include: &str| Definition { include: vec![include.into()], ..plain(keys) };
        for (own, index, expected) in [
            (plain(&["a"]), &wide, true),
            (plain(&["a", "b"]), &wide, true),
            (plain(&["-a", "-b"]), &wide, true),
            (plain(&["a", "-b"]), &wide, false),
            (plain(&["b"]), &wide, false),
            (plain(&["a", "b", "c"]), &wide, false),
            (plain(&["a"]), &unique, true),
            (plain(&["a"]), &invalid, false),
            (plain(&["a"]), &collated, false),
            (plain(&["a"]), &pattern, false),
            (plain(&["a"]), &gin, false),
            (Definition { method: Method::Gin, ..plain(&["b"]) }, &gin, true),
            (definition("t", &["a"], Some(null("c"))), &partial, true),
            (definition("t", &["a"], Some(Predicate::null_test("c", false))), &partial, false),
            (plain(&["a"]), &partial, false),
            // The partial one is smaller.
            (definition("t", &["a"], Some(null("c"))), &wide, false),
            (with(&["a"], "b"), &wide, true),
            (with(&["a"], "c"), &wide, false),
            (with(&["a"], "b"), &stored, true),
            (plain(&["a", "b"]), &stored, false),
            (lower("lower(a)"), &exists(&lower("lower(a)")), true),
            (lower("lower(a)"), &exists(&lower("upper(a)")), false),
        ] {
            assert_eq!(own.is_covered_by(index), expected, "{} by {}", own.describe(), index.definition);
        }
    }

    #[test]
    fn collations_of_other_schemas_differ() {
        let collated = |name: &str| {
            let collation = Some(name.to_owned());
            Definition::btree("public", "t", vec![Key { collation, ..Key::ascending("a") }])
        };
        for (one, other, expected) in [
            ("\"C\"", "pg_catalog.\"C\"", true),
            ("own.\"C\"", "pg_catalog.\"C\"", false),
            ("own.german", "other.german", false),
            ("own.german", "own.german", true),
            // A dot within a name separates nothing.
            ("own.\"x.y\"", "own.\"z.y\"", false),
        ] {
            assert_eq!(collated(one).is_within(&collated(other)), expected, "{one}, {other}");
        }
    }

    #[test]
    fn knows_what_it_replaces() {
        let plain = |keys: &[&str]| definition("t", keys, None);
        let partial = |keys: &[&str], column: &str| definition("t", keys, Some(null(column)));
        let both = Predicate::all(&[&null("c"), &null("d")]);
        let stored = Definition { include: vec!["c".into()], ..plain(&["a"]) };
        for (own, existing, expected) in [
            (plain(&["a", "b"]), plain(&["a"]), true),
            (plain(&["a"]), plain(&["a"]), true),
            (plain(&["-a", "-b"]), plain(&["a", "b"]), true),
            (plain(&["a"]), plain(&["a", "b"]), false),
            (plain(&["a", "b"]), plain(&["b"]), false),
            (plain(&["a"]), partial(&["a"], "c"), true),
            (partial(&["a"], "c"), plain(&["a"]), false),
            (partial(&["a", "b"], "c"), partial(&["a"], "c"), true),
            (partial(&["a"], "c"), partial(&["a"], "d"), false),
            (partial(&["a"], "c"), definition("t", &["a"], Some(both.clone())), true),
            (definition("t", &["a"], Some(both)), partial(&["a"], "c"), false),
            (plain(&["a", "b"]), stored.clone(), false),
            (plain(&["a", "c"]), stored.clone(), true),
            (stored, plain(&["a"]), true),
        ] {
            let index = exists(&existing);
            assert_eq!(
                own.makes_superfluous(&index),
                expected,
                "{} of {}",
                own.describe(),
                existing.describe()
            );
            assert_eq!(index_makes_superfluous(&exists(&own), &index), expected);
            let unique = Index { is_unique: true, ..index.clone() };
            let constraint = Index { is_constraint: true, ..index };
            assert!(!own.makes_superfluous(&unique) && !own.makes_superfluous(&constraint));
        }
    }

    proptest! {
        #[test]
        fn different_indexes_have_different_names(a in family(), b in family()) {
            let mut family = BTreeSet::from([a.clone(), b]);
            family.extend(predicates().into_iter().map(|predicate| Definition { predicate, ..a.clone() }));
            for operand in operands() {
                let mut other = a.clone();
                other.keys[0].operand = operand;
                family.insert(other);
            }
            let names: BTreeSet<String> = family.iter().map(Definition::name).collect();
            prop_assert!(names.iter().all(|name| name.len() <= MAX_NAME_BYTES));
            prop_assert_eq!(names.len(), family.len(), "{:#?}", names);
        }

        #[test]
        fn an_index_covers_and_replaces_itself(a in family()) {
            let index = exists(&a);
            prop_assert!(a.is_covered_by(&index), "{}", a.ddl());
            prop_assert!(a.makes_superfluous(&index), "{}", a.ddl());
        }

        #[test]
        fn replacing_is_transitive(a in family(), b in family(), c in family()) {
            if a.makes_superfluous(&exists(&b)) && b.makes_superfluous(&exists(&c)) {
                prop_assert!(a.makes_superfluous(&exists(&c)), "{}, {}, {}", a.ddl(), b.ddl(), c.ddl());
            }
        }
    }
}
