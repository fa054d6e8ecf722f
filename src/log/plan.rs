//! What the plans of `auto_explain` say of their statement as a whole: its text, and rows and blocks of the topmost node.
//!
//! `plan::read` reads plans whole; a log may hold millions, of which nothing else is asked here.

use memchr::memmem;

use crate::trace::Blocks;

/// The statement of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) sql: Vec<u8>,
    /// `Query Parameters` as they are written; empty when there are none.
    pub(super) parameters: Vec<u8>,
    /// Of all loops, which is one; `None` without `auto_explain.log_analyze`, and for what changes rows.
    pub(super) n_rows: Option<u64>,
    pub(super) blocks: Option<Blocks>,
}

/// Reads what follows `plan:`; `None` when there is no text of a statement.
pub(super) fn read(plan: &[u8]) -> Option<Planned> {
    let plan = plan.trim_ascii();
    if plan.starts_with(b"{") {
        return of_json(plan);
    }
    let text = plan.strip_prefix(b"Query Text: ");
    text.map(of_text)
}

fn of_text(text: &[u8]) -> Planned {
    let node = node_line(text);
    let head = &text[..node];
    let ends = [&b"\nQuery Parameters: "[..], b"\nQuery Identifier: "];
    let end = ends.iter().filter_map(|end| memmem::find(head, end)).min().unwrap_or(head.len());
    let parameters = memmem::find(head, b"\nQuery Parameters: ").map_or(&[][..], |at| &head[at + 1..]);
    let tree = &text[node..];
    let line_end = memchr::memchr(b'\n', tree).unwrap_or(tree.len());
    let (root, below) = tree.split_at(line_end);
    // What belongs to the topmost node stands before the first arrow.
    let own = &below[..memmem::find(below, b"->").unwrap_or(below.len())];
    let blocks = memmem::find(own, b"  Buffers: ").map(|at| {
        let line = &own[at..];
        blocks_of_text(&line[..memchr::memchr(b'\n', line).unwrap_or(line.len())])
    });
    let is_change = [&b"Insert on "[..], b"Update on ", b"Delete on ", b"Merge on "]
        .iter()
        .any(|start| root.starts_with(start));
    let actual = memmem::find(root, b"(actual ").map(|at| &root[at..]);
    Planned {
        sql: head[..end].trim_ascii_end().to_vec(),
        parameters: parameters.to_vec(),
        n_rows: actual.filter(|_| !is_change).and_then(|actual| number_after(actual, b" rows=")),
        blocks,
    }
}

/// Returns where the first line with costs begins.
fn node_line(text: &[u8]) -> usize {
    let costs = memmem::find(text, b"  (cost=").or_else(|| memmem::find(text, b"  (actual "));
    let costs = costs.unwrap_or(text.len());
    memchr::memrchr(b'\n', &text[..costs]).map_or(text.len(), |end| end + 1)
}

fn blocks_of_text(line: &[u8]) -> Blocks {
    // `Buffers: shared hit=1 read=2 dirtied=3 written=4, local …, temp read=5 written=6`
    let part = |name: &[u8]| {
        let from = memmem::find(line, name).map(|at| &line[at + name.len()..]).unwrap_or_default();
        &from[..memchr::memchr(b',', from).unwrap_or(from.len())]
    };
    let (shared, temp) = (part(b"shared "), part(b"temp "));
    Blocks {
        shared_hit: number_after(shared, b"hit=").unwrap_or(0),
        shared_read: number_after(shared, b"read=").unwrap_or(0),
        shared_dirtied: number_after(shared, b"dirtied=").unwrap_or(0),
        shared_written: number_after(shared, b"written=").unwrap_or(0),
        temp_read: number_after(temp, b"read=").unwrap_or(0),
        temp_written: number_after(temp, b"written=").unwrap_or(0),
    }
}

fn of_json(plan: &[u8]) -> Option<Planned> {
    let after = |key: &[u8]| {
        let at = memmem::find(plan, key)? + key.len();
        Some(plan[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
    };
    let sql = json_string(after(b"\"Query Text\"")?)?;
    let parameters = after(b"\"Query Parameters\"").and_then(json_string);
    let parameters = parameters.map_or_else(Vec::new, |values| [b"Query Parameters: ", &*values].concat());
    let root = &plan[memmem::find(plan, b"\"Plan\"")?..];
    let root = &root[..memmem::find(root, b"\"Plans\"").unwrap_or(root.len())];
    let is_change = memmem::find(root, b"\"ModifyTable\"").is_some();
    let number = |key: &[u8]| number_after(root, key);
    let blocks = number(b"\"Shared Hit Blocks\": ").map(|shared_hit| Blocks {
        shared_hit,
        shared_read: number(b"\"Shared Read Blocks\": ").unwrap_or(0),
        shared_dirtied: number(b"\"Shared Dirtied Blocks\": ").unwrap_or(0),
        shared_written: number(b"\"Shared Written Blocks\": ").unwrap_or(0),
        temp_read: number(b"\"Temp Read Blocks\": ").unwrap_or(0),
        temp_written: number(b"\"Temp Written Blocks\": ").unwrap_or(0),
    });
    let n_rows = number(b"\"Actual Rows\": ").filter(|_| !is_change);
    Some(Planned { sql, parameters, n_rows, blocks })
}

fn json_string(text: &[u8]) -> Option<Vec<u8>> {
    let mut json = super::json::Json::default();
    json.only_string(text.strip_prefix(b"\"")?).map(<[u8]>::to_vec)
}

/// Reads the whole number behind a key.
fn number_after(text: &[u8], key: &[u8]) -> Option<u64> {
    let rest = &text[memmem::find(text, key)? + key.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_plans() {
        let plan = "\nQuery Text: SELECT a\nFROM t WHERE b = $1\nQuery Parameters: $1 = '5'\nLimit  (cost=0.00..1.00 rows=9 width=4) \
                    (actual time=0.010..0.020 rows=3 loops=1)\n  Buffers: shared hit=4 read=2, temp read=1 written=7\n  ->  Seq Scan on t  \
                    (cost=0.00..2.00 rows=9 width=4) (actual time=0.010..0.020 rows=8 loops=1)\n        Buffers: shared hit=3";
        let planned = read(plan.as_bytes()).unwrap();
        assert_eq!(planned.sql, b"SELECT a\nFROM t WHERE b = $1");
        assert_eq!(planned.parameters, b"Query Parameters: $1 = '5'\n");
        assert_eq!(planned.n_rows, Some(3));
        let expected =
            Blocks { shared_hit: 4, shared_read: 2, temp_read: 1, temp_written: 7, ..Blocks::default() };
        assert_eq!(planned.blocks, Some(expected));
    }

    #[test]
    fn reads_json_plans() {
        let plan = r#" { "Query Text": "SELECT \"a\"\nFROM t", "Plan": { "Node Type": "Seq Scan", "Actual Rows": 7, "Shared Hit Blocks": 3,
            "Shared Read Blocks": 1, "Plans": [ {"Actual Rows": 9} ] } }"#;
        let planned = read(plan.as_bytes()).unwrap();
        assert_eq!((&*planned.sql, planned.n_rows), (&b"SELECT \"a\"\nFROM t"[..], Some(7)));
        assert_eq!(planned.blocks, Some(Blocks { shared_hit: 3, shared_read: 1, ..Blocks::default() }));
    }

    #[test]
    fn knows_no_rows_of_estimates_and_changes() {
        let estimate = read(b"Query Text: SELECT 1\nResult  (cost=0.00..0.01 rows=1 width=4)").unwrap();
        assert_eq!((&*estimate.sql, estimate.n_rows, estimate.blocks), (&b"SELECT 1"[..], None, None));
        let change = read(
            b"Query Text: UPDATE t SET a = 1\nUpdate on t  (cost=0.00..1.00 rows=0 width=0) (actual time=0.1..0.1 rows=0 loops=1)",
        );
        assert_eq!(change.unwrap().n_rows, None);
        assert_eq!(read(b""), None);
        assert_eq!(read(b"Query Text: x").unwrap().sql, b"x");
    }
}
