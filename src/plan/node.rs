//! A plan as a list of nodes, parents before children.

use serde_json::{Map, Value};

/// One executed or estimated plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// In the order in which EXPLAIN prints them; the first is the root.
    pub(crate) nodes: Vec<Node>,
    pub(crate) planning_ms: Option<f64>,
    pub(crate) execution_ms: Option<f64>,
    pub(crate) triggers: Vec<Trigger>,
    /// Total JIT time, in milliseconds.
    pub(crate) jit_ms: Option<f64>,
    /// Time of turning the result into text (SERIALIZE, PostgreSQL 17), in milliseconds.
    pub(crate) serialization_ms: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Place in `Plan::nodes`.
    pub(crate) id: usize,
    pub(crate) parent: Option<usize>,
    /// As EXPLAIN names it, with its prefixes, as in `Parallel Seq Scan` or `Partial HashAggregate`.
    pub(crate) node_type: String,
    /// `Outer`, `Inner`, `InitPlan`, `SubPlan`, `Member` or `Subquery`.
    pub(crate) relationship: Option<String>,
    pub(crate) subplan_name: Option<String>,
    pub(crate) relation: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) index: Option<String>,
    pub(crate) total_cost: Option<f64>,
    /// Estimated rows a loop.
    pub(crate) plan_rows: Option<f64>,
    /// What was measured; `None` without ANALYZE.
    pub(crate) actual: Option<Actual>,
    pub(crate) buffers: Option<Buffers>,
    /// Every other key, as EXPLAIN wrote it.
    pub(crate) details: Map<String, Value>,
}

/// What was measured of a node: times and rows are averages over the loops.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Actual {
    /// Absent with TIMING OFF.
    pub(crate) total_ms: Option<f64>,
    pub(crate) rows: f64,
    /// Processes times rescans; 0 when the node was never executed.
    pub(crate) loops: f64,
}

/// Blocks of the node and everything below it, over all loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buffers {
    pub(crate) shared_hit: u64,
    pub(crate) shared_read: u64,
    pub(crate) shared_dirtied: u64,
    pub(crate) shared_written: u64,
    pub(crate) temp_read: u64,
    pub(crate) temp_written: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) relation: Option<String>,
    pub(crate) time_ms: f64,
    pub(crate) calls: f64,
}

impl Plan {
    pub(crate) fn children(&self, id: usize) -> impl Iterator<Item = &Node> {
        self.nodes[id + 1..].iter().filter(move |node| node.parent == Some(id))
    }

    /// The nodes from `id`'s parent up to the root.
    pub(crate) fn ancestors(&self, id: usize) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.nodes[id].parent, |id| self.nodes[*id].parent).map(|id| &self.nodes[id])
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

    pub(crate) fn is_init_plan(&self) -> bool {
        self.relationship.as_deref() == Some("InitPlan")
    }

    /// The node's own name, without `Parallel`, `Async`, `Partial` and the like.
    pub(crate) fn is_a(&self, node_type: &str) -> bool {
        self.node_type == node_type
            || self.node_type.ends_with(node_type) && self.node_type.starts_with("Parallel ")
    }

    /// Rows over all loops.
    pub(crate) fn rows_in_all(&self) -> Option<f64> {
        self.actual.map(|actual| actual.rows * actual.loops)
    }

    /// What the node does to what, as in `Index Scan using i on t a`.
    pub(crate) fn title(&self) -> String {
        let mut title = self.node_type.clone();
        if let Some(index) = &self.index {
            let word = if self.is_a("Bitmap Index Scan") { "on" } else { "using" };
            title = format!("{title} {word} {index}");
        }
        let scanned =
            self.relation.as_deref().or_else(|| self.text("CTE Name")).or_else(|| self.text("Function Name"));
        match (scanned, &self.alias) {
            (Some(scanned), Some(alias)) if alias != scanned => format!("{title} on {scanned} {alias}"),
            (Some(scanned), _) => format!("{title} on {scanned}"),
            (None, Some(alias)) => format!("{title} on {alias}"),
            (None, None) => title,
        }
    }
}
