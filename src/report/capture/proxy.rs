//! What a proxy recorded.

use std::time::Duration;

use serde::Serialize;

use crate::report::{Document, SCHEMA_VERSION};
use crate::trace::Dropped;
use crate::unit;

/// What came of a proxy's run.
pub(crate) struct ProxyReport {
    pub(crate) trace: String,
    pub(crate) listen: String,
    pub(crate) sessions: u64,
    pub(crate) executions: u64,
    pub(crate) dropped: Dropped,
    /// Whether the trace was written to its end.
    pub(crate) is_whole: bool,
    pub(crate) elapsed: Duration,
}

#[derive(Serialize)]
struct Json {
    schema_version: u32,
    trace: String,
    listen: String,
    sessions: u64,
    executions: u64,
    dropped_executions: u64,
    dropped_sessions: u64,
    complete: bool,
    elapsed_ms: u64,
}

impl ProxyReport {
    /// Whether all that was seen is in the trace.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_whole && self.dropped == Dropped::default()
    }

    pub(crate) fn document(&self) -> Document<'static> {
        let complete = if self.is_complete() { "complete" } else { "incomplete" };
        let text = format!(
            "{}: {}, {} in {:.1} s, {complete}\n",
            self.trace,
            unit::counted(self.sessions, "session"),
            unit::counted(self.executions, "execution"),
            self.elapsed.as_secs_f64()
        );
        Document::new(Json {
            schema_version: SCHEMA_VERSION,
            trace: self.trace.clone(),
            listen: self.listen.clone(),
            sessions: self.sessions,
            executions: self.executions,
            dropped_executions: self.dropped.n_executions,
            dropped_sessions: self.dropped.n_sessions,
            complete: self.is_complete(),
            elapsed_ms: u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
        .text(text)
    }
}
