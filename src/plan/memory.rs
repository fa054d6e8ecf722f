//! How much memory a node would have needed to do without temporary files, by the plan's own numbers, and how to
//! give it that much.
//!
//! Each formula follows what the executor counts; its factor was chosen by the least `work_mem` that kept statements over
//! 200,000 rows in memory on PostgreSQL 14 to 18. Tried on others, the advice was enough but in two cases: sorts of rows
//! just larger than a power of two on 14, and aggregates that collect values where the plan does not name them.

use super::findings::Subject;
use crate::unit;

/// A row in memory is a `MinimalTuple` behind at most 24 bytes of the allocator (generation context of PostgreSQL 15).
const CHUNK_HEADER: f64 = 24.0;
/// `SortTuple`.
const SORT_SLOT: f64 = 24.0;
/// A pointer of a tuplestore's array.
const TUPLESTORE_SLOT: f64 = 8.0;
/// `SizeofMinimalTupleHeader`, rounded up.
const TUPLE_HEADER: f64 = 16.0;
/// A temporary file has a length in place of the first ten bytes of a `MinimalTuple` (`writetup_heap`).
const TUPLE_HEADER_NOT_WRITTEN: f64 = 6.0;
/// A lone column that is passed by value is written as 4 bytes of length and 8 of value, and needs nothing but its
/// slot in memory (since PostgreSQL 15); no other row is this small on disk.
const DATUM_BYTES_ON_DISK: f64 = 13.5;
/// Measured over five kinds of rows: the formula is 0.85 (PostgreSQL 14) to 1.3 times of what is needed, and 4 times for
/// a lone text on 17 and 18. PostgreSQL 14 rounds rows up to powers of two, so that there this is not always enough.
const SORT_MARGIN: f64 = 1.2;
/// `HJTUPLE_OVERHEAD`.
const HASH_TUPLE_OVERHEAD: f64 = 16.0;
/// A pointer for each bucket, of which there are at least as many as rows.
const HASH_BUCKET: f64 = 8.0;
/// `ExecChooseHashTableSize` starts with so many.
const MIN_HASH_BUCKETS: f64 = 1024.0;
/// Measured: the formula is 0.98 to 1.0 times of what is needed; 2 % more may go to the skew table.
const HASH_MARGIN: f64 = 1.05;
/// `TupleHashEntryData` in a table that may be half empty.
const GROUP_ENTRY: f64 = 48.0;
/// The header of an allocation, at the most.
const ALLOCATION_HEADER: f64 = 16.0;
/// `AggStatePerGroupData`.
const AGGREGATE_STATE: f64 = 16.0;
/// What a sum or average of `numeric` keeps: measured, 309 to 335 bytes.
const NUMERIC_STATE: f64 = 360.0;
/// Measured over six kinds of groups: the formula is 0.86 (PostgreSQL 14) to 1.7 times (18) of what is needed.
const GROUP_MARGIN: f64 = 1.2;
/// The manual calls 2 to 8 often effective for `hash_mem_multiplier`.
const MAX_MULTIPLIER: f64 = 8.0;
/// More than this for one node is no setting to advise: each node of each connection may take as much (manual,
/// `work_mem`).
const MAX_ADVISED_KB: f64 = 1024.0 * 1024.0;

/// Returns the kB that a sort needs of `work_mem`, from the bytes that a row took on disk.
pub(crate) fn sort_kb(disk_kb: f64, row_bytes_on_disk: f64) -> f64 {
    let in_memory = if row_bytes_on_disk < DATUM_BYTES_ON_DISK {
        SORT_SLOT
    } else {
        SORT_SLOT + CHUNK_HEADER + aligned((row_bytes_on_disk + TUPLE_HEADER_NOT_WRITTEN).floor())
    };
    disk_kb * in_memory / row_bytes_on_disk.max(1.0) * SORT_MARGIN
}

/// Returns the kB that stored rows (of a Materialize, CTE, window) need of `work_mem`.
pub(crate) fn tuplestore_kb(disk_kb: f64, n_rows: f64) -> f64 {
    let row_bytes_on_disk = disk_kb * 1024.0 / n_rows.max(1.0);
    let in_memory =
        TUPLESTORE_SLOT + CHUNK_HEADER + aligned((row_bytes_on_disk + TUPLE_HEADER_NOT_WRITTEN).floor());
    n_rows * in_memory / 1024.0 * SORT_MARGIN
}

/// Returns the bytes of a row in memory without what allocators add, from the width of its columns.
pub(crate) fn tuple_bytes(width: f64) -> f64 {
    TUPLE_HEADER + aligned(width)
}

/// Returns the bytes that a row takes in a sort's temporary file, from the width of its columns.
pub(crate) fn sorted_row_bytes(width: f64) -> f64 {
    TUPLE_HEADER + width - TUPLE_HEADER_NOT_WRITTEN
}

/// Returns the kB that the table of a hash join needs of hash memory to be one batch.
pub(crate) fn hash_table_kb(n_rows: f64, tuple_bytes: f64) -> f64 {
    let buckets = (n_rows.max(MIN_HASH_BUCKETS)).log2().ceil().exp2();
    let bytes = n_rows * (HASH_TUPLE_OVERHEAD + aligned(tuple_bytes)) + buckets * HASH_BUCKET;
    bytes / 1024.0 * HASH_MARGIN
}

/// Returns the kB that groups need of hash memory: of rows of this width, with so many aggregates, of which so many
/// have a `numeric` state.
pub(crate) fn groups_kb(n_groups: f64, width: f64, n_aggregates: f64, n_numeric: f64) -> f64 {
    // Allocations are rounded up to powers of two (not since PostgreSQL 18).
    let allocated = |bytes: f64| bytes.log2().ceil().exp2() + ALLOCATION_HEADER;
    let states = if n_aggregates > 0.0 { allocated(n_aggregates * AGGREGATE_STATE) } else { 0.0 };
    let bytes = GROUP_ENTRY + allocated(TUPLE_HEADER + width) + states + n_numeric * NUMERIC_STATE;
    n_groups * bytes / 1024.0 * GROUP_MARGIN
}

/// Returns what to do so that a sort or stored rows may take `kb`.
pub(crate) fn raise_work_mem(kb: f64) -> String {
    if kb > MAX_ADVISED_KB {
        return too_much(kb);
    }
    format!("With SET work_mem = '{}'; for this statement it fits into memory.", setting(kb))
}

/// Returns what to do so that a hash table may take `kb`.
pub(crate) fn raise_hash_memory(subject: &Subject, kb: f64) -> String {
    if kb > MAX_ADVISED_KB {
        return too_much(kb);
    }
    let multiplier = number(subject, "hash_mem_multiplier");
    let wanted = work_mem_kb(subject).map(|work_mem| (kb / work_mem * 10.0).ceil() / 10.0);
    match wanted.filter(|wanted| multiplier.is_some_and(|now| *wanted > now) && *wanted <= MAX_MULTIPLIER) {
        Some(wanted) => {
            format!("With SET hash_mem_multiplier = {wanted}; for this statement it fits into memory.")
        }
        // Where the multiplier is not known, 1 is the least it can be.
        None => raise_work_mem(kb / multiplier.unwrap_or(1.0).max(1.0)),
    }
}

fn too_much(kb: f64) -> String {
    format!(
        "It would need {} of memory, too much for one node: return fewer rows or narrower ones to it.",
        size(kb)
    )
}

/// Returns a size that people read.
pub(crate) fn size(kb: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u64"
    )]
    unit::bytes((kb * 1024.0).clamp(0.0, 1e18) as u64)
}

/// Returns a size as a setting takes it, rounded up.
fn setting(kb: f64) -> String {
    // The least that work_mem can be.
    const MIN_WORK_MEM_KB: f64 = 64.0;
    if kb < 1024.0 {
        format!("{}kB", kb.ceil().max(MIN_WORK_MEM_KB))
    } else {
        format!("{}MB", (kb / 1024.0).ceil())
    }
}

/// Returns `work_mem` in kB as the statement had it, else as the server has it.
fn work_mem_kb(subject: &Subject) -> Option<f64> {
    let in_plan = subject.plan.settings.get("work_mem").and_then(|value| value.as_str());
    #[expect(clippy::cast_precision_loss, reason = "kB of memory are below 2^53")]
    let in_plan = in_plan.and_then(unit::parse_bytes).map(|bytes| bytes as f64 / 1024.0);
    in_plan.or_else(|| subject.server?.work_mem_kb())
}

fn number(subject: &Subject, name: &str) -> Option<f64> {
    let in_plan = subject.plan.settings.get(name).and_then(|value| value.as_str());
    in_plan.or_else(|| subject.server?.setting(name))?.parse().ok()
}

/// Rounds up to the 8 bytes that every allocation starts at.
fn aligned(bytes: f64) -> f64 {
    (bytes / 8.0).ceil() * 8.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Server, times_or_costs};

    /// Checks that an advice was enough, and not for far more than was needed (both in kB, measured).
    fn check(advised: f64, needed: f64, at_most: f64) {
        assert!((needed..needed * at_most).contains(&advised), "{advised} for {needed}");
    }

    #[test]
    fn sorts_fit() {
        // 200,000 rows of PostgreSQL 14, 15 and 18: an integer; an integer and 32 characters; five columns.
        for (disk_kb, needed) in [
            (2776.0, 14140.0),
            (2432.0, 4734.0),
            (11384.0, 20539.0),
            (11432.0, 22074.0),
            (11424.0, 17211.0),
            (17352.0, 32824.0),
            (17392.0, 28729.0),
            (17368.0, 23866.0),
        ] {
            check(sort_kb(disk_kb, disk_kb * 1024.0 / 200_000.0), needed, 1.6);
        }
    }

    #[test]
    fn stored_rows_fit() {
        for (disk_kb, needed) in [(10547.0, 17211.0), (8691.0, 19515.0), (2734.0, 10941.0), (2734.0, 7870.0)]
        {
            check(tuplestore_kb(disk_kb, 200_000.0), needed, 1.7);
        }
    }

    #[test]
    fn hash_tables_fit() {
        check(hash_table_kb(200_000.0, tuple_bytes(4.0)), 10_102.0, 1.1);
        check(hash_table_kb(200_000.0, tuple_bytes(37.0)), 16_112.0, 1.1);
    }

    #[test]
    fn groups_fit() {
        // 200,000 groups of PostgreSQL 14 and 18: a count, three aggregates, a count by text, an average of numeric.
        for (width, n_aggregates, n_numeric, needed) in [
            (4.0, 1.0, 0.0, [29_128.0, 16_608.0]),
            (8.0, 3.0, 0.0, [39_348.0, 22_740.0]),
            (33.0, 1.0, 0.0, [29_128.0, 18_652.0]),
            (37.0, 0.0, 0.0, [22_740.0, 15_586.0]),
            (8.0, 1.0, 1.0, [94_536.0, 78_184.0]),
        ] {
            for needed in needed {
                check(groups_kb(200_000.0, width, n_aggregates, n_numeric), needed, 2.1);
            }
        }
    }

    /// Checks the setting that is advised with these settings in the plan and on the server.
    fn check_hash(plan: &[(&str, &str)], server: &[(&str, &str)], kb: f64, expected: &str) {
        let settings = plan.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let plan = Plan { settings, ..Plan::default() };
        let server_settings =
            server.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let server = Server { settings: server_settings, ..Server::default() };
        let times = times_or_costs(&plan);
        let subject =
            Subject { plan: &plan, times: &times, resources: &[], sql: None, server: Some(&server) };
        let advice = raise_hash_memory(&subject, kb);
        assert!(advice.contains(expected), "{advice}");
    }

    #[test]
    fn hash_memory_is_raised_by_the_multiplier_where_that_is_enough() {
        let server = [("work_mem", "4096"), ("hash_mem_multiplier", "2")];
        check_hash(&[], &server, 20_480.0, "SET hash_mem_multiplier = 5;");
        check_hash(&[], &server, 204_800.0, "SET work_mem = '100MB';");
        check_hash(&[("work_mem", "64kB")], &server, 400.0, "SET hash_mem_multiplier = 6.3;");
        check_hash(&[], &[], 20_480.0, "SET work_mem = '20MB';");
        check_hash(&[], &[], 2e6, "1.9 GB of memory");
    }
}
