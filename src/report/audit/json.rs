//! The JSON form of an audit: an interface, to which keys are only added.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::{Audit, Reported, facts};
use crate::index::audit::{Fix, Unproven};
use crate::report::SCHEMA_VERSION;

pub(super) struct Report<'a>(pub(super) &'a Audit);

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let audit = self.0;
        let replicas: Vec<Value> = audit
            .replicas
            .iter()
            .map(|(label, counted_s)| json!({ "label": label, "counted_s": counted_s.map(f64::trunc) }))
            .collect();
        let mut keys = serializer.serialize_map(None)?;
        keys.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        keys.serialize_entry("findings", &Findings(&audit.findings))?;
        keys.serialize_entry("accepted", &audit.n_accepted)?;
        keys.serialize_entry("frees_bytes", &audit.frees_bytes())?;
        keys.serialize_entry("schemas", &audit.schemas)?;
        keys.serialize_entry("tables", &audit.n_tables)?;
        keys.serialize_entry("indexes", &audit.n_indexes)?;
        keys.serialize_entry("counted_s", &audit.counted_s.map(f64::trunc))?;
        keys.serialize_entry("replicas", &replicas)?;
        keys.serialize_entry("unseen", &audit.unseen)?;
        keys.serialize_entry("unproven", &audit.unproven.as_ref().map(unproven))?;
        keys.end()
    }
}

fn unproven(unproven: &Unproven) -> Value {
    json!({
        "indexes": unproven.indexes,
        "reason": unproven.reason,
        "wait_s": unproven.wait_s.map(f64::ceil),
    })
}

/// One at a time: all of them as values would take more memory than the catalog.
struct Findings<'a>(&'a [Reported]);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(finding))
    }
}

fn finding(Reported { finding, script }: &Reported) -> Value {
    let change = match &finding.fix {
        Some(Fix::Change(change)) => Some(change),
        Some(Fix::Statements { .. }) | None => None,
    };
    json!({
        "id": finding.id(),
        "rule": finding.rule,
        "severity": finding.severity.name(),
        "schema": finding.schema,
        "table": finding.table,
        "index": finding.index,
        "columns": finding.columns,
        "message": finding.message,
        "remedy": finding.remedy,
        "fix_sql": facts::sql_text(&script.sql),
        "undo_sql": facts::sql_text(&script.undo_sql),
        "frees_bytes": finding.frees_bytes,
        "change": change,
    })
}
