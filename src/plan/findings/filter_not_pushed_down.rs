//! Rows of a foreign table are fetched and then thrown away here.
//!
//! Why it matters: each travelled over the network first, and no index of the remote server could help.
//! Example: a filter with a function of one's own. Remedy: a condition that the remote server can be trusted
//! with. Wrong when: the foreign data wrapper cannot filter, as for files.

use super::{Observation, Subject};
use crate::plan::Node;
use crate::unit::estimate;

pub(super) const RULE: &str = "filter-not-pushed-down";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let scans = subject.plan.nodes.iter().filter(|node| node.is_a("Foreign Scan"));
    scans.filter_map(|scan| observation(subject, scan)).collect()
}

fn observation(subject: &Subject, scan: &Node) -> Option<Observation> {
    let (filter, removed) = (scan.text("Filter")?, scan.number("Rows Removed by Filter")?);
    let discarded = removed * scan.actual?.loops;
    let fetched = discarded + scan.rows_in_all()?;
    if discarded <= 0.0 {
        return None;
    }
    let relation = scan.relation.as_deref().unwrap_or("the foreign table");
    Some(Observation {
        node_id: Some(scan.id),
        saves: Some(subject.self_ms(scan.id) * discarded / fetched),
        message: format!(
            "{} of {} rows of {relation} were fetched to be discarded here",
            estimate(discarded),
            estimate(fetched)
        ),
        remedy: remedy(scan, relation, filter),
        index: None,
    })
}

fn remedy(scan: &Node, relation: &str, filter: &str) -> String {
    if let Some(file) = scan.text("Foreign File") {
        return format!("{file} is read in full each time: load it into a table with an index for {filter}.");
    }
    if scan.text("Foreign Program").is_some() {
        return format!("Let the program of {relation} do {filter} itself, or load its output into a table.");
    }
    format!(
        "The remote server was not sent {filter}. postgres_fdw sends built-in immutable operators and \
         functions on columns of the remote collation, and those of extensions that the server's option \
         \"extensions\" names: write the condition with such, or filter in a view on the remote server."
    )
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    fn check_scan(rest: &Value, expected: Option<(f64, &str)>) {
        let scan = node("Foreign Scan", 10.0, 100.0, rest, &[]);
        let found = check_plan(check, json!({"Plan": scan, "Execution Time": 10.0}));
        assert_eq!(found.first().and_then(|it| it.saves), expected.map(|(saves, _)| saves));
        if let Some((_, words)) = expected {
            assert!(found[0].remedy.contains(words), "{}", found[0].remedy);
        }
    }

    #[test]
    fn finds_filters_of_our_own() {
        let filter = "(own(f.a) = 1)";
        check_scan(
            &json!({"Filter": filter, "Rows Removed by Filter": 300}),
            Some((7.5, "not sent (own(f.a) = 1)")),
        );
        check_scan(&json!({"Filter": filter, "Rows Removed by Filter": 0}), None);
        check_scan(&json!({"Remote SQL": "SELECT a FROM f WHERE a = 1"}), None);
        let file = json!({"Filter": filter, "Rows Removed by Filter": 300, "Foreign File": "/srv/f.csv"});
        check_scan(&file, Some((7.5, "/srv/f.csv is read in full")));
    }
}
