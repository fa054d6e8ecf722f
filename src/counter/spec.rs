//! What people ask for: an item of `counters` in perfkit.yaml, or the flags of `counter add`.

use serde::Deserialize;

use super::site::Mode;

/// A counter as it is asked for. Names are as the server stores them, with or without a schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// The table that gets the counter.
    pub(crate) table: String,
    /// What the column is called, if not as [`default_column`] has it.
    #[serde(default)]
    pub(crate) column: Option<String>,
    /// The table whose rows are counted.
    pub(crate) counts: String,
    /// The columns of the counted table that refer to `table`, if there is more than one foreign key to it, or none.
    #[serde(default)]
    pub(crate) key: Columns,
    /// The tables between, from the counted one on.
    #[serde(default)]
    pub(crate) through: Columns,
    /// Which rows count.
    #[serde(default, rename = "where")]
    pub(crate) condition: Option<String>,
    /// What is added up instead of 1.
    #[serde(default)]
    pub(crate) sum: Option<String>,
    /// That of the counters which the same triggers keep, if not said.
    #[serde(default)]
    pub(crate) mode: Option<Mode>,
    #[serde(default)]
    pub(crate) storage: StorageWish,
    /// Whether writes of the column by the application are taken back.
    #[serde(default)]
    pub(crate) guard: bool,
}

/// Where a counter is to stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StorageWish {
    #[default]
    Column,
    /// In a table of its own, by the value of the key.
    Side,
}

/// One name, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "OneOrMany")]
pub(crate) struct Columns(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a name or a list of names")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Columns {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl Wish {
    /// A plain count.
    pub(crate) fn new(table: &str, counts: &str) -> Self {
        Self {
            table: table.to_owned(),
            column: None,
            counts: counts.to_owned(),
            key: Columns::default(),
            through: Columns::default(),
            condition: None,
            sum: None,
            mode: None,
            storage: StorageWish::Column,
            guard: false,
        }
    }

    pub(crate) fn column(&self) -> String {
        self.column.clone().unwrap_or_else(|| default_column(&self.counts))
    }
}

/// Returns what Rails calls the counter of a table's rows: `mentions_count` of `app.mentions`.
pub(crate) fn default_column(counts: &str) -> String {
    let name = counts.rsplit_once('.').map_or(counts, |(_, name)| name);
    format!("{name}_count")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::yaml;

    fn check(text: &str, expected: Result<&Wish, &str>) {
        let read = yaml::parse::<Vec<Wish>>(Path::new("p"), text);
        match (read, expected) {
            (Ok(wishes), Ok(wish)) => assert_eq!(wishes, std::slice::from_ref(wish), "{text}"),
            (Err(error), Err(message)) => assert_eq!(error.to_string(), message, "{text}"),
            (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
        }
    }

    #[test]
    fn reads_wishes() {
        let plain = Wish::new("keywords", "mentions");
        assert_eq!(plain.column(), "mentions_count");
        assert_eq!(Wish::new("keywords", "app.mentions").column(), "mentions_count");
        check("- {table: keywords, counts: mentions}", Ok(&plain));
        let whole = Wish {
            column: Some("open".to_owned()),
            key: Columns(vec!["tenant_id".to_owned(), "user_id".to_owned()]),
            through: Columns(vec!["keywords".to_owned()]),
            condition: Some("status = 'open'".to_owned()),
            sum: Some("amount".to_owned()),
            mode: Some(Mode::Queue),
            storage: StorageWish::Side,
            guard: true,
            ..Wish::new("users", "mentions")
        };
        let text = "
- table: users
  column: open
  counts: mentions
  key: [tenant_id, user_id]
  through: keywords
  where: status = 'open'
  sum: amount
  mode: queue
  storage: side
  guard: true
";
        check(text, Ok(&whole));
    }

    #[test]
    fn says_what_is_wrong_where() {
        check("- {table: a}", Err("p:1:3: .[0]: missing field `counts`"));
        check("- {table: a, counts: b, wher: c}", Err("p:1:25: unknown name `wher`"));
        check("- {table: a, counts: b, mode: row}", Err("p:1:31: unknown name `row`"));
        check("- {table: a, counts: b, key: 1}", Err("p:1:3: .[0]: a name or a list of names"));
    }
}
