//! Small plans for tests.

use super::make::{Draw, Maker, Values};
use super::plan::{ColumnPlan, MakerFrom, Nulls, Plan, RowsFrom, Step, TablePlan};
use super::schema::TableId;
use super::wire::Wire;

/// A plan that loads the tables one after the other.
pub(crate) fn plan(tables: Vec<TablePlan>) -> Plan {
    let n = TableId::try_from(tables.len()).expect("a test has few tables");
    let steps = (0..n).map(Step::Table).collect();
    Plan {
        algorithm: super::ALGORITHM,
        seed: 42,
        as_of_us: 0,
        tables,
        steps,
        gaps: Vec::new(),
        size: None,
        are_triggers_off: false,
        asked: Vec::new(),
        partitions: Vec::new(),
    }
}

/// A table without columns.
pub(crate) fn table(name: &str, n_rows: u64, rows_per_chunk: u32) -> TablePlan {
    TablePlan {
        schema: "public".to_owned(),
        name: name.to_owned(),
        n_rows,
        rows_from: RowsFrom::Asked,
        base: 0,
        existing: None,
        columns: Vec::new(),
        edges: Vec::new(),
        components: Vec::new(),
        fill_order: Vec::new(),
        routing: None,
        is_staged: false,
        rows_per_chunk,
        waits_for: Vec::new(),
        fed_by: None,
        was_filled: false,
    }
}

/// A `bigint` column that counts.
pub(crate) fn serial(name: &str, low: i64, step: i64) -> ColumnPlan {
    ColumnPlan {
        name: name.to_owned(),
        type_name: "bigint".to_owned(),
        wire: Wire::Int8,
        maker: Maker::Drawn { draw: Draw::Serial, values: Values::Int { low, step, n: u64::MAX } },
        nulls: Nulls::Never,
        key: 0,
        source: MakerFrom::Key,
        sequence: None,
    }
}
