//! A plan as a list of nodes, parents before children.

use std::ops::{AddAssign, SubAssign};

use serde_json::{Map, Value};

/// One executed or estimated plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// In the order in which EXPLAIN prints them; the first is the root.
    pub(crate) nodes: Vec<Node>,
    /// The statement, where the plan came with it (`Query Text` of `auto_explain`).
    pub(crate) query: Option<String>,
    pub(crate) planning_ms: Option<f64>,
    /// Blocks that planning read.
    pub(crate) planning_buffers: Option<Buffers>,
    /// Memory of the planner in kB (MEMORY, PostgreSQL 17).
    pub(crate) planner_memory_kb: Option<f64>,
    /// Start, run and end of the executor, without planning.
    pub(crate) execution_ms: Option<f64>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) jit: Option<Jit>,
    /// Turning the result into text or binary (SERIALIZE, PostgreSQL 17).
    pub(crate) serialization: Option<Serialization>,
    /// Planner settings that are not the default, as EXPLAIN (SETTINGS) prints them.
    pub(crate) settings: Map<String, Value>,
    /// Whether rows are printed with two decimals (PostgreSQL 18) instead of rounded to whole ones.
    pub(crate) has_fractional_rows: bool,
    /// Every other key beside the root, as EXPLAIN wrote it.
    pub(crate) details: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    /// Place in `Plan::nodes`.
    pub(crate) id: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) children: Vec<usize>,
    /// The bare type, as in `Seq Scan`, `Aggregate`, `Hash Join` or `ModifyTable` (`Node Type` of the JSON format).
    pub(crate) kind: String,
    /// As the text format names it, as in `Parallel Seq Scan`, `Partial HashAggregate`, `Hash Left Join` or `Insert`.
    pub(crate) node_type: String,
    /// `Outer`, `Inner`, `InitPlan`, `SubPlan`, `Member` or `Subquery`.
    pub(crate) relationship: Option<String>,
    /// As in `InitPlan 1 (returns $0)`, `InitPlan 1`, `SubPlan 2`, `CTE x` or `exists_1`.
    pub(crate) subplan_name: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) relation: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) index: Option<String>,
    pub(crate) startup_cost: Option<f64>,
    pub(crate) total_cost: Option<f64>,
    /// Estimated rows a loop; below a Gather a process.
    pub(crate) plan_rows: Option<f64>,
    /// Estimated bytes a row.
    pub(crate) plan_width: Option<f64>,
    /// What was measured; `None` without ANALYZE.
    pub(crate) actual: Option<Actual>,
    pub(crate) buffers: Option<Buffers>,
    pub(crate) io: Option<IoTimes>,
    pub(crate) wal: Option<Wal>,
    /// What each worker did (VERBOSE).
    pub(crate) workers: Vec<Worker>,
    /// Every other key, as EXPLAIN wrote it (`Filter`, `Sort Key`, `Join Type`, `Strategy`, …).
    pub(crate) details: Map<String, Value>,
}

/// What was measured of a node: times and rows are averages over the loops.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Actual {
    /// Absent with TIMING OFF.
    pub(crate) startup_ms: Option<f64>,
    /// Absent with TIMING OFF.
    pub(crate) total_ms: Option<f64>,
    pub(crate) rows: f64,
    /// Processes times rescans; 0 when the node was never executed.
    pub(crate) loops: f64,
}

/// Blocks of the node and everything below it, over all loops and processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buffers {
    pub(crate) shared_hit: u64,
    pub(crate) shared_read: u64,
    pub(crate) shared_dirtied: u64,
    pub(crate) shared_written: u64,
    pub(crate) local_hit: u64,
    pub(crate) local_read: u64,
    pub(crate) local_dirtied: u64,
    pub(crate) local_written: u64,
    pub(crate) temp_read: u64,
    pub(crate) temp_written: u64,
}

/// Time in reads and writes (`track_io_timing`) of the node and everything below it, over all loops and processes.
/// Up to PostgreSQL 16 the shared times hold the local ones too; temporary files are timed since 15.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct IoTimes {
    pub(crate) shared_read_ms: f64,
    pub(crate) shared_write_ms: f64,
    pub(crate) local_read_ms: f64,
    pub(crate) local_write_ms: f64,
    pub(crate) temp_read_ms: f64,
    pub(crate) temp_write_ms: f64,
}

/// Write-ahead log of the node and everything below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wal {
    pub(crate) records: u64,
    /// Full-page images.
    pub(crate) fpi: u64,
    pub(crate) bytes: u64,
}

/// A worker's own share of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Worker {
    pub(crate) number: u64,
    pub(crate) actual: Option<Actual>,
    pub(crate) buffers: Option<Buffers>,
    /// Every other key, as EXPLAIN wrote it.
    pub(crate) details: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    /// The constraint that the trigger is for.
    pub(crate) constraint: Option<String>,
    pub(crate) relation: Option<String>,
    /// Absent with TIMING OFF.
    pub(crate) time_ms: Option<f64>,
    pub(crate) calls: f64,
}

/// Just-in-time compilation, summed over processes; it is part of the nodes' times already.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Jit {
    pub(crate) functions: f64,
    pub(crate) total_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Serialization {
    pub(crate) time_ms: Option<f64>,
    pub(crate) volume_kb: f64,
}

impl Plan {
    pub(crate) fn children(&self, id: usize) -> impl Iterator<Item = &Node> {
        self.nodes[id].children.iter().map(|child| &self.nodes[*child])
    }

    /// The nodes from `id`'s parent up to the root.
    pub(crate) fn ancestors(&self, id: usize) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.nodes[id].parent, |id| self.nodes[*id].parent).map(|id| &self.nodes[id])
    }

    /// The nodes below `id`, without `id` itself.
    pub(crate) fn descendants(&self, id: usize) -> impl Iterator<Item = &Node> {
        let is_below = move |node: &&Node| node.parent.is_some_and(|parent| parent >= id);
        // Parents come before children, and a subtree is one run of nodes.
        self.nodes[id + 1..].iter().take_while(is_below)
    }

    /// Whether any node was measured, be it without timing.
    pub(crate) fn is_analyzed(&self) -> bool {
        self.nodes.first().is_some_and(|root| root.actual.is_some())
    }
}

impl Node {
    pub(crate) fn detail(&self, key: &str) -> Option<&Value> {
        self.details.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.detail(key)?.as_str()
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.detail(key)?.as_f64()
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.detail(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The texts of a list such as `Sort Key`, `Group Key` or `Output`.
    pub(crate) fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.detail(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Every text among the details, those of lists too: conditions, keys, output and the rest.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.details
            .values()
            .flat_map(|value| match value {
                Value::Array(list) => list.as_slice(),
                other => std::slice::from_ref(other),
            })
            .filter_map(Value::as_str)
    }

    /// The details of the node itself and of each worker, which has sorts and caches of its own.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Map<String, Value>> {
        std::iter::once(&self.details).chain(self.workers.iter().map(|worker| &worker.details))
    }

    pub(crate) fn is_init_plan(&self) -> bool {
        self.relationship.as_deref() == Some("InitPlan")
    }

    pub(crate) fn is_gather(&self) -> bool {
        matches!(self.kind.as_str(), "Gather" | "Gather Merge")
    }

    pub(crate) fn is_join(&self) -> bool {
        matches!(self.kind.as_str(), "Nested Loop" | "Hash Join" | "Merge Join")
    }

    /// Whether the node is of this type, parallel or not.
    pub(crate) fn is_a(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Whether the node was executed at all.
    pub(crate) fn is_run(&self) -> bool {
        self.actual.is_some_and(|actual| actual.loops > 0.0)
    }

    /// Rows over all loops.
    pub(crate) fn rows_in_all(&self) -> Option<f64> {
        self.actual.map(|actual| actual.rows * actual.loops)
    }

    /// What is scanned: a table, CTE or function.
    pub(crate) fn scanned(&self) -> Option<&str> {
        self.relation
            .as_deref()
            .or_else(|| self.text("CTE Name"))
            .or_else(|| self.text("Function Name"))
            .or_else(|| self.text("Table Function Name"))
            .or_else(|| self.text("Tuplestore Name"))
    }

    /// What the node does to what, as in `Index Scan using i on t a`.
    pub(crate) fn title(&self) -> String {
        let mut title = self.node_type.clone();
        if self.text("Scan Direction") == Some("Backward") {
            title.push_str(" Backward");
        }
        if let Some(index) = &self.index {
            let word = if self.is_a("Bitmap Index Scan") { "on" } else { "using" };
            title = format!("{title} {word} {index}");
        }
        match (self.scanned(), &self.alias) {
            (Some(scanned), Some(alias)) if alias != scanned => format!("{title} on {scanned} {alias}"),
            (Some(scanned), _) => format!("{title} on {scanned}"),
            (None, Some(alias)) => format!("{title} on {alias}"),
            (None, None) => title,
        }
    }
}

impl Buffers {
    /// Blocks that were asked for, in memory or not.
    pub(crate) fn shared(&self) -> u64 {
        self.shared_hit.saturating_add(self.shared_read)
    }

    /// Blocks of every kind, however touched.
    pub(crate) fn all(&self) -> u64 {
        [self.local_hit, self.local_read, self.temp_read, self.temp_written]
            .into_iter()
            .fold(self.shared(), u64::saturating_add)
    }

    /// Returns a share, 0 to 1, of all counts.
    pub(crate) fn scaled(mut self, share: f64) -> Self {
        for count in self.counts() {
            *count = scaled(*count, share);
        }
        self
    }

    fn counts(&mut self) -> [&mut u64; 10] {
        [
            &mut self.shared_hit,
            &mut self.shared_read,
            &mut self.shared_dirtied,
            &mut self.shared_written,
            &mut self.local_hit,
            &mut self.local_read,
            &mut self.local_dirtied,
            &mut self.local_written,
            &mut self.temp_read,
            &mut self.temp_written,
        ]
    }

    fn each(&mut self, mut other: Self, combine: fn(u64, u64) -> u64) {
        for (own, other) in self.counts().into_iter().zip(other.counts()) {
            *own = combine(*own, *other);
        }
    }
}

impl AddAssign for Buffers {
    fn add_assign(&mut self, other: Self) {
        self.each(other, u64::saturating_add);
    }
}

/// What would fall below zero stays zero: workers may report after their parents have stopped counting.
impl SubAssign for Buffers {
    fn sub_assign(&mut self, other: Self) {
        self.each(other, u64::saturating_sub);
    }
}

impl IoTimes {
    pub(crate) fn total_ms(&self) -> f64 {
        self.shared_read_ms
            + self.shared_write_ms
            + self.local_read_ms
            + self.local_write_ms
            + self.temp_read_ms
            + self.temp_write_ms
    }
}

impl IoTimes {
    /// Takes off a share of `part`; nothing falls below zero.
    pub(crate) fn subtract(&mut self, part: &Self, share: f64) {
        for (own, part) in [
            (&mut self.shared_read_ms, part.shared_read_ms),
            (&mut self.shared_write_ms, part.shared_write_ms),
            (&mut self.local_read_ms, part.local_read_ms),
            (&mut self.local_write_ms, part.local_write_ms),
            (&mut self.temp_read_ms, part.temp_read_ms),
            (&mut self.temp_write_ms, part.temp_write_ms),
        ] {
            *own = (*own - part * share).max(0.0);
        }
    }
}

impl Wal {
    /// Takes off a share of `part`; nothing falls below zero.
    pub(crate) fn subtract(&mut self, part: &Self, share: f64) {
        self.records = self.records.saturating_sub(scaled(part.records, share));
        self.fpi = self.fpi.saturating_sub(scaled(part.fpi, share));
        self.bytes = self.bytes.saturating_sub(scaled(part.bytes, share));
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a count that is not negative"
)]
fn scaled(count: u64, share: f64) -> u64 {
    if share >= 1.0 { count } else { (count as f64 * share).round() as u64 }
}
