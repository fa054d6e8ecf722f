//! What every form of the report says in the same words.

use std::time::Duration;

use super::Audit;
use crate::index::audit::{Finding, Severity, Unproven};
use crate::query::quote;
use crate::unit;

pub(super) const SEVERITIES: [(Severity, &str); 3] =
    [(Severity::High, "High"), (Severity::Medium, "Medium"), (Severity::Low, "Low")];

/// Names what a finding is about, as in `public.orders.orders_user_id_idx` or `public.orders (user_id)`.
pub(super) fn place(finding: &Finding) -> String {
    let table = quote::qualified(&finding.schema, &finding.table);
    match &finding.index {
        Some(index) => format!("{table}.{}", quote::identifier(index)),
        None if finding.columns.is_empty() => table,
        None => format!("{table} ({})", finding.columns.join(", ")),
    }
}

/// What a finding's fix frees; nothing where that is nothing.
pub(super) fn frees(finding: &Finding) -> String {
    if finding.frees_bytes == 0 { String::new() } else { unit::bytes(finding.frees_bytes) }
}

/// Returns statements with their semicolons, one a line; `None` where there is none.
pub(super) fn sql_text(statements: &[String]) -> Option<String> {
    (!statements.is_empty()).then(|| terminated(statements).join("\n"))
}

pub(super) fn terminated(statements: &[String]) -> Vec<String> {
    statements.iter().map(|sql| format!("{};", sql.trim_end().trim_end_matches(';'))).collect()
}

/// Says how much was found in how much.
pub(super) fn summary(audit: &Audit) -> String {
    let mut parts: Vec<String> = SEVERITIES
        .iter()
        .map(|(severity, _)| (audit.of_severity(*severity).count(), severity.name()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{} {name}", unit::count(n as u64)))
        .collect();
    if audit.n_accepted > 0 {
        parts.push(format!("{} more accepted", unit::count(audit.n_accepted as u64)));
    }
    let found = match (audit.findings.len(), parts.is_empty()) {
        (0, true) => "no findings".to_owned(),
        (0, false) => format!("no new findings ({})", parts.join(", ")),
        (n, _) => format!("{} ({})", unit::counted(n as u64, "finding"), parts.join(", ")),
    };
    let frees = match audit.frees_bytes() {
        0 => String::new(),
        bytes => format!(", {} to free", unit::bytes(bytes)),
    };
    format!("{found} in {}{frees}", scope(audit))
}

fn scope(audit: &Audit) -> String {
    let schemas: Vec<_> = audit.schemas.iter().map(|schema| quote::identifier(schema)).collect();
    let noun = if schemas.len() == 1 { "schema" } else { "schemas" };
    format!(
        "{} with {} of {noun} {}",
        unit::counted(audit.n_tables as u64, "table"),
        unit::counted(audit.n_indexes as u64, "index"),
        schemas.join(", ")
    )
}

/// Says what the findings rest on and what they do not, a line each.
pub(super) fn caveats(audit: &Audit) -> Vec<String> {
    let mut lines = vec![format!("scans are counted for {}", age(audit.counted_s))];
    for (label, counted_s) in &audit.replicas {
        lines.push(format!("on replica {label} they are counted for {}", age(*counted_s)));
    }
    lines.extend(audit.unproven.iter().map(not_proven));
    lines.extend(audit.unseen.iter().map(|unseen| format!("not seen: {unseen}")));
    lines
}

/// Sums up the indexes that counters are too young to call unused.
fn not_proven(unproven: &Unproven) -> String {
    let Unproven { indexes, reason, wait_s } = unproven;
    let was = if indexes.len() == 1 { "was" } else { "were" };
    let wait = wait_s.map_or_else(String::new, |wait_s| format!("; audit again in {}", age(Some(wait_s))));
    format!(
        "{} {was} not scanned, which proves nothing: {reason}{wait}",
        unit::counted(indexes.len() as u64, "index")
    )
}

/// Writes an age in its two largest units.
pub(super) fn age(seconds: Option<f64>) -> String {
    const DAY_S: u64 = 86_400;
    let Some(age) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else {
        return "an unknown time".to_owned();
    };
    let seconds = age.as_secs();
    let (days, hours, minutes) = (seconds / DAY_S, seconds % DAY_S / 3600, seconds % 3600 / 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        (1..14, _) => format!("{days} d {hours} h"),
        _ => format!("{} days", unit::count(days)),
    }
}
