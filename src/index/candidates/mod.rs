//! Indexes that could help a workload: every kind, each where a statement asks for what it finds.
//!
//! A file for each kind says what it looks for. All of them read a [`Demand`]: one use of a table, with its conditions
//! sorted by what an index can do with them. What they find is ranked by [`Motive`], so that where there is too much,
//! the likely ones stay.

mod brin;
mod btree;
mod chains;
mod covering;
mod demand;
#[cfg(test)]
mod fixture;
mod foreign_key;
mod indexable;
mod inverted;
mod partial;
mod serving;
mod spatial;
mod statistics;
mod trigram;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::definition::{Definition, Key, Method, Predicate};
use crate::catalog::{Catalog, Table};
use crate::query::{Operand, SortItem, StatementShape};
use demand::Demand;

pub(crate) use foreign_key::{ForeignKeyCheck, Written, foreign_key_checks};
pub(super) use statistics::share as share_of_rows;
pub(crate) use trigram::missing_extensions;

/// The most indexes proposed for one use of a table: a dozen conditions in one statement have thousands of orders.
const MAX_PER_USE: usize = 60;
/// The most proposed for one table, so that a thousand statements do not ask the planner of tens of thousands.
const MAX_PER_TABLE: usize = 250;

/// How many of a use's key lists get the other columns that are read, stored beside them.
const MAX_INCLUDED: usize = 6;

/// What kinds of indexes to propose.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Key columns of an index; stored ones come on top.
    pub(crate) max_columns: usize,
    pub(crate) kinds: Kinds,
}

/// What an index can be beside a btree on columns, which is always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Expression,
    Partial,
    Include,
    Gin,
    Gist,
    Brin,
}

/// The kinds that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(BTreeSet<Kind>);

/// An index that could help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) definition: Definition,
    /// The numbers of the statements that it could serve, not only of the one that it was made for.
    pub(crate) serves: BTreeSet<usize>,
}

/// Why an index could help, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Motive {
    /// One condition alone, or all of them in the order that the rule says: one value, sort, range.
    Natural,
    /// The same on the rows alone that a fixed condition lets in.
    Partial,
    /// Other orders of the same columns.
    Permuted,
    /// The other columns that are read, as well.
    Covering,
}

/// Returns every index worth pricing for these statements, in a fixed order, without those that exist.
pub(crate) fn candidates(shapes: &[StatementShape], catalog: &Catalog, options: &Options) -> Vec<Proposal> {
    let mut by_table: BTreeMap<usize, Vec<Demand>> = BTreeMap::new();
    for (table, demand) in demand::demands(shapes, catalog) {
        by_table.entry(table).or_default().push(demand);
    }
    let mut found: BTreeMap<Definition, usize> = BTreeMap::new();
    // An index serves the table that it is on, and the partitions below it.
    let mut reached: BTreeMap<usize, Vec<&Demand>> = BTreeMap::new();
    for (table, demands) in &by_table {
        let definitions = for_table(demands, catalog, options);
        found.extend(definitions.into_iter().map(|definition| (definition, *table)));
        for reached_table in std::iter::once(*table).chain(above(*table, catalog)) {
            reached.entry(reached_table).or_default().extend(demands);
        }
    }
    let comes_with_parent = |definition: &Definition, table: usize| {
        above(table, catalog).any(|parent| {
            let Table { schema, name, .. } = &catalog.tables[parent];
            let on_parent = Definition { schema: schema.clone(), table: name.clone(), ..definition.clone() };
            found.contains_key(&on_parent)
        })
    };
    found
        .iter()
        .filter(|(definition, table)| !comes_with_parent(definition, **table))
        .filter(|(definition, table)| !is_known_in_another_order(definition, &reached[table]))
        .map(|(definition, table)| {
            let served = reached[table].iter().filter(|demand| serving::can_serve(definition, demand));
            Proposal {
                serves: served.map(|demand| demand.statement).collect(),
                definition: definition.clone(),
            }
        })
        .collect()
}

/// Whether an existing index begins with the same columns in another order, and every statement that the definition
/// serves fixes all of them to one value: then any order finds the same rows.
///
/// The planner may say otherwise, because it takes the correlation of an index's first column for that of the index.
fn is_known_in_another_order(definition: &Definition, demands: &[&Demand]) -> bool {
    let is_plain = definition.method == Method::Btree
        && definition.predicate.is_none()
        && definition.include.is_empty()
        && definition.keys.iter().all(|key| key.opclass.is_none());
    let Some(table) = demands.first().map(|demand| demand.table).filter(|_| is_plain) else { return false };
    let columns: Option<BTreeSet<&str>> = definition.keys.iter().map(Key::column).collect();
    let Some(columns) = columns else { return false };
    let begins_so = |index: &&crate::catalog::Index| {
        let leading = index.keys.iter().take(columns.len());
        let leading: Option<BTreeSet<&str>> = leading.map(|key| key.column.as_deref()).collect();
        index.is_valid
            && index.method == "btree"
            && index.predicate.is_none()
            && leading.as_ref() == Some(&columns)
    };
    table.indexes.iter().any(|index| begins_so(&index))
        && demands.iter().filter(|demand| serving::can_serve(definition, demand)).all(|demand| {
            let equalities = demand.equalities();
            let is_fixed = |column: &&str| -> bool {
                equalities.iter().any(|it| matches!(it, Operand::Column(name) if name == column))
            };
            columns.iter().all(is_fixed)
        })
}

/// Returns the partitioned tables above a table, nearest first, by their places in the catalog.
fn above(table: usize, catalog: &Catalog) -> impl Iterator<Item = usize> {
    let parent = |table: &usize| {
        let (parent, _) = catalog.tables[*table].partition_of.as_ref()?;
        catalog.tables.iter().position(|table| table.oid == *parent)
    };
    // No tree is deeper than there are tables, unless it is none.
    std::iter::successors(parent(&table), parent).take(catalog.tables.len())
}

/// Returns what is worth pricing for the uses of one table, as much as one table gets.
fn for_table(demands: &[Demand], catalog: &Catalog, options: &Options) -> Vec<Definition> {
    let Some(table) = demands.first().map(|demand| demand.table) else { return Vec::new() };
    let valid = table.indexes.iter().filter(|index| index.is_valid);
    let existing: Vec<Definition> =
        valid.filter_map(|index| Definition::existing(&table.schema, &table.name, index)).collect();
    let is_wanted = |definition: &Definition| {
        let is_stored = |name: &String| table.column(name).is_some_and(|column| !column.is_virtual);
        options.kinds.allow(definition)
            && definition.predicate.iter().flat_map(|predicate| &predicate.columns).all(is_stored)
            && !existing
                .iter()
                .any(|existing| definition.is_within(existing) && !definition.is_narrower_than(existing))
    };
    let repeats = partial::repeats(demands);
    let shared = btree::shared_orders(demands);
    let mut ranked: BTreeMap<Definition, (Motive, usize)> = BTreeMap::new();
    for demand in demands {
        let mut drafts = drafts(demand, &repeats, &shared, catalog, options.max_columns);
        drafts.retain(|(_, definition)| is_wanted(definition));
        drafts.sort_by_key(|(motive, _)| *motive);
        drafts.truncate(MAX_PER_USE);
        for (motive, definition) in drafts {
            let (best, uses) = ranked.entry(definition).or_insert((motive, 0));
            *best = motive.min(*best);
            *uses += 1;
        }
    }
    let mut ranked: Vec<(Definition, (Motive, usize))> = ranked.into_iter().collect();
    // What more statements ask for goes first among the equally likely.
    ranked.sort_by_key(|(_, (motive, uses))| (*motive, std::cmp::Reverse(*uses)));
    ranked.truncate(MAX_PER_TABLE);
    let mergeable = ranked.iter().filter(|(definition, (motive, _))| {
        let is_plain = definition.method == Method::Btree && definition.include.is_empty();
        is_plain && matches!(motive, Motive::Natural | Motive::Covering)
    });
    let mergeable: BTreeSet<Vec<Key>> = mergeable.map(|(definition, _)| definition.keys.clone()).collect();
    let merged = btree::merged(&mergeable, options.max_columns).into_iter();
    let merged = merged.map(|keys| Definition::btree(&table.schema, &table.name, keys)).filter(is_wanted);
    ranked.into_iter().map(|(definition, _)| definition).chain(merged).take(MAX_PER_TABLE).collect()
}

/// Returns what could help one use of a table.
fn drafts(
    demand: &Demand,
    repeats: &partial::Repeats,
    shared: &[Vec<Operand>],
    catalog: &Catalog,
    max_columns: usize,
) -> Vec<(Motive, Definition)> {
    let table = demand.table;
    let btree = |keys: Vec<Key>| Definition::btree(&table.schema, &table.name, keys);
    let lists = btree::key_lists(demand, shared, max_columns);
    let widened = covering::widened(demand, &lists, max_columns);
    let extensions = &catalog.extensions;
    let of_other_methods = [
        inverted::definitions(demand, extensions),
        spatial::definitions(demand, extensions),
        trigram::definitions(demand, extensions),
        brin::definitions(demand),
    ];
    let of_other_methods =
        of_other_methods.into_iter().flatten().filter(|definition| definition.keys.len() <= max_columns);
    let partial = partial::definitions(demand, &lists, repeats, max_columns);
    let natural = lists.iter().filter(|(motive, _)| *motive == Motive::Natural);
    let natural = natural.take(MAX_INCLUDED).map(|(_, keys)| btree(keys.clone()));
    let included: Vec<Definition> = natural
        .chain(widest_of_each_predicate(&partial))
        .filter_map(|definition| covering::included(demand, &definition))
        .collect();
    let covering = widened.into_iter().map(btree).chain(included);
    let with = |motive: Motive| move |definition: Definition| (motive, definition);
    let mut drafts: Vec<(Motive, Definition)> = Vec::new();
    drafts.extend(of_other_methods.map(with(Motive::Natural)));
    drafts.extend(partial.into_iter().map(with(Motive::Partial)));
    drafts.extend(covering.map(with(Motive::Covering)));
    drafts.extend(lists.into_iter().map(|(motive, keys)| (motive, btree(keys))));
    drafts
}

/// Returns, of the partial indexes with one predicate, the first of those with the most keys.
fn widest_of_each_predicate(partial: &[Definition]) -> Vec<Definition> {
    let mut widest: BTreeMap<&Option<Predicate>, &Definition> = BTreeMap::new();
    for definition in partial {
        let known = widest.entry(&definition.predicate).or_insert(definition);
        if definition.keys.len() > known.keys.len() {
            *known = definition;
        }
    }
    widest.into_values().cloned().collect()
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Expression, Self::Partial, Self::Include, Self::Gin, Self::Gist, Self::Brin];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::Partial => "partial",
            Self::Include => "include",
            Self::Gin => "gin",
            Self::Gist => "gist",
            Self::Brin => "brin",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("{name:?} is no kind of index; known are all, btree, {}", names.join(", "))
        })
    }
}

impl Default for Kinds {
    /// All of them.
    fn default() -> Self {
        Self(Kind::ALL.into_iter().collect())
    }
}

impl FromStr for Kinds {
    type Err = String;

    /// Reads `all`, `btree` for none of them, or kinds with commas between them.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::default()),
            "btree" => Ok(Self(BTreeSet::new())),
            _ => text.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>().map(Self),
        }
    }
}

impl std::fmt::Display for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|kind| kind.name()).collect();
        f.write_str(if names.is_empty() { "btree".to_owned() } else { names.join(",") }.as_str())
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().collect())
    }
}

impl Kinds {
    /// Whether all that makes the index more than a btree on columns is allowed.
    fn allow(&self, definition: &Definition) -> bool {
        let method = match definition.method {
            Method::Btree => None,
            Method::Gin => Some(Kind::Gin),
            Method::Gist => Some(Kind::Gist),
            Method::Brin => Some(Kind::Brin),
        };
        let has_expression =
            definition.keys.iter().any(|key| matches!(key.operand, Operand::Expression { .. }));
        let needed = [
            method,
            has_expression.then_some(Kind::Expression),
            definition.predicate.is_some().then_some(Kind::Partial),
            (!definition.include.is_empty()).then_some(Kind::Include),
        ];
        needed.into_iter().flatten().all(|kind| self.0.contains(&kind))
    }
}

/// Returns keys for an ORDER BY, with as few non-default orders as a scan in either direction allows.
pub(crate) fn sort_keys(order_by: &[SortItem]) -> Vec<Key> {
    // Read backwards, every direction and every place of nulls is the opposite one.
    let backwards = order_by.first().is_some_and(|first| first.descending);
    order_by
        .iter()
        .map(|sort| Key {
            descending: sort.descending != backwards,
            nulls_first: sort.nulls_first != backwards,
            ..Key::of(sort.operand.clone())
        })
        .collect()
}

/// Keeps the first of the keys on each column: what comes again orders nothing.
pub(crate) fn without_repeats(keys: Vec<Key>) -> Vec<Key> {
    let mut kept: Vec<Key> = Vec::new();
    for key in keys {
        if !kept.iter().any(|known| known.operand == key.operand) {
            kept.push(key);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::fixture::{Uses, found, on, statement};
    use super::*;
    use crate::catalog::TableKind;
    use crate::query::Test;

    #[test]
    fn tables_by_their_whole_name() {
        let mut catalog =
            fixture::catalog(&[("Orders", &["Id int8", "total int4"]), ("Orders", &["Id int8"])]);
        catalog.tables[1].schema = "Archive".into();
        let shapes = [
            statement([on("Orders").test("Id", Test::Equal)]),
            statement([on("Archive.Orders").test("Id", Test::Equal)]),
            statement([on("nowhere").test("Id", Test::Equal)]),
        ];
        let options = Options { max_columns: 2, kinds: Kinds::default() };
        let found: Vec<(String, Vec<usize>)> = candidates(&shapes, &catalog, &options)
            .into_iter()
            .map(|proposal| (proposal.definition.ddl(), proposal.serves.into_iter().collect()))
            .collect();
        let expected = [
            ("CREATE INDEX \"Orders_Id_idx\" ON \"Archive\".\"Orders\" (\"Id\")".to_owned(), vec![1]),
            ("CREATE INDEX \"Orders_Id_idx\" ON public.\"Orders\" (\"Id\")".to_owned(), vec![0]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn partitioned_tables_as_a_whole() {
        let mut catalog = fixture::catalog(&[
            ("events", &["at date", "kind int4"]),
            ("events_1", &["at date", "kind int4"]),
        ]);
        catalog.tables[0].kind = TableKind::Partitioned;
        catalog.tables[1].partition_of = Some((1, "DEFAULT".into()));
        let whole = || statement([on("events").test("at", Test::Range)]);
        let leaf = || statement([on("events_1").test("at", Test::Range)]);
        assert_eq!(found(&[whole()], &catalog, 2), ["events (at)"]);
        assert_eq!(found(&[leaf()], &catalog, 2), ["events_1 (at)"]);
        let options = Options { max_columns: 2, kinds: Kinds::default() };
        let both = candidates(&[whole(), leaf()], &catalog, &options);
        assert_eq!(both.len(), 1);
        assert_eq!(both[0].definition.table, "events");
        assert_eq!(both[0].serves, BTreeSet::from([0, 1]));
    }

    #[test]
    fn nothing_where_no_index_can_be() {
        for kind in [TableKind::View, TableKind::Foreign] {
            let mut catalog = fixture::catalog(&[("t", &["a int4"])]);
            catalog.tables[0].kind = kind;
            assert_eq!(found(&[statement([on("t").test("a", Test::Equal)])], &catalog, 2), [""; 0]);
        }
        let mut catalog = fixture::catalog(&[("pg_class", &["relname name"])]);
        catalog.tables[0].schema = "pg_catalog".into();
        let system = statement([on("pg_catalog.pg_class").test("relname", Test::Equal)]);
        assert_eq!(found(&[system], &catalog, 2), [""; 0]);
        let catalog = fixture::catalog(&[("t", &["a int4"])]);
        assert_eq!(found(&[statement([on("t").test("a", Test::NotEqual)])], &catalog, 2), [""; 0]);
    }

    #[test]
    fn branches_with_what_holds_for_all() {
        let catalog = fixture::catalog(&[("t", &["a int4", "b int4", "c int4"])]);
        let branch =
            |column: &str| crate::query::TableUse { branch_of: Some(0), ..on("t").test(column, Test::Equal) };
        let shape = statement([on("t").test("c", Test::Equal), branch("a"), branch("b")]);
        let found = found(&[shape], &catalog, 2);
        for wanted in ["t (a)", "t (b)", "t (c)", "t (a, c)", "t (c, a)", "t (b, c)"] {
            assert!(found.iter().any(|found| found == wanted), "no {wanted} in {found:#?}");
        }
        assert!(!found.iter().any(|found| found == "t (a, b)"), "{found:#?}");
    }

    #[test]
    fn only_the_kinds_that_are_allowed() {
        type IsOfKind = fn(&Definition) -> bool;
        let catalog = fixture::catalog(&[("t", &["a int4", "data jsonb", "gone date"])]);
        let shapes = [statement([on("t")
            .test("a", Test::Equal)
            .test("lower(a)@a", Test::Equal)
            .test("gone", Test::IsNull)
            .test("data", Test::Contains)
            .read(&["a"])])];
        let has = |kinds: Kinds, wanted: IsOfKind| {
            let found = candidates(&shapes, &catalog, &Options { max_columns: 1, kinds });
            found.iter().any(|proposal| wanted(&proposal.definition))
        };
        let checks: [(Kind, IsOfKind); 3] = [
            (Kind::Partial, |definition| definition.predicate.is_some()),
            (Kind::Gin, |definition| definition.method == Method::Gin),
            (Kind::Expression, |definition| definition.keys[0].column().is_none()),
        ];
        for (kind, is_of_kind) in checks {
            assert!(has(Kinds::default(), is_of_kind), "{}", kind.name());
            assert!(has([kind].into_iter().collect(), is_of_kind), "{}", kind.name());
            let others = Kind::ALL.into_iter().filter(|other| *other != kind).collect();
            assert!(!has(others, is_of_kind), "{}", kind.name());
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("hash".parse::<Kind>().is_err());
    }

    #[test]
    fn many_statements_make_few_candidates() {
        let names: Vec<String> = (0..40).map(|i| format!("c{i} int4")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let catalog = fixture::catalog(&[("t", &names)]);
        let column = |i: usize| format!("c{}", i % 40);
        let shapes: Vec<StatementShape> = (0..1000)
            .map(|i| {
                let conditions =
                    (0..10).fold(on("t"), |table_use, j| table_use.test(&column(i * j + j), Test::Equal));
                statement([conditions
                    .order(&[&column(i + 3), &column(i / 40)])
                    .test(&column(i / 7), Test::Range)])
            })
            .collect();
        let options = Options { max_columns: 4, kinds: Kinds::default() };
        let found = candidates(&shapes, &catalog, &options);
        assert_eq!(found.len(), MAX_PER_TABLE);
        // Of each condition alone there is one still.
        assert_eq!(found.iter().filter(|proposal| proposal.definition.keys.len() == 1).count(), 40);
    }
}
