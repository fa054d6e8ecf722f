//! An index takes far more pages than its entries need.
//!
//! Why it matters: pages that deleted and moved rows left half empty are read, cached and backed up like full ones.
//! Example: 60 % of a table's rows were deleted; VACUUM gives back only pages that are empty altogether, so the index
//! keeps its size. Remedy: REINDEX INDEX CONCURRENTLY, which needs room for the new index beside the old one.
//!
//! A btree is compared with the size that it would have right after it was built, from the statistics of its columns,
//! deduplication included (`index::size`); of other methods, and where pgstattuple measured, only its word counts. Of
//! several columns that are not unique together, nobody knows how often their values repeat together: then the
//! estimate has two ends, and only the larger one counts.
//!
//! Wrong when: the table is about to grow again, which fills the pages; or keys come in random order, as random UUIDs do:
//! their pages settle at 24 to 28 % of free room by themselves, and a rebuilt index only splits its pages again. What
//! is said is silent where the statistics are missing, stale, or do not tell the size: an invented number is worse.

use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Evidence, Observation, Severity};
use crate::catalog::{Column, TableKind};
use crate::index::Measures;
use crate::index::change::IndexName;
use crate::query::quote;
use crate::unit;

pub(super) const RULE: &str = "bloated-index";
/// Share of an index that must be waste. Indexes on random keys settle at 0.24 to 0.28 without a single DELETE (uuid,
/// measured on PostgreSQL 15; ln 2 of the pages are full in the long run: Yao, "On random 2-3 trees", 1978), so that less
/// would have them rebuilt again and again.
const MIN_WASTE: f64 = 0.4;
/// Smaller indexes are not worth the work (`research/audit.md` §4).
const MIN_BYTES: u64 = 100 << 20;
/// What a build fills of a leaf page, in percent (`BTREE_DEFAULT_FILLFACTOR`), and the bytes of a page that items take.
const DEFAULT_FILLFACTOR: f64 = 90.0;
const PAGE_BYTES: f64 = 8192.0;
const PAGE_ROOM_BYTES: f64 = 8152.0;

/// Sets of keys that are NULL together: a dozen keys that may be NULL have as many.
const MAX_NULL_SETS: usize = 1 << 12;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    large(context).filter_map(|judged| observe(&judged, context.subject.evidence)).collect()
}

/// Returns the indexes that are large enough to matter, but of which neither statistics nor a measurement tell how much
/// of them is waste.
pub(super) fn unknown(context: &Context) -> Vec<IndexName> {
    let is_unknown = |judged: &Judged| {
        measured(judged, context.subject.evidence).is_none()
            && fresh_size(judged, context.subject.evidence).is_none()
    };
    large(context).filter(is_unknown).map(|judged| IndexName::of(judged.table, judged.index)).collect()
}

/// Returns the indexes with pages of their own, and enough of them.
fn large<'a>(context: &'a Context<'a>) -> impl Iterator<Item = Judged<'a>> {
    judged::with_attached(context)
        .filter(|it| it.table.kind != TableKind::Partitioned && it.index.size_bytes >= MIN_BYTES)
}

fn observe(judged: &Judged, evidence: &Evidence) -> Option<Observation> {
    let size_bytes = judged.index.size_bytes;
    let (new_bytes, how) = if let Some(waste) = measured(judged, evidence) {
        (share_of(size_bytes, 1.0 - waste), "as pgstattuple measured")
    } else {
        let FreshSize { most, is_exact, .. } = fresh_size(judged, evidence)?;
        (most, if is_exact { "estimated from statistics" } else { "at the least, estimated from statistics" })
    };
    let waste = 1.0 - judged::to_f64(new_bytes) / judged::to_f64(size_bytes);
    if waste < MIN_WASTE {
        return None;
    }
    let name = quote::qualified(&judged.table.schema, &judged.index.name);
    let is_exclusion = judged
        .table
        .constraints
        .iter()
        .any(|constraint| constraint.kind == 'x' && constraint.index == Some(judged.index.oid));
    let (remedy, cure) = if is_exclusion {
        // ReindexRelationConcurrently refuses the indexes of exclusion constraints.
        (
            format!(
                "Run REINDEX INDEX {name}, which blocks writes: no exclusion constraint can be rebuilt concurrently."
            ),
            Cure::default(),
        )
    } else {
        let needs = unit::bytes(new_bytes);
        (
            format!(
                "Rebuild it with REINDEX INDEX CONCURRENTLY {name}, which needs {needs} of disk meanwhile. Leave it if \
                 the table is about to grow into the room."
            ),
            judged.rebuild(new_bytes),
        )
    };
    let message = format!(
        "{} takes {} where a fresh one takes {}: {:.0} % of it is waste, {how}",
        judged.describe(),
        unit::bytes(size_bytes),
        unit::bytes(new_bytes),
        100.0 * waste,
    );
    Some(judged.observe(Verdict { rule: RULE, severity: Severity::Medium, message, remedy }, cure))
}

fn measured(judged: &Judged, evidence: &Evidence) -> Option<f64> {
    let found = evidence.measured_bloat.iter().find(|(oid, _)| *oid == judged.index.oid);
    found.map(|(_, waste)| waste.clamp(0.0, 1.0))
}

/// The bytes that an index would have right after it was built.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FreshSize {
    least: u64,
    most: u64,
    is_exact: bool,
}

/// Returns `None` where statistics do not tell.
fn fresh_size(judged: &Judged, evidence: &Evidence) -> Option<FreshSize> {
    let (table, index) = (judged.table, judged.index);
    let n_rows = table.planned_rows();
    if index.method != "btree" || n_rows < 1.0 || !judged::is_fresh(table) {
        return None;
    }
    let is_partial = index.predicate.is_some();
    // Statistics of an expression are of the rows that the predicate lets in, those of columns of all.
    let has_own_rows = is_partial && index.keys.iter().any(|key| key.expression.is_some());
    let stores_repeats = index.options.iter().any(|option| option == "deduplicate_items=off");
    if has_own_rows || stores_repeats && !index.is_unique || is_partial && index.n_rows <= 0.0 {
        return None;
    }
    let included = index.include.iter().map(|name| judged.column_statistics(name));
    let statistics = index.keys.iter().map(|key| judged.statistics(key)).chain(included);
    if !statistics
        .into_iter()
        .all(|found| found.is_some_and(|it| it.n_distinct != 0.0 || it.null_frac >= 1.0))
    {
        return None;
    }
    // A `name` is stored in an index without its trailing zeros (`name_ops` keeps a cstring).
    let mut columns = index.keys.iter().filter_map(|key| key.column.as_ref()).chain(&index.include);
    let is_name = |column: &Column| column.base_type == "name";
    if columns.any(|name| table.column(name).is_none_or(is_name)) {
        return None;
    }
    let definition = judged.definition()?;
    let factor = fill_factor(&index.options)?;
    let size = |measures: &Measures| share_of(judged.fresh_bytes(&definition, measures), factor);
    let measures = judged.measures();
    let ends = combinations(judged, evidence, n_rows);
    let [least, most] = ends.map(|n| {
        let mut measures = measures.clone();
        let mut operands: Vec<String> = definition.keys.iter().map(|key| key.operand.sql()).collect();
        operands.sort();
        measures.distinct.insert((table.oid, operands), n);
        size(&measures)
    });
    if index.keys.len() == 1 {
        let exact = size(&measures);
        return Some(FreshSize { least: exact, most: exact, is_exact: true });
    }
    let is_exact = is_near(least, most);
    // As if the columns did not depend on each other: there ANALYZE's low counts of rare values are put right.
    let independent = if is_exact { most } else { size(&measures) };
    Some(FreshSize { least, most: most.max(independent), is_exact })
}

/// Returns the least and the greatest number of different combinations that the keys can have, from those of each.
fn combinations(judged: &Judged, evidence: &Evidence, n_rows: f64) -> [f64; 2] {
    let known = evidence.n_combinations.iter().find(|(oid, _)| *oid == judged.index.oid);
    if let Some((_, n)) = known {
        return [*n, *n];
    }
    let mut least = 1.0_f64;
    // For each set of keys that are NULL: the combinations of the others, and the share of the rows that can have it.
    let mut most = vec![(1.0_f64, 1.0_f64)];
    for statistics in judged.index.keys.iter().filter_map(|key| judged.statistics(key)) {
        let nulls = f64::from(statistics.null_frac);
        let n = judged::n_distinct(statistics, n_rows).unwrap_or(1.0).max(1.0);
        least = least.max(n);
        let with_null = most.iter().map(|(combinations, share)| (*combinations, share.min(nulls)));
        let with_value = most.iter().map(|(combinations, share)| (combinations * n, share.min(1.0 - nulls)));
        most = with_value.chain(with_null).filter(|(_, share)| *share * n_rows >= 1.0).collect();
        if most.len() > MAX_NULL_SETS {
            // No more than the combinations of all of them, as if each row could have any.
            most = vec![(most.iter().map(|(combinations, _)| combinations).sum(), 1.0)];
        }
    }
    let most: f64 = most.iter().map(|(combinations, share)| combinations.min(share * n_rows)).sum();
    [least.min(n_rows), most.clamp(1.0, n_rows.max(1.0))]
}

/// Whether two sizes are the same within what the estimate is good for anyway.
fn is_near(least: u64, most: u64) -> bool {
    /// The estimates are within a tenth of the truth (`index::size::tests`).
    const TOLERANCE: f64 = 0.1;
    judged::to_f64(most) <= (1.0 + TOLERANCE) * judged::to_f64(least)
}

/// How many times larger the leaf pages' fillfactor makes an index than the default one does; `None` when it cannot be
/// read.
fn fill_factor(options: &[String]) -> Option<f64> {
    let Some(percent) = options.iter().find_map(|option| option.strip_prefix("fillfactor=")) else {
        return Some(1.0);
    };
    let percent: f64 = percent.parse().ok().filter(|percent| (10.0..=100.0).contains(percent))?;
    let room = |percent: f64| PAGE_ROOM_BYTES - PAGE_BYTES * (1.0 - percent / 100.0);
    Some(room(DEFAULT_FILLFACTOR) / room(percent))
}

fn share_of(bytes: u64, share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a size, not below zero"
    )]
    let bytes = (judged::to_f64(bytes) * share.max(0.0)) as u64;
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, partition, table};
    use super::super::statistics_fixture::{values, with_nulls};
    use super::*;
    use crate::catalog::{ColumnStatistics, Constraint, Index};

    const REBUILD: &str = "medium: reindex i";

    /// 10 million rows: a fresh index on `id` takes 214 MB, one on `state` 66 MB.
    fn events(indexed: Index) -> Fixture {
        let columns =
            &["id int8!", "state int2", "account_id int8", "kind text", "parent_id int8", "label name"];
        let mut events = table("t", columns, vec![indexed]);
        (events.n_rows, events.n_pages) = (10_000_000.0, 150_000);
        Fixture::new(vec![events])
            .with_statistics("id", values(-1.0, &[]))
            .with_statistics("state", values(5.0, &[0.2, 0.2, 0.2, 0.2, 0.2]))
            .with_statistics("account_id", values(50_000.0, &[]))
            .with_statistics("kind", values(40.0, &[]))
            .with_statistics("parent_id", with_nulls(0.9, values(30_000.0, &[])))
            .with_statistics("label", values(-1.0, &[]))
    }

    fn sized(keys: &[&str], megabytes: u64) -> Index {
        Index { size_bytes: megabytes << 20, n_rows: 10_000_000.0, ..index("i", keys) }
    }

    #[test]
    fn pages_that_entries_do_not_need() {
        events(sized(&["id"], 540)).check_verdict(check, REBUILD);
        assert_eq!(
            events(sized(&["id"], 540)).messages(check),
            [
                "i (id) takes 540 MB where a fresh one takes 214 MB: 60 % of it is waste, estimated from statistics"
            ]
        );
        let fixture = events(sized(&["id"], 540));
        assert_eq!(fixture.check(check)[0].finding.frees_bytes, (540 << 20) - 224_641_024);
    }

    /// Pages of random keys settle at 24 to 28 % of free room; a rebuild would not last.
    #[test]
    fn not_what_random_keys_have_anyway() {
        events(sized(&["id"], 297)).check_verdict(check, "");
        events(sized(&["id"], 350)).check_verdict(check, "");
    }

    #[test]
    fn not_small_indexes() {
        let mut small = events(sized(&["id"], 99));
        small.table_mut("t").n_rows = 1_000_000.0;
        small.check_verdict(check, "");
    }

    /// Repeated keys and nulls are stored once with many rows: estimates that do not know that are far below zero.
    #[test]
    fn repeated_keys_are_deduplicated() {
        events(sized(&["state"], 70)).check_verdict(check, "");
        events(sized(&["state"], 200)).check_verdict(check, REBUILD);
        events(sized(&["parent_id"], 70)).check_verdict(check, "");
        events(sized(&["parent_id"], 200)).check_verdict(check, REBUILD);
    }

    /// How often values of several columns repeat together is not known: only what is waste in any case counts.
    #[test]
    fn several_columns_are_judged_by_the_larger_end() {
        events(sized(&["account_id", "id"], 310)).check_verdict(check, "");
        events(sized(&["account_id", "id"], 800)).check_verdict(check, REBUILD);
        let two = |megabytes| events(sized(&["account_id", "kind"], megabytes));
        two(120).check_verdict(check, "");
        let found = two(600).messages(check);
        assert!(found[0].ends_with("is waste, at the least, estimated from statistics"), "{found:?}");
        // With a NULL in front of most of them.
        events(sized(&["parent_id", "kind"], 120)).check_verdict(check, "");
        // Extended statistics tell that a kind goes with an account.
        let mut known = two(150);
        known.check_verdict(check, "");
        known.evidence.n_combinations = vec![(101, 50_000.0)];
        known.check_verdict(check, REBUILD);
    }

    #[test]
    fn fillfactor_is_no_waste() {
        let filled = |percent: &str| Index { options: vec![percent.into()], ..sized(&["id"], 400) };
        events(filled("fillfactor=90")).check_verdict(check, REBUILD);
        events(filled("fillfactor=50")).check_verdict(check, "");
        events(filled("fillfactor=x")).check_verdict(check, "");
    }

    /// Without statistics there is no number, and it is said of which indexes.
    #[test]
    fn silent_where_nothing_is_known() {
        let unknown = |change: fn(&mut Fixture)| {
            let mut fixture = events(sized(&["id"], 900));
            change(&mut fixture);
            fixture.check_verdict(check, "");
            let subject = fixture.subject();
            let names = super::unknown(&Context::new(&subject, &fixture.options));
            assert_eq!(names.len(), 1, "{names:?}");
        };
        // No right to read them, or never analyzed, or long ago.
        unknown(|it| it.table_mut("t").columns[0].statistics = None);
        unknown(|it| it.table_mut("t").columns[0].statistics = Some(ColumnStatistics::default()));
        unknown(|it| it.table_mut("t").n_rows = -1.0);
        unknown(|it| it.table_mut("t").activity = None);
        unknown(|it| it.table_mut("t").activity.as_mut().unwrap().n_modified_since_analyze = 3_000_000);
        // Kinds of which statistics do not tell the size.
        unknown(|it| it.index_mut("i").method = "gin".into());
        unknown(|it| it.index_mut("i").method = "hash".into());
        unknown(|it| it.index_mut("i").options = vec!["deduplicate_items=off".into()]);
        unknown(|it| it.index_mut("i").keys[0].column = Some("label".into()));
        unknown(|it| {
            let key = &mut it.index_mut("i").keys[0];
            (key.column, key.expression) = (None, Some("abs(id)".into()));
        });
        unknown(|it| {
            let index = it.index_mut("i");
            (index.predicate, index.n_rows) = (Some("(state = 1)".into()), 0.0);
        });
    }

    #[test]
    fn expressions_by_their_own_statistics() {
        let by_expression = |megabytes, n| {
            let statistics = vec![("abs".into(), values(n, &[]))];
            events(Index { statistics, ..sized(&["abs(id)"], megabytes) })
        };
        by_expression(540, -1.0).check_verdict(check, REBUILD);
        by_expression(150, 3.0).check_verdict(check, REBUILD);
        by_expression(150, -1.0).check_verdict(check, "");
    }

    #[test]
    fn partial_ones_by_their_own_rows() {
        let partial = |n_rows| Index { predicate: Some("(state = 1)".into()), n_rows, ..sized(&["id"], 150) };
        events(partial(10_000_000.0)).check_verdict(check, "");
        events(partial(1_000_000.0)).check_verdict(check, REBUILD);
    }

    #[test]
    fn what_was_measured_counts_alone() {
        let measured = |waste, indexed: Index| {
            let mut fixture = events(indexed);
            fixture.evidence.measured_bloat = vec![(101, waste)];
            fixture
        };
        measured(0.1, sized(&["id"], 540)).check_verdict(check, "");
        measured(0.6, sized(&["id"], 230)).check_verdict(check, REBUILD);
        let gin = Index { method: "gin".into(), ..sized(&["kind"], 500) };
        let fixture = measured(0.5, gin);
        assert_eq!(
            fixture.messages(check),
            [
                "i (kind) takes 500 MB where a fresh one takes 250 MB: 50 % of it is waste, as pgstattuple measured"
            ]
        );
        let subject = fixture.subject();
        assert!(super::unknown(&Context::new(&subject, &fixture.options)).is_empty());
    }

    /// The index of an exclusion constraint cannot be rebuilt concurrently; one of a key can.
    #[test]
    fn exclusion_constraints_are_for_a_person() {
        let with_constraint = |kind| {
            let mut fixture = events(sized(&["id"], 540));
            let constraint = Constraint { kind, index: Some(101), ..Constraint::default() };
            fixture.table_mut("t").constraints.push(constraint);
            fixture
        };
        with_constraint('x').check_verdict(check, "medium: no fix");
        with_constraint('p').check_verdict(check, REBUILD);
    }

    /// A partitioned index has no pages; those of partitions are rebuilt each for itself.
    #[test]
    fn of_partitions() {
        let mut fixture = events(sized(&["id"], 540));
        let mut part = fixture.catalog.tables[0].clone();
        (part.oid, part.name) = (2, "part".into());
        part.indexes[0] =
            Index { oid: 201, parent: Some(101), name: "part_i".into(), ..part.indexes[0].clone() };
        fixture.catalog.tables.push(part);
        fixture.index_mut("i").size_bytes = 0;
        partition(&mut fixture.catalog, "t", "part");
        fixture.check_verdict(check, "medium: reindex part_i");
    }

    #[test]
    fn not_while_it_is_built() {
        let mut fixture = events(sized(&["id"], 540));
        fixture.evidence.in_progress = vec![101];
        fixture.check_verdict(check, "");
    }
}
