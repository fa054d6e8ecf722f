//! An index can do nothing that a wider one of its table cannot do.
//!
//! Why it matters: every write maintains it, and its pages take memory from others. Example: `(user_id)` beside `(user_id,
//! created_at)`. Remedy: drop it. Wrong when: it is much smaller than the other and read all the time; from four times the
//! size on ([`cover`]), for a partial index below a full one, for a hash below a btree, and for keys behind a unique one,
//! the finding is a note without a fix.
//!
//! Condition: [`Cover::Covered`] by an index that stays. Where the wide one was never scanned and the counters prove it,
//! the narrow one stays and the wide one goes ([`unused_index`]): never both.

use super::cover::{Cover, cover, protection};
use super::{Context, Finding, Fix, Observation, Severity, duplicate_index, unused_index};
use crate::catalog::{Index, Table};
use crate::unit;

pub(super) const RULE: &str = "redundant-index";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    context.tables().flat_map(|table| of_table(context, table)).collect()
}

pub(super) fn of_table(context: &Context, table: &Table) -> Vec<Observation> {
    if table.indexes.len() < 2 {
        return Vec::new();
    }
    let duplicates = duplicate_index::duplicates(context, table);
    let unused = unused_index::proven(context, table);
    let is_duplicate = |index: &Index| duplicates.iter().any(|(it, _)| it.oid == index.oid);
    let staying: Vec<&Index> = table
        .indexes
        .iter()
        .filter(|it| context.is_usable(it) && !is_duplicate(it) && !unused.contains(&it.oid))
        .collect();
    let covers = |index: &Index| {
        let others = staying.iter().filter(|it| it.oid != index.oid);
        let mut found: Vec<(&Index, Cover)> =
            others.filter_map(|it| Some((*it, cover(table, index, it)?))).collect();
        found.sort_by_key(|(it, _)| (it.size_bytes, it.oid));
        found
    };
    let is_covered =
        |index: &Index| covers(index).iter().any(|(_, cover)| matches!(cover, Cover::Covered(_)));
    let mut found = Vec::new();
    for index in table.indexes.iter().filter(|it| context.is_usable(it) && !is_duplicate(it)) {
        if protection(index).is_some() {
            continue;
        }
        let covers = covers(index);
        let full = covers.iter().filter_map(|(wide, cover)| match cover {
            Cover::Covered(reason) => Some((*wide, reason)),
            Cover::Identical | Cover::Advisory(_) => None,
        });
        let full: Vec<(&Index, &String)> = full.collect();
        // One that goes itself is no cover; by what covers that one, this one is covered too.
        let stays = full.iter().find(|(wide, _)| protection(wide).is_some() || !is_covered(wide));
        if let Some((wide, reason)) = stays.or(full.first()) {
            found.push(redundant(context, table, index, wide, reason));
        } else if let Some((wide, Cover::Advisory(reason))) = covers.first()
            && !unused.contains(&index.oid)
        {
            found.push(advice(context, table, index, wide, reason));
        }
    }
    found
}

fn redundant(context: &Context, table: &Table, index: &Index, wide: &Index, reason: &str) -> Observation {
    let bytes = context.size_bytes(index);
    let of_wide = unit::bytes(context.size_bytes(wide));
    Observation {
        finding: Finding {
            severity: Severity::of_waste(bytes),
            message: format!(
                "{} ({}) is covered by {} ({of_wide}), {reason}",
                index.name,
                unit::bytes(bytes),
                wide.name
            ),
            remedy: "Drop it; scans of it read the other one instead, in somewhat more pages.".to_owned(),
            fix: Some(Fix::Change(context.drop(table, index))),
            frees_bytes: bytes,
            ..Finding::of_index(RULE, table, index)
        },
        relies_on: vec![wide.oid],
        changes: vec![index.oid],
    }
}

fn advice(context: &Context, table: &Table, index: &Index, wide: &Index, reason: &str) -> Observation {
    let (bytes, of_wide) = (context.size_bytes(index), context.size_bytes(wide));
    Observation::of(Finding {
        severity: Severity::Low,
        message: format!(
            "{} ({}) might be spared for {} ({}), {reason}",
            index.name,
            unit::bytes(bytes),
            wide.name,
            unit::bytes(of_wide)
        ),
        remedy: "Compare the plans of the statements that use it with and without it before you drop it."
            .to_owned(),
        ..Finding::of_index(RULE, table, index)
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, never_scanned, owned, table};
    use super::*;

    /// Checks what is said of indexes, and of which there are fixes.
    fn check_indexes(indexes: Vec<Index>, expected: &[(&str, bool)]) {
        let columns = ["id int8!", "a int4", "b int4", "c int4"];
        let found = Fixture::new(vec![table("t", &columns, indexes)]).check(check);
        let said: Vec<(&str, bool)> =
            found.iter().map(|it| (it.finding.message.as_str(), it.finding.fix.is_some())).collect();
        assert_eq!(said, expected);
    }

    /// Check 2: the narrow one goes, and the pair has a direction.
    #[test]
    fn says_what_covers() {
        let told = "narrow (30 MB) is covered by wide (30 MB), which starts with the same keys";
        check_indexes(vec![index("narrow", &["a"]), index("wide", &["a", "b"])], &[(told, true)]);
        check_indexes(vec![index("wide", &["a", "b"]), index("narrow", &["a"])], &[(told, true)]);
        // splinter#90: a primary key covers as well.
        let told = "narrow (30 MB) is covered by t_pkey (30 MB), which starts with the same keys";
        check_indexes(vec![index("narrow", &["a"]), owned(index("t_pkey", &["a", "id"]))], &[(told, true)]);
    }

    #[test]
    fn names_the_cover_that_stays() {
        let all = vec![index("x", &["a"]), index("y", &["a", "b"]), index("z", &["a", "b", "c"])];
        let of =
            |name: &str| format!("{name} (30 MB) is covered by z (30 MB), which starts with the same keys");
        check_indexes(all, &[(&of("x"), true), (&of("y"), true)]);
    }

    /// Case 053: five of eight tools drop the used narrow one and the unused wide one.
    #[test]
    fn a_narrow_one_stays_where_the_wide_one_is_unused() {
        let wide = || never_scanned(index("wide", &["a", "b"]));
        check_indexes(vec![index("narrow", &["a"]), wide()], &[]);
        // What cannot go is a cover though nobody scans it.
        let told = "narrow (30 MB) is covered by wide (30 MB), which starts with the same keys";
        let unique = Index { is_unique: true, ..wide() };
        check_indexes(vec![index("narrow", &["a"]), unique], &[(told, true)]);
    }

    /// R9 and R10, checks 7 and 43.
    #[test]
    fn leaves_the_choice_to_a_person() {
        let told = "small (1.0 MB) might be spared for wide (30 MB), but that is 30.0× its size";
        let small = Index { size_bytes: 1 << 20, ..index("small", &["a"]) };
        check_indexes(vec![small, index("wide", &["a", "b"])], &[(told, false)]);
        let told = "hot (30 MB) might be spared for full (30 MB), which holds the rows of its predicate among others";
        let hot = Index { predicate: Some("(b > 5)".into()), ..index("hot", &["a"]) };
        check_indexes(vec![hot, index("full", &["a"])], &[(told, false)]);
    }

    #[test]
    fn protected_indexes_stay() {
        let clustered = Index { is_clustered: true, ..index("narrow", &["a"]) };
        check_indexes(vec![clustered, index("wide", &["a", "b"])], &[]);
    }
}
