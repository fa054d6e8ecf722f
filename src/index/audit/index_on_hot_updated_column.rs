//! An index holds a column that updates set, and alone keeps those updates from being heap-only (HOT).
//!
//! Why it matters: an update that changes no indexed column puts the new row on the same page and touches no index; one
//! that does adds an entry to every index of the table, and leaves the old ones to VACUUM. Example: `(account_id) INCLUDE
//! (last_seen_at)` on sessions, whose `last_seen_at` each request sets. A column counts wherever the index has it: as key,
//! in INCLUDE, in the predicate. Remedy: take it out of INCLUDE; store it in a table of its own; drop the index where
//! its scans do not pay for that.
//!
//! Wrong when: the index finds what has to be found by just that column, as in a queue: then the price is fair. A BRIN
//! index does not stop HOT updates from PostgreSQL 16 on. Where updates set columns of other indexes too, as those of an
//! ORM that writes whole rows do, no single index is to blame. Nothing is said without a workload, which alone knows
//! what updates set, nor where the counters show that updates are heap-only all the same (the values stay as they were).

use super::asked::Asked;
use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::catalog::{Index, Table};
use crate::query::{Write, quote};
use crate::unit;
use crate::workload::StatementKind;

pub(super) const RULE: &str = "index-on-hot-updated-column";
/// Updates that must have been counted for their share to mean something (pg-extras' `hot_updates`).
const MIN_UPDATES: u64 = 10_000;
/// Share of heap-only updates above which there is little to gain.
const MAX_HOT_SHARE: f64 = 0.5;
/// Share of the workload's UPDATE calls on the table that the index alone must be in the way of.
const MIN_BLOCKED_SHARE: f64 = 0.2;
/// Scans for each blocked update from which on the index earns what it costs.
const MAX_SCANS_PER_UPDATE: f64 = 1.0;
/// From here on BRIN indexes do not stop HOT updates (release notes of PostgreSQL 16).
const BRIN_IS_HARMLESS_SINCE: u32 = 16;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::indexes(context).filter_map(|it| observe(context, &it)).collect()
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    let activity = judged.activity()?;
    let hot_share = judged::to_f64(activity.n_hot_updated) / judged::to_f64(activity.n_updated).max(1.0);
    // A key that is what makes rows unique has to follow its column.
    if activity.n_updated < MIN_UPDATES || hot_share > MAX_HOT_SHARE || judged.index.is_unique {
        return None;
    }
    let updates = updates(context, judged.table);
    let total: f64 = updates.iter().map(|(share, _)| share).sum();
    let blocked: Vec<&(f64, &Write)> =
        updates.iter().filter(|(_, write)| blocks_alone(context, judged, write)).collect();
    let blocked_share = blocked.iter().map(|(share, _)| share).sum::<f64>() / total;
    // Without any update the share is no number.
    if blocked_share.is_nan() || blocked_share < MIN_BLOCKED_SHARE {
        return None;
    }
    let held = columns(judged.index, judged.table);
    let mut set: Vec<&String> = held
        .iter()
        .filter(|column| blocked.iter().any(|(_, write)| write.columns.contains(column)))
        .collect();
    set.dedup();
    let is_included = set.iter().all(|column| is_only_included(judged.index, judged.table, column));
    let n_blocked = blocked_share * judged::to_f64(activity.n_updated);
    let n_scans = context.n_scans(judged.index).map_or(0.0, judged::to_f64);
    let pays = n_scans > MAX_SCANS_PER_UPDATE * n_blocked;
    let names = set.iter().map(|column| quote::identifier(column)).collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} alone keeps {:.0} % of the updates of {} from being heap-only, as they set {names}: of {} updates {:.0} % are",
        judged.describe(),
        100.0 * blocked_share,
        quote::identifier(&judged.table.name),
        unit::count(activity.n_updated),
        100.0 * hot_share,
    );
    let (severity, remedy, cure) = if is_included {
        without_included(context, judged, &set, &names)
    } else {
        let scans = unit::estimate(n_scans);
        let remedy = format!(
            "It was scanned {scans} times meanwhile. Where statements can do without it, drop it; else store {names} in \
             a table of its own, or leave it if it is what they look for."
        );
        (if pays { Severity::Low } else { Severity::Medium }, remedy, Cure::default())
    };
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

/// The workload's updates of a table, each with its share of the calls.
fn updates<'a>(context: &Context<'a>, table: &Table) -> Vec<(f64, &'a Write)> {
    context.writes(table).filter(|(_, write)| write.kind == StatementKind::Update).collect()
}

/// Whether an update sets a column of this index, and of no other.
fn blocks_alone(context: &Context, judged: &Judged, write: &Write) -> bool {
    let is_in_the_way = |index: &Index| {
        let is_harmless = index.method == "brin" && context.subject.evidence.major >= BRIN_IS_HARMLESS_SINCE;
        !is_harmless && columns(index, judged.table).iter().any(|column| write.columns.contains(column))
    };
    // An index that is not valid, but ready, is in the way as well.
    let mut others =
        judged.table.indexes.iter().filter(|other| other.oid != judged.index.oid && other.is_ready);
    is_in_the_way(judged.index) && !others.any(is_in_the_way)
}

/// The columns that an index depends on: in keys, expressions, INCLUDE and predicate.
fn columns(index: &Index, table: &Table) -> Vec<String> {
    let keys = index.keys.iter().filter_map(|key| key.column.clone());
    let texts = index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate);
    let named = texts.flat_map(|sql| judged::named_columns(sql, table));
    let mut columns: Vec<String> = keys.chain(index.include.iter().cloned()).chain(named).collect();
    columns.sort();
    columns.dedup();
    columns
}

fn is_only_included(index: &Index, table: &Table, column: &String) -> bool {
    let is_named = |sql: &String| judged::named_columns(sql, table).contains(column);
    index.include.contains(column)
        && index.keys.iter().all(|key| key.column.as_ref() != Some(column))
        && !index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate).any(is_named)
}

/// Takes columns out of INCLUDE; with a fix where no statement reads all from the index.
fn without_included(
    context: &Context,
    judged: &Judged,
    set: &[&String],
    names: &str,
) -> (Severity, String, Cure) {
    let reads = |asked: &Asked| {
        asked.is_covered_by(judged.index)
            && asked.table_use.columns.iter().flatten().any(|column| set.contains(&column))
    };
    let is_read = context.uses(judged.table).any(|asked| reads(&asked));
    let remedy =
        format!("Take {names} out of INCLUDE: index-only scans that read it will fetch rows instead.");
    if is_read || judged.is_protected() {
        return (Severity::Low, remedy, Cure::default());
    }
    let slimmer = judged.definition().map(|mut definition| {
        definition.include.retain(|column| !set.contains(&column));
        judged.replace_by(definition)
    });
    (Severity::Medium, remedy, slimmer.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, owned, partition, table};
    use super::*;
    use crate::catalog::Activity;

    const SEEN: &str = "UPDATE t SET seen_at = now() WHERE id = $1";
    const RENAME: &str = "UPDATE t SET name = $1 WHERE id = $2";

    fn sessions(indexes: Vec<Index>) -> Fixture {
        let columns = &["id int8!", "account_id int8", "seen_at timestamptz", "name text", "note text"];
        let mut indexes = indexes;
        indexes.push(owned(index("t_pkey", &["id"])));
        let mut sessions = table("t", columns, indexes);
        let activity =
            Activity { n_inserted: 1000, n_updated: 500_000, n_hot_updated: 5_000, ..Activity::default() };
        sessions.activity = Some(activity);
        Fixture::new(vec![sessions])
    }

    #[test]
    fn wherever_the_index_has_the_column() {
        let partial = Index { predicate: Some("(seen_at IS NULL)".into()), ..index("i", &["account_id"]) };
        for indexed in [
            index("i", &["seen_at"]),
            index("i", &["account_id", "seen_at"]),
            index("i", &["date_trunc('day', seen_at)"]),
            partial,
        ] {
            sessions(vec![indexed]).asking(&[SEEN]).check_verdict(check, "medium: no fix");
        }
    }

    #[test]
    fn included_columns_can_go() {
        let included =
            || Index { include: vec!["name".into(), "seen_at".into()], ..index("i", &["account_id"]) };
        sessions(vec![included()])
            .asking(&[SEEN])
            .check_verdict(check, "medium: create t (account_id) INCLUDE (name) for i");
        // Statements read it from there.
        sessions(vec![included()])
            .asking(&[SEEN, "SELECT seen_at FROM t WHERE account_id = $1"])
            .check_verdict(check, "low: no fix");
        // In the predicate as well.
        let partial = Index { predicate: Some("(seen_at IS NULL)".into()), ..included() };
        sessions(vec![partial]).asking(&[SEEN]).check_verdict(check, "medium: no fix");
    }

    #[test]
    fn says_what_updates_set() {
        assert_eq!(
            sessions(vec![index("i", &["seen_at"])]).asking(&[SEEN, RENAME]).messages(check),
            [
                "i (seen_at) alone keeps 50 % of the updates of t from being heap-only, as they set seen_at: of 500,000 updates \
              1 % are"
            ]
        );
    }

    #[test]
    fn not_without_a_workload_that_updates() {
        let fixture = || sessions(vec![index("i", &["seen_at"])]);
        fixture().check_verdict(check, "");
        fixture().asking(&["SELECT * FROM t WHERE seen_at > $1"]).check_verdict(check, "");
        fixture().asking(&[RENAME]).check_verdict(check, "");
        // Hardly any update sets it.
        let mut rare = fixture().asking(&[SEEN, RENAME]);
        (rare.workload[0].share, rare.workload[1].share) = (0.01, 0.99);
        rare.check_verdict(check, "");
    }

    /// An ORM writes whole rows: no single index is to blame. Values that stay as they were stop nothing, as the counters
    /// show.
    #[test]
    fn not_where_other_indexes_stop_it_as_well() {
        let whole = "UPDATE t SET id = $1, account_id = $2, seen_at = $3, name = $4 WHERE id = $1";
        sessions(vec![index("i", &["seen_at"])]).asking(&[whole]).check_verdict(check, "");
        let both = vec![index("i", &["seen_at"]), index("j", &["seen_at", "account_id"])];
        sessions(both).asking(&[SEEN]).check_verdict(check, "");
        let mut hot = sessions(vec![index("i", &["seen_at"])]).asking(&[SEEN]);
        hot.table_mut("t").activity.as_mut().unwrap().n_hot_updated = 400_000;
        hot.check_verdict(check, "");
    }

    /// BRIN indexes stop no HOT update from PostgreSQL 16 on.
    #[test]
    fn not_brin_on_newer_servers() {
        let brin = Index { method: "brin".into(), ..index("i", &["seen_at"]) };
        let mut fixture = sessions(vec![brin]).asking(&[SEEN]);
        fixture.evidence.major = 15;
        fixture.check_verdict(check, "medium: no fix");
        fixture.evidence.major = 16;
        fixture.check_verdict(check, "");
    }

    /// Updates of a partition come by the name of the whole as well.
    #[test]
    fn updates_name_the_whole() {
        let mut fixture = sessions(vec![index("i", &["seen_at"])]);
        let columns = &["id int8!", "account_id int8", "seen_at timestamptz", "name text", "note text"];
        fixture.catalog.tables.push(Table { oid: 51, ..table("whole", columns, Vec::new()) });
        partition(&mut fixture.catalog, "whole", "t");
        let fixture = fixture.asking(&["UPDATE whole SET seen_at = now() WHERE id = $1"]);
        fixture.check_verdict(check, "medium: no fix");
    }

    /// A queue looks for just that column all the time.
    #[test]
    fn low_where_scans_pay() {
        let mut fixture = sessions(vec![index("i", &["seen_at"])]).asking(&[SEEN]);
        fixture.index_mut("i").usage.as_mut().unwrap().n_scans = 2_000_000;
        fixture.check_verdict(check, "low: no fix");
    }

    #[test]
    fn not_few_updates_or_unique_keys() {
        let mut few = sessions(vec![index("i", &["seen_at"])]).asking(&[SEEN]);
        few.table_mut("t").activity.as_mut().unwrap().n_updated = 900;
        few.check_verdict(check, "");
        let unique = Index { is_unique: true, ..index("i", &["seen_at"]) };
        sessions(vec![unique]).asking(&[SEEN]).check_verdict(check, "");
    }
}
