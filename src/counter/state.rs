//! What a database has of the tables that counters are about: columns, keys, triggers and functions.

use super::name;
use super::site::{Mode, QualifiedName, Site};
use super::triggers::registry::{self, RegistryError};
use super::triggers::sink::SLOT;

/// The comment of a column or table that perfkit has added: it says whose that is when triggers are gone or not there yet.
pub(crate) const COMMENT: &str = "kept by perfkit counter";
/// What the settings of a function of ours are.
const FUNCTION_CONFIG: &str = "search_path=pg_catalog, pg_temp";

/// One reading of the server, while the search path was `pg_catalog`.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The tables concerned with all that are below them, and all that have triggers of our functions, in the order of their oids.
    pub(crate) tables: Vec<TableState>,
    /// The functions of ours, and those that have a name of ours.
    pub(crate) functions: Vec<FunctionState>,
    /// The session's schemas, in which tables without a schema are looked up.
    pub(crate) search_path: Vec<String>,
    /// Who perfkit is.
    pub(crate) role: String,
    /// All tables of these schemas, if one that was asked for is not there.
    pub(crate) names: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TableState {
    pub(crate) oid: u32,
    pub(crate) name: QualifiedName,
    pub(crate) kind: Kind,
    pub(crate) comment: Option<String>,
    /// The tables that it is a partition or an heir of.
    pub(crate) parents: Vec<u32>,
    pub(crate) columns: Vec<ColumnState>,
    /// Unique keys of plain columns that hold for all rows at all times: not partial and not deferrable.
    pub(crate) unique_keys: Vec<Vec<String>>,
    pub(crate) foreign_keys: Vec<ForeignKeyState>,
    /// The columns of each valid btree index without a predicate, up to the first expression.
    pub(crate) indexes: Vec<Vec<String>>,
    pub(crate) triggers: Vec<TriggerState>,
    pub(crate) checks: Vec<CheckState>,
    pub(crate) owner: String,
    pub(crate) rights: Rights,
    /// Whether a subscription applies changes to it.
    pub(crate) is_subscribed: bool,
}

/// What perfkit may do with a table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rights {
    /// Whether it may act as the owner.
    pub(crate) is_owned: bool,
    pub(crate) may_create_in_schema: bool,
    /// Whether policies hide rows from it, or from the owner.
    pub(crate) hides_rows: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Ordinary,
    Partitioned,
    Foreign,
    View,
    Temporary,
    /// Of the system's catalogs, or of an extension.
    System,
    /// A sequence, an index or a composite type.
    Other,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnState {
    pub(crate) name: String,
    /// As `format_type(oid, -1)` writes it; of a domain, the type below it.
    pub(crate) type_name: String,
    pub(crate) is_not_null: bool,
    /// As `pg_get_expr` writes it.
    pub(crate) default: Option<String>,
    /// Whether it is GENERATED, or an identity.
    pub(crate) is_generated: bool,
    pub(crate) comment: Option<String>,
    /// Whether the operators that compare its type are in `pg_catalog`.
    pub(crate) has_system_operators: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ForeignKeyState {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) parent: QualifiedName,
    pub(crate) parent_columns: Vec<String>,
    /// Why a child may come before its parent, if so.
    pub(crate) looseness: Option<Looseness>,
}

/// Why a foreign key does not hold at all times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looseness {
    Deferrable,
    NotValid,
    NotEnforced,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TriggerState {
    pub(crate) name: String,
    pub(crate) function: QualifiedName,
    /// Whether it fires in ordinary sessions.
    pub(crate) is_enabled: bool,
    /// Whether it fires for each row that an UPDATE changes.
    pub(crate) fires_for_updated_rows: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CheckState {
    pub(crate) name: String,
    pub(crate) is_validated: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FunctionState {
    pub(crate) name: QualifiedName,
    /// `pg_proc.prosrc`.
    pub(crate) body: String,
    pub(crate) is_security_definer: bool,
    /// `pg_proc.proconfig`.
    pub(crate) config: Vec<String>,
}

impl State {
    pub(crate) fn table(&self, name: &QualifiedName) -> Option<&TableState> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// Finds a table by the name that people write: as it is stored, with or without its schema.
    pub(crate) fn named(&self, text: &str) -> Option<&TableState> {
        let is_whole = |table: &&TableState| format!("{}.{}", table.name.schema, table.name.name) == text;
        let in_schema = |schema: &String| {
            self.tables.iter().find(|table| table.name.schema == *schema && table.name.name == text)
        };
        self.search_path.iter().find_map(in_schema).or_else(|| self.tables.iter().find(is_whole))
    }

    /// The table with all that are below it, each once and after those above it.
    pub(crate) fn tree<'s>(&'s self, root: &'s TableState) -> Vec<&'s TableState> {
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(above) = tree.get(at).copied() {
            for below in self.tables.iter().filter(|table| table.parents.contains(&above.oid)) {
                if !tree.iter().any(|known| known.oid == below.oid) {
                    tree.push(below);
                }
            }
            at += 1;
        }
        tree
    }

    pub(crate) fn function(&self, name: &QualifiedName) -> Option<&FunctionState> {
        self.functions.iter().find(|function| function.name == *name)
    }

    /// The sites that functions say they serve, in the order of their names, and what cannot be read.
    pub(crate) fn sites(&self) -> impl Iterator<Item = (&FunctionState, Result<Site, RegistryError>)> {
        self.functions.iter().filter_map(|function| Some((function, registry::read(&function.body)?)))
    }

    /// The sites that functions say they serve, as far as they can be read.
    pub(crate) fn readable_sites(&self) -> impl Iterator<Item = Site> {
        self.sites().filter_map(|(_, site)| site.ok())
    }

    /// The places that guards watch over though no function serves them: somebody has stopped half-way.
    pub(crate) fn half_made(&self) -> Vec<Site> {
        let mut places: Vec<Site> = Vec::new();
        for place in self.functions.iter().filter_map(|function| registry::read_guard(&function.body)) {
            let is_known = places.iter().any(|it| it.is_same_place(&place));
            if !is_known && self.installed(&place).is_none() {
                places.push(place);
            }
        }
        places
    }

    /// The site that is there for the same child, parent and key.
    pub(crate) fn installed(&self, site: &Site) -> Option<Site> {
        let function = self.function(&name::function(site))?;
        registry::read(&function.body)?.ok().filter(|there| there.is_same_place(site))
    }

    /// The tables that have triggers of a site though they are neither its child nor below it: a partition keeps its triggers when
    /// it is detached.
    pub(crate) fn strangers(&self, site: &Site) -> Vec<&TableState> {
        let function = name::function(site);
        let tree: Vec<u32> = self
            .table(&site.child)
            .map(|child| self.tree(child).iter().map(|table| table.oid).collect())
            .unwrap_or_default();
        let is_stranger = |table: &&TableState| {
            !tree.contains(&table.oid) && table.triggers.iter().any(|trigger| trigger.function == function)
        };
        self.tables.iter().filter(is_stranger).collect()
    }

    /// Whether all tables that hold rows of the child have an index that begins with the columns of the key, in any order.
    pub(crate) fn has_key_index(&self, site: &Site) -> bool {
        let mut key: Vec<&str> = site.key.iter().map(|pair| pair.child.as_str()).collect();
        key.sort_unstable();
        let serves = |index: &Vec<String>| {
            let mut first: Vec<&str> = index.iter().take(key.len()).map(String::as_str).collect();
            first.sort_unstable();
            first == key
        };
        let Some(child) = self.table(&site.child) else { return false };
        let mut holders = self.tree(child).into_iter().filter(|table| table.kind != Kind::Partitioned);
        holders.all(|table| table.indexes.iter().any(serves))
    }
}

impl TableState {
    pub(crate) fn column(&self, name: &str) -> Option<&ColumnState> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn trigger(&self, name: &str) -> Option<&TriggerState> {
        self.triggers.iter().find(|trigger| trigger.name == name)
    }

    pub(crate) fn check(&self, name: &str) -> Option<&CheckState> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Whether perfkit has made it.
    pub(crate) fn is_ours(&self) -> bool {
        self.comment.as_deref() == Some(COMMENT)
    }

    /// The mode whose form it has, as a table of pending changes.
    pub(crate) fn mode_of_pending(&self) -> Mode {
        if self.column(SLOT).is_some() { Mode::Slots } else { Mode::Queue }
    }
}

impl Kind {
    /// What the server calls it, with its article.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "a table",
            Self::Partitioned => "a partitioned table",
            Self::Foreign => "a foreign table",
            Self::View => "a view",
            Self::Temporary => "a temporary table",
            Self::System => "a table of the system or of an extension",
            Self::Other => "no table",
        }
    }

    pub(crate) fn is_table(self) -> bool {
        matches!(self, Self::Ordinary | Self::Partitioned)
    }
}

impl ColumnState {
    /// Whether perfkit has added it.
    pub(crate) fn is_ours(&self) -> bool {
        self.comment.as_deref() == Some(COMMENT)
    }
}

impl FunctionState {
    /// Whether it does what a body says, with the rights and the search path that it needs.
    pub(crate) fn is_current(&self, body: &str) -> bool {
        self.body == body && self.is_security_definer && self.config == [FUNCTION_CONFIG]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;

    fn table(oid: u32, schema: &str, name: &str, parents: &[u32]) -> TableState {
        TableState {
            oid,
            name: QualifiedName::new(schema, name),
            parents: parents.to_vec(),
            ..TableState::default()
        }
    }

    #[test]
    fn names_are_looked_up_along_the_path() {
        let tables = vec![table(1, "a", "t", &[]), table(2, "b", "t", &[]), table(3, "b", "b.t", &[])];
        let state = State { tables, search_path: vec!["b".to_owned(), "a".to_owned()], ..State::default() };
        for (text, expected) in
            [("t", Some(2)), ("a.t", Some(1)), ("b.t", Some(3)), ("c.t", None), ("T", None)]
        {
            assert_eq!(state.named(text).map(|table| table.oid), expected, "{text}");
        }
    }

    #[test]
    fn a_tree_has_each_table_once() {
        let tables = vec![
            table(1, "a", "root", &[]),
            table(2, "a", "left", &[1]),
            table(3, "a", "right", &[1]),
            table(4, "a", "both", &[2, 3]),
            table(5, "a", "other", &[]),
        ];
        let state = State { tables, ..State::default() };
        let oids: Vec<u32> = state.tree(&state.tables[0]).iter().map(|table| table.oid).collect();
        assert_eq!(oids, [1, 2, 3, 4]);
    }

    #[test]
    fn every_part_needs_an_index_on_the_key() {
        let check = |key: &[&str], left: &[&[&str]], right: &[&[&str]], expected: bool| {
            let owned = |indexes: &[&[&str]]| -> Vec<Vec<String>> {
                indexes.iter().map(|columns| columns.iter().map(|&name| name.to_owned()).collect()).collect()
            };
            let root = TableState { kind: Kind::Partitioned, ..table(1, "app", "mentions", &[]) };
            let left = TableState { indexes: owned(left), ..table(2, "app", "left", &[1]) };
            let right = TableState { indexes: owned(right), ..table(3, "app", "right", &[1]) };
            let state = State { tables: vec![root, left, right], ..State::default() };
            let mut site = fixture::mentions();
            site.key = key.iter().map(|&column| fixture::pair(column, column, "bigint")).collect();
            assert_eq!(state.has_key_index(&site), expected);
        };
        check(&["a"], &[&["a"]], &[&["b"], &["a", "b"]], true);
        check(&["a"], &[&["a"]], &[&["b", "a"]], false);
        check(&["a", "b"], &[&["b", "a"]], &[&["a", "b", "c"]], true);
        check(&["a", "b"], &[&["b"]], &[&["a", "b"]], false);
        check(&["a"], &[&["a"]], &[], false);
    }
}
