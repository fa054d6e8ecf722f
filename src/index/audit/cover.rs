//! Whether one index can take the place of another of the same table, and which of two stays.
//!
//! Being covered is a partial order: what covers a cover covers as well, and only indexes that are the same cover each
//! other. That is what makes it safe to drop all that is covered by something that stays.
//!
//! The rules, each with the observation on a server behind it, are those of the manual's "Multicolumn Indexes",
//! "Operator Classes and Operator Families" and "Index-Only Scans and Covering Indexes":
//! - A btree covers what its first keys are, in the same order or all of them reversed. `NULLS FIRST` is another order even
//!   where there are no nulls: the planner sorts again.
//! - Keys are the same when operator family, input type and collation are: `varchar_ops` is `text_ops`, but
//!   `text_pattern_ops` answers other operators, and an index of another collation is not used for `=`.
//! - Included columns order nothing: they are covered by keys, but no key is covered by them.
//! - GIN and BRIN find by any of their columns alike, so their columns are sets. Of other methods only copies are the same.
//! - A partial index covers no full one. A full one holds what a partial one holds, but is larger: whether that matters
//!   is for a person to say, as it is for a much larger index and for a btree in place of a hash.

use crate::catalog::{Index, IndexKey, Table};
use crate::query::condition::conjuncts;
use crate::query::same_expression;
use crate::unit;

/// How an index takes another one's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// It has the same entries in the same order.
    Identical,
    /// It does all that the other does, and more; as a clause behind its name.
    Covered(String),
    /// It can, but at a price that a person has to judge.
    Advisory(String),
}

/// An index that is as many times larger reads so many more pages that the smaller one may be worth its price. Keys that
/// repeat take a third in a btree that has nothing but them (deduplication): 1.4 MB for `(a)` and 4.4 MB for `(a, id)`.
const MAX_SIZE_RATIO: f64 = 4.0;
/// … but all of an index as small as that is in memory soon.
const MIN_COMPARED_BYTES: u64 = 1 << 20;
/// BRIN's `pages_per_range`, where the index does not say (manual, "CREATE INDEX").
const DEFAULT_PAGES_PER_RANGE: &str = "128";

/// Returns how `wide` could take the place of `narrow`, another index of the same table; `None` when it cannot.
///
/// What else than statements needs `narrow` is for [`protection`] to say.
pub(crate) fn cover(table: &Table, narrow: &Index, wide: &Index) -> Option<Cover> {
    if !wide.is_valid || !wide.is_ready {
        return None;
    }
    // Predicates come last: they have to be parsed.
    let found = entries(narrow, wide)
        .filter(|_| implies(narrow, wide) && is_uniqueness_kept(narrow, wide))
        .or_else(|| unique_start(table, narrow, wide))?;
    if matches!(found, Cover::Advisory(_)) {
        return Some(found);
    }
    if !has_equal_predicate(narrow, wide) {
        return Some(Cover::Advisory("which holds the rows of its predicate among others".to_owned()));
    }
    if wide.size_bytes >= MIN_COMPARED_BYTES && ratio(wide, narrow) >= MAX_SIZE_RATIO {
        let times = unit::ratio(bytes(wide), bytes(narrow));
        return Some(Cover::Advisory(format!("but that is {times} its size")));
    }
    Some(found)
}

fn ratio(wide: &Index, narrow: &Index) -> f64 {
    bytes(wide) / bytes(narrow).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are compared roughly")]
fn bytes(index: &Index) -> f64 {
    index.size_bytes as f64
}

/// Whether the entries of `wide` can be searched, ordered and read as those of `narrow`, predicates aside.
fn entries(narrow: &Index, wide: &Index) -> Option<Cover> {
    match (narrow.method.as_str(), wide.method.as_str()) {
        ("btree", "btree") => btree(narrow, wide),
        ("hash", "hash") => are_same_keys(narrow, wide).then_some(Cover::Identical),
        ("hash", "btree") => {
            let (own, other) = (narrow.keys.first()?, wide.keys.first()?);
            let is_found = is_same_operand(own, other)
                && own.opclass_type == other.opclass_type
                && own.collation == other.collation;
            is_found.then(|| {
                Cover::Advisory(
                    "which finds equal values as well, unless they are too long for a btree".to_owned(),
                )
            })
        }
        ("gin", "gin") => set(narrow, wide),
        ("brin", "brin") => set(narrow, wide).filter(|_| pages_per_range(narrow) == pages_per_range(wide)),
        (own, other) => (own == other && settings(narrow) == settings(wide) && are_same_keys(narrow, wide))
            .then_some(Cover::Identical),
    }
}

fn btree(narrow: &Index, wide: &Index) -> Option<Cover> {
    let starts = |backwards: bool| {
        narrow.keys.len() <= wide.keys.len()
            && narrow.keys.iter().zip(&wide.keys).all(|(own, other)| {
                is_same_key(own, other)
                    && (own.descending != backwards) == other.descending
                    && (own.nulls_first != backwards) == other.nulls_first
            })
    };
    let is_reversed = !starts(false);
    if is_reversed && !starts(true) {
        return None;
    }
    let stores = |index: &Index, column: &String| {
        index.include.contains(column) || index.keys.iter().any(|key| key.column.as_ref() == Some(column))
    };
    if !narrow.include.iter().all(|column| stores(wide, column)) {
        return None;
    }
    let reversed = if is_reversed { ", all reversed" } else { "" };
    if narrow.keys.len() < wide.keys.len() {
        let stored = if narrow.include.is_empty() { "" } else { " and has what it includes" };
        return Some(Cover::Covered(format!("which starts with the same keys{reversed}{stored}")));
    }
    // What both store may come in any order, and a key may be included once more.
    if wide.include.iter().all(|column| stores(narrow, column)) {
        return Some(Cover::Identical);
    }
    Some(Cover::Covered(format!("which has the same keys{reversed} and includes more columns")))
}

/// For methods that find by any of their columns alike.
fn set(narrow: &Index, wide: &Index) -> Option<Cover> {
    let holds = |all: &Index, some: &Index| {
        some.keys.iter().all(|key| all.keys.iter().any(|it| is_same_key(key, it)))
    };
    if !holds(wide, narrow) || parameters(narrow) != parameters(wide) {
        return None;
    }
    Some(if holds(narrow, wide) {
        Cover::Identical
    } else {
        Cover::Covered("which finds by each of the same columns".to_owned())
    })
}

/// Whether what `narrow` forbids is forbidden by `wide` too, at the same moment, and `ON CONFLICT` finds its arbiter:
/// that one has exactly the named columns and checks at once.
fn is_uniqueness_kept(narrow: &Index, wide: &Index) -> bool {
    !narrow.is_unique
        || wide.is_unique
            && (!wide.is_deferrable || narrow.is_deferrable)
            && (!narrow.nulls_not_distinct || wide.nulls_not_distinct)
            && narrow.keys.len() == wide.keys.len()
            && has_equal_predicate(narrow, wide)
}

/// Where the first keys are unique by themselves, what follows them narrows no search: there is one row.
fn unique_start(table: &Table, narrow: &Index, wide: &Index) -> Option<Cover> {
    let is_never_null = |key: &IndexKey| {
        let column = key.column.as_deref().and_then(|name| table.column(name));
        column.is_some_and(|column| column.not_null)
    };
    let is_start = narrow.method == "btree"
        && wide.method == "btree"
        && !narrow.is_unique
        && wide.is_unique
        && wide.keys.len() <= narrow.keys.len()
        && wide.keys.iter().zip(&narrow.keys).all(|(own, other)| is_same_key(own, other))
        && (wide.nulls_not_distinct || wide.keys.iter().all(is_never_null))
        && implies(narrow, wide);
    is_start.then(|| {
        Cover::Advisory("which is unique: what follows in this one only spares reading the table".to_owned())
    })
}

fn are_same_keys(a: &Index, b: &Index) -> bool {
    a.keys.len() == b.keys.len()
        && a.keys.iter().zip(&b.keys).all(|(a, b)| is_same_key(a, b))
        && a.include.len() == b.include.len()
        && a.include.iter().all(|column| b.include.contains(column))
}

/// Whether two keys answer the same operators with the same order, direction aside.
fn is_same_key(a: &IndexKey, b: &IndexKey) -> bool {
    is_same_operand(a, b)
        && a.opfamily == b.opfamily
        && a.opclass_type == b.opclass_type
        && a.collation == b.collation
}

/// Expressions are compared as the server writes them, which it does in one way only: a cast tells `md5(bytea)` from
/// `md5(text)`.
fn is_same_operand(a: &IndexKey, b: &IndexKey) -> bool {
    a.column == b.column && a.expression == b.expression
}

/// Whether every row of `narrow` is in `wide`, as far as the texts of their predicates tell.
fn implies(narrow: &Index, wide: &Index) -> bool {
    match (&narrow.predicate, &wide.predicate) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(narrow), Some(wide)) => {
            narrow == wide
                || conjuncts(wide)
                    .iter()
                    .all(|wanted| conjuncts(narrow).iter().any(|known| same_expression(known, wanted)))
        }
    }
}

fn has_equal_predicate(a: &Index, b: &Index) -> bool {
    a.predicate == b.predicate || implies(a, b) && implies(b, a)
}

fn pages_per_range(index: &Index) -> &str {
    let set = index.options.iter().find_map(|option| option.strip_prefix("pages_per_range="));
    set.unwrap_or(DEFAULT_PAGES_PER_RANGE)
}

/// The keys with the parameters of their operator classes, where they have some: `gist_trgm_ops (siglen='32')`.
fn parameters(index: &Index) -> Option<&str> {
    let (_, rest) = index.definition.split_once(" USING ")?;
    let keys = rest.split(" WITH (").next()?;
    keys.contains("='").then_some(keys)
}

/// All that follows the access method: what methods that this file does not know make of it is theirs.
fn settings(index: &Index) -> Option<&str> {
    index.definition.split_once(" USING ").map(|(_, rest)| rest)
}

/// Returns why an index must not be dropped though no statement needs it, as a clause.
pub(crate) fn protection(index: &Index) -> Option<String> {
    Some(if let Some(extension) = &index.extension {
        format!("it belongs to the extension {extension}")
    } else if index.parent.is_some() {
        "it is attached to a partitioned index".to_owned()
    } else if index.is_constraint {
        "it belongs to a constraint".to_owned()
    } else if index.is_replica_identity {
        "it is the table's replica identity".to_owned()
    } else if let Some(foreign_key) = index.referencing.first() {
        format!("the foreign key {foreign_key} relies on it")
    } else if index.is_clustered {
        "the table is marked to be clustered on it".to_owned()
    } else {
        return None;
    })
}

/// What makes an index stay before another that is the same: more is more. `is_named` tells whether statements name it.
pub(super) fn rank(table: &Table, index: &Index, is_named: bool, n_scans: u64) -> impl Ord + use<> {
    let is_primary_key = table.primary_key().is_some_and(|key| key.index == Some(index.oid));
    (
        index.extension.is_some() || index.parent.is_some(),
        is_primary_key,
        index.is_constraint,
        index.is_replica_identity,
        !index.referencing.is_empty(),
        is_named,
        index.is_clustered,
        (index.is_unique, !index.is_deferrable, index.nulls_not_distinct),
        index.is_valid,
        n_scans,
        std::cmp::Reverse((index.size_bytes, index.oid)),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::fixture::{Fixture, index, owned, table};
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [&str; 7] = ["a int4", "b int4!", "c text", "d bool", "u int4!", "v varchar", "w int4"];

    /// `identical`, `covered` or `advisory`, else `none`: what `wide` is to `narrow`.
    fn verdict(narrow: Index, wide: Index) -> &'static str {
        let narrow = Index { name: "narrow".into(), ..narrow };
        let wide = Index { name: "wide".into(), ..wide };
        let fixture = Fixture::new(vec![table("t", &COLUMNS, vec![narrow, wide])]);
        let table = &fixture.catalog.tables[0];
        match cover(table, &table.indexes[0], &table.indexes[1]) {
            Some(Cover::Identical) => "identical",
            Some(Cover::Covered(_)) => "covered",
            Some(Cover::Advisory(_)) => "advisory",
            None => "none",
        }
    }

    fn on(keys: &[&str]) -> Index {
        index("", keys)
    }

    fn unique(keys: &[&str]) -> Index {
        Index { is_unique: true, ..on(keys) }
    }

    fn including(index: Index, columns: &[&str]) -> Index {
        Index { include: columns.iter().map(|it| (*it).to_owned()).collect(), ..index }
    }

    fn partial(index: Index, sql: &str) -> Index {
        Index { predicate: Some(sql.into()), ..index }
    }

    fn using(method: &str, index: Index) -> Index {
        Index { method: method.into(), ..index }
    }

    fn check(cases: &[(Index, Index, &str, &str)]) {
        for (a, b, b_for_a, a_for_b) in cases {
            let both = (verdict(a.clone(), b.clone()), verdict(b.clone(), a.clone()));
            assert_eq!(both, (*b_for_a, *a_for_b), "{a:?} and {b:?}");
        }
    }

    /// R2, and trap 3: numbers of columns are not compared as texts.
    #[test]
    fn btrees_by_their_first_keys() {
        check(&[
            (on(&["a"]), on(&["a", "b"]), "covered", "none"),
            (on(&["b"]), on(&["a", "b"]), "none", "none"),
            (on(&["a", "b"]), on(&["b", "a"]), "none", "none"),
            (on(&["-a"]), on(&["a"]), "identical", "identical"),
            (on(&["-a", "-b"]), on(&["a", "b"]), "identical", "identical"),
            (on(&["-a"]), on(&["a", "b"]), "covered", "none"),
            (on(&["a", "-b"]), on(&["a", "b"]), "none", "none"),
            (on(&["b nulls first"]), on(&["b"]), "none", "none"),
            (on(&["a nulls first"]), on(&["-a nulls last"]), "identical", "identical"),
        ]);
    }

    /// R3, and trap 4: included columns are no keys.
    #[test]
    fn included_columns_order_nothing() {
        let stored = || including(on(&["a"]), &["b"]);
        check(&[
            (on(&["a"]), stored(), "covered", "none"),
            (stored(), on(&["a", "b"]), "covered", "none"),
            (stored(), on(&["a", "w"]), "none", "none"),
            (on(&["a", "b"]), stored(), "none", "covered"),
            (on(&["b"]), stored(), "none", "none"),
            (on(&["a", "b"]), including(on(&["a", "b"]), &["b"]), "identical", "identical"),
            (including(unique(&["a"]), &["b"]), unique(&["a", "b"]), "none", "none"),
            (
                including(on(&["a"]), &["b", "w"]),
                including(on(&["a"]), &["w", "b"]),
                "identical",
                "identical",
            ),
        ]);
    }

    /// R4, R5, and trap 1: opclass, collation and sort options are part of a key.
    #[test]
    fn keys_by_family_and_collation() {
        check(&[
            (on(&["c text_pattern_ops"]), on(&["c"]), "none", "none"),
            (on(&["c collate C"]), on(&["c"]), "none", "none"),
            (on(&["c collate C"]), on(&["c collate C", "a"]), "covered", "none"),
            (using("gin", on(&["c jsonb_path_ops"])), using("gin", on(&["c"])), "none", "none"),
        ]);
        // varchar_ops is a member of the family of texts, with the same input type.
        let varchar = IndexKey { opclass: Some("varchar_ops".into()), ..on(&["v"]).keys[0].clone() };
        let (a, mut b) = (on(&["v"]).keys[0].clone(), varchar);
        b.opfamily = a.opfamily;
        assert!(is_same_key(&a, &b));
    }

    /// R6, and check 7.
    #[test]
    fn predicates() {
        let done = |index: Index| partial(index, "(d = true)");
        let both = "((d = true) AND (a > 5))";
        check(&[
            (done(on(&["a"])), done(on(&["a", "b"])), "covered", "none"),
            (partial(on(&["a"]), "(d  = TRUE)"), done(on(&["a"])), "identical", "identical"),
            (on(&["a"]), done(on(&["a"])), "none", "advisory"),
            (partial(on(&["a"]), both), done(on(&["a"])), "advisory", "none"),
            (
                partial(on(&["a"]), both),
                partial(on(&["a"]), "((a > 5) AND (d = true))"),
                "identical",
                "identical",
            ),
            (partial(on(&["a"]), "(a > 5)"), partial(on(&["a"]), "(a > 6)"), "none", "none"),
            (partial(on(&["a"]), "(c = 'A'::text)"), partial(on(&["a"]), "(c = 'a'::text)"), "none", "none"),
        ]);
    }

    /// R7, and check 6; operators and methods count (pghero#337).
    #[test]
    fn methods() {
        let brin = |keys: &[&str]| using("brin", on(keys));
        let fine = Index { options: vec!["pages_per_range=32".into()], ..brin(&["a"]) };
        check(&[
            (using("hash", on(&["a"])), on(&["a", "b"]), "advisory", "none"),
            (using("hash", on(&["b"])), on(&["a", "b"]), "none", "none"),
            (using("hash", on(&["a"])), using("hash", on(&["a"])), "identical", "identical"),
            (using("gin", on(&["b"])), using("gin", on(&["a", "b"])), "covered", "none"),
            (using("gin", on(&["b", "a"])), using("gin", on(&["a", "b"])), "identical", "identical"),
            (using("gin", on(&["a"])), on(&["a"]), "none", "none"),
            (brin(&["b"]), brin(&["a", "b"]), "covered", "none"),
            (fine.clone(), brin(&["a"]), "none", "none"),
            (fine.clone(), fine, "identical", "identical"),
            (using("gist", on(&["a"])), using("gist", on(&["a", "b"])), "none", "none"),
            (using("gist", on(&["a"])), using("gist", on(&["a"])), "identical", "identical"),
        ]);
        let trigrams = |length: &str| Index {
            definition: format!("CREATE INDEX i ON t USING gin (c gin_trgm_ops (siglen='{length}'))"),
            ..using("gin", on(&["c gin_trgm_ops"]))
        };
        assert_eq!(verdict(trigrams("12"), trigrams("32")), "none");
        assert_eq!(verdict(trigrams("12"), trigrams("12")), "identical");
    }

    /// R8: expressions have no column number that could tell them apart.
    #[test]
    fn expressions() {
        check(&[
            (on(&["lower(c)"]), on(&["upper(c)"]), "none", "none"),
            (on(&["lower(c)"]), on(&["lower(c)", "a"]), "covered", "none"),
            (on(&["a", "lower(c)"]), on(&["a", "c"]), "none", "none"),
            (on(&["md5(c)"]), on(&["md5((c)::text)"]), "none", "none"),
        ]);
    }

    /// R1 and R9, and checks 1 and 2: a plain copy of a unique index goes, never the unique one for a plain one.
    #[test]
    fn uniqueness() {
        let deferrable = Index { is_deferrable: true, ..unique(&["a"]) };
        let without_null_twice = Index { nulls_not_distinct: true, ..unique(&["a"]) };
        check(&[
            (on(&["a"]), unique(&["a"]), "identical", "none"),
            (on(&["a"]), unique(&["a", "b"]), "covered", "none"),
            (unique(&["a"]), unique(&["a"]), "identical", "identical"),
            (unique(&["a"]), unique(&["a", "b"]), "none", "none"),
            (unique(&["a"]), including(unique(&["a"]), &["b"]), "covered", "none"),
            (unique(&["a"]), deferrable.clone(), "none", "identical"),
            (on(&["a"]), deferrable, "identical", "none"),
            (unique(&["a"]), without_null_twice, "identical", "none"),
            (partial(unique(&["a"]), "(a > 5)"), unique(&["a"]), "none", "none"),
            // One row has each u, so that a and what follows narrow nothing.
            (on(&["u", "a"]), unique(&["u"]), "advisory", "none"),
            // … which cannot be said where nulls may come again.
            (on(&["w", "a"]), unique(&["w"]), "none", "none"),
            (unique(&["a", "u"]), unique(&["u"]), "none", "none"),
        ]);
    }

    /// R0 and R10.
    #[test]
    fn state_and_size() {
        let large = |index: Index| Index { size_bytes: 500 << 20, ..index };
        let tiny = Index { size_bytes: 8192, ..on(&["a"]) };
        check(&[
            (on(&["a"]), Index { is_valid: false, ..on(&["a", "b"]) }, "none", "none"),
            (on(&["a"]), Index { is_ready: false, ..on(&["a", "b"]) }, "none", "none"),
            (on(&["a"]), large(on(&["a", "b"])), "advisory", "none"),
            (tiny, Index { size_bytes: 80 << 10, ..on(&["a", "b"]) }, "covered", "none"),
        ]);
    }

    /// Check 22.
    #[test]
    fn protected_indexes() {
        let plain = || on(&["a"]);
        for protected in [
            owned(plain()),
            Index { is_constraint: true, ..using("gist", plain()) },
            Index { is_replica_identity: true, ..plain() },
            Index { referencing: vec!["child_fk".into()], ..unique(&["a"]) },
            Index { is_clustered: true, ..plain() },
            Index { parent: Some(7), ..plain() },
            Index { extension: Some("postgis".into()), ..plain() },
        ] {
            assert!(protection(&protected).is_some(), "{protected:?}");
        }
        assert_eq!(protection(&unique(&["a"])), None);
    }

    /// R11.
    #[test]
    fn what_stays() {
        let constraint = |name: &str| Index { name: name.into(), oid: 5, ..owned(on(&["a"])) };
        let ascending = [
            Index { oid: 9, ..on(&["a"]) },
            Index { oid: 8, ..on(&["a"]) },
            unique(&["a"]),
            Index { is_clustered: true, ..on(&["a"]) },
            Index { referencing: vec!["fk".into()], ..unique(&["a"]) },
            Index { is_replica_identity: true, ..unique(&["a"]) },
            constraint("t_a_key"),
            Index { oid: 6, ..constraint("t_pkey") },
        ];
        let mut table = table("t", &COLUMNS, vec![]);
        table.constraints.push(crate::catalog::Constraint {
            kind: 'p',
            index: Some(6),
            ..Default::default()
        });
        for pair in ascending.windows(2) {
            assert!(rank(&table, &pair[0], false, 0) < rank(&table, &pair[1], false, 0), "{pair:?}");
        }
        assert!(
            rank(&table, &ascending[0], false, 5) > rank(&table, &ascending[1], false, 0),
            "scans before age"
        );
    }

    /// Any index of a small family, so that many of them are alike.
    pub(in crate::index::audit) fn any_index() -> impl Strategy<Value = Index> {
        // Mostly plain btrees that begin alike: they stand in each other's way.
        let keys = ["a", "a", "a", "-a", "b", "u", "c", "c collate C", "c text_pattern_ops", "lower(c)"];
        let keys = prop::collection::vec(prop::sample::select(keys.to_vec()), 1..4);
        let include = prop::collection::vec(prop::sample::select(vec!["b", "w"]), 0..2);
        let mut predicates = vec![Some("(a > 5)"), Some("((a > 5) AND d)"), Some("(d AND (a > 5))")];
        predicates.resize(12, None);
        let mut methods = vec!["gin", "brin", "hash", "gist"];
        methods.resize(12, "btree");
        let parts = (
            keys,
            include,
            prop::sample::select(predicates),
            prop::sample::select(methods),
            prop::array::uniform3(prop::bool::weighted(0.3)),
            prop::sample::select(vec![0_u64, 0, 40, 10_000]),
            prop::sample::select(vec![1_u64 << 13, 10 << 20, 100 << 20]),
        );
        parts.prop_map(|(keys, include, predicate, method, [unique, deferrable, strict], n_scans, size)| {
            let keys = if method == "hash" { vec![keys[0]] } else { keys };
            let is_unique = method == "btree" && unique;
            let plain = including(using(method, on(&keys)), if method == "btree" { &include } else { &[] });
            let usage = crate::catalog::IndexUsage { n_scans, ..Default::default() };
            Index {
                is_unique,
                is_deferrable: is_unique && deferrable,
                nulls_not_distinct: is_unique && strict,
                predicate: predicate.map(str::to_owned),
                size_bytes: size,
                usage: Some(usage),
                ..plain
            }
        })
    }

    pub(in crate::index::audit) fn any_table() -> impl Strategy<Value = Table> {
        prop::collection::vec(any_index(), 1..8).prop_map(|mut indexes| {
            for (number, index) in indexes.iter_mut().enumerate() {
                index.name = format!("i{number}");
            }
            table("t", &COLUMNS, indexes)
        })
    }

    fn is_full(cover: Option<&Cover>) -> bool {
        matches!(cover, Some(Cover::Identical | Cover::Covered(_)))
    }

    proptest! {
        #[test]
        fn is_a_partial_order(table in any_table()) {
            let mut fixture = Fixture::new(vec![table]);
            for index in &mut fixture.catalog.tables[0].indexes {
                // Sizes are judged beside the order.
                index.size_bytes = 0;
            }
            let table = &fixture.catalog.tables[0];
            let cover = |a: &Index, b: &Index| super::cover(table, a, b);
            for a in &table.indexes {
                prop_assert_eq!(cover(a, a), Some(Cover::Identical));
                for b in &table.indexes {
                    let (there, back) = (cover(a, b), cover(b, a));
                    if is_full(there.as_ref()) && is_full(back.as_ref()) {
                        prop_assert_eq!((there.clone(), back), (Some(Cover::Identical), Some(Cover::Identical)));
                    }
                    for c in &table.indexes {
                        if is_full(there.as_ref()) && is_full(cover(b, c).as_ref()) {
                            prop_assert!(is_full(cover(a, c).as_ref()), "{} {} {}", a.definition, b.definition, c.definition);
                        }
                    }
                }
            }
        }
    }
}
