//! Fewer parallel workers ran than were planned.
//!
//! Why it matters: the plan was chosen for more, and those that ran did the work of the others too. Example:
//! other queries hold all of `max_parallel_workers`. Remedy: raise it, or plan for fewer. Wrong when: it was
//! a passing load.

use super::{Observation, Subject};
use crate::plan::Node;

pub(super) const RULE: &str = "workers-not-launched";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|gather| observation(subject, gather)).collect()
}

fn observation(subject: &Subject, gather: &Node) -> Option<Observation> {
    let (planned, launched) = (gather.number("Workers Planned")?, gather.number("Workers Launched")?);
    if launched >= planned || !gather.is_run() {
        return None;
    }
    let work = subject.plan.children(gather.id).find(|child| !child.is_init_plan())?;
    // The leader helps, unless parallel_leader_participation is off.
    let participants = subject.times.nodes[work.id].participants;
    Some(Observation {
        node_id: Some(gather.id),
        saves: Some(subject.total_ms(work.id) * (1.0 - participants / (participants + planned - launched))),
        message: format!("{launched} of {planned} planned workers ran"),
        remedy: remedy(subject, planned),
        index: None,
    })
}

fn remedy(subject: &Subject, planned: f64) -> String {
    // What the statement ran with stands in the plan itself, where SETTINGS was on.
    let setting = |name: &str| {
        let own = subject.plan.settings.get(name).and_then(serde_json::Value::as_str);
        own.or_else(|| subject.server?.setting(name))?.parse::<f64>().ok()
    };
    for name in ["max_parallel_workers", "max_worker_processes"] {
        if let Some(limit) = setting(name).filter(|limit| *limit < planned) {
            return format!(
                "{name} is {limit}, less than the {planned} workers that max_parallel_workers_per_gather let \
                 the planner count on: raise the one or lower the other."
            );
        }
    }
    "Other statements held the workers when this one started. If that is how it always is, raise \
     max_parallel_workers (and max_worker_processes, which bounds it) as far as there are cores, or lower \
     max_parallel_workers_per_gather."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_missing_workers() {
        let gather = |launched: u32, participants: u32| {
            let rest = json!({"Actual Loops": participants, "Parent Relationship": "Outer"});
            let scan = node("Seq Scan", 30.0, 100.0, &rest, &[]);
            let rest = json!({"Workers Planned": 2, "Workers Launched": launched});
            node("Gather", 33.0, 100.0, &rest, &[scan])
        };
        assert_eq!(saves(check, &gather(0, 1)), [20.0]);
        assert_eq!(saves(check, &gather(1, 2)), [10.0]);
        // The leader does not take part.
        assert_eq!(saves(check, &gather(1, 1)), [15.0]);
        assert!(saves(check, &gather(2, 3)).is_empty());
    }

    #[test]
    fn names_the_setting_that_is_too_low() {
        let scan = node("Seq Scan", 30.0, 1.0, &json!({}), &[]);
        let root = node("Gather", 33.0, 1.0, &json!({"Workers Planned": 2, "Workers Launched": 0}), &[scan]);
        let settings = json!({"max_parallel_workers": "0"});
        let found = check_plan(check, json!({"Plan": root, "Settings": settings, "Execution Time": 33}));
        assert!(found[0].remedy.starts_with("max_parallel_workers is 0"), "{}", found[0].remedy);
    }
}
