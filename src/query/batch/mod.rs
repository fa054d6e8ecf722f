//! One statement in the place of many that differ in a few values: what a loop should have sent.
//!
//! The text is kept as its author wrote it, but for the places of the values: what the parser of `sqlparser` says decides, what
//! the server reads is the author's. Three forms are known. `= ANY` asks for all keys where every row names its key. Arrays with
//! numbered elements, joined to the statement for each (LATERAL), are right for any query: for LIMIT, ORDER BY, aggregates. Counts
//! are grouped, and joined to the keys so that those without rows have a count as well.

mod edit;
mod read;
#[cfg(test)]
mod tests;
mod writes;

use std::fmt::Write as _;

use read::Child;

pub(crate) use writes::change;

/// A query that runs once for each of many keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeated<'a> {
    pub(crate) sql: &'a str,
    /// The parameters that vary, from 0.
    pub(crate) keys: &'a [usize],
    /// The type of each parameter, as SQL has it.
    pub(crate) types: &'a [String],
}

/// Why a statement cannot be one for all keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("it {0}")]
    Unread(String),
    #[error("it is not a query that reads only")]
    NoQuery,
    #[error("it locks rows, and one statement for all would lock them in another order")]
    Locks,
    #[error("it calls {0}, which does something or gives another result each time")]
    Volatile(String),
    #[error("it changes rows in a WITH query")]
    ChangesRows,
    #[error("a value that varies says how many rows it skips or returns")]
    Limit,
    #[error("no value in it varies")]
    NoKey,
    #[error("{0}")]
    Other(&'static str),
}

/// One query for all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) form: Form,
    pub(crate) sql: String,
    /// What each `$n` takes.
    pub(crate) arguments: Vec<Argument>,
    pub(crate) key: KeyPlace,
    /// Columns before and behind those of the repeated query.
    pub(crate) n_before: usize,
    pub(crate) n_after: usize,
    /// Whether the rows of a key have an order.
    pub(crate) is_ordered: bool,
}

/// How keys are asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Any,
    Lateral,
    Grouped,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Lateral => "lateral",
            Self::Grouped => "grouped",
        }
    }
}

/// What a parameter of a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// All values of the key with this place among the keys, as an array.
    Keys(usize),
    /// What this parameter of the repeated query takes each time.
    Same(usize),
}

/// What says which key a row of a batch belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// The first column is the key's number, from 1.
    Number,
    /// This column holds the key.
    Column(usize),
    /// The column with this name holds the key, if there is one such column.
    Named(String),
}

/// Returns the queries that ask for all keys at once, the simplest first. Which of them is right is for the server to say.
pub(crate) fn batches(repeated: &Repeated<'_>) -> Result<Vec<Batch>, Obstacle> {
    let child = Child::read(repeated)?;
    let mut batches = Vec::new();
    batches.extend(any(&child));
    batches.extend(grouped(&child));
    batches.push(lateral(&child));
    Ok(batches)
}

/// A query joined to the one whose rows it runs for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) sql: String,
    /// The query for the rows, with the values of these columns as texts behind all others.
    pub(crate) parent: String,
    /// How many parameters of `sql` are those of the parent; the others are these of the repeated query.
    pub(crate) n_parent: usize,
    pub(crate) same: Vec<usize>,
    /// Columns behind those of the parent, and behind those of the child, that tell their order.
    pub(crate) parent_place: bool,
    pub(crate) child_place: bool,
}

/// Returns a query joined to the one whose rows it runs for; `columns` are those of the parent that hold the keys.
pub(crate) fn joined(repeated: &Repeated<'_>, parent: &str, columns: &[String]) -> Result<Joined, Obstacle> {
    let child = Child::read(repeated)?;
    let parent = Child::read_parent(parent)?;
    if columns.len() != repeated.keys.len() {
        return Err(Obstacle::Other("not every value that varies comes from the query before"));
    }
    let n_parent = parent.parameters().iter().map(|(_, number)| number + 1).max().unwrap_or(0);
    let alias = child.text.free_name("parent");
    let place = parent.free_place(&child);
    let column = |at: usize| format!("{alias}.{}", super::quote::identifier(&columns[at]));
    let same = child.same();
    let inner = child
        .text_with(&column, &|number| n_parent + same.iter().position(|it| *it == number).unwrap_or(0) + 1);
    let rows = if parent.is_ordered {
        format!(
            "(\n  SELECT rows.*, row_number() OVER () AS {place}\n  FROM ({}) AS rows\n) AS {alias}",
            parent.text.sql
        )
    } else {
        format!("(\n  {}\n) AS {alias}", parent.text.sql)
    };
    let lateral = child.numbered(&inner, &place);
    let mut sql = format!(
        "SELECT {alias}.*, child.*\nFROM {rows}\nLEFT JOIN LATERAL (\n  {lateral}\n) AS child ON true"
    );
    let mut order = Vec::new();
    order.extend(parent.is_ordered.then(|| format!("{alias}.{place}")));
    order.extend((parent.is_ordered && child.is_ordered).then(|| format!("child.{place}")));
    if !order.is_empty() {
        let _ = write!(sql, "\nORDER BY {}", order.join(", "));
    }
    let texts: Vec<String> = columns
        .iter()
        .map(|column| format!("rows.{}::pg_catalog.text", super::quote::quote_identifier(column)))
        .collect();
    Ok(Joined {
        sql,
        parent: format!("SELECT rows.*, {} FROM ({}) AS rows", texts.join(", "), parent.text.sql),
        n_parent,
        same,
        parent_place: parent.is_ordered,
        child_place: child.is_ordered,
    })
}

/// `column = ANY ($1)` in the place of `column = $1`, where each row names its key.
fn any(child: &Child<'_>) -> Option<Batch> {
    let key = child.equality.as_ref().filter(|_| child.is_plain)?;
    let place = match &child.key_output {
        Some(place) => place.clone(),
        None => KeyPlace::Column(0),
    };
    let is_added = child.key_output.is_none();
    let mut edits = vec![(key.place.clone(), format!("ANY ($1::{}[])", child.key_type(0)))];
    edits.extend(child.renumbered(1));
    if is_added {
        edits.push((child.select_end()..child.select_end(), format!(" {},", key.column)));
    }
    Some(Batch {
        form: Form::Any,
        sql: child.text.with(edits),
        arguments: child.arguments(),
        key: place,
        n_before: usize::from(is_added),
        n_after: 0,
        is_ordered: false,
    })
}

/// The counts of all keys in one pass, with those of keys that have no rows.
fn grouped(child: &Child<'_>) -> Option<Batch> {
    let key = child.equality.as_ref()?;
    let aggregates = child.aggregates.as_ref()?;
    let keys = child.text.free_name("keys");
    let array = format!("$1::{}[]", child.key_type(0));
    let end = child.text.sql.len();
    let mut edits = vec![
        (key.place.clone(), format!("ANY ({array})")),
        (child.select_end()..child.select_end(), format!(" {},", key.column)),
        (end..end, format!(" GROUP BY {}", key.column)),
    ];
    edits.extend(child.renumbered(1));
    let inner = child.text.with(edits);
    let mut names: Vec<String> = Vec::new();
    for aggregate in aggregates {
        let n = names.iter().filter(|name| **name == aggregate.name).count();
        names.push(if n == 0 { aggregate.name.clone() } else { format!("{}_{}", aggregate.name, n + 1) });
    }
    let outputs = names.iter().zip(aggregates).map(|(name, aggregate)| {
        let name = super::quote::identifier(name);
        if aggregate.is_count {
            format!("coalesce(child.{name}, 0) AS {name}")
        } else {
            format!("child.{name}")
        }
    });
    let outputs: Vec<String> = outputs.collect();
    let columns: Vec<String> = names.iter().map(|name| super::quote::identifier(name).into_owned()).collect();
    // A column of the child may be called as the key is.
    let mut key_name = "key".to_owned();
    while names.contains(&key_name) {
        key_name.push('_');
    }
    let sql = format!(
        "SELECT {keys}.ord, {}\nFROM unnest({array}) WITH ORDINALITY AS {keys} (key, ord)\n\
         LEFT JOIN (\n  {inner}\n) AS child ({key_name}, {}) ON child.{key_name} = {keys}.key\nORDER BY {keys}.ord",
        outputs.join(", "),
        columns.join(", "),
    );
    Some(Batch {
        form: Form::Grouped,
        sql,
        arguments: child.arguments(),
        key: KeyPlace::Number,
        n_before: 1,
        n_after: 0,
        is_ordered: false,
    })
}

/// The query itself for each of the numbered keys.
fn lateral(child: &Child<'_>) -> Batch {
    let keys = child.text.free_name("keys");
    let place = child.text.free_name("place");
    let n_keys = child.keys.len();
    let name = |at: usize| if n_keys == 1 { "key".to_owned() } else { format!("key{}", at + 1) };
    let arrays: Vec<String> =
        (0..n_keys).map(|at| format!("${}::{}[]", at + 1, child.key_type(at))).collect();
    let names: Vec<String> = (0..n_keys).map(name).collect();
    let same = child.same();
    let inner = child.text_with(&|at| format!("{keys}.{}", name(at)), &|number| {
        n_keys + same.iter().position(|it| *it == number).unwrap_or(0) + 1
    });
    let inner = child.numbered(&inner, &place);
    let order = if child.is_ordered { format!(", child.{place}") } else { String::new() };
    let sql = format!(
        "SELECT {keys}.ord, child.*\nFROM unnest({}) WITH ORDINALITY AS {keys} ({}, ord)\n\
         CROSS JOIN LATERAL (\n  {inner}\n) AS child\nORDER BY {keys}.ord{order}",
        arrays.join(", "),
        names.join(", "),
    );
    Batch {
        form: Form::Lateral,
        sql,
        arguments: child.arguments(),
        key: KeyPlace::Number,
        n_before: 1,
        n_after: usize::from(child.is_ordered),
        is_ordered: child.is_ordered,
    }
}

impl Child<'_> {
    fn key_type(&self, at: usize) -> &str {
        self.types.get(self.keys[at]).map_or("text", String::as_str)
    }

    fn arguments(&self) -> Vec<Argument> {
        let keys = (0..self.keys.len()).map(Argument::Keys);
        keys.chain(self.same().into_iter().map(Argument::Same)).collect()
    }

    /// The parameters that do not vary, in their order.
    fn same(&self) -> Vec<usize> {
        let mut same: Vec<usize> = self.parameters().into_iter().map(|(_, number)| number).collect();
        same.sort_unstable();
        same.dedup();
        same.retain(|number| !self.keys.contains(number));
        same
    }

    /// Numbers for the parameters that do not vary, behind those of the keys.
    fn renumbered(&self, n_before: usize) -> Vec<edit::Edit> {
        let same = self.same();
        let number = |number: usize| same.iter().position(|it| *it == number);
        let places = self.parameters().into_iter();
        places.filter_map(|(place, it)| Some((place, format!("${}", n_before + number(it)? + 1)))).collect()
    }

    /// The text with other things for keys, and other numbers for the rest.
    fn text_with(&self, key: &dyn Fn(usize) -> String, number: &dyn Fn(usize) -> usize) -> String {
        let edits = self.parameters().into_iter().map(|(place, it)| {
            let written = match self.keys.iter().position(|key| *key == it) {
                Some(at) => key(at),
                None => format!("${}", number(it)),
            };
            (place, written)
        });
        self.text.with(edits.collect())
    }

    /// A query of this one's rows with a number that keeps their order, if they have one.
    fn numbered(&self, sql: &str, place: &str) -> String {
        if self.is_ordered {
            format!("SELECT child.*, row_number() OVER () AS {place}\n  FROM ({sql}) AS child")
        } else {
            sql.to_owned()
        }
    }

    /// A name for the order of rows that neither text has.
    fn free_place(&self, other: &Child<'_>) -> String {
        let own = self.text.free_name("place");
        if other.text.free_name(&own) == own { own } else { format!("{own}_of_row") }
    }

    fn parameters(&self) -> Vec<(std::ops::Range<usize>, usize)> {
        self.text.parameters()
    }

    /// Where the word SELECT ends.
    fn select_end(&self) -> usize {
        self.text.outer_words("select").first().map_or(0, |place| place.end)
    }
}
