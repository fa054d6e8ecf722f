//! What snapshots of `pg_stat_statements` recorded.

use std::time::Duration;

use serde::Serialize;

use crate::report::{Document, SCHEMA_VERSION};
use crate::unit;
use crate::workload::snapshots::Counts;

/// What came of a capture.
pub(crate) struct StatementsReport {
    pub(crate) trace: String,
    pub(crate) counts: Counts,
    /// Those that were called.
    pub(crate) n_statements: u64,
    pub(crate) n_calls: u64,
    pub(crate) elapsed: Duration,
}

#[derive(Serialize)]
struct Json {
    schema_version: u32,
    trace: String,
    snapshots: u64,
    statements: u64,
    calls: u64,
    resets: u64,
    lost_entries: u64,
    complete: bool,
    elapsed_ms: u64,
}

impl StatementsReport {
    pub(crate) fn document(&self) -> Document<'static> {
        let Counts { n_snapshots, n_resets, n_lost } = self.counts;
        let complete = if n_lost == 0 { "complete" } else { "incomplete" };
        let text = format!(
            "{}: {} snapshots in {:.1} s, {} statements with {} calls, {complete}\n",
            self.trace,
            unit::count(n_snapshots),
            self.elapsed.as_secs_f64(),
            unit::count(self.n_statements),
            unit::count(self.n_calls),
        );
        Document::new(Json {
            schema_version: SCHEMA_VERSION,
            trace: self.trace.clone(),
            snapshots: n_snapshots,
            statements: self.n_statements,
            calls: self.n_calls,
            resets: n_resets,
            lost_entries: n_lost,
            complete: n_lost == 0,
            elapsed_ms: u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
        .text(text)
    }
}
