//! An index that hardly any statement uses, on a table that is written all the time.
//!
//! Why it matters: each INSERT, and each UPDATE that is not heap-only, adds an entry to every index, whoever reads it.
//! Example: 40 scans in a month, and 5 million writes. Remedy: find out who scans it, and drop it where they can wait
//! for a scan of the table.
//!
//! Scans count on all servers that are known. A few of them can be worth a lot: the index stays where reading the table
//! as often would take more pages than the writes have touched, and where scans read as many entries as writes made (8
//! scans that read 20 million entries were a nightly job that could not do without).
//!
//! Wrong when: that rare statement is the one that must not wait. It is for a person to say; so the fix is not applied
//! by itself. Counters prove nothing that are younger than a week, or whose age is not known. Uniqueness is checked
//! without a scan, so that unique indexes are never spoken of, and foreign keys whose check needs the index keep it.
//! Indexes without any scan are for `unused-index`.

use super::judged::{self, Cure, Judged, Verdict};
use super::unused_index::QUIET_S;
use super::{Context, Fix, Observation, Severity};
use crate::catalog::TableKind;
use crate::index::drop_index;
use crate::unit;

pub(super) const RULE: &str = "rarely-used-index";
/// Writes that must have reached the index (pgdoctor, dataegret's `pg-utils`).
const MIN_WRITES: u64 = 10_000;
/// Scans for each of those (dataegret's `pg-utils`).
const MAX_SCANS_PER_WRITE: f64 = 0.01;
/// Smaller indexes cost little (`research/audit.md` §1, 12 and 20).
const MIN_BYTES: u64 = 1 << 20;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let Some(counted_s) = context.counted_s().filter(|counted_s| *counted_s >= context.options.min_counted_s)
    else {
        return Vec::new();
    };
    judged::indexes(context).filter_map(|it| observe(context, &it, counted_s)).collect()
}

fn observe(context: &Context, judged: &Judged, counted_s: f64) -> Option<Observation> {
    let index = judged.index;
    let activity = judged.activity()?;
    let size_bytes = judged.size_bytes();
    let n_scans = context.n_scans(index).filter(|n| *n > 0)?;
    // Deleted rows leave their entries to VACUUM; heap-only updates make none.
    let n_writes = activity.n_inserted + activity.n_updated.saturating_sub(activity.n_hot_updated);
    let (scans, writes) = (judged::to_f64(n_scans), judged::to_f64(n_writes));
    let is_rare = n_writes >= MIN_WRITES && scans < MAX_SCANS_PER_WRITE * writes;
    let pays = scans * judged.n_pages() >= writes || index.usage?.n_entries_read >= n_writes;
    if judged.is_protected()
        || judged.is_alone_for_foreign_key()
        || size_bytes < MIN_BYTES
        || !is_rare
        || pays
    {
        return None;
    }
    // Then it is `unused-index` that speaks.
    let is_quiet = index.usage?.scanned_s_ago.is_some_and(|quiet_s| quiet_s >= QUIET_S);
    if is_quiet {
        return None;
    }
    let days = counted_s / 86_400.0;
    let last = index.usage.and_then(|usage| usage.scanned_s_ago);
    let last = last.map_or_else(String::new, |s| format!(", the last time {:.1} days ago,", s / 86_400.0));
    let message = format!(
        "{} was scanned {} times in {days:.0} days{last} but written {} times: {:.0} writes for each scan",
        judged.describe(),
        unit::count(n_scans),
        unit::count(n_writes),
        writes / scans,
    );
    let remedy = format!(
        "Find the statement that scans it, and drop it if that can read the table of {} instead, now and then.",
        unit::bytes(pages_bytes(judged.n_pages()))
    );
    // The index of a partitioned table goes in other ways, and a person decides first.
    let cure = if judged.table.kind == TableKind::Partitioned {
        Cure::default()
    } else {
        let sql = drop_index(&judged.table.schema, &index.name, false);
        let fix =
            Fix::Statements { sql: vec![sql], undo_sql: judged.context.restoration(judged.table, index) };
        judged.take(fix, size_bytes)
    };
    Some(judged.observe(Verdict { rule: RULE, severity: Severity::Low, message, remedy }, cure))
}

fn pages_bytes(n_pages: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of pages is not negative"
    )]
    let bytes = (n_pages * 8192.0) as u64;
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{DAY_S, Fixture, foreign_key, index, owned, table};
    use super::super::{Options, Replica};
    use super::*;
    use crate::catalog::{Activity, Index, IndexUsage};

    const BY_HAND: &str =
        "low: DROP INDEX CONCURRENTLY public.i / CREATE INDEX CONCURRENTLY i ON public.t USING btree (a)";

    fn written(indexed: Index, activity: Activity) -> Fixture {
        let mut written = table("t", &["a int8", "b int8"], vec![indexed]);
        written.activity = Some(activity);
        Fixture::new(vec![written])
    }

    fn scanned(n_scans: u64, n_entries_read: u64) -> Index {
        let usage =
            IndexUsage { n_scans, n_entries_read, n_rows_fetched: n_entries_read, scanned_s_ago: None };
        Index { usage: Some(usage), ..index("i", &["a"]) }
    }

    fn busy() -> Activity {
        Activity {
            n_inserted: 4_000_000,
            n_updated: 2_000_000,
            n_hot_updated: 1_000_000,
            ..Activity::default()
        }
    }

    #[test]
    fn few_scans_beside_many_writes() {
        let fixture = written(scanned(40, 2_000), busy());
        fixture.check_verdict(check, BY_HAND);
        assert_eq!(
            fixture.messages(check),
            [
                "i (a) was scanned 40 times in 30 days but written 5,000,000 times: 125000 writes for each scan"
            ]
        );
    }

    #[test]
    fn not_without_any_scan() {
        written(scanned(0, 0), busy()).check_verdict(check, "");
    }

    #[test]
    fn not_where_writes_are_few_or_heap_only() {
        written(scanned(40, 2_000), Activity { n_inserted: 9_000, ..Activity::default() })
            .check_verdict(check, "");
        let hot = Activity { n_updated: 5_000_000, n_hot_updated: 5_000_000, ..Activity::default() };
        written(scanned(40, 2_000), hot).check_verdict(check, "");
    }

    /// 8 scans that read 20 million entries do a lot.
    #[test]
    fn not_few_scans_of_many_entries() {
        written(scanned(8, 20_000_000), busy()).check_verdict(check, "");
    }

    /// An index that has not been scanned for weeks is an unused one.
    #[test]
    fn not_what_is_unused_by_now() {
        let mut fixture = written(scanned(40, 2_000), busy());
        fixture.index_mut("i").usage.as_mut().unwrap().scanned_s_ago = Some(3.0 * DAY_S);
        fixture.check_verdict(check, BY_HAND);
        fixture.index_mut("i").usage.as_mut().unwrap().scanned_s_ago = Some(40.0 * DAY_S);
        fixture.check_verdict(check, "");
    }

    /// What reading the table instead would take: 40 times 20,000 pages are less than 5 million writes, 400 times are not.
    #[test]
    fn not_where_scans_spare_more_than_writes_cost() {
        written(scanned(400, 2_000), busy()).check_verdict(check, "");
        let mut fixture = written(scanned(40, 2_000), busy());
        fixture.table_mut("t").n_pages = 1_000_000;
        fixture.check_verdict(check, "");
    }

    /// Counters that are young, or of unknown age after a crash or a restore, prove nothing.
    #[test]
    fn not_by_young_counters() {
        let with_age = |counted_s| {
            let mut fixture = written(scanned(40, 2_000), busy());
            fixture.evidence.counted_s = counted_s;
            fixture
        };
        with_age(Some(2.0 * DAY_S)).check_verdict(check, "");
        with_age(None).check_verdict(check, "");
        let mut patient = with_age(Some(20.0 * DAY_S));
        patient.check_verdict(check, BY_HAND);
        patient.options = Options { min_counted_s: 25.0 * DAY_S, ..Options::default() };
        patient.check_verdict(check, "");
    }

    #[test]
    fn scans_on_replicas_count() {
        let with_replica = |counted_s, n_scans| {
            let mut fixture = written(scanned(40, 2_000), busy());
            let n_scans = vec![(101, n_scans)];
            let replica = Replica { label: "replica".into(), is_standby: true, counted_s, n_scans };
            fixture.evidence.replicas.push(replica);
            fixture
        };
        with_replica(Some(20.0 * DAY_S), 10).check_verdict(check, BY_HAND);
        with_replica(Some(20.0 * DAY_S), 90_000).check_verdict(check, "");
        with_replica(Some(DAY_S), 10).check_verdict(check, "");
        with_replica(None, 10).check_verdict(check, "");
    }

    #[test]
    fn not_what_does_more_than_serve_scans() {
        written(owned(scanned(40, 2_000)), busy()).check_verdict(check, "");
        written(Index { is_unique: true, ..scanned(40, 2_000) }, busy()).check_verdict(check, "");
        written(Index { size_bytes: 500_000, ..scanned(40, 2_000) }, busy()).check_verdict(check, "");
        let mut referring = table("t", &["a int8"], vec![scanned(40, 2_000)]);
        referring.activity = Some(busy());
        referring.constraints.push(foreign_key("fk", &["a"], 2, &["id"]));
        Fixture::new(vec![referring, table("u", &["id int8!"], Vec::new())]).check_verdict(check, "");
    }
}
