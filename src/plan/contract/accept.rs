//! The contract that a plan meets as it is: what `--update` writes.

use std::collections::{BTreeMap, BTreeSet};

use super::violations::{rows_read, sequential};
use super::{Contract, Names, RowLimit};
use crate::plan::spill::{SpillKind, spill};
use crate::plan::{Explained, shape_hash};

/// Figures may grow by a tenth before anyone hears of it.
const HEADROOM: f64 = 1.1;

/// Returns the contract of a statement whose plan is good as it is: its shape, its blocks and sequential
/// scans with some headroom, its spills. Rules of the contract before that are no measurement, those on
/// times, costs and estimates among them, stay.
pub(crate) fn accept(explained: &Explained, previous: Option<&Contract>) -> Contract {
    let plan = &explained.plan;
    let buffers = plan.nodes.first().and_then(|root| root.buffers);
    let spills: Vec<SpillKind> =
        plan.nodes.iter().filter_map(|node| spill(node).map(|spill| spill.kind)).collect();
    let temp_written = buffers.map_or(0, |buffers| buffers.temp_written);
    let is_run = plan.is_analyzed();

    let mut scanned: BTreeMap<String, f64> = BTreeMap::new();
    for (node, table) in sequential(explained) {
        let limit = scanned.entry(table.to_owned()).or_default();
        *limit = limit.max((rows_read(node) * HEADROOM).ceil());
    }
    let others: BTreeSet<&str> = plan
        .nodes
        .iter()
        .filter(|node| node.kind.ends_with(" Scan"))
        .filter_map(|node| node.relation.as_deref())
        .filter(|table| !scanned.contains_key(*table))
        .collect();
    let no_seq_scan = match (scanned.is_empty(), others.is_empty()) {
        (_, true) => Names::None,
        (true, false) => Names::All,
        (false, false) => Names::These(others.into_iter().map(str::to_owned).collect()),
    };

    let kept = previous.cloned().unwrap_or_default();
    Contract {
        statement: explained.name.clone().unwrap_or(kept.statement),
        no_seq_scan,
        max_seq_scan_rows: (is_run && !scanned.is_empty()).then_some(RowLimit::Each(scanned)),
        no_disk_sort: is_run && !spills.is_empty() && !spills.contains(&SpillKind::Sort),
        no_spill: is_run && spills.is_empty() && temp_written == 0,
        max_shared_blocks: buffers.filter(|_| is_run).map(|buffers| with_headroom(buffers.shared())),
        max_temp_blocks: (temp_written > 0).then(|| with_headroom(temp_written)),
        shape: Some(shape_hash(plan)),
        ..kept
    }
}

/// Adds a tenth, rounded up.
fn with_headroom(blocks: u64) -> u64 {
    blocks.saturating_add(blocks.div_ceil(10))
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use super::*;
    use crate::plan::read;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn explained(root: &Value) -> Explained {
        Explained {
            name: Some("a".to_owned()),
            ..Explained::new(read::plan(json!({ "Plan": root })).unwrap(), None)
        }
    }

    fn join(blocks: u64) -> Value {
        json!({"Node Type": "Hash Join", "Actual Rows": 5, "Actual Loops": 1, "Shared Hit Blocks": blocks,
               "Shared Read Blocks": 1, "Temp Written Blocks": 0, "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Actual Rows": 95, "Actual Loops": 1},
            {"Node Type": "Index Scan", "Relation Name": "u", "Alias": "u", "Index Name": "i", "Actual Rows": 5,
             "Actual Loops": 1},
        ]})
    }

    #[test]
    fn figures_have_headroom() {
        let contract = accept(&explained(&join(9)), None);
        assert_eq!(contract.statement, "a");
        assert_eq!(contract.max_shared_blocks, Some(11));
        assert_eq!(contract.no_seq_scan, Names::These(vec!["u".to_owned()]));
        assert_eq!(contract.max_seq_scan_rows.unwrap().of("t"), Some(105.0));
        assert!(contract.no_spill);
        assert_eq!(
            (contract.max_execution_ms, contract.max_planning_ms, contract.max_temp_blocks),
            (None, None, None)
        );
    }

    #[test]
    fn rules_that_are_no_measurement_stay() {
        let previous = Contract {
            critical_tables: vec!["u".to_owned()],
            max_execution_ms: Some(50.0),
            max_shared_blocks: Some(3),
            ..Contract::default()
        };
        let contract = accept(&explained(&join(9)), Some(&previous));
        assert_eq!(contract.critical_tables, ["u"]);
        assert_eq!(contract.max_execution_ms, Some(50.0));
        assert_eq!(contract.max_shared_blocks, Some(11));
    }

    #[test]
    fn spills_are_accepted_as_they_are() {
        let mut plan = join(9);
        plan["Temp Written Blocks"] = json!(95);
        plan["Hash Batches"] = json!(4);
        let contract = accept(&explained(&plan), None);
        assert_eq!(
            (contract.no_spill, contract.no_disk_sort, contract.max_temp_blocks),
            (false, true, Some(105))
        );
    }

    proptest! {
        #[test]
        fn a_plan_meets_the_contract_made_of_it(blocks in any::<u32>(), temp in any::<u16>(), rows in any::<u32>()) {
            let mut plan = join(u64::from(blocks));
            plan["Temp Written Blocks"] = json!(temp);
            plan["Plans"][0]["Actual Rows"] = json!(rows);
            let explained = explained(&plan);
            prop_assert_eq!(violations(&accept(&explained, None), &explained), []);
        }
    }
}
