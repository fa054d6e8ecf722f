//! Why two plans differ, as far as the plans themselves bear witness.
//!
//! The planner is a function of the statement, the version, the settings, the indexes and the statistics,
//! which follow from the data. Each is held against both plans. For indexes there is a proof by
//! contradiction: had the index of the plan before still been there, with all else the same, the planner
//! would not have taken a dearer plan.

use std::collections::BTreeSet;

use super::access_path::indexes;
use super::rows::rows_read;
use super::version::{described, majors};
use super::{BUFFERS_FLOOR, BUFFERS_TOLERANCE, COST_TOLERANCE, Change, Pair};
use crate::plan::expression::{Constants, normal};
use crate::plan::identity::exact_conditions;
use crate::plan::rows::{Estimate, estimate as row_estimate, expected};
use crate::plan::{Node, Plan};
use crate::query;
use crate::unit::estimate;

/// Rows that differ by less are about the same.
const MIN_FACTOR: f64 = 1.5;
/// An estimate within this factor is right.
const GOOD_Q_ERROR: f64 = 2.0;
/// Fewer heap fetches are of no concern.
const MIN_HEAP_FETCHES: f64 = 10.0;
/// A cache that holds this share more or less of the blocks is in another state.
const MIN_CACHE_SHARE: f64 = 0.1;
/// … if that makes at least so many blocks.
const MIN_CACHE_BLOCKS: u64 = 100;

/// A likely cause of the changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) kind: CauseKind,
    /// With the evidence.
    pub(crate) message: String,
}

/// The surest first: what is written in the plans before what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CauseKind {
    Statement,
    Version,
    Settings,
    Index,
    DataVolume,
    Statistics,
    /// Heap pages that an index-only scan has to visit, since they are not marked as all-visible.
    Visibility,
    Cache,
}

impl CauseKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Version => "version",
            Self::Settings => "settings",
            Self::Index => "index",
            Self::DataVolume => "data-volume",
            Self::Statistics => "statistics",
            Self::Visibility => "visibility",
            Self::Cache => "cache",
        }
    }
}

/// Returns the causes that the plans show, the surest first.
pub(super) fn causes(pair: &Pair, changes: &[Change]) -> Vec<Cause> {
    let (statement, version, settings) = (statement(pair), version(pair), settings(pair));
    let (volume, statistics) = scans(pair);
    let is_same_world =
        [&statement, &version, &settings, &volume, &statistics].iter().all(|found| found.is_empty());
    let mut causes = [statement, version, settings].concat();
    if !changes.is_empty() {
        if is_same_world {
            causes.extend(index(pair));
        }
        causes.extend(volume);
        causes.extend(statistics);
        causes.extend(visibility(pair));
    }
    // Told without any change too: it explains times, which are no evidence of a change.
    causes.extend(cache(pair));
    causes
}

fn cause(kind: CauseKind, message: String) -> Cause {
    Cause { kind, message }
}

/// Another statement, or other constants in it.
fn statement(pair: &Pair) -> Vec<Cause> {
    let fingerprint = |sql: &Option<String>| Some(query::parse(sql.as_deref()?).ok()?.fingerprint);
    if let (Some(before), Some(after)) = (fingerprint(&pair.before.sql), fingerprint(&pair.after.sql))
        && before != after
    {
        return vec![cause(CauseKind::Statement, "the plans are of two different statements".to_owned())];
    }
    let (before, after) = (&pair.before.plan, &pair.after.plan);
    let differing = pair.nodes().find_map(|(old, new)| {
        let (old_exact, new_exact) = (exact_conditions(before, old), exact_conditions(after, new));
        if old_exact.len() != new_exact.len() {
            return None;
        }
        old_exact.into_iter().zip(new_exact).find(|(a, b)| a != b && hide(a) == hide(b))
    });
    let Some((old, new)) = differing else { return Vec::new() };
    let (old, new) = (readable(&old), readable(&new));
    let is_generic = |text: &str| text.contains('$');
    let message = match (is_generic(&old), is_generic(&new)) {
        (false, true) => {
            format!("the plan after is generic, for any value of its parameters: {new} instead of {old}")
        }
        (true, false) => {
            format!("the plan before is generic, for any value of its parameters: {new} instead of {old}")
        }
        _ => format!("the statement has other constants: {new} instead of {old}"),
    };
    vec![cause(CauseKind::Statement, message)]
}

/// Returns the normal form of what is one but for its constants.
fn hide(exact: &str) -> String {
    normal(exact, &[], Constants::Hidden)
}

/// Takes out the blanks between the tokens of a normal form that nobody would write.
fn readable(exact: &str) -> String {
    exact.replace("( ", "(").replace(" )", ")").replace(" . ", ".").replace(" ,", ",").replace(" ::", "::")
}

fn version(pair: &Pair) -> Vec<Cause> {
    let (before, after) = (majors(&pair.before.plan), majors(&pair.after.plan));
    if before.end() >= after.start() && after.end() >= before.start() {
        return Vec::new();
    }
    let message =
        format!("the plan before is of {}, the plan after of {}", described(&before), described(&after));
    vec![cause(CauseKind::Version, message)]
}

fn settings(pair: &Pair) -> Vec<Cause> {
    let (before, after) = (&pair.before.plan.settings, &pair.after.plan.settings);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            let value = |settings: &serde_json::Map<String, serde_json::Value>| match settings.get(name) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                // EXPLAIN leaves defaults out, and all of them without SETTINGS.
                None => "the default".to_owned(),
            };
            cause(CauseKind::Settings, format!("{name} is {} instead of {}", value(after), value(before)))
        })
        .collect()
}

/// What the scans that are the same in both plans say of the amount of data, and of the statistics.
fn scans(pair: &Pair) -> (Vec<Cause>, Vec<Cause>) {
    let (mut volume, mut statistics) = (Vec::new(), Vec::new());
    let (before, after) = (&pair.before.plan, &pair.after.plan);
    for (old, new) in pair.nodes() {
        let (Some(table), true) = (new.relation.as_deref(), new.kind.ends_with(" Scan")) else { continue };
        if is_repeated(before, old)
            || is_repeated(after, new)
            || exact_conditions(before, old) != exact_conditions(after, new)
        {
            continue;
        }
        let (Some(old_expected), Some(new_expected)) = (expected(before, old.id), expected(after, new.id))
        else {
            continue;
        };
        let expects_other = differ(old_expected, new_expected);
        let [old_figure, new_figure] = [old_expected, new_expected].map(estimate);
        let to_its_end = |plan: &Plan, id: usize| {
            row_estimate(plan, id).filter(|estimate: &Estimate| estimate.excuse.is_none())
        };
        let (Some(_), Some(estimated)) = (to_its_end(before, old.id), to_its_end(after, new.id)) else {
            // Not run, or not to its end.
            if expects_other {
                statistics.push(cause(
                    CauseKind::Statistics,
                    format!(
                        "the planner expects {new_figure} rows of {table} instead of {old_figure}: its statistics or \
                         its data changed"
                    ),
                ));
            }
            continue;
        };
        if let Some((old_rows, new_rows)) = other_rows(old, new) {
            let knew = if estimated.factor < GOOD_Q_ERROR {
                "and the planner knew".to_owned()
            } else {
                format!("and the planner expected {new_figure}: run ANALYZE")
            };
            volume.push(cause(
                CauseKind::DataVolume,
                format!(
                    "{table} has other data: {} rows instead of {} in the same scan, {knew}",
                    estimate(new_rows),
                    estimate(old_rows)
                ),
            ));
        } else if expects_other {
            let rows = estimate(new.rows_in_all().unwrap_or(0.0));
            statistics.push(cause(
                CauseKind::Statistics,
                format!(
                    "the planner expects {new_figure} rows of {table} instead of {old_figure}, while {rows} came from \
                     the same scan as before: its statistics changed"
                ),
            ));
        }
    }
    // Each partition of a table says the same; one witness is enough for a reader.
    volume.truncate(1);
    statistics.truncate(1);
    (volume, statistics)
}

/// Returns the rows of a scan before and after where they tell of other data: those that meet the condition,
/// or those that were read where both scans read the whole table.
fn other_rows(before: &Node, after: &Node) -> Option<(f64, f64)> {
    let are_sequential = before.is_a("Seq Scan") && after.is_a("Seq Scan");
    let read = are_sequential.then(|| Some((rows_read(before)?, rows_read(after)?))).flatten();
    let returned = before.rows_in_all().zip(after.rows_in_all());
    [read, returned].into_iter().flatten().find(|(before, after)| differ(*before, *after))
}

fn differ(before: f64, after: f64) -> bool {
    let (low, high) = (before.min(after).max(1.0), before.max(after).max(1.0));
    high >= low * MIN_FACTOR
}

/// Whether a node is run again and again, with other values each time.
fn is_repeated(plan: &Plan, node: &Node) -> bool {
    let mut child = node;
    for above in plan.ancestors(node.id) {
        let is_inner = child.relationship.as_deref() == Some("Inner");
        if (above.is_a("Nested Loop") && is_inner) || child.relationship.as_deref() == Some("SubPlan") {
            return true;
        }
        child = above;
    }
    false
}

/// An index that is gone or new; with all else the same, only that explains a dearer or cheaper plan.
fn index(pair: &Pair) -> Vec<Cause> {
    let of = |plan: &'_ Plan| -> BTreeSet<String> {
        plan.nodes.iter().flat_map(|node| indexes(plan, node)).map(str::to_owned).collect()
    };
    let (before, after) = (of(&pair.before.plan), of(&pair.after.plan));
    let cost = |plan: &Plan| plan.nodes.first().and_then(|root| root.total_cost);
    let (Some(old), Some(new)) = (cost(&pair.before.plan), cost(&pair.after.plan)) else { return Vec::new() };
    let lost: Vec<String> = before.difference(&after).cloned().collect();
    let found: Vec<String> = after.difference(&before).cloned().collect();
    let (is_dearer, is_cheaper) = (new > old * (1.0 + COST_TOLERANCE), old > new * (1.0 + COST_TOLERANCE));
    let message = match (&lost[..], &found[..]) {
        ([lost], [found]) if !is_dearer && !is_cheaper => {
            format!("index {found} took the place of {lost}: renamed or rebuilt, at the same cost")
        }
        ([_, ..], _) if is_dearer => format!(
            "index {} is probably gone: with all else the same, the planner would not have taken a plan of cost {new:.2} \
             instead of {old:.2}",
            lost.join(", ")
        ),
        (_, [_, ..]) if is_cheaper => format!(
            "index {} is probably new: with all else the same, the planner would have used it before, at cost {new:.2} \
             instead of {old:.2}",
            found.join(", ")
        ),
        _ => return Vec::new(),
    };
    vec![cause(CauseKind::Index, message)]
}

/// An index-only scan that has to look into the table.
fn visibility(pair: &Pair) -> Option<Cause> {
    pair.nodes().find_map(|(before, after)| {
        let (old, new) = (before.number("Heap Fetches")?, after.number("Heap Fetches")?);
        if (old - new).abs() < MIN_HEAP_FETCHES || !differ(old, new) {
            return None;
        }
        let action = if new > old { "VACUUM has not come by since rows changed" } else { "VACUUM came by" };
        let message = format!(
            "{} fetched {} rows from the table instead of {}: {action}",
            after.title(),
            estimate(new),
            estimate(old)
        );
        Some(cause(CauseKind::Visibility, message))
    })
}

/// The same blocks, found in memory or not.
#[expect(clippy::cast_precision_loss, reason = "blocks are far below 2^53")]
fn cache(pair: &Pair) -> Option<Cause> {
    let before = pair.before.plan.nodes.first()?.buffers?;
    let after = pair.after.plan.nodes.first()?.buffers?;
    let (old, new) = (before.shared() as f64, after.shared() as f64);
    let more = before.shared_read.abs_diff(after.shared_read);
    let is_same = (old - new).abs() <= (old * BUFFERS_TOLERANCE).max(BUFFERS_FLOOR);
    if !is_same || more < MIN_CACHE_BLOCKS || (more as f64) < old * MIN_CACHE_SHARE {
        return None;
    }
    Some(cause(
        CauseKind::Cache,
        format!(
            "{} blocks were not in shared_buffers instead of {}, of about the same {}: the cache was {}",
            estimate(after.shared_read as f64),
            estimate(before.shared_read as f64),
            estimate(new),
            if after.shared_read > before.shared_read { "colder" } else { "warmer" }
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::diff;
    use super::super::test_plans::{explained, scan};
    use super::*;
    use serde_json::{Value, json};

    fn check(before: &Value, after: &Value, expected: &[CauseKind]) {
        let difference = diff(&explained(before), &explained(after));
        let kinds: Vec<CauseKind> = difference.causes.iter().map(|cause| cause.kind).collect();
        assert_eq!(kinds, expected, "{difference:#?}");
    }

    fn index_scan(condition: &str, cost: f64) -> Value {
        let rest = json!({"Index Name": "i", "Index Cond": condition, "Total Cost": cost});
        scan("Index Scan", 4, &rest)
    }

    fn seq_scan(condition: &str, expected: u32, rows: u32, blocks: u32) -> Value {
        let rest = json!({"Filter": condition, "Plan Rows": expected, "Actual Rows": f64::from(rows), "Total Cost": 500.0,
                          "Shared Hit Blocks": blocks});
        scan("Seq Scan", 0, &rest)
    }

    #[test]
    fn settings_that_differ_are_named() {
        let plan = |settings: Value| json!({"Plan": index_scan("(a = 5)", 8.0), "Settings": settings});
        let (none, some) = (plan(json!({})), plan(json!({"work_mem": "64MB"})));
        check(&none, &some, &[CauseKind::Settings]);
        check(&some, &some, &[]);
        let difference = diff(&explained(&none), &explained(&some));
        assert_eq!(difference.causes[0].message, "work_mem is 64MB instead of the default");
    }

    #[test]
    fn a_lost_index_follows_from_the_cost() {
        let with = json!({"Plan Rows": 100});
        let mut before = index_scan("(a = 5)", 8.0);
        before.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        check(&before, &seq_scan("(a = 5)", 100, 100, 500), &[CauseKind::Index]);
        check(&seq_scan("(a = 5)", 100, 100, 500), &before, &[CauseKind::Index]);
        // Other statistics explain it as well.
        check(&before, &seq_scan("(a = 5)", 9000, 100, 500), &[CauseKind::Statistics]);
        // With other constants nothing is the same.
        check(&before, &seq_scan("(a = 6)", 100, 100, 500), &[CauseKind::Statement]);
        check(&before, &seq_scan("(a = $1)", 100, 100, 500), &[CauseKind::Statement]);
    }

    #[test]
    fn data_and_statistics_are_told_apart() {
        let before = seq_scan("(a = 5)", 1000, 1000, 500);
        check(&before, &seq_scan("(a = 5)", 9000, 9000, 4500), &[CauseKind::DataVolume]);
        check(&before, &seq_scan("(a = 5)", 9000, 1000, 600), &[CauseKind::Statistics]);
        check(&before, &seq_scan("(a = 5)", 1100, 1000, 600), &[]);
    }

    #[test]
    fn a_cold_cache_is_seen() {
        let plan = |hit: u32, read: u32| {
            scan("Seq Scan", 0, &json!({"Shared Hit Blocks": hit, "Shared Read Blocks": read}))
        };
        let mut cold = plan(0, 1000);
        cold["Actual Total Time"] = json!(90.0);
        let mut warm = plan(1000, 0);
        warm["Actual Total Time"] = json!(3.0);
        check(&warm, &cold, &[CauseKind::Cache]);
        check(&cold, &cold, &[]);
    }
}
