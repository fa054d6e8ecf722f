//! A run against its baseline.

use serde_json::{Value, json};

use crate::bench::baseline::{Baseline, Change, Gate, Held, Latencies};
use crate::report::{Align, Table};
use crate::unit;

/// Writes a baseline as its file has it: what changes between two is a line each.
pub(crate) fn text(baseline: &Baseline) -> String {
    let of = &baseline.fingerprint;
    let statements: Vec<Value> = baseline
        .statements
        .iter()
        .map(|it| {
            json!({
                "name": it.name,
                "text": it.text,
                "writes": it.writes,
                "work": {
                    "blocks": it.work.blocks,
                    "temp_blocks": it.work.temp_blocks,
                    "rows": it.work.rows,
                    "wal_records": it.work.wal_records,
                    "plans": it.work.plans,
                },
                "p50_ms": it.p50_ms.map(unit::json_ms),
                "p99_ms": it.p99_ms.map(unit::json_ms),
            })
        })
        .collect();
    let json = json!({
        "baseline_version": baseline.baseline_version,
        "fingerprint": {
            "perfkit_version": of.perfkit_version,
            "server_version_num": of.server_version_num,
            "settings": of.settings,
            "n_tables": of.n_tables,
            "table_bytes": of.table_bytes,
            "seed": of.seed,
            "executions": of.executions,
            "load": of.load,
            "machine": of.machine,
        },
        "statements": statements,
    });
    format!("{json:#}\n")
}

pub(super) fn json(held: Option<&Held>) -> Value {
    let Some(held) = held else { return Value::Null };
    let gate = |gate: &Gate| {
        json!({
            "statement": gate.statement,
            "figure": gate.figure.replace(' ', "_").to_lowercase(),
            "before": gate.before,
            "now": gate.now,
            "outcome": name(gate.outcome),
        })
    };
    let latencies = held.latencies.iter().map(|Latencies { statement, before, now }| {
        let ms = |ms: Option<f64>| ms.map(unit::json_ms);
        json!({
            "statement": statement,
            "p50_ms_before": ms(before[0]),
            "p50_ms": ms(now[0]),
            "p99_ms_before": ms(before[1]),
            "p99_ms": ms(now[1]),
        })
    });
    json!({
        "comparable": held.is_comparable(),
        "differences": held.differences,
        "latency_differences": held.of_latencies,
        "gates": held.gates.iter().map(gate).collect::<Vec<_>>(),
        "latencies": latencies.collect::<Vec<_>>(),
    })
}

/// Returns what is not as it was; `None` if all is.
pub(super) fn table(held: Option<&Held>) -> Option<Table> {
    let mut changed = held?.gates.iter().filter(|gate| gate.outcome != Change::Same).peekable();
    changed.peek()?;
    let mut table = Table::new([
        ("statement", Align::Left),
        ("figure", Align::Left),
        ("baseline", Align::Right),
        ("now", Align::Right),
        ("verdict", Align::Left),
    ]);
    for gate in changed {
        table.row([gate.statement.as_str(), gate.figure, &gate.before, &gate.now, name(gate.outcome)]);
    }
    Some(table)
}

/// Says in a line each what came of it.
pub(super) fn lines(held: Option<&Held>) -> Vec<String> {
    let Some(held) = held else { return Vec::new() };
    if !held.is_comparable() {
        return vec![format!("baseline: not comparable: {}", held.differences.join("; "))];
    }
    let n = |outcome| held.gates.iter().filter(|gate| gate.outcome == outcome).count();
    let verdict = format!(
        "baseline: {} of {} figures of work worse, {} better, {} plans others",
        n(Change::Worse),
        held.gates.len(),
        n(Change::Better),
        n(Change::Other)
    );
    let latencies = if held.of_latencies.is_empty() {
        let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), unit::milliseconds);
        held.latencies
            .iter()
            .map(|Latencies { statement: name, before, now }| {
                format!(
                    "baseline, one run each and no verdict: {name} p50 {} then {} ms, p99 {} then {} ms",
                    ms(before[0]),
                    ms(now[0]),
                    ms(before[1]),
                    ms(now[1])
                )
            })
            .collect()
    } else {
        vec![format!("baseline: latencies not comparable: {}", held.of_latencies.join("; "))]
    };
    std::iter::once(verdict).chain(latencies).collect()
}

fn name(change: Change) -> &'static str {
    match change {
        Change::Same => "same",
        Change::Better => "better",
        Change::Other => "another",
        Change::Worse => "worse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::baseline::{FORM, Fingerprint, Measured, Work, hold};

    fn baseline(blocks: u64) -> Baseline {
        let work = Work { blocks, rows: 5, plans: ["0123456789abcdef".to_owned()].into(), ..Work::default() };
        let statement = Measured {
            name: "read".to_owned(),
            text: "x".to_owned(),
            writes: false,
            work,
            p50_ms: Some(0.25),
            p99_ms: None,
        };
        let settings = [("jit".to_owned(), "on".to_owned())].into();
        let fingerprint = Fingerprint { server_version_num: 150_004, settings, ..Fingerprint::default() };
        Baseline { baseline_version: FORM, fingerprint, statements: vec![statement] }
    }

    #[test]
    fn files_come_back() {
        let read: Baseline = serde_json::from_str(&text(&baseline(7))).unwrap();
        assert_eq!(read, baseline(7));
    }

    #[test]
    fn says_what_is_worse() {
        let held = hold(&baseline(7), &baseline(8));
        let table = table(Some(&held)).unwrap().to_csv();
        assert!(table.ends_with("read,blocks,7,8,worse\n"), "{table}");
        assert_eq!(
            lines(Some(&held)),
            [
                "baseline: 1 of 4 figures of work worse, 0 better, 0 plans others",
                "baseline, one run each and no verdict: read p50 0.25 then 0.25 ms, p99 - then - ms"
            ]
        );
        assert_eq!(json(Some(&held))["gates"][0]["outcome"], "worse");
        assert!(super::table(Some(&hold(&baseline(7), &baseline(7)))).is_none() && lines(None).is_empty());
    }
}
