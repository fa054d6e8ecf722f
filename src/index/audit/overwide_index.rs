//! An index has more or longer keys than searches need.
//!
//! Why it matters: a btree finds by its first keys up to the first one of which a range is wanted; keys behind that are
//! only compared within what was found, but every write, page and cache pays for them. "Indexes with more than three
//! columns are unlikely to be helpful unless the usage of the table is extremely stylized" (manual, "Multicolumn
//! Indexes"). Example: `(account_id, created_at, status, note)`, searched by `account_id = $1 AND created_at > $2`.
//! Remedy: cut the keys that nothing searches or sorts by; INCLUDE those that are only read; for equality on long texts
//! index a hash of them.
//!
//! Wrong when: statements do search by all the keys, or read nothing but them: then nothing is said, given a workload.
//! A key column of a unique index is part of what is unique, and is left alone; so is a table that is nothing but its
//! keys, as those are that join two others.

use super::asked::Asked;
use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::catalog::Index;
use crate::query::{Test, quote};
use crate::unit;

pub(super) const RULE: &str = "overwide-index";
/// Keys that are still usual (manual, "Multicolumn Indexes"; the check of `strong_migrations`).
const MAX_KEYS: usize = 3;
/// Bytes of an entry's keys and included columns from which on a page holds fewer than forty (`research/audit.md` §3).
const MAX_ENTRY_BYTES: i32 = 200;
/// Share of the table's bytes from which on an index is a second copy of it (`research/audit.md` §3), when it has more
/// columns than the two that a table which joins two others has.
const MAX_SHARE_OF_TABLE: f64 = 0.8;
const MIN_COLUMNS_OF_COPY: usize = 3;
/// Smaller indexes are in memory anyway.
const MIN_BYTES: u64 = 1 << 20;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::btrees(context)
        .filter(|it| !it.index.is_unique && !it.index.is_constraint && it.size_bytes() >= MIN_BYTES)
        .filter_map(|it| observe(context, &it))
        .collect()
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    let what = excess(judged)?;
    let (severity, remedy, cure) = judge(context, judged)?;
    let message = format!("{} {what}", judged.describe());
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

/// Says what is too much of the index.
fn excess(judged: &Judged) -> Option<String> {
    let index = judged.index;
    if index.keys.len() > MAX_KEYS {
        return Some(format!("has {} keys, which hardly any search can use together", index.keys.len()));
    }
    let widths = index
        .keys
        .iter()
        .map(|key| judged.statistics(key))
        .chain(index.include.iter().map(|name| judged.column_statistics(name)));
    let entry_bytes: i32 = widths.flatten().map(|statistics| statistics.avg_width.max(0)).sum();
    if entry_bytes > MAX_ENTRY_BYTES {
        return Some(format!("holds {entry_bytes} bytes a row, so that few entries share a page"));
    }
    let n_columns = index.keys.len() + index.include.len();
    // What is waste within the index is not its columns' fault.
    let fresh = judged.definition().map(|definition| judged.fresh_bytes(&definition, &judged.measures()))?;
    let table_bytes = judged.n_pages() * 8192.0;
    let bytes = fresh.min(judged.size_bytes());
    (n_columns >= MIN_COLUMNS_OF_COPY
        && index.predicate.is_none()
        && judged::to_f64(bytes) >= MAX_SHARE_OF_TABLE * table_bytes)
        .then(|| format!("takes {}, nearly as much as its table", unit::bytes(judged.size_bytes())))
}

/// Returns what to do about it; `None` when the workload uses all of the index.
fn judge(context: &Context, judged: &Judged) -> Option<(Severity, String, Cure)> {
    let index = judged.index;
    let first = index.keys.first()?;
    let served: Vec<Asked> = context
        .uses(judged.table)
        .filter(|asked| asked.narrowing(first).is_some() || asked.sorting(first).is_some())
        .collect();
    if served.is_empty() {
        let remedy = "See which of its keys searches compare with values, and cut it behind the first one of which a \
                      range is wanted; columns that are only read belong into INCLUDE, and of long texts that are only \
                      compared for equality a hash is enough. With a workload, perfkit sees that itself.";
        return Some((Severity::Low, remedy.to_owned(), Cure::default()));
    }
    let n_needed = served.iter().map(|asked| n_needed(asked, index)).max().unwrap_or(index.keys.len());
    let rest = &index.keys[n_needed..];
    if rest.is_empty() && index.include.is_empty() {
        return hash_of_long_key(judged, &served);
    }
    if served.iter().any(|asked| asked.is_covered_by(index)) {
        return None;
    }
    let rest: Vec<String> = rest
        .iter()
        .map(judged::key_sql)
        .chain(index.include.iter().map(|name| quote::identifier(name).into()))
        .collect();
    let remedy = format!(
        "Cut {}: no statement of the workload searches or sorts by that, or reads it from the index alone. Statements \
         outside of the workload might.",
        rest.join(", ")
    );
    let shorter = judged.definition().filter(|_| !judged.is_protected()).map(|mut definition| {
        definition.keys.truncate(n_needed);
        definition.include.clear();
        definition
    });
    Some((Severity::Medium, remedy, shorter.map(|it| judged.replace_by(it)).unwrap_or_default()))
}

/// Of a single long key that is only compared for equality a hash does.
fn hash_of_long_key(judged: &Judged, served: &[Asked]) -> Option<(Severity, String, Cure)> {
    let [key] = judged.index.keys.as_slice() else { return None };
    let is_equality = |test: Test| matches!(test, Test::Equal | Test::In);
    let is_compared = served.iter().all(|asked| {
        asked.sorting(key).is_none()
            && asked.tests(key).all(is_equality)
            && !asked.is_covered_by(judged.index)
    });
    let table = quote::qualified(&judged.table.schema, &judged.table.name);
    let remedy = format!(
        "All statements of the workload compare it for equality: an index ON {table} USING hash ({}) holds 4 bytes a \
         row instead.",
        judged::key_sql(key)
    );
    is_compared.then(|| (Severity::Low, remedy, Cure::default()))
}

/// Returns how many of the first keys a statement needs. A condition on a key behind the first range is still checked
/// within the index, which spares reading rows.
fn n_needed(asked: &Asked, index: &Index) -> usize {
    index.keys.iter().rposition(|key| asked.names(key)).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, owned, table};
    use super::super::statistics_fixture::values;
    use super::*;
    use crate::catalog::ColumnStatistics;

    const BY_ACCOUNT: &str = "SELECT * FROM t WHERE account_id = $1 AND created_at > $2";

    fn entries(indexed: Index) -> Fixture {
        let columns = &["id int8!", "account_id int8", "created_at timestamptz", "status text", "note text"];
        Fixture::new(vec![table("t", columns, vec![indexed])])
            .with_statistics("account_id", values(50_000.0, &[]))
            .with_statistics("created_at", values(-1.0, &[]))
            .with_statistics("status", values(5.0, &[]))
            .with_statistics("note", ColumnStatistics { avg_width: 300, ..values(-0.9, &[]) })
    }

    fn wide() -> Fixture {
        entries(index("i", &["account_id", "created_at", "status", "id"]))
    }

    #[test]
    fn the_workload_decides() {
        let cut = "medium: create t (account_id, created_at) for i";
        for (statements, expected) in [
            (&[][..], "low: no fix"),
            (&["SELECT * FROM t WHERE note = 'x'"], "low: no fix"),
            (&[BY_ACCOUNT], cut),
            (&["SELECT * FROM t WHERE account_id = $1 ORDER BY created_at"], cut),
            // The last key is compared within the index.
            (&["SELECT * FROM t WHERE account_id = $1 AND id = $2"], ""),
            (&["SELECT * FROM t WHERE account_id = $1 ORDER BY created_at, status, id"], ""),
            // Nothing else is read.
            (&[BY_ACCOUNT, "SELECT status, id FROM t WHERE account_id = $1"], ""),
        ] {
            wide().asking(statements).check_verdict(check, expected);
        }
    }

    #[test]
    fn says_what_is_too_much() {
        let message = |indexed| entries(indexed).messages(check);
        assert_eq!(
            wide().messages(check),
            ["i (account_id, created_at, status, id) has 4 keys, which hardly any search can use together"]
        );
        assert_eq!(
            message(index("i", &["note"])),
            ["i (note) holds 300 bytes a row, so that few entries share a page"]
        );
        let included = Index { include: vec!["note".into()], ..index("i", &["account_id"]) };
        assert_eq!(
            message(included),
            ["i (account_id) holds 308 bytes a row, so that few entries share a page"]
        );
        assert_eq!(message(index("i", &["account_id", "created_at", "status"])), [""; 0]);
    }

    #[test]
    fn included_columns_that_nobody_reads() {
        let included = || Index { include: vec!["note".into()], ..index("i", &["account_id"]) };
        entries(included()).asking(&[BY_ACCOUNT]).check_verdict(check, "medium: create t (account_id) for i");
        let read = "SELECT note FROM t WHERE account_id = $1";
        entries(included()).asking(&[read]).check_verdict(check, "");
    }

    #[test]
    fn long_keys_that_are_compared_for_equality() {
        let by_note = || entries(index("i", &["note"]));
        let found = by_note().asking(&["SELECT * FROM t WHERE note = $1"]).check(check);
        assert!(found[0].finding.remedy.contains("ON public.t USING hash (note)"), "{found:?}");
        by_note().asking(&["SELECT * FROM t WHERE note > $1"]).check_verdict(check, "");
        by_note().asking(&["SELECT * FROM t ORDER BY note"]).check_verdict(check, "");
    }

    /// A table that joins two others is hardly larger than the index on its keys.
    #[test]
    fn not_tables_that_are_all_keys() {
        let mut joining = table("t", &["a uuid", "b uuid", "c int4"], vec![index("i", &["a", "b"])]);
        joining.n_pages = 4_000;
        let statistics = || ColumnStatistics { avg_width: 16, ..values(-1.0, &[]) };
        let fixture = Fixture::new(vec![joining])
            .with_statistics("a", statistics())
            .with_statistics("b", statistics())
            .with_statistics("c", values(9.0, &[]));
        fixture.check_verdict(check, "");
        let mut whole = fixture;
        let included = Index { include: vec!["c".into()], size_bytes: 50 << 20, ..index("i", &["a", "b"]) };
        whole.table_mut("t").indexes = vec![Index { oid: 101, ..included }];
        assert_eq!(whole.messages(check), ["i (a, b) takes 50 MB, nearly as much as its table"]);
        // Not its columns, but waste.
        whole.table_mut("t").n_pages = 20_000;
        whole.index_mut("i").size_bytes = 500 << 20;
        whole.check_verdict(check, "");
    }

    #[test]
    fn not_unique_ones_and_small_ones() {
        let four = &["account_id", "created_at", "status", "id"];
        entries(owned(index("i", four))).check_verdict(check, "");
        entries(Index { is_unique: true, ..index("i", four) }).check_verdict(check, "");
        entries(Index { size_bytes: 500_000, ..index("i", four) }).check_verdict(check, "");
        let mut fixture = wide();
        fixture.table_mut("t").n_rows = 500.0;
        fixture.check_verdict(check, "");
    }
}
