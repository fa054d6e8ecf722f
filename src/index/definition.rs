//! What an index is: its columns, order and predicate, its name and its DDL.

use crate::catalog::{Index, IndexKey};
use crate::query::quote;
use crate::random;

/// A btree index that could be built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Definition {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) keys: Vec<Key>,
    pub(crate) predicate: Option<Predicate>,
}

/// A key column with its order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) column: String,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// The predicate of a partial index: `column IS [NOT] NULL`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Predicate {
    pub(crate) column: String,
    pub(crate) is_null: bool,
}

/// The longest name that PostgreSQL keeps whole, in bytes (`NAMEDATALEN` - 1).
const MAX_NAME_BYTES: usize = 63;

impl Key {
    pub(crate) fn ascending(column: &str) -> Self {
        Self { column: column.to_owned(), descending: false, nulls_first: false }
    }

    pub(crate) fn sql(&self) -> String {
        let mut text = quote::identifier(&self.column).into_owned();
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
    /// Returns a name that depends on the definition alone, in the manner of PostgreSQL's own names.
    pub(crate) fn name(&self) -> String {
        let mut parts = vec![self.table.clone()];
        for key in &self.keys {
            let order = if key.descending { "_desc" } else { "" };
            parts.push(format!("{}{order}", key.column));
        }
        if let Some(predicate) = &self.predicate {
            let test = if predicate.is_null { "null" } else { "not_null" };
            parts.push(format!("where_{}_{test}", predicate.column));
        }
        let name = format!("{}_idx", parts.join("_"));
        if name.len() <= MAX_NAME_BYTES {
            return name;
        }
        let hash = format!("_{:08x}_idx", random::substream(0, &name) >> 32);
        let mut end = MAX_NAME_BYTES - hash.len();
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{hash}", &name[..end])
    }

    /// Returns what is indexed, as in `sleep_records (user_id, bedtime DESC) WHERE wake_time IS NULL`.
    pub(crate) fn describe(&self) -> String {
        format!("{} {}", quote::identifier(&self.table), self.keys_and_predicate())
    }

    /// Returns the statement that builds the index without blocking writes.
    pub(crate) fn ddl_concurrently(&self) -> String {
        self.create("CREATE INDEX CONCURRENTLY")
    }

    /// Returns the statement that builds the index where nobody writes.
    pub(crate) fn ddl(&self) -> String {
        self.create("CREATE INDEX")
    }

    /// Returns the definition in the manner of `pg_get_indexdef`.
    pub(crate) fn ddl_using_btree(&self) -> String {
        let keys = self.keys_and_predicate();
        let table = format!("{}.{}", quote::identifier(&self.schema), quote::identifier(&self.table));
        format!("CREATE INDEX {} ON {table} USING btree {keys}", quote::identifier(&self.name()))
    }

    fn create(&self, command: &str) -> String {
        format!(
            "{command} {} ON {}.{} {}",
            quote::identifier(&self.name()),
            quote::identifier(&self.schema),
            quote::identifier(&self.table),
            self.keys_and_predicate()
        )
    }

    fn keys_and_predicate(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(Key::sql).collect();
        let predicate = self.predicate.as_ref().map(|predicate| format!(" WHERE {}", predicate.sql()));
        format!("({}){}", keys.join(", "), predicate.unwrap_or_default())
    }

    /// Whether this index is `other` with more columns behind it.
    pub(crate) fn extends(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.table == other.table
            && self.predicate == other.predicate
            && self.keys.len() > other.keys.len()
            && self.keys.starts_with(&other.keys)
    }

    /// Whether an existing index can do all that this one could.
    pub(crate) fn is_covered_by(&self, existing: &Index) -> bool {
        existing.method == "btree"
            && existing.is_valid
            && existing.keys.len() >= self.keys.len()
            && (matches_keys(&self.keys, &existing.keys, false)
                || matches_keys(&self.keys, &existing.keys, true))
            && match (&existing.predicate, &self.predicate) {
                (None, None) => true,
                (Some(existing), Some(own)) => existing.trim_matches(['(', ')']) == own.sql(),
                _ => false,
            }
    }
}

impl Predicate {
    pub(crate) fn sql(&self) -> String {
        let test = if self.is_null { "IS NULL" } else { "IS NOT NULL" };
        format!("{} {test}", quote::identifier(&self.column))
    }
}

/// Whether `existing` begins with `keys`, read forwards or backwards.
fn matches_keys(keys: &[Key], existing: &[IndexKey], backwards: bool) -> bool {
    keys.iter().zip(existing).all(|(key, existing)| {
        existing.column.as_ref() == Some(&key.column)
            && (existing.descending != backwards) == key.descending
            && (existing.nulls_first != backwards) == key.nulls_first
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn definition(table: &str, keys: &[&str], predicate: Option<Predicate>) -> Definition {
        Definition {
            schema: "public".into(),
            table: table.into(),
            keys: keys
                .iter()
                .map(|key| match key.strip_prefix('-') {
                    Some(column) => Key { column: column.into(), descending: true, nulls_first: true },
                    None => Key::ascending(key),
                })
                .collect(),
            predicate,
        }
    }

    fn null(column: &str) -> Predicate {
        Predicate { column: column.into(), is_null: true }
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

    #[test]
    fn knows_what_is_there_already() {
        let key = |column: &str, descending: bool| IndexKey {
            column: Some(column.to_owned()),
            descending,
            nulls_first: descending,
        };
        let existing = |keys: Vec<IndexKey>, predicate: Option<&str>| Index {
            name: "i".into(),
            definition: String::new(),
            method: "btree".into(),
            keys,
            predicate: predicate.map(str::to_owned),
            is_valid: true,
            is_constraint: false,
            n_rows: 0.0,
            size_bytes: 0,
            statistics: vec![],
        };
        let wide = existing(vec![key("a", false), key("b", false)], None);
        let partial = existing(vec![key("a", false)], Some("(c IS NULL)"));
        for (keys, predicate, index, expected) in [
            (&["a"][..], None, &wide, true),
            (&["a", "b"], None, &wide, true),
            (&["-a", "-b"], None, &wide, true),
            (&["a", "-b"], None, &wide, false),
            (&["b"], None, &wide, false),
            (&["a", "b", "c"], None, &wide, false),
            (&["a"], Some(null("c")), &partial, true),
            (&["a"], None, &partial, false),
        ] {
            let definition = definition("t", keys, predicate);
            assert_eq!(definition.is_covered_by(index), expected, "{}", definition.describe());
        }
    }

    proptest! {
        #[test]
        fn extension_is_a_strict_order(columns in prop::collection::vec("[abc]", 1..5), cut in 0usize..4) {
            let names: Vec<&str> = columns.iter().map(String::as_str).collect();
            let whole = definition("t", &names, None);
            let cut = cut.min(names.len() - 1);
            prop_assert!(!whole.extends(&whole));
            if cut > 0 {
                let part = definition("t", &names[..cut], None);
                prop_assert!(whole.extends(&part));
                prop_assert!(!part.extends(&whole));
            }
        }
    }
}
