//! What a seed run has loaded.

use serde_json::json;

use super::{Align, Document, SCHEMA_VERSION, Table};
use crate::seed::SeedReport;
use crate::unit;

pub(crate) fn document(report: &SeedReport) -> Document<'static> {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("size", Align::Right),
        ("time", Align::Right),
        ("rows/s", Align::Right),
    ]);
    for seeded in &report.tables {
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
        let rate = seeded.n_rows as f64 / seeded.elapsed.as_secs_f64().max(1e-9);
        table.row([
            seeded.name.clone(),
            unit::count(seeded.n_rows),
            unit::bytes(seeded.size_bytes),
            format!("{:.2} s", seeded.elapsed.as_secs_f64()),
            unit::estimate(rate),
        ]);
    }
    let tables: Vec<_> = report
        .tables
        .iter()
        .map(|seeded| {
            json!({
                "table": seeded.name,
                "rows": seeded.n_rows,
                "bytes": seeded.size_bytes,
                "elapsed_ms": unit::json_ms(unit::as_ms(seeded.elapsed)),
            })
        })
        .collect();
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "tables": tables,
        "run_id": report.run_id,
        "seed": report.seed,
        "as_of": report.as_of,
    });
    Document::new(json).table(table)
}
