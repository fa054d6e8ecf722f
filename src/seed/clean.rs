//! Which rows of a run go, in which order, and how they are found.

use std::ops::Range;

use super::chunk::{Chunk, chunks};
use super::make::Maker;
use super::manifest::{Counted, Done};
use super::plan::{Edge, Nulls, Plan, TablePlan};
use super::schema::{ColumnId, TableId};
use crate::query::quote;

/// Rows that are deleted at once. Each batch is a transaction, so that nobody waits for long.
const BATCH_ROWS: u64 = 5_000;

/// How the rows of a table are told from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its key counts the rows: a batch is a range of it.
    Counted(ColumnId, Counted),
    /// The cells of this key are computed again.
    Key(Vec<ColumnId>),
    /// It has no key that the run has made: as many rows as the run has made of the same cells go, in the words of their output
    /// functions, since not all types can be compared.
    Cells,
}

/// Rows that one transaction deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Of a wave the rows of all its tables.
    pub(crate) parts: Vec<(TableId, Range<u64>)>,
    /// The chunk of which nothing is left after it.
    pub(crate) ends: Option<(u32, u32)>,
}

/// Returns how a table's rows are found, given its keys without a predicate in the order of preference.
pub(crate) fn by(table: &TablePlan, keys: &[Vec<String>]) -> By {
    let made = |name: &String| {
        let column = table.columns.iter().position(|column| column.name == *name)?;
        let id = ColumnId::try_from(column).ok()?;
        (table.columns[column].nulls == Nulls::Never).then_some(id)
    };
    let made: Vec<Vec<ColumnId>> =
        keys.iter().filter_map(|key| key.iter().map(made).collect::<Option<Vec<_>>>()).collect();
    let counted = |key: &Vec<ColumnId>| match key[..] {
        [column] => Counted::of(table, &table.columns[usize::from(column)]).map(|it| By::Counted(column, it)),
        _ => None,
    };
    if let Some(by) = made.iter().find_map(counted) {
        return by;
    }
    // A key that a foreign key makes may be NULL where that is.
    let may_be_null = |column: &ColumnId| {
        let is_null = |edge: &Edge| edge.columns.contains(column) && edge.nulls != Nulls::Never;
        match table.columns[usize::from(*column)].maker {
            Maker::Drawn { .. } => false,
            Maker::Reference { edge, .. } => is_null(&table.edges[usize::from(edge)]),
            _ => table.edges.iter().any(is_null),
        }
    };
    let is_whole = |key: &&Vec<ColumnId>| !key.is_empty() && !key.iter().any(may_be_null);
    made.iter().find(is_whole).map_or(By::Cells, |key| By::Key(key.clone()))
}

/// Returns the batches of the chunks that are there, children first and the last rows of a table first: rows refer to earlier
/// rows of their own table.
pub(crate) fn batches(plan: &Plan, done: &Done, by: &[By]) -> Vec<Batch> {
    let mut chunks: Vec<Chunk> =
        chunks(plan).filter(|chunk| done.chunks.contains(&(chunk.step, chunk.number))).collect();
    chunks.reverse();
    chunks.into_iter().flat_map(|chunk| of_chunk(chunk, by)).collect()
}

fn of_chunk(chunk: Chunk, by: &[By]) -> Vec<Batch> {
    let ends = Some((chunk.step, chunk.number));
    match &chunk.parts[..] {
        // Which of equal rows are gone already cannot be told, so they go at once.
        [(table, rows)] if by[usize::from(*table)] != By::Cells => {
            let starts = (rows.start..rows.end).step_by(usize::try_from(BATCH_ROWS).unwrap_or(usize::MAX));
            let mut batches: Vec<Batch> = starts
                .map(|start| Batch {
                    parts: vec![(*table, start..(start + BATCH_ROWS).min(rows.end))],
                    ends: None,
                })
                .collect();
            batches.reverse();
            if let Some(last) = batches.last_mut() {
                last.ends = ends;
            }
            batches
        }
        _ => vec![Batch { parts: chunk.parts, ends }],
    }
}

/// Returns the condition that holds for those rows of a table, under this alias, that are in the batch; `stage` is the table that
/// holds their cells, which a [`By::Counted`] does without.
pub(crate) fn condition(table: &TablePlan, alias: &str, by: &By, rows: &Range<u64>, stage: &str) -> String {
    let name = quote::qualified(&table.schema, &table.name);
    let column = |id: &ColumnId| quote::identifier(&table.columns[usize::from(*id)].name);
    match by {
        By::Counted(key, counted) => {
            let (least, greatest) = counted.between(rows.start, rows.end.saturating_sub(1).max(rows.start));
            format!("{alias}.{} BETWEEN {least} AND {greatest}", column(key))
        }
        By::Key(key) => {
            let of = |alias: &str| {
                let columns: Vec<String> = key.iter().map(|id| format!("{alias}.{}", column(id))).collect();
                columns.join(", ")
            };
            // Where it is negated, the server hashes the answer of IN, while of EXISTS it may look through the stage for each row.
            format!("({}) IN (SELECT {} FROM {stage} AS s)", of(alias), of("s"))
        }
        By::Cells => {
            let cells = |of: &str| {
                let columns: Vec<String> = table
                    .columns
                    .iter()
                    .map(|column| format!("{of}.{}", quote::identifier(&column.name)))
                    .collect();
                format!("ROW({})::pg_catalog.text", columns.join(", "))
            };
            format!(
                "({alias}.tableoid, {alias}.ctid) IN (SELECT a.tableoid, a.ctid FROM (SELECT r.tableoid, r.ctid, {} AS cells, \
                 pg_catalog.row_number() OVER (PARTITION BY {}) AS n FROM {name} AS r) AS a JOIN (SELECT {} AS cells, \
                 pg_catalog.count(*) AS n FROM {stage} AS s GROUP BY 1) AS b ON a.cells = b.cells AND a.n <= b.n)",
                cells("r"),
                cells("r"),
                cells("s"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{plan, serial, table};
    use super::*;
    use crate::seed::make::{Draw, Values};
    use crate::seed::plan::{ColumnPlan, Pick, Step};

    fn keyed(n_rows: u64, rows_per_chunk: u32) -> TablePlan {
        let name = ColumnPlan { maker: crate::seed::make::Maker::Null, ..serial("Name", 0, 1) };
        TablePlan { columns: vec![serial("id", 1, 1), name], ..table("t", n_rows, rows_per_chunk) }
    }

    #[test]
    fn rows_are_found_by_the_best_key() {
        let check = |keys: &[&[&str]], nullable: bool, expected: &By| {
            let mut table = keyed(10, 10);
            if nullable {
                table.columns[1].nulls = Nulls::Share(1 << 31);
            }
            let keys: Vec<Vec<String>> =
                keys.iter().map(|key| key.iter().map(|name| (*name).to_owned()).collect()).collect();
            assert_eq!(by(&table, &keys), *expected);
        };
        let counted = Counted::of(&keyed(10, 10), &keyed(10, 10).columns[0]).unwrap();
        check(&[&["Name"], &["id"]], false, &By::Counted(0, counted));
        check(&[&["Name"]], false, &By::Key(vec![1]));
        check(&[&["Name"]], true, &By::Cells);
        check(&[&["id", "Name"]], false, &By::Key(vec![0, 1]));
        check(&[&["id", "made by a default"]], false, &By::Cells);
        check(&[&[]], false, &By::Cells);
        check(&[], false, &By::Cells);
    }

    #[test]
    fn a_key_beside_a_nullable_reference_is_a_key() {
        let drawn = Maker::Drawn { draw: Draw::Bits, values: Values::Bytes { min: 8, max: 8 } };
        let check = |maker: Maker, nulls: Nulls, expected: &By| {
            let mut table = keyed(10, 10);
            table.columns[1].maker = maker;
            table.edges = vec![Edge {
                name: String::new(),
                parent: 0,
                columns: vec![1, 0],
                parent_columns: vec![1, 0],
                pick: Pick::Constant(0),
                nulls,
                key: 0,
            }];
            assert_eq!(by(&table, &[vec!["Name".to_owned()]]), *expected);
        };
        let reference = Maker::Reference { edge: 0, column: 1 };
        check(drawn, Nulls::Share(1 << 31), &By::Key(vec![1]));
        check(reference.clone(), Nulls::Never, &By::Key(vec![1]));
        check(reference, Nulls::Share(1 << 31), &By::Cells);
    }

    #[test]
    fn children_go_first_and_last_rows_before_first_ones() {
        type Expected = (TableId, Range<u64>, Option<(u32, u32)>);
        let mut plan = plan(vec![keyed(12_000, 11_000), table("c", 20, 10)]);
        plan.tables[1].is_staged = true;
        let by = [by(&plan.tables[0], &[vec!["id".to_owned()]]), By::Cells];
        let check = |plan: &Plan, chunks: &[(u32, u32)], expected: &[Expected]| {
            let done = Done { chunks: chunks.iter().copied().collect(), ..Done::default() };
            let batches = batches(plan, &done, &by);
            let found: Vec<_> = batches
                .iter()
                .map(|batch| (batch.parts[0].0, batch.parts[0].1.clone(), batch.ends))
                .collect();
            assert_eq!(found, expected);
        };
        check(
            &plan,
            &[(0, 0), (0, 1), (1, 1)],
            &[
                (1, 10..20, Some((1, 1))),
                (0, 11_000..12_000, Some((0, 1))),
                (0, 10_000..11_000, None),
                (0, 5_000..10_000, None),
                (0, 0..5_000, Some((0, 0))),
            ],
        );
        check(&plan, &[], &[]);
        plan.steps = vec![Step::Wave(vec![0, 1])];
        check(&plan, &[(0, 0)], &[(0, 0..11_000, Some((0, 0)))]);
    }

    #[test]
    fn conditions_name_the_rows() {
        let table = keyed(10, 10);
        let check = |by: &By, expected: &str| {
            assert_eq!(condition(&table, "t", by, &(2..5), "pg_temp.stage"), expected);
        };
        let counted = Counted::of(&table, &table.columns[0]).unwrap();
        check(&By::Counted(0, counted), "t.id BETWEEN 3 AND 5");
        check(
            &By::Key(vec![0, 1]),
            "(t.id, t.\"Name\") IN (SELECT s.id, s.\"Name\" FROM pg_temp.stage AS s)",
        );
    }
}
