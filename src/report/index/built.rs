//! Index builds.

use serde_json::{Value, json};

use crate::report::{Align, Document, SCHEMA_VERSION, Table};
use crate::unit;

/// An index that `apply` built or found.
#[derive(Debug)]
pub(crate) struct BuiltIndex {
    pub(crate) name: String,
    pub(crate) described: String,
    pub(crate) size_bytes: u64,
    pub(crate) elapsed_ms: Option<f64>,
}

pub(crate) fn built(built: &[BuiltIndex]) -> Document<'static> {
    let mut table = Table::new([
        ("index", Align::Left),
        ("on", Align::Left),
        ("size", Align::Right),
        ("built in", Align::Right),
    ]);
    for index in built {
        table.row([
            index.name.clone(),
            index.described.clone(),
            unit::bytes(index.size_bytes),
            index
                .elapsed_ms
                .map_or_else(|| "was there".to_owned(), |ms| format!("{} ms", unit::milliseconds(ms))),
        ]);
    }
    let indexes: Vec<Value> = built
        .iter()
        .map(|index| {
            json!({
                "name": index.name,
                "definition": index.described,
                "size_bytes": index.size_bytes,
                "built": index.elapsed_ms.is_some(),
                "elapsed_ms": index.elapsed_ms.map(unit::json_ms),
            })
        })
        .collect();
    let document = Document::new(json!({ "schema_version": SCHEMA_VERSION, "indexes": indexes }));
    if built.is_empty() { document } else { document.table(table) }
}
