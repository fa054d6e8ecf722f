//! An index on a column that is mostly NULL holds an entry for each of those nulls; or it is searched for nothing but a
//! few of them.
//!
//! Why it matters: a NULL in a btree takes room, pages in memory and a write like any value, though no `=`, IN, range or
//! join finds it. Example: `(parent_id)` on comments of which 90 % have no parent. Remedy: a partial index `WHERE
//! parent_id IS NOT NULL`, which serves `=`, IN, `= ANY`, joins and the checks of foreign keys as well as the full one.
//! The other way round, where NULL is rare and is what statements look for (`processed_at IS NULL`): a partial index on
//! those rows.
//!
//! Wrong when: statements search for `IS NULL` among many nulls, or sort the whole table by the column: both need the
//! nulls. A unique index must stay full where `ON CONFLICT (column)` or a foreign key relies on it: an index that a
//! constraint owns is not spoken of, another unique one is without a fix. Without a workload it only tells.

use super::asked::{self, Asked};
use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::catalog::IndexKey;
use crate::index::{Definition, Key, Predicate};
use crate::query::{Test, quote};
use crate::unit;

pub(super) const RULE: &str = "null-heavy-index";
/// Share of nulls from which on they are most of the index (pg-extras' `null_indexes`).
const MIN_NULLS: f64 = 0.5;
/// … and up to which they are the rare value (`research/audit.md` §3).
const MAX_RARE_NULLS: f64 = 0.1;
/// Smaller indexes, and less that is freed, are not worth a change (pg-extras' `null_indexes`).
const MIN_BYTES: u64 = 1 << 20;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::btrees(context)
        .filter(|it| it.index.predicate.is_none() && it.size_bytes() >= MIN_BYTES)
        .filter_map(|it| observe(context, &it))
        .collect()
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    let key = judged.index.keys.first()?;
    let column = key.column.as_deref()?;
    let nulls = f64::from(judged.column_statistics(column)?.null_frac);
    let owned = judged.index.is_constraint || !judged.index.referencing.is_empty();
    if owned || judged.table.column(column)?.not_null {
        return None;
    }
    let asked: Vec<Asked> = context.uses(judged.table).filter(|asked| asked.names(key)).collect();
    if nulls >= MIN_NULLS {
        mostly_null(judged, key, column, nulls, &asked)
    } else if nulls > 0.0 && nulls <= MAX_RARE_NULLS {
        rarely_null(judged, key, column, nulls, &asked)
    } else {
        None
    }
}

fn mostly_null(
    judged: &Judged,
    key: &IndexKey,
    column: &str,
    nulls: f64,
    asked: &[Asked],
) -> Option<Observation> {
    let predicate = Predicate::null_test(column, false);
    // What is never true of NULL implies the predicate.
    let implies = |asked: &Asked| {
        asked.is_joined_by(key) || asked.tests(key).any(|test| !matches!(test, Test::IsNull | Test::Other))
    };
    if !asked.iter().all(implies) {
        return None;
    }
    let partial = judged.definition().map(|it| Definition { predicate: Some(predicate.clone()), ..it });
    // The share of the size, where the index is of a kind that no definition can say.
    let frees = match &partial {
        Some(partial) => judged.size_bytes().saturating_sub(judged.fresh_bytes(partial, &judged.measures())),
        None => judged.size_bytes() / 2,
    };
    if frees < MIN_BYTES {
        return None;
    }
    let message = format!(
        "{} has an entry for each of the {:.0} % of the rows whose {} is NULL, which no comparison finds",
        judged.describe(),
        100.0 * nulls,
        quote::identifier(column)
    );
    let rebuilt = format!(
        "Build it WHERE {}, which all searches but IS NULL and a bare ORDER BY can use",
        predicate.sql
    );
    let (severity, remedy, cure) = if judged.is_protected() {
        let warning = "it is unique, and ON CONFLICT would have to name the predicate, foreign keys could not refer to it";
        (Severity::Low, format!("{rebuilt}. Mind what relies on it: {warning}."), Cure::default())
    } else if asked.is_empty() {
        let doubt = "if no statement searches for the nulls, which the workload tells";
        (Severity::Low, format!("{rebuilt}, {doubt}."), Cure::default())
    } else {
        let cure = partial.map(|partial| judged.replace_by(partial)).unwrap_or_default();
        (Severity::Medium, format!("{rebuilt}: all statements of the workload can."), cure)
    };
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

/// Where nothing but a few nulls is looked for.
fn rarely_null(
    judged: &Judged,
    key: &IndexKey,
    column: &str,
    nulls: f64,
    asked: &[Asked],
) -> Option<Observation> {
    let wants_nulls = |asked: &Asked| {
        asked.tests(key).all(|test| test == Test::IsNull)
            && asked.tests(key).next().is_some()
            && !asked.is_joined_by(key)
    };
    if asked.is_empty()
        || !asked.iter().all(wants_nulls)
        || judged.is_protected()
        || judged.is_alone_for_foreign_key()
    {
        return None;
    }
    let definition = judged.definition()?;
    let order = asked.iter().find_map(|asked| asked.table_use.orders.first());
    let mut keys: Vec<Key> = definition.keys.iter().skip(1).cloned().collect();
    if keys.is_empty() {
        keys = order.map(|order| order.items.iter().map(judged::sort_key).collect()).unwrap_or_default();
    }
    // NULL is all that is left of the column itself.
    keys.retain(|it| !asked::is_key(&it.operand, key));
    if keys.is_empty() {
        keys.clone_from(&definition.keys);
    }
    let predicate = Predicate::null_test(column, true);
    let sql = predicate.sql.clone();
    let partial = Definition { keys, predicate: Some(predicate), ..definition };
    let cure = judged.replace_by(partial);
    if cure.frees_bytes() < MIN_BYTES {
        return None;
    }
    let message = format!(
        "{} holds all rows, but the workload only looks for those of which {sql}: {:.1} % of them",
        judged.describe(),
        100.0 * nulls
    );
    let remedy = format!(
        "Index only those rows, WHERE {sql}: it frees {} and spares writes once a row has its value.",
        unit::bytes(cure.frees_bytes())
    );
    Some(judged.observe(Verdict { rule: RULE, severity: Severity::Medium, message, remedy }, cure))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, index, owned, table};
    use super::super::statistics_fixture::{values, with_nulls};
    use super::*;
    use crate::catalog::Index;

    const OF_PARENT: &str = "SELECT * FROM t WHERE parent_id = $1";
    const PARTIAL: &str = "medium: create t (parent_id) WHERE parent_id IS NOT NULL for i";

    fn comments(indexed: Index, nulls: f32) -> Fixture {
        let columns = &["id int8!", "parent_id int8", "created_at timestamptz", "body text"];
        Fixture::new(vec![table("t", columns, vec![indexed])])
            .with_statistics("parent_id", with_nulls(nulls, values(50_000.0, &[])))
            .with_statistics("created_at", values(-1.0, &[]))
    }

    fn by_parent(nulls: f32) -> Fixture {
        comments(index("i", &["parent_id"]), nulls)
    }

    #[test]
    fn the_workload_decides() {
        for (statements, expected) in [
            (&[][..], "low: no fix"),
            (&[OF_PARENT], PARTIAL),
            (&["SELECT * FROM t WHERE parent_id = ANY ($1)"], PARTIAL),
            (&["SELECT * FROM t WHERE parent_id > $1 ORDER BY parent_id"], PARTIAL),
            (&["SELECT * FROM t c JOIN t p ON p.id = c.parent_id"], PARTIAL),
            (&["SELECT * FROM t WHERE parent_id IS NOT NULL"], PARTIAL),
            // The nulls are wanted.
            (&["SELECT * FROM t WHERE parent_id IS NULL"], ""),
            (&[OF_PARENT, "SELECT * FROM t WHERE parent_id IS NULL AND id = 5"], ""),
            (&["SELECT * FROM t ORDER BY parent_id LIMIT 9"], ""),
        ] {
            by_parent(0.9).asking(statements).check_verdict(check, expected);
        }
    }

    #[test]
    fn says_how_many_nulls() {
        assert_eq!(
            by_parent(0.9).messages(check),
            [
                "i (parent_id) has an entry for each of the 90 % of the rows whose parent_id is NULL, which no comparison finds"
            ]
        );
    }

    /// A nullable column with 2 % of nulls is no null-heavy one.
    #[test]
    fn not_few_nulls() {
        by_parent(0.02).asking(&[OF_PARENT]).check_verdict(check, "");
        by_parent(0.45).asking(&[OF_PARENT]).check_verdict(check, "");
        by_parent(0.02).check_verdict(check, "");
    }

    /// ON CONFLICT and foreign keys need the whole unique index.
    #[test]
    fn not_unique_ones_without_a_person() {
        let unique = Index { is_unique: true, ..index("i", &["parent_id"]) };
        comments(unique, 0.9).asking(&[OF_PARENT]).check_verdict(check, "low: no fix");
        comments(owned(index("i", &["parent_id"])), 0.9).asking(&[OF_PARENT]).check_verdict(check, "");
        let referred =
            Index { referencing: vec!["u_fkey".into()], is_unique: true, ..index("i", &["parent_id"]) };
        comments(referred, 0.9).asking(&[OF_PARENT]).check_verdict(check, "");
    }

    /// A foreign key's check compares, so that the partial index serves it as well.
    #[test]
    fn foreign_keys_are_served_all_the_same() {
        let mut fixture = by_parent(0.9).asking(&[OF_PARENT]);
        fixture.table_mut("t").constraints.push(foreign_key("fk", &["parent_id"], 1, &["id"]));
        fixture.check_verdict(check, PARTIAL);
    }

    #[test]
    fn keeps_the_other_keys() {
        comments(index("i", &["parent_id", "created_at"]), 0.9).asking(&[OF_PARENT]).check_verdict(
            check,
            "medium: create t (parent_id, created_at) WHERE parent_id IS NOT NULL for i",
        );
        // Only the first key decides what the entries are for.
        comments(index("i", &["created_at", "parent_id"]), 0.9).asking(&[OF_PARENT]).check_verdict(check, "");
    }

    #[test]
    fn not_partial_or_small_ones() {
        let partial =
            Index { predicate: Some("(parent_id IS NOT NULL)".into()), ..index("i", &["parent_id"]) };
        comments(partial, 0.9).asking(&[OF_PARENT]).check_verdict(check, "");
        let small = Index { size_bytes: 500_000, ..index("i", &["parent_id"]) };
        comments(small, 0.9).asking(&[OF_PARENT]).check_verdict(check, "");
        let mut fixture = by_parent(0.9);
        fixture.table_mut("t").columns[1].not_null = true;
        fixture.check_verdict(check, "");
    }

    /// Where NULL is rare and all that is looked for, the index is turned round.
    #[test]
    fn rare_nulls_alone_are_wanted() {
        let queue = "SELECT * FROM t WHERE parent_id IS NULL ORDER BY created_at LIMIT 10";
        for (indexed, statements, expected) in [
            (
                index("i", &["parent_id"]),
                &[queue][..],
                "medium: create t (created_at) WHERE parent_id IS NULL for i",
            ),
            (
                index("i", &["parent_id", "created_at"]),
                &[queue],
                "medium: create t (created_at) WHERE parent_id IS NULL for i",
            ),
            (
                index("i", &["parent_id"]),
                &["SELECT * FROM t WHERE parent_id IS NULL"],
                "medium: create t (parent_id) WHERE parent_id IS NULL for i",
            ),
            (index("i", &["parent_id"]), &[queue, OF_PARENT], ""),
        ] {
            comments(indexed, 0.01).asking(statements).check_verdict(check, expected);
        }
    }
}
