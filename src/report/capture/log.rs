//! What server logs held.

use chrono::DateTime;
use serde_json::{Value, json};

use crate::log::{Counts, FormatName, LogFile, Skips};
use crate::report::{Align, Document, SCHEMA_VERSION, Table};
use crate::trace::Time;
use crate::unit;

/// What logs held.
pub(crate) fn log(files: &[LogFile], counts: Counts) -> Document<'static> {
    let mut table = Table::new([
        ("log", Align::Left),
        ("format", Align::Left),
        ("prefix", Align::Left),
        ("size", Align::Right),
        ("entries", Align::Right),
        ("skipped lines", Align::Right),
    ]);
    for file in files {
        let format = file.summary.format.as_ref();
        table.row([
            file.name.clone(),
            format.map_or("?", FormatName::name).to_owned(),
            format.and_then(FormatName::prefix).unwrap_or_default().trim_end().to_owned(),
            unit::bytes(file.summary.n_bytes),
            unit::count(file.summary.n_entries),
            unit::count(file.summary.skips.n_lines),
        ]);
    }
    Document::new(json_of(files, counts)).table(table).text(text(counts))
}

fn text(counts: Counts) -> String {
    let mut lines = vec![format!(
        "{} of {}, {} to {}",
        unit::counted(counts.n_executions, "execution"),
        unit::counted(counts.n_sessions, "session"),
        time(counts.first).unwrap_or_default(),
        time(counts.last).unwrap_or_default(),
    )];
    let parts = [
        (counts.n_failed, "failed"),
        (counts.n_untimed, "without a duration"),
        (counts.n_cut, "with values that the log has cut (log_parameter_max_length)"),
        (counts.n_lone_durations, "durations of what is not in the log (parse, bind)"),
        (counts.n_nested, "plans of statements within functions, left out"),
    ];
    lines.extend(parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", unit::count(*n))));
    lines.join("\n")
}

fn json_of(files: &[LogFile], counts: Counts) -> Value {
    let file = |file: &LogFile| {
        let format = file.summary.format.as_ref();
        json!({
            "file": file.name,
            "format": format.map(FormatName::name),
            "log_line_prefix": format.and_then(FormatName::prefix),
            "bytes": file.summary.n_bytes,
            "lines": file.summary.n_lines,
            "entries": file.summary.n_entries,
            "skipped": skipped(&file.summary.skips),
            "failure": file.failure,
        })
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "logs": files.iter().map(file).collect::<Vec<_>>(),
        "executions": counts.n_executions,
        "sessions": counts.n_sessions,
        "failed": counts.n_failed,
        "without_duration": counts.n_untimed,
        "with_cut_values": counts.n_cut,
        "lone_durations": counts.n_lone_durations,
        "nested_plans": counts.n_nested,
        "other_entries": counts.n_others,
        "first": time(counts.first),
        "last": time(counts.last),
    })
}

fn skipped(skips: &Skips) -> Value {
    let examples: Vec<Value> = skips
        .examples
        .iter()
        .map(|skip| {
            json!({"byte": skip.byte, "line": skip.line, "lines": skip.n_lines, "reason": skip.reason.to_string()})
        })
        .collect();
    json!({"lines": skips.n_lines, "bytes": skips.n_bytes, "examples": examples})
}

/// As in ISO 8601, in UTC.
fn time(time: Option<Time>) -> Option<String> {
    let moment = DateTime::from_timestamp_nanos(i64::try_from(time?.0).ok()?);
    Some(moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
