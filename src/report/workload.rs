//! What a workload spends its time on, and its loops.

use serde_json::{Value as Json, json};

use super::explain::one_line;
use super::{Align, Document, SCHEMA_VERSION, Style, Table};
use crate::trace::{Nanos, Value};
use crate::unit;
use crate::workload::StatementKind;
use crate::workload::n_plus_one::rewrite::Rewrite;
use crate::workload::n_plus_one::{Finding, Kind, Report, ScopeKind};
use crate::workload::top::Total;

/// The types of statements, as users write them.
pub(crate) const KINDS: [(&str, StatementKind); 6] = [
    ("select", StatementKind::Select),
    ("insert", StatementKind::Insert),
    ("update", StatementKind::Update),
    ("delete", StatementKind::Delete),
    ("merge", StatementKind::Merge),
    ("other", StatementKind::Utility),
];
/// A text in a table takes what the numbers before it leave of a line.
const NUMBERS_WIDTH: usize = 62;
const MIN_TEXT_WIDTH: usize = 24;

/// The statements of a workload in their order.
pub(crate) fn top(
    ranked: &[Total],
    kinds: &[StatementKind],
    limit: usize,
    style: &Style,
) -> Document<'static> {
    let all: Nanos = ranked.iter().map(|total| total.time).sum();
    let shown: Vec<&Total> =
        ranked.iter().filter(|total| kinds.is_empty() || kinds.contains(&total.kind)).take(limit).collect();
    let table = |text: &dyn Fn(&str) -> String| {
        let mut table = Table::new([
            ("total ms", Align::Right),
            ("share", Align::Right),
            ("calls", Align::Right),
            ("mean ms", Align::Right),
            ("rows", Align::Right),
            ("blocks", Align::Right),
            ("type", Align::Left),
            ("statement", Align::Left),
        ]);
        for total in &shown {
            let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| unit::short_count(as_f64(n)));
            table.row([
                unit::milliseconds(unit::ns_to_ms(total.time)),
                percent(total.time, all),
                unit::short_count(as_f64(total.calls)),
                unit::milliseconds(total.mean_ns() / 1e6),
                number(total.n_rows),
                number(total.n_blocks),
                kind(total.kind).to_owned(),
                text(&total.text),
            ]);
        }
        table
    };
    let width = style.width.saturating_sub(NUMBERS_WIDTH).max(MIN_TEXT_WIDTH);
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "total_ms": unit::json_ms(unit::ns_to_ms(all)),
        "statements": shown.iter().map(|total| statement(total, all)).collect::<Vec<_>>(),
        "types": types(ranked, all),
    });
    let full = table(&one_line);
    let text =
        if style.terminal { table(&|text| shortened(&one_line(text), width)) } else { table(&one_line) };
    let csv = full.to_csv();
    let by_type: Vec<String> = by_type(ranked)
        .iter()
        .map(|(kind, calls, time)| {
            format!("{} {} ({} calls)", kind, percent(*time, all), unit::count(*calls))
        })
        .collect();
    Document::new(json).table(text).text(by_type.join(", ")).form(super::Format::Csv, move || csv.clone())
}

fn statement(total: &Total, all: Nanos) -> Json {
    json!({
        "fingerprint": total.fingerprint.to_string(),
        "type": kind(total.kind),
        "statement": total.text,
        "calls": total.calls,
        "timed_calls": total.n_timed,
        "failed": total.n_failed,
        "total_ms": unit::json_ms(unit::ns_to_ms(total.time)),
        "share": share(total.time, all),
        "mean_ms": unit::json_ms(total.mean_ns() / 1e6),
        "max_ms": total.longest.map(|longest| unit::json_ms(unit::ns_to_ms(longest))),
        "rows": total.n_rows,
        "blocks": total.n_blocks,
    })
}

/// Calls and time by type, in the order of [`KINDS`]; types without calls are left out.
fn by_type(ranked: &[Total]) -> Vec<(&'static str, u64, Nanos)> {
    let of = |(name, kind): &(&'static str, StatementKind)| {
        let own = || ranked.iter().filter(|total| total.kind == *kind);
        (*name, own().map(|total| total.calls).sum::<u64>(), own().map(|total| total.time).sum::<Nanos>())
    };
    KINDS.iter().map(of).filter(|(_, calls, _)| *calls > 0).collect()
}

fn types(ranked: &[Total], all: Nanos) -> Vec<Json> {
    by_type(ranked)
        .into_iter()
        .map(|(name, calls, time)| {
            json!({"type": name, "calls": calls, "total_ms": unit::json_ms(unit::ns_to_ms(time)), "share": share(time, all)})
        })
        .collect()
}

fn kind(kind: StatementKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("other", |(name, _)| name)
}

/// The loops of a workload.
pub(crate) fn n_plus_one(report: &Report, style: &Style) -> Document<'static> {
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "findings": report.findings.iter().map(|it| finding(it, report.span)).collect::<Vec<_>>(),
        "executions": report.n_executions,
        "scopes": report.n_scopes,
        "small": report.n_small,
        "harmless": report.n_harmless,
        "span_ms": unit::json_ms(unit::ns_to_ms(report.span)),
    });
    let mut document = Document::new(json);
    if report.findings.is_empty() {
        document = document.text(match report.n_small {
            0 => "no loops found".to_owned(),
            n => format!("no loop wastes 5 ms or more; `--strict` shows {n} that waste less"),
        });
    }
    for it in &report.findings {
        let place = match it.scope {
            ScopeKind::Statistics => "for one call of the query before",
            ScopeKind::Transaction => "in one transaction",
            ScopeKind::Burst => "in one burst",
        };
        let title = format!(
            "{}: {} calls {place}, {} ms wasted, confidence {}",
            it.kind.name(),
            it.repeats,
            unit::milliseconds(unit::ns_to_ms(it.wasted)),
            it.confidence.name()
        );
        document = document.heading(title).text(lines(it, style).join("\n"));
    }
    document
}

fn lines(it: &Finding, style: &Style) -> Vec<String> {
    let text = |text: &str| {
        let text = one_line(text);
        if style.terminal {
            shortened(&text, style.width.saturating_sub(12).max(MIN_TEXT_WIDTH))
        } else {
            text
        }
    };
    let mut lines = Vec::new();
    if let Some((_, parent)) = &it.parent {
        lines.push(format!("  after     {}", text(parent)));
    }
    lines.push(format!("  repeated  {}", text(&it.statement)));
    lines.extend(it.beside.iter().map(|beside| format!("  with      {}", text(beside))));
    if !it.examples.is_empty() {
        let examples: Vec<String> =
            it.examples.iter().filter_map(value).map(|value| shortened(&value, 40)).collect();
        let key = it.key.as_deref().unwrap_or("value");
        lines.push(format!("  values    {key} = {}, …", examples.join(", ")));
    }
    lines.push(format!(
        "  seen      {} times, {} calls in all; fingerprint {}",
        unit::count(it.n_scopes),
        unit::count(it.n_calls),
        it.fingerprint
    ));
    let sites: Vec<String> = it.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if !sites.is_empty() {
        lines.push(format!("  from      {}", sites.join(" ")));
    }
    lines.extend(it.origins.iter().map(|origin| {
        format!(
            "  proof     {} of the values of ${} are column \"{}\" of the query before",
            unit::whole_percent(origin.share),
            origin.parameter,
            origin.column
        )
    }));
    lines.extend(it.doubt.map(|doubt| format!("  doubt     {doubt}")));
    lines.push(format!("  remedy    {}", remedy(it)));
    if let Some(rewrite) = &it.rewrite {
        lines.extend(rewrite_lines(rewrite));
    }
    lines
}

/// What should be sent instead, and what is known of it.
fn rewrite_lines(it: &Rewrite) -> Vec<String> {
    let mut lines = Vec::new();
    let reason = it.reason.as_deref().unwrap_or("it was not tried");
    match (&it.sql, it.verified, &it.proof) {
        (Some(_), Some(true), Some(proof)) => lines.push(format!(
            "  rewrite   proven for {} keys; {} instead of {} ms{}",
            proof.n_keys,
            unit::milliseconds(proof.batch_ms),
            unit::milliseconds(proof.loop_ms),
            proof.speed_up().map_or_else(String::new, |ratio| format!(", {ratio:.1} times as fast")),
        )),
        (Some(_), Some(_), _) => lines.push(format!("  rewrite   NOT equal, do not use it: {reason}")),
        (Some(_), None, _) => lines.push(format!("  rewrite   not proven: {reason}")),
        (None, ..) => lines.extend(it.reason.as_ref().map(|reason| format!("  rewrite   none: {reason}"))),
    }
    let indented = |sql: &str| sql.lines().map(|line| format!("    {line}")).collect::<Vec<_>>();
    if it.verified != Some(false) {
        lines.extend(it.sql.iter().flat_map(|sql| indented(sql)));
        lines.extend(it.copy.iter().map(|copy| format!("    or: {copy}")));
    }
    if let Some(joined) = &it.joined {
        match (joined.verified, &joined.reason) {
            (Some(true), _) => {
                lines.push("  joined    proven: the same rows with the query before".to_owned());
                lines.extend(indented(&joined.sql));
            }
            (Some(false), reason) => {
                lines.push(format!("  joined    NOT equal: {}", reason.as_deref().unwrap_or("other rows")));
            }
            (None, reason) => {
                lines.push(format!("  joined    not proven: {}", reason.as_deref().unwrap_or_default()));
                lines.extend(indented(&joined.sql));
            }
        }
    }
    if let Some(index) = &it.index {
        let on = format!("{} ({})", index.table, index.columns.join(", "));
        lines.push(match (&index.existing, &index.ddl) {
            (Some(name), _) => format!("  index     {name} finds the rows of a key on {on}"),
            (None, Some(ddl)) => format!("  index     missing on {on}: {ddl}"),
            (None, None) => format!("  index     missing on {on}"),
        });
    }
    lines.extend(it.counter.iter().map(|command| format!("  counter   {command}")));
    lines.extend(it.notes.iter().map(|note| format!("  note      {note}")));
    lines
}

fn rewrite_json(it: &Rewrite) -> Json {
    let rounded = |ratio: f64| (ratio * 100.0).round() / 100.0;
    json!({
        "sql": it.sql,
        "form": it.form,
        "copy": it.copy,
        "verified": it.verified,
        "reason": it.reason,
        "keys": it.proof.map(|proof| proof.n_keys),
        "rows": it.proof.map(|proof| proof.n_rows),
        "loop_ms": it.proof.map(|proof| unit::json_ms(proof.loop_ms)),
        "batch_ms": it.proof.map(|proof| unit::json_ms(proof.batch_ms)),
        "speed_up": it.proof.and_then(|proof| proof.speed_up()).map(rounded),
        "joined": it.joined.as_ref().map(|joined| json!({
            "sql": joined.sql, "verified": joined.verified, "reason": joined.reason,
        })),
        "index": it.index.as_ref().map(|index| json!({
            "table": index.table, "columns": index.columns, "existing": index.existing, "ddl": index.ddl,
        })),
        "counter": it.counter,
        "notes": it.notes,
    })
}

fn remedy(it: &Finding) -> &'static str {
    if it.rewrite.as_ref().is_some_and(|rewrite| rewrite.verified == Some(false)) {
        return "no statement for all is proven: see first why rows differ";
    }
    match it.kind {
        Kind::NPlusOne => "fetch all at once with `= ANY ($1)`, or join the query before",
        Kind::CountLoop => "count all at once with GROUP BY, or keep a counter",
        Kind::Duplicate => "ask once and keep the answer for the request",
        Kind::WriteLoop => "write all at once: several rows in VALUES, unnest of arrays, or COPY",
    }
}

fn finding(it: &Finding, span: Nanos) -> Json {
    json!({
        "rule": it.kind.name(),
        "fingerprint": it.fingerprint.to_string(),
        "statement": it.statement,
        "parent_fingerprint": it.parent.as_ref().map(|(fingerprint, _)| fingerprint.to_string()),
        "parent_statement": it.parent.as_ref().map(|(_, text)| text),
        "scope": scope(it.scope),
        "scopes": it.n_scopes,
        "repeats": it.repeats,
        "calls": it.n_calls,
        "wasted_ms": unit::json_ms(unit::ns_to_ms(it.wasted)),
        "wasted_ms_per_minute": (span > 0).then(|| unit::json_ms(unit::ns_to_ms(it.wasted) * 60_000.0 / unit::ns_to_ms(span))),
        "confidence": it.confidence.name(),
        "doubt": it.doubt,
        "key": it.key,
        "beside": it.beside,
        "examples": it.examples.iter().map(value).collect::<Vec<_>>(),
        "tags": it.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>(),
        "fails": it.fails(),
        "remedy": remedy(it),
        "origins": it.origins.iter().map(|origin| json!({
            "parameter": origin.parameter, "column": origin.column, "share": origin.share,
        })).collect::<Vec<_>>(),
        "rewrite": it.rewrite.as_ref().map(rewrite_json),
    })
}

fn scope(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Transaction => "transaction",
        ScopeKind::Burst => "burst",
        ScopeKind::Statistics => "statistics",
    }
}

/// A value as people read it; `None` for NULL and what is not known.
fn value(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Literal(text) => Some(text.clone()),
        Value::Cut { start, .. } => Some(format!("{}…", String::from_utf8_lossy(start))),
        Value::Redacted(number) => Some(format!("redacted {number:x}")),
        Value::Binary(bytes) => Some(format!("{} bytes", bytes.len())),
        Value::Null | Value::Missing => None,
    }
}

pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn as_f64(n: u64) -> f64 {
    n as f64
}

fn share(part: Nanos, all: Nanos) -> f64 {
    (as_f64(part) / as_f64(all.max(1)) * 1e4).round() / 1e4
}

fn percent(part: Nanos, all: Nanos) -> String {
    format!("{:.1} %", share(part, all) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;
    use crate::trace::Fingerprint;
    use crate::workload::n_plus_one::Confidence;
    use crate::workload::n_plus_one::rewrite::Proof;

    fn shown(rewrite: Rewrite) -> (String, Json) {
        let found = Finding {
            kind: Kind::NPlusOne,
            fingerprint: Fingerprint(7),
            statement: "SELECT name FROM users WHERE id = $1".to_owned(),
            parent: None,
            scope: ScopeKind::Burst,
            n_scopes: 1,
            n_calls: 5,
            repeats: 5,
            wasted: 7_000_000,
            confidence: Confidence::High,
            doubt: None,
            key: None,
            beside: Vec::new(),
            examples: Vec::new(),
            tags: Vec::new(),
            origins: Vec::new(),
            sample: None,
            parent_sample: None,
            rewrite: Some(rewrite),
        };
        let document = n_plus_one(&Report { findings: vec![found], ..Report::default() }, &Style::PLAIN);
        let json = document.render(Format::Json, &Style::PLAIN).unwrap();
        (document.render(Format::Text, &Style::PLAIN).unwrap(), serde_json::from_str(&json).unwrap())
    }

    fn rewrite(verified: Option<bool>) -> Rewrite {
        let sql = Some("SELECT id, name FROM users WHERE id = ANY ($1::integer[])".to_owned());
        Rewrite { sql, form: Some("any"), verified, ..Rewrite::default() }
    }

    #[test]
    fn what_is_not_equal_is_not_recommended() {
        let reason = Some("key 2 has other rows alone than in one statement".to_owned());
        let (text, json) = shown(Rewrite { reason, ..rewrite(Some(false)) });
        assert!(!text.contains("ANY") && text.contains("NOT equal, do not use it: key 2"), "{text}");
        assert!(text.contains("no statement for all is proven"), "{text}");
        assert_eq!(json["findings"][0]["rewrite"]["verified"], false);
    }

    #[test]
    fn a_proof_has_its_figures() {
        let proof = Some(Proof { n_keys: 8, n_rows: 6, loop_ms: 1.2, batch_ms: 0.3 });
        let (text, json) = shown(Rewrite { proof, ..rewrite(Some(true)) });
        assert!(text.contains("proven for 8 keys; 0.30 instead of 1.20 ms, 4.0 times as fast"), "{text}");
        let rewrite = &json["findings"][0]["rewrite"];
        assert_eq!((rewrite["speed_up"].as_f64(), rewrite["keys"].as_u64()), (Some(4.0), Some(8)));
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
