//! Who waited for an `InitPlan` or CTE: it is printed under the node of its query level, but ran inside the node that
//! first asked for it.
//!
//! A node can only have waited for as long as its own time without its children's, its residual. A CTE is paid by its
//! scans, in proportion to their residuals. Any other `InitPlan` ran at once, inside one node: one whose expressions
//! mention it, if EXPLAIN prints such an expression (it prints none for LIMIT, and target lists only with VERBOSE), else
//! one that has the time.

use super::node::{Node, Plan};

/// A part of an `InitPlan`'s amount (time or blocks), and the node in which it was spent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Payment {
    pub(crate) init_plan: usize,
    /// `None` for what ran after the root: a data-modifying CTE that was not read to its end.
    pub(crate) payer: Option<usize>,
    pub(crate) amount: f64,
    /// Of the `InitPlan`'s whole amount, 0 to 1.
    pub(crate) share: f64,
}

/// Takes the amount of each `InitPlan` and CTE off the residuals of the nodes that waited for it. Amounts are by node id;
/// `rounding` is by how much each may be off.
pub(super) fn payments(plan: &Plan, totals: &[f64], residual: &mut [f64], rounding: &[f64]) -> Vec<Payment> {
    let mut payments = Vec::new();
    for init_plan in plan.nodes.iter().filter(|node| node.is_init_plan()) {
        let owed = totals[init_plan.id];
        if owed <= 0.0 {
            continue;
        }
        let bill = Bill { plan, init_plan, owed, tolerance: rounding[init_plan.id] };
        let mut left = owed;
        for (payer, amount) in bill.payers(residual, rounding) {
            let amount = amount.min(residual[payer]).min(left);
            if amount > 0.0 {
                residual[payer] -= amount;
                left -= amount;
                payments.push(Payment {
                    init_plan: init_plan.id,
                    payer: Some(payer),
                    amount,
                    share: amount / owed,
                });
            }
        }
        if left > bill.tolerance && init_plan.is_a("ModifyTable") {
            payments.push(Payment { init_plan: init_plan.id, payer: None, amount: left, share: left / owed });
        }
    }
    payments
}

/// One `InitPlan` whose payers are looked for.
struct Bill<'p> {
    plan: &'p Plan,
    init_plan: &'p Node,
    owed: f64,
    tolerance: f64,
}

impl Bill<'_> {
    /// Returns who pays, and how much at the most, in the order in which they are asked.
    fn payers(&self, residual: &[f64], rounding: &[f64]) -> Vec<(usize, f64)> {
        if let Some(cte) = self.cte_name() {
            let scans: Vec<usize> = self.scans_of(cte);
            let available: f64 = scans.iter().map(|scan| residual[*scan]).sum();
            let wanted = self.owed.min(available);
            return scans.into_iter().map(|scan| (scan, wanted * residual[scan] / available)).collect();
        }
        let level = self.level();
        let users: Vec<usize> = self.users(&level);
        let suffices = |node: &&usize| residual[**node] + rounding[**node] + self.tolerance >= self.owed;
        // Whoever is known to use it, else the node it is attached to, else whoever has the time.
        if let Some(payer) = users.iter().find(suffices).or_else(|| level.iter().find(suffices)) {
            return vec![(*payer, self.owed)];
        }
        let mut by_residual: Vec<usize> = users.clone();
        let mut others: Vec<usize> = level.into_iter().filter(|node| !users.contains(node)).collect();
        for nodes in [&mut by_residual, &mut others] {
            nodes.sort_by(|a, b| residual[*b].total_cmp(&residual[*a]).then(a.cmp(b)));
        }
        by_residual.extend(others);
        by_residual.into_iter().map(|node| (node, self.owed)).collect()
    }

    fn cte_name(&self) -> Option<&str> {
        self.init_plan.subplan_name.as_deref()?.strip_prefix("CTE ")
    }

    /// Returns the nodes that can have waited: the one it is attached to and those below, but its own.
    fn level(&self) -> Vec<usize> {
        let Some(attached) = self.init_plan.parent else { return Vec::new() };
        let own_end = self.init_plan.id + self.plan.descendants(self.init_plan.id).count();
        std::iter::once(attached)
            .chain(self.plan.descendants(attached).map(|node| node.id))
            .filter(|id| *id < self.init_plan.id || *id > own_end)
            .collect()
    }

    /// Returns the scans of a CTE: those for which it is the nearest of its name, seen from inside.
    fn scans_of(&self, cte: &str) -> Vec<usize> {
        let Some(attached) = self.init_plan.parent else { return Vec::new() };
        let is_cte_scan = |node: &&Node| node.is_a("CTE Scan") && node.text("CTE Name") == Some(cte);
        std::iter::once(&self.plan.nodes[attached])
            .chain(self.plan.descendants(attached))
            .filter(is_cte_scan)
            .filter(|scan| self.definition(scan, cte) == Some(self.init_plan.id))
            .map(|scan| scan.id)
            .collect()
    }

    /// Returns the CTE that a scan reads.
    fn definition(&self, scan: &Node, cte: &str) -> Option<usize> {
        std::iter::once(scan).chain(self.plan.ancestors(scan.id)).find_map(|node| {
            self.plan
                .children(node.id)
                .find(|child| child.is_init_plan() && is_cte(child, cte))
                .map(|child| child.id)
        })
    }

    /// Returns the nodes that mention the `InitPlan`. One that a worker would need was run by the Gather above, before
    /// its workers started (`Params Evaluated`).
    fn users(&self, level: &[usize]) -> Vec<usize> {
        let references = references(self.init_plan);
        let attached = self.init_plan.parent;
        let mut users: Vec<usize> = level
            .iter()
            .filter(|id| references.iter().any(|reference| mentions(&self.plan.nodes[**id], reference)))
            .map(|id| gather_above(self.plan, *id, attached).unwrap_or(*id))
            .collect();
        users.dedup();
        users
    }
}

fn is_cte(node: &Node, cte: &str) -> bool {
    node.subplan_name.as_deref().and_then(|name| name.strip_prefix("CTE ")) == Some(cte)
}

/// Returns what an expression that uses the `InitPlan` holds: `$0` up to 16, then `(InitPlan 1).col1`.
fn references(init_plan: &Node) -> Vec<String> {
    let Some(name) = init_plan.subplan_name.as_deref() else { return Vec::new() };
    let (own_name, returned) = name.split_once(" (returns ").unwrap_or((name, ""));
    let mut references: Vec<String> = returned
        .trim_end_matches(')')
        .split(',')
        .filter(|parameter| !parameter.is_empty())
        .map(str::to_owned)
        .collect();
    references.push(format!("({own_name})"));
    // PostgreSQL 19 leaves the word out of the name in the JSON format.
    references.push(format!("(InitPlan {own_name})"));
    references
}

/// Returns the topmost Gather from a node up to where the `InitPlan` is attached.
fn gather_above(plan: &Plan, user: usize, attached: Option<usize>) -> Option<usize> {
    if Some(user) == attached {
        return None;
    }
    let mut gather = None;
    for ancestor in plan.ancestors(user) {
        if ancestor.is_gather() {
            gather = Some(ancestor.id);
        }
        if Some(ancestor.id) == attached {
            break;
        }
    }
    gather
}

/// Whether any expression of a node holds this reference, and not just a longer one that begins with it.
fn mentions(node: &Node, reference: &str) -> bool {
    let holds = |text: &str| {
        text.match_indices(reference).any(|(at, _)| {
            !text[at + reference.len()..].chars().next().is_some_and(|next| next.is_ascii_digit())
        })
    };
    node.details.values().any(|value| match value {
        serde_json::Value::String(text) => holds(text),
        serde_json::Value::Array(list) => list.iter().filter_map(serde_json::Value::as_str).any(holds),
        _ => false,
    })
}
