//! A table has changed so much since its last ANALYZE that the planner misjudges it.
//!
//! Why it matters: join order, join method and memory follow from estimates. Example: a table that was filled after its
//! last ANALYZE. Remedy: ANALYZE now, and autovacuum that does so sooner. Wrong when: the changes left the distribution of
//! values as it was; a measured plan whose estimates are right is not reported.

use super::{Observation, Subject};
use crate::plan::rows::Estimate;
use crate::plan::{indexable, misestimate};
use crate::unit::count;

pub(super) const RULE: &str = "stale-statistics";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let origins = misestimate::origins(subject);
    let is_measured = subject.plan.is_analyzed();
    let mut told: Vec<String> = Vec::new();
    let mut observations = Vec::new();
    for node in subject.plan.nodes.iter().filter(|node| node.relation.is_some()) {
        let Some((changed, live)) = misestimate::stale(subject, node) else { continue };
        let origin = origins.iter().find(|(id, _)| *id == node.id).map(|(_, estimate)| estimate);
        if is_measured && origin.is_none() {
            continue;
        }
        let table = indexable::table_name(subject, node);
        if told.contains(&table) {
            continue;
        }
        observations.push(Observation {
            node_id: Some(node.id),
            // Where nothing was measured, what the statistics do to the plan is not known.
            saves: origin
                .map(|origin| misestimate::at_stake(subject, node.id, origin.direction).unwrap_or_default()),
            message: format!(
                "{} of {} rows of {table} changed since its last ANALYZE{}",
                count(changed),
                count(live),
                because(origin)
            ),
            remedy: format!(
                "Run ANALYZE {table}; and have autovacuum do so sooner with ALTER TABLE {table} SET \
                 (autovacuum_analyze_scale_factor = 0.02);"
            ),
            index: None,
        });
        told.push(table);
    }
    observations
}

fn because(origin: Option<&Estimate>) -> String {
    origin.map_or(String::new(), |estimate| format!(": {}", misestimate::verdict(estimate)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::row_misestimate;
    use super::super::test_plans::check_plan_on;
    use super::*;
    use crate::catalog::{Catalog, Table};
    use crate::plan::{Server, TableActivity};
    use serde_json::{Value, json};

    /// Returns a server with a table of which this many of 20,000 rows have changed.
    fn server(n_modified_since_analyze: u64) -> Server {
        let table = Table { oid: 1, schema: "public".into(), name: "ticket".into(), ..Table::default() };
        let activity = TableActivity {
            schema: "public".into(),
            name: "ticket".into(),
            n_live: 20_000,
            n_modified_since_analyze,
            analyzed_s_ago: Some(9000.0),
            ..TableActivity::default()
        };
        let catalog =
            Catalog { tables: vec![table], search_path: vec!["public".into()], ..Catalog::default() };
        Server { catalog, activity: vec![activity], ..Server::default() }
    }

    /// Returns the plan of this name in the rule's folder.
    fn fixture(name: &str) -> Value {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans/findings").join(RULE).join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Checks what is said of a plan.
    fn check_on(server: &Server, plan: Value, expected: &[&str]) {
        let found = check_plan_on(check, plan, Some(server));
        let found: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_tables_that_changed() {
        let message = "20,000 of 20,000 rows of public.ticket changed since its last ANALYZE";
        let because = format!("{message}: 1 row expected, 20,000 came");
        check_on(&server(20_000), fixture("failing.json"), &[&because]);
        check_on(&server(100), fixture("failing.json"), &[]);
        // The estimates are right all the same.
        check_on(&server(20_000), fixture("passing.json"), &[]);
        let estimated = json!({"Plan": {"Node Type": "Seq Scan", "Relation Name": "ticket", "Plan Rows": 5}});
        check_on(&server(20_000), estimated, &[message]);
    }

    #[test]
    fn speaks_in_place_of_row_misestimate() {
        let found = |server: &Server| {
            check_plan_on(row_misestimate::check, fixture("failing.json"), Some(server)).len()
        };
        assert_eq!((found(&server(20_000)), found(&server(100))), (0, 1));
    }
}
