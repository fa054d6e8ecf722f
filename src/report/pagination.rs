//! Lists that are read badly, and their pages by key.

use serde_json::{Value as Json, json};

use super::explain::{broken, one_line};
use super::{Align, Document, SCHEMA_VERSION, Style, Table};
use crate::trace::Nanos;
use crate::unit;
use crate::workload::pagination::{NeededIndex, PageTime, Problem, Proof, SeenList, Verdict};

/// A list with its problems.
pub(crate) struct Found {
    pub(crate) list: SeenList,
    /// Its pages by key, or why there are none; `None` where its problems are others.
    pub(crate) rewrite: Option<Result<Rewrite, String>>,
}

/// A list whose pages begin after a key.
pub(crate) struct Rewrite {
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) previous: String,
    /// What a page begins after.
    pub(crate) key: Vec<String>,
    pub(crate) index: Option<NeededIndex>,
    pub(crate) proof: Result<Proof, Unproven>,
}

/// Why a rewrite was not compared with its list.
pub(crate) struct Unproven(pub(crate) String);

/// The lists of a workload that are read badly.
pub(crate) fn pagination(
    found: &[Found],
    n_executions: u64,
    n_lists: usize,
    style: &Style,
) -> Document<'static> {
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "findings": found.iter().map(finding).collect::<Vec<_>>(),
        "executions": n_executions,
        "lists": n_lists,
    });
    let mut document = Document::new(json);
    if found.is_empty() {
        document = document.text(format!("{n_lists} lists, none of them read badly"));
    }
    for it in found {
        let names: Vec<&str> = it.list.problems.iter().map(|problem| problem.kind.name()).collect();
        let title = format!(
            "{}: {} calls, {} ms",
            names.join(", "),
            unit::count(it.list.calls),
            unit::milliseconds(unit::ns_to_ms(it.list.time))
        );
        document = document.heading(title).text(lines(it, style).join("\n"));
        if let Some(Ok(Rewrite { proof: Ok(proof), .. })) = &it.rewrite
            && !proof.times.is_empty()
        {
            document = document.table(times(proof));
        }
    }
    document
}

fn lines(it: &Found, style: &Style) -> Vec<String> {
    let mut lines = labelled("statement", &one_line(&it.list.statement), style);
    for (n, problem) in it.list.problems.iter().enumerate() {
        lines.extend(labelled("problem", &problem.reason, style));
        if let Some(twin) = &problem.twin {
            lines.extend(labelled("count", &one_line(&twin.statement), style));
        }
        let next = it.list.problems.get(n + 1);
        if next.is_none_or(|next| next.remedy != problem.remedy) {
            lines.extend(labelled("remedy", problem.remedy, style));
        }
    }
    match &it.rewrite {
        Some(Ok(rewrite)) => lines.extend(rewritten(rewrite, style)),
        Some(Err(reason)) => lines.extend(labelled("by key", &format!("not written: {reason}"), style)),
        None => {}
    }
    lines.push(format!("  {:<10}--ignore {}", "accept", it.list.fingerprint));
    lines
}

fn rewritten(rewrite: &Rewrite, style: &Style) -> Vec<String> {
    let mut lines = labelled("first", &rewrite.first, style);
    lines.extend(labelled("next", &rewrite.next, style));
    lines.extend(labelled("previous", &rewrite.previous, style));
    let index = match &rewrite.index {
        Some(NeededIndex::Exists(name)) => format!("{name} serves it"),
        Some(NeededIndex::Missing(definition)) => definition.ddl_concurrently(),
        None => "none can serve it: the key is not of one table's columns".to_owned(),
    };
    lines.extend(labelled("index", &index, style));
    let proof = match &rewrite.proof {
        Ok(Proof { verdict: Verdict::Equal, n_pages, n_rows, .. }) => {
            format!("proved: {n_rows} rows on {n_pages} pages are equal, forward and backward")
        }
        Ok(Proof { verdict: Verdict::Differs(reason), .. }) => format!("NOT the same list: {reason}"),
        Err(Unproven(reason)) => format!("not proved: {reason}"),
    };
    lines.extend(labelled("proof", &proof, style));
    lines
}

/// A line for a terminal as wide as it is, with the rest below; whole where nobody looks at its width.
fn labelled(label: &str, text: &str, style: &Style) -> Vec<String> {
    const INDENT: usize = 12;
    const LEAST_ROOM: usize = 24;
    if !style.terminal {
        return vec![format!("  {label:<10}{text}")];
    }
    // SQL is copied from here, so nothing of it is cut.
    let lines = broken(text, style.width.saturating_sub(INDENT).max(LEAST_ROOM));
    let label = |n: usize| if n == 0 { label } else { "" };
    lines.iter().enumerate().map(|(n, line)| format!("  {:<10}{line}", label(n))).collect()
}

fn times(proof: &Proof) -> Table {
    let mut table = Table::new([
        ("page", Align::Right),
        ("by OFFSET ms", Align::Right),
        ("by key ms", Align::Right),
        ("faster", Align::Right),
    ]);
    for time in &proof.times {
        let ms = |ns: Nanos| unit::milliseconds(unit::ns_to_ms(ns));
        table.row([
            unit::count(time.page),
            ms(time.by_offset),
            ms(time.by_key),
            unit::ratio(unit::ns_to_ms(time.by_offset), unit::ns_to_ms(time.by_key)),
        ]);
    }
    table
}

fn finding(it: &Found) -> Json {
    let (rewrite, reason) = match &it.rewrite {
        Some(Ok(rewrite)) => (Some(json_of(rewrite)), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    json!({
        "fingerprint": it.list.fingerprint.to_string(),
        "statement": it.list.statement,
        "calls": it.list.calls,
        "total_ms": unit::json_ms(unit::ns_to_ms(it.list.time)),
        "page_size": it.list.page_size,
        "problems": it.list.problems.iter().map(problem).collect::<Vec<_>>(),
        "rewrite": rewrite,
        "no_rewrite_reason": reason,
    })
}

fn problem(it: &Problem) -> Json {
    json!({
        "rule": it.kind.name(),
        "reason": it.reason,
        "remedy": it.remedy,
        "count": it.twin.as_ref().map(|twin| json!({
            "fingerprint": twin.fingerprint.to_string(),
            "statement": twin.statement,
            "calls": twin.calls,
            "total_ms": unit::json_ms(unit::ns_to_ms(twin.time)),
        })),
    })
}

fn json_of(rewrite: &Rewrite) -> Json {
    let (index_exists, index) = match &rewrite.index {
        Some(NeededIndex::Exists(name)) => (Some(true), Some(name.clone())),
        Some(NeededIndex::Missing(definition)) => (Some(false), Some(definition.ddl_concurrently())),
        None => (None, None),
    };
    let proof = rewrite.proof.as_ref().ok();
    let (verified, reason) = match &rewrite.proof {
        Ok(Proof { verdict: Verdict::Equal, .. }) => (Some(true), None),
        Ok(Proof { verdict: Verdict::Differs(reason), .. }) => (Some(false), Some(reason)),
        Err(Unproven(reason)) => (None, Some(reason)),
    };
    json!({
        "key": rewrite.key,
        "first_sql": rewrite.first,
        "next_sql": rewrite.next,
        "previous_sql": rewrite.previous,
        "index_exists": index_exists,
        "index": index,
        "verified": verified,
        "reason": reason,
        "pages": proof.map(|proof| proof.n_pages),
        "rows": proof.map(|proof| proof.n_rows),
        "page_size": proof.map(|proof| proof.page_size),
        "times": proof.map(|proof| proof.times.iter().map(time).collect::<Vec<_>>()),
    })
}

fn time(it: &PageTime) -> Json {
    json!({
        "page": it.page,
        "by_offset_ms": unit::json_ms(unit::ns_to_ms(it.by_offset)),
        "by_key_ms": unit::json_ms(unit::ns_to_ms(it.by_key)),
    })
}
